"""The tables of the ledger and the steps that bring an older one up to date."""

import json
import secrets
from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
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

from bulkops.ledger.entries import ADDRESS, target_key
from bulkops.ledger.postgres import is_postgres, wait_for_turn
from bulkops.ledger.versions import LATEST, checked_version
from bulkops.settings import server_name

METADATA = MetaData()

# `identity` tells one ledger from another, by whatever address it is opened.
VERSION = Table("bulkops_ledger", METADATA, Column("version", Integer, nullable=False), Column("identity", String(40)))

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
    Column("file_bytes", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("header_end", BigInteger, nullable=False),
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
    Column("first_record", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("pieces", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("import_id", BigInteger),
    Column("amount", BigInteger),
    Column("skipped", BigInteger, nullable=False),
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
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job", ForeignKey("jobs.id"), nullable=False),
    Column("chunk", Integer),
    Column("at", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Index("events_of_chunk", "job", "chunk"),
)


def _clock_of_rows(connection: Connection) -> None:
    """Add what an answer tells of the clock that dates rows."""
    for column in (CHUNKS.c.created, CHUNKS.c.rows_ahead):
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {CHUNKS.name} ADD COLUMN {column.name} {kind}")


def _identity(connection: Connection) -> None:
    """Let ledgers have a name, and PostgreSQL keep large numbers."""
    connection.exec_driver_sql("ALTER TABLE bulkops_ledger ADD COLUMN identity VARCHAR(40)")
    connection.execute(update(VERSION).values(identity=_new_identity()))
    if is_postgres(connection):
        for table in (JOBS, CHUNKS, EVENTS):
            for name in [c.name for c in table.columns if isinstance(c.type, BigInteger)]:
                connection.exec_driver_sql(f'ALTER TABLE {table.name} ALTER COLUMN "{name}" TYPE BIGINT')


def _one_name_a_server(connection: Connection) -> None:
    """Give each job's target the name that all addresses of its server share; the address it had stays a setting.

    Jobs are found by the target's text and by a hash of it, so both must be those that a job of today has.
    """
    jobs = select(JOBS.c.id, JOBS.c.contract, JOBS.c.target, JOBS.c.options, JOBS.c.settings)
    for job in connection.execute(jobs).all():
        target = json.loads(job.target)
        address = target["base_url"]
        server = server_name(address)
        if server == address:
            continue
        target["base_url"] = server
        values = {
            "target": json.dumps(target),
            "target_key": target_key(job.contract, target, json.loads(job.options)),
            "settings": json.dumps({ADDRESS: address, **json.loads(job.settings)}),
        }
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(**values))


def _new_identity() -> str:
    return secrets.token_hex(6)


# One step a version: the step at place n brings a ledger of version n + 1 to version n + 2. A new one has all of them.
STEPS: tuple[Callable[[Connection], None], ...] = (_clock_of_rows, _identity, _one_name_a_server)


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or apply the steps that this ledger lacks; UsageError if a newer bulkops made it."""
    wait_for_turn(connection)
    version = _version(connection)
    if version == LATEST:
        return
    if version == 0:
        METADATA.create_all(connection)
        connection.execute(insert(VERSION).values(version=LATEST, identity=_new_identity()))
        return
    for step in STEPS[version - 1 :]:
        step(connection)
    connection.execute(update(VERSION).values(version=LATEST))


def identity_of(connection: Connection) -> str | None:
    """Return the name by which a ledger is known, whatever its address."""
    found: str | None = connection.execute(select(func.max(VERSION.c.identity))).scalar_one()
    return found


def _version(connection: Connection) -> int:
    """Return the version of a ledger; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return checked_version(connection.execute(select(func.max(VERSION.c.version))).scalar_one())
