"""Build the SQL that the keyed and the multiset comparison share."""
# ruff: noqa: S608 - only the contracts' own column names and our own words enter the SQL

from collections.abc import Iterator, Sequence

from bulkops.readback.compare.staging import SENT, RowSets
from bulkops.sql import literal, quoted


def balance(sets: RowSets, sent: str, found: str, columns: Sequence[str]) -> str:
    """Return the SQL that counts each row on both sides, for rows with unequal counts.

    Columns: `h` (digest of the row), `s` (number sent), `f` (number found).
    """
    return (
        "SELECT h, sum(s) AS s, sum(f) AS f FROM ("
        f"SELECT {sets.digest(columns)} AS h, 1 AS s, 0 AS f FROM {sent} UNION ALL "
        f"SELECT {sets.digest(columns)}, 0, 1 FROM {found}) GROUP BY h HAVING sum(s) <> sum(f)"
    )


def compared_always(sets: RowSets, columns: Sequence[str]) -> list[str]:
    """Return those of the columns that no record leaves out of the comparison."""
    nulls = sets.nulls(SENT)
    return [c for c in columns if not nulls[c]]


def pairs(columns: Sequence[str]) -> str:
    """Return the SQL that selects the cells of both sides as s0, f0, s1, f1 and so on."""
    return ", ".join(f"d.{quoted(c)} AS s{n}, c.{quoted(c)} AS f{n}" for n, c in enumerate(columns))


def differing(table: str, columns: Sequence[str]) -> Iterator[str]:
    """Yield one SQL statement a column that adds the cells with different values to `result`."""
    for number, column in enumerate(columns):
        yield (
            f"INSERT INTO result SELECT 'different', _record, _line, _shown, {literal(column)}, s{number}, f{number}, "
            f"_import_id FROM {table} WHERE s{number} <> f{number}"
        )


def shown_key(key: Sequence[str], alias: str) -> str:
    """Return the SQL that shows a key as text: its filled cells, separated by vertical bars."""
    cells = ", ".join(f"nullif({alias}.{quoted(c)}, '')" for c in key)
    return f"concat_ws(' | ', {cells})"
