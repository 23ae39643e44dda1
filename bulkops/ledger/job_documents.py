"""Build the document of a job: the one source for the console, JSON, reports and exit codes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from bulkops.errors import BulkopsError, InDoubt, LedgerLost, Unfinished
from bulkops.ledger.models import UNDO, UNDOES, ChunkEntry, ChunkSum, JobEntry
from bulkops.ledger.refusal_reasons import refusals
from bulkops.ledger.states import DOUBTFUL, ChunkState, JobState

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import (
        BooksDocument,
        ChunkDocument,
        JobDocument,
        JobFigures,
        Mode,
        SourceDocument,
        TargetDocument,
        UndoDocument,
    )
    from bulkops.json_documents.reconciliations import ReconciliationDocument

EXIT_CODES = {
    JobState.DONE: 0,
    JobState.REFUSED: 1,
    JobState.UNFINISHED: 3,
    JobState.IN_DOUBT: 4,
    JobState.CANCELLED: 0,
}


def job_state(job: JobEntry, chunks: Sequence[ChunkEntry]) -> JobState:
    """Return the state of a job from the states of its chunks."""
    states = {chunk.state for chunk in chunks}
    if job.cancelled:
        return JobState.CANCELLED
    if any(chunk.undecided for chunk in chunks):
        return JobState.IN_DOUBT
    if states & (DOUBTFUL | {ChunkState.PENDING}):
        return JobState.UNFINISHED
    return JobState.REFUSED if ChunkState.REJECTED in states else JobState.DONE


def exit_code(state: JobState, error: BulkopsError | None = None) -> int:
    """Return the exit code of a run that left a job in a state, and that an error may have ended early.

    The state decides between 3 (can be resumed) and 4 (needs a manual decision), for any error. An error with another
    exit code (usage, guard, signal, data) has priority over the state, and so has a lost ledger. Never 0 with an error.
    """
    if error is None or (isinstance(error, (Unfinished, InDoubt)) and not isinstance(error, LedgerLost)):
        return EXIT_CODES[state] or (0 if error is None else error.exit_code)
    return error.exit_code


def record_figures(job: JobEntry, chunks: Sequence[ChunkEntry]) -> "BooksDocument":
    """Return the number of records in each state; the sum equals the input.

    Records of the given file that were left out of the job's file count as skipped.
    """

    def total(*states: ChunkState) -> int:
        return sum(chunk.records for chunk in chunks if chunk.state in states)

    before = int(job.source["records"]) - job.records if job.source else 0
    skipped_by_server = sum(chunk.skipped for chunk in chunks)
    return {
        "input": job.records + before,
        "accepted": total(ChunkState.ACCEPTED) - skipped_by_server,
        "skipped": total(ChunkState.SKIPPED) + skipped_by_server + before,
        "rejected": total(ChunkState.REJECTED),
        "in_doubt": total(*DOUBTFUL),
        "pending": total(ChunkState.PENDING),
    }


def left_out_text(source: Mapping[str, Any]) -> str:
    """Return how many records of the given file were not sent, by reason."""
    at_target, different = source.get("at_target", 0), source.get("different_at_target", 0)
    parts = [f"{source['sent_before']:,} sent before"] if source["sent_before"] or "at_target" not in source else []
    parts += [f"{at_target:,} at the target already"] if "at_target" in source else []
    parts += [f"{different:,} at the target with other values"] if different else []
    return ", ".join(parts)


def sums_document(job: JobEntry, sums: Mapping[ChunkState, ChunkSum]) -> "JobFigures":
    """Return the document of a job without its chunks, from the sums of `Ledger.sums`."""
    stand_ins = [
        ChunkEntry(
            number=0, first_record=0, records=total.records, pieces=(), bytes=0, sha256="",
            state=state, skipped=total.skipped, undecided=total.undecided,
        )
        for state, total in sums.items()
    ]  # fmt: skip
    document = job_document(job, stand_ins)
    left_out = ("chunks", "refusals")  # sums contain no messages
    return cast("JobFigures", {name: value for name, value in document.items() if name not in left_out})


def job_document(job: JobEntry, chunks: Sequence[ChunkEntry]) -> "JobDocument":
    """Return a job as `import --json` and `jobs show --json` print it. Divided chunks are omitted: parts count."""
    document: JobDocument = {
        "job": job.id,
        "contract": job.contract,
        "mode": cast("Mode", job.mode),
        "state": job_state(job, chunks).value,
        "created": job.created.isoformat(),
        "target": cast("TargetDocument", {name: value for name, value in job.target.items() if name != UNDOES}),
        "options": dict(job.options),
        "file": {
            "path": str(job.file_path),
            "sha256": job.file_sha256,
            "bytes": job.file_bytes,
            "records": job.records,
        },
        "records": record_figures(job, chunks),
        "chunks": [_chunk_document(chunk) for chunk in chunks if chunk.state is not ChunkState.DIVIDED],
        "reconciliation": cast("ReconciliationDocument", dict(job.reconciliation)) if job.reconciliation else None,
    }
    if reasons := refusals(chunks):
        document["refusals"] = reasons
    if job.undoes:
        document["undoes"] = job.undoes
        document["undo"] = cast("UndoDocument", job.settings[UNDO])
    if job.source:
        document["source"] = cast("SourceDocument", dict(job.source))
    return document


def _chunk_document(chunk: ChunkEntry) -> "ChunkDocument":
    document: ChunkDocument = {
        "number": chunk.number,
        "first_record": chunk.first_record,
        "records": chunk.records,
        "bytes": chunk.bytes,
        "sha256": chunk.sha256,
        "state": chunk.state.value,
        "import_id": chunk.import_id,
        "attempts": chunk.attempts,
        "amount": chunk.amount,
    }
    if chunk.message:
        document["message"] = chunk.message
    return document
