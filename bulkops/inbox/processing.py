"""Import one file of an inbox: as a new job, or by resuming the job that an earlier pass left."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bulkops.account.reading import AccountReader
from bulkops.checksums import sha256_of
from bulkops.clock import Clock
from bulkops.configuration_tables import InboxFilesTable, InboxTable
from bulkops.errors import (
    BulkopsError,
    DataError,
    GuardRefused,
    InputUnreadable,
    Interrupted,
    InUse,
    UsageError,
)
from bulkops.inbox.book import Book, Drop
from bulkops.inbox.decisions import Manifest, unexpected
from bulkops.inbox.splitting import MOST_FINDINGS, divide, read_findings, write_findings, write_parts
from bulkops.inbox.storage import file_error
from bulkops.inbox.taking import WorkFiles, decompress, work_files
from bulkops.ledger.job_documents import job_state
from bulkops.ledger.models import JobEntry, target_key
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import (
    NO_RECORDS,
    Destination,
    ImportRequest,
    Validate,
    import_file,
    validate_here,
)
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.resuming import resume_job
from bulkops.pipeline.running import Outcome, outcome_of_job
from bulkops.queries import query_texts
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.upload.guards import accepted_rules
from bulkops.upload.options import MAX_REMOVALS, RunOptions
from bulkops.upload.start import target_of
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards
from bulkops.validation.findings import FileReport, ValidationReport
from bulkops.validation.settings import ValidationSettings
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Mode

BOOKS = ("accepted", "skipped", "rejected", "quarantined", "in_doubt", "pending")
_GUARDS = re.compile(
    r"--(again|only-new|allow-empty|max-removals|accept)(?: ([\d.]+%?|[A-Z]{3}\d{3}(?:,[A-Z]{3}\d{3})*))?"
)
FINAL = frozenset({"imported", "skipped", "partial", "quarantined"})
"""States in which a file leaves the inbox."""


class Unexpected(DataError):
    """A file differs from its `expect` table. Nothing was sent."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How the import of a file ended.

    `records` are its books: `input` is the sum of the others. `jobs` are the jobs of the file, the last one first.
    `findings` are the findings that kept records from being sent, as JSON objects. `warnings` are notes for the
    summary. `sent` names the work file that was sent: plain or good. `error` is the class of an error that was not
    about the file.
    """

    state: str
    exit: int
    contract: str | None
    records: Mapping[str, int] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    reason: str | None = None
    hint: str | None = None
    verdict: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    sent: str = "plain"
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as the book stores it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Result":
        """Return a stored result."""
        lists = ("jobs", "findings", "warnings")
        values: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in stored.items()}
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The settings and services of a pass. `observe` returns an observer for the import of a file.

    All imports of a pass share `account`, which reads the account once, and `client` with its connections. `validate`
    returns the report of a file, which a cluster may have made before.
    """

    table: InboxTable
    book: Book
    ledger: Ledger
    target: Target
    clock: Clock
    settings: RunOptions
    stop: Stop
    observe: Callable[[Drop], Observer]
    account: AccountReader | None = None
    client: ApiClient | None = None
    dry_run: bool = False
    validate: Validate = validate_here


@dataclass(frozen=True, kw_only=True)
class ContractImport:
    """The import of one drop by a contract; with `resumes` an earlier pass may have begun it."""

    desk: Desk
    drop: Drop
    entry: InboxFilesTable
    contract: Contract
    manifest: Manifest | None
    history: tuple[int, ...]
    resumes: bool = False

    @property
    def files(self) -> WorkFiles:
        """The work files of the drop."""
        return work_files(self.desk.book, self.drop)

    @property
    def target(self) -> Target:
        """The target with the ids of the pattern."""
        own = dict(self.entry.ids)
        routes = [set(route.ids) for route in self.contract.routes]
        ids = own if set(own) in routes else {**self.desk.target.ids, **own}
        return replace(self.desk.target, ids=ids)

    @property
    def options(self) -> dict[str, str]:
        """The query options of the pattern."""
        return query_texts(self.contract, dict(self.entry.options))

    def run(self) -> Result:
        """Import the file, or finish its import of an earlier pass; an error becomes the result."""
        stop = self.desk.stop
        stop.begun = False  # no request of this file is in flight: a signal may end its import at once
        try:
            if stop.requested:
                return self._failed(Interrupted("Interrupted."))
            self._require_ids()
            earlier = self._earlier()
            return self._resumed(earlier) if earlier is not None else self._begun()
        except BulkopsError as error:
            return self._failed(error)
        except OSError as error:
            return self._failed(file_error(error, f"{self.drop.name} cannot be imported"))
        except KeyboardInterrupt:
            return self._failed(Interrupted("Interrupted."))
        finally:
            stop.begun = True

    def _require_ids(self) -> None:
        """Raise UsageError if neither the pattern nor the target has the ids that the contract needs."""
        try:
            self.contract.route(self.target.ids)
        except LookupError as error:
            missing = " and ".join(map(str, error.args))
            raise UsageError(
                f"{self.contract.name} needs the id {missing}; "
                f"neither the pattern {self.entry.match[0]} nor the target has it.",
                hint="Add it to `ids` of the pattern.",
            ) from None

    def _earlier(self) -> JobEntry | None:
        """Return the job that an earlier pass began for this drop; None if there is none that counts."""
        if not self.resumes:
            return None
        paths = (self.files.good, self.files.plain)
        for job in reversed(self.desk.ledger.jobs()):
            if job.given_path in paths and not self._void(job):
                return job
        return None

    def _void(self, job: JobEntry) -> bool:
        """Return whether a job was cancelled before the server imported any record of it."""
        return job.cancelled and not any(
            chunk.state in ("accepted", "resent", "in_doubt", "sending", "refused")
            for chunk in self.desk.ledger.chunks(job.id)
        )

    def _resumed(self, job: JobEntry) -> Result:
        desk = self.desk
        chunks = desk.ledger.chunks(job.id)
        sent = "good" if job.given_path == self.files.good else "plain"
        state = job_state(job, chunks)
        if state is JobState.IN_DOUBT or job.cancelled:
            return self._of_outcome(outcome_of_job(job, chunks, desk.ledger), sent=sent)
        try:
            outcome = resume_job(
                job,
                desk.ledger,
                Destination.at(self.target, desk.ledger).target,
                clock=desk.clock,
                prove=self.entry.reconcile and job.reconciliation is None,
                changes={"settle": desk.settings.settle, "response_timeout": desk.settings.response_timeout},
                account=desk.account,
                client=desk.client,
                stop=desk.stop,
                observer=desk.observe(self.drop),
            )
        except GuardRefused as error:  # such as another target in the configuration: the file must wait
            failed = self._plainly("failed", error.exit_code, error.message)
            return replace(failed, hint=error.hint, jobs=(job.id,), error=type(error).__name__)
        return self._of_outcome(outcome, sent=sent)

    def _begun(self) -> Result:
        if self.drop.file.size == 0:
            return self._without_records()
        plain = decompress(self.files)
        checked = _CheckedObserver(self.desk.observe(self.drop), self._check)
        try:
            found = self._import(plain, checked)
        except GuardRefused as error:
            divided = self._divided(plain, checked.report)
            return self._whole(error, checked.report) if isinstance(divided, str) else divided
        except DataError as error:
            return self._whole(error, checked.report)
        if isinstance(found, Result):
            return found
        if _is_invalid(found):
            divided = self._divided(plain, found.validation)
            return self._refused(found, divided) if isinstance(divided, str) else divided
        return self._of_outcome(found, sent="plain")

    def _import(self, path: Path, observer: Observer) -> Outcome | Result:
        """Import a work file; a file that was imported before is not sent, and its result is returned."""
        desk = self.desk
        if (before := self._seen(path)) is not None:
            return before
        place = Destination.at(self.target, desk.ledger)
        return import_file(self.request(path), place, clock=desk.clock, stop=desk.stop, observer=observer)

    def request(self, path: Path) -> ImportRequest:
        """Return the parameters for the import of a work file."""
        desk = self.desk
        return ImportRequest(
            contract=self.contract,
            file=path,
            options=self.options,
            run=replace(desk.settings, max_errors=self.entry.max_errors),
            guards=Guards(
                only_new=self.entry.cumulative,
                leave_unfinished=True,
                allow_empty=self.entry.allow_empty,
                accept=self._accepted(),
            ),
            max_removals=self.entry.max_removals or MAX_REMOVALS,
            dry_run=desk.dry_run,
            reconcile=self.entry.reconcile,
            account=desk.account,
            client=desk.client,
            others_resume=True,
            validate=desk.validate,
        )

    def _accepted(self) -> frozenset[str]:
        return accepted_rules(self.entry.accept)

    def _check(self, report: ValidationReport) -> None:
        """Raise DataError for a file that is not the expected one, before anything is sent."""
        (found,) = report.files
        if self.manifest is not None and self.manifest.records not in (None, found.records):
            raise DataError(
                f"{self.drop.name} has {counted(found.records, 'record')}; its manifest says "
                f"{self.manifest.records:,}.",
                hint="Ask the partner for the complete file.",
            )
        expect = self.entry.expect
        odd = None if self.drop.corrects else unexpected(expect, found.records, self.history)
        if odd is not None and expect.otherwise == "fail":
            raise Unexpected(
                f"{self.drop.name} is not as expected: {odd}.",
                hint="If it is right, import it with `bulkops import`, or change `expect` of its pattern.",
            )

    def _seen(self, path: Path) -> Result | None:
        """Return the result for content that was imported before; None for new content.

        If later imports overwrite earlier ones, only the latest import to the same target counts: the file may restore
        an earlier state.
        """
        desk, contract = self.desk, self.contract
        key = target_key(contract.name, target_of(contract, self.target), self._sent_options())
        sha256 = self.drop.sha256 if path == self.files.original else sha256_of(path)
        for job in reversed(desk.ledger.jobs_with_file(sha256, key)):
            state = job_state(job, desk.ledger.chunks(job.id))
            if job.given_path in (self.files.plain, self.files.good) and not self._void(job):
                return self._resumed(job)  # the book lost the row of this file
            unfinished = state in (JobState.UNFINISHED, JobState.IN_DOUBT)
            latest = contract.mode.resend_is_safe and desk.ledger.job_ids_at(key)[-1] == job.id
            if contract.mode.resend_is_safe and not (latest and (unfinished or state is JobState.DONE)):
                return None
            if unfinished:
                return self._plainly("waiting", 0, f"job {job.id} has the same content and is {state.value}")
            if state is JobState.DONE:
                records = {"input": job.records, "skipped": job.records}
                said = f"job {job.id} of {job.created:%Y-%m-%d} imported the same content"
                return replace(self._plainly("skipped", 0, said, records=records), jobs=(job.id,))
        return None

    def _sent_options(self) -> dict[str, str]:
        return {name: value for name, value in self.options.items() if name in self.contract.parameters}

    def _divided(self, plain: Path, report: ValidationReport | None) -> Result | str:
        """Send the good records of a file with findings; return a text if it cannot be divided."""
        if self.desk.table.on_findings != "quarantine" or report is None:
            return "the file has findings"
        settings = ValidationSettings(now=self.desk.clock.now(), max_findings=MOST_FINDINGS, grouped=False)
        division = divide(self.contract, plain, settings, self._accepted())
        if isinstance(division, str):
            return division
        # The findings are written first: a job of the good records must never be without the others.
        write_findings(self.files, [each.to_json() for each in division.findings])
        good = write_parts(plain, division.bad, good_to=self.files.good, bad_to=self.files.bad)
        if not good:
            return "no record can be imported"
        outcome = self._import(self.files.good, self.desk.observe(self.drop))
        if isinstance(outcome, Result):
            return self._with_quarantined(outcome)
        if _is_invalid(outcome):
            return "the records that remain have findings, too"
        return self._of_outcome(outcome, sent="good")

    def _with_quarantined(self, result: Result) -> Result:
        """Add the records that went to quarantine to a result."""
        findings = read_findings(self.files)
        bad = len({each["record"] for each in findings})
        records = {**result.records, "input": result.records["input"] + bad, "quarantined": bad}
        counts = dict(Counter(str(each["code"]) for each in findings))
        if not bad:
            return replace(result, reason=result.reason or "blank lines were left out", sent="good")
        state = "partial" if result.state in ("imported", "skipped") else result.state
        said = f"{counted(bad, 'record')} with findings in quarantine"
        return replace(
            result,
            state=state,
            exit=result.exit or DataError.exit_code,
            records=records,
            counts=counts,
            findings=tuple(findings),
            reason=f"{result.reason}; {said}" if result.reason else said,
            sent="good",
        )

    def _without_records(self) -> Result:
        expect = self.entry.expect
        if (expect.not_empty or expect.min_records) and not self.drop.corrects and expect.otherwise == "fail":
            return self._plainly("quarantined", 1, "it is empty, and records are expected")
        return self._plainly("skipped", 0, "it is empty")

    def _plainly(self, state: str, code: int, reason: str, *, records: Mapping[str, int] | None = None) -> Result:
        """Return a result without a job of its own."""
        books = {**dict.fromkeys(("input", *BOOKS), 0), **(records or {})}
        return Result(state=state, exit=code, contract=self.contract.name, records=books, reason=reason)

    def _of_outcome(self, outcome: Outcome, *, sent: str) -> Result:
        """Return the result of an import."""
        if _is_invalid(outcome):
            return self._refused(outcome, None)
        document = outcome.document
        if outcome.preflight is not None and (odd := outcome.preflight.error()) is not None and not document["job"]:
            return self._unfit(odd, outcome.preflight.report, document["records"]["input"])
        state, code, reason = _state_of(outcome)
        if self.desk.dry_run and outcome.error is None and not outcome.idle:
            state, code, reason = "waiting", 0, "dry run: it is ready to import"
        result = Result(
            state=state,
            exit=code,
            contract=self.contract.name,
            records={**dict.fromkeys(("input", *BOOKS), 0), **document["records"]},
            jobs=(document["job"],) if document["job"] else (),
            reason=reason,
            hint=_hint_of(outcome.error) if outcome.error else None,
            verdict=outcome.verdict,
            warnings=self._warnings(document["records"]["input"]),
            sent=sent,
            error=type(outcome.error).__name__ if outcome.error and state == "failed" else None,
        )
        return self._with_quarantined(result) if sent == "good" else result

    def _warnings(self, records: int) -> tuple[str, ...]:
        odd = None if self.drop.corrects else unexpected(self.entry.expect, records, self.history)
        return (f"{self.drop.name}: {odd}.",) if odd else ()

    def _refused(self, outcome: Outcome, why: str | None) -> Result:
        """Return the result of a file that was not sent because of its findings."""
        assert outcome.validation is not None
        (found,) = outcome.validation.files
        if set(found.counts) == {NO_RECORDS} and self.contract.mode is not Mode.REPLACE:
            return self._without_records()
        said = f"{counted(found.errors, 'error')}; nothing was sent"
        if why and self.desk.table.on_findings == "quarantine":
            said = f"{said}, because {why}"
        records = {"input": found.records, "quarantined": found.records}
        return replace(
            self._plainly("quarantined", DataError.exit_code, said, records=records),
            counts=dict(found.counts),
            findings=tuple(each.to_json() for each in found.findings),
        )

    def _unfit(self, error: BulkopsError, found: FileReport, records: int) -> Result:
        """Return the result of a file, or of ids, that do not fit the account."""
        result = self._failed(error)
        if result.state == "failed":
            return result
        return replace(
            result,
            records={**result.records, "input": records, "quarantined": records},
            counts=dict(found.counts),
            findings=tuple(each.to_json() for each in found.findings),
        )

    def _whole(self, error: BulkopsError, report: ValidationReport | None) -> Result:
        """Return the result of an error; if it sends the file to quarantine, all of its records are counted there."""
        result = self._failed(error)
        if report is None or result.state != "quarantined":
            return result
        records = report.files[0].records
        return replace(result, records={**result.records, "input": records, "quarantined": records})

    def _failed(self, error: BulkopsError) -> Result:
        """Return the result of an error that ended an import before its job began."""
        return failed(error, self.contract.name)


def failed(error: BulkopsError, contract: str | None) -> Result:
    """Return the result of an error: a file that caused it goes to quarantine, any other file is tried again."""
    about_file = isinstance(error, (DataError, GuardRefused, InputUnreadable)) and not isinstance(error, InUse)
    return Result(
        state="quarantined" if about_file else "failed",
        exit=DataError.exit_code if isinstance(error, InputUnreadable) else error.exit_code,
        contract=contract,
        records=dict.fromkeys(("input", *BOOKS), 0),
        reason=error.message,
        hint=_hint_of(error),
        error=None if about_file else type(error).__name__,
    )


def _hint_of(error: BulkopsError) -> str | None:
    """Return the hint of an error with keys of an inbox instead of options of `bulkops import`."""
    return error.hint and _GUARDS.sub(_in_words_of_inbox, error.hint)


def _in_words_of_inbox(option: re.Match[str]) -> str:
    """Return the key of an inbox that lifts the guard of an option of `bulkops import`."""
    name, value = option.groups()
    if name == "again":
        return "`bulkops import --again`"
    key = "cumulative" if name == "only-new" else name.replace("-", "_")
    return f"`{key} = {'true' if value is None else json.dumps(value)}` in its pattern"


class _CheckedObserver:
    """Passes the events of an import on; `check` receives the validation first and may stop the import."""

    def __init__(self, inner: Observer, check: Callable[[ValidationReport], None]) -> None:
        self._inner = inner
        self._check = check
        self.report: ValidationReport | None = None

    def validated(self, report: ValidationReport) -> None:
        """Check the file, then pass the report on."""
        self.report = report
        self._check(report)
        self._inner.validated(report)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _is_invalid(outcome: Outcome) -> bool:
    """Return whether a file was refused by the validation, so that no job exists."""
    return outcome.document["job"] is None and outcome.validation is not None and bool(outcome.validation.errors)


def _state_of(outcome: Outcome) -> tuple[str, int, str | None]:
    """Return the state of a file, its exit code and the reason."""
    books, code = outcome.document["records"], outcome.exit_code
    said = outcome.error.message if outcome.error else None
    match JobState(outcome.state):
        case JobState.DONE if outcome.document["job"] is None:
            return "skipped", code, "all of its records were sent before"
        case JobState.DONE:
            if outcome.verdict == "mismatch":
                said = "the target differs from the file"
            return "imported", code, said
        case JobState.IN_DOUBT:
            doubt = f"{counted(books['in_doubt'], 'record')} in doubt; a manual decision is needed"
            return "waiting", 4, said or f"{doubt}: `bulkops jobs show {outcome.document['job']}`"
        case JobState.UNFINISHED:
            return "failed", code or 3, said
        case JobState.CANCELLED:
            state = "partial" if books["accepted"] else "quarantined"
            return state, 1, "its job was cancelled"
        case _:
            state = "partial" if books["accepted"] or books["skipped"] else "quarantined"
            return state, code or 1, said or f"the server rejected {counted(books['rejected'], 'record')}"
