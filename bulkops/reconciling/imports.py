"""Whose the rows found are: of our imports or of others; and codes that stand there in another case."""
# ruff: noqa: S608 - only the contracts' own column names and import ids enter the SQL

from collections.abc import Iterator, Sequence

from bulkops.readback.compare.sql import differing, literal, pairs, shown_key
from bulkops.readback.compare.staging import FOREIGN, RowSets, quoted
from bulkops.reconciling.sides import Known
from bulkops_validators.model.contract import Comparison

SHOWN_IDS = 5


def tell_imports(sets: RowSets, known: Known, columns: Sequence[str], *, unfolded: bool) -> Iterator[str]:
    """Name differences in whose the rows are, and yield what is to be said of them.

    `columns` are those that were compared; `unfolded` says that it is not known how codes fold.
    """
    # Counted rows are ours by their import id alone: those without one were left out before.
    if known.import_ids is not None and sets.readback.import_id and sets.found_count and not sets.readback.multiset:
        if sets.number("SELECT count(*) FROM (SELECT 1 FROM found WHERE _import_id <> '' LIMIT 1)"):
            yield from _name_other_imports(sets, known)
        else:
            yield f"Whose the rows are was not compared: there is no {sets.readback.import_id}."
    if unfolded:
        yield from _name_other_case(sets, columns)
    _name_unsent_of_ours(sets, known, columns)
    yield from _unnamed_copies(sets, columns)
    yield from _mixed_imports(sets, known, columns)
    yield from _other_copies(sets, columns)


def _name_other_imports(sets: RowSets, known: Known) -> Iterator[str]:
    """Name records whose rows stand under an import id that is not ours, and yield what is to be said of them.

    As many as the server skipped or refused may have been there before; more is a difference in the import id.
    """
    readback = sets.readback
    if readback.import_id is None or not known.import_ids:
        return
    listed = ", ".join(f"'{int(i)}'" for i in known.import_ids)
    if not sets.number(f"SELECT count(*) FROM found WHERE _import_id NOT IN ({listed})"):
        return
    key_s, key_f = sets.digest(readback.key, prefix="s."), sets.digest(readback.key)
    sets.run(
        "CREATE OR REPLACE TEMP TABLE foreigners AS SELECT s._record, s._line, "
        f"{shown_key(readback.key, 's')} AS _shown, f.i FROM sent s JOIN (SELECT {key_f} AS k, min(_import_id) AS i "
        f"FROM found GROUP BY 1 HAVING count(*) FILTER (WHERE _import_id IN ({listed})) = 0) f ON {key_s} = f.k"
    )
    count = sets.number("SELECT count(*) FROM foreigners")
    if not count:
        return
    if count <= known.held_before:
        yield f"{count:,} records stand under another import id: the server skipped or refused them, they were there."
        return
    ours = literal(", ".join(str(i) for i in known.import_ids))
    sets.run(
        f"INSERT INTO result SELECT 'different', _record, _line, _shown, {literal(readback.import_id)}, {ours}, i, i "
        "FROM foreigners"
    )


def _name_other_case(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Take missing codes that are there in another case for different ones, where it is not known how codes fold.

    A row whose code was sent as it stands is the row of that record, and of no other.
    """
    codes = [c.column for c in sets.readback.columns if c.compare is Comparison.CODE]
    if not codes or not sets.number("SELECT count(*) FROM result WHERE class = 'missing'"):
        return
    code = quoted(codes[0])
    # The few rows that come near are found first: what holds all codes of a side is large.
    sets.run(
        "CREATE OR REPLACE TEMP TABLE lost_codes AS SELECT d.*, r.key AS _shown FROM result r "
        "JOIN sent d ON r.record = d._record WHERE r.class = 'missing'"
    )
    sets.run(
        "CREATE OR REPLACE TEMP TABLE cased AS SELECT c.* FROM found c "
        f"SEMI JOIN lost_codes d ON upper(c.{code}) = upper(d.{code})"
    )
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE folded AS SELECT d._record, d._line, d._shown, {pairs(columns)}, c._import_id, "
        f"c.{code} AS _code FROM lost_codes d JOIN (SELECT c.* FROM cased c ANTI JOIN sent s ON c.{code} = s.{code}) c "
        f"ON upper(d.{code}) = upper(c.{code}) "
        "QUALIFY row_number() OVER (PARTITION BY d._record ORDER BY c._row) = 1"
    )
    if count := sets.number("SELECT count(*) FROM folded"):
        sets.run("DELETE FROM result WHERE class = 'missing' AND record IN (SELECT _record FROM folded)")
        sets.run("DELETE FROM result WHERE class = 'unexpected' AND key IN (SELECT _code FROM folded)")
        for statement in differing("folded", columns):
            sets.run(statement)
        yield f"{count:,} codes are there in another case: say with --case how the application folds them."


def _name_unsent_of_ours(sets: RowSets, known: Known, columns: Sequence[str]) -> None:
    """Name rows with a name of their own that stand under our import ids without a record, or once too often."""
    readback = sets.readback
    if readback.multiset or readback.import_id is None or not known.import_ids:
        return
    ours = ", ".join(literal(str(i)) for i in known.import_ids)
    column = literal(readback.import_id)
    sets.run(
        f"UPDATE result SET col = {column}, found = import_id WHERE class = 'unexpected' AND import_id IN ({ours})"
    )
    # `balance` is what the comparison left: how often rows that are not as often on both sides stand on either.
    if not sets.number("SELECT count(*) FROM balance WHERE f > s"):
        return
    sent, found = (sets.digest(readback.key, prefix=f"{alias}.") for alias in "sf")
    sets.run(
        f"CREATE OR REPLACE TEMP TABLE often AS SELECT DISTINCT {found} AS k FROM found f "
        f"SEMI JOIN (SELECT h FROM balance WHERE f > s) b ON {sets.digest(columns, prefix='f.')} = b.h"
    )
    sets.run(
        f"INSERT INTO result SELECT 'unexpected', NULL, NULL, _shown, {column}, NULL, _import_id, _import_id FROM "
        f"(SELECT o.k, {shown_key(readback.key, 'f')} AS _shown, f._import_id, "
        "row_number() OVER (PARTITION BY o.k ORDER BY f._row) AS copy "
        f"FROM found f JOIN often o ON {found} = o.k WHERE f._import_id IN ({ours})) "
        f"JOIN (SELECT o.k, count(*) AS n FROM sent s JOIN often o ON {sent} = o.k GROUP BY 1) USING (k) "
        "WHERE copy > n"
    )


def _mixed_imports(sets: RowSets, known: Known, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note where rows that are as they were sent come from several imports, and nobody said whose count."""
    if sets.readback.import_id is None or known.import_ids is not None:
        return
    if sets.number("SELECT count(DISTINCT _import_id) FROM found WHERE _import_id <> ''") < 2:
        return
    rows = sets.run(
        f"SELECT _import_id, count(*) FROM found f SEMI JOIN sent s ON {_alike(sets, columns)} "
        "WHERE _import_id <> '' GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    if len(rows) > 1:
        shown = ", ".join(f"{number} ({count:,} rows)" for number, count in rows[:SHOWN_IDS])
        more = f" and {len(rows) - SHOWN_IDS:,} more" if len(rows) > SHOWN_IDS else ""
        yield f"The rows are of several imports: {shown}{more}. --import-id ID counts only those of one."


def _unnamed_copies(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note where rows without an import id are there more often than they were sent."""
    if not sets.readback.multiset or sets.own_ids:
        return
    copies = sets.number(
        f"SELECT count(*) FROM rest f SEMI JOIN sent s ON {_alike(sets, columns)} WHERE f._import_id = ''"
    )
    if copies:
        yield f"{copies:,} other rows are equal to records of the file: it may have been imported more than once."


def _other_copies(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note where rows like those of the file stand under other import ids as well."""
    if not sets.readback.multiset or not sets.own_ids or not sets.count_of(FOREIGN):
        return
    rows = sets.run(
        f"SELECT _import_id, count(*) FROM foreign_rows f SEMI JOIN sent s ON {_alike(sets, columns)} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    if rows:
        total = sum(count for _, count in rows)
        ids = ", ".join(number or "without an id" for number, _ in rows[:SHOWN_IDS])
        yield f"{total:,} rows like those of the file stand under other import ids: {ids}."


def _alike(sets: RowSets, columns: Sequence[str]) -> str:
    """Return the SQL that a row `f` is as a record `s` was sent, in the columns that are compared in every record."""
    nulls = sets.run(f"SELECT {', '.join(f'count(*) - count({quoted(c)})' for c in columns)} FROM sent")[0]
    compared = [c for c, number in zip(columns, nulls, strict=True) if not number]
    return f"{sets.digest(compared, prefix='f.')} = {sets.digest(compared, prefix='s.')}"
