"""Compare what was sent with what was found, as sets of named rows or as multisets; every difference is kept.

Rows that are equal are told by a 128-bit digest of their canonical cells; only the rest is looked at cell by cell.
The differences are in the table `result`: class, record, line, key, column, sent, found, import_id.
"""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bulkops.readback.compare.multisets import compare_multisets
from bulkops.readback.compare.sql import balance, differing, literal, pairs, shown_key
from bulkops.readback.compare.staging import RowSets, quoted

RESULT = (
    "CREATE OR REPLACE TABLE result (class VARCHAR, record BIGINT, line BIGINT, key VARCHAR, "
    "col VARCHAR, sent VARCHAR, found VARCHAR, import_id VARCHAR)"
)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How the records divide: records = matched + missing + different. `unexpected` counts rows found, not records.

    `doubled` are those of the unexpected that stand more often under one import id than they were sent.
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
class Difference:
    """One difference: a record missing, a record with a cell that differs, or a row nobody sent.

    `record` and `line` are None for a row that was not sent; `column` is None where the whole row is meant. A row that
    nobody sent has the import id's column where it is a copy too many under that id.
    """

    kind: str
    record: int | None
    line: int | None
    key: str
    column: str | None
    sent: str | None
    found: str | None
    import_id: str | None


def compare(sets: RowSets, *, core: Sequence[str] = (), measures: Collection[str] = ()) -> Counts:
    """Fill the table `result` and return the counts.

    `core` are the columns by which a counted row that differs is known again, the first of the key if none are given;
    those of `measures` among them may differ if all else agrees.
    """
    sets.expose()
    sets.run(RESULT)
    absent = _absent(sets)
    columns = tuple(c for c in sets.columns if c not in absent)
    if sets.readback.multiset:
        compare_multisets(sets, columns, core=core or sets.readback.key[:1], measures=measures)
    else:
        _named(sets, columns)
    return counts_of(sets, absent)


def differences(sets: RowSets, *kinds: str) -> Iterator[Difference]:
    """Yield the differences of the given kinds (all if none is given), in the order of the file."""
    where = f"WHERE class IN ({', '.join(literal(kind) for kind in kinds)})" if kinds else ""
    cursor = sets.sql.cursor().execute(f"SELECT * FROM result {where} ORDER BY record NULLS LAST, class, key, col")
    while rows := cursor.fetchmany(10_000):
        for row in rows:
            names = ("kind", "record", "line", "key", "column", "sent", "found", "import_id")
            yield Difference(**dict(zip(names, row, strict=True)))


def _absent(sets: RowSets) -> tuple[str, ...]:
    """Return the columns that no row found has; without rows nothing is known to be absent."""
    if not sets.found_count:
        return ()
    filled = ", ".join(f"count({quoted(c)})" for c in sets.columns)
    counts = sets.run(f"SELECT {filled} FROM found")[0]
    return tuple(c for c, n in zip(sets.columns, counts, strict=True) if not n)


def counts_of(sets: RowSets, absent: tuple[str, ...]) -> Counts:
    """Return what the table `result` adds up to."""
    rows = dict(sets.run("SELECT class, count(DISTINCT record) FROM result WHERE class <> 'unexpected' GROUP BY 1"))
    unexpected = sets.number("SELECT count(*) FROM result WHERE class = 'unexpected'")
    by_column = sets.run("SELECT col, count(*) FROM result WHERE class = 'different' GROUP BY 1 ORDER BY 2 DESC, 1")
    missing, different = rows.get("missing", 0), rows.get("different", 0)
    return Counts(
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
    """Compare rows that a key names: a repeated record is found if its key is."""
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
    # A row that is not among the equal ones and whose key was never sent is one that nobody sent.
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {shown_key(key, 'f')}, NULL, NULL, NULL, f._import_id "
        f"FROM found f SEMI JOIN (SELECT h FROM balance WHERE f > s) b ON {sets.digest(columns, prefix='f.')} = b.h "
        f"ANTI JOIN sent s ON {sets.digest(key, prefix='f.')} = {sets.digest(key, prefix='s.')}"
    )


def name_contradicting(sets: RowSets, columns: Sequence[str]) -> None:
    """Name the rows that contradict a record that was found: their key was sent, with other values, for another row.

    Of what replaces all there was, such a row is one that nobody sent. To be called after `compare`.
    """
    key = sets.readback.key
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {shown_key(key, 'f')}, NULL, NULL, NULL, f._import_id "
        f"FROM found f SEMI JOIN (SELECT h FROM balance WHERE s = 0) b ON {sets.digest(columns, prefix='f.')} = b.h "
        f"SEMI JOIN sent s ON {sets.digest(key, prefix='f.')} = {sets.digest(key, prefix='s.')} "
        "ANTI JOIN nearest n ON f._row = n._found"
    )
