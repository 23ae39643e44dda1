"""Check the SQL expressions of a recipe before they run: one expression each, without a query and without chance."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from bulkops.errors import UsageError

CLOCKS = frozenset(
    {
        "current_date", "current_localtime", "current_localtimestamp", "current_time", "current_timestamp",
        "get_current_time", "get_current_timestamp", "localtime", "localtimestamp", "now", "today",
        "transaction_timestamp", "current_setting", "current_user", "session_user", "user",
    }
)  # fmt: skip
"""Functions and words with a value that depends on the moment or the machine."""
ALLOWED = frozenset({"error"})
"""Functions that DuckDB calls volatile although their result depends on their arguments alone."""
SEVERAL = frozenset({"generate_subscripts", "regexp_split_to_table", "unlist", "unnest"})
"""Functions that turn one row into several, so that the counts of rows and the origins would be wrong."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A parsed expression. `names` are its column references in lower case, each as a tuple of its parts."""

    key: str
    sql: str
    names: frozenset[tuple[str, ...]]
    functions: frozenset[str]
    windows: bool

    @property
    def aggregates(self) -> frozenset[str]:
        """The aggregate functions in the expression."""
        return self.functions & _functions("aggregate")


class MappingError(UsageError):
    """A mapping is invalid. `key` is the key of the step that must be changed."""

    def __init__(self, key: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{key}: {message}", hint=hint)
        self.key = key


def parsed(key: str, sql: str, columns: Collection[str]) -> Expression:
    """Return an expression; MappingError if it is not one deterministic expression.

    `columns` are known names of columns, which may be equal to words of SQL that are refused otherwise.
    """
    tree = _tree(key, sql)
    names, functions, windows = set[tuple[str, ...]](), set[str](), False
    for node in _nodes(tree):
        match node.get("class"):
            case "SUBQUERY":
                raise MappingError(key, "a query inside an expression is not allowed.", hint="Use joins or lookups.")
            case "STAR" | "PARAMETER":
                raise MappingError(key, f"{sql!r} is not a single value.", hint="Name the columns.")
            case "COLUMN_REF":
                names.add(tuple(part.lower() for part in node["column_names"]))
            case "WINDOW":
                windows = True
                functions.add(node["function_name"].lower())
            case "FUNCTION":
                functions.add(node["function_name"].lower())
    known = {name.lower() for name in columns}
    used = functions | {name[0] for name in names if len(name) == 1 and name[0] not in known}
    if odd := sorted((used & CLOCKS) | ((functions & _functions("volatile")) - ALLOWED)):
        raise MappingError(
            key,
            f"{odd[0]} has another value in each run, so an interrupted run could not go on.",
            hint="Write the value into the recipe, or use a variable: ${NAME} and --set NAME=VALUE.",
        )
    if several := sorted(functions & SEVERAL):
        raise MappingError(
            key, f"{several[0]} gives several values for a row.", hint="Put the list under `unnest:` of the step."
        )
    return Expression(key=key, sql=sql, names=frozenset(names), functions=frozenset(functions), windows=windows)


def _tree(key: str, sql: str) -> Mapping[str, Any]:
    """Return the syntax tree of one expression."""
    # The line end closes a comment at the end of the expression.
    (written,) = _parser().execute("SELECT json_serialize_sql(?)", [f"SELECT ({sql}\n)"]).fetchone() or ("{}",)
    found = json.loads(written)
    if found["error"]:
        raise MappingError(key, f"{sql!r} is not a SQL expression: {found['error_message']}.")
    statements = found["statements"]
    node = statements[0]["node"]
    plain = node.get("type") == "SELECT_NODE" and node["from_table"]["type"] == "EMPTY" and not node["modifiers"]
    if len(statements) != 1 or not plain or node["where_clause"] or len(node["select_list"]) != 1:
        raise MappingError(key, f"{sql!r} is not one SQL expression.")
    tree: Mapping[str, Any] = node["select_list"][0]
    if tree.get("function_name") == "row" and "," in sql and not sql.lstrip().lower().startswith(("row", "(")):
        raise MappingError(key, f"{sql!r} has several values.")
    return tree


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every node of a syntax tree."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET enable_external_access = false")
    return connection


@cache
def _functions(kind: str) -> frozenset[str]:
    """Return the names of DuckDB's functions that are `volatile`, or only ever `aggregate`; all for `known`."""
    condition = {
        "volatile": "stability = 'VOLATILE'",
        "aggregate": "function_type = 'aggregate'",
        "known": "true",
    }[kind]
    rows = _parser().execute(
        f"SELECT DISTINCT function_name FROM duckdb_functions() WHERE {condition}"  # noqa: S608 - a constant
    )
    found = {str(name).lower() for (name,) in rows.fetchall()}
    if kind == "aggregate":
        scalar = _parser().execute("SELECT function_name FROM duckdb_functions() WHERE function_type = 'scalar'")
        found -= {str(name).lower() for (name,) in scalar.fetchall()}
    return frozenset(found)


def known_functions() -> frozenset[str]:
    """Return the names of all functions, which a look-up must not take."""
    return _functions("known")
