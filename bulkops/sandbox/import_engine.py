"""Run an import: read the file, check each record, store batches, return the result or refuse."""

import secrets
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import IO, Any, ClassVar

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.cells import Attributes, Instants
from bulkops.sandbox.csv_input import CsvInput, Place, RowError, Unreadable, column_positions, refused
from bulkops.sandbox.responses import ApiError
from bulkops.sandbox.state import ACCOUNT, USER, SandboxState
from bulkops.sandbox.times import FOREVER, iso, iso_micro, seconds

BATCH = 2000


@dataclass(frozen=True)
class ImportFault:
    """The effect of a fault on an import: reject a record, show the rows late, or import `only` the first records."""

    refuse_at: int | None = None
    atomicity: str | None = None
    lag: float = 0.0
    only: int | None = None


@dataclass(frozen=True)
class Run:
    """One import while it runs; `since` is when reads show its rows."""

    state: SandboxState
    connection: sqlite3.Connection
    import_id: int
    now: datetime
    since: float

    @property
    def assumptions(self) -> Assumptions:
        """The sandbox's assumptions."""
        return self.state.assumptions

    @property
    def created(self) -> str:
        """The time of the import as stored."""
        return iso_micro(self.now)

    def batch_id(self) -> str:
        """Return a new batch id like the API's: eight lower-case letters."""
        return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8))

    def instants(self) -> Instants:
        """Return a reader of date cells."""
        return Instants(self.assumptions, self.now)

    def attributes(self, entity: str, **options: Any) -> Attributes:
        """Return a reader of the JSON cells of an entity."""
        return Attributes(self.state.attributes_of(entity, options.pop("program", None)), **options)

    def knows_profile(self, integration_id: str) -> bool:
        """Tell whether a customer profile exists."""
        query = "SELECT 1 FROM profile WHERE integration_id = ?"
        return self.connection.execute(query, (integration_id,)).fetchone() is not None


class Importer(ABC):
    """The columns and the effect of one import. Each import of a resource is a subclass."""

    entity: ClassVar[str]
    required: tuple[str, ...]
    optional: ClassVar[tuple[str, ...]] = ()
    only: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    most: ClassVar[int | None] = None
    earlier_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, run: Run) -> None:
        self.run = run

    def begin(self) -> None:  # noqa: B027 - most imports have nothing to prepare
        """Prepare the target, once the header was read."""

    @abstractmethod
    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values to store for a record's cells, in the order required + optional; raise `RowError`."""

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:  # noqa: ARG002 - for overrides
        """Return the rows of a batch (by position) that are refused, or skipped in silence (None)."""
        return {}

    @abstractmethod
    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""

    def finish(self) -> None:  # noqa: B027 - most imports have nothing to end
        """End the import, before the transaction does."""


@dataclass
class Tally:
    """The records of an import so far: read, created and refused."""

    records: int = 0
    created: int = 0
    bad: list[tuple[RowError, Place]] | None = None

    def refuse(self, error: RowError, place: Place) -> None:
        """Note a refused record, up to as many as an answer names."""
        if self.bad is None:
            self.bad = []
        if len(self.bad) < 100:
            self.bad.append((error, place))


class Feed:
    """Reads one file into one importer."""

    def __init__(self, importer: Importer, trouble: ImportFault) -> None:
        self.importer = importer
        self.trouble = trouble
        self.assumptions = importer.run.assumptions
        self.atomicity = trouble.atomicity or self.assumptions.atomicity
        self.tally = Tally()
        self._waiting: list[tuple[Place, tuple[Any, ...]]] = []

    def take(self, upload: IO[bytes]) -> Tally:
        """Read and store the file; the tally contains the refused records."""
        source = CsvInput(upload, self.assumptions)
        try:
            positions = column_positions(
                [self.importer.earlier_names.get(name, name) for name in source.header],
                required=self.importer.required,
                optional=self.importer.optional,
                only=self.importer.only,
                assumptions=self.assumptions,
            )
            self.importer.begin()
            self._take_records(source, positions)
            if not self._stopped():
                self._flush()
        finally:
            source.release()
        return self.tally

    def _take_records(self, source: CsvInput, positions: list[int]) -> None:
        width = len(source.header)
        try:
            for record in islice(source.records(), self.trouble.only):
                self.tally.records += 1
                try:
                    row = self._row(record.number, record.cells, width, positions)
                except RowError as problem:
                    self._refuse(problem, Place(record.number, record.line))
                else:
                    self._waiting.append((Place(record.number, record.line), row))
                    if len(self._waiting) >= BATCH:
                        self._flush()
                if self._stopped():
                    return
        except Unreadable as problem:
            self._refuse(problem, source.place)

    def _row(self, number: int, cells: list[str], width: int, positions: list[int]) -> tuple[Any, ...]:
        most = self.importer.most
        if most is not None and number > most:
            raise Unreadable("Too many records", f"Import Error: the limit is {most} records")
        if number == self.trouble.refuse_at:
            raise RowError("Invalid value", "this record was chosen to be refused")
        if len(cells) != width:
            raise RowError("Read CSV error", f"the header has {width} fields, the record {len(cells)}")
        return self.importer.row(*[cells[at] if at >= 0 else "" for at in positions])

    def _refuse(self, problem: RowError, place: Place) -> None:
        if self.atomicity != "whole_file":
            self._flush()
            if self._stopped():
                return
        self.tally.refuse(problem, place)

    def _stopped(self) -> bool:
        """Tell whether the rest of the file no longer matters."""
        if not self.tally.bad:
            return False
        enough = self.assumptions.errors_reported == "first" or len(self.tally.bad) >= 100
        return self.atomicity == "until_error" or (self.atomicity == "whole_file" and enough)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        rows = [row for _, row in waiting]
        verdicts = self.importer.judge(rows)
        keep: list[tuple[Any, ...]] = []
        for position, (place, row) in enumerate(waiting):
            verdict = verdicts.get(position)
            if verdict is not None:
                self.tally.refuse(verdict, place)
                if self._stopped():
                    break
            elif position not in verdicts:
                keep.append(row)
        self.importer.insert(keep)
        self.tally.created += len(keep)


def run_import(
    state: SandboxState,
    make: Callable[[Run], Importer],
    upload: IO[bytes],
    *,
    path: str,
    trouble: ImportFault | None = None,
) -> dict[str, Any]:
    """Import a file in one transaction and return the documented Import object; raise `ApiError`."""
    trouble = trouble or ImportFault()
    lag = state.assumptions.lag + trouble.lag
    with state.database.writing() as connection:
        now = state.now()
        made = connection.execute("INSERT INTO import (created, path) VALUES (?, ?)", (iso_micro(now), path))
        run = Run(state, connection, int(made.lastrowid or 0), now, seconds(now) + lag if lag else 0.0)
        importer = make(run)
        feed = Feed(importer, trouble)
        tally = feed.take(upload)
        if tally.bad and feed.atomicity == "whole_file":
            raise refused(tally.bad, state.assumptions)
        if importer.replaces and not tally.records and state.assumptions.header_only == "error":
            raise ApiError(400, "Import Error: the file holds no records")
        importer.finish()
        amount = tally.records if state.assumptions.amount_counts == "rows" else tally.created
        entity = "AttributeAllowedList" if state.assumptions.entity_name == "example" else importer.entity
        connection.execute("UPDATE import SET entity = ?, amount = ? WHERE id = ?", (entity, amount, run.import_id))
    if tally.bad:
        raise refused(tally.bad, state.assumptions)
    return {
        "id": run.import_id,
        "created": iso(now),
        "accountId": ACCOUNT,
        "userId": USER,
        "entity": entity,
        "amount": amount,
    }


def retire(run: Run, table: str, where: str, values: dict[str, Any]) -> None:
    """End the rows that a replacing or updating import supersedes: at once, or when the new ones show."""
    if run.since == 0.0:
        run.connection.execute(f"DELETE FROM {table} WHERE {where}", values)  # noqa: S608
        return
    run.connection.execute(
        f"UPDATE {table} SET until = :at WHERE {where} AND until = :forever",  # noqa: S608
        {**values, "at": run.since, "forever": FOREVER},
    )
