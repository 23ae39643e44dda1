"""What a reading says of a chunk in doubt: which of the rows found can be its own, and whether that settles it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from bulkops.ledger.models import ChunkEntry, KnownImport
from bulkops.ledger.states import TAKEN_IN, ChunkState
from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.readback.fetch.rows import read_file
from bulkops.readback.fetch.times import rfc3339
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import Contender, records_of
from bulkops.upload.evidence.row_clock import CUT_SECONDS, instant
from bulkops.upload.evidence.similarity import Likeness, group_imports, shared_rows
from bulkops.upload.evidence.snapshots import Reader, Reading
from bulkops.upload.evidence.verdict import (
    CANONICAL_TIME,
    Evidence,
    Verdict,
    as_sent,
    judge_keys,
    judge_multiset,
    younger,
)
from bulkops_validators.model.contract import Comparison, Readback

Fold = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A chunk to judge, and the others in doubt. `taken` are imports that belong to some chunk.

    A `provisional` judgement of a refused chunk is of no record's fate yet: what is left is sent again in parts.
    """

    chunk: ChunkEntry
    others: Sequence[ChunkEntry] = ()
    taken: frozenset[int] = frozenset()
    provisional: bool = False


class Judge:
    """Judges the chunks of one job by readings."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self.reader = Reader(context, readback)
        self._context = context
        self._readback = readback

    def judge(self, doubt: Doubt, reading: Reading) -> Evidence:
        """Return what a reading says of a chunk.

        Where it cannot be read how codes are folded, nothing is settled that only holds if case counts, or does not.
        What is not there proves nothing if the reading lacks what must be there.
        """
        evidence = self._judge(doubt, reading)
        seen = evidence.fingerprint
        note = self.reader.folding[1]
        if note is not None and (folded := self._judge(doubt, reading, self._folded)).fingerprint != seen:
            note = f"records are found only if case does not count. {note}"
            return Evidence(verdict=Verdict.AMBIGUOUS, rows=folded.rows, note=note)
        if reading.unseen and evidence.verdict in (Verdict.ABSENT, Verdict.PARTLY):
            note = f"what was read back does not show {reading.unseen} of this job, so it proves nothing"
            return Evidence(verdict=Verdict.AMBIGUOUS, rows=evidence.rows, note=note)
        if evidence.verdict is Verdict.AMBIGUOUS and reading.clock.set_by(doubt.chunk, now=reading.at):
            note = f"{evidence.note}; the clock of the server or of this computer was set since the request left"
            return replace(evidence, note=note)
        return evidence

    def held(self, chunk: ChunkEntry, reading: Reading) -> tuple[int, ...]:
        """Return the places of a chunk's records that are there as they were sent, whoever sent them."""
        return as_sent(self.reader.records(chunk), reading.found, self._readback.key, self.reader.columns)

    def _folded(self, frame: pl.DataFrame) -> pl.DataFrame:
        codes = [c.column for c in self._readback.columns if c.compare is Comparison.CODE]
        return frame.with_columns(pl.col(codes).str.to_uppercase())

    def _judge(self, doubt: Doubt, reading: Reading, fold: Fold = lambda frame: frame) -> Evidence:
        window = reading.clock.window(doubt.chunk, now=reading.at)
        found = younger(reading.found, rfc3339(window))
        since = reading.clock.since(doubt.chunk)
        proof = None if since is None else rfc3339(since)
        if self.reader.multiset:
            return self._judge_rows(doubt, reading, found, proof, fold)
        return self._judge_keys(doubt, reading, found, proof, fold)

    def _judge_rows(
        self, doubt: Doubt, reading: Reading, found: pl.DataFrame, proof: str | None, fold: Fold
    ) -> Evidence:
        """Judge where rows are counted; only the import that an answer named is the chunk's."""
        chunk = doubt.chunk
        others = [str(i) for i in doubt.taken if i != chunk.import_id]
        found = fold(found.filter(~pl.col(IMPORT_ID).is_in(others)))
        if chunk.import_id is not None and chunk.state not in TAKEN_IN:
            found, proof = found.filter(pl.col(IMPORT_ID) == str(chunk.import_id)), ""
        company = [fold(self.reader.records(c)) for c in doubt.others if c.number != chunk.number]
        likeness = Likeness(
            core=self.reader.core,
            identity=self.reader.identity,
            company=pl.concat(company) if company else None,
            reused=reading.known.given_again(reading.sizes),
            twins=1 + self._twins(doubt, reading),
        )
        sent = fold(self.reader.records(chunk))
        evidence = judge_multiset(sent, found, self.reader.columns, likeness=likeness, since=proof)
        if evidence.verdict is Verdict.AMBIGUOUS and evidence.exact:
            found = self._without_imports_of_rivals(chunk, found, reading, proof, evidence.exact, fold)
            evidence = judge_multiset(sent, found, self.reader.columns, likeness=likeness, since=proof)
        if evidence.verdict in (Verdict.PARTLY, Verdict.AMBIGUOUS) and not evidence.exact:
            found = self._without_rows_of_contenders(found, reading, fold)
            evidence = judge_multiset(sent, found, self.reader.columns, likeness=likeness, since=proof)
        if evidence.verdict is not Verdict.LANDED and (note := self._under_known_id(chunk, reading)):
            return Evidence(verdict=Verdict.AMBIGUOUS, rows=sent.height, note=note)
        return evidence

    def _without_imports_of_rivals(
        self, chunk: ChunkEntry, found: pl.DataFrame, reading: Reading, proof: str | None, exact: int, fold: Fold
    ) -> pl.DataFrame:
        """Leave out imports of exactly the chunk's records that are older than its request, if others wait for them.

        An open chunk of another job with equal records, whose request left before, claims such an import when its job
        is resumed. There must be one for each: then every chunk has an import of its own, whichever is whose.
        """
        rivals = [r for r in self.rivals(chunk, reading) if r.waits_for_import and r.chunk.first_sent is not None]
        if proof is None or len(rivals) < exact:
            return found
        sent = fold(self.reader.records(chunk))
        groups = group_imports(sent, found, self.reader.columns, Likeness())
        equal = groups.filter((pl.col("matched") == sent.height) & (pl.col("total") == sent.height))
        older = equal.filter(pl.col("oldest").str.contains(CANONICAL_TIME) & (pl.col("oldest") < proof))
        since = [moment for r in rivals if (moment := reading.clock.since(r.chunk)) is not None]
        if older.height < equal.height or not since or min(since) > (instant(older["oldest"].min()) or max(since)):
            return found
        return found.join(older, on=IMPORT_ID, how="anti")

    def _without_rows_of_contenders(self, found: pl.DataFrame, reading: Reading, fold: Fold) -> pl.DataFrame:
        """Leave out imports that hold exactly the records of an open chunk of another job, which are not the chunk's.

        They are that one's, though it has not claimed them yet; a file that overlaps with it has records of them.
        """
        for contender in reading.contenders:
            sizes = found.group_by(IMPORT_ID).len().filter(pl.col("len") == contender.chunk.records)
            if sizes.is_empty() or (records := records_of(contender, self.reader.canonical)) is None:
                continue
            rows = found.join(sizes, on=IMPORT_ID, how="semi")
            groups = group_imports(fold(records), rows, self.reader.columns, Likeness())
            exact = groups.filter((pl.col("matched") == records.height) & (pl.col(IMPORT_ID) != ""))
            found = found.join(exact, on=IMPORT_ID, how="anti")
        return found

    def _twins(self, doubt: Doubt, reading: Reading) -> int:
        """Return how many other chunks, of any job, may wait for an import of the same records."""
        own = sum(self.reader.same_content(doubt.chunk, c) for c in doubt.others if c.number != doubt.chunk.number)
        return own + len(self.rivals(doubt.chunk, reading))

    def rivals(self, chunk: ChunkEntry, reading: Reading) -> list[Contender]:
        """Return the open chunks of other jobs that may contain the same records."""
        return [contender for contender in reading.contenders if self.reader.may_equal(chunk, contender)]

    def contested(self, chunk: ChunkEntry, found: Evidence, reading: Reading) -> list[Contender]:
        """Return the chunks under way in other jobs that what was found may belong to.

        An import of exactly these records can only be that of a chunk with the same records. Keys, and rows that
        settle nothing, may be those of any chunk.
        """
        flying = [contender for contender in reading.contenders if contender.answered_in > 0]
        match found.verdict:
            case Verdict.ABSENT:
                return []
            case Verdict.LANDED if self.reader.multiset:
                return [contender for contender in flying if self.reader.may_equal(chunk, contender)]
            case _:
                return flying

    def _under_known_id(self, chunk: ChunkEntry, reading: Reading) -> str:
        """Say which import may hold the chunk though the ledger knows its id for other records."""
        sent, columns = self.reader.records(chunk), self.reader.columns
        for number in reading.of_known[IMPORT_ID].unique().sort():
            rows = reading.of_known.filter(pl.col(IMPORT_ID) == number)
            later = self._is_later_than_owners(chunk, rows, reading, number)
            owned = None if later else self._of_owners(chunk, reading, number)
            shared = shared_rows(sent, rows, columns, without=owned)
            more = reading.sizes[number] > reading.known.rows(number)
            alike = shared == chunk.records or (shared and more)
            if alike and (later or not self._is_of_owners_alone(chunk, rows, reading, number)):
                owner = reading.known[number][0]
                what = "exactly these records" if shared == reading.sizes[number] else f"{shared:,} of these records"
                return (
                    f"import {number} holds {what}, and the ledger knows that id as chunk {owner.chunk} of {owner.job}"
                )
        return ""

    def _is_later_than_owners(self, chunk: ChunkEntry, rows: pl.DataFrame, reading: Reading, number: str) -> bool:
        """Return whether rows were made after the chunk's request left, under an id whose imports are all older.

        The server gave the id again, so equal records are not those of the import that the ledger knows.
        """
        if reading.known.is_from_before(number):
            return True
        since = reading.clock.since(chunk)
        if since is None:
            return False
        # A request may have left a second later than `since` says, at least, even where times of rows are cut.
        left = rfc3339(since + CUT_SECONDS)
        older = all(owner.created is not None and owner.created < since for owner in reading.known[number])
        return older and bool((rows[CREATED].str.contains(CANONICAL_TIME) & (rows[CREATED] >= left)).all())

    def _is_of_owners_alone(self, chunk: ChunkEntry, rows: pl.DataFrame, reading: Reading, number: str) -> bool:
        """Return whether an import has as many rows as the ledger knows, and what looks like the chunk is its owners'.

        Files overlap where one repeats records of another: the import of one may then contain a chunk of the other.
        """
        if reading.sizes[number] != reading.known.rows(number):
            return False
        owned = [self._records_of_owner(owner) for owner in reading.known[number]]
        readable = [records for records in owned if records is not None]
        if len(readable) < len(owned):
            return False
        like = self.reader.records(chunk).select(self.reader.core).unique()
        theirs = pl.concat(readable).join(like, on=self.reader.core, how="semi", nulls_equal=True)
        found = rows.join(like, on=self.reader.core, how="semi", nulls_equal=True)
        shared = shared_rows(theirs, found, self.reader.columns, without=None)
        return shared == theirs.height == found.height

    def _records_of_owner(self, owner: KnownImport) -> pl.DataFrame | None:
        """Return the records of the chunk that owns an import; None if its file cannot be read or has changed."""
        ledger = self._context.ledger
        (chunk,) = [c for c in ledger.chunks(owner.job) if c.number == owner.chunk]
        return records_of(Contender(job=ledger.job(owner.job), chunk=chunk, answered_in=0), self.reader.canonical)

    def _of_owners(self, chunk: ChunkEntry, reading: Reading, number: str) -> pl.DataFrame | None:
        """Return the records of the chunks that are known by an import id, as far as they can be read."""
        chunks = {c.number: c for c in self._context.ledger.chunks(self._context.job.id)}
        found = []
        for owner in reading.known[number]:
            if owner.job == self._context.job.id:
                found.append(self.reader.records(chunks[owner.chunk]))
            elif owner.sha256 == chunk.sha256 or self._owner_equals(chunk, owner):
                found.append(self.reader.records(chunk))
        return pl.concat(found) if found else None

    def _owner_equals(self, chunk: ChunkEntry, owner: KnownImport) -> bool:
        """Return whether the chunk of another job that owns an import contains the same records."""
        if owner.rows != chunk.records:
            return False
        ledger = self._context.ledger
        (other,) = [c for c in ledger.chunks(owner.job) if c.number == owner.chunk]
        contender = Contender(job=ledger.job(owner.job), chunk=other, answered_in=0)
        return self.reader.equals(chunk, contender)

    def _judge_keys(
        self, doubt: Doubt, reading: Reading, found: pl.DataFrame, proof: str | None, fold: Fold
    ) -> Evidence:
        """Judge where rows have keys: none can be there twice, so whatever import has one of ours may be ours."""
        chunk = doubt.chunk
        sent = fold(self.reader.records(chunk))
        found = fold(pl.concat([found, self._of_others(reading)]))
        found = self._without_own(found, sent, fold)
        refused = chunk.state is ChunkState.REFUSED and chunk.attempts <= 1
        if self._context.skips_duplicates or (refused and (reading.clock.known or doubt.provisional)):
            # What is older than the first request would be refused or skipped again; it cannot be doubled.
            found = younger(found, proof or "")
        evidence = judge_keys(sent, found, self._readback.key, self.reader.columns, since=proof)
        if evidence.verdict is Verdict.AMBIGUOUS:
            found = self._without_keys_of_contenders(found, sent, reading, proof, fold)
            evidence = judge_keys(sent, found, self._readback.key, self.reader.columns, since=proof)
        return evidence

    def _without_keys_of_contenders(
        self, found: pl.DataFrame, sent: pl.DataFrame, reading: Reading, proof: str | None, fold: Fold
    ) -> pl.DataFrame:
        """Leave out imports that an open chunk of another job explains and that cannot be the chunk's.

        All of their records are that chunk's, and some are none of ours, or all are older than our request. If one was
        ours all the same, nothing is doubled: the keys of a chunk that is sent again are refused.
        """
        key = list(self._readback.key)
        for contender in reading.contenders:
            if found.is_empty():
                break
            if not contender.waits_for_import or (records := records_of(contender, self.reader.canonical)) is None:
                continue
            theirs = found.join(fold(records), on=key, how="semi")
            others = found.join(fold(records), on=key, how="anti").select(IMPORT_ID).unique()
            explained = theirs.join(others, on=IMPORT_ID, how="anti").filter(pl.col(IMPORT_ID) != "")
            foreign = explained.join(sent, on=key, how="anti")
            older = explained.filter(pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) < (proof or "")))
            gone = pl.concat([foreign, older]).select(IMPORT_ID).unique()
            found = found.join(
                explained.join(gone, on=IMPORT_ID, how="semi").select(IMPORT_ID).unique(), on=IMPORT_ID, how="anti"
            )
        return found

    def _of_others(self, reading: Reading) -> pl.DataFrame:
        """Return the rows under known ids that cannot be, or need not be, those of the chunks known by these ids."""
        numbers = [
            number
            for number in reading.of_known[IMPORT_ID].unique()
            if reading.known.ours(number) or reading.sizes[number] > reading.known.rows(number)
        ]
        return reading.of_known.filter(pl.col(IMPORT_ID).is_in(numbers))

    def _without_own(self, found: pl.DataFrame, sent: pl.DataFrame, fold: Fold) -> pl.DataFrame:
        """Leave out the other records of the file where an import has some of this chunk's: they are ours as well."""
        key = list(self._readback.key)
        meeting = found.join(sent, on=key, how="semi").filter(pl.col(IMPORT_ID) != "")[IMPORT_ID].unique()
        outside = found.filter(pl.col(IMPORT_ID).is_in(meeting.implode())).join(sent, on=key, how="anti")
        if outside.is_empty():
            return found
        for frame in read_file(self._context.job.file_path):
            own = fold(self.reader.canonical(frame)).join(sent, on=key, how="anti")
            found = found.join(own, on=key, how="anti")
        return found
