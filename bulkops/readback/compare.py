"""Compare what was sent with what was found, as sets of named rows or as multisets; every difference is kept.

Rows that are equal are told by a 128-bit digest of their canonical cells; only the rest is looked at cell by cell.
The differences are in the table `result`: class, record, line, key, column, sent, found, import_id.
"""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bulkops.readback.staging import RowSets, quoted

RESULT = (
    "CREATE OR REPLACE TABLE result (class VARCHAR, record BIGINT, line BIGINT, key VARCHAR, "
    "col VARCHAR, sent VARCHAR, found VARCHAR, import_id VARCHAR)"
)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How the records divide: records = matched + missing + different. `unexpected` counts rows found, not records."""

    records: int
    found: int
    matched: int
    missing: int
    different: int
    unexpected: int
    by_column: dict[str, int] = field(default_factory=dict)
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference: a record missing, a record with a cell that differs, or a row nobody sent.

    `record` and `line` are None for a row that was not sent; `column` is None where the whole row is meant.
    """

    kind: str
    record: int | None
    line: int | None
    key: str
    column: str | None
    sent: str | None
    found: str | None
    import_id: str | None


def compare(sets: RowSets) -> Counts:
    """Fill the table `result` and return the counts."""
    sets.expose()
    sets.run(RESULT)
    absent = _absent(sets)
    if sets.readback.multiset:
        _multiset(sets, tuple(c for c in sets.columns if c not in absent))
    else:
        _named(sets, tuple(c for c in sets.columns if c not in absent))
    return _counts(sets, absent)


def differences(sets: RowSets, *kinds: str) -> Iterator[Difference]:
    """Yield the differences of the given kinds (all if none is given), in the order of the file."""
    where = f"WHERE class IN ({', '.join(_text(kind) for kind in kinds)})" if kinds else ""
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


def _counts(sets: RowSets, absent: tuple[str, ...]) -> Counts:
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
        by_column=dict(by_column),
        not_compared=absent,
    )


def _named(sets: RowSets, columns: Sequence[str]) -> None:
    """Compare rows that a key names: a repeated record is found if its key is."""
    key = sets.readback.key
    sets.run(f"CREATE OR REPLACE TEMP TABLE balance AS {_balance(sets, 'sent', 'found', columns)}")
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE doubtful AS SELECT s.*, {sets.digest(key, prefix='s.')} AS _key "
        f"FROM sent s SEMI JOIN (SELECT h FROM balance WHERE s > f) b ON {sets.digest(columns, prefix='s.')} = b.h"
    )
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE candidates AS SELECT f.*, {sets.digest(key, prefix='f.')} AS _key "
        f"FROM found f SEMI JOIN doubtful d ON {sets.digest(key, prefix='f.')} = d._key"
    )
    shown = _shown_key(key, "d")
    sets.run(
        f"INSERT INTO result SELECT 'missing', d._record, d._line, {shown}, NULL, NULL, NULL, NULL "
        "FROM doubtful d ANTI JOIN candidates c ON d._key = c._key"
    )
    unequal = " + ".join(f"coalesce((d.{quoted(c)} <> c.{quoted(c)})::INT, 0)" for c in columns)
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE nearest AS SELECT d._record, d._line, {shown} AS _shown, "
        f"{_pairs(columns)}, c._import_id FROM doubtful d JOIN candidates c ON d._key = c._key "
        f"QUALIFY row_number() OVER (PARTITION BY d._record ORDER BY {unequal}, c._row) = 1"
    )
    for number, column in enumerate(columns):
        sets.run(
            f"INSERT INTO result SELECT 'different', _record, _line, _shown, {_text(column)}, s{number}, f{number}, "
            f"_import_id FROM nearest WHERE s{number} <> f{number}"
        )
    # A row that is not among the equal ones and whose key was never sent is one that nobody sent.
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {_shown_key(key, 'f')}, NULL, NULL, NULL, f._import_id "
        f"FROM found f SEMI JOIN (SELECT h FROM balance WHERE f > s) b ON {sets.digest(columns, prefix='f.')} = b.h "
        f"ANTI JOIN sent s ON {sets.digest(key, prefix='f.')} = {sets.digest(key, prefix='s.')}"
    )


def _multiset(sets: RowSets, columns: Sequence[str]) -> None:
    """Compare rows of which equal ones are counted; cells that are not compared match anything."""
    left = "found"
    sets.run("CREATE OR REPLACE TEMP TABLE lost AS SELECT * FROM sent LIMIT 0")
    # The strictest rows choose first, so that none is left without a match that a laxer row took needlessly.
    for step, pattern in enumerate(_patterns(sets, columns)):
        known = [c for c, null in zip(columns, pattern, strict=True) if not null]
        mine = " AND ".join(
            f"{quoted(c)} IS {'' if null else 'NOT '}NULL" for c, null in zip(columns, pattern, strict=True)
        )
        sets.run(f"CREATE OR REPLACE TEMP VIEW part AS SELECT * FROM sent WHERE {mine}")
        sets.run(f"CREATE OR REPLACE TEMP TABLE balance AS {_balance(sets, 'part', left, known)}")
        sets.run(
            f"INSERT INTO lost SELECT p.* FROM part p JOIN balance b ON {sets.digest(known, prefix='p.')} = b.h "
            "WHERE b.s > b.f QUALIFY row_number() OVER (PARTITION BY b.h ORDER BY p._record) > b.f"
        )
        sets.run(
            f"CREATE OR REPLACE TEMP TABLE left{step} AS SELECT l.* FROM {left} l "
            f"JOIN balance b ON {sets.digest(known, prefix='l.')} = b.h WHERE b.f > b.s "
            "QUALIFY row_number() OVER (PARTITION BY b.h ORDER BY l._row) > b.s"
        )
        left = f"left{step}"
    sets.run(f"CREATE OR REPLACE TEMP TABLE rest AS SELECT * FROM {left}")
    _pair(sets, columns)
    key = sets.readback.key
    sets.run(
        f"INSERT INTO result SELECT 'missing', p._record, p._line, {_shown_key(key, 'p')}, NULL, NULL, NULL, NULL "
        "FROM lost p"
    )
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {_shown_key(key, 'r')}, NULL, NULL, NULL, r._import_id "
        "FROM rest r"
    )


def _pair(sets: RowSets, columns: Sequence[str]) -> None:
    """Take a lost record and a row left over for one that differs, where they agree in all columns but one."""
    # Only plain equalities make a join that is not quadratic, so cells that are not compared stay out of it.
    open_cells = ", ".join(f"count(*) - count({quoted(c)})" for c in columns)
    known = [c for c, nulls in zip(columns, sets.run(f"SELECT {open_cells} FROM lost")[0], strict=True) if not nulls]
    for column in (c for c in columns[1:] if c in known):
        others = [c for c in known if c != column]
        agree = " AND ".join(f"p.{quoted(c)} = r.{quoted(c)}" for c in others)
        sets.run(
            f"CREATE OR REPLACE TEMP TABLE pairs AS SELECT p._record, p._line, {_shown_key(sets.readback.key, 'p')} AS "
            f"_shown, p.{quoted(column)} AS s, r.{quoted(column)} AS f, r._row, r._import_id FROM "
            f"(SELECT *, {_copy(others, '_record')} FROM lost) p "
            f"JOIN (SELECT *, {_copy(others, '_row')} FROM rest) r ON {agree} AND p._copy = r._copy "
            "QUALIFY row_number() OVER (PARTITION BY p._record ORDER BY r._row) = 1 "
            "AND row_number() OVER (PARTITION BY r._row ORDER BY p._record) = 1"
        )
        sets.run(
            f"INSERT INTO result SELECT 'different', _record, _line, _shown, {_text(column)}, s, f, _import_id "
            "FROM pairs"
        )
        sets.run("DELETE FROM lost WHERE _record IN (SELECT _record FROM pairs)")
        sets.run("DELETE FROM rest WHERE _row IN (SELECT _row FROM pairs)")


def _patterns(sets: RowSets, columns: Sequence[str]) -> list[tuple[bool, ...]]:
    """Return which cells are not compared, once for each combination that occurs, the strictest first."""
    nulls = ", ".join(f"{quoted(c)} IS NULL" for c in columns)
    rows: list[tuple[bool, ...]] = sets.run(f"SELECT DISTINCT {nulls} FROM sent")
    return sorted(rows, key=lambda pattern: (sum(pattern), pattern)) or [(False,) * len(columns)]


def _balance(sets: RowSets, sent: str, found: str, columns: Sequence[str]) -> str:
    """Return the SQL of how often each row that is not as often on both sides stands on either."""
    return (
        "SELECT h, sum(s) AS s, sum(f) AS f FROM ("
        f"SELECT {sets.digest(columns)} AS h, 1 AS s, 0 AS f FROM {sent} UNION ALL "
        f"SELECT {sets.digest(columns)}, 0, 1 FROM {found}) GROUP BY h HAVING sum(s) <> sum(f)"
    )


def _copy(columns: Sequence[str], order: str) -> str:
    return f"row_number() OVER (PARTITION BY {', '.join(map(quoted, columns))} ORDER BY {order}) AS _copy"


def _pairs(columns: Sequence[str]) -> str:
    return ", ".join(f"d.{quoted(c)} AS s{n}, c.{quoted(c)} AS f{n}" for n, c in enumerate(columns))


def _shown_key(key: Sequence[str], alias: str) -> str:
    """Return the SQL of a key in words: its filled cells between vertical bars."""
    cells = ", ".join(f"nullif({alias}.{quoted(c)}, '')" for c in key)
    return f"concat_ws(' | ', {cells})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
