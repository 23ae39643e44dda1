"""A job from its locks to its proof, and how that ended: the steps that all ways to run one share."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.clock import Clock
from bulkops.errors import AccessRefused, BulkopsError, FileChanged
from bulkops.ledger.entries import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.observer import Observer
from bulkops.reconciling.jobs import known_of, other_imports
from bulkops.reconciling.run import Evidence, reconcile
from bulkops.settings import Target
from bulkops.upload.body import Stamp
from bulkops.upload.context import JobContext
from bulkops.upload.figures import exit_code, job_document, job_state
from bulkops.upload.guards import Difference
from bulkops.upload.paths import rejected_path
from bulkops.upload.starting import new_chunks
from bulkops.upload.stopping import Stop
from bulkops.upload.undoing import Undone
from bulkops.upload.workflow import Guards, begin, locked, opened, run_job
from bulkops.validation.findings import ValidationReport
from bulkops_validators.model.contract import Contract

FRESH_SECONDS = 10.0
"""A comparison with the target older than this is made again before the first request: a person was asked."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an import ended.

    `document` is that of `import --json`, without the error; `error` is what ended the run or its proof early, if
    anything; `chunks` are as the ledger has them; `rejected_file` holds the rejected records, if there are any.
    """

    document: Mapping[str, Any]
    exit_code: int
    error: BulkopsError | None = None
    validation: ValidationReport | None = None
    chunks: Sequence[ChunkEntry] = ()
    rejected_file: Path | None = None

    @property
    def state(self) -> str:
        """done, unfinished, in_doubt, refused or cancelled."""
        return str(self.document["state"])

    @property
    def verdict(self) -> str | None:
        """The verdict of the reconciliation, if there was one."""
        found = self.document["reconciliation"]
        return str(found["verdict"]) if found else None


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job that the ledger does not have yet, and what it is begun with.

    `stamp` is that of its file, taken right before the plan was made.
    """

    job: JobEntry
    contract: Contract
    plan: FilePlan
    guards: Guards
    undone: Undone | None = None
    dry_run: bool = False
    prove: bool = False
    validation: ValidationReport | None = None
    stamp: Stamp | None = None


def begin_and_run(
    new: NewJob, target: Target, ledger: Ledger, *, clock: Clock, stop: Stop, observer: Observer
) -> Outcome:
    """Check the guards, write the job to the ledger and run it; a dry run ends before the ledger has it."""
    job, contract, plan = new.job, new.contract, new.plan
    with ExitStack() as stack:
        stack.enter_context(locked(job, ledger))
        running = opened(job, target, ledger, clock=clock, stop=stop, say=observer.note, stamp=new.stamp)
        context = stack.enter_context(running)
        observer.planned(plan, contract, context.ids)
        told = _Told(observer, clock)
        begin(
            job,
            contract,
            plan,
            context=context,
            guards=new.guards,
            dry_run=new.dry_run,
            undone=new.undone,
            stop=stop,
            compared=told.compared,
        )
        if new.dry_run:
            document = {**job_document(job, new_chunks(plan)), "job": None, "dry_run": True}
            return Outcome(document=document, exit_code=0, validation=new.validation)
        outcome = run_and_prove(context, stop=stop, observer=observer, prove=new.prove, begun=told.fresh)
        return replace(outcome, validation=new.validation)


class _Told:
    """Passes a comparison on, and knows whether whoever heard it took so long that it must be made again."""

    def __init__(self, observer: Observer, clock: Clock) -> None:
        self._observer = observer
        self._clock = clock
        self.fresh = True

    def compared(self, difference: Difference) -> None:
        began = self._clock.monotonic()
        self._observer.compared(difference)
        self.fresh = self._clock.monotonic() - began < FRESH_SECONDS


def run_and_prove(context: JobContext, *, stop: Stop, observer: Observer, prove: bool, begun: bool = False) -> Outcome:
    """Run a job whose locks are held, reconcile it if asked, and return its figures as the ledger has them."""
    observer.began(context.job)
    stop.begun = True
    error: BulkopsError | None = None
    try:
        run_job(context, stop=stop, observer=observer.moved, begun=begun)
    except BulkopsError as raised:
        error = raised  # the ledger has the figures all the same
    finally:
        observer.ran()
    error = _with_file(context, error, observer)
    _cancel_hopeless(context, error)
    job, chunks = context.ledger.job(context.job.id), context.ledger.chunks(context.job.id)
    state = job_state(job, chunks)
    code = exit_code(state, error)
    if prove and not isinstance(error, FileChanged) and state in (JobState.DONE, JobState.REFUSED):
        try:
            job, proof = _proved(context, job, chunks, observer)
            code = code or proof
        except BulkopsError as raised:
            error, code = raised, raised.exit_code
    document = job_document(job, chunks)
    rejected = rejected_path(context.ledger, job.id)
    return Outcome(
        document=document,
        exit_code=code,
        error=error,
        chunks=chunks,
        rejected_file=rejected if document["records"]["rejected"] and rejected.exists() else None,
    )


def _with_file(context: JobContext, error: BulkopsError | None, observer: Observer) -> BulkopsError | None:
    """Return what ended a run, or how the job's file has changed meanwhile; of both, the change is only noted."""
    if isinstance(error, FileChanged) or (changed := context.original.change()) is None:
        return error
    if error is None:
        return changed
    observer.note(str(changed))
    return error


def _cancel_hopeless(context: JobContext, error: BulkopsError | None) -> None:
    """Cancel a job whose ids the server does not know, if it imported nothing: resuming would fail in the same way."""
    ledger, job = context.ledger, context.ledger.job(context.job.id)
    if not isinstance(error, AccessRefused) or error.status != 404 or job.cancelled:
        return
    if all(chunk.state is ChunkState.PENDING for chunk in ledger.chunks(job.id)):
        ledger.change_job(job, kind="cancelled", cancelled=True)
        error.hint = (
            f"{error.hint or ''} Nothing was imported, so the job is cancelled: import again with the right ones."
        )


def _proved(
    context: JobContext, job: JobEntry, chunks: Sequence[ChunkEntry], observer: Observer
) -> tuple[JobEntry, int]:
    """Return the job with its reconciliation, and the exit code of that; FileChanged if the file changed meanwhile."""
    result = reconcile(
        context.contract,
        job.file_path,
        Evidence(client=context.client, ids=context.ids, options=job.options),
        known=known_of(job, chunks, context.contract, others=other_imports(context.ledger, job)),
        settle=context.options.settle,
        clock=context.clock,
        observer=observer.note,
    )
    context.original.refuse_change()
    return context.ledger.change_job(job, kind="reconciled", reconciliation=result.to_json()), result.exit_code
