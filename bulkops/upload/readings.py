"""Reading back what may be ours: the rows created since the oldest doubtful request left, on the server's clock."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from bulkops.errors import DataError, InDoubt
from bulkops.ledger.entries import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.canonical import IMPORT_ID, Fold, found_frame, missing_columns, sent_frame
from bulkops.readback.fetch import fold_of, read_back, rfc3339
from bulkops.readback.tables import LINE, RECORD
from bulkops.upload.context import JobContext
from bulkops.upload.known import CLOCKS_APART, KnownImports
from bulkops.upload.verdicts import Evidence, Verdict, exact_imports, judge_keys, judge_multiset, younger
from bulkops_validators.model.contract import Comparison, Readback

# A Date header is cut to whole seconds, so the server's clock is known to be up to a second later than it says;
# times in exports may be cut to whole seconds as well.
CUT_SECONDS = timedelta(seconds=1)
# Without any Date header our clock is all there is; then nothing found can be proved to be younger.
UNKNOWN_CLOCK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the deployment: everything that may be ours, and when it was taken.

    `of_known` are the rows of known imports that look like a record in doubt, `sizes` how many rows these imports have.
    """

    at: datetime
    found: pl.DataFrame
    of_known: pl.DataFrame
    sizes: Mapping[str, int]
    known: KnownImports


class Reader:
    """Reads back and judges the chunks of one job."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self.multiset = readback.multiset
        self._context = context
        self._readback = readback
        self._fold: tuple[Fold, str | None] | None = None
        self._sent: dict[int, pl.DataFrame] = {}
        self._contents: dict[int, bytes] = {}

    def read(self, chunks: Sequence[ChunkEntry]) -> Reading:
        """Read everything created since the first of the chunks left, known imports of ours taken out."""
        context = self._context
        known = KnownImports(context)
        sizes: Counter[str] = Counter()
        after = min(self._since(chunk) for chunk in chunks) - CLOCKS_APART
        frames, of_known = [], []
        try:
            for frame in read_back(context.client, self._readback, context.ids, context.job.options, after=after):
                self._check(frame)
                found = found_frame(self._readback, frame, self._folding()[0])
                other, ours = known.split(found.drop(RECORD, LINE, strict=False))
                frames.append(other)
                sizes.update(ours[IMPORT_ID].to_list())
                of_known.append(self._alike(ours, chunks))
        except DataError as error:
            raise InDoubt(
                f"What was read back cannot settle anything: {error.message}",
                hint="Nothing was sent again. Resume the job to read again, or decide with `bulkops jobs resolve`.",
            ) from None
        return Reading(
            at=context.clock.now(), found=pl.concat(frames), of_known=pl.concat(of_known), sizes=sizes, known=known
        )

    def judge(self, chunk: ChunkEntry, reading: Reading, *, taken: set[int], twins: int) -> Evidence:
        """Return what a reading says of a chunk; `taken` are imports that belong to some chunk.

        Where it cannot be read how codes are folded, nothing is settled that only holds if case counts, or does not.
        """
        evidence = self._judge(chunk, reading, taken=taken, twins=twins)
        if self._folding()[1] is None:
            return evidence
        folded = self._judge(chunk, reading, taken=taken, twins=twins, fold=self._folded)
        if folded.fingerprint == evidence.fingerprint:
            return evidence
        note = f"records are found only if case does not count. {self._folding()[1]}"
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=folded.rows, note=note)

    def _folded(self, frame: pl.DataFrame) -> pl.DataFrame:
        codes = [c.column for c in self._readback.columns if c.compare is Comparison.CODE]
        return frame.with_columns(pl.col(codes).str.to_uppercase())

    def _judge(
        self,
        chunk: ChunkEntry,
        reading: Reading,
        *,
        taken: set[int],
        twins: int,
        fold: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
    ) -> Evidence:
        """Judge by one way of folding; where rows are counted, only the import that an answer named is the chunk's."""
        since = self._since(chunk)
        # A refused `create` chunk that was sent once would be refused again: what is older cannot be doubled, and is
        # most likely why.
        once = chunk.state is ChunkState.REFUSED and chunk.attempts <= 1 and not self._readback.multiset
        found = younger(reading.found, rfc3339(since if once else since - CLOCKS_APART))
        others = [str(i) for i in taken if i != chunk.import_id]
        found = found.filter(~pl.col(IMPORT_ID).is_in(others))
        found, sent = fold(found), fold(self._records(chunk))
        columns = [c.column for c in self._readback.columns]
        proof = rfc3339(since) if self._offset(chunk) is not None else None
        if not self._readback.multiset:
            return judge_keys(sent, found, self._readback.key, columns, since=proof)
        if chunk.import_id is not None and chunk.state is not ChunkState.ACCEPTED:
            found, proof = found.filter(pl.col(IMPORT_ID) == str(chunk.import_id)), ""
        evidence = judge_multiset(sent, found, columns, core=self._core(), twins=twins, since=proof)
        if evidence.verdict is not Verdict.LANDED and (note := self._mistaken(chunk, reading)):
            return Evidence(verdict=Verdict.AMBIGUOUS, rows=sent.height, note=note)
        return evidence

    def _check(self, frame: pl.DataFrame) -> None:
        """Raise DataError if rows that are ours might not be known by this answer."""
        filled = self._context.contract.required_names
        if missing := missing_columns(self._readback, frame, filled=filled):
            has = ", ".join(c for c in frame.columns if c not in (RECORD, LINE)) or "no column"
            raise DataError(f"it lacks {', '.join(map(repr, missing))}; it has {has}.")

    def same_content(self, one: ChunkEntry, other: ChunkEntry) -> bool:
        """Tell whether two chunks of the job hold equal records, in whatever order."""
        if one.sha256 == other.sha256 or one.records != other.records:
            return one.sha256 == other.sha256
        return self._content(one) == self._content(other)

    def _content(self, chunk: ChunkEntry) -> bytes:
        if chunk.number not in self._contents:
            records = self._records(chunk).select(c.column for c in self._readback.columns)
            text = records.sort(records.columns).write_csv(null_value="\0")
            self._contents[chunk.number] = hashlib.sha256(text.encode()).digest()
        return self._contents[chunk.number]

    def _alike(self, rows: pl.DataFrame, chunks: Sequence[ChunkEntry]) -> pl.DataFrame:
        """Return the rows of known imports that look like a record of the chunks; none where rows have keys."""
        if not self._readback.multiset or rows.is_empty():
            return rows.clear()
        sent = pl.concat([self._records(chunk).select(self._core()) for chunk in chunks])
        return rows.join(sent.unique(), on=self._core(), how="semi", nulls_equal=True)

    def _mistaken(self, chunk: ChunkEntry, reading: Reading) -> str:
        """Say which import holds exactly the chunk, if it has an id that the ledger knows for other records."""
        columns = [c.column for c in self._readback.columns]
        chunks = {c.number: c for c in self._context.ledger.chunks(self._context.job.id)}
        for number in exact_imports(self._records(chunk), reading.of_known, columns):
            owners = reading.known[number]
            same = any(
                o.sha256 == chunk.sha256
                or (o.job == self._context.job.id and self.same_content(chunks[o.chunk], chunk))
                for o in owners
            )
            if reading.sizes[number] == chunk.records and not same:
                known_as = f"chunk {owners[0].chunk} of {owners[0].job}"
                return f"import {number} holds exactly these records, and the ledger knows that id as {known_as}"
        return ""

    def _core(self) -> list[str]:
        """Return the columns that every record fills: the required ones, and those of which it must fill one."""
        contract = self._context.contract
        filled = {*contract.required_names, *(n for e in contract.exclusive if e.whole_file for n in e.columns)}
        return [c.column for c in self._readback.columns if c.column in filled]

    def _records(self, chunk: ChunkEntry) -> pl.DataFrame:
        if chunk.number not in self._sent:
            frame = self._context.records(chunk).frame()
            self._sent[chunk.number] = sent_frame(self._readback, frame, self._folding()[0])
        return self._sent[chunk.number]

    def _folding(self) -> tuple[Fold, str | None]:
        """Return how codes are folded, and why that is not known if it is not."""
        if self._fold is None:
            self._fold = fold_of(self._context.client, self._readback, self._context.ids)
        return self._fold

    def _since(self, chunk: ChunkEntry) -> datetime:
        """Return the server's time before which nothing is of this chunk, if its clocks agree."""
        sent = chunk.first_sent or self._context.job.created
        offset = self._offset(chunk)
        return sent - UNKNOWN_CLOCK if offset is None else sent + offset - CUT_SECONDS

    def _offset(self, chunk: ChunkEntry) -> timedelta | None:
        if chunk.clock_offset is not None:
            return timedelta(seconds=chunk.clock_offset)
        return self._context.client.server_offset
