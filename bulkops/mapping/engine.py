"""Run the SQL of a mapping in a DuckDB that reads nothing but the staged sources, and find the row of an error."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import polars as pl

from bulkops.errors import DataError, UsageError
from bulkops.mapping.expressions import Expression, MappingError
from bulkops.mapping.macros import definitions
from bulkops.mapping.query import SOURCE, StepMapping
from bulkops.mapping.staging import ROW, Staged
from bulkops.sources.table import LINE, PART
from bulkops.sql import literal, quoted

MEMORY = "400MB"
NO_SPACE = (duckdb.IOException, duckdb.OutOfMemoryException)
VALUE_ERRORS = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.DataError)
INSTANT = "'%Y-%m-%dT%H:%M:%SZ'"


@dataclass(frozen=True, kw_only=True)
class LookupTable:
    """The keys and values of a look-up, as a list, or as a staged source with the names of the two columns."""

    missing: str
    values: Mapping[str, str]
    staged: Staged | None = None
    names: tuple[str, str] = ("", "")


class Engine:
    """A DuckDB connection for one step. Expressions can reach no file, no network, no setting and no variable.

    It may read and write in `folder`, which also takes the data that exceeds the memory, and in the folder `readable`.
    """

    def __init__(self, folder: Path, *, threads: int = 2, readable: Path | None = None) -> None:
        folders = ", ".join(literal(str(each)) for each in (folder, readable) if each is not None)
        self._connection = duckdb.connect(
            config={
                "threads": threads,
                "memory_limit": MEMORY,
                "temp_directory": str(folder / "spill"),
                "preserve_insertion_order": "true",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self._connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        self._connection.execute("SET python_enable_replacements = false")
        self._connection.execute(f"SET allowed_directories = [{folders}]")
        self._connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        for statement in definitions():
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._connection.close()

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows; UsageError if memory or disk space runs out."""
        try:
            return self._connection.execute(statement).fetchall()
        except NO_SPACE as error:
            raise no_space(error) from None

    def frame(self, statement: str) -> pl.DataFrame:
        """Return the rows of a query as a frame; PolarsError if it fails, UsageError without memory or disk space."""
        try:
            return pl.DataFrame(self._connection.sql(statement))
        except NO_SPACE as error:
            raise no_space(error) from None

    def number(self, statement: str) -> int:
        """Return the single number of a result; 0 for NULL."""
        return int(self.run(statement)[0][0] or 0)

    def add(self, name: str, staged: Staged) -> None:
        """Create or replace the view of a source."""
        self.run(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT * FROM {staged.sql}")

    def add_lookup(self, name: str, table: LookupTable) -> None:
        """Create the function of a look-up; DataError if a key has several values."""
        rows = quoted(f"lookup_{name}")
        if table.staged is not None:
            columns = "clean({}) AS k, {} AS v".format(*map(quoted, table.names))
            self.run(f"CREATE TEMP TABLE {rows} AS SELECT DISTINCT {columns} FROM {table.staged.sql}")
        else:
            pairs = ", ".join(f"({literal(key)}, {literal(value)})" for key, value in table.values.items())
            self.run(f"CREATE TEMP TABLE {rows} AS SELECT * FROM (VALUES {pairs}) t(k, v)")
        several = self.run(f"SELECT k FROM {rows} GROUP BY k HAVING count(*) > 1 ORDER BY k LIMIT 1")
        if several:
            raise DataError(f"lookups.{name}: the key {several[0][0]!r} has several values.")
        unknown = {
            "error": f"error({literal(f'the look-up {name} has no key ')} || key)",
            "blank": "NULL",
            "keep": "key",
        }[table.missing]
        found = f"(SELECT v FROM {rows} WHERE k = key)"
        exists = f"(SELECT true FROM {rows} WHERE k = key)"
        self.run(
            f"CREATE TEMP MACRO {quoted(name)}(key) AS "
            f"CASE WHEN key IS NULL THEN NULL WHEN {exists} THEN {found} ELSE {unknown} END"
        )


def bound(engine: Engine, mapping: StepMapping) -> list[str]:
    """Return the SQL of each import column as text; MappingError if an expression has no meaning for the sources."""
    plain = f"{mapping.from_clause()}{mapping.unnest_clause()}"
    for name, match in mapping.joins.items():
        _type_of(engine, match, f"FROM {SOURCE}, {', '.join(quoted(each) for each in mapping.joins)}", f"joins.{name}")
    if mapping.unnest is not None:
        kind = _type_of(engine, mapping.unnest, mapping.from_clause())
        if not kind.endswith("[]"):
            raise MappingError(mapping.unnest.key, f"the expression is {kind}, not a list.", hint="Use split_list(x).")
    for each in (*mapping.group, *([mapping.where] if mapping.where else [])):
        kind = _type_of(engine, each, plain)
        if each is mapping.where and kind != "BOOLEAN":
            raise MappingError(each.key, f"the expression is {kind}, not a condition.")
    grouped = f"{plain}{mapping.where_clause()}{mapping.group_clause()}"
    texts = [_as_text(each, _type_of(engine, each, grouped)) for each in mapping.columns]
    constants = [f"nullif({literal(value)}, '')" for value in mapping.step.constants.values()]
    return texts + constants


def _type_of(engine: Engine, expression: Expression, clause: str, key: str | None = None) -> str:
    """Return the SQL type of an expression over a FROM clause."""
    try:
        found = engine.run(f"DESCRIBE SELECT ({expression.sql}\n) AS value {clause}")
    except duckdb.Error as error:
        raise MappingError(key or expression.key, f"{expression.sql!r}: {_reason(error)}") from None
    return str(found[0][1])


def _as_text(expression: Expression, kind: str) -> str:
    """Return the SQL that writes a value of a type in the import format."""
    sql = f"({expression.sql}\n)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({sql} AT TIME ZONE 'UTC', {INSTANT})"
    if kind.startswith(("DATE", "TIMESTAMP", "TIME")):
        raise MappingError(
            expression.key, f"{expression.sql!r} is a {kind}, which has no time zone.",
            hint="Use instant(x, FORMAT, ZONE), end_of_day(x, FORMAT, ZONE) or iso_instant(x, ZONE).",
        )  # fmt: skip
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({sql})::VARCHAR"
    return f"nullif({sql}::VARCHAR, '')"


@contextmanager
def located(engine: Engine, mapping: StepMapping, source: Staged) -> Iterator[None]:
    """Turn an error of an expression into a DataError that names the expression and the first row with the error."""
    try:
        yield
    except VALUE_ERRORS as error:
        key, row, reason = _first_failure(engine, mapping, source.rows) or ("", None, _reason(error))
        place = f"{row_place(engine, source, row)}: " if row is not None else ""
        raise DataError(
            f"{place}{key + ': ' if key else ''}{reason}",
            hint="Change the expression, for example with try_cast, or correct the value in the source.",
        ) from None


def _first_failure(engine: Engine, mapping: StepMapping, rows: int) -> tuple[str, int, str] | None:
    """Return the key, the row and the reason of the first failure; None if no expression fails by itself."""
    found: tuple[str, int, str] | None = None
    conditions = [f"({mapping.where.sql}\n)"] if mapping.where else []
    before = [each for each in (mapping.unnest, mapping.where, *mapping.group) if each is not None]
    for each in (*before, *mapping.columns):
        late = each in mapping.columns
        clause = mapping.from_clause() + (mapping.unnest_clause() if each is not mapping.unnest else "")
        checked = _Checked(each.sql, clause, conditions if late else [], mapping.group_clause() if late else "")
        low, high = 0, rows if found is None else found[1]
        if (reason := checked.failure(engine, low, high)) is None:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if (sooner := checked.failure(engine, low, middle)) is not None:
                high, reason = middle, sooner
            else:
                low = middle
        found = (each.key, low, reason)
    return found


@dataclass(frozen=True)
class _Checked:
    """An expression with everything that it needs in a query."""

    sql: str
    clause: str
    conditions: Sequence[str]
    group: str

    def failure(self, engine: Engine, start: int, end: int) -> str | None:
        """Return why the expression fails for rows of a range; None if it does not."""
        within = f"{SOURCE}.{ROW} >= {start} AND {SOURCE}.{ROW} < {end}"
        where = " AND ".join([within, *self.conditions])
        try:
            engine.run(
                f"SELECT max(v) FROM (SELECT ({self.sql}\n)::VARCHAR AS v {self.clause} WHERE {where}{self.group})"
            )
        except VALUE_ERRORS as error:
            return _reason(error)
        return None


def row_place(engine: Engine, source: Staged, row: int) -> str:
    """Return the place of a row of the source."""
    part, line = engine.run(f"SELECT {PART}, {LINE} FROM {SOURCE} WHERE {ROW} = {row}")[0]
    found = source.parts[part]
    sheet = f", sheet {found.sheet}" if found.sheet else ""
    return f"{found.name}{sheet}, {found.unit} {line}"


def no_space(error: Exception) -> UsageError:
    """Return the error for rows that cannot be written, because memory or disk space ran out."""
    return UsageError(
        f"The rows cannot be mapped: {_first_line(error)}",
        hint="Free disk space in the state folder, or set BULKOPS_STATE to a folder with enough space.",
    )


def _reason(error: Exception) -> str:
    """Return the first sentence of an error of DuckDB, without the name of its kind."""
    text = _first_line(error)
    head, colon, rest = text.partition(" Error: ")
    return (rest if colon and len(head) < 40 else text).rstrip(".") + "."


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def joined_twice(engine: Engine, mapping: StepMapping, names: Sequence[str]) -> int | None:
    """Return the first row of the source that has several partners in joins that allow one; None if there is none."""
    for name in names:
        clause = f"FROM {SOURCE} JOIN {quoted(name)} ON ({mapping.joins[name].sql}\n)"
        found = engine.run(f"SELECT {SOURCE}.{ROW} {clause} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1")
        if found:
            return int(found[0][0])
    return None
