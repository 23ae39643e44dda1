"""Represent a job as an object: the document of `jobs show --json` with typed fields, for programs and notebooks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from bulkops.ledger.states import ChunkState, JobState, job_word

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class Books:
    """Numbers of records by state; `input` is the sum of the others."""

    input: int
    accepted: int
    skipped: int
    rejected: int
    in_doubt: int
    pending: int


@dataclass(frozen=True, kw_only=True)
class JobChunk:
    """A chunk of a job. `first_record` counts from 1; `import_id` is None until the server has reported one."""

    number: int
    first_record: int
    records: int
    bytes: int
    sha256: str
    state: ChunkState
    import_id: int | None
    attempts: int
    message: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Job:
    """A job in its present state. `reconciliation` is None until the job was compared with its target."""

    id: str
    contract: str
    mode: str
    state: JobState
    created: datetime
    target: Mapping[str, Any]
    file: Path
    sha256: str
    records: Books
    chunks: Sequence[JobChunk]
    reconciliation: Mapping[str, Any] | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the job of a document of `jobs show --json`."""
        return cls(
            id=document["job"],
            contract=document["contract"],
            mode=document["mode"],
            state=JobState(document["state"]),
            created=datetime.fromisoformat(document["created"]),
            target=document["target"],
            file=Path(document["file"]["path"]),
            sha256=document["file"]["sha256"],
            records=Books(**document["records"]),
            chunks=[_chunk(chunk) for chunk in document.get("chunks", ())],
            reconciliation=document["reconciliation"],
        )

    @property
    def verdict(self) -> str | None:
        """The verdict of the last reconciliation: proved, mismatch, unprovable; None if there was none."""
        return None if self.reconciliation is None else str(self.reconciliation["verdict"])

    @property
    def import_ids(self) -> Sequence[int]:
        """The import ids that the server has reported, in the order of the chunks."""
        return [chunk.import_id for chunk in self.chunks if chunk.import_id is not None]

    def to_frame(self) -> "pl.DataFrame":
        """Return the chunks as a polars frame, one row per chunk."""
        return _frame([vars(chunk) for chunk in self.chunks], CHUNK_COLUMNS)

    def __repr__(self) -> str:
        return f"Job({self.id}: {_summary(self)})"

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.id)}</b>: {escape(_summary(self))}</p>{self.to_frame()._repr_html_()}"


class JobList(Sequence[Job]):
    """Jobs, the newest first."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = tuple(jobs)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> "JobList": ...
    def __getitem__(self, index: int | slice) -> "Job | JobList":
        return JobList(self._jobs[index]) if isinstance(index, slice) else self._jobs[index]

    def __len__(self) -> int:
        return len(self._jobs)

    def to_frame(self) -> "pl.DataFrame":
        """Return a polars frame with one row per job: id, contract, state, time, books and verdict."""
        rows = [
            {
                "job": job.id,
                "contract": job.contract,
                "state": job.state.value,
                "created": job.created,
                **vars(job.records),
                "verdict": job.verdict,
            }
            for job in self._jobs
        ]
        return _frame(rows, JOB_COLUMNS)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self._jobs)) or "no jobs"

    def _repr_html_(self) -> str:
        return self.to_frame()._repr_html_()


BOOKS = tuple(Books.__dataclass_fields__)
JOB_COLUMNS = ("job", "contract", "state", "created", *BOOKS, "verdict")
CHUNK_COLUMNS = tuple(JobChunk.__dataclass_fields__)


def _chunk(document: Mapping[str, Any]) -> JobChunk:
    known = {name: document.get(name) for name in CHUNK_COLUMNS}
    return JobChunk(**{**known, "state": ChunkState(document["state"]), "message": document.get("message", "")})


def _summary(job: Job) -> str:
    """Return state, books and verdict in one line, without numbers that are 0."""
    books = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in vars(job.records).items() if count and name != "input"
    )
    verdict = f", {job.verdict}" if job.verdict else ""
    return f"{job.contract}, {job_word(job.state, rejected=job.records.rejected)}, {books or 'no records'}{verdict}"


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> "pl.DataFrame":
    import polars as pl

    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.DataFrame(rows, infer_schema_length=None)
