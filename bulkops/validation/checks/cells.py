"""What cells hold: the contract's checks run over a frame, looking closely only at what is not plainly clean."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.columns import Checks, checks_of
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Hits, Room, Spot
from bulkops_validators.model.contract import Column
from bulkops_validators.model.expressions import CellCheck, RecordCheck, record_checks, record_plain

ROW = "_row"
_TIMES = "_times"
_SAMPLE = 2048
_FIRST_SIGN, _LAST_SIGN = "!", "\x7f"
"""What orders between them begins with no blank."""
_CERTAIN = timedelta(days=3)
"""Between a local day and a later one, whatever the offsets: timestamps order by their local day as text, and an offset
moves an instant by less than a day."""


def spared_columns(frame: pl.DataFrame, context: Context) -> frozenset[str]:
    """Return the first column if all its cells are long codes, which are plainly clean."""
    return frozenset(
        name for name in frame.columns[:1] if not _repeats(frame[name]) and checks_of(context, name).spare(frame[name])
    )


def content_hits(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room, *, spared: frozenset[str]
) -> list[Hits]:
    """Return what is wrong with the cells and records of a frame whose columns have the contract's names.

    The columns `spared` are known to be clean.
    """
    hits: list[Hits] = []
    for name in context.present:
        if name in spared:
            continue
        hits += _column_hits(frame, context.contract.column(name), numbers, context, room)
    return hits + _record_hits(frame, numbers, context, room)


def _column_hits(
    frame: pl.DataFrame, column: Column, numbers: Offsets | None, context: Context, room: Room
) -> list[Hits]:
    checks = checks_of(context, column.name)
    cells = frame[column.name]
    if _repeats(cells):
        unclean = _unclean(cells.unique(), checks)
        if not len(unclean):
            return []
        rows = cells.to_frame().with_row_index(ROW)
        doubtful = cells.filter(cells.is_in(unclean.implode(), nulls_equal=True))
    elif column.name != frame.columns[0] and checks.spare(cells):  # of the first column that is known
        return []
    else:
        plain = checks.are_plain(cells)
        if plain.all():
            return []
        rows = cells.to_frame().with_row_index(ROW).filter(~plain)
        doubtful = rows[column.name]
        if doubtful.n_unique() > len(doubtful) // 2:
            return [
                _hits(check, broken.height, broken, numbers, context, room) for check, broken in checks.broken(rows)
            ]
    return _repeated_hits(rows, doubtful.value_counts(name=_TIMES), checks, numbers, context, room)


def _repeats(cells: pl.Series) -> bool:
    """Tell whether the cells of a column are few different ones, as far as the first of them show."""
    return len(cells) > _SAMPLE and cells.head(_SAMPLE).n_unique() < _SAMPLE // 2


def _unclean(distinct: pl.Series, checks: Checks) -> pl.Series:
    """Return which of the distinct cells of a column may break a check."""
    verdicts = checks.verdicts(distinct)
    if verdicts is None:
        return distinct.filter(~checks.are_plain(distinct))
    return pl.Series(checks.column, [value for value, verdict in verdicts.items() if verdict], pl.String)


def _repeated_hits(
    rows: pl.DataFrame, counted: pl.DataFrame, checks: Checks, numbers: Offsets | None, context: Context, room: Room
) -> list[Hits]:
    """Return the hits in cells that repeat, from each that is doubtful and how often it stands in the rows.

    The rows themselves are looked at only for examples that are still wanted.
    """
    found = []
    for check, values, times in _broken_values(counted, checks):
        examples = rows.clear()
        if room.of(check.code):
            examples = rows.filter(pl.col(check.column).is_in(values.implode(), nulls_equal=True))
        found.append(_hits(check, times, examples, numbers, context, room))
    return found


def _broken_values(counted: pl.DataFrame, checks: Checks) -> Iterator[tuple[CellCheck, pl.Series, int]]:
    """Yield the checks that counted cells break, with the cells and how often these stand there."""
    verdicts = checks.verdicts(counted[checks.column])
    if verdicts is None:
        for check, broken in checks.broken(counted):
            yield check, broken[checks.column], int(broken[_TIMES].sum())
        return
    times = dict(zip(counted[checks.column].to_list(), counted[_TIMES].to_list(), strict=True))
    for place in sorted({place for verdict in verdicts.values() for place in verdict}):
        values = [value for value, verdict in verdicts.items() if place in verdict]
        yield checks.all[place], pl.Series(values, dtype=pl.String), sum(times[value] for value in values)


def _hits(
    check: CellCheck, total: int, cells: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room
) -> Hits:
    """Return the hits of a check that so many cells break, with the first of these as examples."""
    first = cells.head(room.of(check.code))
    rows = zip(first[ROW].to_list(), first[check.column].to_list(), strict=True)
    spots = tuple(_cell_spot(check, number_of(row, numbers), value or "", context) for row, value in rows)
    return Hits(check.code, total, spots)


def _cell_spot(check: CellCheck, number: int, value: str, context: Context) -> Spot:
    told = shown(value, context)
    message = check.hides(value) if context.mask and check.hides else check.says(told)
    return Spot(message=message, number=number, column=check.column, value=told)


def number_of(row: int, numbers: Offsets | None) -> int:
    """Return the record of the block that a row of the frame is."""
    return row if numbers is None else int(numbers[row])


@lru_cache(maxsize=8)
def _record_checks(context: Context) -> tuple[pl.Expr, tuple[RecordCheck, ...]]:
    checks = tuple(c for c in record_checks(context.contract, context.present) if c.code in context.codes)
    return record_plain(context.contract, context.present), checks


def _record_hits(frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room) -> list[Hits]:
    clean, checks = _record_checks(context)
    if not checks or _all_in_order(frame, context):
        return []
    names = {name for check in checks for name in check.columns}
    rows = frame.select(name for name in frame.columns if name in names).with_row_index(ROW)
    doubtful = rows.filter(~_days_apart(rows, context)).filter(~clean)
    if not doubtful.height:
        return []
    hits = []
    for check in checks:
        found = doubtful.filter(check.broken)
        if found.height:
            first = found.head(room.of(check.code))
            spots = tuple(_record_spot(check, numbers, row, context) for row in first.iter_rows(named=True))
            hits.append(Hits(check.code, found.height, spots))
    return hits


def _all_in_order(frame: pl.DataFrame, context: Context) -> bool:
    """Tell whether every start is days before every end, where that is all there is to check."""
    contract = context.contract
    if contract.exclusive or not frame.height:
        return False
    for ordered in contract.ordered:
        if ordered.start in frame.columns and ordered.end in frame.columns:
            start, end = frame[ordered.start].max(), frame[ordered.end].min()
            if start is None or end is None:
                continue
            latest, earliest = _day(str(start)), _day(str(end))
            if latest is None or earliest is None or earliest - latest < _CERTAIN:
                return False
    return True


def _days_apart(rows: pl.DataFrame, context: Context) -> pl.Expr:
    """Return where each start lies on a day that most starts do not exceed, or before it, and its end days behind that.

    Told by comparing text with two constants: it spares most records the closer look, if nothing else is to check.
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


def _record_spot(check: RecordCheck, numbers: Offsets | None, row: dict[str, object], context: Context) -> Spot:
    values = ", ".join(f"{name} {shown(str(row[name]), context)!r}" for name in check.columns if row[name])
    message = f"{check.message}: {values}" if values else check.message
    number = number_of(int(str(row[ROW])), numbers)
    return Spot(message=message, number=number, column=check.place, value=values or None)


def blank_rows(frame: pl.DataFrame, context: Context) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Return which rows have nothing but blanks in their cells; None if there are none or the file has one column."""
    if frame.width < 2 or not frame.height:
        return None
    required = [name for name in context.contract.required_names if name in context.present]
    probe = frame[required[0]] if required else frame.to_series()
    if not probe.null_count() and str(probe.min()) >= _FIRST_SIGN and str(probe.max()) < _LAST_SIGN:
        return None
    rows = np.flatnonzero(~probe.is_between(_FIRST_SIGN, _LAST_SIGN).fill_null(value=False).to_numpy())
    for cells in frame.iter_columns():  # one by one: of few records is more than the first column blank
        rows = rows[(cells.gather(rows).fill_null("").str.strip_chars() == "").to_numpy()]
        if not len(rows):
            return None
    flags = np.zeros(frame.height, np.bool_)
    flags[rows] = True
    return flags
