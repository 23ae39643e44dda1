"""The ledger: every method that writes is one transaction, durable when it returns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, Integer, bindparam, cast, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from bulkops.clock import Clock
from bulkops.errors import Unfinished, UsageError
from bulkops.ledger.engine import folder_of, open_engine, open_reading, parse_url
from bulkops.ledger.entries import ChunkEntry, ChunkSum, Event, JobEntry, KnownImport
from bulkops.ledger.rows import chunk_entry, chunk_values, event_entry, job_entry, job_values
from bulkops.ledger.states import ChunkState, may_follow
from bulkops.ledger.tables import CHUNKS, EVENTS, JOBS, bring_up_to_date, is_current

# Built once: making a statement anew costs more than executing it.
CHANGE_CHUNK = (
    update(CHUNKS)
    .where(
        CHUNKS.c.job == bindparam("at_job"),
        CHUNKS.c.number == bindparam("at_number"),
        CHUNKS.c.state == bindparam("at_state"),
    )
    .values({column.name: bindparam(column.name) for column in CHUNKS.c if column.name != "job"})
)
ADD_EVENT = insert(EVENTS)


class Ledger:
    """Remembers jobs. Safe to use from several threads; several processes take turns."""

    def __init__(self, engine: Engine, *, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> Self:
        """Open a ledger, made or brought up to date if need be; UsageError if it cannot be written."""
        parsed = parse_url(url)
        engine = open_engine(parsed)
        try:
            with engine.begin() as connection:
                bring_up_to_date(connection)
        except SQLAlchemyError as error:
            raise UsageError(
                f"The ledger {parsed.render_as_string()} cannot be used: {_cause(error)}. Nothing was sent.",
                hint="Name another with --ledger.",
            ) from None
        return cls(engine, folder=folder_of(parsed), clock=clock)

    @classmethod
    def open_reading(cls, url: str, *, clock: Clock) -> Self:
        """Open a ledger to read it only, on a read-only file system as well; made if there is none yet."""
        parsed = parse_url(url)
        engine = open_reading(parsed)
        if engine is None:
            return cls.open(url, clock=clock)
        try:
            with engine.connect() as connection:
                current = is_current(connection)
        except SQLAlchemyError as error:
            engine.dispose()
            raise UsageError(f"The ledger {parsed.render_as_string()} cannot be read: {_cause(error)}.") from None
        if current:
            return cls(engine, folder=folder_of(parsed), clock=clock)
        engine.dispose()
        return cls.open(url, clock=clock)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def job_folder(self, job: str) -> Path:
        """Return the folder of a job's files."""
        return self.folder / "jobs" / job

    def create(self, job: JobEntry, chunks: Sequence[ChunkEntry]) -> None:
        """Write a new job and its frozen plan."""
        with self._writing() as connection:
            connection.execute(insert(JOBS).values(**job_values(job)))
            if chunks:
                rows = [{"job": job.id, **chunk_values(chunk)} for chunk in chunks]
                connection.execute(insert(CHUNKS), rows)
            self._note(connection, job.id, None, "created", {"chunks": len(chunks)})

    def jobs(self) -> list[JobEntry]:
        """Return all jobs, the oldest first."""
        with self._reading() as connection:
            rows = connection.execute(select(JOBS).order_by(JOBS.c.created, JOBS.c.id)).mappings()
            return [job_entry(row) for row in rows]

    def job(self, job: str) -> JobEntry:
        """Return a job; UsageError if there is none of that name."""
        with self._reading() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == job)).mappings().one_or_none()
        if row is None:
            raise UsageError(f"There is no job {job!r}.", hint="`bulkops jobs list` shows those there are.")
        return job_entry(row)

    def jobs_with_file(self, sha256: str, target_key: str) -> list[JobEntry]:
        """Return the jobs of the same bytes to the same place, the oldest first."""
        wanted = (JOBS.c.file_sha256 == sha256) & (JOBS.c.target_key == target_key)
        with self._reading() as connection:
            rows = connection.execute(select(JOBS).where(wanted).order_by(JOBS.c.created)).mappings()
            return [job_entry(row) for row in rows]

    def chunks(self, job: str) -> list[ChunkEntry]:
        """Return the chunks of a job by number."""
        with self._reading() as connection:
            rows = connection.execute(select(CHUNKS).where(CHUNKS.c.job == job).order_by(CHUNKS.c.number))
            return [chunk_entry(row) for row in rows.mappings()]

    def some_chunks(self, job: str, *, most: int) -> list[ChunkEntry]:
        """Return at most so many chunks by number: those that need a look first, then the first of the others."""
        plain = CHUNKS.c.state.in_([ChunkState.ACCEPTED.value, ChunkState.PENDING.value]) & ~CHUNKS.c.undecided
        found: list[ChunkEntry] = []
        with self._reading() as connection:
            for which in (~plain, plain):
                chosen = select(CHUNKS).where(CHUNKS.c.job == job, which).order_by(CHUNKS.c.number)
                rows = connection.execute(chosen.limit(most - len(found))).mappings()
                found += [chunk_entry(row) for row in rows]
        return sorted(found, key=lambda chunk: chunk.number)

    def sums(self, job: str | None = None) -> dict[str, dict[ChunkState, ChunkSum]]:
        """Return, per job and state, what its chunks add up to; of one job only if it is given."""
        columns = (CHUNKS.c.job, CHUNKS.c.state)
        undecided = func.max(cast(CHUNKS.c.undecided, Integer))
        totals = (func.sum(CHUNKS.c.records), func.sum(CHUNKS.c.skipped), undecided)
        found: dict[str, dict[ChunkState, ChunkSum]] = {}
        with self._reading() as connection:
            grouped = select(*columns, func.count(), *totals).group_by(*columns)
            grouped = grouped if job is None else grouped.where(CHUNKS.c.job == job)
            for name, state, count, records, skipped, doubt in connection.execute(grouped):
                summed = ChunkSum(chunks=count, records=int(records), skipped=int(skipped), undecided=bool(doubt))
                found.setdefault(name, {})[ChunkState(state)] = summed
        return found

    def known_imports(self, target: Mapping[str, Any]) -> list[KnownImport]:
        """Return the imports that this ledger knows to be those of accepted chunks at a target."""
        accepted = (CHUNKS.c.state == ChunkState.ACCEPTED.value) & CHUNKS.c.import_id.is_not(None)
        joined = CHUNKS.join(JOBS, JOBS.c.id == CHUNKS.c.job).join(
            EVENTS, (EVENTS.c.job == CHUNKS.c.job) & (EVENTS.c.chunk == CHUNKS.c.number)
        )
        which = (CHUNKS.c.import_id, CHUNKS.c.job, CHUNKS.c.number, CHUNKS.c.sha256)
        asked = select(*which, func.max(EVENTS.c.at)).select_from(joined).group_by(*which)
        with self._reading() as connection:
            rows = connection.execute(asked.where((JOBS.c.target == json.dumps(target)) & accepted))
            return [
                KnownImport(import_id=i, job=job, chunk=n, sha256=sha, accepted=datetime.fromisoformat(at))
                for i, job, n, sha, at in rows
            ]

    def events(self, job: str, *, chunk: int | None = None, kind: str | None = None) -> list[Event]:
        """Return what happened to a job, or to one of its chunks, in order; of one kind only if it is given."""
        wanted = EVENTS.c.job == job
        if chunk is not None:
            wanted &= EVENTS.c.chunk == chunk
        if kind is not None:
            wanted &= EVENTS.c.kind == kind
        with self._reading() as connection:
            rows = connection.execute(select(EVENTS).where(wanted).order_by(EVENTS.c.id)).mappings()
            return [event_entry(row) for row in rows]

    def move(
        self, job: str, chunk: ChunkEntry, state: ChunkState, *, kind: str, data: Mapping[str, Any], **changes: Any
    ) -> ChunkEntry:
        """Move a chunk to another state, with what is learnt about it and an event; return it anew.

        ValueError for a move that the table of states does not have; Unfinished if the ledger cannot be written
        or if another process has moved the chunk.
        """
        if not may_follow(chunk.state, state):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {state}.")
        moved = replace(chunk, state=state, **changes)
        with self._writing() as connection:
            self._replace(connection, job, chunk, moved)
            self._note(connection, job, chunk.number, kind, {"state": state.value, **data})
        return moved

    def divide(
        self, job: str, chunk: ChunkEntry, parts: Sequence[ChunkEntry], *, kind: str, data: Mapping[str, Any]
    ) -> list[ChunkEntry]:
        """Let other chunks carry a chunk's records on; return them, numbered. Their records must add up."""
        if sum(part.records for part in parts) != chunk.records:
            raise ValueError("The parts of a chunk must hold all of its records, once.")
        if not may_follow(chunk.state, ChunkState.DIVIDED):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {ChunkState.DIVIDED}.")
        with self._writing() as connection:
            last = connection.execute(select(func.max(CHUNKS.c.number)).where(CHUNKS.c.job == job)).scalar_one()
            numbered = [replace(p, number=last + i, parent=chunk.number) for i, p in enumerate(parts, start=1)]
            self._replace(connection, job, chunk, replace(chunk, state=ChunkState.DIVIDED, undecided=False))
            connection.execute(insert(CHUNKS), [{"job": job, **chunk_values(part)} for part in numbered])
            into = [part.number for part in numbered]
            self._note(connection, job, chunk.number, kind, {"state": "divided", "into": into, **data})
        return numbered

    def mark(self, job: str, chunk: ChunkEntry, *, kind: str, data: Mapping[str, Any], **changes: Any) -> ChunkEntry:
        """Write what is learnt about a chunk whose state stays; return it anew."""
        marked = replace(chunk, **changes)
        with self._writing() as connection:
            self._replace(connection, job, chunk, marked)
            self._note(connection, job, chunk.number, kind, data)
        return marked

    def note(self, job: str, *, chunk: int | None = None, kind: str, data: Mapping[str, Any]) -> None:
        """Write an event that changes no state."""
        with self._writing() as connection:
            self._note(connection, job, chunk, kind, data)

    def change_job(self, job: JobEntry, *, kind: str, **changes: Any) -> JobEntry:
        """Change what may change of a job: settings, cancelled, reconciliation."""
        changed = replace(job, **changes)
        with self._writing() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(**job_values(changed)))
            self._note(connection, job.id, None, kind, {})
        return changed

    def _replace(self, connection: Connection, job: str, before: ChunkEntry, after: ChunkEntry) -> None:
        which = {"at_job": job, "at_number": before.number, "at_state": before.state.value}
        if connection.execute(CHANGE_CHUNK, {**chunk_values(after), **which}).rowcount != 1:
            raise Unfinished(f"Chunk {before.number} of {job} was changed by another process.")

    def _note(self, connection: Connection, job: str, chunk: int | None, kind: str, data: Mapping[str, Any]) -> None:
        values = {"job": job, "chunk": chunk, "at": self._clock.now().isoformat(), "kind": kind}
        connection.execute(ADD_EVENT, {**values, "data": json.dumps(data, ensure_ascii=False)})

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Unfinished(
                f"The ledger cannot be written: {_cause(error)}.",
                hint="Nothing more is sent before it can be. Make room, then resume the job.",
            ) from None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(reading=True) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise UsageError(f"The ledger cannot be read: {_cause(error)}.") from None


def _cause(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None)
    return str(original or error).splitlines()[0]
