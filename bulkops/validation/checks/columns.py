"""Find the checks that the cells of a column break; results of repeated cells are remembered."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache

import polars as pl

from bulkops.validation.checks.long_codes import LEAST, are_long_codes
from bulkops.validation.context import Context
from bulkops_validators.model.cells import Text, Timestamp
from bulkops_validators.model.contract import Column
from bulkops_validators.model.expressions import (
    CellCheck,
    cell_checks,
    form_case,
    longest_plain,
    plain,
    plain_lengths,
)

BrokenChecks = tuple[int, ...]
"""The positions of the checks that a cell breaks, in the list of all checks of its column."""
_FEW, _SHORT, _MANY = 1024, 256, 4096
"""Maximum number of values remembered per call, maximum bytes of such a value, and maximum number per column."""


@dataclass(frozen=True)
class ColumnChecks:
    """The checks of one column, grouped by how they run, and a cheap check that clears most cells.

    `text` is the cell type of a column of unrestricted text. `longest` is the maximum number of bytes of a plain cell.
    `known` remembers results: checking a single cell costs milliseconds, because dozens of regular expressions are
    compiled for it.
    """

    column: str
    plain: pl.Expr
    form: pl.Expr
    of_form: tuple[CellCheck, ...]
    others: tuple[CellCheck, ...]
    beyond_ascii: tuple[CellCheck, ...]
    text: Text | None = None
    longest: int | None = None
    known: dict[str | None, BrokenChecks] = field(default_factory=dict)

    @cached_property
    def all(self) -> tuple[CellCheck, ...]:
        """All checks, in the order in which broken ones are reported."""
        return (*self.of_form, *self.others, *self.beyond_ascii)

    def all_clean(self, cells: pl.Series) -> bool:
        """Return True if a quick test proves that all cells are clean; False proves nothing."""
        if self.text is None or not len(cells) or cells.null_count():
            return False
        least, most = plain_lengths(self.text)
        lengths = cells.str.len_bytes().to_numpy()
        fit = lengths.min() >= max(least, LEAST) and (most is None or lengths.max() <= most)
        return bool(fit) and are_long_codes(cells)

    def are_plain(self, cells: pl.Series) -> pl.Series:
        """Return flags of the cells that are clean by a cheap check."""
        most = self.longest
        if most is None or (short := (cells.str.len_bytes() <= most).fill_null(value=True)).all():
            return cells.to_frame().select(self.plain).to_series()
        # Longer cells are never plain, and matching them is slow.
        plain = short.to_numpy().copy()
        plain[plain] = cells.filter(short).to_frame().select(self.plain).to_series().to_numpy()
        return pl.Series(plain)

    def broken(self, cells: pl.DataFrame) -> list[tuple[CellCheck, pl.DataFrame]]:
        """Return the checks that are broken, each with the rows that break it."""
        found = [*self._of_form(cells), *_of_any(cells, self.others)]
        if self.beyond_ascii:
            cell = pl.col(self.column)
            found += _of_any(cells.filter(cell.str.len_bytes() != cell.str.len_chars()), self.beyond_ascii)
        return found

    def _of_form(self, cells: pl.DataFrame) -> list[tuple[CellCheck, pl.DataFrame]]:
        """Return the broken checks of the form of cells, each with the rows that break it."""
        if not self.of_form:
            return []
        cases = cells.select(self.form).to_series()
        there = set(cases.drop_nulls().unique().to_list())
        return [(check, cells.filter(cases == check.case)) for check in self.of_form if check.case in there]

    def broken_checks(self, distinct: pl.Series) -> dict[str | None, BrokenChecks] | None:
        """Return the broken checks of each distinct cell; None if the cells are too many or too long to remember."""
        if len(distinct) > _FEW or (distinct.str.len_bytes().max() or 0) > _SHORT:  # type: ignore[operator] # a number
            return None
        found = {value: self.known.get(value) for value in distinct.to_list()}
        fresh = [value for value, broken in found.items() if broken is None]
        results = self._fresh_results(pl.Series(self.column, fresh, pl.String)) if fresh else {}
        if len(self.known) + len(results) > _MANY:
            # Safe: other threads only use values that are still remembered.
            self.known.clear()
        self.known.update(results)
        return {value: results[value] if broken is None else broken for value, broken in found.items()}

    def _fresh_results(self, cells: pl.Series) -> dict[str | None, BrokenChecks]:
        """Return the broken checks of cells that are not remembered yet."""
        places = {id(check): place for place, check in enumerate(self.all)}
        results: dict[str | None, BrokenChecks] = dict.fromkeys(cells.to_list(), ())
        doubtful = cells.filter(~self.are_plain(cells))
        for check, broken in self.broken(doubtful.to_frame()) if len(doubtful) else ():
            for value in broken[self.column].to_list():
                results[value] = (*results[value], places[id(check)])
        return results


def _of_any(cells: pl.DataFrame, checks: tuple[CellCheck, ...]) -> list[tuple[CellCheck, pl.DataFrame]]:
    """Return the checks that are broken, each with the rows that break it."""
    if not cells.height or not checks:
        return []
    # One lazy query evaluates the expressions that most checks share only once.
    flags = cells.lazy().select(check.broken.alias(str(i)) for i, check in enumerate(checks)).collect()
    return [(check, cells.filter(flag)) for check, flag in zip(checks, flags, strict=True) if flag.any()]


@lru_cache(maxsize=64)
def checks_of(context: Context, name: str) -> ColumnChecks:
    """Return the enabled checks of a column."""
    column = context.contract.column(name)
    by_time = isinstance(column.cell, Timestamp) and column.cell.expected_future
    return _checks_of(_ColumnKey(column), context.codes, context.now if by_time else None)


@dataclass(frozen=True)
class _ColumnKey:
    """A column as a key. Columns can contain mappings, which have no hash.

    Equal columns are the same key: on a worker of a cluster, each range of a file comes with a contract of its own.
    """

    column: Column

    def __hash__(self) -> int:
        return hash(self.column.name)


@lru_cache(maxsize=64)
def _checks_of(key: _ColumnKey, codes: frozenset[str], now: datetime | None) -> ColumnChecks:
    """Return the checks of a column, built once for many small files: building takes longer than running them."""
    column = key.column
    text = column.cell if isinstance(column.cell, Text) and column.cell.pattern is None else None
    checks = [c for c in cell_checks(column, now) if c.code in codes]
    return ColumnChecks(
        column=column.name,
        text=text,
        longest=longest_plain(column),
        plain=plain(column, now),
        form=form_case(column),
        of_form=tuple(check for check in checks if check.case is not None),
        others=tuple(check for check in checks if check.case is None and not check.beyond_ascii),
        beyond_ascii=tuple(check for check in checks if check.beyond_ascii),
    )
