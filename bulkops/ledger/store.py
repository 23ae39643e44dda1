"""The ledger: every method that writes is one transaction, durable when it returns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from weakref import finalize

from sqlalchemy import Connection, Engine, TextClause, bindparam, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from bulkops.clock import Clock
from bulkops.errors import Unfinished, UsageError
from bulkops.ledger.claims import claim_import
from bulkops.ledger.engine import folder_of, open_engine, parse_url
from bulkops.ledger.entries import ChunkEntry, JobEntry
from bulkops.ledger.locks import exclusive
from bulkops.ledger.postgres import exclusive_in_database, is_postgres
from bulkops.ledger.questions import Questions
from bulkops.ledger.rows import Row, chunk_values, job_values
from bulkops.ledger.states import ChunkState, may_follow
from bulkops.ledger.tables import CHUNKS, EVENTS, JOBS
from bulkops.ledger.upgrade import Notify, bring_up_to_date, identity_of
from bulkops.redaction import redacted_document

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


class Ledger(Questions):
    """Remembers jobs. Safe to use from several threads; several processes take turns."""

    def __init__(self, engine: Engine, *, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._engine = engine
        self._clock = clock
        finalize(self, engine.dispose).atexit = False  # where nobody closes it

    @classmethod
    def open(cls, url: str, *, clock: Clock, notify: Notify = lambda _: None) -> Self:
        """Open a ledger; create it or bring it up to date first. UsageError if it cannot be written.

        `notify` receives what an upgrade finds wrong in the ledger.
        """
        parsed = parse_url(url)
        engine = open_engine(parsed)
        with ExitStack() as failing:
            failing.callback(engine.dispose)
            try:
                with engine.begin() as connection:
                    bring_up_to_date(connection, notify)
                    identity = identity_of(connection)
            except SQLAlchemyError as error:
                raise UsageError(
                    f"The ledger {parsed.render_as_string()} cannot be used: {_cause(error)}. Nothing was sent.",
                    hint="Name another with --ledger.",
                ) from None
            failing.pop_all()
        return cls(engine, folder=folder_of(parsed, identity), clock=clock)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def exclusive(self, name: str, *, what: str, patience: float = 0) -> Iterator[None]:
        """Hold the lock called `name` of this ledger; GuardRefused says who holds it after `patience` seconds.

        The lock of a process that is gone is free. It holds on this machine, and with PostgreSQL on all of them.
        """
        with ExitStack() as held:
            held.enter_context(exclusive(self.folder, name, what=what, clock=self._clock, patience=patience))
            if is_postgres(self._engine):
                everywhere = exclusive_in_database(self._engine, name, what=what, clock=self._clock, patience=patience)
                held.enter_context(everywhere)
            yield

    def rows(self, statement: str, **values: Any) -> Sequence[Row]:
        """Return the rows of a statement by the names of their columns; UsageError if they cannot be read."""
        try:
            with self._engine.connect().execution_options(reading=True) as connection:
                return connection.execute(_prepared(statement), values).mappings().all()
        except SQLAlchemyError as error:
            raise UsageError(f"The ledger cannot be read: {_cause(error)}.") from None

    def create(self, job: JobEntry, chunks: Sequence[ChunkEntry]) -> None:
        """Write a new job and its frozen plan; UsageError if it cannot be written: there is nothing to resume then."""
        with self._writing_anew() as connection:
            connection.execute(insert(JOBS).values(**job_values(job)))
            if chunks:
                rows = [{"job": job.id, **chunk_values(chunk)} for chunk in chunks]
                connection.execute(insert(CHUNKS), rows)
            self._note(connection, job.id, None, "created", {"chunks": len(chunks)})

    def move(
        self,
        job: str,
        chunk: ChunkEntry,
        state: ChunkState,
        *,
        kind: str,
        data: Mapping[str, Any],
        answered: bool = False,
        **changes: Any,
    ) -> ChunkEntry:
        """Move a chunk to another state, record an event, and return the changed chunk.

        An import id among the changes is claimed for the chunk; `answered` says that a response named it. ImportTaken
        if another chunk has it: nothing is written then. ValueError for a move that the table of states lacks;
        Unfinished if the ledger cannot be written, or if another process has moved the chunk.
        """
        if not may_follow(chunk.state, state):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {state}.")
        moved = replace(chunk, state=state, **changes)
        with self._writing() as connection:
            self._replace(connection, job, chunk, moved)
            event = self._note(connection, job, chunk.number, kind, {"state": state.value, **data})
            claim_import(connection, job, moved, answered=answered, event=event)
        return moved

    def divide(
        self, job: str, chunk: ChunkEntry, parts: Sequence[ChunkEntry], *, kind: str, data: Mapping[str, Any]
    ) -> list[ChunkEntry]:
        """Let other chunks carry a chunk's records on; return them, numbered. Their records must add up.

        Import ids of the parts are claimed as `move` claims them.
        """
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
            event = self._note(connection, job, chunk.number, kind, {"state": "divided", "into": into, **data})
            for part in numbered:
                claim_import(connection, job, part, answered=False, event=event)
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

    def _note(self, connection: Connection, job: str, chunk: int | None, kind: str, data: Mapping[str, Any]) -> int:
        values: dict[str, Any] = {"job": job, "chunk": chunk, "at": self._clock.now().isoformat(), "kind": kind}
        values["data"] = json.dumps(redacted_document(data))
        added = connection.execute(ADD_EVENT, values).inserted_primary_key
        if added is None:
            raise TypeError("The database does not return the ids of new rows.")
        return int(added[0])

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Unfinished(
                f"The ledger cannot be written: {_cause(error)}.",
                hint="Nothing more is sent before it can be. Make room or bring the database back, and resume the job.",
            ) from None

    @contextmanager
    def _writing_anew(self) -> Iterator[Connection]:
        try:
            with self._writing() as connection:
                yield connection
        except Unfinished as error:
            raise UsageError(
                f"{error.message} Nothing was sent.", hint="Make room and import again, or name another with --ledger."
            ) from None


@lru_cache
def _prepared(statement: str) -> TextClause:
    """Return a statement, taken apart once."""
    return text(statement)


def _cause(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None)
    return str(original or error).splitlines()[0]
