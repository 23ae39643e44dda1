"""Compare one part of both sides on any machine, and set the rows aside that agree.

A part has all rows with equal keys. A group is the rows with equal keys, or for rows without a key, with equal cells in
the columns that every record compares. Rows of different groups are never matched, and no difference depends on a group
that agrees. So the differences and the notes are those of the other groups, with the counts of the rows set aside.
"""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO

import polars as pl

from bulkops.readback.compare.multisets import match_equal_rows
from bulkops.readback.compare.sql import balance
from bulkops.readback.compare.staging import FOREIGN, FOUND, SENT, RowSets
from bulkops.reconciling.columns import records_filled
from bulkops.reconciling.totals import added, sums_of_table
from bulkops.sql import literal, quoted
from bulkops.validation.range_check import Build, require_build
from bulkops_validators.model.contract import Readback, ReadColumn

Piece = Mapping[str, bytes]
"""The rows of one range in one part: a Parquet file for each table."""


@dataclass(frozen=True, kw_only=True)
class PieceStart:
    """The numbers of records, lines, and rows of each table before a range."""

    records: int = 0
    lines: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PartTask:
    """How to compare a part.

    `columns` are compared, and the rows of a group agree in the columns of `group`. `own_ids` are the ids of the
    imports, if only their rows count; found rows of other imports than `known_ids` are not set aside. `absent` are the
    columns that are not compared. `amount` is the column to add up.
    """

    readback: Readback
    columns: tuple[str, ...]
    group: tuple[str, ...]
    own_ids: tuple[int, ...] | None
    known_ids: tuple[int, ...]
    absent: tuple[ReadColumn, ...]
    amount: str | None
    threads: int
    build: Build


@dataclass(frozen=True, kw_only=True)
class ComparedPart:
    """The rows of the groups that do not agree, by table, and the counts of the others; see `RowsAside`."""

    tables: Mapping[str, bytes]
    imports: Counter[str]
    filled: Counter[str]
    sums: Mapping[str, Mapping[str, Decimal]]
    copies: Counter[str]


def compare_part(
    task: PartTask, sent: Sequence[Piece], found: Sequence[Piece], starts: Sequence[PieceStart]
) -> ComparedPart:
    """Return the rows of the groups that do not agree. `starts` are those of the pieces, first of all sent ones."""
    require_build(task.build)
    with RowSets(task.readback, own_ids=task.own_ids, threads=task.threads) as sets:
        _expose(sets, [*zip([*sent, *found], starts, strict=True)])
        _name_groups(sets, task)
        names = (SENT, FOUND) if task.own_ids is None else (SENT, FOUND, FOREIGN)
        for name in names:
            sets.run(
                f"CREATE VIEW aside_{name} AS SELECT * FROM {name} r ANTI JOIN unequal u ON {_same(task.group, 'u')}"
            )
        return ComparedPart(
            tables={name: _unequal(sets, name, task.group) for name in names},
            imports=_counts(sets, f"aside_{FOUND}"),
            filled=Counter({c.column: records_filled(sets, f"aside_{SENT}", c) for c in task.absent}),
            sums=_sums(sets, task.amount),
            copies=_copies(sets, task.group) if FOREIGN in names else Counter(),
        )


def values_among(pieces: Sequence[Piece], column: str, values: Collection[str]) -> frozenset[str]:
    """Return which of the values the records of a part have in a column."""
    wanted = pl.Series(values, dtype=pl.String).implode()
    found: set[str] = set()
    for piece in pieces:
        cells = pl.read_parquet(BytesIO(piece[SENT]), columns=[column]).get_column(column)
        found.update(cells.filter(cells.is_in(wanted)).unique())
    return frozenset(found)


def added_counts(counts: Iterable[Counter[str]]) -> Counter[str]:
    """Return the sum of counts."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def added_sums(parts: Iterable[ComparedPart]) -> dict[str, dict[str, Decimal]]:
    """Return the sums of all parts."""
    total: dict[str, dict[str, Decimal]] = {SENT: {}, FOUND: {}}
    for part in parts:
        for side, sums in part.sums.items():
            total[side] = added(total[side], sums)
    return total


def _expose(sets: RowSets, pieces: Sequence[tuple[Piece, PieceStart]]) -> None:
    """Create the views of all tables, with the rows numbered as in the whole file."""
    selects: dict[str, list[str]] = {SENT: [], FOUND: [], FOREIGN: []}
    for number, (piece, start) in enumerate(pieces):
        for name, content in piece.items():
            path = sets.folder / f"piece-{number}-{name}.parquet"
            path.write_bytes(content)
            moved = (
                f"_record + {start.records} AS _record, _line + {start.lines} AS _line"
                if name == SENT
                else f"_row + {start.rows.get(name, 0)} AS _row"
            )
            selects[name].append(f"SELECT * REPLACE ({moved}) FROM read_parquet({literal(str(path))})")
    for name, texts in selects.items():
        if texts:
            sets.run(f"CREATE VIEW {name} AS {' UNION ALL '.join(texts)}")


def _name_groups(sets: RowSets, task: PartTask) -> None:
    """Fill the table `unequal` with the cells of the groups that do not agree."""
    cells = ", ".join(f"{_cell('r', c)} AS {quoted(c)}" for c in task.group)
    if task.readback.multiset:
        match_equal_rows(sets, task.columns)
        groups = [f"SELECT {cells} FROM {name} r" for name in ("lost", "rest")]
    else:
        sets.run(f"CREATE TEMP TABLE balance AS {balance(sets, SENT, FOUND, task.columns)}")
        row = sets.digest(task.columns, prefix="r.")
        groups = [f"SELECT {cells} FROM {name} r SEMI JOIN balance b ON {row} = b.h" for name in (SENT, FOUND)]
        if task.known_ids:
            listed = ", ".join(f"'{number}'" for number in task.known_ids)
            groups.append(f"SELECT {cells} FROM {FOUND} r WHERE _import_id NOT IN ({listed})")
    sets.run(f"CREATE TEMP TABLE unequal AS SELECT DISTINCT * FROM ({' UNION ALL '.join(groups)})")


def _unequal(sets: RowSets, name: str, group: Sequence[str]) -> bytes:
    """Return the rows of the groups that do not agree as a Parquet file."""
    path = sets.folder / f"unequal-{name}.parquet"
    rows = f"SELECT * FROM {name} r SEMI JOIN unequal u ON {_same(group, 'u')}"
    sets.run(f"COPY ({rows}) TO {literal(str(path))} (FORMAT parquet)")
    return path.read_bytes()


def _counts(sets: RowSets, rows: str) -> Counter[str]:
    return Counter(dict(sets.run(f"SELECT _import_id, count(*) FROM {rows} GROUP BY 1")))


def _sums(sets: RowSets, amount: str | None) -> dict[str, dict[str, Decimal]]:
    return {} if amount is None else {side: sums_of_table(sets, f"aside_{side}", amount) for side in (SENT, FOUND)}


def _copies(sets: RowSets, group: Sequence[str]) -> Counter[str]:
    """Return the import ids of foreign rows that equal a record set aside."""
    return _counts(sets, f"aside_{FOREIGN} r SEMI JOIN aside_{SENT} s ON {_same(group, 's')}")


def _same(group: Sequence[str], other: str) -> str:
    """Return the SQL condition that row `r` is of the same group as a row of another table."""
    return " AND ".join(f"{_cell('r', c)} = {_cell(other, c)}" for c in group) or "true"


def _cell(table: str, column: str) -> str:
    return f"coalesce({table}.{quoted(column)}, '')"
