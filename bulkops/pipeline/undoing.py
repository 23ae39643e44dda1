"""Undo an import by deletion or deduction: plan, confirm, run as a job, and read back."""

from collections.abc import Callable, Collection
from contextlib import ExitStack

from bulkops.clock import Clock
from bulkops.errors import BulkopsError, GuardRefused, UsageError
from bulkops.ledger.job_documents import exit_code, job_document, job_state
from bulkops.ledger.models import UNDOES, ChunkEntry, JobEntry
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import OpenTarget
from bulkops.pipeline.observer import Observer, show_waits
from bulkops.pipeline.proof import Circumstances, keep_result
from bulkops.pipeline.running import Outcome, outcome_of_job, resumable
from bulkops.readback.compare.keyed import RowDifference
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.undoing.lost_requests import wait_for_cancelled_undos
from bulkops.undoing.removals import refuse_changed_removals, removals_path, write_removals
from bulkops.undoing.runner import UndoRunner
from bulkops.undoing.undo_context import CHANGED, USED, UndoContext
from bulkops.undoing.undo_jobs import (
    ALSO,
    refuse_unsettled,
    remove_file,
    removing_of,
    undo_context,
    undo_entry,
)
from bulkops.undoing.work import Left, NothingLeft, Removing, UndoFacts
from bulkops.upload.options import RunOptions
from bulkops.upload.start import contract_of, new_id, target_of
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.upload.workflow import lock_job, open_client

Confirm = Callable[[UndoFacts, JobEntry], None]
"""Receives the facts of an undo and the job that it undoes, before anything is written or sent; raises to stop."""


def undo_by_removal(
    earlier: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    run: RunOptions,
    also: Collection[str],
    confirm: Confirm,
    stop: Stop,
    observer: Observer,
) -> Outcome:
    """Remove the rows or points of a job, as a new job, and read back that they are gone.

    UsageError if nothing is left to remove, or if the job may still create rows; GuardRefused if all that is left is in
    use or was changed. InUse if another process runs the job or undoes it: two undos would both deduct its points.
    """
    with ExitStack() as stack:
        stack.enter_context(lock_job(earlier, ledger))
        refuse_unsettled(ledger, earlier)
        target, client = _opened(stack, earlier, ledger, open_target, clock, stop, observer)
        name = new_id(f"undo-{earlier.contract}", clock.now())
        context = undo_context(name, earlier, also=also, run=run, client=client, ledger=ledger)
        stack.enter_context(ledger.exclusive(name, what=f"Job {name}"))
        removing = removing_of(context)
        if not removing.resend_is_safe:
            wait_for_cancelled_undos(context)
        read_at = clock.monotonic()
        facts, requests = removing.plan()
        _refuse_nothing(facts, context)
        confirm(facts, earlier)
        file = write_removals(removals_path(ledger, name), requests)
        with ExitStack() as failing:
            failing.callback(remove_file, file)
            job = undo_entry(context, file, facts, target, clock.now())
            stop.begun = True
            ledger.create(job, file.chunks)
            failing.pop_all()
        return _run(context, job, removing, stop=stop, observer=observer, read_at=read_at)


def resume_undo(
    job: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    run: RunOptions,
    stop: Stop,
    observer: Observer,
) -> Outcome:
    """Go on with an undo; the caller holds the lock of its job. GuardRefused for another target, or another file."""
    with ExitStack() as stack:
        earlier = ledger.job(job.target[UNDOES])
        stack.enter_context(lock_job(earlier, ledger))
        refuse_changed_removals(job)
        _, client = _opened(stack, earlier, ledger, open_target, clock, stop, observer)
        also = job.settings.get(ALSO, ())
        context = undo_context(job.id, earlier, also=also, run=run, client=client, ledger=ledger)
        return _run(context, job, removing_of(context), stop=stop, observer=observer, read_at=None)


def _opened(
    stack: ExitStack,
    earlier: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    clock: Clock,
    stop: Stop,
    observer: Observer,
) -> tuple[Target, ApiClient]:
    """Return the target of a job and a client of it; GuardRefused for another target."""
    target = stack.enter_context(open_target())
    if target_of(contract_of(earlier), target) != earlier.target:
        raise GuardRefused(
            f"Job {earlier.id} sent its records to {earlier.target['base_url']}, not to this target.",
            hint="Undo it at the target that it was created for.",
        )
    client = stack.enter_context(open_client(target, ledger, clock=StoppableClock(clock, stop), notify=observer.note))
    show_waits(observer, client.notifier)
    client.reach()
    return target, client


def _refuse_nothing(facts: UndoFacts, context: UndoContext) -> None:
    if facts.records:
        return
    name = context.earlier.id
    if facts.kept_used or facts.kept_changed:
        lifted = [word for word, count in ((USED, facts.kept_used), (CHANGED, facts.kept_changed)) if count]
        raise GuardRefused(
            f"The only rows of job {name} that still exist are in use ({facts.kept_used:,}) or were changed "
            f"({facts.kept_changed:,}). Nothing was removed.",
            hint=f"To remove them as well, give {' '.join(f'--also {word}' for word in lifted)}.",
        )
    if facts.amount is not None and facts.pending:
        raise UsageError(
            f"None of the points of job {name} can be deducted now: {facts.pending:f} points are not active yet, and "
            "the API deducts only active points.",
            hint="Undo the job again once they are active.",
        )
    raise NothingLeft(f"Job {name} has nothing left to undo: none of its rows or points is at the target.")


def _run(
    context: UndoContext, job: JobEntry, removing: Removing, *, stop: Stop, observer: Observer, read_at: float | None
) -> Outcome:
    """Run an undo job and read back its result; the ledger contains both."""
    ledger = context.ledger
    observer.began(job)
    stop.begun = True
    error: BulkopsError | None = None
    try:
        UndoRunner(context, job, removing, stop=stop, observer=observer.moved, read_at=read_at).run()
    except BulkopsError as raised:
        error = resumable(raised)
    finally:
        observer.ran()
    chunks = ledger.chunks(job.id)
    outcome = outcome_of_job(ledger.job(job.id), chunks, ledger, error=error)
    if error is not None or job_state(job, chunks) not in (JobState.DONE, JobState.REFUSED):
        return outcome
    try:
        job, result = _proved(context, ledger.job(job.id), removing, chunks, observer)
    except BulkopsError as raised:
        error = resumable(raised)
        return outcome_of_job(ledger.job(job.id), chunks, ledger, error=error)
    code = exit_code(job_state(job, chunks)) or result.exit_code
    return Outcome(document=job_document(job, chunks), exit_code=code, chunks=chunks)


def _proved(
    context: UndoContext, job: JobEntry, removing: Removing, chunks: list[ChunkEntry], observer: Observer
) -> tuple[JobEntry, Reconciliation]:
    """Read the target until it shows the result of all requests, or until two readings in a row are equal."""
    began, readings = context.clock.now(), 1
    left = removing.left(job, chunks)
    while left.count:
        observer.note(f"{left.why}. Reading again in {context.options.settle:,.0f} s.")
        context.client.notifier.pause(context.options.settle)
        readings, before, left = readings + 1, left.count, removing.left(job, chunks)
        if left.count >= before:
            break
    result = _result(context, job, left, readings)
    circumstances = Circumstances.of_target(context.client.target, began=began, ended=context.clock.now())
    return keep_result(context.ledger, job, result, circumstances), result


def _result(context: UndoContext, job: JobEntry, left: Left, readings: int) -> Reconciliation:
    """Return the result of the last reading; rows that are still at the target count as different."""
    whole = f"The target confirms all records of the undo ({job.records:,})."
    return Reconciliation(
        contract=context.contract.name,
        verdict=Verdict.MISMATCH if left.count else Verdict.PROVED,
        reason=f"{left.why}. `bulkops jobs resume {job.id} --reconcile` reads again." if left.count else whole,
        records=job.records,
        matched=max(0, job.records - left.count),
        missing=0,
        different=min(job.records, left.count),
        unexpected_counts=True,
        readings=readings,
        evidence=context.contract.undo.source if context.contract.undo else "",
        examples=tuple(
            RowDifference(
                kind="different", record=None, line=None, key=key, column=None, sent=None, found=None, import_id=None
            )
            for key in left.keys
        ),
    )
