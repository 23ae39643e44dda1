"""What PostgreSQL needs to be told: durable commits, one process at a time for what must not happen twice."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError

DRIVER = "postgresql+psycopg"
PAUSE = 0.2
# A firewall that drops a silent connection would take the locks of a running job with it.
ALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
MIGRATING = text("SELECT pg_advisory_xact_lock(hashtextextended('bulkops ledger', 0))")
CLAIMING = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 1))")


def is_postgres(database: Engine | Connection) -> bool:
    """Tell whether a database is PostgreSQL."""
    return database.dialect.name == "postgresql"


def open_postgres(url: URL) -> Engine:
    """Return an engine whose commits are on the server's disk when they return; UsageError without a driver."""
    if url.drivername == "postgresql":
        url = url.set(drivername=DRIVER)
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args=ALIVE if url.drivername == DRIVER else {})
    except ModuleNotFoundError as error:
        raise UsageError(
            f"A ledger in PostgreSQL needs {error.name}.", hint="Install it: pip install 'bulkops[postgres]'"
        ) from None
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(DURABLE)
    connection.commit()


def wait_for_turn(connection: Connection) -> None:
    """Let one process at a time make or change the tables, until its transaction ends."""
    if is_postgres(connection):
        connection.execute(MIGRATING)


def wait_for_place(connection: Connection, place: str) -> None:
    """Let one process at a time claim imports of a place, until its transaction ends; SQLite has one writer anyway."""
    if is_postgres(connection):
        connection.execute(CLAIMING, {"place": place})


@contextmanager
def exclusive_in_database(engine: Engine, name: str, *, what: str, clock: Clock, patience: float) -> Iterator[None]:
    """Hold the lock called `name` across machines; GuardRefused after `patience` seconds.

    The server frees it with the connection, however its owner ended.
    """
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except SQLAlchemyError as error:
        raise UsageError(f"The ledger cannot be used: {str(error).splitlines()[0]}. Nothing was sent.") from None
    try:
        _wait(connection, name, what=what, clock=clock, patience=patience)
        yield
    finally:
        with suppress(SQLAlchemyError):
            connection.execute(UNLOCK, {"name": name})
        connection.close()


def _wait(connection: Connection, name: str, *, what: str, clock: Clock, patience: float) -> None:
    end = clock.monotonic() + patience
    while not connection.execute(LOCK, {"name": name}).scalar_one():
        if clock.monotonic() >= end:
            raise GuardRefused(f"{what} is being worked on by a process elsewhere.", hint="Wait for it to end.")
        clock.sleep(PAUSE)
