"""Prepare to undo a job: find the rows saved before it, and check that its result is unchanged."""

from dataclasses import dataclass, replace
from pathlib import Path

from bulkops.errors import GuardRefused, UsageError
from bulkops.ledger.models import JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.ledger.store import Ledger
from bulkops.readback.compare.canonical import Fold
from bulkops.upload.guards import TargetDifference, difference_between
from bulkops.upload.job_files import before_path
from bulkops.upload.start import refuse_changed_file
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, Readback

NOTHING_IMPORTED = frozenset({ChunkState.SKIPPED, ChunkState.REJECTED})


@dataclass(frozen=True, kw_only=True)
class UndoneJob:
    """A job that is being undone. Its target must still contain the job's own file."""

    job: JobEntry
    ledger: LedgerReader

    def refuse_other_content(
        self, readback: Readback, fold: Fold, *, held: Path, putting_back: TargetDifference
    ) -> None:
        """Raise GuardRefused if the target changed after the job; `held` is the file with its present content."""
        if putting_back.equal:
            return
        try:
            refuse_changed_file(self.job, self.ledger)
            since = difference_between(readback, fold, file=self.job.file_path, held=held)
        except (GuardRefused, UsageError):
            why = f"Without the file of job {self.job.id}, bulkops cannot check whether the target has changed since"
        else:
            if since.equal:
                return
            rows = since.added + since.changed + since.removed
            why = f"The target has changed since job {self.job.id}: {rows:,} rows were added, changed or removed"
        raise GuardRefused(
            f"{why}. Undoing would remove {putting_back.removed:,} of the {putting_back.held:,} rows at the "
            f"target (and add {putting_back.added:,}).",
            hint=f"If this is intended, give --max-removals {putting_back.removed}.",
        )

    def refuse_changed_rows(self, readback: Readback, *, held: Path) -> None:
        """Raise GuardRefused if rows have other values than the job gave them; `held` is the file with present rows."""
        try:
            refuse_changed_file(self.job, self.ledger)
            saved = _in_import_form(readback)
            changed = difference_between(saved, Fold.SENSITIVE, file=self.job.file_path, held=held).changed
        except (GuardRefused, UsageError):
            raise GuardRefused(
                f"Without the file of job {self.job.id}, bulkops cannot check whether its rows have changed since.",
                hint="Restore the file; or import before.csv of the job, which does not compare.",
            ) from None
        if changed:
            raise GuardRefused(
                f"Since job {self.job.id}, {counted(changed, 'row')} changed. Undoing would overwrite these changes.",
                hint=f"If this is intended, give --max-removals {changed}.",
            )


def _in_import_form(readback: Readback) -> Readback:
    """Return a read-back for rows that were saved for import, so that they have the names of import columns."""
    return replace(readback, columns=tuple(replace(each, found=(each.column,)) for each in readback.columns))


def saved_before(ledger: Ledger, job: JobEntry, contract: Contract) -> Path:
    """Return the rows that a job saved before it ran; UsageError if it changed nothing, or cannot be undone."""
    if contract.no_undo:
        kept = sum(chunk.records for chunk in ledger.chunks(job.id) if chunk.state is ChunkState.ACCEPTED)
        raise UsageError(
            f"bulkops cannot undo job {job.id}: its {kept:,} accepted records stay at the target. {contract.no_undo}",
            hint=f"The records are those of {job.file_path}. `bulkops jobs undo {job.id} -o FILE` lists them as the "
            "target shows them, with those that were given out.",
        )
    before = before_path(ledger, job.id)
    if not before.exists():
        raise UsageError(
            f"Job {job.id} saved no content that can be restored.",
            hint="Imports that replace or change rows save them, on their own machine, if the API can export them.",
        )
    if all(chunk.state in NOTHING_IMPORTED or not chunk.attempts for chunk in ledger.chunks(job.id)):
        raise UsageError(f"Job {job.id} changed nothing at its target, so there is nothing to undo.")
    return before
