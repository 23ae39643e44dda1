"""Compare rows as multisets: equal rows are valid and counted. A null cell matches any value."""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from bulkops.readback.compare.sql import balance, shown_key
from bulkops.readback.compare.staging import FOREIGN, RowSets
from bulkops.sql import literal, quoted


def compare_multisets(sets: RowSets, columns: Sequence[str], *, core: Sequence[str], measures: Collection[str]) -> None:
    """Fill the table `result` with different records, missing records and unexpected rows."""
    match_equal_rows(sets, columns)
    _name_other_imports(sets, columns)
    _name_changed(sets, columns, core=core, measures=measures)
    key = sets.readback.key
    sets.run(
        f"INSERT INTO result SELECT 'missing', p._record, p._line, {shown_key(key, 'p')}, NULL, NULL, NULL, NULL "
        "FROM lost p"
    )
    name = literal(sets.readback.import_id or "")
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, {shown_key(key, 'r')}, "
        f"CASE WHEN r._excess THEN {name} END, NULL, CASE WHEN r._excess THEN r._import_id END, r._import_id "
        "FROM rest r"
    )


def match_equal_rows(sets: RowSets, columns: Sequence[str]) -> None:
    """Fill the tables `lost` (records without an equal row) and `rest` (rows without an equal record)."""
    sets.run("CREATE OR REPLACE TEMP TABLE lost AS SELECT * FROM sent LIMIT 0")
    sets.run("CREATE OR REPLACE TEMP VIEW unmatched AS SELECT *, false AS _excess FROM found")
    unmatched = "unmatched"
    # The records with the fewest nulls are matched first: a null matches anything and could use up their rows.
    for step, pattern in enumerate(_patterns(sets, "sent", columns)):
        filled = _filled_columns(columns, pattern)
        sets.run(f"CREATE OR REPLACE TEMP VIEW part AS SELECT * FROM sent WHERE {_fits(columns, pattern)}")
        sets.run(f"CREATE OR REPLACE TEMP TABLE balance AS {balance(sets, 'part', unmatched, filled)}")
        _add_lost_records(sets, filled)
        unmatched = _keep_surplus_rows(sets, filled, rows=unmatched, into=f"left{step}")
    sets.run(f"CREATE OR REPLACE TEMP TABLE rest AS SELECT * FROM {unmatched}")


def _add_lost_records(sets: RowSets, filled: Sequence[str]) -> None:
    """Add to `lost` the records of `part` that exceed the number of equal rows."""
    sets.run(
        f"INSERT INTO lost SELECT p.* FROM part p JOIN balance b ON {sets.digest(filled, prefix='p.')} = b.h "
        "WHERE b.s > b.f QUALIFY row_number() OVER (PARTITION BY b.h ORDER BY p._record) > b.f"
    )


def _keep_surplus_rows(sets: RowSets, filled: Sequence[str], *, rows: str, into: str) -> str:
    """Create the table `into` with the rows that exceed the number of equal records, and return its name.

    The first copies of each import are matched first, so the surplus copies of one import remain. `_excess` marks them.
    """
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * EXCLUDE (_copy, _h, _s) REPLACE "
        "(_excess OR (_s > 0 AND _copy > _s AND _import_id <> '') AS _excess) FROM "
        "(SELECT l.*, b.h AS _h, b.s AS _s, "
        f"row_number() OVER (PARTITION BY b.h, l._import_id ORDER BY l._row) AS _copy FROM {rows} l "
        f"JOIN balance b ON {sets.digest(filled, prefix='l.')} = b.h WHERE b.f > b.s) "
        "QUALIFY row_number() OVER (PARTITION BY _h ORDER BY _copy, _row) > _s"
    )
    return into


def _name_other_imports(sets: RowSets, columns: Sequence[str]) -> None:
    """Report a lost record as different if a row under a foreign import id equals it."""
    if not sets.count_of(FOREIGN):
        return
    name, ours = literal(sets.readback.import_id or ""), literal(", ".join(sets.own_ids))
    for pattern in _patterns(sets, "lost", columns):
        filled = _filled_columns(columns, pattern)
        _pair(sets, filled, filled, where=_fits(columns, pattern), others=FOREIGN)
        sets.run(
            f"INSERT INTO result SELECT 'different', _record, _line, _shown, {name}, {ours}, _import_id, _import_id "
            "FROM pairs"
        )
        sets.run("DELETE FROM lost WHERE _record IN (SELECT _record FROM pairs)")


def _name_changed(sets: RowSets, columns: Sequence[str], *, core: Sequence[str], measures: Collection[str]) -> None:
    """Report a lost record as different if a remaining row is similar; pairs with the fewest differences first."""
    named = [c for c in core if c in columns and c not in measures]
    alike = " AND ".join(f"coalesce(r.{quoted(c)}, '') = coalesce(p.{quoted(c)}, '')" for c in named) or "true"
    sets.run(f"CREATE OR REPLACE TEMP TABLE near AS SELECT r.* FROM rest r SEMI JOIN lost p ON {alike}")
    for pattern in _patterns(sets, "lost", columns):
        filled = _filled_columns(columns, pattern)
        for changed in _changes(filled, core=core, measures=measures):
            if not (sets.number("SELECT count(*) FROM lost") and sets.number("SELECT count(*) FROM near")):
                return
            _pair(sets, [c for c in filled if c not in changed], filled, where=_fits(columns, pattern), others="near")
            for column in changed:
                cell = quoted(f"s_{column}"), quoted(f"f_{column}")
                sets.run(
                    f"INSERT INTO result SELECT 'different', _record, _line, _shown, {literal(column)}, {cell[0]}, "
                    f"{cell[1]}, _import_id FROM pairs"
                )
            sets.run("DELETE FROM lost WHERE _record IN (SELECT _record FROM pairs)")
            for table in ("near", "rest"):
                sets.run(f"DELETE FROM {table} WHERE _row IN (SELECT _row FROM pairs)")


def _changes(filled: Sequence[str], *, core: Sequence[str], measures: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Yield the sets of columns that may differ, the smallest first: any columns outside the core, or one measure.

    A pair that agrees in all other columns differs in every column of the set, because smaller sets come first.
    """
    free = [c for c in filled if c not in core]
    for size in range(1, len(free) + 1):
        yield from combinations(free, size)
        if size == 1:
            yield from ((c,) for c in filled if c in measures)
    if not free:
        yield from ((c,) for c in filled if c in measures)


def _pair(sets: RowSets, agreeing: Sequence[str], shown: Sequence[str], *, where: str, others: str) -> None:
    """Fill the table `pairs` with lost records and rows of `others` that agree in some columns, each at most once."""
    # Equality conditions alone keep the join fast. The copy numbers pair the first copy with the first copy.
    both = " AND ".join(["p._copy = r._copy", *(f"p.{quoted(c)} = coalesce(r.{quoted(c)}, '')" for c in agreeing)])
    cells = "".join(
        f", p.{quoted(c)} AS {quoted('s_' + c)}, coalesce(r.{quoted(c)}, '') AS {quoted('f_' + c)}" for c in shown
    )
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE pairs AS SELECT p._record, p._line, "
        f"{shown_key(sets.readback.key, 'p')} AS _shown, r._row, r._import_id{cells} FROM "
        f"(SELECT *, {_copy(agreeing, '_record')} FROM lost WHERE {where}) p "
        f"JOIN (SELECT *, {_copy(agreeing, '_row')} FROM {others}) r ON {both}"
    )


def _copy(columns: Sequence[str], order: str) -> str:
    cells = ", ".join(f"coalesce({quoted(c)}, '')" for c in columns) or "1"
    return f"row_number() OVER (PARTITION BY {cells} ORDER BY {order}) AS _copy"


def _filled_columns(columns: Sequence[str], pattern: Sequence[bool]) -> list[str]:
    return [c for c, null in zip(columns, pattern, strict=True) if not null]


def _fits(columns: Sequence[str], pattern: Sequence[bool]) -> str:
    """Return the SQL condition for rows with nulls in exactly the columns of the pattern."""
    return " AND ".join(
        f"{quoted(c)} IS {'' if null else 'NOT '}NULL" for c, null in zip(columns, pattern, strict=True)
    )


def _patterns(sets: RowSets, table: str, columns: Sequence[str]) -> list[tuple[bool, ...]]:
    """Return each combination of null columns that occurs in the table, the fewest nulls first."""
    nulls = ", ".join(f"{quoted(c)} IS NULL" for c in columns)
    rows: list[tuple[bool, ...]] = sets.run(f"SELECT DISTINCT {nulls} FROM {table}")
    return sorted(rows, key=lambda pattern: (sum(pattern), pattern))
