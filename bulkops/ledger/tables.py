"""The tables of the ledger."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

# `identity` distinguishes ledgers, independent of the address by which they are opened.
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

# The chunk that an import belongs to. `place` is contract and target, `root` the planned chunk with the records.
# `turn` counts how often the server used the same id for another import; `event` is the event of the claim.
IMPORTS = Table(
    "imports",
    METADATA,
    Column("place", String(64), primary_key=True),
    Column("import_id", BigInteger, primary_key=True, autoincrement=False),
    Column("turn", Integer, primary_key=True, autoincrement=False),
    Column("job", ForeignKey("jobs.id"), nullable=False),
    Column("root", Integer, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("event", BigInteger, nullable=False),
)
