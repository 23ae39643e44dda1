"""Build the checks of cells and records as polars expressions, for the engine and for the models.

Each expression is true where the rule is broken and false elsewhere, never null. A cell breaks at most one rule about
its form: the most specific one.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from bulkops_validators.model import patterns
from bulkops_validators.model.cells import (
    Choice,
    Duration,
    IdList,
    Integer,
    JsonObject,
    Number,
    Text,
    Timestamp,
)
from bulkops_validators.model.contract import Column, Contract, Exclusive, Ordered
from bulkops_validators.model.expressions_forms import JSON_CODES, form_cases, json_codes
from bulkops_validators.model.expressions_text import text_checks
from bulkops_validators.model.json_cells import MAX_JSON_LENGTH

_BLANKS = r"\s"


@dataclass(frozen=True)
class CellCheck:
    """One rule applied to one column. `says` returns the message for a cell's value; `hides`, if set, returns a message
    that does not contain the value.

    A cell of ASCII characters only never breaks a check that is `beyond_ascii`. `case` is the index of the check among
    the cases of the cell's form. A cell has at most one of these cases; `form_case` returns it. `signs` is a pattern of
    the characters that the rule is about, for a rule that can be the cause of other findings of the cell.
    """

    code: str
    column: str
    broken: pl.Expr
    says: Callable[[str], str]
    beyond_ascii: bool = False
    case: int | None = None
    hides: Callable[[str], str] | None = None
    signs: str | None = None


@dataclass(frozen=True)
class RecordCheck:
    """One rule applied to several columns of a record; findings point at the column `place`."""

    code: str
    columns: tuple[str, ...]
    place: str
    broken: pl.Expr
    message: str


def filled(name: str) -> pl.Expr:
    """Return where a cell is not blank: neither null nor empty."""
    return pl.col(name).fill_null("") != ""


def says_something(name: str) -> pl.Expr:
    """Return where a cell contains a character other than a blank."""
    return pl.col(name).fill_null("").str.strip_chars() != ""


def required_check(column: Column) -> CellCheck:
    """Return the check that a required cell is not blank."""
    says = f"{column.name} is required and blank"
    return CellCheck("VAL101", column.name, ~says_something(column.name), lambda _value: says, signs=_BLANKS)


def recommended_check(column: Column) -> CellCheck:
    """Return the check that a cell is not blank, for a column that the documentation does not call optional."""
    says = f"{column.name} is blank; the documentation does not call it optional"
    return CellCheck("VAL131", column.name, ~says_something(column.name), lambda _value: says, signs=_BLANKS)


def cell_checks(column: Column, now: datetime | None = None) -> tuple[CellCheck, ...]:
    """Return the checks of a column's filled cells; without `now`, dates are not compared with the present."""
    cell, name = pl.col(column.name), column.name
    cases = form_cases(column)
    earlier: pl.Expr = pl.lit(value=False)
    checks = []
    for place, case in enumerate(cases):
        broken = _has_form(column) & case.holds.fill_null(value=False)
        hides = None if case.hides is None else _says(name, case.hides)
        checks.append(CellCheck(case.code, name, broken & ~earlier, _says(name, case.says), case=place, hides=hides))
        earlier = earlier | broken
    checks += [
        CellCheck(
            case.code,
            name,
            filled(name) & case.holds.fill_null(value=False),
            _says(name, case.says),
            case.beyond_ascii,
            signs=case.signs,
        )
        for case in text_checks(column)
    ]
    if isinstance(column.cell, Timestamp):
        checks += _time_checks(cell, column, now)
    if column.required:
        checks.insert(0, required_check(column))
    elif column.recommended:
        checks.insert(0, recommended_check(column))
    return tuple(checks)


def form_case(column: Column) -> pl.Expr:
    """Return the first case that each filled cell has, as `CellCheck.case`; null if its form is valid.

    The result is the same as of all checks with a `case`, but this expression is much faster.
    """
    if isinstance(column.cell, JsonObject):
        places = {code: place for place, code in enumerate(JSON_CODES)}
        return json_codes(column.name).replace_strict(places, default=None, return_dtype=pl.UInt8)
    first: pl.Expr = pl.lit(None, dtype=pl.UInt8)
    for place, case in reversed([*enumerate(form_cases(column))]):
        first = pl.when(case.holds).then(pl.lit(place, dtype=pl.UInt8)).otherwise(first)
    return pl.when(_has_form(column)).then(first)


def _has_form(column: Column) -> pl.Expr:
    """Return where a cell's form is checked: where it is filled and, if it is required, not blank."""
    return says_something(column.name) if column.required else filled(column.name)


def _says(name: str, says: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: f"{name} {says(value)}"


def _time_checks(cell: pl.Expr, column: Column, now: datetime | None) -> list[CellCheck]:
    """Return the warnings about valid timestamps."""
    formed, name = cell.str.contains(patterns.TIMESTAMP).fill_null(value=False), column.name
    unlikely = formed & cell.str.contains(patterns.UNLIKELY_YEAR)
    checks = [CellCheck("DAT109", name, unlikely, lambda value: f"{name} {value!r} has an unlikely year")]
    if now is not None and isinstance(column.cell, Timestamp) and column.cell.expected_future:
        over = formed & (instant(name) < pl.lit(now)).fill_null(value=False)
        checks.append(CellCheck("DAT105", name, over, lambda value: f"{name} {value!r} is in the past"))
    return checks


def plain(column: Column, now: datetime | None = None) -> pl.Expr:
    """Return where a fast test shows that a cell is clean: true means that it breaks no check of the column.

    False means that the checks must run. This test makes the validation of clean files fast.
    """
    clean = _plain_form(column, now).fill_null(value=False)
    return clean if column.required or column.recommended else clean | ~filled(column.name)


def _plain_form(column: Column, now: datetime | None) -> pl.Expr:
    """Return where a filled cell is certainly clean."""
    cell = pl.col(column.name)
    match column.cell:
        case Text() as text:
            return _plain_text(cell, text)
        case Timestamp() as time:
            return _plain_time(cell, time, now)
        case JsonObject():
            # A text that looks like a name can only cause a full check of the cell.
            names = cell.str.to_lowercase().str.extract_all(patterns.JSON_NAME)
            short = cell.str.len_bytes() <= MAX_JSON_LENGTH
            return short & cell.str.contains(patterns.PLAIN_JSON) & (names.list.n_unique() == names.list.len())
        case Choice(values=values):
            return cell.is_in(list(values))
        case Duration():
            doubtful = f"{patterns.NO_DURATION}|{patterns.LIKELY_MONTHS}"
            return cell.str.contains(patterns.DURATION) & ~cell.str.contains(doubtful)
        case IdList() as ids:
            several = cell.str.count_matches(ids.separator, literal=True) + 1
            clean = cell.str.contains(patterns.PLAIN_LIST)
            clean &= ~cell.str.contains(" ", literal=True)  # a blank may be between ids
            clean &= (several == 1) | (cell.str.split(ids.separator).list.n_unique() == several)
            return clean if ids.item_max_length is None else clean & (cell.str.len_bytes() <= ids.item_max_length)
        case Integer() | Number():
            return cell.str.contains(_plain_number(column.cell))


def _plain_text(cell: pl.Expr, text: Text) -> pl.Expr:
    least, most = plain_lengths(text)
    clean = cell.str.contains(patterns.PLAIN_TEXT) & (cell.str.len_bytes() >= least)
    if most is not None:
        clean &= cell.str.len_bytes() <= most
    return clean if text.pattern is None else clean & cell.str.contains(text.pattern)


def longest_plain(column: Column) -> int | None:
    """Return the maximum bytes of a plain cell; None if `plain` does not depend on the length."""
    match column.cell:
        case Text(pattern=None) as text:
            return plain_lengths(text)[1]
        case JsonObject():
            return MAX_JSON_LENGTH
        case _:
            return None


def plain_lengths(text: Text) -> tuple[int, int | None]:
    """Return the minimum and maximum bytes of plain text that breaks no rule about its length."""
    least = max(text.min_length, text.recommended_min_length or 0)
    return least, min(filter(None, (text.max_length, text.recommended_max_length)), default=None)


def _plain_time(cell: pl.Expr, time: Timestamp, now: datetime | None) -> pl.Expr:
    clean = cell.str.contains(patterns.TIMESTAMP) & ~cell.str.contains(patterns.UNLIKELY_YEAR)
    if now is not None and time.expected_future:
        # An offset is less than a day, so the text alone decides from two days on.
        clean &= cell > (now + timedelta(days=2)).strftime("%Y-%m-%d")
    return clean | cell.is_in(list(time.literals))


def _plain_number(cell: Integer | Number) -> str:
    """Return a pattern of numbers that are certainly in range: few digits, no sign, and not 0 if 0 is out of range."""
    maximum = cell.maximum if cell.maximum is not None else 10**15
    digits = len(str(int(maximum) + 1)) - 1
    above = cell.above if isinstance(cell, Number) else None
    if (cell.minimum is not None and cell.minimum > 0) or (above is not None and above > 0) or digits < 1:
        return r"^$"  # the checks themselves handle ranges above 0
    first = "[1-9]" if above is not None else "[0-9]"
    whole = rf"{first}[0-9]{{0,{digits - 1}}}"
    if isinstance(cell, Integer):
        return rf"^{whole}$"
    decimals = 15 if cell.recommended_decimals is None else cell.recommended_decimals
    if not decimals:
        return rf"^{whole}$"
    # One digit less, so that a fraction cannot exceed the maximum.
    return rf"^{first}[0-9]{{0,{max(0, digits - 2)}}}(?:\.[0-9]{{1,{decimals}}})?$"


def instant(name: str) -> pl.Expr:
    """Return the instants of a column, null where a cell is not a timestamp; accepts more than `patterns.TIMESTAMP`."""
    return pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def record_checks(contract: Contract, present: Collection[str]) -> tuple[RecordCheck, ...]:
    """Return the checks across columns, for a file that has the columns `present`."""
    checks = [
        _ordered_check(ordered) for ordered in contract.ordered if ordered.start in present and ordered.end in present
    ]
    for exclusive in contract.exclusive:
        checks += _exclusive_checks(exclusive, present)
    return tuple(checks)


def record_plain(contract: Contract, present: Collection[str]) -> pl.Expr:
    """Return where a record certainly breaks no check across columns."""
    clean: list[pl.Expr] = []
    for ordered in contract.ordered:
        if ordered.start in present and ordered.end in present:
            # An offset is less than a day, so only dates near the end of a year need the full check.
            start, end = pl.col(ordered.start), pl.col(ordered.end)
            before = (start.str.head(4) < end.str.head(4)) & (start.str.slice(5, 5) < "12-30")
            clean.append(before.fill_null(value=False) | ~filled(ordered.start) | ~filled(ordered.end))
    for exclusive in contract.exclusive:
        clean += [~check.broken for check in _exclusive_checks(exclusive, present)]
    return pl.all_horizontal(clean) if clean else pl.lit(value=True)


def _ordered_check(ordered: Ordered) -> RecordCheck:
    formed = [
        pl.col(name).str.contains(patterns.TIMESTAMP).fill_null(value=False) for name in (ordered.start, ordered.end)
    ]
    late = (instant(ordered.start) >= instant(ordered.end)).fill_null(value=False)
    return RecordCheck(
        "XCL101",
        (ordered.start, ordered.end),
        ordered.end,
        formed[0] & formed[1] & late,
        f"{ordered.start} is not before {ordered.end}",
    )


def _exclusive_checks(exclusive: Exclusive, present: Collection[str]) -> list[RecordCheck]:
    names = tuple(name for name in exclusive.columns if name in present)
    counts = [says_something(name).cast(pl.UInt8) for name in names]
    checks = []
    if len(names) > 1:
        both = pl.sum_horizontal(counts) > 1
        checks.append(
            RecordCheck("XCL102", names, names[-1], both, f"{' and '.join(names)} are both filled; fill only one")
        )
    if exclusive.whole_file and names:
        none = pl.sum_horizontal(counts) == 0
        message = f"none of {', '.join(exclusive.columns)} is filled; one is required"
        checks.append(RecordCheck("XCL103", names, names[0], none, message))
    return checks


def alone(name: str, names: Collection[str]) -> pl.Expr:
    """Return where a record fills the column `name` and none of the other columns in `names`."""
    others = [says_something(other) for other in names if other != name]
    return says_something(name) & ~pl.any_horizontal(others) if others else says_something(name)


def mixed(exclusive: Exclusive, present: Collection[str]) -> pl.Expr:
    """Return where a record fills another column of a group than most records of the file (XCL104).

    The expression has one value per record, even if only one of the columns is present.
    """
    names = [name for name in exclusive.columns if name in present]
    broken = pl.repeat(value=False, n=pl.len(), dtype=pl.Boolean)
    for place, name in enumerate(names):
        own = alone(name, names).sum()
        # If two columns are used equally often, the first one counts as usual.
        behind = [own <= alone(other, names).sum() for other in names[:place]]
        behind += [own < alone(other, names).sum() for other in names[place + 1 :]]
        if behind:
            broken |= alone(name, names) & pl.any_horizontal(behind)
    return broken
