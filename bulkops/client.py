"""A client object that combines a target and a ledger with all features."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from bulkops import api
from bulkops.api import PathLike
from bulkops.clock import SystemClock
from bulkops.cluster import DaskClient
from bulkops.errors import UsageError
from bulkops.exporting.output_formats import Shape
from bulkops.exporting.run import Exported
from bulkops.frames import Input, kept_path
from bulkops.ledger.job_documents import job_document, sums_document
from bulkops.ledger.job_view import Job, JobList
from bulkops.ledger.store import Ledger, opened_ledger
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.recipes import StepResult
from bulkops.pipeline.resuming import undo_job
from bulkops.pipeline.running import Outcome
from bulkops.readback.compare.canonical import Fold
from bulkops.reconciling.result import Reconciliation
from bulkops.settings import Target
from bulkops.upload import manual_resolution
from bulkops.upload.options import RunOptions
from bulkops.upload.partial_resolution import find_part, record_part
from bulkops.upload.start import refuse_changed_file
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import Guards, lock_job, open_context


class ExportArguments(TypedDict, total=False):
    """The optional arguments of `bulkops.export`."""

    filters: Mapping[str, object] | None
    names: Mapping[str, int | str] | None
    shape: Shape | None
    window: str | None
    window_by: str | None
    settle: float
    overwrite: bool
    observer: Callable[[str], None] | None
    progress: Callable[[int], None] | None


class ReconcileArguments(TypedDict, total=False):
    """The optional arguments of `bulkops.reconcile` for the file of a job."""

    case: Fold | str | None
    settle: float
    output: PathLike | None
    spreadsheet_safe: bool
    repair: PathLike | None
    without_import_ids: bool
    overwrite: bool
    balances: tuple[PathLike, PathLike] | None
    accept: Collection[str]
    observer: Callable[[str], None] | None
    cluster: str | DaskClient | None


class FileReconcileArguments(ReconcileArguments, total=False):
    """The optional arguments of `bulkops.reconcile` for any file."""

    job: str | None
    import_ids: Collection[int] | None
    options: Mapping[str, object] | None


class RecipeArguments(TypedDict, total=False):
    """The optional arguments of `bulkops.run`."""

    settings: RunOptions | None
    first: int
    dry_run: bool


class ResumeArguments(TypedDict, total=False):
    """The optional arguments of `bulkops.resume`."""

    reconcile: bool
    changes: Mapping[str, Any] | None
    file: PathLike | None


class ReportArguments(TypedDict, total=False):
    """The optional arguments of `bulkops.report`."""

    title: str | None
    mask: bool
    check_files: bool
    overwrite: bool


@dataclass(frozen=True)
class Client:
    """Imports files into a target, and follows the jobs of a ledger.

    `target` comes from `bulkops.target` or `bulkops.local_sandbox`. `ledger` is the address of the ledger, None for the
    default one. `observer` is called at each step of every run. The ledger is closed after each call.
    """

    target: Target
    ledger: str | None = None
    observer: Observer | None = None

    @property
    def jobs(self) -> "Jobs":
        """The jobs of the ledger, for any target."""
        return Jobs(self)

    def import_file(
        self,
        contract: str,
        file: Input,
        *,
        ids: Mapping[str, int] | None = None,
        options: Mapping[str, object] | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        run: RunOptions | None = None,
        guards: Guards | None = None,
        reconcile: bool = False,
    ) -> Outcome:
        """Validate a file or a DataFrame, upload it and, with `reconcile`, prove every row.

        `ids` are added to those of the target. A DataFrame is written to a file beside the ledger, because a job needs
        its file again. The other arguments and the errors are those of `bulkops.submit`.
        """
        with self.open_ledger() as book:
            path = kept_path(file, book.folder / "frames")
        return api.submit(
            contract,
            path,
            self.target_with(ids),
            options=options,
            max_rows=max_rows,
            max_bytes=max_bytes,
            run=run,
            guards=guards,
            reconcile=reconcile,
            ledger=self.ledger,
            observer=self.observer,
        )

    def export(
        self, what: str, out: PathLike, *, ids: Mapping[str, int] | None = None, **options: Unpack[ExportArguments]
    ) -> Exported:
        """Save an export of the target to a file; the options and errors are those of `bulkops.export`."""
        return api.export(what, out, self.target_with(ids), ledger=self.ledger, **options)

    def reconcile(
        self,
        contract: str,
        file: Input,
        *,
        ids: Mapping[str, int] | None = None,
        **options: Unpack[FileReconcileArguments],
    ) -> Reconciliation:
        """Compare a file or a DataFrame with the target; the options and errors are those of `bulkops.reconcile`."""
        return api.reconcile(contract, file, self.target_with(ids), ledger=self.ledger, **options)

    def run(
        self, recipe: PathLike, variables: Mapping[str, str] | None = None, **options: Unpack[RecipeArguments]
    ) -> list[StepResult]:
        """Run a recipe against the target; the options and errors are those of `bulkops.run`."""
        return api.run(recipe, self.target, variables=variables, ledger=self.ledger, observer=self.observer, **options)

    def report(self, out: PathLike, *jobs: str, **options: Unpack[ReportArguments]) -> Path:
        """Write a report of jobs to a file, as `client.jobs.report` does."""
        return self.jobs.report(out, jobs, **options)

    def target_with(self, ids: Mapping[str, int] | None) -> Target:
        """Return the target with additional ids; they replace ids of the same name."""
        return replace(self.target, ids={**self.target.ids, **ids}) if ids else self.target

    def open_ledger(self) -> AbstractContextManager[Ledger]:
        """Return the ledger, open as long as the block runs."""
        return opened_ledger(self.ledger)


@dataclass(frozen=True)
class Jobs:
    """The jobs of a client's ledger. A job is named by its id; without one, the latest job is meant."""

    client: Client

    def list(self, *, state: str | None = None, limit: int | None = None) -> JobList:
        """Return the jobs without their chunks, the newest first: those in a state, at most `limit`."""
        with self.client.open_ledger() as book:
            sums = book.sums()
            found = [Job.of(sums_document(job, sums.get(job.id, {}))) for job in reversed(book.jobs())]
        return JobList([job for job in found if state in (None, job.state.value)][:limit])

    def get(self, job: str | None = None) -> Job:
        """Return a job, or the latest; UsageError if there is none."""
        with self.client.open_ledger() as book:
            entry = book.job(job or self._latest(book))
            return Job.of(job_document(entry, book.chunks(entry.id)))

    def history(self, job: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the events of a job in order, each with its time, chunk, kind and recorded data."""
        with self.client.open_ledger() as book:
            events = book.events(job or self._latest(book))
        return [{"at": event.at, "chunk": event.chunk, "kind": str(event.kind), **event.data} for event in events]

    def resume(self, job: str | None = None, **options: Unpack[ResumeArguments]) -> Outcome:
        """Resume a job, by default the latest; the options and errors are those of `bulkops.resume`."""
        client = self.client
        return api.resume(
            job or self.get().id, client.target, ledger=client.ledger, observer=client.observer, **options
        )

    def reconcile(self, job: str | None = None, **options: Unpack[ReconcileArguments]) -> Reconciliation:
        """Compare the file of a job with the target, and store the result with the job."""
        found = self.get(job)
        where = self.client.target_with(found.target["ids"])
        return api.reconcile(found.contract, found.file, where, job=found.id, ledger=self.client.ledger, **options)

    def resolve(self, job: str, chunk: int, *, accepted: bool, reason: str) -> Job:
        """Record a manual decision about a chunk in doubt: its records are at the target, or they must be resent."""
        with self.client.open_ledger() as book:
            manual_resolution.resolve(book, book.job(job), chunk, accepted=accepted, reason=reason)
        return self.get(job)

    def resolve_partly(self, job: str, chunk: int, *, reason: str) -> Job:
        """Accept the records of a chunk in doubt that the target contains, and return the others to pending.

        The target is read twice, at least the settle time of the job apart. InDoubt if the evidence is ambiguous;
        UsageError if the target contains all records of the chunk, or none. Then nothing is recorded. The method does
        not ask.
        """
        client = self.client
        with client.open_ledger() as book, lock_job(book.job(job), book):
            entry = book.job(job)
            refuse_changed_file(entry, book)
            where = client.target_with(entry.target["ids"])
            with open_context(entry, where, book, clock=SystemClock(), stop=Stop()) as context:
                record_part(context, find_part(context, chunk), reason)
        return self.get(job)

    def cancel(self, job: str) -> Job:
        """Cancel a job: its pending records are never sent. UsageError if it has none."""
        with self.client.open_ledger() as book:
            manual_resolution.cancel(book, book.job(job))
        return self.get(job)

    def undo(
        self, job: str, *, run: RunOptions | None = None, max_removals: str | None = None, also: Collection[str] = ()
    ) -> Outcome:
        """Undo a job, as a new job: remove what it created, or restore the rows that it replaced or changed.

        `also` contains `used` or `changed` to delete created rows that are in use or were changed. For an import of the
        earlier rows, GuardRefused if the target has changed since, unless `max_removals` permits the removals. The
        method does not ask, so check the job first.
        """
        client = self.client
        with client.open_ledger() as book:
            entry = book.job(job)
            where = client.target_with(entry.target["ids"])
            return undo_job(
                entry,
                book,
                lambda: nullcontext(where),
                clock=SystemClock(),
                run=run or RunOptions(),
                max_removals=max_removals,
                also=also,
                observer=client.observer,
            )

    def report(self, out: PathLike, jobs: Collection[str] = (), **options: Unpack[ReportArguments]) -> Path:
        """Write a report of jobs, or of the latest one; the options and errors are those of `bulkops.report`."""
        return api.report(out, *jobs, ledger=self.client.ledger, **options)

    @staticmethod
    def _latest(book: Ledger) -> str:
        jobs = book.jobs()
        if not jobs:
            raise UsageError("The ledger contains no job.", hint="Import a file first.")
        return jobs[-1].id
