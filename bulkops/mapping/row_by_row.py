"""Decide whether a mapping works row by row, so that ranges of its source give the same records as the whole source."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import duckdb

from bulkops.mapping.macros import definitions
from bulkops.mapping.query import SOURCE, StepMapping
from bulkops.sql import quoted

_OPERATORS = frozenset({"PROJECTION", "FILTER", "SEQ_SCAN"})
"""The operators of a plan that handles each row by itself."""
_PURE = frozenset({"list_pack", "list_value", "map", "pi", "version"})
"""Functions without arguments that depend on nothing else either."""
_OF_SESSIONS = frozenset({"age", "ago", "getvariable", "in_search_path"})
"""Functions with arguments that also depend on the time or on the connection."""


def works_row_by_row(mapping: StepMapping, cells: Sequence[str]) -> bool:
    """Return whether each record depends on one row of the source and the look-ups alone, and no row gives several.

    `cells` has the SQL of each import column. The plan of DuckDB decides: it must contain only operators that handle
    each row by itself. It is made over a table without the row numbers of the source, and with a cast for each look-up,
    because both give one value for a row.
    """
    if mapping.joins or mapping.unnest or mapping.group:
        return False
    used = frozenset[str]().union(*(each.functions for each in mapping.expressions))
    # The whole row as one value contains its number.
    whole = any((SOURCE,) in each.names for each in mapping.expressions)
    if whole or used & (_without_arguments() | _OF_SESSIONS):
        return False
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET enable_external_access = false; PRAGMA disable_optimizer")
        for statement in definitions():
            connection.execute(statement)
        for name in mapping.step.lookups:
            connection.execute(f"CREATE TEMP MACRO {quoted(name)}(key) AS key::VARCHAR")
        # A view has no row id, which a table has.
        columns = ", ".join(f"{quoted(name)} VARCHAR" for name in mapping.tables[SOURCE])
        connection.execute(f"CREATE TABLE read ({columns}); CREATE VIEW {SOURCE} AS SELECT * FROM read")
        try:
            plans = connection.execute(
                f"EXPLAIN (FORMAT json) SELECT {', '.join(cells)} {mapping.rows_clause()}"
            ).fetchall()
        except duckdb.Error:
            return False
    return {name for _, plan in plans for name in _operators(json.loads(plan))} <= _OPERATORS


def _operators(plan: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the operators of a plan."""
    for node in plan:
        yield node["name"].strip()
        yield from _operators(node["children"])


@cache
def _without_arguments() -> frozenset[str]:
    """Return the names of functions that may be called without arguments, and may then depend on the moment."""
    with duckdb.connect(config={"threads": 1}) as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'macro') AND len(parameters) = 0 AND varargs IS NULL"
        ).fetchall()
    return frozenset(str(name).lower() for (name,) in rows) - _PURE
