"""Prepare to undo a replacing job: find the content saved before it, and check that its result is unchanged."""

from dataclasses import dataclass
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
from bulkops_validators.model.contract import Readback

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


def saved_before(ledger: Ledger, job: JobEntry) -> Path:
    """Return the content that a replacing job saved before it ran; UsageError if it saved or changed nothing."""
    before = before_path(ledger, job.id)
    if not before.exists():
        raise UsageError(
            f"Job {job.id} saved no content that can be restored.",
            hint="Only replacing imports save the previous content, on their own machine, if the API can export it.",
        )
    if all(chunk.state in NOTHING_IMPORTED or not chunk.attempts for chunk in ledger.chunks(job.id)):
        raise UsageError(f"Job {job.id} changed nothing at its target, so there is nothing to undo.")
    return before
