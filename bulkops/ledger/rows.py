"""Convert between the rows of the ledger's tables and its typed entries."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bulkops.ledger.events import Event
from bulkops.ledger.models import REMOTE, ChunkEntry, JobEntry, KnownImport
from bulkops.ledger.states import ChunkState
from bulkops.redaction import redacted, redacted_document
from bulkops.remote.paths import path_of

TableRow = Mapping[Any, Any]


def job_values(job: JobEntry) -> dict[str, Any]:
    """Return the column values of a job."""
    return {
        "id": job.id,
        "created": job.created.isoformat(),
        "contract": job.contract,
        "mode": job.mode,
        "target": json.dumps(job.target),
        "target_key": job.target_key,
        "file_path": str(job.file_path),
        "file_sha256": job.file_sha256,
        "file_bytes": job.file_bytes,
        "records": job.records,
        "header_end": job.header_end,
        "options": json.dumps(dict(job.options)),
        "settings": json.dumps(dict(job.settings)),
        "cancelled": job.cancelled,
        "reconciliation": json.dumps(redacted_document(job.reconciliation)) if job.reconciliation else None,
    }


def job_entry(row: TableRow) -> JobEntry:
    """Return the job in a row."""
    settings = json.loads(row["settings"])
    return JobEntry(
        id=row["id"],
        created=datetime.fromisoformat(row["created"]),
        contract=row["contract"],
        mode=row["mode"],
        target=json.loads(row["target"]),
        file_path=path_of(row["file_path"], settings.get(REMOTE)),
        file_sha256=row["file_sha256"],
        file_bytes=row["file_bytes"],
        records=row["records"],
        header_end=row["header_end"],
        options=json.loads(row["options"]),
        settings=settings,
        cancelled=bool(row["cancelled"]),
        reconciliation=json.loads(row["reconciliation"]) if row["reconciliation"] else None,
    )


def _storable(text: str) -> str:
    """Return a text that every database accepts, without keys: a server's message can contain anything."""
    return redacted(text).encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def chunk_values(chunk: ChunkEntry) -> dict[str, Any]:
    """Return the column values of a chunk, without its job."""
    return {
        "number": chunk.number,
        "first_record": chunk.first_record,
        "records": chunk.records,
        "pieces": json.dumps(chunk.pieces),
        "bytes": chunk.bytes,
        "sha256": chunk.sha256,
        "state": chunk.state.value,
        "attempts": chunk.attempts,
        "import_id": chunk.import_id,
        "amount": chunk.amount,
        "skipped": chunk.skipped,
        "parent": chunk.parent,
        "first_sent": chunk.first_sent.isoformat() if chunk.first_sent else None,
        "clock_offset": chunk.clock_offset,
        "undecided": chunk.undecided,
        "message": _storable(chunk.message),
        "lines": json.dumps(chunk.lines),
        "created": chunk.created.isoformat() if chunk.created else None,
        "rows_ahead": chunk.rows_ahead,
    }


def chunk_entry(row: TableRow) -> ChunkEntry:
    """Return the chunk in a row."""
    return ChunkEntry(
        number=row["number"],
        first_record=row["first_record"],
        records=row["records"],
        pieces=tuple((start, end) for start, end in json.loads(row["pieces"])),
        bytes=row["bytes"],
        sha256=row["sha256"],
        state=ChunkState(row["state"]),
        attempts=row["attempts"],
        import_id=row["import_id"],
        amount=row["amount"],
        skipped=row["skipped"],
        parent=row["parent"],
        first_sent=datetime.fromisoformat(row["first_sent"]) if row["first_sent"] else None,
        clock_offset=row["clock_offset"],
        undecided=bool(row["undecided"]),
        message=row["message"],
        lines=() if row["lines"] == "[]" else tuple(json.loads(row["lines"])),
        created=datetime.fromisoformat(row["created"]) if row["created"] else None,
        rows_ahead=row["rows_ahead"],
    )


def event_entry(row: TableRow) -> Event:
    """Return the event in a row."""
    return Event(
        chunk=row["chunk"],
        at=datetime.fromisoformat(row["at"]),
        kind=row["kind"],
        data=json.loads(row["data"]),
    )


def known_import(row: TableRow) -> KnownImport:
    """Return the known import in a row."""
    return KnownImport(
        import_id=row["import_id"],
        job=row["job"],
        chunk=row["number"],
        sha256=row["sha256"],
        rows=row["rows"],
        accepted=datetime.fromisoformat(row["accepted"]),
        created=datetime.fromisoformat(row["created"]) if row["created"] else None,
        clock_offset=row["clock_offset"],
    )
