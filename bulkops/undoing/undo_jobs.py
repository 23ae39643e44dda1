"""Create the job of an undo, and open it again to resume it."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from bulkops.errors import UsageError
from bulkops.ledger.job_documents import job_state
from bulkops.ledger.models import ADDRESS, UNDO, UNDOES, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.undoing.deducting import Deducting
from bulkops.undoing.deleting import Deleting
from bulkops.undoing.removals import RemovalFile
from bulkops.undoing.undo_context import UndoContext
from bulkops.undoing.work import Removing, UndoFacts
from bulkops.upload.options import RunOptions
from bulkops.upload.start import contract_of, refuse_undo_job
from bulkops_validators.model.contract import Deduction, Deletion

ALSO = "also"
"""The setting with the rows that an undo removes although they are in use or were changed."""
OPEN_STATES = (JobState.UNFINISHED, JobState.IN_DOUBT)


def undoes_by_removal(job: JobEntry) -> bool:
    """Return whether a job is undone by deletion or deduction; UsageError if it is such an undo itself."""
    refuse_undo_job(job, "undone", hint="Import the file of the job again.")
    return contract_of(job).undo is not None


def refuse_unsettled(ledger: LedgerReader, job: JobEntry) -> None:
    """Raise UsageError if a job may still create rows, or if another undo of it is not finished."""
    if job_state(job, ledger.chunks(job.id)) in OPEN_STATES:
        raise UsageError(
            f"Job {job.id} is not finished, so the rows it creates are not known yet.",
            hint=f"Resume it with `bulkops jobs resume {job.id}`, or cancel it with `bulkops jobs cancel {job.id}`.",
        )
    for other in ledger.undos_of(job.id):
        if job_state(other, ledger.chunks(other.id)) in OPEN_STATES:
            raise UsageError(
                f"Job {other.id} already undoes job {job.id}, and is not finished.",
                hint=f"Resume it with `bulkops jobs resume {other.id}`, or cancel it.",
            )


def undo_context(
    name: str, earlier: JobEntry, *, also: Collection[str], run: RunOptions, client: ApiClient, ledger: Ledger
) -> UndoContext:
    """Return the context of an undo with a name."""
    contract, ids = contract_of(earlier), earlier.target["ids"]
    readback = contract.route(ids).readback
    if readback is None:
        raise TypeError("Only rows that can be read back are removed.")
    return UndoContext(
        name=name,
        earlier=earlier,
        contract=contract,
        readback=readback,
        ids=ids,
        also=frozenset(also),
        options=run,
        client=client,
        ledger=ledger,
        clock=client.clock,
    )


def removing_of(context: UndoContext) -> Removing:
    """Return how the rows of a contract are removed."""
    match context.contract.undo:
        case Deletion() as deletion:
            return Deleting(context, deletion)
        case Deduction() as deduction:
            return Deducting(context, deduction)
    raise TypeError(f"Imports of {context.contract.name} are not undone by removal.")


def undo_entry(context: UndoContext, file: RemovalFile, facts: UndoFacts, target: Target, now: datetime) -> JobEntry:
    """Return the job of an undo. Its target names the undone job, so it owns no import of its own."""
    settings = {**context.options.as_settings(), ALSO: sorted(context.also), UNDO: facts.to_json()}
    settings |= {"max_removals": None, "target_name": target.name}
    if target.known_as is None and target.base_url != context.earlier.target["base_url"]:
        settings[ADDRESS] = target.base_url
    return JobEntry(
        id=context.name,
        created=now,
        contract=context.contract.name,
        mode=UNDO,
        target={**context.earlier.target, UNDOES: context.earlier.id},
        file_path=file.path.absolute(),
        file_sha256=file.sha256,
        file_bytes=file.bytes,
        records=file.records,
        header_end=file.header_end,
        settings=settings,
    )


def remove_file(file: RemovalFile) -> None:
    """Remove the file of an undo that did not begin, and its folder."""
    with suppress(OSError):
        file.path.unlink()
        file.path.parent.rmdir()
