"""Find the contracts that a table belongs to, and propose a step for each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bulkops.proposing.fields import fields_of, sources_of
from bulkops.proposing.forms import are_import_dates, are_import_numbers
from bulkops.proposing.model import MappingState, ProfiledTable, ProposedColumn, ProposedStep
from bulkops.proposing.profile import Footer
from bulkops.proposing.words import Targets, Tool, word_key, words
from bulkops.sql import literal, quoted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Choice, Integer, Number, Timestamp
from bulkops_validators.model.contract import Contract, Form, ProgramKind, Readback

_NOTHING = Targets(group="", weak=False, key=(), columns={}, doubtful={}, options={})


@dataclass(frozen=True, kw_only=True)
class ContractChoice:
    """The contracts of a table, best first or in the order in which they must run; `others` are less likely ones."""

    contracts: tuple[Contract, ...]
    certain: bool = True
    others: tuple[str, ...] = ()
    readback: Readback | None = None
    own: bool = False


def meanings_of(columns: Sequence[str], tool: Tool | None) -> dict[str, str]:
    """Return the meaning of each column that has a known word; a repeated header has the meaning of the first."""
    found = {}
    for name in columns:
        header = _unnumbered(name, columns)
        key = word_key(header)
        meaning = tool.columns.get(key) if tool is not None and key in tool.columns else words().meaning(header)
        if meaning is not None:
            found[name] = meaning
    return found


def _unnumbered(name: str, columns: Sequence[str]) -> str:
    """Return a header without the number that the reader adds to a repeated one."""
    match = re.fullmatch(r"(.+)_\d+", name)
    return match[1] if match and match[1].lower() in {each.lower() for each in columns} else name


def steps_of(table: ProfiledTable, contract: str | None) -> list[ProposedStep]:
    """Return the proposed steps of a table, for one contract if it is given; none if the table fits no contract."""
    choice = _given(table, CONTRACTS[contract]) if contract else choice_of(table)
    return [_step(table, each, choice) for each in choice.contracts]


def _given(table: ProfiledTable, contract: Contract) -> ContractChoice:
    readback = _export_of(contract, table.columns)
    return ContractChoice(contracts=(contract,), readback=readback, own=_is_own(contract, table))


def choice_of(table: ProfiledTable) -> ContractChoice:
    """Return the contracts of a table: by the contract's own names, as an export, or by the words of its headers."""
    own = [contract for contract in CONTRACTS.values() if _is_own(contract, table)]
    exported = [(each, found) for each in CONTRACTS.values() if (found := _export_of(each, table.columns))]
    if exported:
        contract, readback = max(exported, key=lambda pair: _shared(pair[1].documented_columns, table))
        return ContractChoice(contracts=(contract,), readback=readback)
    if own:
        return _of_own(own, table)
    return _by_words(table)


def _is_own(contract: Contract, table: ProfiledTable) -> bool:
    """Return whether a table has the contract's required names, and no other column with a known meaning."""
    raw = {name.lower() for name in table.columns}
    known = {name.lower() for name in contract.header_names}
    has = {contract.header_names[name] for name in contract.header_names if name.lower() in raw}
    required = all(has.intersection(group) for group in _required_groups(contract))
    return required and all(name.lower() in known for name in table.meanings)


def _required_groups(contract: Contract) -> list[tuple[str, ...]]:
    """Return the groups of import columns; an import needs one column of each group."""
    whole = [each.columns for each in contract.exclusive if each.whole_file]
    return [*((name,) for name in contract.required_names), *whole]


def _of_own(own: Sequence[Contract], table: ProfiledTable) -> ContractChoice:
    """Return the contract with most of its names in the table; the name of the file decides between equal ones."""
    most = max(_shared(contract.header_names, table) for contract in own)
    best = [contract for contract in own if _shared(contract.header_names, table) == most]
    # A single name such as `code` is not enough to tell a contract from those that its words fit.
    best += [each for each in _eligible(table) if most == 1 and each not in own]
    named = [contract for contract in best if word_key(contract.name).rstrip("s") in word_key(table.name)]
    chosen = named[0] if len(named) == 1 else best[0]
    others = tuple(each.name for each in best if each is not chosen and not named)
    return ContractChoice(contracts=(chosen,), certain=not others, others=others, own=True)


def _shared(names: Iterable[str], table: ProfiledTable) -> int:
    return len({name.lower() for name in names} & {name.lower() for name in table.columns})


def exported_columns(columns: Sequence[str]) -> bool:
    """Return whether the columns are those of an export of a deployment."""
    return any(_export_of(contract, columns) for contract in CONTRACTS.values())


def _export_of(contract: Contract, columns: Sequence[str]) -> Readback | None:
    """Return the read-back with an export of these columns; None if no export has them.

    An export has all columns that an import needs, and at least half of the columns that only exports have.
    """
    names = {name.lower() for name in columns}
    needed = [group for group in _required_groups(contract) if len(group) == 1]
    for readback in (route.readback for route in contract.routes):
        if readback is None or readback.form is not Form.CSV or not readback.own_columns:
            continue
        shown = {each.column: {name.lower() for name in each.found} for each in readback.columns}
        whole = all(shown.get(name, set()) & names for (name,) in needed)
        own = {name.lower() for name in readback.own_columns}
        if whole and 2 * len(own & names) >= len(own):
            return readback
    return None


def _eligible(table: ProfiledTable) -> list[Contract]:
    """Return the contracts with a key and required columns in the table, in the order of `words.toml`."""
    profile = table.profile
    present = {each for name, each in table.meanings.items() if profile.columns[name].filled or not profile.rows}
    found = []
    for name, targets in words().contracts.items():
        contract = CONTRACTS[name]
        if present.intersection(targets.key) and not _lacks(contract, targets, table):
            found.append(contract)
    return found


def _lacks(contract: Contract, targets: Targets, table: ProfiledTable) -> bool:
    """Return whether no column fills a required column; a choice of words may be missing."""
    groups = [group for group in _required_groups(contract) if not isinstance(contract.column(group[0]).cell, Choice)]
    return any(not any(sources_of(contract.column(name), targets, table, None) for name in group) for group in groups)


def _by_words(table: ProfiledTable) -> ContractChoice:
    eligible = _eligible(table)
    groups: dict[str, list[Contract]] = {}
    for contract in eligible:
        groups.setdefault(words().contracts[contract.name].group, []).append(contract)
    strong = [found for found in groups.values() if not words().contracts[found[0].name].weak]
    strong = strong or list(groups.values())
    if not strong:
        return ContractChoice(contracts=(), certain=False)
    ranked = sorted(strong, key=lambda found: -max(_covered(each, table) for each in found))
    chosen, dropped = _of_one_kind(ranked[0], table)
    others = tuple(each.name for found in ranked[1:] for each in found) + tuple(each.name for each in dropped)
    return ContractChoice(contracts=tuple(chosen), certain=not others, others=others)


def _covered(contract: Contract, table: ProfiledTable) -> int:
    """Return the number of columns of a contract that a table fills, plus 2 if the table has the best key."""
    targets = words().contracts[contract.name]
    filled = sum(bool(sources_of(column, targets, table, None)) for column in contract.columns)
    return filled + 2 * (targets.key[0] in table.meanings.values())


def _of_one_kind(contracts: Sequence[Contract], table: ProfiledTable) -> tuple[list[Contract], list[Contract]]:
    """Return the contracts for one kind of loyalty program, and those for the other kind."""
    kinds = {each.name: each.requires.program for each in contracts}
    if len(set(kinds.values()) - {None}) < len(ProgramKind):
        return list(contracts), []
    cards = [each for each in contracts if kinds[each.name] is ProgramKind.CARDS]
    states = [sources_of(c, words().contracts[each.name], table, None) for each in cards
              for c in each.columns if c.cell.kind == "choice"]  # fmt: skip
    kept = ProgramKind.CARDS if any(states) else ProgramKind.PROFILES
    dropped = [each for each in contracts if kinds[each.name] not in {kept, None}]
    return [each for each in contracts if each not in dropped], dropped


def _step(table: ProfiledTable, contract: Contract, choice: ContractChoice) -> ProposedStep:
    targets = words().contracts.get(contract.name, _NOTHING)
    fields = fields_of(contract, targets, table, choice.readback)
    used = {each.source for each in fields if each.state is MappingState.CERTAIN}
    still = {name for each in fields if each.state is not MappingState.CERTAIN for name in each.sources}
    unused = {name: _about(name, table) for name in table.columns if name not in used | still}
    whole = choice.own and _in_import_format(table, contract)
    return ProposedStep(
        table=table,
        contract=contract.name,
        certain=choice.certain,
        others=choice.others,
        fields=fields,
        unused=unused,
        where=_where(table.profile.footer),
        hints=tuple(_hints(table, unused)),
        whole_file=whole,
        ready=whole and _has_import_values(table, contract),
        totals=_totals(table, fields),
    )


def _in_import_format(table: ProfiledTable, contract: Contract) -> bool:
    """Return whether a file can be imported unchanged: a plain CSV with the columns of the contract alone."""
    known = set(contract.header_names)
    plain = table.spec.kind == "csv" and not table.notes and table.profile.footer is None
    return plain and set(table.columns) <= known and table.spec.encoding is None


def _has_import_values(table: ProfiledTable, contract: Contract) -> bool:
    """Return whether the dates and numbers of a file are written as an import needs them."""
    for name in table.columns:
        cell, shapes = contract.column(contract.header_names[name]).cell, table.profile.columns[name].shown_shapes()
        if isinstance(cell, Timestamp) and not are_import_dates(shapes, cell.literals):
            return False
        if isinstance(cell, Number | Integer) and not are_import_numbers(shapes):
            return False
    return True


def _where(footer: Footer | None) -> str | None:
    """Return the condition that leaves out a last row with totals."""
    return f"{quoted(footer.column)} IS DISTINCT FROM {literal(footer.word)}" if footer else None


def _totals(table: ProfiledTable, fields: Sequence[ProposedColumn]) -> Mapping[str, str]:
    """Return the totals in the last row for the import columns that they belong to, as they are written."""
    cells = table.profile.footer.cells if table.profile.footer else {}
    certain = {each.column: each.source for each in fields if each.state is MappingState.CERTAIN}
    return {column: cells[source] for column, source in certain.items() if source is not None and source in cells}


def _about(name: str, table: ProfiledTable) -> str:
    meaning = words().meanings.get(table.meanings.get(name, ""))
    profile = table.profile.columns[name]
    if not profile.filled:
        return "no values"
    return meaning.about if meaning is not None and meaning.about != name.lower() else ""


def _hints(table: ProfiledTable, unused: Mapping[str, str]) -> Iterable[str]:
    """Yield hints about the columns that the step does not use."""
    for name in unused:
        values = table.profile.columns[name].values
        if values and table.meanings.get(name) in {"status", "active"}:
            listed = ", ".join(f"{value!r}: {count:,}" for value, count in values.items())
            yield f"{name} has {listed}. To leave rows out: where: {quoted(name)} = {literal(next(iter(values)))}"
    if any(table.meanings.get(name) == "uses" for name in unused):
        yield "The import has no column for uses so far: a code that was used can be used again up to its limit."
