"""Read the rows of a query from a database, in a read-only transaction: DuckDB itself, others with SQLAlchemy."""

import datetime as dt
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from bulkops.errors import InputUnreadable, UsageError
from bulkops.recipe_source import SourceSpec
from bulkops.redaction import redacted
from bulkops.redaction import remember as hide
from bulkops.temporary import temporary_folder

FETCHED = 20_000
"""Rows that are fetched at a time."""
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}
SUPPORTED = "postgresql://, mysql://, sqlite:/// or duckdb:///"


@dataclass(frozen=True, kw_only=True)
class SourceDatabase:
    """A database and the query to run. `name` is its address without the password."""

    url: URL
    name: str
    query: str


def database_of(spec: SourceSpec) -> SourceDatabase:
    """Return the database of a source; UsageError if its address is missing or invalid."""
    address = spec.database
    if spec.database_env is not None:
        address = os.environ.get(spec.database_env)
        if not address:
            raise UsageError(f"The environment variable {spec.database_env}, the address of a database, is not set.")
    try:
        url = make_url(address or "")
    except ArgumentError:
        raise UsageError("The address of a database is invalid.", hint=f"It begins with {SUPPORTED}.") from None
    if url.password:
        hide(url.password)
    if url.get_backend_name() not in {"postgresql", "postgres", "mysql", "mariadb", "sqlite", "duckdb"}:
        raise UsageError(f"{url.drivername}:// is not supported.", hint=f"Use {SUPPORTED}.")
    name = URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()
    found = SourceDatabase(url=url, name=name, query=spec.query or "")
    return found if spec.table is None else replace(found, query=_whole_table(found, spec.table))


def _whole_table(database: SourceDatabase, table: str) -> str:
    """Return a query for all rows of a table, in the order of all columns."""
    quote = "`" if database.url.get_backend_name() in {"mysql", "mariadb"} else '"'
    quoted = ".".join(quote + part.replace(quote, 2 * quote) + quote for part in table.split("."))
    every = f"SELECT * FROM {quoted}"  # noqa: S608 - the name is quoted
    names = column_names(replace(database, query=f"{every} WHERE 1 = 0"))
    return f"{every} ORDER BY {', '.join(map(str, range(1, len(names) + 1)))}"


def table_names(address: str) -> list[str]:
    """Return the names of the tables and views of a database, in the order of their names."""
    database = database_of(SourceSpec(database=address, query="SELECT 1 ORDER BY 1"))
    query = (
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"
        if database.url.get_backend_name() == "sqlite"
        else "SELECT table_name FROM information_schema.tables WHERE table_schema NOT IN ('information_schema', "
        "'pg_catalog', 'mysql', 'performance_schema', 'sys') ORDER BY table_name"
    )
    return [str(row[0]) for _, row in rows(replace(database, query=query))]


def column_names(database: SourceDatabase) -> tuple[str, ...]:
    """Return the names of the columns of the query."""
    with _cursor(database) as (names, _):
        return names


def rows(database: SourceDatabase) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the rows of the query as text, numbered from 1."""
    with _cursor(database) as (_, found):
        yield from ((number, [_text(value) for value in row]) for number, row in enumerate(found, start=1))


@contextmanager
def _cursor(database: SourceDatabase) -> Iterator[tuple[tuple[str, ...], Iterator[Sequence[Any]]]]:
    """Run the query, and yield its columns and its rows; InputUnreadable if that fails."""
    reading = _duckdb(database) if database.url.get_backend_name() == "duckdb" else _sqlalchemy(database)
    try:
        with reading as found:
            yield found
    except (SQLAlchemyError, duckdb.Error, ImportError) as error:
        reason = redacted(str(getattr(error, "orig", None) or error)).strip().splitlines()[0]
        raise InputUnreadable(f"{database.name}: the query failed: {reason}") from None


@contextmanager
def _duckdb(database: SourceDatabase) -> Iterator[tuple[tuple[str, ...], Iterator[Sequence[Any]]]]:
    path = database.url.database or ""
    if not os.path.isfile(path):  # noqa: PTH113 - a text from an address
        raise InputUnreadable(f"{path} does not exist.")
    with (
        # By default, rows that exceed the memory are written to a folder beside the database.
        temporary_folder() as spill,
        duckdb.connect(
            path, read_only=True, config={"threads": 2, "memory_limit": "400MB", "temp_directory": str(spill / "spill")}
        ) as connection,
    ):
        connection.execute("SET enable_external_access = false; SET enable_progress_bar = false")
        found = connection.execute(database.query)
        yield tuple(column[0] for column in found.description or ()), _fetched(found)


def _fetched(found: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    while part := found.fetchmany(FETCHED):
        yield from part


@contextmanager
def _sqlalchemy(database: SourceDatabase) -> Iterator[tuple[tuple[str, ...], Iterator[Sequence[Any]]]]:
    url, kind = database.url, database.url.get_backend_name()
    if kind == "sqlite":
        if not url.database or not os.path.isfile(url.database):  # noqa: PTH113 - a text from an address
            raise InputUnreadable(f"{url.database} does not exist.")
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    elif url.drivername in DRIVERS:
        url = url.set(drivername=DRIVERS[url.drivername])
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            _read_only(connection, kind)
            streamed = connection.execution_options(stream_results=True, yield_per=FETCHED)
            with streamed.execute(text(database.query)) as found:
                yield tuple(found.keys()), (tuple(row) for row in found)
    finally:
        engine.dispose()


def _read_only(connection: Connection, kind: str) -> None:
    """Make the transaction read-only, in the server itself."""
    if kind in {"postgresql", "postgres"}:
        connection.execute(text("SET TRANSACTION READ ONLY"))
    elif kind in {"mysql", "mariadb"}:
        connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
        connection.commit()


def _text(value: Any) -> str | None:
    """Return a value of a database as text: instants and dates as in ISO 8601, lists and objects as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat() if value.tzinfo else value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, default=_text, ensure_ascii=False)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
