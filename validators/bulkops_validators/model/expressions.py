"""The checks of a contract's cells and records as polars expressions: one definition for engine and models.

Every expression is total: true where the rule is broken, false elsewhere, never null. At most one of the
rules about a cell's form is broken by one cell, the most telling one.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from bulkops_validators.model import patterns
from bulkops_validators.model.cells import Text, Timestamp
from bulkops_validators.model.contract import Column, Contract, Exclusive, Ordered
from bulkops_validators.model.expressions_forms import Case, form_cases
from bulkops_validators.model.expressions_text import text_checks


@dataclass(frozen=True)
class CellCheck:
    """One rule applied to one column. `says` makes the message of a cell's value."""

    code: str
    column: str
    broken: pl.Expr
    says: Callable[[str], str]


@dataclass(frozen=True)
class RecordCheck:
    """One rule applied to several columns of a record."""

    code: str
    columns: tuple[str, ...]
    broken: pl.Expr
    message: str


def filled(name: str) -> pl.Expr:
    """Return where a cell is not blank: neither null nor empty."""
    return pl.col(name).fill_null("") != ""


def required_check(column: Column) -> CellCheck:
    """Return the check that a required cell holds more than blanks."""
    blank = pl.col(column.name).fill_null("").str.strip_chars() == ""
    return CellCheck("VAL101", column.name, blank, lambda _value: f"{column.name} is required and blank")


def cell_checks(column: Column, now: datetime | None = None) -> tuple[CellCheck, ...]:
    """Return the checks of a column's filled cells; without `now`, none looks at the present."""
    cell, name = pl.col(column.name), column.name
    cases = form_cases(column)
    earlier: pl.Expr = pl.lit(value=False)
    checks = []
    for case in cases:
        broken = filled(name) & case.holds.fill_null(value=False)
        checks.append(CellCheck(case.code, name, broken & ~earlier, _says(name, case)))
        earlier = earlier | broken
    if isinstance(column.cell, Text):
        for case in text_checks(column):
            checks.append(
                CellCheck(case.code, name, filled(name) & case.holds.fill_null(value=False), _says(name, case))
            )
    if isinstance(column.cell, Timestamp):
        checks += _time_checks(cell, column, now)
    if column.required:
        checks.insert(0, required_check(column))
    return tuple(checks)


def _says(name: str, case: Case) -> Callable[[str], str]:
    return lambda value: f"{name} {case.says(value)}"


def _time_checks(cell: pl.Expr, column: Column, now: datetime | None) -> list[CellCheck]:
    """Return the warnings about timestamps that are well formed."""
    formed, name = cell.str.contains(patterns.TIMESTAMP).fill_null(value=False), column.name
    unlikely = formed & cell.str.contains(patterns.UNLIKELY_YEAR)
    checks = [CellCheck("DAT109", name, unlikely, lambda value: f"{name} {value!r} has an unlikely year")]
    if now is not None and isinstance(column.cell, Timestamp) and column.cell.expected_future:
        over = formed & (instant(name) < pl.lit(now)).fill_null(value=False)
        checks.append(CellCheck("DAT105", name, over, lambda value: f"{name} {value!r} lies in the past"))
    return checks


def plain(column: Column, now: datetime | None = None) -> pl.Expr:
    """Return where a cell is certainly clean, cheaply: true means that no check of the column is broken.

    False means that the checks must look. This is what makes clean files fast.
    """
    cell, blank = pl.col(column.name), ~filled(column.name)
    clean: pl.Expr
    match column.cell:
        case Text() as text:
            clean = cell.str.contains(patterns.PLAIN_TEXT) & ~cell.str.contains(patterns.PLAIN_TRAPS)
            clean &= cell.str.len_bytes() >= max(text.min_length, text.recommended_min_length or 0)
            most = min(filter(None, (text.max_length, text.recommended_max_length)), default=None)
            if most is not None:
                clean &= cell.str.len_bytes() <= most
            if text.pattern is not None:
                clean &= cell.str.contains(text.pattern)
        case Timestamp() as time:
            clean = cell.str.contains(patterns.TIMESTAMP) & ~cell.str.contains(patterns.UNLIKELY_YEAR)
            if now is not None and time.expected_future:
                # Offsets are less than a day, so from two days on the text alone decides.
                clean &= cell > (now + timedelta(days=2)).strftime("%Y-%m-%d")
            clean |= cell.is_in(list(time.literals))
        case _:
            broken = [check.broken for check in cell_checks(column, now)]
            return ~pl.any_horizontal(broken)
    clean = clean.fill_null(value=False)
    return clean if column.required else clean | blank


def instant(name: str) -> pl.Expr:
    """Return the instants of a column of timestamps, null where a cell is none. Looser than `patterns.TIMESTAMP`."""
    return pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def record_checks(contract: Contract, present: Collection[str]) -> tuple[RecordCheck, ...]:
    """Return the checks across columns, for a file that has the columns `present`."""
    checks: list[RecordCheck] = []
    for ordered in contract.ordered:
        if ordered.start in present and ordered.end in present:
            checks.append(_ordered_check(ordered))
    for exclusive in contract.exclusive:
        checks += _exclusive_checks(exclusive, present)
    return tuple(checks)


def record_plain(contract: Contract, present: Collection[str]) -> pl.Expr:
    """Return where a record certainly breaks no check across columns."""
    clean: list[pl.Expr] = []
    for ordered in contract.ordered:
        if ordered.start in present and ordered.end in present:
            before = (instant(ordered.start) < instant(ordered.end)).fill_null(value=False)
            clean.append(before | ~filled(ordered.start) | ~filled(ordered.end))
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
        formed[0] & formed[1] & late,
        f"{ordered.start} is not before {ordered.end}",
    )


def _exclusive_checks(exclusive: Exclusive, present: Collection[str]) -> list[RecordCheck]:
    names = tuple(name for name in exclusive.columns if name in present)
    counts = [filled(name).cast(pl.UInt8) for name in names]
    checks = []
    if len(names) > 1:
        both = pl.sum_horizontal(counts) > 1
        checks.append(RecordCheck("XCL102", names, both, f"{' and '.join(names)} are both filled; only one may be"))
    if exclusive.whole_file and names:
        none = pl.sum_horizontal(counts) == 0
        message = f"none of {', '.join(exclusive.columns)} is filled"
        checks.append(RecordCheck("XCL103", names, none, message))
    return checks
