"""Write jobs to the ledger: each writing method is one transaction, durable when it returns."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Self
from weakref import finalize

from sqlalchemy import (
    Connection,
    Engine,
    PoolProxiedConnection,
    TextClause,
    bindparam,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from bulkops.clock import Clock, SystemClock
from bulkops.disk import is_full
from bulkops.errors import LedgerLost, LedgerUnusable, Unfinished, UsageError
from bulkops.journal import record
from bulkops.ledger.claims import claim_import
from bulkops.ledger.damage import LedgerDamaged, is_damage
from bulkops.ledger.engine import folder_of, open_engine, parse_url
from bulkops.ledger.events import Created, Payload, stored_division, stored_move
from bulkops.ledger.locks import exclusive, lock_path
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.postgres import BACK, WRITING_EVENTS, DatabaseLock, first_line, is_out_of_reach, is_postgres
from bulkops.ledger.prepared import add_row, changed_rows
from bulkops.ledger.reader import IS_OPEN, JOBS_SINCE, LedgerReader
from bulkops.ledger.rows import TableRow, chunk_values, job_values
from bulkops.ledger.states import ChunkState, may_follow
from bulkops.ledger.tables import CHUNKS, EVENTS, JOBS
from bulkops.ledger.upgrade import Notify, bring_up_to_date, identity_of
from bulkops.ledger.watch import Watch
from bulkops.redaction import redacted_document
from bulkops.settings import default_ledger_url

# Built once: building a statement takes longer than executing it.
CHANGE_CHUNK = (
    update(CHUNKS)
    .where(
        CHUNKS.c.job == bindparam("at_job"),
        CHUNKS.c.number == bindparam("at_number"),
        CHUNKS.c.state == bindparam("at_state"),
    )
    .values({column.name: bindparam(column.name) for column in CHUNKS.c if column.name != "job"})
)
ADD_JOB, ADD_CHUNKS, ADD_EVENT = insert(JOBS), insert(CHUNKS), insert(EVENTS)
CHANGE_JOB = (
    update(JOBS)
    .where(JOBS.c.id == bindparam("at_job"))
    .values({column.name: bindparam(column.name) for column in JOBS.c if column.name != "id"})
)
LAST_EVENT = "SELECT COALESCE(MAX(id), 0) AS last FROM events"
NOTED = "bulkops: the last event of a transaction"


class Ledger(LedgerReader):
    """Stores jobs. Safe to use from several threads; several processes take turns."""

    def __init__(self, engine: Engine, *, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._engine = engine
        self._is_file = engine.dialect.name == "sqlite"
        self._clock = clock
        self._watch = Watch()
        self._database_locks: list[DatabaseLock] = []
        self._written: dict[str, dict[int, ChunkEntry]] = {}
        self._held: list[PoolProxiedConnection] = []
        self._reading: PoolProxiedConnection | None = None
        self._read_turn, self._open_turn = Lock(), Lock()
        self._open: tuple[frozenset[str], int] | None = None
        self._settled: int | None = None
        if self._is_file:
            self._anchor(engine)
        self._close = finalize(self, _closed, engine, self._watch, self._held)  # also if the caller does not close it
        self._close.atexit = False

    @classmethod
    def open(cls, url: str, *, clock: Clock, notify: Notify = lambda _: None) -> Self:
        """Open a ledger; create or upgrade it first if needed. UsageError if it cannot be written.

        `notify` receives the problems that an upgrade finds in the ledger.
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
                problem = (
                    f"The ledger {parsed.render_as_string()} cannot be used: {first_line(error)}. Nothing was sent."
                )
                if is_damage(error.__cause__):
                    raise LedgerDamaged(problem, reason=first_line(error)) from None
                if is_out_of_reach(error):
                    raise LedgerUnusable(problem, hint=BACK) from None
                room = "Free disk space there, or give" if is_full(error.__cause__ or error) else "Give"
                raise UsageError(problem, hint=f"{room} another ledger with --ledger.") from None
            failing.pop_all()
        return cls(engine, folder=folder_of(parsed, identity), clock=clock)

    @property
    def address(self) -> str:
        """The address of the ledger without a password: its file, or its database."""
        url = self._engine.url
        return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the connections."""
        self._close()

    def check(self) -> None:
        """Raise if the ledger or a held lock was moved, replaced or removed; call this before each request.

        Unfinished if the job can be resumed, LedgerLost if the ledger is lost.
        """
        self._watch.check()
        for lock in list(self._database_locks):
            lock.keep()

    def _anchor(self, engine: Engine) -> None:
        """Watch the file of the ledger through a connection that stays open."""
        anchor = engine.raw_connection()
        self._held.append(anchor)
        if isinstance(anchor.driver_connection, sqlite3.Connection):
            self._watch.start(Path(str(engine.url.database)), anchor.driver_connection)
        watch = self._watch

        # A connection by name would create a new ledger if the old one is missing.
        @event.listens_for(engine, "do_connect")
        def refuse_another_file(*_: object) -> None:
            watch.check()

    @contextmanager
    def exclusive(self, name: str, *, what: str, patience: float = 0) -> Iterator[None]:
        """Hold the lock called `name` of this ledger; GuardRefused names its owner after `patience` seconds.

        The lock of an ended process is free. It holds on this machine, and with PostgreSQL on all machines.
        """
        with ExitStack() as held:
            held.enter_context(exclusive(self.folder, name, what=what, clock=self._clock, patience=patience))
            path = lock_path(self.folder, name)
            self._watch.hold(path)
            held.callback(self._watch.release, path)
            if is_postgres(self._engine):
                everywhere = DatabaseLock(self._engine, name, what=what)
                held.enter_context(everywhere.locked(clock=self._clock, patience=patience))
                self._database_locks.append(everywhere)
                held.callback(self._database_locks.remove, everywhere)
            yield

    def rows(self, statement: str, **values: Any) -> Sequence[TableRow]:
        """Return the rows of a statement by column name; LedgerUnusable if they cannot be read."""
        try:
            if self._is_file:
                return self._rows_of_file(statement, values)
            with self._engine.connect().execution_options(reading=True) as connection:
                return connection.execute(_prepared(statement), values).mappings().all()
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._refuse_damage(error)
            raise LedgerUnusable(f"The ledger cannot be read: {first_line(error)}.", hint=BACK) from None

    def _rows_of_file(self, statement: str, values: Mapping[str, Any]) -> Sequence[TableRow]:
        """Return the rows of a statement, read by the driver itself: the engine takes five times as long per read."""
        with self._read_turn:
            if self._reading is None:
                self._reading = self._engine.raw_connection()
                self._held.append(self._reading)
            with closing(self._reading.cursor()) as cursor:
                cursor.execute(statement, values)
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def last_event(self) -> int | None:
        """Return the id of an event such that every later commit writes a higher one; None if none is known yet.

        With PostgreSQL a transaction can commit a lower id than another one before. While a transaction writes events,
        the result is that of the last call without such a transaction.
        """
        last = int(self.rows(LAST_EVENT)[0]["last"])
        if self._is_file:
            return last
        # A transaction locks the table before it gets an id. So one that got a lower id and has not ended is found.
        if not self.rows(WRITING_EVENTS):
            self._settled = max(last, self._settled or 0)
        return self._settled

    def open_job_ids(self) -> frozenset[str]:
        """Return the ids of the jobs with a chunk that is not in a final state.

        A chunk changes together with an event. So after the first call, only the jobs that were open, and those with a
        later event, are read.
        """
        last = self.last_event()
        if last is None:
            return super().open_job_ids()
        with self._open_turn:
            if self._open is None:
                found = super().open_job_ids()
            else:
                known, event = self._open
                candidates = known.union(row["job"] for row in self.rows(JOBS_SINCE, event=event))
                found = frozenset(job for job in candidates if self.rows(IS_OPEN, job=job))
            self._open = (found, last)
        return found

    def chunks(self, job: str) -> list[ChunkEntry]:
        """Return the chunks of a job by number."""
        chunks = super().chunks(job)
        self._written[job] = {chunk.number: chunk for chunk in chunks}
        return chunks

    def last_written(self, job: str) -> list[ChunkEntry]:
        """Return the chunks of a job as this process last read or wrote them, in case they cannot be read again."""
        chunks = self._written.get(job, {})
        return [chunks[number] for number in sorted(chunks)]

    def _keep(self, job: str, *chunks: ChunkEntry) -> None:
        self._written.setdefault(job, {}).update({chunk.number: chunk for chunk in chunks})

    def create(self, job: JobEntry, chunks: Sequence[ChunkEntry]) -> None:
        """Write a new job and its plan; LedgerUnusable if that fails: then no job exists to resume."""
        with self._writing_anew() as connection:
            add_row(connection, ADD_JOB, job_values(job))
            if chunks:
                rows = [{"job": job.id, **chunk_values(chunk)} for chunk in chunks]
                connection.execute(ADD_CHUNKS, rows)
            self._note(connection, job.id, None, Created(chunks=len(chunks)))
        self._keep(job.id, *chunks)

    def move(
        self,
        job: str,
        chunk: ChunkEntry,
        state: ChunkState,
        event: Payload,
        *,
        answered: bool = False,
        imports: Collection[int] = (),
        **changes: Any,
    ) -> ChunkEntry:
        """Move a chunk to another state, record why, and return the changed chunk.

        An import id among the changes is claimed for the chunk, and so are `imports`, which contain some of its
        records; `answered` means that a response contained the id. ImportTaken if another chunk owns one: nothing is
        written then. ValueError for a transition that is not in the table of states. Unfinished if the ledger cannot be
        written, or if another process has moved the chunk.
        """
        if not may_follow(chunk.state, state):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {state}.")
        moved = replace(chunk, state=state, **changes)
        if state is ChunkState.SENDING:
            self._watch.check()  # the intent must be in the ledger at its path, or the request does not leave
        with self._writing() as connection:
            self._replace(connection, job, chunk, moved)
            number = self._note(connection, job, chunk.number, event, stored_move(event, state))
            claim_import(connection, job, moved, answered=answered, event=number)
            for found in imports:
                claim_import(connection, job, replace(moved, import_id=found), answered=False, event=number)
        self._keep(job, moved)
        return moved

    def divide(
        self,
        job: str,
        chunk: ChunkEntry,
        parts: Sequence[ChunkEntry],
        event: Payload,
        *,
        imports: Collection[int] = (),
    ) -> list[ChunkEntry]:
        """Replace a chunk by parts with the same records; return the parts, numbered. Their records must add up.

        Import ids of the parts, and `imports` for the accepted parts, are claimed as in `move`.
        """
        if sum(part.records for part in parts) != chunk.records:
            raise ValueError("The parts of a chunk must contain all of its records, once.")
        if not may_follow(chunk.state, ChunkState.DIVIDED):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {ChunkState.DIVIDED}.")
        with self._writing() as connection:
            last = connection.execute(select(func.max(CHUNKS.c.number)).where(CHUNKS.c.job == job)).scalar_one()
            runs = {last + i: part.runs for i, part in enumerate(parts, start=1) if part.runs}
            numbered = [
                replace(part, number=last + i, parent=chunk.number, runs=()) for i, part in enumerate(parts, start=1)
            ]
            self._replace(connection, job, chunk, replace(chunk, state=ChunkState.DIVIDED, undecided=False))
            connection.execute(ADD_CHUNKS, [{"job": job, **chunk_values(part)} for part in numbered])
            document = stored_division(event, [part.number for part in numbered], runs)
            number = self._note(connection, job, chunk.number, event, document)
            for part in numbered:
                claim_import(connection, job, part, answered=False, event=number)
                for found in imports if part.import_id is not None else ():
                    claim_import(connection, job, replace(part, import_id=found), answered=False, event=number)
        self._keep(job, replace(chunk, state=ChunkState.DIVIDED, undecided=False), *numbered)
        return numbered

    def mark(self, job: str, chunk: ChunkEntry, event: Payload, **changes: Any) -> ChunkEntry:
        """Write changes of a chunk that keep its state; return the changed chunk."""
        marked = replace(chunk, **changes)
        with self._writing() as connection:
            self._replace(connection, job, chunk, marked)
            self._note(connection, job, chunk.number, event)
        self._keep(job, marked)
        return marked

    def note(self, job: str, event: Payload, *, chunk: int | None = None) -> None:
        """Write an event that changes no state."""
        with self._writing() as connection:
            self._note(connection, job, chunk, event)

    def change_job(self, job: JobEntry, event: Payload, **changes: Any) -> JobEntry:
        """Write changes of a job: settings, cancelled or reconciliation."""
        changed = replace(job, **changes)
        with self._writing() as connection:
            values = job_values(changed)
            changed_rows(connection, CHANGE_JOB, {"at_job": values.pop("id"), **values})
            self._note(connection, job.id, None, event)
        return changed

    def _replace(self, connection: Connection, job: str, before: ChunkEntry, after: ChunkEntry) -> None:
        which = {"at_job": job, "at_number": before.number, "at_state": before.state.value}
        if changed_rows(connection, CHANGE_CHUNK, {**chunk_values(after), **which}) != 1:
            self._watch.check()
            raise Unfinished(f"Chunk {before.number} of {job} was changed by another process.")

    def _note(
        self,
        connection: Connection,
        job: str,
        chunk: int | None,
        event: Payload,
        document: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an event and return its id; `document` is the stored form if it is more than the payload."""
        values: dict[str, Any] = {"job": job, "chunk": chunk, "at": self._clock.now().isoformat(), "kind": event.kind}
        stored = redacted_document(event.stored() if document is None else document)
        values["data"] = json.dumps(stored)
        record("ledger", **{**stored, "job": job, "chunk": chunk, "kind": event.kind.value})
        added = add_row(connection, ADD_EVENT, values)
        if added is None:
            raise TypeError("The database does not return the ids of new rows.")
        connection.info[NOTED] = added
        return added

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Write in one transaction, then check that the ledger is still at its path.

        Data is written even to a deleted file, because a copy of it may be saved.
        """
        try:
            with self._engine.begin() as connection:
                connection.info.pop(NOTED, None)
                yield connection
                noted = connection.info.get(NOTED, 0)
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._refuse_damage(error)
            raise Unfinished(
                f"The ledger {self.address} cannot be written: {first_line(error)}.",
                hint=f"Nothing more is sent. {_remedy(error)}",
            ) from None
        self._watch.wrote(noted)
        self._watch.check()

    def _refuse_damage(self, error: SQLAlchemyError | sqlite3.Error) -> None:
        """Raise if the files of the ledger were lost or damaged during a job; return if it is only busy or full."""
        self._watch.check()
        raised = error.__cause__ if isinstance(error, SQLAlchemyError) else error
        if is_damage(raised):
            lost = self._watch.broken(first_line(error))
            if lost is not None:
                raise lost from None

    @contextmanager
    def _writing_anew(self) -> Iterator[Connection]:
        try:
            self.check()
            with self._writing() as connection:
                yield connection
        except (Unfinished, LedgerLost) as error:
            raise LedgerUnusable(
                f"{error.message} Nothing was sent.",
                hint="Free disk space there and import again, or give another ledger with --ledger.",
            ) from None


@contextmanager
def opened_ledger(url: str | None, *, notify: Notify = lambda _: None) -> Iterator[Ledger]:
    """Yield the ledger at `url`, or the default one, and close it at the end; errors as `Ledger.open` raises them."""
    ledger = Ledger.open(url or default_ledger_url(), clock=SystemClock(), notify=notify)
    try:
        yield ledger
    finally:
        ledger.close()


def _remedy(error: SQLAlchemyError | sqlite3.Error) -> str:
    """Return what to do about a ledger that cannot be written."""
    if isinstance(error, SQLAlchemyError) and is_out_of_reach(error):
        return BACK
    room = "Free disk space there" if is_full(error.__cause__ or error) else "Make the ledger writable"
    return f"{room}, then resume the job."


@lru_cache
def _prepared(statement: str) -> TextClause:
    """Return a statement that is parsed once."""
    return text(statement)


def _closed(engine: Engine, watch: Watch, held: Sequence[PoolProxiedConnection]) -> None:
    """Close all connections of a ledger."""
    watch.close()
    for connection in held:
        connection.close()
    engine.dispose()
