"""What became of a step of a recipe when the recipe ran before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bulkops.ledger.job_summary import job_state
from bulkops.ledger.models import JobEntry, target_key
from bulkops.ledger.states import ChunkState, JobState
from bulkops.ledger.store import Ledger
from bulkops.settings import Target
from bulkops.upload.body import file_sha256
from bulkops.upload.start import target_of
from bulkops_validators.model.contract import Contract, Mode

GOOD_VERDICTS = ("proved", "unprovable")
"""`unprovable` is good: it says that nothing reads the rows back, or not all of them, and nothing contradicts."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A job of the same bytes, target and options, and how far it came; `kept` says that records of it were taken."""

    job: JobEntry
    state: JobState
    kept: bool

    @property
    def done(self) -> bool:
        """Whether every record is where it should be."""
        return self.state is JobState.DONE

    @property
    def open(self) -> bool:
        """Whether the job can be gone on with."""
        return self.state in (JobState.UNFINISHED, JobState.IN_DOUBT)

    @property
    def proved(self) -> bool:
        """Whether its rows were read back, and were as they should be."""
        return self.job.reconciliation is not None and self.job.reconciliation["verdict"] in GOOD_VERDICTS


def earlier_job(
    ledger: Ledger,
    contract: Contract,
    file: Path,
    target: Target,
    options: Mapping[str, str],
    *,
    siblings: Iterable[Path],
) -> Earlier | None:
    """Return the latest job of this file to this place that was not cancelled.

    Where later imports overwrite earlier ones, a job counts for nothing once another file went to the same place,
    unless that one is of the same recipe: `siblings` are its files.
    """
    place = target_of(contract, target)
    options = {name: value for name, value in options.items() if name in contract.parameters}
    key = target_key(contract.name, place, options)
    sha256 = file_sha256(file)
    same = [job for job in ledger.jobs_of_file(sha256, key) if not job.cancelled and job.options == options]
    if not same:
        return None
    job = same[-1]
    if Mode(job.mode).resend_is_safe:
        later = [other for other in ledger.jobs() if other.target_key == key and other.created > job.created]
        if later and not {other.file_sha256 for other in later} <= {file_sha256(path) for path in siblings}:
            return None
    chunks = ledger.chunks(job.id)
    kept = any(chunk.state is ChunkState.ACCEPTED for chunk in chunks)
    return Earlier(job=job, state=job_state(job, chunks), kept=kept)
