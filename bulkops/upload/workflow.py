"""Run the steps of an import and of a resumed job, each with its locks, guards and clock."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.clock import Clock
from bulkops.errors import ServerRefused, Unfinished, UsageError
from bulkops.ledger.events import SettingsChanged
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.readback.fetch.rows import fold_of
from bulkops.remote.paths import hold
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import SlotLimiter
from bulkops.transport.notices import Notify, discard_notice
from bulkops.upload.body import FileStamp
from bulkops.upload.context import ChunkObserver, JobContext
from bulkops.upload.guards import (
    TargetDifference,
    accepted_rules,
    difference_between,
    folder_remover,
    refuse_empty,
    refuse_removals,
    refuse_same_file,
    refuse_second_job,
    save_target,
)
from bulkops.upload.job_files import before_path
from bulkops.upload.options import MAX_REMOVALS, RunOptions, share_of
from bulkops.upload.replace.undo import UndoneJob
from bulkops.upload.runner import Runner
from bulkops.upload.start import new_chunks, open_job, refuse_changed_file
from bulkops.upload.stop import Stop, StoppableClock
from bulkops_validators.model.contract import Contract, Mode, Readback

PATIENCE = 600.0


@dataclass(frozen=True, kw_only=True)
class Guards:
    """The guards that the caller lifts, each by its own option; `accept` are rules that do not stop the import.

    With `only_new`, records that were sent before are left out; with `only_changed`, records that the target has.
    UsageError for a rule that cannot be accepted.
    """

    again: bool = False
    only_new: bool = False
    only_changed: bool = False
    leave_unfinished: bool = False
    allow_empty: bool = False
    accept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Replace accepted rules by their codes; UsageError for contradictory guards or rules not accepted."""
        object.__setattr__(self, "accept", accepted_rules(self.accept))
        if self.again and self.only_new:
            raise UsageError(
                "--again and --only-new exclude each other.",
                hint="--again sends all records, --only-new sends only new ones. Give one.",
            )

    @property
    def sends_part(self) -> bool:
        """Whether records of the file may be left out."""
        return self.only_new or self.only_changed


@contextmanager
def open_client(
    target: Target, ledger: Ledger, *, clock: Clock, notify: Notify = discard_notice
) -> Iterator[ApiClient]:
    """Yield a client. All processes that use the same ledger share its rate limit."""
    limiter = SlotLimiter(folder=ledger.folder / "rate", clock=clock, before=ledger.check)
    with ApiClient(target, clock=clock, limiter=limiter, notify=notify) as client:
        yield client


def begin(
    job: JobEntry,
    contract: Contract,
    plan: FilePlan,
    *,
    context: JobContext,
    guards: Guards,
    dry_run: bool,
    undone: UndoneJob | None = None,
    stop: Stop | None = None,
    compared: Callable[[TargetDifference], None] | None = None,
    keep: Callable[[], Path] | None = None,
) -> TargetDifference | None:
    """Check the guards and write the job to the ledger; nothing is sent. Return the difference to the target.

    A replacing job first saves the content of the target; if that equals the file, its chunk is skipped. GuardRefused
    leaves no trace, and neither does an error of `compared`, which receives the difference if there is one. Unfinished
    if the server does not return the content: the ledger then contains the job, unless it undoes another one or an
    earlier job already waits with the same file. With `dry_run` nothing is written.

    `undone` is the job that this one undoes; unless a removal limit is given, nothing else may have changed the target
    since. `keep` writes a file of the job before the ledger contains the job, and returns its path; it may raise
    GuardRefused. `stop.begun` is set right before the job is written to the ledger.
    """
    refuse_empty(plan, contract.mode, allow_empty=guards.allow_empty)
    chunks = new_chunks(plan)
    readback = context.route.readback
    difference = None
    with ExitStack() as held:
        clearing = held.enter_context(ExitStack())
        # Two processes that start with the same file at the same time must not both find it new.
        name = f"begin-{job.target_key[:24]}"
        what = "The target of this import"
        held.enter_context(context.ledger.exclusive(name, what=what, patience=PATIENCE))
        refuse_same_file(context.ledger, job, again=guards.again)
        if contract.mode is Mode.REPLACE and readback is not None:
            clearing.callback(folder_remover(before_path(context.ledger, job.id).parent))
            try:
                difference = _difference_to_target(context, readback, undone)
            except Unfinished as error:
                if not dry_run and undone is None:
                    _refuse_second_job(context, error)
                    _write(context, chunks, stop)
                raise
        # If the target cannot be read, the error above says so and names the unfinished job as well.
        refuse_second_job(context.ledger, job, again=guards.again)
        if difference is not None:
            if difference.equal:
                chunks = [replace(chunk, state=ChunkState.SKIPPED) for chunk in chunks]
            if compared is not None:
                compared(difference)
        context.job_file.refuse_change()
        if not dry_run:
            if keep is not None:
                clearing.callback(keep().unlink, missing_ok=True)
            _write(context, chunks, stop)
            clearing.pop_all()
    return difference


def _refuse_second_job(context: JobContext, error: Unfinished) -> None:
    """Raise Unfinished if an earlier job of the same file and target sent nothing so far: resuming that one is enough.

    `error` is the reason why the target could not be read.
    """
    ledger, job = context.ledger, context.job
    for earlier in reversed(ledger.jobs_with_file(job.file_sha256, job.target_key)):
        if earlier.contract != job.contract or earlier.cancelled or earlier.undoes is not None:
            continue
        if all(chunk.state is ChunkState.PENDING for chunk in ledger.chunks(earlier.id)):
            raise Unfinished(
                f"{error.message} Job {earlier.id} already waits with the same file, so no other job was created.",
                hint=f"Resume it with: bulkops jobs resume {earlier.id}",
            ) from None


def _difference_to_target(context: JobContext, readback: Readback, undone: UndoneJob | None) -> TargetDifference:
    """Return the difference to the target before a job begins; UsageError if the server refuses to show the content."""
    try:
        return checked_difference(context, readback, undone=undone)
    except ServerRefused as error:
        raise UsageError(f"{error.message} Nothing was sent.", hint="Check the ids and the options.") from None


def _write(context: JobContext, chunks: Sequence[ChunkEntry], stop: Stop | None) -> None:
    """Write a new job to the ledger; from then on a signal no longer ends the run at once.

    The copy of a remote file is kept before the ledger contains the job, so that the job can be resumed.
    """
    hold(context.job.file_path, context.job.id)
    if stop is not None:
        stop.begun = True
    context.ledger.create(context.job, chunks)


def checked_difference(context: JobContext, readback: Readback, *, undone: UndoneJob | None = None) -> TargetDifference:
    """Save the content that a replacing job would replace; GuardRefused if it would remove too much."""
    job = context.job
    before = before_path(context.ledger, job.id)
    save_target(context.client, readback, context.ids, job.options, to=before)
    fold, _ = fold_of(context.client, readback, context.ids)
    difference = difference_between(readback, fold, file=job.file_path, held=before)
    limit = job.settings["max_removals"]
    if undone is not None and limit is None:
        undone.refuse_other_content(readback, fold, held=before, putting_back=difference)
    refuse_removals(difference, limit or MAX_REMOVALS)
    return difference


def run_job(
    context: JobContext, *, stop: Stop, observer: ChunkObserver | None = None, begun: bool = False
) -> list[ChunkEntry]:
    """Run a job, and return its chunks. The caller holds its locks.

    `begun` is True if `begin` has just compared a replacing job with its target; every other request of such a job is
    compared again.
    """
    return Runner(context, stop=stop, observer=observer, begun=begun).run()


@contextmanager
def lock_job(job: JobEntry, ledger: Ledger) -> Iterator[None]:
    """Hold the lock of a job, and that of its target if the job replaces it; GuardRefused names the lock's owner."""
    with ExitStack() as locks:
        locks.enter_context(ledger.exclusive(job.id, what=f"Job {job.id}"))
        if job.mode == Mode.REPLACE.value:
            name = f"target-{job.target_key[:24]}"
            locks.enter_context(ledger.exclusive(name, what="The target of this import"))
        yield


@contextmanager
def open_context(
    job: JobEntry,
    target: Target,
    ledger: Ledger,
    *,
    clock: Clock,
    stop: Stop,
    notify: Notify = discard_notice,
    stamp: FileStamp | None = None,
    client: ApiClient | None = None,
) -> Iterator[JobContext]:
    """Yield a job ready to run, with a client that stops waiting when the run should stop.

    `stamp` is the stamp of the job's file from right before its bytes were hashed. `client` is an open client of the
    same server that several jobs share; it must stop waiting, too.
    """
    stoppable = StoppableClock(clock, stop)
    with ExitStack() as stack:
        if client is None or client.target.base_url != target.base_url:
            client = stack.enter_context(open_client(target, ledger, clock=stoppable, notify=notify))
        yield open_job(job, target, client=client, ledger=ledger, clock=stoppable, stamp=stamp)


def prepare_resume(job: JobEntry, ledger: Ledger, *, changes: Mapping[str, Any]) -> JobEntry:
    """Return a job to resume after checking its file and storing changed settings; UsageError for invalid settings."""
    refuse_changed_file(job, ledger)
    hold(job.file_path, job.id)
    if changes:
        RunOptions.from_settings(changes)
        if changes.get("max_removals") is not None:
            share_of(changes["max_removals"], 0, option="--max-removals")
        return ledger.change_job(job, SettingsChanged(), settings={**job.settings, **changes})
    return job
