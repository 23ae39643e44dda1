"""Compare sent records with found rows, by key or as multisets, and keep every difference.

Equal rows have an equal 128-bit digest of their canonical cells. Only the other rows are compared cell by cell.
The table `result` contains the differences: class, record, line, key, column, sent, found, import_id.
"""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bulkops.origins import SourceOrigin
from bulkops.readback.compare.multisets import compare_multisets
from bulkops.readback.compare.sql import balance, differing, pairs, shown_key
from bulkops.readback.compare.staging import FOUND, RowSets
from bulkops.sql import literal, quoted

ORDER = "class, key, col, import_id, sent, found"
"""The order of differences of one record, and of rows without a record: equal results are in the same order."""
RESULT = (
    "CREATE OR REPLACE TABLE result (class VARCHAR, record BIGINT, line BIGINT, key VARCHAR, "
    "col VARCHAR, sent VARCHAR, found VARCHAR, import_id VARCHAR)"
)


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """The records by result: records = matched + missing + different.

    `unexpected` counts found rows, not records. `doubled` counts the unexpected rows that occur more often under one
    import id than they were sent.
    """

    records: int
    found: int
    matched: int
    missing: int
    different: int
    unexpected: int
    doubled: int = 0
    by_column: dict[str, int] = field(default_factory=dict)
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RowDifference:
    """One difference: a missing record, a record with a different cell, or an unexpected row.

    `record` and `line` are None for an unexpected row. `column` is None if the difference is the whole row. An
    unexpected row that is a surplus copy under one import id has the import id's column. `origin` is the legacy row of
    a record of a mapped file.
    """

    kind: str
    record: int | None
    line: int | None
    key: str
    column: str | None
    sent: str | None
    found: str | None
    import_id: str | None
    origin: SourceOrigin | None = None


def compare(sets: RowSets, *, core: Sequence[str] = (), measures: Collection[str] = ()) -> RowCounts:
    """Fill the table `result` and return the counts.

    For a multiset, `core` are the columns that identify a row with different cells; the default is the first key
    column. A core column that is also in `measures` may differ if all other columns agree.
    """
    sets.expose()
    sets.run(RESULT)
    absent = absent_columns(sets)
    columns = tuple(c for c in sets.columns if c not in absent)
    if sets.readback.multiset:
        compare_multisets(sets, columns, core=core or sets.readback.key[:1], measures=measures)
    else:
        _named(sets, columns)
    return counts_of(sets, absent)


def differences(sets: RowSets, *kinds: str) -> Iterator[RowDifference]:
    """Yield the differences of the given kinds, in the order of the file; all kinds if none is given."""
    where = f"WHERE class IN ({', '.join(literal(kind) for kind in kinds)})" if kinds else ""
    cursor = sets.sql.cursor().execute(f"SELECT * FROM result {where} ORDER BY record NULLS LAST, {ORDER}")
    while rows := cursor.fetchmany(10_000):
        for row in rows:
            names = ("kind", "record", "line", "key", "column", "sent", "found", "import_id")
            yield RowDifference(**dict(zip(names, row, strict=True)))


def absent_columns(sets: RowSets) -> tuple[str, ...]:
    """Return the columns that no found row has; none if no row was found."""
    if not sets.found_count:
        return ()
    nulls = sets.nulls(FOUND)
    return tuple(c for c in sets.columns if nulls[c] == sets.found_count)


def counts_of(sets: RowSets, absent: tuple[str, ...]) -> RowCounts:
    """Return the counts of the table `result`; `absent` are the columns that were not compared."""
    rows = dict(sets.run("SELECT class, count(DISTINCT record) FROM result WHERE class <> 'unexpected' GROUP BY 1"))
    unexpected = sets.number("SELECT count(*) FROM result WHERE class = 'unexpected'")
    by_column = sets.run("SELECT col, count(*) FROM result WHERE class = 'different' GROUP BY 1 ORDER BY 2 DESC, 1")
    missing, different = rows.get("missing", 0), rows.get("different", 0)
    return RowCounts(
        records=sets.sent_count,
        found=sets.found_count,
        matched=sets.sent_count - missing - different,
        missing=missing,
        different=different,
        unexpected=unexpected,
        doubled=sets.number("SELECT count(*) FROM result WHERE class = 'unexpected' AND col IS NOT NULL"),
        by_column=dict(by_column),
        not_compared=absent,
    )


def _named(sets: RowSets, columns: Sequence[str]) -> None:
    """Compare rows that have a key; a repeated record counts as found if its key was found."""
    key = sets.readback.key
    sets.run(f"CREATE OR REPLACE TEMP TABLE balance AS {balance(sets, 'sent', 'found', columns)}")
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE doubtful AS SELECT s.*, {sets.digest(key, prefix='s.')} AS _key "
        f"FROM sent s SEMI JOIN (SELECT h FROM balance WHERE s > f) b ON {sets.digest(columns, prefix='s.')} = b.h"
    )
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE candidates AS SELECT f.*, {sets.digest(key, prefix='f.')} AS _key "
        f"FROM found f SEMI JOIN doubtful d ON {sets.digest(key, prefix='f.')} = d._key"
    )
    shown = shown_key(key, "d")
    sets.run(
        f"INSERT INTO result SELECT 'missing', d._record, d._line, {shown}, NULL, NULL, NULL, NULL "
        "FROM doubtful d ANTI JOIN candidates c ON d._key = c._key"
    )
    unequal = " + ".join(f"coalesce((d.{quoted(c)} <> c.{quoted(c)})::INT, 0)" for c in columns)
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE nearest AS SELECT d._record, d._line, {shown} AS _shown, "
        f"{pairs(columns)}, c._import_id, c._row AS _found FROM doubtful d JOIN candidates c ON d._key = c._key "
        f"QUALIFY row_number() OVER (PARTITION BY d._record ORDER BY {unequal}, c._row) = 1"
    )
    for statement in differing("nearest", columns):
        sets.run(statement)
    # A row is unexpected if no record equals it and no record has its key.
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {shown_key(key, 'f')}, NULL, NULL, NULL, f._import_id "
        f"FROM found f SEMI JOIN (SELECT h FROM balance WHERE f > s) b ON {sets.digest(columns, prefix='f.')} = b.h "
        f"ANTI JOIN sent s ON {sets.digest(key, prefix='f.')} = {sets.digest(key, prefix='s.')}"
    )


def name_contradicting(sets: RowSets, columns: Sequence[str]) -> None:
    """Add rows as unexpected that have a sent key but other values than the row matched with that record.

    In replace mode such a row is unexpected. Call this after `compare`.
    """
    key = sets.readback.key
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {shown_key(key, 'f')}, NULL, NULL, NULL, f._import_id "
        f"FROM found f SEMI JOIN (SELECT h FROM balance WHERE s = 0) b ON {sets.digest(columns, prefix='f.')} = b.h "
        f"SEMI JOIN sent s ON {sets.digest(key, prefix='f.')} = {sets.digest(key, prefix='s.')} "
        "ANTI JOIN nearest n ON f._row = n._found"
    )
