"""Reading back what may be ours: the rows created since the oldest doubtful request left, on the server's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from bulkops.errors import DataError, InDoubt
from bulkops.ledger.entries import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.canonical import IMPORT_ID, Fold, found_frame, sent_frame
from bulkops.readback.fetch import fold_of, read_back, rfc3339
from bulkops.readback.tables import LINE, RECORD
from bulkops.upload.context import JobContext
from bulkops.upload.verdicts import Evidence, judge_keys, judge_multiset, younger
from bulkops_validators.model.contract import Readback

# A Date header is cut to whole seconds, so the server's clock is known to be up to a second later than it says;
# times in exports may be cut to whole seconds as well.
CUT_SECONDS = timedelta(seconds=1)
# The clock that dates rows need not be the one of the Date headers: what is a little older may be ours all the same.
CLOCKS_APART = timedelta(minutes=5)
# Without any Date header our clock is all there is; then nothing found can be proved to be younger.
UNKNOWN_CLOCK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One look at the deployment: everything that may be ours, and when it was taken."""

    at: datetime
    found: pl.DataFrame


class Reader:
    """Reads back and judges the chunks of one job."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self.multiset = readback.multiset
        self._context = context
        self._readback = readback
        self._fold: Fold | None = None
        self._sent: dict[int, pl.DataFrame] = {}

    def read(self, chunks: Sequence[ChunkEntry]) -> Reading:
        """Read everything created since the first of the chunks left, known imports of ours taken out."""
        context = self._context
        known = [str(i) for i in context.ledger.import_ids(context.job.target)]
        after = min(self._since(chunk) for chunk in chunks) - CLOCKS_APART
        frames = []
        try:
            for frame in read_back(context.client, self._readback, context.ids, context.job.options, after=after):
                found = found_frame(self._readback, frame, self._folding())
                frames.append(found.filter(~pl.col(IMPORT_ID).is_in(known)).drop(RECORD, LINE, strict=False))
        except DataError as error:
            raise InDoubt(f"What was read back cannot settle anything: {error.message}") from None
        return Reading(at=context.clock.now(), found=pl.concat(frames, how="vertical"))

    def judge(self, chunk: ChunkEntry, reading: Reading, *, taken: set[int], twins: int) -> Evidence:
        """Return what a reading says of a chunk; `taken` are import ids that were given to other chunks since."""
        since = self._since(chunk)
        # A refused `create` chunk that was sent once would be refused again: what is older cannot be doubled, and is
        # most likely why.
        once = chunk.state is ChunkState.REFUSED and chunk.attempts <= 1 and not self._readback.multiset
        found = younger(reading.found, rfc3339(since if once else since - CLOCKS_APART))
        if taken:
            found = found.filter(~pl.col(IMPORT_ID).is_in([str(i) for i in taken]))
        sent = self._records(chunk)
        columns = [c.column for c in self._readback.columns]
        proof = rfc3339(since) if self._offset(chunk) is not None else None
        if not self._readback.multiset:
            return judge_keys(sent, found, self._readback.key, columns, since=proof)
        return judge_multiset(sent, found, columns, core=self._core(), twins=twins, since=proof)

    def _core(self) -> list[str]:
        """Return the columns that every record fills: the required ones, and those of which it must fill one."""
        contract = self._context.contract
        filled = {*contract.required_names, *(n for e in contract.exclusive if e.whole_file for n in e.columns)}
        return [c.column for c in self._readback.columns if c.column in filled]

    def _records(self, chunk: ChunkEntry) -> pl.DataFrame:
        if chunk.number not in self._sent:
            frame = self._context.records(chunk).frame()
            self._sent[chunk.number] = sent_frame(self._readback, frame, self._folding())
        return self._sent[chunk.number]

    def _folding(self) -> Fold:
        if self._fold is None:
            self._fold = fold_of(self._context.client, self._readback, self._context.ids)[0]
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
