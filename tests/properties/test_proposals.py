"""`init` recognises headers in any order, language and case, and reads dates and numbers as they were written."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.mapping.macros import definitions
from bulkops.proposing.matching import steps_of
from bulkops.proposing.sql import date, number
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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=100, deadline=None)
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


FORMATS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%Y/%m/%d",
    "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%d-%b-%y", "%m-%d-%Y, %H:%M:%S",
]  # fmt: skip
INSTANTS = st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2060-12-31")).map(
    lambda each: each.replace(microsecond=0)
)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """Return a database with the helper functions of recipes."""
    opened = duckdb.connect(config={"threads": 1})
    opened.execute("SET TimeZone = 'UTC'")
    for statement in definitions():
        opened.execute(statement)
    return opened


def evaluated(sql: str, values: list[str]) -> list[str]:
    """Return the values of the column x by an expression."""
    rows = connection().execute(f"SELECT {sql.replace('${zone}', 'UTC')} FROM (SELECT unnest(?) AS x)", [values])
    return [row[0] for row in rows.fetchall()]


@settings(max_examples=80, deadline=None)
@given(instants=st.lists(INSTANTS, min_size=1, max_size=12), form=st.sampled_from(FORMATS), end=st.booleans())
def test_a_decided_date_is_the_date_that_was_written_and_an_open_one_has_it_as_a_candidate(
    instants: list[datetime], form: str, *, end: bool
) -> None:
    values = [each.strftime(form) for each in instants]
    decision = table_with(["x"], [[each] for each in values]).profile.columns["x"].dates
    truth = [datetime.strptime(each, form).replace(tzinfo=UTC) for each in values]
    if end and "%M" not in form:
        truth = [each + timedelta(seconds=86_399) for each in truth]
    results = [evaluated(date("x", each, (), end=end), values) for each in decision.readings]
    assert [each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in truth] in results
    assert not decision.certain or len(results) == 1


@settings(max_examples=80, deadline=None)
@given(
    numbers=st.lists(st.decimals(0, 9_999_999, places=2), min_size=1, max_size=8),
    places=st.sampled_from([0, 1, 2]),
    signs=st.sampled_from([("", "."), ("", ","), (",", "."), (".", ","), ("'", "."), (" ", ",")]),
)
def test_a_decided_number_is_the_number_that_was_written_and_an_open_one_has_it_as_a_candidate(
    numbers: list[Decimal], places: int, signs: tuple[str, str]
) -> None:
    group, point = signs
    rounded = [round(each, places) for each in numbers]
    values = [f"{each:,.{places}f}".replace(",", "G").replace(".", point).replace("G", group) for each in rounded]
    decision = table_with(["x"], [[each] for each in values]).profile.columns["x"].numbers
    found = [[Decimal(each) for each in evaluated(number("x", reading, ()), values)] for reading in decision.readings]
    assert [Decimal(each) for each in rounded] in found
    assert not decision.certain or len(found) == 1


def test_lists_of_customers_in_an_export_of_cards_become_ids_with_semicolons() -> None:
    headers = ["identifier", "created", "status", "userpercardlimit", "customerprofileids", "blockreason"]
    for values in (["['p 1', 'p2']", "['p3']", "[]"], ['["p 1","p2"]', '["p3"]', "[]"]):
        rows = [["C-0001", "2026-01-01T00:00:00Z", "active", "1", value, ""] for value in values]
        (step,) = steps_of(table_with(headers, rows), None)
        sql = next(each.sql for each in step.fields if each.column == "customerprofileids") or ""
        found = evaluated(sql.replace('"customerprofileids"', "x"), values)
        assert [each or "" for each in found] == ["p 1;p2", "p3", ""]
