"""The tables of the ledger and the steps that bring an older one up to date."""

from collections.abc import Callable

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    update,
)

from bulkops.ledger.versions import checked_version

METADATA = MetaData()

VERSION = Table("bulkops_ledger", METADATA, Column("version", Integer, nullable=False))

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(80), primary_key=True),
    Column("created", String(40), nullable=False),
    Column("contract", String(40), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("target", Text, nullable=False),
    Column("target_key", String(64), nullable=False),
    Column("file_path", Text, nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("file_bytes", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("header_end", Integer, nullable=False),
    Column("options", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("reconciliation", Text),
    Index("jobs_same_file", "file_sha256", "target_key"),
)

CHUNKS = Table(
    "chunks",
    METADATA,
    Column("job", ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first_record", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("pieces", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("import_id", Integer),
    Column("amount", Integer),
    Column("skipped", Integer, nullable=False),
    Column("parent", Integer),
    Column("first_sent", String(40)),
    Column("clock_offset", Float),
    Column("undecided", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("lines", Text, nullable=False),
    Column("created", String(40)),
    Column("rows_ahead", Float),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", ForeignKey("jobs.id"), nullable=False),
    Column("chunk", Integer),
    Column("at", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Index("events_of_chunk", "job", "chunk"),
)


def _first_tables(connection: Connection) -> None:
    METADATA.create_all(connection)


def _clock_of_rows(connection: Connection) -> None:
    """Add what an answer tells of the clock that dates rows; new tables have it already."""
    there = {column["name"] for column in inspect(connection).get_columns(CHUNKS.name)}
    for column in (CHUNKS.c.created, CHUNKS.c.rows_ahead):
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {CHUNKS.name} ADD COLUMN {column.name} {kind}")


# One step a version: the step at place n brings a ledger of version n to version n + 1.
STEPS: tuple[Callable[[Connection], None], ...] = (_first_tables, _clock_of_rows)


def bring_up_to_date(connection: Connection) -> None:
    """Apply the steps that this ledger lacks; UsageError if a newer bulkops made it."""
    version = _version(connection)
    if version == len(STEPS):
        return
    for step in STEPS[version:]:
        step(connection)
    if version == 0:
        connection.execute(insert(VERSION).values(version=len(STEPS)))
    else:
        connection.execute(update(VERSION).values(version=len(STEPS)))


def _version(connection: Connection) -> int:
    """Return how many steps a ledger has; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return checked_version(connection.execute(select(func.max(VERSION.c.version))).scalar_one())
