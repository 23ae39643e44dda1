"""Find the job of a recipe step from an earlier run of the recipe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bulkops.ledger.job_documents import job_state
from bulkops.ledger.models import JobEntry, target_key
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.store import Ledger
from bulkops.settings import Target
from bulkops.upload.body import file_sha256
from bulkops.upload.start import target_of
from bulkops_validators.model.contract import Contract, Mode

GOOD_VERDICTS = ("proved", "unprovable")
"""`unprovable` counts as good: the API cannot read all rows back, and the rows read do not contradict the file."""


@dataclass(frozen=True, kw_only=True)
class PreviousRun:
    """A job with the same bytes, target and options, and its state; `kept`: the server imported records of it."""

    job: JobEntry
    state: JobState
    kept: bool

    @property
    def done(self) -> bool:
        """Whether every record is accepted or skipped."""
        return self.state is JobState.DONE

    @property
    def open(self) -> bool:
        """Whether the job can be resumed."""
        return self.state in (JobState.UNFINISHED, JobState.IN_DOUBT)

    @property
    def proved(self) -> bool:
        """Whether its rows were read back without a contradiction."""
        return self.job.reconciliation is not None and self.job.reconciliation["verdict"] in GOOD_VERDICTS


def previous_run(
    ledger: Ledger,
    contract: Contract,
    file: Path,
    target: Target,
    options: Mapping[str, str],
    *,
    siblings: Iterable[Path],
) -> PreviousRun | None:
    """Return the latest job of this file for this target that was not cancelled; None if there is none.

    If later imports overwrite earlier ones, a job no longer counts after another file was sent to the same target,
    unless that file belongs to the same recipe: `siblings` are the files of the recipe. A job that was undone does not
    count.
    """
    place = target_of(contract, target)
    options = {name: value for name, value in options.items() if name in contract.parameters}
    key = target_key(contract.name, place, options)
    sha256 = file_sha256(file)
    same = [job for job in ledger.jobs_of_file(sha256, key) if not job.cancelled and job.options == options]
    if not same or ledger.undos_of(same[-1].id):
        return None
    job = same[-1]
    if Mode(job.mode).resend_is_safe:
        later = [other for other in ledger.jobs() if other.target_key == key and other.created > job.created]
        if later and not {other.file_sha256 for other in later} <= {file_sha256(path) for path in siblings}:
            return None
    chunks = ledger.chunks(job.id)
    kept = any(chunk.state is ChunkState.ACCEPTED for chunk in chunks)
    return PreviousRun(job=job, state=job_state(job, chunks), kept=kept)
