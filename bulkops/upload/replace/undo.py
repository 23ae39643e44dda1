"""What putting back needs to know of the job that is undone: what was there before, and what the job left."""

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
    """A job that is being undone. Its target must still hold what the job left: the job's own file."""

    job: JobEntry
    ledger: LedgerReader

    def refuse_other_content(
        self, readback: Readback, fold: Fold, *, held: Path, putting_back: TargetDifference
    ) -> None:
        """Refuse to put back over what came after the job; `held` is what the target holds now."""
        if putting_back.equal:
            return
        try:
            refuse_changed_file(self.job, self.ledger)
            since = difference_between(readback, fold, file=self.job.file_path, held=held)
        except (GuardRefused, UsageError):
            why = f"Whether the target still holds what job {self.job.id} left cannot be told without its file"
        else:
            if since.equal:
                return
            rows = since.added + since.changed + since.removed
            why = f"The target is not as job {self.job.id} left it: {rows:,} rows were added, changed or removed since"
        raise GuardRefused(
            f"{why}. Putting back would remove {putting_back.removed:,} of the {putting_back.held:,} rows that are "
            f"there now (and add {putting_back.added:,}).",
            hint=f"If that is right, give --max-removals {putting_back.removed}.",
        )


def saved_before(ledger: Ledger, job: JobEntry) -> Path:
    """Return what a replacing job found at its target; UsageError if it kept nothing, or changed nothing."""
    before = before_path(ledger, job.id)
    if not before.exists():
        raise UsageError(
            f"Job {job.id} kept nothing that could be put back.",
            hint="Only imports that replace keep what was there, on their own machine, where the API can export it.",
        )
    if all(chunk.state in NOTHING_IMPORTED or not chunk.attempts for chunk in ledger.chunks(job.id)):
        raise UsageError(f"Job {job.id} changed nothing at its target, so there is nothing to put back.")
    return before
