"""Resume a job, and undo a replacing job."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bulkops.account.preflight import Preflight
from bulkops.account.reading import AccountReader
from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.clock import Clock
from bulkops.errors import AccessRefused, BulkopsError, Unreachable, UsageError
from bulkops.ledger.events import FileNamed, SettingsChanged
from bulkops.ledger.job_documents import job_state
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import OpenTarget
from bulkops.pipeline.observer import Observer, Silent, show_waits
from bulkops.pipeline.previous_run import GOOD_VERDICTS
from bulkops.pipeline.restoring import restore_and_remove
from bulkops.pipeline.running import (
    NewJob,
    Outcome,
    begin_and_run,
    check_account,
    outcome_of_job,
    run_and_prove,
    with_preflight,
)
from bulkops.pipeline.undoing import Confirm, resume_undo
from bulkops.transport.client import ApiClient
from bulkops.undoing.undo_jobs import undoes_by_removal
from bulkops.upload.context import JobContext
from bulkops.upload.job_files import rejected_path
from bulkops.upload.options import RunOptions
from bulkops.upload.replace.undo import UndoneJob, saved_before
from bulkops.upload.start import contract_of, new_job, with_file
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards, lock_job, open_context, prepare_resume
from bulkops_validators.model.contract import Mode
from bulkops_validators.model.rules_registry import ACCEPTABLE

# The saved content may equal that of an earlier job, or be empty; another guard limits the removals.
LIFTED = Guards(again=True, allow_empty=True, accept=ACCEPTABLE)


def resume_job(
    job: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    prove: bool = False,
    changes: Mapping[str, Any] | None = None,
    file: Path | None = None,
    account: AccountReader | None = None,
    client: ApiClient | None = None,
    stop: Stop | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Resume a job; `changes` are run settings to change, `file` is the new path of its file.

    If records are pending, the account is read first, through `account` if it was read before. If the target or the
    file does not fit the account, nothing is sent. `client` is an open client that several jobs share.

    A job without anything left to do is returned unchanged, without its file or its target. GuardRefused for another
    file or target than the job's, UsageError if the job was cancelled.
    """
    observer, stop = observer or Silent(), stop or Stop()
    with ExitStack() as stack:
        stack.enter_context(lock_job(job, ledger))
        job = ledger.job(job.id)  # its present state: the lock now prevents changes
        if job.cancelled:
            raise UsageError(f"Job {job.id} was cancelled.", hint="Import the file again.")
        chunks = ledger.chunks(job.id)
        if not prove and not _left_to_do(job, chunks, ledger):
            return idle(job, chunks, ledger)
        if job.undoes is not None:
            return _resume_undo(
                job, ledger, open_target, changes or {}, file, clock=clock, stop=stop, observer=observer
            )
        target = stack.enter_context(open_target())
        if file is not None:
            moved = with_file(job, file)
            job = ledger.change_job(job, FileNamed(), file_path=moved.file_path, settings=moved.settings)
        job = prepare_resume(job, ledger, changes=changes or {})
        running = open_context(job, target, ledger, clock=clock, stop=stop, notify=observer.note, client=client)
        context = stack.enter_context(running)
        show_waits(observer, context.client.notifier)
        preflight, error = _checked(context, chunks, observer, account)
        if error is not None:
            return with_preflight(outcome_of_job(job, chunks, ledger, error=error), preflight)
        return with_preflight(run_and_prove(context, stop=stop, observer=observer, prove=prove), preflight)


def _resume_undo(
    job: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    changes: Mapping[str, Any],
    file: Path | None,
    *,
    clock: Clock,
    stop: Stop,
    observer: Observer,
) -> Outcome:
    """Resume a job that removes the rows of another one."""
    if file is not None:
        raise UsageError("--file is for imports; bulkops wrote the file of an undo itself.", hint="Leave out --file.")
    if changes:
        RunOptions.from_settings(changes)
        job = ledger.change_job(job, SettingsChanged(), settings={**job.settings, **changes})
    run = RunOptions.from_settings(job.settings)
    return resume_undo(job, ledger, open_target, clock=clock, run=run, stop=stop, observer=observer)


def _checked(
    context: JobContext, chunks: Sequence[ChunkEntry], observer: Observer, account: AccountReader | None
) -> tuple[Preflight | None, BulkopsError | None]:
    """Return how a job with pending records fits its account, and the error that prevents sending them."""
    if all(chunk.state is not ChunkState.PENDING for chunk in chunks):
        return None, None
    job = context.job
    try:
        accept = job.settings.get("accept", ())
        preflight = check_account(context, job.file_path, observer, accept=accept, account=account)
    except (AccessRefused, Unreachable) as refused:
        return None, refused
    return preflight, preflight.error()


def idle(job: JobEntry, chunks: Sequence[ChunkEntry], ledger: Ledger) -> Outcome:
    """Return the outcome of resuming a job without anything left to do."""
    return replace(outcome_of_job(job, chunks, ledger), idle=True)


def is_proved(job: JobEntry) -> bool:
    """Return whether the rows of a job were read back without a contradiction."""
    return job.reconciliation is not None and job.reconciliation["verdict"] in GOOD_VERDICTS


def _left_to_do(job: JobEntry, chunks: Sequence[ChunkEntry], ledger: Ledger) -> bool:
    """Return whether resuming a job would send or settle chunks, write its rejected records, or prove an undo."""
    if job.undoes is not None and job.reconciliation is None:
        return True
    state = job_state(job, chunks)
    if state is JobState.REFUSED:
        return not rejected_path(ledger, job.id).exists()  # the process may have ended before it wrote them
    return state is not JobState.DONE


def undo_job(
    earlier: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    run: RunOptions,
    max_removals: str | None = None,
    also: Collection[str] = (),
    confirm: Confirm = lambda _facts, _job: None,
    stop: Stop | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Undo a job, as a new job: remove the rows it created, or import the rows that it found at its target.

    Cards that existed and that the job changed are restored first, by a job of their own.

    `also` are the created rows that are removed although they are in use or were changed; `confirm` receives the facts
    of a removal first. For an import of the earlier rows, nothing else may have changed the target since, unless
    `max_removals` is given. UsageError for an option that does not fit the job.
    """
    observer, stop = observer or Silent(), stop or Stop()
    removal = undoes_by_removal(earlier)
    _refuse_other_options(earlier, removal=removal, max_removals=max_removals, also=also)
    if removal:
        return restore_and_remove(
            earlier, ledger, open_target, clock=clock, run=run, guards=LIFTED, also=also, confirm=confirm, stop=stop,
            observer=observer,
        )  # fmt: skip
    contract = contract_of(earlier)
    before = saved_before(ledger, earlier, contract)
    plan = plan_file(before, chunk_limits(contract))
    if not plan.records and contract.mode is Mode.UPSERT:
        raise UsageError(
            f"None of the records of job {earlier.id} had a row before it, so there is nothing to restore.",
            hint="The API cannot remove these rows.",
        )
    with open_target() as target:
        options = earlier.options
        job = new_job(
            contract,
            plan,
            target,
            options=options,
            run=run,
            max_removals=max_removals,
            now=clock.now(),
            accept=LIFTED.accept,
        )
        new = NewJob(job=job, contract=contract, plan=plan, guards=LIFTED, undone=UndoneJob(job=earlier, ledger=ledger))
        return begin_and_run(new, target, ledger, clock=clock, stop=stop, observer=observer)


def _refuse_other_options(job: JobEntry, *, removal: bool, max_removals: str | None, also: Collection[str]) -> None:
    """Raise UsageError for an option of the other kind of undo."""
    if removal and max_removals is not None:
        raise UsageError(
            f"--max-removals has no effect on the undo of {job.contract}: it removes only rows that the job created.",
            hint="Leave it out.",
        )
    if also and not removal:
        raise UsageError(
            f"--also has no effect on the undo of {job.contract}: it restores the earlier rows.", hint="Leave it out."
        )
