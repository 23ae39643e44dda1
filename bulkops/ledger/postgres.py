"""Configure PostgreSQL for a ledger: durable commits, and locks for steps that only one process may do at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from bulkops.clock import Clock
from bulkops.errors import InUse, LedgerUnusable, Unfinished, UsageError

DRIVER = "postgresql+psycopg"
PAUSE = 0.2
# A firewall that drops an idle connection would release the locks of a running job. These limits detect an unresponsive
# server within seconds; without them the system would wait for many minutes.
CONNECTION = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "connect_timeout": 15,
    "tcp_user_timeout": 60_000,
    # A database without an encoding (SQL_ASCII) would return bytes instead of text.
    "client_encoding": "utf8",
}
DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
ALIVE = text("SELECT 1")
UNREADY = ("08", "53", "57")  # connection lost, too many connections, server stopping or starting
BACK = "Make the database available, then resume the job; if no job has begun, run the command again."
MIGRATING = text("SELECT pg_advisory_xact_lock(hashtextextended('bulkops ledger', 0))")
WRITING_EVENTS = (
    "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND relation = to_regclass('events') "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock' "
    "AND pid IS DISTINCT FROM pg_backend_pid() LIMIT 1"
)
"""Whether another transaction is writing events; a transaction keeps its locks until its end is visible."""
CLAIMING = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 1))")


def is_postgres(database: Engine | Connection) -> bool:
    """Return whether a database is PostgreSQL."""
    return database.dialect.name == "postgresql"


def open_postgres(url: URL) -> Engine:
    """Return an engine that waits for each commit to be on the server's disk; UsageError without a driver."""
    if url.drivername == "postgresql":
        url = url.set(drivername=DRIVER)
    try:
        own = {name: value for name, value in CONNECTION.items() if name not in url.query}
        engine = create_engine(url, pool_pre_ping=True, connect_args=own if url.drivername == DRIVER else {})
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
    """Wait until no other process creates or changes the tables; held until the transaction ends."""
    if is_postgres(connection):
        connection.execute(MIGRATING)


def wait_for_place(connection: Connection, place: str) -> None:
    """Wait until no other process claims imports of a place; held until the transaction ends. SQLite has one writer."""
    if is_postgres(connection):
        connection.execute(CLAIMING, {"place": place})


class DatabaseLock:
    """A lock across all machines. The server releases it when the connection of its owner ends."""

    def __init__(self, engine: Engine, name: str, *, what: str) -> None:
        self._engine = engine
        self._name = name
        self._what = what
        self._connection: Connection | None = None
        self._turn = Lock()

    @contextmanager
    def locked(self, *, clock: Clock, patience: float) -> Iterator[None]:
        """Hold the lock; InUse after `patience` seconds, LedgerUnusable if the database cannot be reached."""
        try:
            try:
                self._connect()
                end = clock.monotonic() + patience
                while not self._taken():
                    if clock.monotonic() >= end:
                        raise InUse(
                            f"{self._what} is in use by a process on another machine.",
                            hint="Wait until that process has ended.",
                        )
                    clock.sleep(PAUSE)
            except SQLAlchemyError as error:
                raise LedgerUnusable(f"The ledger cannot be used: {first_line(error)}.", hint=BACK) from None
            yield
        finally:
            self._free()

    def keep(self) -> None:
        """Take the lock again if its connection was lost; Unfinished if another process took it."""
        with self._turn:
            try:
                if self._connection is not None:
                    self._connection.execute(ALIVE)
                    return
            except SQLAlchemyError:
                self._disconnect()
            try:
                self._connect()
                taken = self._taken()
            except SQLAlchemyError as error:
                self._disconnect()
                raise Unfinished(
                    f"The ledger cannot be reached: {first_line(error)}. Nothing more was sent.", hint=BACK
                ) from None
            if not taken:
                self._disconnect()
                raise Unfinished(
                    f"The connection to the ledger was lost, and {self._what} is now in use by another "
                    "process. Nothing more was sent.",
                    hint="Wait until that process has ended, then resume the job.",
                )

    def _connect(self) -> None:
        self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _taken(self) -> bool:
        return self._connection is not None and bool(self._connection.execute(LOCK, {"name": self._name}).scalar_one())

    def _free(self) -> None:
        with suppress(SQLAlchemyError):
            if self._connection is not None:
                self._connection.execute(UNLOCK, {"name": self._name})
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        with suppress(SQLAlchemyError):
            if connection is not None:
                connection.close()


def first_line(error: Exception) -> str:
    """Return the database's message of an error, without the statement."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def is_out_of_reach(error: SQLAlchemyError) -> bool:
    """Return whether a PostgreSQL server is unreachable or not ready, rather than refusing the statement."""
    original = getattr(error, "orig", None)
    if original is None or not type(original).__module__.startswith("psycopg"):
        return False
    state = getattr(original, "sqlstate", None) or ""
    return not state or state.startswith(UNREADY)
