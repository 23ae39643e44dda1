"""What only the whole file can show: lengths and decimals of numbers, order of dates, which of two columns is used."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.cells import ROW, number_of
from bulkops.validation.checks.decimals import comma_readings, grouped
from bulkops.validation.context import Context, shown
from bulkops.validation.odd_lines import is_total, line_spot
from bulkops.validation.rule_matches import Hits, Room, Spot
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import IdList, Number, Text, Timestamp
from bulkops_validators.model.expressions import alone
from bulkops_validators.model.odd_lines import PROGRAM

K = TypeVar("K", bound=Hashable)
_DECIDE = "decide with `bulkops fix --date-order day-first` or month-first"
_MOST_ZEROS = 6
"""Zeros that can be missing in front of a number before it counts as simply another number."""
_NEARLY_ALL = 0.8
_FEW_IDS = 2
"""Ids with decimals from which on they are no accident."""
_MANY_NUMBERS, _FEW_NUMBERS = 10, 5
"""Numbers of which nearly all must have one length; fewer are enough where one of that length begins with a zero."""


@dataclass
class Usage:
    """How a class of cells is used: how many there are, and the first few."""

    total: int = 0
    spots: list[Spot] = field(default_factory=list)

    def add(self, other: "Usage", *, base: int, most: int) -> None:
        """Add the usage of the next block, whose records begin at `base`."""
        self.total += other.total
        for spot in other.spots[: max(0, most - len(self.spots))]:
            number = None if spot.number is None else spot.number + base
            self.spots.append(Spot(message=spot.message, number=number, column=spot.column, value=spot.value))


@dataclass
class BlockFacts:
    """The facts of a block or, joined, of a file. Keys are column names, or (column, length).

    `lengths` are those of cells of digits alone, `digits` such cells without a zero in front. `local_dates` are all
    dates in a local order, `ambiguous_dates` those of which either number can be the day. `filled` counts the cells of
    ids and codes, `ids_with_decimals` are those such as 100200.0. `grouped` are numbers such as 1.500, which may be
    thousands; `other_decimals` are the columns that have decimal numbers of another form. `commas` is what the commas
    in the numbers of a column show, as `comma_readings` tells. `last` is the first cell of the last record.
    """

    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    digits: dict[tuple[str, int], Usage] = field(default_factory=dict)
    local_dates: dict[str, Usage] = field(default_factory=dict)
    ambiguous_dates: dict[str, Usage] = field(default_factory=dict)
    day_first: Counter[str] = field(default_factory=Counter)
    month_first: Counter[str] = field(default_factory=Counter)
    exclusive: dict[str, Usage] = field(default_factory=dict)
    filled_unknown: set[int] = field(default_factory=set)
    filled: Counter[str] = field(default_factory=Counter)
    ids_with_decimals: dict[str, Usage] = field(default_factory=dict)
    grouped: dict[str, Usage] = field(default_factory=dict)
    other_decimals: set[str] = field(default_factory=set)
    commas: dict[str, frozenset[str]] = field(default_factory=dict)
    last: Spot | None = None

    def add(self, other: "BlockFacts", *, base: int, room: Room) -> None:
        """Add the facts of the next block, whose records begin at `base`."""
        for name, counts in other.lengths.items():
            self.lengths.setdefault(name, Counter()).update(counts)
        _add_usages(self.digits, other.digits, base=base, most=room.of("XLS103"))
        _add_usages(self.local_dates, other.local_dates, base=base, most=1)
        _add_usages(self.ambiguous_dates, other.ambiguous_dates, base=base, most=1)
        _add_usages(self.exclusive, other.exclusive, base=base, most=room.of("XCL104"))
        _add_usages(self.ids_with_decimals, other.ids_with_decimals, base=base, most=room.of("XLS115"))
        _add_usages(self.grouped, other.grouped, base=base, most=1)
        if other.last is not None and other.last.number is not None:
            self.last = replace(other.last, number=other.last.number + base)
        self.filled_unknown |= other.filled_unknown
        self.other_decimals |= other.other_decimals
        self.filled.update(other.filled)
        for name, readings in other.commas.items():
            self.commas[name] = self.commas.get(name, frozenset()) | readings
        self.day_first.update(other.day_first)
        self.month_first.update(other.month_first)


def _add_usages(mine: dict[K, Usage], theirs: dict[K, Usage], *, base: int, most: int) -> None:
    for key, usage in theirs.items():
        mine.setdefault(key, Usage()).add(usage, base=base, most=most)


def gather(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room, *, local_dates: bool, commas: bool
) -> BlockFacts:
    """Return the facts of a block's records; `local_dates` and `commas` in numbers say whether any were found in it."""
    facts = BlockFacts()
    if not frame.height or not frame.width:
        return facts
    first = frame.to_series(0)
    number = number_of(frame.height - 1, numbers)
    facts.last = Spot(message="", number=number, column=first.name, value=first[-1] or "")
    for name in _code_columns(context):
        _gather_numbers(frame, name, numbers, context, room, facts)
    for name in _decimal_columns(context):
        _gather_decimals(frame, name, numbers, facts)
        if commas:
            facts.commas[name] = comma_readings(frame[name])
    for column in context.contract.columns if local_dates else ():
        if column.name in context.present and isinstance(column.cell, Timestamp) and "DAT110" in context.codes:
            _gather_dates(frame, column.name, numbers, facts)
    for exclusive in context.contract.exclusive:
        names = [name for name in exclusive.columns if name in context.present]
        if exclusive.whole_file and len(names) > 1 and "XCL104" in context.codes:
            for name in names:
                facts.exclusive[name] = _usage(frame, alone(name, names), name, numbers, room.of("XCL104"))
    return facts


def _code_columns(context: Context) -> list[str]:
    """Return the columns of texts and ids, any of which may hold numbers that name something."""
    if not context.codes & {"XLS103", "XLS115"}:
        return []
    return [name for name in context.present if isinstance(context.contract.column(name).cell, Text | IdList)]


def _decimal_columns(context: Context) -> list[str]:
    """Return the columns of numbers that may have decimals."""
    if "VAL115" not in context.codes:
        return []
    return [name for name in context.present if isinstance(context.contract.column(name).cell, Number)]


def _usage(frame: pl.DataFrame, which: pl.Expr, name: str, numbers: Offsets | None, most: int) -> Usage:
    rows = frame.select(which.alias("_which"), pl.col(name)).with_row_index(ROW).filter("_which")
    return _used(rows, name, numbers, most)


def _used(rows: pl.DataFrame, name: str, numbers: Offsets | None, most: int) -> Usage:
    """Return how many rows there are, with the first few as spots."""
    first = rows.head(most)
    pairs = zip(first[ROW].to_list(), first[name].to_list(), strict=True)
    spots = [Spot(message="", number=number_of(row, numbers), column=name, value=value) for row, value in pairs]
    return Usage(rows.height, spots)


def _gather_numbers(
    frame: pl.DataFrame, name: str, numbers: Offsets | None, context: Context, room: Room, facts: BlockFacts
) -> None:
    """Note the numbers among the cells of a column of texts or ids; most columns have none, which their least shows."""
    cells = frame[name]
    least, blank = cells.min(), 0
    if least == "":
        blank = int((cells == "").sum())
        least = frame.select(pl.col(name).filter(pl.col(name) != "").min()).item()
    facts.filled[name] = frame.height - cells.null_count() - blank
    if least is None or str(least) > "9:":  # nothing begins with a digit
        return
    if "XLS103" in context.codes and isinstance(context.contract.column(name).cell, Text):
        _gather_lengths(frame, name, numbers, room, facts)
    if "XLS115" in context.codes:
        _gather_ids_with_decimals(frame, name, numbers, room, facts)


def _gather_lengths(frame: pl.DataFrame, name: str, numbers: Offsets | None, room: Room, facts: BlockFacts) -> None:
    """Count the lengths of numbers; which of them are too short only the whole file can tell."""
    cells = frame.select(name).with_row_index(ROW).filter(pl.col(name).str.contains(patterns.DIGITS))
    length = pl.col(name).str.len_bytes()
    counts = cells.group_by(length.alias("length")).len()
    facts.lengths[name] = Counter(dict(counts.iter_rows()))
    bare = cells.filter(~pl.col(name).str.starts_with("0"))
    for (size,), rows in bare.group_by(length.alias("length"), maintain_order=True):
        facts.digits[name, int(str(size))] = _used(rows, name, numbers, room.of("XLS103"))


def _gather_ids_with_decimals(
    frame: pl.DataFrame, name: str, numbers: Offsets | None, room: Room, facts: BlockFacts
) -> None:
    """Note the cells that end in .0; whether nearly all of the column do only the whole file can tell."""
    rows = frame.select(name).with_row_index(ROW).filter(pl.col(name).str.ends_with("0"))
    rows = rows.filter(pl.col(name).str.contains(patterns.ID_WITH_DECIMALS))
    if rows.height:
        facts.ids_with_decimals[name] = _used(rows, name, numbers, room.of("XLS115"))


def _gather_decimals(frame: pl.DataFrame, name: str, numbers: Offsets | None, facts: BlockFacts) -> None:
    """Note the numbers whose point may stand between thousands, and whether others show that it does not."""
    which = grouped(frame[name])
    if which is None:
        facts.other_decimals.add(name)
    elif which.any():
        facts.grouped[name] = _used(frame.select(name).with_row_index(ROW).filter(which), name, numbers, 1)


def _gather_dates(frame: pl.DataFrame, name: str, numbers: Offsets | None, facts: BlockFacts) -> None:
    cell = pl.col(name)
    # A date that exists in neither order says nothing about the order.
    local = frame.select(name).with_row_index(ROW).filter(cell.str.contains(patterns.LOCAL_DATE_THAT_EXISTS))
    if not local.height:
        return
    parts = local.with_columns(
        first=cell.str.extract(patterns.LOCAL_DATE, 1).cast(pl.Int32),
        second=cell.str.extract(patterns.LOCAL_DATE, 2).cast(pl.Int32),
        # Dots are written with the day first wherever they are used, unless no month is behind the first one.
        dotted=cell.str.contains(r"^[0-9]+\."),
    )
    month_first = pl.col("second") > 12
    facts.day_first[name] += parts.filter((pl.col("first") > 12) | (pl.col("dotted") & ~month_first)).height
    facts.month_first[name] += parts.filter(month_first).height
    facts.local_dates[name] = _used(local, name, numbers, 1)
    either = parts.filter((pl.col("first") <= 12) & (pl.col("second") <= 12) & ~pl.col("dotted"))
    facts.ambiguous_dates[name] = _used(either, name, numbers, 1)


def whole_file_hits(facts: BlockFacts, context: Context) -> Iterable[Hits]:
    """Return what the facts of a whole file show."""
    for name in facts.lengths:
        yield from _lost_zeros(name, facts, context)
    for name in facts.local_dates:
        yield from _unknown_order(name, facts, context)
    for name in columns_with_decimal_ids(facts):
        yield from _decimal_ids(name, facts, context)
    for name in facts.grouped:
        yield from _three_decimals(name, facts, context)
    yield from _mixed(facts, context)
    if facts.last is not None and facts.last.number is not None and is_total(facts.last.value or ""):
        yield Hits(PROGRAM, 1, (line_spot(PROGRAM, facts.last.number, facts.last.value or "", context),))


def _lost_zeros(name: str, facts: BlockFacts, context: Context) -> Iterable[Hits]:
    common, lengths = too_short(name, facts)
    for length in lengths:
        usage = facts.digits[name, length]
        says = f"has {length} digits where nearly all numbers of the column have {common}"
        spots = tuple(_shown(spot, f"{name} {{!r}} {says}", context) for spot in usage.spots)
        yield Hits("XLS103", usage.total, spots)


def too_short(name: str, facts: BlockFacts) -> tuple[int, tuple[int, ...]]:
    """Return the length that nearly all numbers of a column have, and those of numbers that lost zeros in front."""
    common = _usual_length(name, facts)
    lengths = range(common - 1, max(0, common - _MOST_ZEROS) - 1, -1)
    return common, tuple(length for length in lengths if (name, length) in facts.digits)


def _usual_length(name: str, facts: BlockFacts) -> int:
    """Return the length that nearly all numbers of a column have; 0 if there is none."""
    lengths = facts.lengths[name]
    total = sum(lengths.values())
    common, count = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
    # A few numbers may well differ in length, unless some of the longer ones show that zeros stand in front.
    bare = facts.digits.get((name, common), Usage()).total
    least = _FEW_NUMBERS if bare < count else _MANY_NUMBERS
    return common if total >= least and count >= _NEARLY_ALL * total and common >= 4 else 0


def columns_with_decimal_ids(facts: BlockFacts) -> tuple[str, ...]:
    """Return the columns of ids or codes of which nearly all are numbers that end in .0."""
    return tuple(
        name
        for name, usage in facts.ids_with_decimals.items()
        if usage.total >= max(_FEW_IDS, _NEARLY_ALL * facts.filled[name])
    )


def _decimal_ids(name: str, facts: BlockFacts, context: Context) -> Iterable[Hits]:
    usage = facts.ids_with_decimals[name]
    says = "is a whole number with decimals, as nearly all values of the column are"
    yield Hits("XLS115", usage.total, tuple(_shown(spot, f"{name} {{!r}} {says}", context) for spot in usage.spots))


def unclear_numbers(facts: BlockFacts) -> frozenset[str]:
    """Return the columns with numbers such as 1.500 or 1,500 whose point or comma may stand between thousands."""
    points = set(facts.grouped) - facts.other_decimals
    return frozenset(points | {name for name, readings in facts.commas.items() if "unclear" in readings})


def decimal_commas(facts: BlockFacts) -> frozenset[str]:
    """Return the columns whose commas are decimal commas: some can be nothing else, none stands between thousands."""
    return frozenset(n for n, readings in facts.commas.items() if "decimal" in readings and "thousands" not in readings)


def _three_decimals(name: str, facts: BlockFacts, context: Context) -> Iterable[Hits]:
    """Return the first number of a column whose decimal numbers all have exactly three decimals."""
    if name in facts.other_decimals:
        return
    says = (
        "has exactly three decimals, as every decimal number of the column has: it is read as a decimal number, "
        "although a point between thousands looks the same"
    )
    yield Hits("VAL115", 1, (_shown(facts.grouped[name].spots[0], f"{name} {{!r}} {says}", context),))


def day_first(facts: BlockFacts) -> dict[str, bool]:
    """Return the columns of local dates whose order is known, and whether the day comes first.

    A column that shows no order has that of the others, if all of these show the same one.
    """
    known = {
        name: bool(facts.day_first[name])
        for name in facts.local_dates
        if bool(facts.day_first[name]) != bool(facts.month_first[name])
    }
    orders = {bool(facts.day_first[name]) for name in known}
    if len(orders) == 1 and not mixed_dates(facts):
        (order,) = orders
        known |= {name: order for name in facts.local_dates if name not in known}
    return known


def mixed_dates(facts: BlockFacts) -> frozenset[str]:
    """Return the columns in which some dates have the day first and others the month."""
    return frozenset(name for name in facts.local_dates if facts.day_first[name] and facts.month_first[name])


def _unknown_order(name: str, facts: BlockFacts, context: Context) -> Iterable[Hits]:
    """Return the date whose order of day and month nothing shows, or that the column shows both ways."""
    if name in day_first(facts):
        return
    says = "some dates of the column have the day first, others the month"
    if name not in mixed_dates(facts):
        says = "no date of the column shows whether the day comes first"
    spots = facts.ambiguous_dates[name].spots or facts.local_dates[name].spots
    yield Hits("DAT110", 1, (_shown(spots[0], f"{name} {{!r}}: {says}; {_DECIDE}", context),))


def _mixed(facts: BlockFacts, context: Context) -> Iterable[Hits]:
    for exclusive in context.contract.exclusive:
        used = {n: facts.exclusive[n] for n in exclusive.columns if n in facts.exclusive and facts.exclusive[n].total}
        if not exclusive.whole_file or len(used) < 2:
            continue
        main = max(used, key=lambda name: used[name].total)
        for name, usage in used.items():
            if name != main:
                message = f"{name} is filled here, {main} in most records; a file uses one of them throughout"
                yield Hits("XCL104", usage.total, tuple(_shown(spot, message, context) for spot in usage.spots))


def _shown(spot: Spot, message: str, context: Context) -> Spot:
    """Return a spot with its message, into which the value is put; both masked if they are to be."""
    value = shown(spot.value or "", context)
    return Spot(message=message.format(value), number=spot.number, column=spot.column, value=value)
