"""Fill the columns of a contract from a table: find the source column of each, and how its values are written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bulkops.proposing.forms import Decision
from bulkops.proposing.model import Candidate, MappingState, ProfiledTable, ProposedColumn
from bulkops.proposing.profile import SourceColumnProfile
from bulkops.proposing.sql import cleaned, date, list_element, number
from bulkops.proposing.words import Targets, word_key, words
from bulkops.sql import literal, quoted
from bulkops.wording import counted
from bulkops_validators.model.cells import Cell, Choice, Duration, IdList, Integer, JsonObject, Number, Text, Timestamp
from bulkops_validators.model.contract import Column, Contract, Readback

EMAIL, CUSTOMER = "email", "customer"


def fields_of(
    contract: Contract, targets: Targets, table: ProfiledTable, readback: Readback | None
) -> tuple[ProposedColumn, ...]:
    """Return the mapping of each column of a contract that a table fills, or that every import must have.

    `readback`: the table is an export of a deployment with these columns.
    """
    found = {
        column.name: _field(column, sources_of(column, targets, table, readback), table) for column in contract.columns
    }
    for name, meanings in targets.doubtful.items() if readback is None else ():
        if not found[name].sources:
            found[name] = _doubtful(contract.column(name), meanings, table) or found[name]
    for group in contract.exclusive:
        _leave_one(group.columns, found, whole=group.whole_file)
    return tuple(each for each in found.values() if each.required or each.sources)


def sources_of(column: Column, targets: Targets, table: ProfiledTable, readback: Readback | None) -> list[str]:
    """Return the source columns that fit an import column equally well; the columns with its own name come first."""
    names = {word_key(name) for name in (column.name, *column.earlier_names)}
    if readback is not None:
        read = next((each.found for each in readback.columns if each.column == column.name), ())
        names = {word_key(name) for name in read}
    other = table.tool.columns if table.tool is not None and readback is None else {}
    own = [name for name in table.columns if word_key(name) in names - other.keys()]
    if own or readback is not None:
        # A column with the import's own name for a customer is explicit; the name `value` is not, beside codes.
        rival = set(targets.columns.get(column.name, ()) if readback is None else ()) - {CUSTOMER, EMAIL}
        return own + [name for name in table.columns if table.meanings.get(name) in rival and name not in own]
    for meaning in targets.columns.get(column.name, ()):
        fitting = [name for name in table.columns if table.meanings.get(name) == meaning]
        if fitting:
            rest = [name for name in table.columns if {meaning, table.meanings.get(name)} == {CUSTOMER, EMAIL}]
            return fitting + [name for name in rest if table.profile.columns[name].filled]
    return []


def _leave_one(names: Sequence[str], found: dict[str, ProposedColumn], *, whole: bool) -> None:
    """Leave one column of a group that excludes each other; with several, a person must decide."""
    filled = [found[name] for name in names if found[name].sources]
    if len(filled) > 1:
        candidates = tuple(
            Candidate(source=each.source or "", sql=each.sql or "", why=f"for {each.column}")
            for each in filled
            if each.source and each.sql
        )
        first = filled[0]
        for each in filled[1:]:
            del found[each.column]
        found[first.column] = ProposedColumn(
            column=first.column,
            required=first.required or whole,
            state=MappingState.UNDECIDED,
            why=f"a record may have one of {', '.join(each.column for each in filled)}",
            candidates=candidates,
        )
    elif whole:
        first = filled[0] if filled else replace(found[names[0]], why="no column found")
        found[first.column] = replace(first, required=True)


def _field(column: Column, sources: Sequence[str], table: ProfiledTable) -> ProposedColumn:
    if not sources:
        return _missing(column, table)
    possible = [_of_source(column, table, name) for name in sources]
    if len(possible) == 1:
        return possible[0]
    candidates = tuple(candidate for each in possible for candidate in _as_candidates(each, table))
    listed = ", ".join(sources)
    return ProposedColumn(
        column=column.name,
        required=column.required,
        state=MappingState.UNDECIDED,
        why=f"{len(sources)} columns fit: {listed}",
        candidates=candidates,
    )


def _doubtful(column: Column, meanings: Sequence[str], table: ProfiledTable) -> ProposedColumn | None:
    """Return a mapping to decide from columns that may fill an import column; None without such a column."""
    names = [name for name in table.columns if table.meanings.get(name) in meanings]
    candidates = [each for name in names for each in _as_candidates(_of_source(column, table, name), table)]
    if not candidates:
        return None
    return ProposedColumn(
        column=column.name,
        required=column.required,
        state=MappingState.UNDECIDED,
        why=f"{', '.join(names)} may be meant",
        candidates=tuple(candidates),
    )


def _as_candidates(found: ProposedColumn, table: ProfiledTable) -> tuple[Candidate, ...]:
    if found.state is MappingState.CERTAIN and found.source is not None:
        filled = table.profile.columns[found.source].filled
        return (Candidate(source=found.source, sql=found.sql or "", why=counted(filled, "value")),)
    return found.candidates


def _missing(column: Column, table: ProfiledTable) -> ProposedColumn:
    """Return a column without a source; columns with fitting values are the candidates of a required one."""
    if not column.required:
        return ProposedColumn(column=column.name, required=False, state=MappingState.MISSING)
    free = [name for name in table.columns if name not in table.meanings]
    fits: Callable[[SourceColumnProfile], bool] = lambda profile: profile.looks_like_keys  # noqa: E731
    if isinstance(column.cell, Timestamp):
        fits = lambda profile: profile.dates.certain  # noqa: E731
    elif isinstance(column.cell, Number):
        fits = lambda profile: profile.numbers.certain  # noqa: E731
    candidates = tuple(
        candidate
        for name in free
        if fits(table.profile.columns[name])
        for candidate in _as_candidates(_of_source(column, table, name), table)
    )
    why = "no header names it" + ("; its values could be in these columns" if candidates else "")
    return ProposedColumn(column=column.name, required=True, state=MappingState.MISSING, why=why, candidates=candidates)


def _of_source(column: Column, table: ProfiledTable, name: str) -> ProposedColumn:
    """Return the mapping of an import column from one source column."""
    profile = table.profile.columns[name]
    return _Filled(column, table, profile).by(column.cell)


class _Filled:
    """An import column and the source column that fills it."""

    def __init__(self, column: Column, table: ProfiledTable, profile: SourceColumnProfile) -> None:
        self._column, self._table, self._profile = column, table, profile
        self._name = profile.name

    def by(self, cell: Cell) -> ProposedColumn:
        """Return the mapping for a kind of cell."""
        if not self._profile.filled:
            return self._certain(cleaned(self._name), "the column has no values")
        match cell:
            case Timestamp():
                return self._date(cell)
            case Number():
                return self._number(self._profile.numbers)
            case Integer():
                return self._integer()
            case Choice():
                return self._choice(cell)
            case IdList():
                return self._id_list(cell)
            case JsonObject() | Duration() | Text():
                return self._text()

    def _certain(self, sql: str, why: str, assumed: str | None = None) -> ProposedColumn:
        return ProposedColumn(
            column=self._column.name, required=self._column.required, state=MappingState.CERTAIN,
            source=self._name, sql=sql, why=why, assumed=assumed,
        )  # fmt: skip

    def _undecided(self, why: str, candidates: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> ProposedColumn:
        listed = tuple(Candidate(source=self._name, sql=sql, why=reason) for sql, reason in candidates)
        return ProposedColumn(
            column=self._column.name, required=self._column.required, state=MappingState.UNDECIDED, why=why,
            candidates=listed or (Candidate(source=self._name, sql=cleaned(self._name), why="as it is"),),
        )  # fmt: skip

    def _text(self) -> ProposedColumn:
        profile, meaning = self._profile, self._table.meanings.get(self._name)
        if profile.lists:
            return self._undecided(
                "the values are lists; each element needs a record", [list_element(self._name, profile)]
            )
        if meaning == EMAIL and not profile.is_email:
            share = f"{profile.email:.0%} of the first values are e-mail addresses"
            return self._undecided(share, [(cleaned(self._name), "as it is")])
        return self._certain(cleaned(self._name), counted(profile.filled, "value"))

    def _date(self, cell: Timestamp) -> ProposedColumn:
        profile = self._profile
        if profile.values is not None and set(profile.values) <= set(cell.literals):
            return self._certain(cleaned(self._name), "words of the import format")
        decision, end = profile.dates, self._ends()
        if decision.certain and end and decision.reading.mixed:
            value = date(self._name, decision.reading, decision.blanks, end=False)
            return self._undecided("some values have a time and others do not", [(value, "days end as they begin")])
        if decision.certain:
            reading = decision.reading
            sql = date(self._name, reading, decision.blanks, end=end)
            assumed = None if reading.has_zone else "the time zone"
            if assumed and end and not reading.has_time:
                assumed = "the time zone, and that the last day counts"
            return self._certain(sql, _with_blanks(reading.why, decision), assumed)
        return self._undecided(
            decision.why,
            [
                (date(self._name, each, decision.blanks, end=end), f"{counted(each.rows, 'value')} with this form")
                for each in decision.readings
            ],
        )

    def _ends(self) -> bool:
        meaning = words().meanings.get(self._table.meanings.get(self._name, ""))
        return meaning.end if meaning is not None else "end" in self._column.name or "expiry" in self._column.name

    def _number(self, decision: Decision) -> ProposedColumn:
        if decision.certain:
            sql = number(self._name, decision.reading, decision.blanks)
            return self._certain(sql, _with_blanks(decision.reading.why, decision))
        return self._undecided(
            decision.why,
            [
                (number(self._name, each, decision.blanks), f"{counted(each.rows, 'value')} with a decimal {each.form}")
                for each in decision.readings
            ],
        )

    def _integer(self) -> ProposedColumn:
        """Return the mapping of a whole number; a blank has another meaning in the import than in most tools."""
        profile, decision = self._profile, self._profile.numbers
        missing = profile.blank + sum((profile.values or {}).get(word, 0) for word in decision.blanks)
        value = number(self._name, decision.reading, decision.blanks) if decision.readings else cleaned(self._name)
        if not decision.certain or decision.reading.form != "integer":
            return self._undecided(decision.why, [(value, "as it is")])
        unlimited = f"coalesce({value}, '0')"
        if not missing or self._column.default is None or word_key(self._name) == word_key(self._column.name):
            return self._certain(value, decision.reading.why)
        tool = self._table.tool
        if tool is not None and tool.blank_limit == "unlimited":
            why = f"{counted(missing, 'blank cell')}: no limit in {tool.about}, which is 0 in the import"
            return self._certain(unlimited, why)
        return self._undecided(
            f"{counted(missing, 'blank cell')}; the import reads a blank as {self._column.default}",
            [(unlimited, "a blank means no limit"), (value, f"a blank means {self._column.default}")],
        )

    def _choice(self, cell: Choice) -> ProposedColumn:
        values, sql = self._profile.values or {}, f"lower({cleaned(self._name)})"
        counted = ", ".join(f"{value!r}: {count:,}" for value, count in values.items()) or "many different values"
        if values and {value.strip().lower() for value in values} <= set(cell.values) and not self._profile.blank:
            return self._certain(sql, counted)
        first, second = (*cell.values, "")[:2]
        switch = f"CASE WHEN yes({quoted(self._name)}) THEN {literal(first)} ELSE {literal(second)} END"
        if self._profile.switches and not self._profile.blank:
            return self._certain(switch, counted)
        blank = f", blank: {self._profile.blank:,}" if self._profile.blank else ""
        possible = [(switch, "words such as yes and active count as " + first)]
        if values and not self._profile.switches:
            cases = " ".join(f"WHEN {literal(value.strip())} THEN {literal(first)}" for value in values)
            possible = [(f"CASE {cleaned(self._name)} {cases} END", f"write the right one of {', '.join(cell.values)}")]
        return self._undecided(counted + blank, possible)

    def _id_list(self, cell: IdList) -> ProposedColumn:
        lists = [value for value in self._profile.examples if value.startswith("[") and value.endswith("]")]
        if not lists:
            return self._text()
        separator = literal(cell.separator)
        if all(value.startswith(('["', "[]")) for value in lists):
            return self._certain(f"array_to_string(json_texts({quoted(self._name)}), {separator})", "lists as in JSON")
        inner = f"regexp_replace({quoted(self._name)}, '^\\[''?|''?\\]$', '', 'g')"
        between = literal("', '")
        return self._certain(f"nullif(replace({inner}, {between}, {separator}), '')", "lists in brackets")


def _with_blanks(why: str, decision: Decision) -> str:
    if not decision.blanks:
        return why
    return f"{why}; {', '.join(map(repr, decision.blanks))} counts as blank"
