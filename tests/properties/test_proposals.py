"""Whatever the order, the language and the case of headers: `init` recognises the same contract and columns."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.proposing.matching import steps_of
from bulkops.proposing.words import word_key, words
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Cell, Choice, Integer, JsonObject, Number, Timestamp
from bulkops_validators.model.contract import Contract
from tests.unit.proposing.tables import sources, table_with

UNKNOWN = ["Bemerkung", "Shoe size", "Favourite colour", "x1", "Region", "Notes"]
ROWS = 3


def values(cell: Cell) -> list[str]:
    """Return valid and distinct values of a cell, as far as it has them."""
    match cell:
        case Timestamp():
            return [f"203{number}-05-0{number + 1}T10:00:00Z" for number in range(ROWS)]
        case Number() | Integer():
            return [str(number + 1) for number in range(ROWS)]
        case Choice():
            return [cell.values[number % len(cell.values)] for number in range(ROWS)]
        case JsonObject():
            return ["{}"] * ROWS
        case _:
            return [f"KEY-{number}" for number in range(ROWS)]


def chosen_columns(contract: Contract, data: st.DataObject, names: Sequence[str]) -> list[str]:
    """Return the required columns of a contract and some others, at most one of each group that excludes others."""
    taken = list(contract.required_names)
    taken += [
        data.draw(st.sampled_from([name for name in group.columns if name in names]))
        for group in contract.exclusive
        if group.whole_file
    ]
    others = [name for name in names if name not in taken]
    for name in data.draw(st.lists(st.sampled_from(others), unique=True)) if others else []:
        if not any(name in group.columns and set(taken) & set(group.columns) for group in contract.exclusive):
            taken.append(name)
    return data.draw(st.permutations(taken))


def recased(data: st.DataObject, text: str) -> str:
    return data.draw(st.sampled_from([text, text.upper(), text.lower(), text.title()]))


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(list(CONTRACTS)), data=st.data())
def test_the_own_header_of_every_contract_is_recognised_as_itself(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    columns = chosen_columns(contract, data, contract.column_names)
    headers = [recased(data, each) for each in columns]
    rows = list(zip(*(values(contract.column(each).cell) for each in columns), strict=True))
    unknown = data.draw(st.lists(st.sampled_from(UNKNOWN), unique=True, max_size=2))
    table = table_with([*headers, *unknown], [[*row, *["a b"] * len(unknown)] for row in rows])
    (step,) = steps_of(table, None)
    assert name in {step.contract, *step.others}
    assert step.certain == (not step.others)
    found = step if step.contract == name else steps_of(table, name)[0]
    assert sources(found) == dict(zip(columns, headers, strict=True))
    assert set(found.unused) == set(unknown)
    assert found.whole_file == (headers == columns and not unknown)


@settings(max_examples=250, deadline=None)
@given(name=st.sampled_from(list(words().contracts)), data=st.data())
def test_headers_in_any_language_order_and_case_give_the_same_mapping(name: str, data: st.DataObject) -> None:
    contract, targets = CONTRACTS[name], words().contracts[name]
    columns = chosen_columns(contract, data, list(targets.columns))
    meanings = {
        each: targets.key[0] if targets.key[0] in targets.columns[each] else targets.columns[each][0]
        for each in columns
    }
    headers = {each: word_for(data, meaning) for each, meaning in meanings.items()}
    unknown = data.draw(st.lists(st.sampled_from(UNKNOWN), unique=True, max_size=3))
    cells = {headers[each]: values(contract.column(each).cell) for each in columns}
    plain = table_with(list(cells), list(zip(*cells.values(), strict=True)))
    mixed = {**cells, **dict.fromkeys(unknown, ["a b"] * ROWS)}
    order = data.draw(st.permutations(list(mixed)))
    table = table_with(order, list(zip(*(mixed[each] for each in order), strict=True)))
    steps = {step.contract: step for step in steps_of(table, None)}
    assert name in steps, (headers, steps)
    assert sources(steps[name]) == headers
    assert set(steps[name].unused) == set(unknown)
    assert {step.contract: sources(step) for step in steps_of(plain, None)} == {
        each: sources(step) for each, step in steps.items()
    }


def word_for(data: st.DataObject, meaning: str) -> str:
    """Return a header of a meaning: in some language, with other signs between its words and in another case."""
    known = words().meanings[meaning].words
    language = data.draw(st.sampled_from([each for each in known if known[each]]))
    word = data.draw(st.sampled_from(known[language]))
    between = data.draw(st.sampled_from([" ", "_", "-", ""]))
    text = recased(data, word.replace(" ", between))
    unit = data.draw(st.sampled_from(["", " (x)", " [EUR]", " *"]))
    return text + unit if word_key(text + unit) == word_key(text) or "(" in unit or "[" in unit else text
