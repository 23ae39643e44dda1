"""Collect facts from the whole file: lengths and decimals of numbers, order of dates, use of exclusive columns."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import polars as pl

from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.cells import ROW, number_of
from bulkops.validation.checks.decimals import comma_readings, grouped
from bulkops.validation.checks.odd_lines import is_total, line_example
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches
from bulkops_validators.model import patterns
from bulkops_validators.model.cells import IdList, Number, Text, Timestamp
from bulkops_validators.model.expressions import alone
from bulkops_validators.model.odd_lines import PROGRAM

K = TypeVar("K", bound=Hashable)
_DECIDE = "decide with `bulkops fix --date-order day-first` or month-first"
_MOST_ZEROS = 6
"""Maximum number of lost leading zeros; a number shorter than that is simply another number."""
_NEARLY_ALL = 0.8
_FEW_IDS = 2
"""Minimum number of ids with decimals that cannot be an accident."""
_MANY_NUMBERS, _FEW_NUMBERS = 10, 5
"""Minimum number of numbers in a column; nearly all of them must have the same length.

The lower minimum applies where one of that length begins with a zero.
"""


@dataclass
class CellGroup:
    """A group of similar cells: the total, and the first examples."""

    total: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, other: "CellGroup", *, base: int, most: int) -> None:
        """Add the group of the next block; its records begin at number `base`."""
        self.total += other.total
        for example in other.examples[: max(0, most - len(self.examples))]:
            number = None if example.number is None else example.number + base
            self.examples.append(
                Example(message=example.message, number=number, column=example.column, value=example.value)
            )


@dataclass
class ColumnProfile:
    """The profile of the columns of a block or of a whole file. Keys are column names, or (column, length).

    `lengths` counts the lengths of cells of digits only; `digits` has such cells without a leading zero. `local_dates`
    are all dates in a local order; in `ambiguous_dates` either number can be the day. `filled` counts the cells of ids
    and codes; `ids_with_decimals` are cells such as 100200.0. `grouped` are numbers such as 1.500, which may be
    thousands; `other_decimals` are the columns that have decimal numbers of another form. `commas` are the results of
    `comma_readings`. `last` is the first cell of the last record.
    """

    lengths: dict[str, Counter[int]] = field(default_factory=dict)
    digits: dict[tuple[str, int], CellGroup] = field(default_factory=dict)
    local_dates: dict[str, CellGroup] = field(default_factory=dict)
    ambiguous_dates: dict[str, CellGroup] = field(default_factory=dict)
    day_first: Counter[str] = field(default_factory=Counter)
    month_first: Counter[str] = field(default_factory=Counter)
    exclusive: dict[str, CellGroup] = field(default_factory=dict)
    filled_unknown: set[int] = field(default_factory=set)
    filled: Counter[str] = field(default_factory=Counter)
    ids_with_decimals: dict[str, CellGroup] = field(default_factory=dict)
    grouped: dict[str, CellGroup] = field(default_factory=dict)
    other_decimals: set[str] = field(default_factory=set)
    commas: dict[str, frozenset[str]] = field(default_factory=dict)
    last: Example | None = None

    def add(self, other: "ColumnProfile", *, base: int, budget: ExampleBudget) -> None:
        """Add the profile of the next block; its records begin at number `base`."""
        for name, counts in other.lengths.items():
            self.lengths.setdefault(name, Counter()).update(counts)
        _add_groups(self.digits, other.digits, base=base, most=budget.left("XLS103"))
        _add_groups(self.local_dates, other.local_dates, base=base, most=1)
        _add_groups(self.ambiguous_dates, other.ambiguous_dates, base=base, most=1)
        _add_groups(self.exclusive, other.exclusive, base=base, most=budget.left("XCL104"))
        _add_groups(self.ids_with_decimals, other.ids_with_decimals, base=base, most=budget.left("XLS115"))
        _add_groups(self.grouped, other.grouped, base=base, most=1)
        if other.last is not None and other.last.number is not None:
            self.last = replace(other.last, number=other.last.number + base)
        self.filled_unknown |= other.filled_unknown
        self.other_decimals |= other.other_decimals
        self.filled.update(other.filled)
        for name, readings in other.commas.items():
            self.commas[name] = self.commas.get(name, frozenset()) | readings
        self.day_first.update(other.day_first)
        self.month_first.update(other.month_first)


def _add_groups(mine: dict[K, CellGroup], theirs: dict[K, CellGroup], *, base: int, most: int) -> None:
    for key, group in theirs.items():
        mine.setdefault(key, CellGroup()).add(group, base=base, most=most)


def profile_block(
    frame: pl.DataFrame,
    numbers: Offsets | None,
    context: Context,
    budget: ExampleBudget,
    *,
    codes: frozenset[str],
    local_dates: bool,
    commas: bool,
) -> ColumnProfile:
    """Return the profile of a block.

    `codes` are columns in which every cell begins with a letter. `local_dates` and `commas`: the block contains local
    dates, or commas in numbers.
    """
    profile = ColumnProfile()
    if not frame.height or not frame.width:
        return profile
    first = frame.to_series(0)
    number = number_of(frame.height - 1, numbers)
    profile.last = Example(message="", number=number, column=first.name, value=first[-1] or "")
    profile.filled.update(dict.fromkeys(codes.intersection(_code_columns(context)), frame.height))
    for name in [name for name in _code_columns(context) if name not in codes]:
        _profile_numbers(frame, name, numbers, context, budget, profile)
    for name in _decimal_columns(context):
        _profile_decimals(frame, name, numbers, profile)
        if commas:
            profile.commas[name] = comma_readings(frame[name])
    for column in context.contract.columns if local_dates else ():
        if column.name in context.present and isinstance(column.cell, Timestamp) and "DAT110" in context.codes:
            _profile_dates(frame, column.name, numbers, profile)
    for exclusive in context.contract.exclusive:
        names = [name for name in exclusive.columns if name in context.present]
        if exclusive.whole_file and len(names) > 1 and "XCL104" in context.codes:
            for name in names:
                profile.exclusive[name] = _group_where(frame, alone(name, names), name, numbers, budget.left("XCL104"))
    return profile


def _code_columns(context: Context) -> list[str]:
    """Return the columns of texts and ids, which may contain numbers that identify something."""
    if not context.codes & {"XLS103", "XLS115"}:
        return []
    return [name for name in context.present if isinstance(context.contract.column(name).cell, Text | IdList)]


def _decimal_columns(context: Context) -> list[str]:
    """Return the columns of numbers that may have decimals."""
    if "VAL115" not in context.codes:
        return []
    return [name for name in context.present if isinstance(context.contract.column(name).cell, Number)]


def _group_where(frame: pl.DataFrame, which: pl.Expr, name: str, numbers: Offsets | None, most: int) -> CellGroup:
    rows = frame.select(which.alias("_which"), pl.col(name)).with_row_index(ROW).filter("_which")
    return _group_of_rows(rows, name, numbers, most)


def _group_of_rows(rows: pl.DataFrame, name: str, numbers: Offsets | None, most: int) -> CellGroup:
    """Return the number of rows, with the first ones as examples."""
    first = rows.head(most)
    pairs = zip(first[ROW].to_list(), first[name].to_list(), strict=True)
    examples = [Example(message="", number=number_of(row, numbers), column=name, value=value) for row, value in pairs]
    return CellGroup(rows.height, examples)


def _profile_numbers(
    frame: pl.DataFrame,
    name: str,
    numbers: Offsets | None,
    context: Context,
    budget: ExampleBudget,
    profile: ColumnProfile,
) -> None:
    """Profile the numbers among the texts or ids of a column.

    Most columns have none, and their smallest cell proves it.
    """
    cells = frame[name]
    least, blank = cells.min(), 0
    if least == "":
        blank = int((cells == "").sum())
        least = frame.select(pl.col(name).filter(pl.col(name) != "").min()).item()
    profile.filled[name] = frame.height - cells.null_count() - blank
    # No cell begins with a digit.
    if least is None or str(least) > "9:":
        return
    if "XLS103" in context.codes and isinstance(context.contract.column(name).cell, Text):
        _profile_lengths(frame, name, numbers, budget, profile)
    if "XLS115" in context.codes:
        _profile_ids_with_decimals(frame, name, numbers, budget, profile)


def _profile_lengths(
    frame: pl.DataFrame, name: str, numbers: Offsets | None, budget: ExampleBudget, profile: ColumnProfile
) -> None:
    """Count the lengths of numbers; only the whole file shows which are too short."""
    cells = frame.select(name).with_row_index(ROW).filter(pl.col(name).str.contains(patterns.DIGITS))
    length = pl.col(name).str.len_bytes()
    counts = cells.group_by(length.alias("length")).len()
    profile.lengths[name] = Counter(dict(counts.iter_rows()))
    bare = cells.filter(~pl.col(name).str.starts_with("0"))
    for (size,), rows in bare.group_by(length.alias("length"), maintain_order=True):
        profile.digits[name, int(str(size))] = _group_of_rows(rows, name, numbers, budget.left("XLS103"))


def _profile_ids_with_decimals(
    frame: pl.DataFrame, name: str, numbers: Offsets | None, budget: ExampleBudget, profile: ColumnProfile
) -> None:
    """Collect the cells that end in .0; only the whole file shows whether nearly all cells do."""
    rows = frame.select(name).with_row_index(ROW).filter(pl.col(name).str.ends_with("0"))
    rows = rows.filter(pl.col(name).str.contains(patterns.ID_WITH_DECIMALS))
    if rows.height:
        profile.ids_with_decimals[name] = _group_of_rows(rows, name, numbers, budget.left("XLS115"))


def _profile_decimals(frame: pl.DataFrame, name: str, numbers: Offsets | None, profile: ColumnProfile) -> None:
    """Collect the numbers with a point that may separate thousands, or record that other numbers rule this out."""
    which = grouped(frame[name])
    if which is None:
        profile.other_decimals.add(name)
    elif which.any():
        profile.grouped[name] = _group_of_rows(frame.select(name).with_row_index(ROW).filter(which), name, numbers, 1)


def _profile_dates(frame: pl.DataFrame, name: str, numbers: Offsets | None, profile: ColumnProfile) -> None:
    cell = pl.col(name)
    # A date that exists in neither order shows nothing about the order.
    local = frame.select(name).with_row_index(ROW).filter(cell.str.contains(patterns.LOCAL_DATE_THAT_EXISTS))
    if not local.height:
        return
    parts = local.with_columns(
        first=cell.str.extract(patterns.LOCAL_DATE, 1).cast(pl.Int32),
        second=cell.str.extract(patterns.LOCAL_DATE, 2).cast(pl.Int32),
        # Countries that write dates with dots put the day first, unless the second number cannot be a month.
        dotted=cell.str.contains(r"^[0-9]+\."),
    )
    month_first = pl.col("second") > 12
    profile.day_first[name] += parts.filter((pl.col("first") > 12) | (pl.col("dotted") & ~month_first)).height
    profile.month_first[name] += parts.filter(month_first).height
    profile.local_dates[name] = _group_of_rows(local, name, numbers, 1)
    either = parts.filter((pl.col("first") <= 12) & (pl.col("second") <= 12) & ~pl.col("dotted"))
    profile.ambiguous_dates[name] = _group_of_rows(either, name, numbers, 1)


def whole_file_matches(profile: ColumnProfile, context: Context, *, grouped: bool) -> Iterable[RuleMatches]:
    """Yield the matches that the profile of a whole file shows.

    If findings are `grouped`, a finding about nearly all cells of a column has one example.
    """
    for name in profile.lengths:
        yield from _lost_zeros(name, profile, context)
    for name in profile.local_dates:
        yield from _unknown_order(name, profile, context)
    for name in columns_with_decimal_ids(profile):
        yield _decimal_ids(name, profile, context, grouped=grouped)
    for name in profile.grouped:
        yield from _three_decimals(name, profile, context)
    yield from _mixed(profile, context)
    if profile.last is not None and profile.last.number is not None and is_total(profile.last.value or ""):
        yield RuleMatches(PROGRAM, 1, (line_example(PROGRAM, profile.last.number, profile.last.value or "", context),))


def _lost_zeros(name: str, profile: ColumnProfile, context: Context) -> Iterable[RuleMatches]:
    common, lengths = too_short(name, profile)
    for length in lengths:
        group = profile.digits[name, length]
        text = f"has {length} digits, but nearly all numbers in the column have {common}"
        examples = tuple(_shown(example, f"{name} {{!r}} {text}", context) for example in group.examples)
        yield RuleMatches("XLS103", group.total, examples)


def too_short(name: str, profile: ColumnProfile) -> tuple[int, tuple[int, ...]]:
    """Return the usual length of the numbers of a column, and the lengths of numbers that lost leading zeros."""
    common = _usual_length(name, profile)
    lengths = range(common - 1, max(0, common - _MOST_ZEROS) - 1, -1)
    return common, tuple(length for length in lengths if (name, length) in profile.digits)


def _usual_length(name: str, profile: ColumnProfile) -> int:
    """Return the length that nearly all numbers of a column have; 0 if there is none."""
    lengths = profile.lengths[name]
    total = sum(lengths.values())
    common, count = max(lengths.items(), key=lambda item: item[1], default=(0, 0))
    # A few numbers may differ in length by accident, unless some of the longer ones have leading zeros.
    bare = profile.digits.get((name, common), CellGroup()).total
    least = _FEW_NUMBERS if bare < count else _MANY_NUMBERS
    return common if total >= least and count >= _NEARLY_ALL * total and common >= 4 else 0


def columns_with_decimal_ids(profile: ColumnProfile) -> tuple[str, ...]:
    """Return the columns of ids or codes in which nearly all cells are numbers that end in .0."""
    return tuple(
        name
        for name, group in profile.ids_with_decimals.items()
        if group.total >= max(_FEW_IDS, _NEARLY_ALL * profile.filled[name])
    )


def _decimal_ids(name: str, profile: ColumnProfile, context: Context, *, grouped: bool) -> RuleMatches:
    group = profile.ids_with_decimals[name]
    text = f"is a whole number with decimals, like {group.total:,} of the {profile.filled[name]:,} values in the column"
    examples = tuple(_shown(example, f"{name} {{!r}} {text}", context) for example in group.examples)
    if grouped:
        examples = tuple(replace(example, explains=group.total - 1) for example in examples[:1])
    return RuleMatches("XLS115", group.total, examples)


def unclear_numbers(profile: ColumnProfile) -> frozenset[str]:
    """Return the columns with numbers such as 1.500 or 1,500, where the point or comma may separate thousands."""
    points = set(profile.grouped) - profile.other_decimals
    return frozenset(points | {name for name, readings in profile.commas.items() if "unclear" in readings})


def decimal_commas(profile: ColumnProfile) -> frozenset[str]:
    """Return the columns with certain decimal commas and no comma that separates thousands."""
    return frozenset(
        n for n, readings in profile.commas.items() if "decimal" in readings and "thousands" not in readings
    )


def _three_decimals(name: str, profile: ColumnProfile, context: Context) -> Iterable[RuleMatches]:
    """Yield the first number of a column if all decimal numbers of the column have exactly three decimals."""
    if name in profile.other_decimals:
        return
    text = (
        "has exactly three decimals, like every decimal number in the column: bulkops reads a decimal number, "
        "but the point could also separate thousands"
    )
    yield RuleMatches("VAL115", 1, (_shown(profile.grouped[name].examples[0], f"{name} {{!r}} {text}", context),))


def day_first(profile: ColumnProfile) -> dict[str, bool]:
    """Return the columns of local dates with a known order, and whether the day comes first.

    A column that shows no order takes the order of the others, if these all agree.
    """
    known = {
        name: bool(profile.day_first[name])
        for name in profile.local_dates
        if bool(profile.day_first[name]) != bool(profile.month_first[name])
    }
    orders = {bool(profile.day_first[name]) for name in known}
    if len(orders) == 1 and not mixed_dates(profile):
        (order,) = orders
        known |= {name: order for name in profile.local_dates if name not in known}
    return known


def mixed_dates(profile: ColumnProfile) -> frozenset[str]:
    """Return the columns in which some dates have the day first and others the month."""
    return frozenset(name for name in profile.local_dates if profile.day_first[name] and profile.month_first[name])


def _unknown_order(name: str, profile: ColumnProfile, context: Context) -> Iterable[RuleMatches]:
    """Yield a date of a column that shows no order of day and month, or both orders."""
    if name in day_first(profile):
        return
    text = "some dates in the column have the day first, others the month"
    if name not in mixed_dates(profile):
        text = "no date in the column shows whether the day comes first"
    examples = profile.ambiguous_dates[name].examples or profile.local_dates[name].examples
    yield RuleMatches("DAT110", 1, (_shown(examples[0], f"{name} {{!r}}: {text}; {_DECIDE}", context),))


def _mixed(profile: ColumnProfile, context: Context) -> Iterable[RuleMatches]:
    for exclusive in context.contract.exclusive:
        used = {
            n: profile.exclusive[n] for n in exclusive.columns if n in profile.exclusive and profile.exclusive[n].total
        }
        if not exclusive.whole_file or len(used) < 2:
            continue
        main = max(used, key=lambda name: used[name].total)
        for name, group in used.items():
            if name != main:
                message = f"{name} has a value here, but most records use {main}; a file must use only one of them"
                yield RuleMatches(
                    "XCL104", group.total, tuple(_shown(example, message, context) for example in group.examples)
                )


def _shown(example: Example, message: str, context: Context) -> Example:
    """Return an example with its value in the message; both are masked if the settings ask for it."""
    value = shown(example.value or "", context)
    return Example(message=message.format(value), number=example.number, column=example.column, value=value)
