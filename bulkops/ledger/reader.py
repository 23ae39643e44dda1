"""Read a ledger with one set of statements, in the SQL that SQLite and PostgreSQL share."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bulkops.errors import UsageError
from bulkops.ledger.events import Event, EventKind
from bulkops.ledger.models import UNDO, ChunkEntry, ChunkSum, JobEntry, KnownImport, import_place
from bulkops.ledger.rows import TableRow, chunk_entry, event_entry, job_entry, known_import
from bulkops.ledger.states import OPEN, ChunkState

JOBS = "SELECT * FROM jobs ORDER BY created, id"
LATEST_JOB = "SELECT id FROM jobs ORDER BY created DESC, id DESC LIMIT 1"
JOB = "SELECT * FROM jobs WHERE id = :job"
JOBS_WITH_FILE = "SELECT * FROM jobs WHERE file_sha256 = :sha256 AND target_key = :target_key ORDER BY created"
UNDO_JOBS = "SELECT * FROM jobs WHERE mode = :mode ORDER BY created, id"
JOB_IDS_AT = "SELECT id FROM jobs WHERE target_key = :target_key ORDER BY created, id"
JOB_RECORDS = "SELECT id, records FROM jobs WHERE target_key = :target_key"
JOB_IDS_SINCE = (
    "SELECT e.job AS id FROM events e JOIN jobs j ON j.id = e.job "
    "WHERE e.id > :event AND e.kind = :kind AND j.target_key = :target_key ORDER BY e.id"
)
JOBS_WITH_SETTINGS = (
    "SELECT * FROM jobs WHERE settings LIKE :one OR settings LIKE :other ORDER BY created DESC, id DESC"
)
SETTINGS_SINCE = (
    "SELECT j.id FROM events e JOIN jobs j ON j.id = e.job "
    "WHERE e.id > :event AND (j.settings LIKE :one OR j.settings LIKE :other) LIMIT 1"
)
JOBS_SINCE = "SELECT job FROM events WHERE id > :event"  # with DISTINCT, SQLite reads the index of all events
_OPEN_STATES = ", ".join(f"'{state.value}'" for state in sorted(OPEN))
# S608: the states are words of bulkops.
OPEN_JOB_IDS = f"SELECT DISTINCT job FROM chunks WHERE state IN ({_OPEN_STATES})"  # noqa: S608
IS_OPEN = f"SELECT 1 FROM chunks WHERE job = :job AND state IN ({_OPEN_STATES}) LIMIT 1"  # noqa: S608
CHUNKS = "SELECT * FROM chunks WHERE job = :job ORDER BY number"
LARGEST_ACCEPTED = "SELECT MAX(bytes) AS bytes FROM chunks WHERE job = :job AND state = 'accepted'"
PLAIN_CHUNKS = (
    "SELECT * FROM chunks WHERE job = :job AND state IN ('accepted', 'pending') AND NOT undecided "
    "ORDER BY number LIMIT :most"
)
OTHER_CHUNKS = (
    "SELECT * FROM chunks WHERE job = :job AND (state NOT IN ('accepted', 'pending') OR undecided) "
    "ORDER BY number LIMIT :most"
)
SUMS = (
    "SELECT job, state, COUNT(*) AS chunks, SUM(records) AS records, SUM(skipped) AS skipped, "
    "MAX(CAST(undecided AS INTEGER)) AS undecided FROM chunks "
)
KNOWN_IMPORTS = (
    "SELECT c.import_id, c.job, c.number, c.sha256, c.created, c.clock_offset, c.records - c.skipped AS rows, "
    "MAX(e.at) AS accepted FROM chunks c "
    "JOIN jobs j ON j.id = c.job JOIN events e ON e.job = c.job AND e.chunk = c.number "
    "WHERE j.contract = :contract AND j.target = :target AND c.state IN ('accepted', 'resent') "
    "AND c.import_id IS NOT NULL "
    "GROUP BY c.import_id, c.job, c.number, c.sha256, c.created, c.clock_offset, c.records, c.skipped"
)
OPEN_ELSEWHERE = (
    "SELECT c.* FROM chunks c JOIN jobs j ON j.id = c.job WHERE j.contract = :contract AND j.target = :target "
    "AND c.job <> :job AND c.state IN ('sending', 'in_doubt', 'refused') ORDER BY c.job, c.number"
)
UNANSWERED_ELSEWHERE = (
    "SELECT c.* FROM chunks c JOIN jobs j ON j.id = c.job WHERE j.contract = :contract AND j.target = :target "
    "AND c.job <> :job AND (c.state = 'sending' OR EXISTS (SELECT 1 FROM events e WHERE e.job = c.job "
    "AND e.chunk = c.number AND e.kind = :unanswered)) ORDER BY c.job, c.number"
)
WITHOUT_IMPORT_ELSEWHERE = (
    "SELECT c.* FROM chunks c JOIN jobs j ON j.id = c.job WHERE j.contract = :contract AND j.target = :target "
    "AND c.job <> :job AND c.state IN ('accepted', 'resent') AND c.import_id IS NULL AND c.first_sent IS NOT NULL "
    "ORDER BY c.job, c.number"
)
REJECTED = (
    "SELECT message, SUM(records) AS records FROM chunks WHERE job = :job AND state = 'rejected' GROUP BY message"
)
CLAIMED_ELSEWHERE = (
    "SELECT import_id FROM imports i WHERE place = :place AND job <> :job "
    "AND turn = (SELECT MAX(turn) FROM imports n WHERE n.place = i.place AND n.import_id = i.import_id)"
)
CLAIMED_BY = (
    "SELECT import_id FROM imports i WHERE job = :job "
    "AND turn = (SELECT MAX(turn) FROM imports n WHERE n.place = i.place AND n.import_id = i.import_id)"
)
EVENTS = "SELECT * FROM events WHERE job = :job "


class LedgerReader(ABC):
    """The reading side of a ledger. `folder` contains its files beside the tables."""

    folder: Path

    @abstractmethod
    def rows(self, statement: str, **values: Any) -> Sequence[TableRow]:
        """Return the rows of a statement by column name; UsageError if they cannot be read."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    def job_folder(self, job: str) -> Path:
        """Return the folder of a job's files."""
        return self.folder / "jobs" / job

    def jobs(self) -> list[JobEntry]:
        """Return all jobs, the oldest first."""
        return [job_entry(row) for row in self.rows(JOBS)]

    def latest_job(self) -> str | None:
        """Return the id of the latest job; None without jobs."""
        return next((row["id"] for row in self.rows(LATEST_JOB)), None)

    def job(self, job: str) -> JobEntry:
        """Return a job; UsageError if no job has this name."""
        for row in self.rows(JOB, job=job):
            return job_entry(row)
        raise UsageError(f"The ledger has no job {job[:100]!r}.", hint="`bulkops jobs list` lists all jobs.")

    def has_job(self, job: str) -> bool:
        """Return whether the ledger contains a job of this name."""
        return bool(self.rows(JOB, job=job))

    def jobs_with_file(self, sha256: str, target_key: str) -> list[JobEntry]:
        """Return the jobs with the same bytes and the same target, the oldest first."""
        return [job_entry(row) for row in self.rows(JOBS_WITH_FILE, sha256=sha256, target_key=target_key)]

    def jobs_of_file(self, sha256: str, target_key: str) -> list[JobEntry]:
        """Return the jobs of these bytes, or of their new records, with the same target, the oldest first."""
        return [job for job in self.jobs() if job.given_sha256 == sha256 and job.target_key == target_key]

    def undos_of(self, job: str) -> list[JobEntry]:
        """Return the jobs that remove the rows of a job, the oldest first."""
        return [undo for undo in map(job_entry, self.rows(UNDO_JOBS, mode=UNDO)) if undo.undoes == job]

    def job_ids_at(self, target_key: str) -> list[str]:
        """Return the ids of the jobs with the same contract and target, the oldest first."""
        return [row["id"] for row in self.rows(JOB_IDS_AT, target_key=target_key)]

    def job_records(self, target_key: str) -> dict[str, int]:
        """Return the number of records of each job with the same contract and target."""
        return {row["id"]: row["records"] for row in self.rows(JOB_RECORDS, target_key=target_key)}

    def last_event(self) -> int | None:
        """Return the id of the last event; None if a later transaction may write an event with a lower id."""
        return None

    def job_ids_since(self, target_key: str, event: int) -> list[str]:
        """Return the ids of the jobs with the same contract and target that began after an event."""
        values = {"target_key": target_key, "event": event, "kind": EventKind.CREATED.value}
        return [row["id"] for row in self.rows(JOB_IDS_SINCE, **values)]

    def open_jobs(self, contract: str) -> list[JobEntry]:
        """Return the jobs of a contract with a chunk that is not in a final state, the oldest first."""
        found = [job for job in map(self.job, self.open_job_ids()) if job.contract == contract]
        return sorted(found, key=lambda job: (job.created, job.id))

    def open_job_ids(self) -> frozenset[str]:
        """Return the ids of the jobs with a chunk that is not in a final state."""
        return frozenset(row["job"] for row in self.rows(OPEN_JOB_IDS))

    def jobs_with_settings(self, one: str, other: str) -> Iterator[JobEntry]:
        """Yield the jobs with at least one of two settings, the latest first."""
        found = self.rows(JOBS_WITH_SETTINGS, **_with_settings(one, other))
        return (job for job in map(job_entry, found) if one in job.settings or other in job.settings)

    def has_settings_since(self, event: int, one: str, other: str) -> bool:
        """Return whether a job with an event after the given one has at least one of two settings."""
        return bool(self.rows(SETTINGS_SINCE, event=event, **_with_settings(one, other)))

    def chunks(self, job: str) -> list[ChunkEntry]:
        """Return the chunks of a job by number."""
        return [chunk_entry(row) for row in self.rows(CHUNKS, job=job)]

    def largest_accepted(self, job: str) -> int:
        """Return the bytes of the largest accepted chunk of a job; 0 if none was accepted."""
        return self.rows(LARGEST_ACCEPTED, job=job)[0]["bytes"] or 0

    def some_chunks(self, job: str, *, most: int) -> list[ChunkEntry]:
        """Return at most `most` chunks by number: first those that need attention, then the others."""
        found: list[ChunkEntry] = []
        for statement in (OTHER_CHUNKS, PLAIN_CHUNKS):
            found += [chunk_entry(row) for row in self.rows(statement, job=job, most=most - len(found))]
        return sorted(found, key=lambda chunk: chunk.number)

    def sums(self, job: str | None = None) -> dict[str, dict[ChunkState, ChunkSum]]:
        """Return, per job and state, the totals of its chunks; of one job only if it is given."""
        which = "" if job is None else "WHERE job = :job "
        found: dict[str, dict[ChunkState, ChunkSum]] = {}
        for row in self.rows(f"{SUMS}{which}GROUP BY job, state", **({} if job is None else {"job": job})):
            found.setdefault(row["job"], {})[ChunkState(row["state"])] = ChunkSum(
                chunks=row["chunks"],
                records=int(row["records"]),
                skipped=int(row["skipped"]),
                undecided=bool(row["undecided"]),
            )
        return found

    def rejected(self, job: str) -> list[tuple[str, int]]:
        """Return the messages with which records of a job were rejected, each with its number of records."""
        return [(row["message"], int(row["records"])) for row in self.rows(REJECTED, job=job)]

    def known_imports(self, job: JobEntry) -> list[KnownImport]:
        """Return the imports of accepted chunks of all jobs with the contract and target of the given one."""
        return [known_import(row) for row in self.rows(KNOWN_IMPORTS, **_place(job))]

    def open_elsewhere(self, job: JobEntry) -> list[tuple[str, ChunkEntry]]:
        """Return the open chunks of other jobs with this contract and target, with their job's name.

        They are being sent, in doubt, or refused without a settled outcome.
        """
        return self._elsewhere(OPEN_ELSEWHERE, job)

    def unanswered_elsewhere(self, job: JobEntry) -> list[tuple[str, ChunkEntry]]:
        """Return the chunks of other jobs with this contract and target that had a request without a response."""
        return self._elsewhere(UNANSWERED_ELSEWHERE, job, unanswered=EventKind.IN_DOUBT.value)

    def accepted_without_import_elsewhere(self, job: JobEntry) -> list[tuple[str, ChunkEntry]]:
        """Return the chunks of other jobs with this contract and target that were accepted without an import id."""
        return self._elsewhere(WITHOUT_IMPORT_ELSEWHERE, job)

    def _elsewhere(self, statement: str, job: JobEntry, **values: str) -> list[tuple[str, ChunkEntry]]:
        rows = self.rows(statement, job=job.id, **_place(job), **values)
        return [(row["job"], chunk_entry(row)) for row in rows]

    def claimed_elsewhere(self, job: JobEntry) -> frozenset[int]:
        """Return the imports that belong to chunks of other jobs with this contract and target."""
        place = import_place(job.contract, json.dumps(job.target))
        return frozenset(row["import_id"] for row in self.rows(CLAIMED_ELSEWHERE, job=job.id, place=place))

    def imports_of(self, job: str) -> frozenset[int]:
        """Return the imports that belong to chunks of a job."""
        return frozenset(row["import_id"] for row in self.rows(CLAIMED_BY, job=job))

    def events(self, job: str, *, chunk: int | None = None, kind: EventKind | None = None) -> list[Event]:
        """Return the events of a job, or of one of its chunks, in order; of one kind only if it is given."""
        given = {name: value for name, value in (("chunk", chunk), ("kind", kind)) if value is not None}
        which = "".join(f"AND {name} = :{name} " for name in given)
        return [event_entry(row) for row in self.rows(f"{EVENTS}{which}ORDER BY id", job=job, **given)]


def _with_settings(one: str, other: str) -> dict[str, str]:
    """Return the patterns of the text of settings that contain one of two names."""
    return {"one": f'%"{one}": %', "other": f'%"{other}": %'}


def _place(job: JobEntry) -> dict[str, str]:
    """Return the columns that all jobs have in common if their import ids are in one place."""
    return {"contract": job.contract, "target": json.dumps(job.target)}
