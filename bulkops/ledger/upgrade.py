"""Create the tables of a ledger, or upgrade those of an older version."""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, func, insert, inspect, select, text, update

from bulkops.ledger.claims import ImportTaken, claim_import
from bulkops.ledger.events import DuplicateImport, EventKind
from bulkops.ledger.models import ADDRESS, target_key
from bulkops.ledger.postgres import is_postgres, wait_for_turn
from bulkops.ledger.rows import chunk_entry
from bulkops.ledger.tables import CHUNKS, EVENTS, IMPORTS, JOBS, METADATA, VERSION
from bulkops.ledger.versions import LATEST, checked_version
from bulkops.settings import server_name

Notify = Callable[[str], None]
UpgradeStep = Callable[[Connection, Notify], None]

# A response has priority over evidence, and an earlier claim over a later one.
CLAIMS = text(
    "SELECT c.*, MIN(CASE WHEN e.kind = :accepted THEN e.id END) AS answer, MAX(e.id) AS latest "
    "FROM chunks c LEFT JOIN events e ON e.job = c.job AND e.chunk = c.number "
    "WHERE c.import_id IS NOT NULL AND c.state IN ('accepted', 'resent', 'in_doubt') GROUP BY c.job, c.number "
    "ORDER BY CASE WHEN MIN(CASE WHEN e.kind = :accepted THEN e.id END) IS NULL THEN 1 ELSE 0 END, MAX(e.id)"
).bindparams(accepted=EventKind.ACCEPTED.value)


def bring_up_to_date(connection: Connection, notify: Notify) -> None:
    """Create the tables, or apply the missing steps; UsageError if a newer version of bulkops made the ledger.

    `notify` receives a sentence for each problem that a step finds in the ledger.
    """
    wait_for_turn(connection)
    version = _version(connection)
    if version == LATEST:
        return
    if version == 0:
        METADATA.create_all(connection)
        connection.execute(insert(VERSION).values(version=LATEST, identity=_new_identity()))
        return
    for step in STEPS[version - 1 :]:
        step(connection, notify)
    connection.execute(update(VERSION).values(version=LATEST))


def identity_of(connection: Connection) -> str | None:
    """Return the name of a ledger, which does not depend on its address."""
    found: str | None = connection.execute(select(func.max(VERSION.c.identity))).scalar_one()
    return found


def _version(connection: Connection) -> int:
    """Return the version of a ledger; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return checked_version(connection.execute(select(func.max(VERSION.c.version))).scalar_one())


def _clock_of_rows(connection: Connection, _: Notify) -> None:
    """Add the columns for the row clock."""
    for column in (CHUNKS.c.created, CHUNKS.c.rows_ahead):
        kind = column.type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {CHUNKS.name} ADD COLUMN {column.name} {kind}")


def _identity(connection: Connection, _: Notify) -> None:
    """Give the ledger a name, and let PostgreSQL store large numbers."""
    connection.exec_driver_sql("ALTER TABLE bulkops_ledger ADD COLUMN identity VARCHAR(40)")
    connection.execute(update(VERSION).values(identity=_new_identity()))
    if is_postgres(connection):
        for table in (JOBS, CHUNKS, EVENTS):
            for name in [c.name for c in table.columns if isinstance(c.type, BigInteger)]:
                connection.exec_driver_sql(f'ALTER TABLE {table.name} ALTER COLUMN "{name}" TYPE BIGINT')


def _one_name_a_server(connection: Connection, _: Notify) -> None:
    """Give each job's target the name that all addresses of its server share; the earlier address becomes a setting.

    Jobs are found by the target's text and by a hash of it, so both must equal those of a new job.
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


def _import_claims(connection: Connection, notify: Notify) -> None:
    """Record which chunk each import belongs to; a chunk needs a manual decision if its import has another owner."""
    IMPORTS.create(connection)
    for row in connection.execute(CLAIMS).mappings().all():
        chunk, answer = chunk_entry(row), row["answer"]
        try:
            claim_import(connection, row["job"], chunk, answered=answer is not None, event=answer or row["latest"] or 0)
        except ImportTaken as taken:
            _report_duplicate(connection, row, taken, notify)


def _report_duplicate(connection: Connection, row: Mapping[Any, Any], taken: ImportTaken, notify: Notify) -> None:
    job, number, claim = row["job"], row["number"], taken.claim
    note = f"{taken}, so the records of this chunk may be missing"
    which = and_(CHUNKS.c.job == job, CHUNKS.c.number == number)
    connection.execute(update(CHUNKS).where(which).values(import_id=None, undecided=True, message=note))
    event = DuplicateImport(import_id=claim.import_id, job=claim.job, chunk=claim.root)
    connection.execute(
        insert(EVENTS).values(
            job=job, chunk=number, at=datetime.now(UTC).isoformat(), kind=event.kind, data=json.dumps(event.stored())
        )
    )
    notify(
        f"Chunk {number} of job {job} was settled by import {claim.import_id}, which belongs to chunk {claim.root} of "
        f"job {claim.job}. Its records may be missing: compare with `bulkops reconcile --job {job}`."
    )


def _new_identity() -> str:
    return secrets.token_hex(6)


# One step per version: the step at index n upgrades version n + 1 to version n + 2. A new ledger needs none.
STEPS: tuple[UpgradeStep, ...] = (_clock_of_rows, _identity, _one_name_a_server, _import_claims)
