"""Compare the chunk of a replacing job with its target before each request: the target may have changed."""

from pathlib import Path

from bulkops.ledger.events import EvidenceRead, TargetChanged
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.fetch.rows import fold_of
from bulkops.upload.context import JobContext
from bulkops.upload.guards import TargetDifference, difference_between, refuse_removals, save_target
from bulkops.upload.job_files import before_path
from bulkops.upload.options import MAX_REMOVALS
from bulkops_validators.model.contract import Mode, Readback


class Replacement:
    """Compares the one chunk of a replacing job with the present content of its target."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self._context = context
        self._readback = readback
        self._before = before_path(context.ledger, context.job.id)

    def ready(self, chunk: ChunkEntry) -> ChunkEntry:
        """Return the chunk if it may be sent; skipped or accepted if the target already equals it.

        GuardRefused if the target has changed since the job started, does not equal the file, and too many rows would
        be removed. The present content is then saved as the new `before.csv`; earlier versions are kept with a number.
        """
        self._context.ledger.check()
        now = self._before.with_name("now.csv")
        try:
            save_target(self._context.client, self._readback, self._context.ids, self._context.job.options, to=now)
            difference = self._difference(self._context.job.file_path, now)
            self._context.job_file.refuse_change()  # the file that was compared must be the file of the job
            if difference.equal:
                return self._already_equal(chunk, difference)
            if not self._before.exists() or not self._difference(self._before, now).equal:
                refuse_removals(difference, self._context.job.settings["max_removals"] or MAX_REMOVALS)
                self._note(chunk, difference)
                self._keep(now)
        finally:
            now.unlink(missing_ok=True)
        return chunk

    def _difference(self, file: Path, held: Path) -> TargetDifference:
        fold, _ = fold_of(self._context.client, self._readback, self._context.ids)
        return difference_between(self._readback, fold, file=file, held=held)

    def _already_equal(self, chunk: ChunkEntry, difference: TargetDifference) -> ChunkEntry:
        """Record that nothing is sent: the chunk is accepted if a request of it may have left before, else skipped."""
        state = ChunkState.ACCEPTED if chunk.attempts else ChunkState.SKIPPED
        found = EvidenceRead(verdict="landed" if chunk.attempts else "equal", rows=difference.kept)
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.move(job, chunk, state, found, undecided=False, message="")

    def _note(self, chunk: ChunkEntry, difference: TargetDifference) -> None:
        """Record and report what the import now changes at the target."""
        changed = TargetChanged(
            added=difference.added,
            changed=difference.changed,
            removed=difference.removed,
            kept=difference.kept,
            held=difference.held,
        )
        self._context.ledger.note(self._context.job.id, changed, chunk=chunk.number)
        self._context.client.notifier.notify(
            "The target has changed since the job began. Compared with it now, the import adds "
            f"{difference.added:,}, changes {difference.changed:,}, removes {difference.removed:,} and keeps "
            f"{difference.kept:,} rows."
        )

    def _keep(self, now: Path) -> None:
        if self._before.exists():
            number = 1
            while (kept := self._before.with_name(f"before-{number}.csv")).exists():
                number += 1
            self._before.replace(kept)
        now.replace(self._before)


def replacement_of(context: JobContext) -> Replacement | None:
    """Return the target check of a replacing job; None for other modes, or if nothing can be read back."""
    readback = context.route.readback
    if context.contract.mode is not Mode.REPLACE or readback is None:
        return None
    return Replacement(context, readback)
