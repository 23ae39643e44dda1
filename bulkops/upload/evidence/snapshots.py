"""Read back rows that may belong to unsettled chunks: those created since the oldest request left, by the row clock."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from bulkops.errors import DataError, InDoubt
from bulkops.ledger.events import ClockSet, EventKind
from bulkops.ledger.models import ChunkEntry, KnownImport
from bulkops.readback.compare.canonical import IMPORT_ID, Fold, found_frame, missing_columns, sent_frame
from bulkops.readback.fetch.rows import fold_of, read_back
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import Contender, contenders_of, records_of
from bulkops.upload.evidence.known_imports import KnownImports
from bulkops.upload.evidence.row_clock import CLOCK_WAS_SET, RowClock, shown
from bulkops_validators.model.contract import Comparison, Readback

SAME = CLOCK_WAS_SET.total_seconds()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One read-back of the target: every row that may belong to the chunks, and the time of the read-back.

    `of_known`: rows of known imports that resemble a record in doubt. `sizes`: number of rows of each known import.
    `clock`: the row clock when the window was chosen. `unseen` names an import of the job that the snapshot should
    contain and does not: other missing rows then prove nothing. `contenders`: chunks of other jobs with an open outcome
    at the end of the read-back; an import found may belong to them.
    """

    at: datetime
    found: pl.DataFrame
    of_known: pl.DataFrame
    sizes: Mapping[str, int]
    known: KnownImports
    clock: RowClock
    unseen: str
    contenders: list[Contender]


class SnapshotReader:
    """Takes snapshots for the chunks of one job, and keeps their records in canonical form."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self.multiset = readback.multiset
        self.columns = [column.column for column in readback.columns]
        self._context = context
        self._readback = readback
        self._fold: tuple[Fold, str | None] | None = None
        self._sent: dict[int, pl.DataFrame] = {}
        self._contents: dict[int, bytes] = {}
        self._of_contenders: dict[tuple[str, int, str], bytes | None] = {}

    def read(self, chunks: Sequence[ChunkEntry]) -> Snapshot:
        """Read every row created since the first of the chunks left, without the rows of this job's known imports.

        If the result lacks an import of this job that it must contain, the row clock is not as assumed. The window is
        then as wide as for an unknown clock. InDoubt if the response cannot be used.
        """
        try:
            snapshot = self._read_by_all_clocks(chunks)
            again = snapshot.unseen and snapshot.clock.known
            return self._read(chunks, snapshot.clock.without_knowledge()) if again else snapshot
        except DataError as error:
            raise InDoubt(
                f"The read-back cannot settle the chunks: {error.message}",
                hint="Nothing was resent. Resume the job to read again, or decide with `bulkops jobs resolve`.",
            ) from None

    def read_unknown(self, chunks: Sequence[ChunkEntry]) -> Snapshot:
        """Read as `read` does, but keep only rows of imports that no chunk is known to own.

        InDoubt if the response cannot be used: the outcome then stays unknown.
        """
        try:
            return self._read_by_all_clocks(chunks, alike=False)
        except DataError as error:
            raise InDoubt(
                f"Whether pending chunks were imported before is unknown: {error.message}",
                hint="Nothing was sent. Resume the job to read again.",
            ) from None

    def forget(self, chunk: ChunkEntry) -> None:
        """Free the memory of the records of a chunk."""
        self._sent.pop(chunk.number, None)

    def _read_by_all_clocks(self, chunks: Sequence[ChunkEntry], *, alike: bool = True) -> Snapshot:
        """Read, and read again if the responses show that a clock was set and the window began too late."""
        clock = self._clock(chunks)
        snapshot = self._read(chunks, clock, alike=alike)
        after = self._clock(chunks)
        now = self._context.clock.now()
        if any(after.set_by(chunk, now=now) - clock.set_by(chunk, now=now) > CLOCK_WAS_SET for chunk in chunks):
            snapshot = self._read(chunks, after, alike=alike)
        return snapshot

    def _clock(self, chunks: Sequence[ChunkEntry]) -> RowClock:
        """Return the row clock, with each measured offset of the server's clock since the chunks left.

        If a clock was set, this is recorded and reported, and the window is that of an unknown clock.
        """
        context, job = self._context, self._context.job.id
        ledger = context.ledger
        recorded = {e.clock_offset for e in ledger.events(job, kind=EventKind.CLOCK_SET)}
        sent = (e for chunk in chunks for e in ledger.events(job, chunk=chunk.number, kind=EventKind.SENT))
        measured = {e.clock_offset for e in sent} | {chunk.clock_offset for chunk in chunks}
        offset = context.client.server_offset
        offsets = {seconds for seconds in recorded | measured if seconds is not None}
        if offset is not None:
            offsets.add(offset.total_seconds())
        clock = RowClock.of(context.ledger.chunks(job), offsets=offsets)
        earlier = max(clock.set_by(chunk, now=context.clock.now()) for chunk in chunks)
        if not earlier:
            return clock
        if offset is not None and all(
            abs(offset.total_seconds() - seconds) > SAME for seconds in recorded if seconds is not None
        ):
            ledger.note(job, ClockSet(clock_offset=offset.total_seconds()))
            context.client.notifier.notify(
                f"Since a request left, the clock of the server or of this computer was set by {shown(earlier)}. "
                "The read-back covers the time by both clocks, and one more day."
            )
        return clock.without_start()

    def _read(self, chunks: Sequence[ChunkEntry], clock: RowClock, *, alike: bool = True) -> Snapshot:
        context = self._context
        known = KnownImports(context)
        now = context.clock.now()
        after = min(clock.window(chunk, now=now) for chunk in chunks)
        sizes: Counter[str] = Counter()
        shown: set[str] = set()
        frames, of_known = [], []
        for frame in read_back(context.client, self._readback, context.ids, context.job.options, after=after):
            self._check(frame)
            found = found_frame(self._readback, frame, self.folding[0]).drop(RECORD, LINE, strict=False)
            shown.update(found[IMPORT_ID].unique())
            if not self.multiset:
                found = known.without_claimed(found)
            other, ours = known.split(found)
            frames.append(other)
            sizes.update(ours[IMPORT_ID].to_list())
            of_known.append(self._alike(ours, chunks) if alike else ours.clear())
        found = pl.concat(frames)
        before = now - timedelta(seconds=context.options.settle)
        must = sorted(known.shown_by_now(after=after, before=before), key=lambda k: k.chunk)
        return Snapshot(
            at=context.clock.now(),
            found=found,
            of_known=pl.concat(of_known),
            sizes=sizes,
            known=known,
            clock=clock,
            unseen=self._unseen(must, shown, found),
            # Read last: the chunk of every import found had left by then.
            contenders=contenders_of(context),
        )

    def _unseen(self, must: Sequence[KnownImport], shown: set[str], found: pl.DataFrame) -> str:
        """Name the first missing import of the job; if rows have no import ids, only the last import is checked."""
        if self._readback.import_id is not None:
            return next((f"import {k.import_id}" for k in must if str(k.import_id) not in shown), "")
        for known in must[-1:]:
            (chunk,) = [c for c in self._context.ledger.chunks(known.job) if c.number == known.chunk]
            if self.records(chunk).join(found, on=self._readback.key, how="semi").is_empty():
                return f"import {known.import_id}"
        return ""

    def _check(self, frame: pl.DataFrame) -> None:
        """Raise DataError if rows of the chunks could not be recognised in this response."""
        filled = self._context.contract.required_names
        if missing := missing_columns(self._readback, frame, filled=filled):
            has = ", ".join(c for c in frame.columns if c not in (RECORD, LINE)) or "no column"
            raise DataError(f"the columns {', '.join(map(repr, missing))} are missing; it has {has}.")

    def _alike(self, rows: pl.DataFrame, chunks: Sequence[ChunkEntry]) -> pl.DataFrame:
        """Return the rows of known imports that resemble a record of the chunks."""
        if rows.is_empty():
            return rows
        names = list(self.core if self.multiset else self._readback.key)
        sent = pl.concat([self.records(chunk).select(names) for chunk in chunks])
        return rows.join(sent.unique(), on=names, how="semi", nulls_equal=True)

    def same_content(self, one: ChunkEntry, other: ChunkEntry) -> bool:
        """Return whether two chunks of the job contain equal records, in any order."""
        if one.sha256 == other.sha256 or one.records != other.records:
            return one.sha256 == other.sha256
        return self._content(one) == self._content(other)

    def may_equal(self, chunk: ChunkEntry, contender: Contender) -> bool:
        """Return whether a chunk of another job contains equal records, or may, because its file is unreadable."""
        if self.equals(chunk, contender):
            return True
        return chunk.records == contender.chunk.records and self._content_of(contender) is None

    def equals(self, chunk: ChunkEntry, contender: Contender) -> bool:
        """Return whether a chunk of another job is known to contain equal records, in any order."""
        other = contender.chunk
        if chunk.sha256 == other.sha256 or chunk.records != other.records:
            return chunk.sha256 == other.sha256
        return self._content_of(contender) == self._content(chunk)

    def _content_of(self, contender: Contender) -> bytes | None:
        """Return the digest of a contender's records; None if its file cannot be read."""
        key = (contender.job.id, contender.chunk.number, contender.chunk.sha256)
        if key not in self._of_contenders:
            records = records_of(contender, self.canonical)
            self._of_contenders[key] = None if records is None else self._digest(records)
        return self._of_contenders[key]

    def _content(self, chunk: ChunkEntry) -> bytes:
        if chunk.number not in self._contents:
            self._contents[chunk.number] = self._digest(self.records(chunk))
        return self._contents[chunk.number]

    def _digest(self, records: pl.DataFrame) -> bytes:
        """Return a digest of records as a multiset."""
        compared = records.select(self.columns)
        text = compared.sort(compared.columns).write_csv(null_value="\0")
        return hashlib.sha256(text.encode()).digest()

    @property
    def core(self) -> list[str]:
        """The columns that every record fills: required ones, and those of a group in which one must be filled."""
        contract = self._context.contract
        filled = {*contract.required_names, *(n for e in contract.exclusive if e.whole_file for n in e.columns)}
        return [c for c in self.columns if c in filled]

    @property
    def identity(self) -> list[str]:
        """The core columns that name the customer, card or code of a record: those that are not amounts."""
        amounts = {c.column for c in self._readback.columns if c.compare is Comparison.DECIMAL}
        return [c for c in self.core if c not in amounts]

    def canonical(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return records of the file in the form in which they are compared."""
        return sent_frame(self._readback, frame, self.folding[0])

    def records(self, chunk: ChunkEntry) -> pl.DataFrame:
        """Return the records of a chunk in the form in which they are compared."""
        if chunk.number not in self._sent:
            self._sent[chunk.number] = self.canonical(self._context.records(chunk).frame())
        return self._sent[chunk.number]

    @property
    def folding(self) -> tuple[Fold, str | None]:
        """How the server treats case in codes, and a reason if that is unknown."""
        if self._fold is None:
            self._fold = fold_of(self._context.client, self._readback, self._context.ids)
        return self._fold
