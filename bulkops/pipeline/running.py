"""Run a job from its locks to its reconciliation, and return the outcome: the steps that all commands share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from bulkops.account.preflight import Preflight, check_import, merged
from bulkops.account.reading import AccountReader
from bulkops.chunking.plan import FilePlan
from bulkops.clock import Clock
from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    DataError,
    FileChanged,
    LedgerUnusable,
    TargetUnfit,
    Unfinished,
)
from bulkops.journal import record
from bulkops.ledger.events import Cancelled
from bulkops.ledger.job_documents import exit_code, job_document, job_state
from bulkops.ledger.job_view import Job
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.neighbours import neighbours, record_server_use
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.observer import Observer, show_waits
from bulkops.pipeline.proof import Circumstances, keep_result
from bulkops.reconciling.jobs import known_from_ledger
from bulkops.reconciling.result import Verdict
from bulkops.reconciling.run import EvidenceSource, reconcile
from bulkops.remote.paths import release_file
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.transport.notices import discard_notice
from bulkops.transport.responses import MOVED
from bulkops.upload.body import FileStamp
from bulkops.upload.context import JobContext
from bulkops.upload.guards import TargetDifference
from bulkops.upload.job_files import rejected_path
from bulkops.upload.replace.undo import UndoneJob
from bulkops.upload.saved_state import state_saved
from bulkops.upload.start import new_chunks
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards, begin, lock_job, open_context, run_job
from bulkops.validation.findings import ValidationReport
from bulkops_validators.model.contract import Contract

NOTHING_IMPORTED = frozenset({ChunkState.PENDING, ChunkState.REJECTED, ChunkState.DIVIDED})
FRESH_SECONDS = 10.0
"""Maximum age in seconds of a comparison with the target before the first request: the user may take long to answer."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Outcome:
    """The outcome of an import.

    `document` is that of `import --json`, without the error. `error` ended the run or its reconciliation early.
    `chunks` are those of the ledger. `rejected_file` contains the rejected records, if there are any. `idle` means that
    nothing was left to do. `preflight` is the comparison with the account.
    """

    document: Mapping[str, Any]
    exit_code: int
    error: BulkopsError | None = None
    validation: ValidationReport | None = None
    chunks: Sequence[ChunkEntry] = ()
    rejected_file: Path | None = None
    idle: bool = False
    preflight: Preflight | None = None

    @property
    def job(self) -> Job | None:
        """The job as an object; None if the file was refused before a job existed."""
        return None if self.document["job"] is None else Job.of(self.document)

    @property
    def state(self) -> str:
        """The state: done, unfinished, in_doubt, refused or cancelled."""
        return str(self.document["state"])

    @property
    def verdict(self) -> str | None:
        """The verdict of the reconciliation, if there was one."""
        found = self.document["reconciliation"]
        return str(found["verdict"]) if found else None

    def __repr__(self) -> str:
        return f"Outcome(exit {self.exit_code}: {self.job or self.state})"

    def _repr_html_(self) -> str:
        ended = f"<p>{escape(str(self.error))}</p>" if self.error else ""
        return (self.job._repr_html_() if self.job else f"<p>{escape(self.state)}</p>") + ended


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job that the ledger does not contain yet, and the parameters of its first run.

    `stamp` is the stamp of its file from right before the plan was made. `keep` is called right before the job is
    written to the ledger. With `check`, the account is read first, through `account` if it was read before. `client` is
    an open client that several jobs share. `export` is the export of the target, if it has just been downloaded.
    """

    job: JobEntry
    contract: Contract
    plan: FilePlan
    guards: Guards
    undone: UndoneJob | None = None
    dry_run: bool = False
    prove: bool = False
    validation: ValidationReport | None = None
    stamp: FileStamp | None = None
    keep: Callable[[], Path] | None = None
    check: bool = False
    account: AccountReader | None = None
    client: ApiClient | None = None
    export: Path | None = None


def begin_and_run(
    new: NewJob, target: Target, ledger: Ledger, *, clock: Clock, stop: Stop, observer: Observer
) -> Outcome:
    """Check the account and the guards, write the job to the ledger and run it; a dry run ends before the ledger.

    A target or file that does not fit the account ends the run before the guards. If the target of a replacement cannot
    be read, the ledger contains the job, and nothing is sent. If no connection to the target is possible (Unreachable),
    the ledger does not contain the job.
    """
    job, contract, plan = new.job, new.contract, new.plan
    with ExitStack() as stack:
        stack.enter_context(lock_job(job, ledger))
        running = open_context(
            job, target, ledger, clock=clock, stop=stop, notify=observer.note, stamp=new.stamp, client=new.client
        )
        context = stack.enter_context(running)
        show_waits(observer, context.client.notifier)
        context.client.reach()
        _name_neighbours(target, ledger, observer)
        preflight = _checked(new, context, observer)
        if preflight is not None and preflight.report.errors:
            return _unfit(new, preflight)
        observer.planned(plan, contract, context.ids)
        timed = _TimedComparison(observer, clock)
        try:
            with state_saved(context, notify=observer.note, dry_run=new.dry_run, undone=new.undone, export=new.export):
                begin(
                    job,
                    contract,
                    plan,
                    context=context,
                    guards=new.guards,
                    dry_run=new.dry_run,
                    undone=new.undone,
                    stop=stop,
                    compared=timed.compared,
                    keep=new.keep,
                )
        except Unfinished as error:
            if not stop.begun:
                raise
            observer.began(job)
            observer.ran()
            return with_preflight(replace(_outcome(context, error), validation=new.validation), preflight)
        if new.dry_run:
            return with_preflight(_not_sent(new), preflight)
        record_server_use(target.server, ledger.address, now=clock.now())
        outcome = run_and_prove(context, stop=stop, observer=observer, prove=new.prove, begun=timed.fresh)
        return with_preflight(replace(outcome, validation=new.validation), preflight)


def _not_sent(new: NewJob) -> Outcome:
    """Return the outcome of a dry run."""
    document = {**job_document(new.job, new_chunks(new.plan)), "job": None, "dry_run": True}
    return Outcome(document=document, exit_code=0, validation=new.validation)


def _checked(new: NewJob, context: JobContext, observer: Observer) -> Preflight | None:
    if not new.check:
        return None
    known = new.validation.files[0].columns if new.validation is not None else None
    return check_account(
        context, new.plan.path, observer, accept=new.guards.accept, account=new.account, keys=True, columns=known
    )


def check_account(
    context: JobContext,
    file: Path,
    observer: Observer,
    *,
    accept: Collection[str],
    account: AccountReader | None,
    keys: bool = False,
    columns: Collection[str] | None = None,
) -> Preflight:
    """Return how a job's target and file fit the account; `account` has read it for other imports, if given.

    With `keys`, a few codes or cards of the file are searched. `columns` are those that its validation found.

    AccessRefused if the key is not accepted.
    """
    alone = account is None
    preflight = check_import(
        context.contract,
        file,
        context.ids,
        account or AccountReader(context.client),
        accept=accept,
        search=alone,  # with several imports, an earlier one may create the profiles
        keys=keys and not context.skips_duplicates,
        columns=columns,
        say=observer.note if alone else discard_notice,
    )
    observer.checked(preflight)
    return preflight


def _unfit(new: NewJob, preflight: Preflight) -> Outcome:
    """Return the outcome of a job that did not begin because its target or file does not fit the account."""
    document = {**job_document(new.job, new_chunks(new.plan)), "job": None, "state": JobState.REFUSED.value}
    validation = new.validation
    if validation is not None:
        (found,) = validation.files
        validation = replace(validation, files=(merged(found, preflight.report),))
    error = preflight.error()
    code = error.exit_code if error else 0
    outcome = Outcome(document=document, exit_code=code, error=error, validation=validation)
    return with_preflight(outcome, preflight)


def with_preflight(outcome: Outcome, preflight: Preflight | None) -> Outcome:
    """Return an outcome with the comparison with the account, if there was one."""
    if preflight is None:
        return outcome
    return replace(outcome, document={**outcome.document, "preflight": preflight.to_json()}, preflight=preflight)


def _name_neighbours(target: Target, ledger: Ledger, observer: Observer) -> None:
    """Report ledgers of other users that sent to the same server; an embedded sandbox belongs to one ledger."""
    if target.known_as is None:
        for each in neighbours(target.server, ledger.address):
            observer.note(each.message)


class _TimedComparison:
    """Passes a comparison on; `fresh` is False if the observer took so long that it must be repeated."""

    def __init__(self, observer: Observer, clock: Clock) -> None:
        self._observer = observer
        self._clock = clock
        self.fresh = True

    def compared(self, difference: TargetDifference) -> None:
        """Pass the comparison on, and measure the time of the observer."""
        began = self._clock.monotonic()
        self._observer.compared(difference)
        self.fresh = self._clock.monotonic() - began < FRESH_SECONDS


def run_and_prove(context: JobContext, *, stop: Stop, observer: Observer, prove: bool, begun: bool = False) -> Outcome:
    """Run a job with held locks, reconcile it if requested, and return its outcome from the ledger."""
    observer.began(context.job)
    stop.begun = True
    error: BulkopsError | None = None
    try:
        context.client.refuse_page()
        run_job(context, stop=stop, observer=observer.moved, begun=begun)
    except BulkopsError as raised:
        error = resumable(raised)
    finally:
        observer.ran()
    error = _with_file(context, error, observer)
    _cancel_hopeless(context, error)
    outcome = _outcome(context, error)
    if prove and not isinstance(error, FileChanged) and outcome.state in (JobState.DONE, JobState.REFUSED):
        outcome = _proved(context, outcome, observer)
    if outcome.state not in (JobState.UNFINISHED, JobState.IN_DOUBT):
        release_file(context.job.file_path, context.job.id)
    return _recorded(outcome)


def outcome_of_job(
    job: JobEntry, chunks: Sequence[ChunkEntry], ledger: Ledger, *, error: BulkopsError | None = None
) -> Outcome:
    """Return the outcome of a job in its present state; without an error, its exit code is 1 after a mismatch."""
    document = job_document(job, chunks)
    code = exit_code(job_state(job, chunks), error)
    if error is None and job.reconciliation and job.reconciliation["verdict"] == Verdict.MISMATCH:
        code = code or DataError.exit_code
    rejected = rejected_path(ledger, job.id)
    return Outcome(
        document=document,
        exit_code=code,
        error=error,
        chunks=chunks,
        rejected_file=rejected if document["records"]["rejected"] and rejected.exists() else None,
    )


def _with_file(context: JobContext, error: BulkopsError | None, observer: Observer) -> BulkopsError | None:
    """Return the error that ended a run, or how the job's file has changed; with both, the change is only reported."""
    if isinstance(error, FileChanged):
        return error
    try:
        changed = context.job_file.change()
    except BulkopsError as unknown:  # of a remote file: the copy that was sent is complete
        observer.note(f"It is unknown whether the file was replaced meanwhile: {unknown.message}")
        return error
    if changed is None:
        return error
    if error is None:
        return changed
    observer.note(str(changed))
    return error


def _cancel_hopeless(context: JobContext, error: BulkopsError | None) -> None:
    """Cancel a job that imported nothing and that the server refuses for its ids or address: resuming cannot help."""
    hopeless = isinstance(error, AccessRefused) and error.status in (404, *MOVED)
    if error is None or not (hopeless or isinstance(error, TargetUnfit)):
        return
    ledger, job = context.ledger, context.ledger.job(context.job.id)
    if job.cancelled:
        return
    if all(chunk.state in NOTHING_IMPORTED for chunk in ledger.chunks(job.id)):
        ledger.change_job(job, Cancelled(), cancelled=True)
        given = " ".join(f"--{name} {value}" for name, value in context.ids.items())
        error.hint = (
            f"{error.hint or ''} This job was sent to {context.job.address} with {given}. Nothing was imported, so the "
            "job is cancelled: import the file again with the right ids and address."
        ).strip()


def resumable(error: BulkopsError) -> BulkopsError:
    """Return the error that ended a job which has begun: it can be resumed once its ledger is available again."""
    return Unfinished(error.message, hint=error.hint) if isinstance(error, LedgerUnusable) else error


def _recorded(outcome: Outcome) -> Outcome:
    """Record the end of a job in the journal, and return its outcome."""
    document = outcome.document
    record(
        "job_ended",
        job=document["job"],
        contract=document["contract"],
        file=document["file"]["path"],
        state=outcome.state,
        exit=outcome.exit_code,
        records=document["records"],
        verdict=outcome.verdict,
    )
    return outcome


def _outcome(context: JobContext, error: BulkopsError | None) -> Outcome:
    """Return the outcome of a run, from the ledger or, if it cannot be read any more, from the last written state."""
    ledger, job = context.ledger, context.job
    try:
        return outcome_of_job(ledger.job(job.id), ledger.chunks(job.id), ledger, error=error)
    except BulkopsError as unread:
        return outcome_of_job(job, ledger.last_written(job.id), ledger, error=error or resumable(unread))


def _proved(context: JobContext, outcome: Outcome, observer: Observer) -> Outcome:
    """Return the outcome of a job with its reconciliation, or with the error that prevented it.

    FileChanged is such an error: the file must be the one that was sent.
    """
    ledger = context.ledger
    try:
        job, began = ledger.job(context.job.id), context.clock.now()
        result = reconcile(
            context.contract,
            job.file_path,
            EvidenceSource(client=context.client, ids=context.ids, options=job.options),
            known=known_from_ledger(ledger, job, outcome.chunks, context.contract),
            settle=context.options.settle,
            clock=context.clock,
            observer=observer.note,
        )
        context.job_file.refuse_change(at_server=False)
        circumstances = Circumstances.of_target(context.client.target, began=began, ended=context.clock.now())
        job = keep_result(ledger, job, result, circumstances)
    except BulkopsError as raised:
        error = resumable(raised)
        return replace(outcome, error=error, exit_code=error.exit_code)
    code = exit_code(JobState(outcome.state), outcome.error) or result.exit_code
    return replace(outcome, document=job_document(job, outcome.chunks), exit_code=code)
