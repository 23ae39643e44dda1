"""Decide which import each found row belongs to, and find codes that are stored in another case."""
# ruff: noqa: S608 - only the contracts' own column names and import ids enter the SQL

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bulkops.readback.compare.sql import compared_always, differing, pairs, shown_key
from bulkops.readback.compare.staging import FOREIGN, RowSets
from bulkops.reconciling.sides import ImportFacts
from bulkops.sql import literal, quoted
from bulkops_validators.model.contract import Comparison

SHOWN_IDS = 5


def import_notes(sets: RowSets, known: ImportFacts, columns: Sequence[str], *, unfolded: bool) -> Iterator[str]:
    """Add differences in the import id to `result`, and yield notes about them for the user.

    `columns` are the compared columns. `unfolded`: it is unknown how the application folds codes.
    """
    # Multiset rows belong to our imports by their import id alone; rows without one were removed before.
    if known.import_ids is not None and sets.readback.import_id and sets.found_count and not sets.readback.multiset:
        shown = sets.number("SELECT count(*) FROM (SELECT 1 FROM found WHERE _import_id <> '' LIMIT 1)")
        if shown or any(sets.aside.imports):
            yield from _name_other_imports(sets, known)
        else:
            yield f"The import of the rows was not compared: no row has an {sets.readback.import_id}."
    if unfolded:
        yield from _name_other_case(sets, columns)
    _name_unsent_of_ours(sets, known, columns)
    yield from _unnamed_copies(sets, columns)
    yield from _mixed_imports(sets, known, columns)
    yield from _other_copies(sets, columns)


def _name_other_imports(sets: RowSets, known: ImportFacts) -> Iterator[str]:
    """Report records as different if their rows have a foreign import id, and yield a note about them.

    The server skips or rejects records that exist already. So up to `held_before` such records are expected, and only
    a note is yielded.
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
        yield (
            f"{count:,} records have another import id: they existed before, and the server skipped or rejected them."
        )
        return
    ours = literal(", ".join(str(i) for i in known.import_ids))
    sets.run(
        f"INSERT INTO result SELECT 'different', _record, _line, _shown, {literal(readback.import_id)}, {ours}, i, i "
        "FROM foreigners"
    )


def _name_other_case(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Report missing codes that were found in another case as different, if it is unknown how codes are folded.

    A row with exactly the code of a record belongs to that record alone.
    """
    codes = [c.column for c in sets.readback.columns if c.compare is Comparison.CODE]
    if not codes or not sets.number("SELECT count(*) FROM result WHERE class = 'missing'"):
        return
    code = quoted(codes[0])
    # Select the few similar rows first: a table with all codes of one side is large.
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
        yield f"{count:,} codes were found in another case: give --case to state how the application folds codes."


def _name_unsent_of_ours(sets: RowSets, known: ImportFacts, columns: Sequence[str]) -> None:
    """Mark keyed rows under our import ids that have no record, or more copies than records, in `result`."""
    readback = sets.readback
    if readback.multiset or readback.import_id is None or not known.import_ids:
        return
    ours = ", ".join(literal(str(i)) for i in known.import_ids)
    column = literal(readback.import_id)
    sets.run(
        f"UPDATE result SET col = {column}, found = import_id WHERE class = 'unexpected' AND import_id IN ({ours})"
    )
    # The comparison created `balance`: the number of copies on each side, for rows with unequal numbers.
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


def _mixed_imports(sets: RowSets, known: ImportFacts, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note if matching rows come from several imports and the import ids are unknown."""
    if sets.readback.import_id is None or known.import_ids is not None:
        return
    ids = {number for (number,) in sets.run("SELECT DISTINCT _import_id FROM found")}
    if len({*ids, *sets.aside.imports} - {""}) < 2:
        return
    rows = _by_import(
        sets,
        f"found f SEMI JOIN sent s ON {_alike(sets, columns)} WHERE _import_id <> ''",
        {number: count for number, count in sets.aside.imports.items() if number},
    )
    if len(rows) > 1:
        shown = ", ".join(f"{number} ({count:,} rows)" for number, count in rows[:SHOWN_IDS])
        more = f" and {len(rows) - SHOWN_IDS:,} more" if len(rows) > SHOWN_IDS else ""
        yield f"The rows belong to several imports: {shown}{more}. --import-id ID counts only the rows of one."


def _unnamed_copies(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note if rows without an import id were found more often than they were sent."""
    if not sets.readback.multiset or sets.own_ids:
        return
    copies = sets.number(
        f"SELECT count(*) FROM rest f SEMI JOIN sent s ON {_alike(sets, columns)} WHERE f._import_id = ''"
    )
    if copies:
        yield f"{copies:,} other rows are equal to records of the file: it may have been imported more than once."


def _other_copies(sets: RowSets, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note if rows equal to records of the file also have other import ids."""
    if not sets.readback.multiset or not sets.own_ids or not sets.count_of(FOREIGN):
        return
    rows = _by_import(sets, f"foreign_rows f SEMI JOIN sent s ON {_alike(sets, columns)}", sets.aside.copies)
    if rows:
        total = sum(count for _, count in rows)
        ids = ", ".join(number or "without an id" for number, _ in rows[:SHOWN_IDS])
        yield f"{total:,} rows equal to records of the file have other import ids: {ids}."


def _by_import(sets: RowSets, rows: str, aside: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the import ids of rows with their numbers of rows, the largest first; `aside` are those set aside."""
    counts = Counter(dict(sets.run(f"SELECT _import_id, count(*) FROM {rows} GROUP BY 1")))
    counts.update(aside)
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _alike(sets: RowSets, columns: Sequence[str]) -> str:
    """Return the SQL condition that row `f` equals record `s` in the columns that every record compares."""
    compared = compared_always(sets, columns)
    return f"{sets.digest(compared, prefix='f.')} = {sets.digest(compared, prefix='s.')}"
