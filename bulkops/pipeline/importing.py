"""One import from file to proof: validate, plan, check the guards, upload, reconcile."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file, refuse_odd_file
from bulkops.clock import Clock
from bulkops.errors import BulkopsError, DataError, InputUnreadable
from bulkops.ledger.entries import ChunkEntry, JobEntry
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.reconciling.jobs import known_of
from bulkops.reconciling.run import Evidence, reconcile
from bulkops.settings import Target
from bulkops.upload.context import JobContext
from bulkops.upload.figures import EXIT_CODES, job_document, job_state
from bulkops.upload.guards import Difference
from bulkops.upload.options import RunOptions
from bulkops.upload.starting import new_job
from bulkops.upload.stopping import Stop
from bulkops.upload.workflow import Guards, begin, locked, opened, resumed, run_job
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, ValidationReport, ValidationSettings
from bulkops_validators.model.contract import Contract


class Observer(Protocol):
    """What is told of a running import. Every method may do nothing."""

    def validated(self, report: ValidationReport) -> None:
        """Hear how the file was judged."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Hear of the chunks before anything is sent; raise to stop."""

    def compared(self, difference: Difference) -> None:
        """Hear how a replacing import differs from what is there."""

    def began(self, job: JobEntry) -> None:
        """Hear that the job is in the ledger."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Hear of a chunk's new state."""

    def note(self, text: str) -> None:
        """Hear of something worth knowing."""


class Silent:
    """An observer that keeps everything to itself."""

    def validated(self, report: ValidationReport) -> None:
        """Say nothing."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Say nothing."""

    def compared(self, difference: Difference) -> None:
        """Say nothing."""

    def began(self, job: JobEntry) -> None:
        """Say nothing."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What to import and how. `options` are the contract's query options by option name, as text."""

    contract: Contract
    file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    max_rows: int | None = None
    max_bytes: int | None = None
    run: RunOptions = field(default_factory=RunOptions)
    guards: Guards = field(default_factory=Guards)
    reconcile: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an import ended. `document` is that of `import --json`; `error` is what ended the run early, if anything."""

    document: Mapping[str, Any]
    exit_code: int
    error: BulkopsError | None = None
    validation: ValidationReport | None = None

    @property
    def state(self) -> str:
        """done, unfinished, in_doubt, refused or cancelled."""
        return str(self.document["state"])

    @property
    def verdict(self) -> str | None:
        """The verdict of the reconciliation, if there was one."""
        found = self.document["reconciliation"]
        return str(found["verdict"]) if found else None


def import_file(
    request: ImportRequest,
    target: Target,
    ledger: Ledger,
    *,
    clock: Clock,
    stop: Stop | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Run one import to its end.

    A file with errors is refused: nothing is sent, and the ledger remembers nothing. What ends a run that has begun
    (a lost network, a signal, a doubt) is in the outcome; what keeps it from beginning is raised: InputUnreadable,
    DataError, GuardRefused, UsageError.
    """
    observer, stop = observer or Silent(), stop or Stop()
    contract = request.contract
    refuse_odd_file(request.file)
    report = _validated(request, clock)
    observer.validated(report)
    if report.errors:
        document = refused_document(contract, report.files[0])
        return Outcome(document=document, exit_code=DataError.exit_code, validation=report)
    limits = chunk_limits(contract, max_rows=request.max_rows, **_given(max_bytes=request.max_bytes))
    plan = plan_file(request.file, limits)
    refuse_other_bytes(report.files[0], plan)
    job = new_job(contract, plan, target, options=request.options, run=request.run, now=clock.now())
    with ExitStack() as stack:
        stack.enter_context(locked(job, ledger, clock=clock))
        context = stack.enter_context(opened(job, target, ledger, clock=clock, stop=stop, say=observer.note))
        observer.planned(plan, contract, context.ids)
        difference = begin(job, contract, plan, context=context, guards=request.guards, dry_run=False)
        if difference is not None:
            observer.compared(difference)
        observer.began(job)
        return run_and_prove(
            context, stop=stop, observer=observer, prove=request.reconcile, validation=report, begun=True
        )


def resume_job(
    job: JobEntry,
    target: Target,
    ledger: Ledger,
    *,
    clock: Clock,
    prove: bool = False,
    changes: Mapping[str, Any] | None = None,
    stop: Stop | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Go on with a job where it was left; GuardRefused on another file or target than it was begun with."""
    observer, stop = observer or Silent(), stop or Stop()
    with ExitStack() as stack:
        stack.enter_context(locked(job, ledger, clock=clock))
        job = resumed(ledger.job(job.id), ledger, changes=changes or {})
        context = stack.enter_context(opened(job, target, ledger, clock=clock, stop=stop, say=observer.note))
        observer.began(job)
        return run_and_prove(context, stop=stop, observer=observer, prove=prove)


def run_and_prove(
    context: JobContext,
    *,
    stop: Stop,
    observer: Observer,
    prove: bool,
    validation: ValidationReport | None = None,
    begun: bool = False,
) -> Outcome:
    """Run a job whose locks are held, reconcile it if asked, and return its figures as the ledger has them."""
    error: BulkopsError | None = None
    try:
        run_job(context, stop=stop, observer=observer.moved, begun=begun)
    except BulkopsError as raised:
        error = raised  # the ledger has the figures all the same
    job, chunks = context.ledger.job(context.job.id), context.ledger.chunks(context.job.id)
    state = job_state(job, chunks)
    code = EXIT_CODES[state] if error is None else error.exit_code
    if prove and state in (JobState.DONE, JobState.REFUSED):
        result = reconcile(
            context.contract,
            job.file_path,
            Evidence(client=context.client, ids=context.ids, options=job.options),
            known=known_of(job, chunks, context.contract),
            settle=context.options.settle,
            clock=context.clock,
            observer=observer.note,
        )
        job = context.ledger.change_job(job, kind="reconciled", reconciliation=result.to_json())
        code = code or result.exit_code
    return Outcome(document=job_document(job, chunks), exit_code=code, error=error, validation=validation)


def refused_document(contract: Contract, found: FileReport) -> dict[str, Any]:
    """Return the figures of a file that the validator refused: all of its records are pending."""
    figures = {"accepted": 0, "skipped": 0, "rejected": 0, "in_doubt": 0, "pending": found.records}
    return {
        "job": None,
        "contract": contract.name,
        "mode": contract.mode.value,
        "state": "refused",
        "target": None,
        "file": {"path": found.path, "sha256": found.sha256, "bytes": found.bytes, "records": found.records},
        "records": {"input": found.records, **figures},
        "chunks": [],
        "reconciliation": None,
    }


def _validated(request: ImportRequest, clock: Clock) -> ValidationReport:
    report = validate_files(request.contract, [request.file], settings=ValidationSettings(now=clock.now()))
    if report.files[0].unreadable:
        raise InputUnreadable(report.files[0].unreadable)
    return report


def refuse_other_bytes(validated: FileReport, plan: FilePlan) -> None:
    """Refuse a file whose bytes are not the ones that were validated: a compressed one, or one that just changed."""
    if validated.sha256 != plan.sha256:
        raise DataError(
            f"The bytes of {plan.path} are not the ones that were validated: it is compressed, or it has just changed.",
            hint="Decompress it, or wait until it is complete, and import the plain file.",
        )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
