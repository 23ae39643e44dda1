"""Judge a chunk in doubt by a snapshot: which rows can belong to it, and whether they settle it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from bulkops.ledger.models import ChunkEntry, KnownImport
from bulkops.ledger.states import IMPORTED, ChunkState
from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.readback.fetch.rows import read_file
from bulkops.readback.fetch.times import rfc3339
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import Contender, records_of
from bulkops.upload.evidence.row_clock import CUT_SECONDS, instant
from bulkops.upload.evidence.similarity import Similarity, group_imports, shared_rows
from bulkops.upload.evidence.snapshots import Snapshot, SnapshotReader
from bulkops.upload.evidence.verdict import (
    CANONICAL_TIME,
    ChunkEvidence,
    ChunkVerdict,
    as_sent,
    created_since,
    judge_keys,
    judge_multiset,
)
from bulkops_validators.model.contract import Comparison, Readback

Fold = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class ChunkToJudge:
    """A chunk to judge, and the other chunks in doubt. `taken` are imports that already belong to a chunk.

    A `provisional` judgement of a refused chunk decides no record's outcome yet: the rest is resent in parts.
    """

    chunk: ChunkEntry
    others: Sequence[ChunkEntry] = ()
    taken: frozenset[int] = frozenset()
    provisional: bool = False


class Judge:
    """Judges the chunks of one job by snapshots."""

    def __init__(self, context: JobContext, readback: Readback) -> None:
        self.reader = SnapshotReader(context, readback)
        self._context = context
        self._readback = readback

    def judge(self, subject: ChunkToJudge, snapshot: Snapshot) -> ChunkEvidence:
        """Return the evidence of a snapshot about a chunk.

        If the server's treatment of case in codes is unknown, a conclusion must hold both with and without case. A
        missing row proves nothing if the snapshot also lacks an import that it must contain.
        """
        evidence = self._judge(subject, snapshot)
        seen = evidence.fingerprint
        note = self.reader.folding[1]
        if note is not None and (folded := self._judge(subject, snapshot, self._folded)).fingerprint != seen:
            note = f"records are found only if case is ignored. {note}"
            return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=folded.rows, note=note)
        if snapshot.unseen and evidence.verdict in (ChunkVerdict.ABSENT, ChunkVerdict.PARTLY):
            note = f"the read-back does not contain {snapshot.unseen} of this job, so it proves nothing"
            return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=evidence.rows, note=note)
        if evidence.verdict is ChunkVerdict.AMBIGUOUS and snapshot.clock.set_by(subject.chunk, now=snapshot.at):
            note = f"{evidence.note}; the clock of the server or of this computer was set since the request left"
            return replace(evidence, note=note)
        return evidence

    def positions_found(self, chunk: ChunkEntry, snapshot: Snapshot) -> tuple[int, ...]:
        """Return the positions of a chunk's records that are at the target with the values sent, by any sender."""
        return as_sent(self.reader.records(chunk), snapshot.found, self._readback.key, self.reader.columns)

    def _folded(self, frame: pl.DataFrame) -> pl.DataFrame:
        codes = [c.column for c in self._readback.columns if c.compare is Comparison.CODE]
        return frame.with_columns(pl.col(codes).str.to_uppercase())

    def _judge(self, subject: ChunkToJudge, snapshot: Snapshot, fold: Fold = lambda frame: frame) -> ChunkEvidence:
        window = snapshot.clock.window(subject.chunk, now=snapshot.at)
        found = created_since(snapshot.found, rfc3339(window))
        since = snapshot.clock.since(subject.chunk)
        proof = None if since is None else rfc3339(since)
        if self.reader.multiset:
            return self._judge_rows(subject, snapshot, found, proof, fold)
        return self._judge_keys(subject, snapshot, found, proof, fold)

    def _judge_rows(
        self, subject: ChunkToJudge, snapshot: Snapshot, found: pl.DataFrame, proof: str | None, fold: Fold
    ) -> ChunkEvidence:
        """Judge a chunk where equal rows count; if a response named an import, only that import can be the chunk's."""
        chunk = subject.chunk
        others = [str(i) for i in subject.taken if i != chunk.import_id]
        found = fold(found.filter(~pl.col(IMPORT_ID).is_in(others)))
        if chunk.import_id is not None and chunk.state not in IMPORTED:
            found, proof = found.filter(pl.col(IMPORT_ID) == str(chunk.import_id)), ""
        company = [fold(self.reader.records(c)) for c in subject.others if c.number != chunk.number]
        similarity = Similarity(
            core=self.reader.core,
            identity=self.reader.identity,
            company=pl.concat(company) if company else None,
            reused=snapshot.known.given_again(snapshot.sizes),
            twins=1 + self._twins(subject, snapshot),
        )
        sent = fold(self.reader.records(chunk))
        evidence = judge_multiset(sent, found, self.reader.columns, similarity=similarity, since=proof)
        if evidence.verdict is ChunkVerdict.AMBIGUOUS and evidence.exact:
            found = self._without_imports_of_rivals(chunk, found, snapshot, proof, evidence.exact, fold)
            evidence = judge_multiset(sent, found, self.reader.columns, similarity=similarity, since=proof)
        if evidence.verdict in (ChunkVerdict.PARTLY, ChunkVerdict.AMBIGUOUS) and not evidence.exact:
            found = self._without_rows_of_contenders(found, snapshot, fold)
            evidence = judge_multiset(sent, found, self.reader.columns, similarity=similarity, since=proof)
        if evidence.verdict is not ChunkVerdict.LANDED and (note := self._under_known_id(chunk, snapshot)):
            return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=sent.height, note=note)
        return evidence

    def _without_imports_of_rivals(
        self, chunk: ChunkEntry, found: pl.DataFrame, snapshot: Snapshot, proof: str | None, exact: int, fold: Fold
    ) -> pl.DataFrame:
        """Remove imports equal to the chunk but older than its request, if enough other chunks wait for them.

        An open chunk of another job with equal records and an earlier request claims such an import when its job is
        resumed. At least one such chunk must exist for each import. Then every chunk gets an import of its own.
        """
        rivals = [r for r in self.rivals(chunk, snapshot) if r.waits_for_import and r.chunk.first_sent is not None]
        if proof is None or len(rivals) < exact:
            return found
        sent = fold(self.reader.records(chunk))
        groups = group_imports(sent, found, self.reader.columns, Similarity())
        equal = groups.filter((pl.col("matched") == sent.height) & (pl.col("total") == sent.height))
        older = equal.filter(pl.col("oldest").str.contains(CANONICAL_TIME) & (pl.col("oldest") < proof))
        since = [moment for r in rivals if (moment := snapshot.clock.since(r.chunk)) is not None]
        if older.height < equal.height or not since or min(since) > (instant(older["oldest"].min()) or max(since)):
            return found
        return found.join(older, on=IMPORT_ID, how="anti")

    def _without_rows_of_contenders(self, found: pl.DataFrame, snapshot: Snapshot, fold: Fold) -> pl.DataFrame:
        """Remove imports that contain exactly the records of an open chunk of another job.

        They belong to that chunk, although it has not claimed them yet. Records of such an import can also be in this
        file if the two files overlap.
        """
        for contender in snapshot.contenders:
            sizes = found.group_by(IMPORT_ID).len().filter(pl.col("len") == contender.chunk.records)
            if sizes.is_empty() or (records := records_of(contender, self.reader.canonical)) is None:
                continue
            rows = found.join(sizes, on=IMPORT_ID, how="semi")
            groups = group_imports(fold(records), rows, self.reader.columns, Similarity())
            exact = groups.filter((pl.col("matched") == records.height) & (pl.col(IMPORT_ID) != ""))
            found = found.join(exact, on=IMPORT_ID, how="anti")
        return found

    def _twins(self, subject: ChunkToJudge, snapshot: Snapshot) -> int:
        """Return how many other chunks, of any job, may wait for an import of the same records."""
        own = sum(
            self.reader.same_content(subject.chunk, c) for c in subject.others if c.number != subject.chunk.number
        )
        return own + len(self.rivals(subject.chunk, snapshot))

    def rivals(self, chunk: ChunkEntry, snapshot: Snapshot) -> list[Contender]:
        """Return the open chunks of other jobs that may contain the same records."""
        return [contender for contender in snapshot.contenders if self.reader.may_equal(chunk, contender)]

    def contested(self, chunk: ChunkEntry, found: ChunkEvidence, snapshot: Snapshot) -> list[Contender]:
        """Return the chunks in flight in other jobs that may own the rows found.

        An import of exactly these records can only belong to a chunk with the same records. Keys, and rows that settle
        nothing, may belong to any chunk.
        """
        flying = [contender for contender in snapshot.contenders if contender.answered_in > 0]
        match found.verdict:
            case ChunkVerdict.ABSENT:
                return []
            case ChunkVerdict.LANDED if self.reader.multiset:
                return [contender for contender in flying if self.reader.may_equal(chunk, contender)]
            case _:
                return flying

    def _under_known_id(self, chunk: ChunkEntry, snapshot: Snapshot) -> str:
        """Return a note about an import that may contain the chunk under an id that the ledger knows."""
        sent, columns = self.reader.records(chunk), self.reader.columns
        for number in snapshot.of_known[IMPORT_ID].unique().sort():
            rows = snapshot.of_known.filter(pl.col(IMPORT_ID) == number)
            later = self._is_later_than_owners(chunk, rows, snapshot, number)
            owned = None if later else self._of_owners(chunk, snapshot, number)
            shared = shared_rows(sent, rows, columns, without=owned)
            more = snapshot.sizes[number] > snapshot.known.rows(number)
            alike = shared == chunk.records or (shared and more)
            if alike and (later or not self._is_of_owners_alone(chunk, rows, snapshot, number)):
                owner = snapshot.known[number][0]
                what = "exactly these records" if shared == snapshot.sizes[number] else f"{shared:,} of these records"
                return f"import {number} contains {what}, which the ledger knows as chunk {owner.chunk} of {owner.job}"
        return ""

    def _is_later_than_owners(self, chunk: ChunkEntry, rows: pl.DataFrame, snapshot: Snapshot, number: str) -> bool:
        """Return whether rows are younger than the chunk's request, and all known imports with their id are older.

        The server then used the id again, so equal rows are not those of the import that the ledger knows.
        """
        if snapshot.known.is_from_before(number):
            return True
        since = snapshot.clock.since(chunk)
        if since is None:
            return False
        # A request may have left up to a second later than `since`, even if times of rows are cut to whole seconds.
        left = rfc3339(since + CUT_SECONDS)
        older = all(owner.created is not None and owner.created < since for owner in snapshot.known[number])
        return older and bool((rows[CREATED].str.contains(CANONICAL_TIME) & (rows[CREATED] >= left)).all())

    def _is_of_owners_alone(self, chunk: ChunkEntry, rows: pl.DataFrame, snapshot: Snapshot, number: str) -> bool:
        """Return whether an import has the known number of rows, and all rows like the chunk's belong to its owners.

        If one file repeats records of another, the import of one may contain a whole chunk of the other.
        """
        if snapshot.sizes[number] != snapshot.known.rows(number):
            return False
        owned = [self._records_of_owner(owner) for owner in snapshot.known[number]]
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

    def _of_owners(self, chunk: ChunkEntry, snapshot: Snapshot, number: str) -> pl.DataFrame | None:
        """Return the records of the chunks that own an import id, as far as they can be read."""
        chunks = {c.number: c for c in self._context.ledger.chunks(self._context.job.id)}
        found = []
        for owner in snapshot.known[number]:
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
        self, subject: ChunkToJudge, snapshot: Snapshot, found: pl.DataFrame, proof: str | None, fold: Fold
    ) -> ChunkEvidence:
        """Judge a chunk where rows have keys: no key exists twice, so any import with one of its keys may be it."""
        chunk = subject.chunk
        sent = fold(self.reader.records(chunk))
        found = fold(pl.concat([found, self._of_others(snapshot)]))
        found = self._without_own(found, sent, fold)
        refused = chunk.state is ChunkState.REFUSED and chunk.attempts <= 1
        if self._context.skips_duplicates or (refused and (snapshot.clock.known or subject.provisional)):
            # Rows older than the first request would be refused or skipped again, so they cannot be duplicated.
            found = created_since(found, proof or "")
        evidence = judge_keys(sent, found, self._readback.key, self.reader.columns, since=proof)
        if evidence.verdict is ChunkVerdict.AMBIGUOUS:
            found = self._without_keys_of_contenders(found, sent, snapshot, proof, fold)
            evidence = judge_keys(sent, found, self._readback.key, self.reader.columns, since=proof)
        return evidence

    def _without_keys_of_contenders(
        self, found: pl.DataFrame, sent: pl.DataFrame, snapshot: Snapshot, proof: str | None, fold: Fold
    ) -> pl.DataFrame:
        """Remove imports that an open chunk of another job explains and that cannot belong to this chunk.

        All records of such an import belong to that chunk, and either some are not in this chunk, or all are older than
        its request. If one belonged to this chunk after all, nothing is duplicated: the server refuses the keys of a
        resent chunk.
        """
        key = list(self._readback.key)
        for contender in snapshot.contenders:
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

    def _of_others(self, snapshot: Snapshot) -> pl.DataFrame:
        """Return the rows under known import ids that may not belong to the chunks known by these ids."""
        numbers = [
            number
            for number in snapshot.of_known[IMPORT_ID].unique()
            if snapshot.known.ours(number) or snapshot.sizes[number] > snapshot.known.rows(number)
        ]
        return snapshot.of_known.filter(pl.col(IMPORT_ID).is_in(numbers))

    def _without_own(self, found: pl.DataFrame, sent: pl.DataFrame, fold: Fold) -> pl.DataFrame:
        """Remove other records of the file from imports that contain some of this chunk's: this job sent them, too."""
        key = list(self._readback.key)
        meeting = found.join(sent, on=key, how="semi").filter(pl.col(IMPORT_ID) != "")[IMPORT_ID].unique()
        outside = found.filter(pl.col(IMPORT_ID).is_in(meeting.implode())).join(sent, on=key, how="anti")
        if outside.is_empty():
            return found
        for frame in read_file(self._context.job.file_path):
            own = fold(self.reader.canonical(frame)).join(sent, on=key, how="anti")
            found = found.join(own, on=key, how="anti")
        return found
