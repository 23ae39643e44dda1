"""Execute the statements of every write with the driver of SQLite: the engine takes five times as long for each.

PostgreSQL is reached by the engine. Both run in the transaction that the engine has begun.
"""

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Insert, Update
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

NAMED = SQLiteDialect(paramstyle="named")


def changed_rows(connection: Connection, statement: Update, values: Mapping[str, Any]) -> int:
    """Execute an update and return the number of rows that it changed."""
    if (driver := _driver(connection)) is not None:
        return driver.execute(_text(statement, tuple(values)), values).rowcount
    return connection.execute(statement, values).rowcount


def add_row(connection: Connection, statement: Insert, values: Mapping[str, Any]) -> int | None:
    """Insert a row and return its number; None if the table does not number its rows, or the database hides them."""
    if (driver := _driver(connection)) is not None:
        return driver.execute(_text(statement, tuple(values)), values).lastrowid
    key = connection.execute(statement, values).inserted_primary_key
    return key[0] if key is not None and isinstance(key[0], int) else None


def first_row(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the first row of a query; None without rows."""
    if (driver := _driver(connection)) is not None:
        found: tuple[Any, ...] | None = driver.execute(_text(statement, None), values).fetchone()
        return found
    row = connection.execute(statement, values).first()
    return None if row is None else tuple(row)


def _driver(connection: Connection) -> sqlite3.Connection | None:
    """Return the connection of SQLite; None for another database."""
    driver = connection.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


@lru_cache(maxsize=64)
def _text(statement: Executable, names: tuple[str, ...] | None) -> str:
    """Return a statement as SQL with named parameters; `names` are the columns of the values of an insert."""
    columns = list(names) if names is not None and isinstance(statement, Insert) else None
    return str(statement.compile(dialect=NAMED, column_keys=columns))  # type: ignore[attr-defined] # of all statements
