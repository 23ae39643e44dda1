"""Run the contract's checks on the cells of a frame; exact checks run only on cells that a cheap check cannot clear."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.cell_causes import CellCauses
from bulkops.validation.checks.columns import ColumnChecks, checks_of
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches
from bulkops_validators.model.expressions import CellCheck, RecordCheck, record_checks, record_plain

ROW = "_row"
_TIMES = "_times"
_SAMPLE = 2048
_FIRST_SIGN, _LAST_SIGN = "!", "\x7f"
"""A text between these two, in sort order, begins with no blank."""
_CERTAIN = timedelta(days=3)
"""Minimum distance of a start day from an end day that proves their order, whatever the offsets.

As text, timestamps sort by their local day, and an offset moves an instant by less than a day.
"""


def clean_columns(frame: pl.DataFrame, context: Context) -> frozenset[str]:
    """Return the columns in which all cells are long codes: none is blank, begins with a digit or breaks a check."""
    return frozenset(
        name
        for name in frame.columns
        if checks_of(context, name).text is not None
        and not _repeats(frame[name])
        and checks_of(context, name).all_clean(frame[name])
    )


def content_matches(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, budget: ExampleBudget, *, spared: frozenset[str]
) -> list[RuleMatches]:
    """Return the matches in the cells and records of a frame with the column names of the contract.

    The columns in `spared` are known to be clean.
    """
    matches: list[RuleMatches] = []
    distinct: dict[str, pl.Series] = {}
    for name in context.present:
        if name in spared:
            continue
        cells = frame[name]
        # Most cells of the other columns differ.
        if _repeats(cells):
            distinct[name] = cells.unique()
        matches += _column_matches(cells, distinct.get(name), numbers, context, budget)
    return matches + _record_matches(frame, distinct, numbers, context, budget)


def _column_matches(
    cells: pl.Series, distinct: pl.Series | None, numbers: Offsets | None, context: Context, budget: ExampleBudget
) -> list[RuleMatches]:
    """Return the matches in the cells of a column; `distinct` has its distinct cells if it has few."""
    checks = checks_of(context, cells.name)
    if distinct is not None:
        unclean = _unclean(distinct, checks)
        if not len(unclean):
            return []
        rows = cells.to_frame().with_row_index(ROW)
        counted = cells.value_counts(name=_TIMES).filter(pl.col(cells.name).is_in(unclean.implode(), nulls_equal=True))
        return _repeated_matches(rows, counted, checks, numbers, context, budget)
    plain = checks.are_plain(cells)
    if plain.all():
        return []
    rows = cells.to_frame().with_row_index(ROW).filter(~plain)
    doubtful = rows[cells.name]
    if doubtful.n_unique() > len(doubtful) // 2:
        found = checks.broken(rows)
        causes = _causes([check for check, _ in found], budget)
        return [_matches_of(check, broken.height, broken, numbers, context, budget, causes) for check, broken in found]
    return _repeated_matches(rows, doubtful.value_counts(name=_TIMES), checks, numbers, context, budget)


def _repeats(cells: pl.Series) -> bool:
    """Return whether a column has many cells, and less than half of the first ones differ."""
    return len(cells) > _SAMPLE and cells.head(_SAMPLE).n_unique() < _SAMPLE // 2


def _unclean(distinct: pl.Series, checks: ColumnChecks) -> pl.Series:
    """Return the distinct cells of a column that may break a check."""
    broken_checks = checks.broken_checks(distinct)
    if broken_checks is None:
        return distinct.filter(~checks.are_plain(distinct))
    return pl.Series(checks.column, [value for value, broken in broken_checks.items() if broken], pl.String)


def _repeated_matches(
    rows: pl.DataFrame,
    counted: pl.DataFrame,
    checks: ColumnChecks,
    numbers: Offsets | None,
    context: Context,
    budget: ExampleBudget,
) -> list[RuleMatches]:
    """Return the matches in repeated cells, from the doubtful distinct cells and their counts.

    The rows are searched only for examples that are still wanted.
    """
    found = []
    broken = [*_broken_values(counted, checks)]
    causes = _causes([check for check, _, _ in broken], budget)
    for check, values, times in broken:
        examples = rows.clear()
        if budget.left(check.code):
            listed = values.filter(~pl.Series(causes.follows(check, values))) if causes.can_follow(check) else values
            examples = rows.filter(pl.col(check.column).is_in(listed.implode(), nulls_equal=True))
        found.append(_matches_of(check, times, examples, numbers, context, budget, causes))
    return found


def _causes(broken: Sequence[CellCheck], budget: ExampleBudget) -> CellCauses:
    """Return the causes among broken checks of a column; none if findings that follow from others are wanted too."""
    return CellCauses.among(broken) if budget.grouped and len(broken) > 1 else CellCauses()


def _broken_values(counted: pl.DataFrame, checks: ColumnChecks) -> Iterator[tuple[CellCheck, pl.Series, int]]:
    """Yield each check that counted cells break, with those cells and their number of rows."""
    broken_checks = checks.broken_checks(counted[checks.column])
    if broken_checks is None:
        for check, broken in checks.broken(counted):
            yield check, broken[checks.column], int(broken[_TIMES].sum())
        return
    times = dict(zip(counted[checks.column].to_list(), counted[_TIMES].to_list(), strict=True))
    for place in sorted({place for broken in broken_checks.values() for place in broken}):
        values = [value for value, broken in broken_checks.items() if place in broken]
        yield checks.all[place], pl.Series(values, dtype=pl.String), sum(times[value] for value in values)


def _matches_of(
    check: CellCheck,
    total: int,
    cells: pl.DataFrame,
    numbers: Offsets | None,
    context: Context,
    budget: ExampleBudget,
    causes: CellCauses,
) -> RuleMatches:
    """Return the matches of a check that `total` cells break, with the first ones that have no cause as examples."""
    first = causes.first(check, cells, budget.left(check.code))
    rows = zip(
        first[ROW].to_list(), first[check.column].to_list(), causes.effects(check, first[check.column]), strict=True
    )
    examples = tuple(
        _cell_example(check, number_of(row, numbers), value or "", context, caused) for row, value, caused in rows
    )
    return RuleMatches(check.code, total, examples)


def _cell_example(check: CellCheck, number: int, value: str, context: Context, caused: Sequence[CellCheck]) -> Example:
    """Return the example of a cell; its message also has what the checks in `caused` say, without the characters."""
    visible = shown(value, context)
    message = check.hides(value) if context.mask and check.hides else check.says(visible)
    if caused:
        start = f"{check.column} {visible!r} "
        message += f" ({', '.join(one.says(visible).removeprefix(start).partition(': ')[0] for one in caused)})"
    return Example(message=message, number=number, column=check.column, value=visible, explains=len(caused))


def number_of(row: int, numbers: Offsets | None) -> int:
    """Return the record number in the block of a row of the frame."""
    return row if numbers is None else int(numbers[row])


@lru_cache(maxsize=8)
def _record_checks(context: Context) -> tuple[pl.Expr, tuple[RecordCheck, ...]]:
    checks = tuple(c for c in record_checks(context.contract, context.present) if c.code in context.codes)
    return record_plain(context.contract, context.present), checks


def _record_matches(
    frame: pl.DataFrame,
    distinct: Mapping[str, pl.Series],
    numbers: Offsets | None,
    context: Context,
    budget: ExampleBudget,
) -> list[RuleMatches]:
    clean, checks = _record_checks(context)
    if not checks or _all_in_order(frame, distinct, context):
        return []
    names = {name for check in checks for name in check.columns}
    rows = frame.select(name for name in frame.columns if name in names).with_row_index(ROW)
    doubtful = rows.filter(~_days_apart(rows, context)).filter(~clean)
    if not doubtful.height:
        return []
    matches = []
    for check in checks:
        found = doubtful.filter(check.broken)
        if found.height:
            first = found.head(budget.left(check.code))
            examples = tuple(_record_example(check, numbers, row, context) for row in first.iter_rows(named=True))
            matches.append(RuleMatches(check.code, found.height, examples))
    return matches


def _all_in_order(frame: pl.DataFrame, distinct: Mapping[str, pl.Series], context: Context) -> bool:
    """Return whether every start is days before every end; False if other record checks exist.

    `distinct` has the distinct cells of columns with few of them.
    """
    contract = context.contract
    if contract.exclusive or not frame.height:
        return False
    for ordered in contract.ordered:
        if ordered.start in frame.columns and ordered.end in frame.columns:
            start = distinct.get(ordered.start, frame[ordered.start]).max()
            end = distinct.get(ordered.end, frame[ordered.end]).min()
            if start is None or end is None:
                continue
            latest, earliest = _day(str(start)), _day(str(end))
            if latest is None or earliest is None or earliest - latest < _CERTAIN:
                return False
    return True


def _days_apart(rows: pl.DataFrame, context: Context) -> pl.Expr:
    """Return the rows with each start before a day that most starts do not exceed, and each end days after it.

    Comparing text with two constants spares most records the exact check. All rows are False if other checks exist.
    """
    apart: list[pl.Expr] = []
    for ordered in context.contract.ordered:
        if ordered.start in rows.columns and ordered.end in rows.columns:
            starts = rows[ordered.start].head(_SAMPLE).drop_nulls().sort()
            day = _day(starts[len(starts) * 9 // 10]) if len(starts) else None
            if day is None or day > date.max - _CERTAIN:
                return pl.lit(value=False)
            early = pl.col(ordered.start) < (day + timedelta(days=1)).isoformat()
            late = pl.col(ordered.end) >= (day + _CERTAIN).isoformat()
            apart.append((early & late).fill_null(value=False))
    return pl.lit(value=False) if context.contract.exclusive or not apart else pl.all_horizontal(apart)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _record_example(check: RecordCheck, numbers: Offsets | None, row: dict[str, object], context: Context) -> Example:
    values = ", ".join(f"{name} {shown(str(row[name]), context)!r}" for name in check.columns if row[name])
    message = f"{check.message}: {values}" if values else check.message
    number = number_of(int(str(row[ROW])), numbers)
    return Example(message=message, number=number, column=check.place, value=values or None)


def blank_rows(frame: pl.DataFrame, context: Context) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Return flags of the rows that contain only blanks; None if there are none or the file has one column."""
    if frame.width < 2 or not frame.height:
        return None
    required = [name for name in context.contract.required_names if name in context.present]
    probe = frame[required[0]] if required else frame.to_series()
    if not probe.null_count() and str(probe.min()) >= _FIRST_SIGN and str(probe.max()) < _LAST_SIGN:
        return None
    rows = np.flatnonzero(~probe.is_between(_FIRST_SIGN, _LAST_SIGN).fill_null(value=False).to_numpy())
    # Column by column: few records have a blank first cell, and fewer have more.
    for cells in frame.iter_columns():
        rows = rows[(cells.gather(rows).fill_null("").str.strip_chars() == "").to_numpy()]
        if not len(rows):
            return None
    flags = np.zeros(frame.height, np.bool_)
    flags[rows] = True
    return flags
