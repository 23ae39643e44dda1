"""Run one import from file to reconciliation: validate, plan, check the guards, upload, reconcile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bulkops.account.reading import AccountReader
from bulkops.chunking.limits import ChunkLimits, chunk_limits
from bulkops.chunking.odd_files import refuse_odd_file
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.clock import Clock
from bulkops.errors import DataError, InputUnreadable
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.pipeline.at_target import records_at_target, refuse_incomparable
from bulkops.pipeline.observer import Observer, Silent
from bulkops.pipeline.repeats import SendingPlan, refuse_pointless, without_repeats
from bulkops.pipeline.running import NewJob, Outcome, begin_and_run
from bulkops.pipeline.unfinished import name_unfinished
from bulkops.settings import Target
from bulkops.temporary import temporary_folder
from bulkops.transport.client import ApiClient
from bulkops.upload.body import FileStamp, settled_stamp
from bulkops.upload.guards import refuse_unaccepted_warnings
from bulkops.upload.input_file import change_of
from bulkops.upload.options import MAX_REMOVALS, RunOptions
from bulkops.upload.request_size import GIVEN, known_size
from bulkops.upload.start import new_job
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards
from bulkops.validation.digests import Digests
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, ValidationReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import ImportDocument

NO_RECORDS = "STR110"
"""The rule that a file contains records; --allow-empty lifts it."""
OpenTarget = Callable[[], AbstractContextManager[Target]]
OpenLedger = Callable[[], AbstractContextManager[Ledger]]
Validate = Callable[[Contract, Path, ValidationSettings], ValidationReport]


def validate_here(contract: Contract, file: Path, settings: ValidationSettings) -> ValidationReport:
    """Validate a file in this process."""
    return validate_files(contract, [file], settings=settings)


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """The parameters of an import. `options` are the contract's query options by option name, as text.

    Without `digests`, the records of the file are neither compared with those of earlier jobs nor stored. With
    `dry_run`, every step before the first upload is done: the account is read, and nothing is written or sent.
    `account` reads the account, and `client` sends the requests; several imports to a server can share both.
    `others_resume`: the caller resumes unfinished jobs to the same target, so their pending records count as sent.
    `validate` returns the report of the file; it may have been made elsewhere, from the same bytes.
    """

    contract: Contract
    file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    max_rows: int | None = None
    max_bytes: int | None = None
    run: RunOptions = field(default_factory=RunOptions)
    guards: Guards = field(default_factory=Guards)
    max_removals: str = MAX_REMOVALS
    dry_run: bool = False
    reconcile: bool = False
    digests: bool = True
    account: AccountReader | None = None
    client: ApiClient | None = None
    others_resume: bool = False
    validate: Validate = validate_here

    def validation_settings(self, now: datetime) -> ValidationSettings:
        """Return the settings for the validation of the file."""
        empty = {NO_RECORDS} if self.guards.allow_empty else set()
        return ValidationSettings(
            now=now,
            ignore=tuple(sorted(self.guards.accept | empty)),
            digests=self.digests and not self.contract.mode.resend_is_safe,
        )


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The target and the ledger of an import. Both are opened only after the file has passed validation."""

    target: OpenTarget
    ledger: OpenLedger

    @classmethod
    def at(cls, target: Target, ledger: Ledger) -> Self:
        """Return a destination with an open target and ledger."""
        return cls(target=lambda: nullcontext(target), ledger=lambda: nullcontext(ledger))


def import_file(
    request: ImportRequest,
    place: Destination,
    *,
    clock: Clock,
    stop: Stop | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Run one import to its end.

    A file with errors is refused: nothing is sent, and the ledger contains no trace of it. The outcome contains what
    ends a run that has begun: a lost network, a signal, a chunk in doubt. Errors before that are raised:
    InputUnreadable, DataError, GuardRefused, UsageError.
    """
    observer, stop = observer or Silent(), stop or Stop()
    contract = request.contract
    limits = chunk_limits(contract, max_rows=request.max_rows, max_bytes=request.max_bytes)
    refuse_pointless(contract, request.guards, digests=request.digests)
    if request.guards.only_changed:
        refuse_incomparable(contract)
    refuse_odd_file(request.file)
    report, digests = _validated(request, clock)
    observer.validated(report)
    if report.errors:
        document = _refused_document(contract, report.files[0])
        return Outcome(document=document, exit_code=DataError.exit_code, validation=report)
    refuse_unaccepted_warnings(report.files[0])
    stamp = settled_stamp(request.file)
    plan = plan_file(request.file, limits, names=contract.sent_names(request.options))
    with place.target() as target, place.ledger() as ledger:
        limits, plan = _within_known_size(request, limits, plan, target, ledger, observer)
        _refuse_other_bytes(report.files[0], plan)
        job = _new_job(request, plan, target, clock=clock)
        new = _parameters(request, job, plan, report, stamp)
        with _sending(request, new, digests, target, ledger, limits=limits, clock=clock, observer=observer) as sending:
            if sending.new is None:
                return Outcome(document=sending.document, exit_code=0, validation=report, idle=True)
            outcome = begin_and_run(sending.new, target, ledger, clock=clock, stop=stop, observer=observer)
            return replace(outcome, document={**outcome.document, **sending.document})


def _parameters(
    request: ImportRequest, job: JobEntry, plan: FilePlan, report: ValidationReport, stamp: FileStamp | None
) -> NewJob:
    """Return the parameters of the job that sends the whole file."""
    return NewJob(
        job=job,
        contract=request.contract,
        plan=plan,
        guards=request.guards,
        dry_run=request.dry_run,
        prove=request.reconcile,
        validation=report,
        stamp=stamp,
        check=True,
        account=request.account,
        client=request.client,
    )


@contextmanager
def _sending(
    request: ImportRequest,
    new: NewJob,
    digests: Digests | None,
    target: Target,
    ledger: Ledger,
    *,
    limits: ChunkLimits,
    clock: Clock,
    observer: Observer,
) -> Iterator[SendingPlan]:
    """Yield the job for the records to send, compared with unfinished and earlier jobs and, if asked, the target."""
    unfinished = name_unfinished(new, ledger, notify=observer.note)
    running = [each.job.id for each in unfinished if each.running or request.others_resume]
    at_target = None
    with ExitStack() as stack:
        if request.guards.only_changed:
            if request.contract.changes_rows:  # one download shows the changes, and is the way back
                folder = stack.enter_context(temporary_folder(prefix="bulkops-target-"))
                new = replace(new, export=folder / "export.csv")
            at_target = records_at_target(new, target, ledger, clock=clock, notify=observer.note, keep=new.export)
        chosen = without_repeats(
            new, digests, ledger, running=running, at_target=at_target, limits=limits, notify=observer.note
        )
        yield stack.enter_context(chosen)


def _within_known_size(
    request: ImportRequest, limits: ChunkLimits, plan: FilePlan, target: Target, ledger: Ledger, observer: Observer
) -> tuple[ChunkLimits, FilePlan]:
    """Return the limits and the plan, with smaller chunks if an earlier job was refused for the size of a request."""
    if request.max_bytes is not None or limits.whole:
        return limits, plan
    known = known_size(ledger, target.identity()["base_url"])
    largest = max((chunk.bytes for chunk in plan.chunks if chunk.records > 1), default=0)
    if known is None or largest <= known.most:
        return limits, plan
    smaller = replace(limits, max_bytes=known.most)
    try:
        fitting = plan_file(request.file, smaller, names=request.contract.sent_names(request.options))
    except DataError:  # a single record is larger, so only the server can decide about it
        return limits, plan
    observer.note(
        f"Job {known.job} found that this server, or a proxy in front of it, refuses larger requests (413): "
        f"sending at most {known.most:,} bytes per request. --max-bytes changes that."
    )
    return smaller, fitting


def _new_job(request: ImportRequest, plan: FilePlan, target: Target, *, clock: Clock) -> JobEntry:
    job = new_job(
        request.contract,
        plan,
        target,
        options=request.options,
        run=request.run,
        max_removals=request.max_removals,
        now=clock.now(),
        accept=request.guards.accept,
    )
    if request.max_bytes is None:
        return job
    return replace(job, settings={**job.settings, GIVEN: request.max_bytes})


def _validated(request: ImportRequest, clock: Clock) -> tuple[ValidationReport, Digests | None]:
    """Return the validation report of the file, and the digests of its records if they are required."""
    report = request.validate(request.contract, request.file, request.validation_settings(clock.now()))
    if report.files[0].unreadable:
        raise InputUnreadable(report.files[0].unreadable)
    (found,) = report.files
    return replace(report, files=(replace(found, digests=None),)), found.digests


def _refused_document(contract: Contract, found: FileReport) -> "ImportDocument":
    """Return the document of a file that failed validation: all of its records are pending."""
    return {
        "job": None,
        "contract": contract.name,
        "mode": contract.mode.value,
        "state": "refused",
        "target": None,
        "file": {"path": found.path, "sha256": found.sha256, "bytes": found.bytes, "records": found.records},
        "records": {
            "input": found.records,
            "accepted": 0,
            "skipped": 0,
            "rejected": 0,
            "in_doubt": 0,
            "pending": found.records,
        },
        "chunks": [],
        "reconciliation": None,
    }


def _refuse_other_bytes(validated: FileReport, plan: FilePlan) -> None:
    """Raise DataError if the planned bytes differ from the validated ones."""
    if validated.sha256 == plan.sha256:
        return
    change = change_of(plan.path, sha256=validated.sha256, size=validated.bytes)
    how = change.description if change is not None and change.grown_from is not None else "has just changed"
    raise DataError(
        f"{plan.path} changed after it was validated: it {how}. Nothing was sent.",
        hint="Wait until the file is complete, then run the command again.",
    )
