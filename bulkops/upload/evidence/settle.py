"""Settle chunks in doubt: read back, wait, read again, and only then decide which records are resent.

- upsert, replace: resend, because the end state is the same. Refused chunks are divided or rejected; for an upsert,
  the rows at the target decide which records are rejected.
- create: accept the keys found; resend the keys that are missing in two equal snapshots. A refused chunk is divided
  after one snapshot: if a key of it was imported after all, the server refuses it again, so it is not duplicated.
  Records are rejected last, after everything else is settled and nothing of them can still arrive.
- append: an import of exactly the chunk's records settles the chunk; no trace in two equal snapshots: resend; anything
  else needs a manual decision. The same applies to refused chunks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bulkops.errors import AccessRefused, InDoubt
from bulkops.ledger.claims import ImportTaken
from bulkops.ledger.events import EvidenceRead, Payload, Resendable, Undecided
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.evidence.contenders import Contender, context_of, unanswered_of, wait_for_answers
from bulkops.upload.evidence.duplicates import accepted_state
from bulkops.upload.evidence.judge import ChunkToJudge, Judge
from bulkops.upload.evidence.row_clock import instant
from bulkops.upload.evidence.snapshots import Snapshot
from bulkops.upload.evidence.timeouts import seconds_until_settled
from bulkops.upload.evidence.verdict import ChunkEvidence, ChunkVerdict
from bulkops.upload.refusals.isolate import Refusals
from bulkops.wording import some_of
from bulkops_validators.model.contract import Mode, Readback

MAX_READINGS = 6
SHOWN_CHUNKS = 5


@dataclass(kw_only=True)
class _Rounds:
    """The progress of settling some chunks over several snapshots.

    `due`: seconds after the first snapshot until nothing of a chunk's requests can still arrive. `slept`: seconds
    waited so far. `before`: the evidence of the last snapshot about each chunk.
    """

    left: list[ChunkEntry]
    due: Mapping[int, float]
    settled: list[ChunkEntry] = field(default_factory=list)
    before: Mapping[int, ChunkEvidence] = field(default_factory=dict)
    count: int = 0
    slept: float = 0.0

    @property
    def last(self) -> bool:
        """Whether this snapshot must settle every chunk."""
        return self.count == MAX_READINGS

    def seen_before(self, chunk: ChunkEntry, found: ChunkEvidence) -> bool:
        """Return whether the last snapshot showed the same of a chunk."""
        return chunk.number in self.before and self.before[chunk.number].fingerprint == found.fingerprint

    def is_over(self, chunk: ChunkEntry) -> bool:
        """Return whether nothing of a chunk's requests can still arrive."""
        return self.due[chunk.number] <= self.slept


class Settler:
    """Settles the unsettled chunks of one job as far as the evidence allows."""

    def __init__(self, context: JobContext, refusals: Refusals) -> None:
        self._context = context
        self._refusals = refusals

    def settle(self, doubtful: Sequence[ChunkEntry]) -> list[ChunkEntry]:
        """Return the chunks after settling, new parts included; refused chunks may be left for a later call.

        A chunk that no evidence can settle stays in doubt and is marked undecided.
        """
        readback = self._context.route.readback
        if self._context.contract.mode.resend_is_safe or readback is None:
            return self._without_doubt(doubtful, readback)
        return self._with_evidence(doubtful, Judge(self._context, readback))

    def _without_doubt(self, chunks: Sequence[ChunkEntry], readback: Readback | None) -> list[ChunkEntry]:
        """Settle chunks if a resend leads to the same end state; chunks to reject come last."""
        settled: list[ChunkEntry] = []
        rejected: list[ChunkEntry] = []
        for chunk in chunks:
            if chunk.state is not ChunkState.REFUSED:
                again = Resendable(reason="resending leads to the same end state")
                settled.append(self._move(chunk, ChunkState.PENDING, again))
            elif self._refusals.may_divide(chunk):
                settled += self._refusals.divide(chunk)
            else:
                rejected.append(chunk)
        if settled:
            return settled
        together = [chunk for chunk in rejected if chunk.records > 1]
        if together and readback is not None and self._context.contract.mode is Mode.UPSERT:
            return self._rejected_unless_found(rejected, Judge(self._context, readback))
        return [self._refusals.reject(chunk) for chunk in rejected]

    def _rejected_unless_found(self, chunks: Sequence[ChunkEntry], judge: Judge) -> list[ChunkEntry]:
        """Accept records found with the values sent and reject the rest: a refused file may be partly imported."""
        waits = [seconds_until_settled(self._context, chunk, counted=False) for chunk in chunks]
        self._wait(max(*waits, 0.0), chunks)
        try:
            snapshot = judge.reader.read(chunks)
        except (AccessRefused, InDoubt):
            return [self._refusals.reject(chunk) for chunk in chunks]
        settled: list[ChunkEntry] = []
        for chunk in chunks:
            present = judge.positions_found(chunk, snapshot) if chunk.records > 1 else ()
            read = EvidenceRead(verdict=ChunkVerdict.PARTLY.value, rows=len(present), read_at=snapshot.at.isoformat())
            if len(present) == chunk.records:
                settled.append(self._move(chunk, ChunkState.ACCEPTED, replace(read, verdict=ChunkVerdict.LANDED.value)))
                continue
            if present:
                present_part, chunk = self._refusals.divide_found(chunk, present, read)  # noqa: PLW2901 - the rest of the chunk
                settled.append(present_part)
            settled.append(self._refusals.reject(chunk))
        return settled

    def _with_evidence(self, doubtful: Sequence[ChunkEntry], judge: Judge) -> list[ChunkEntry]:
        """Take snapshots until every chunk is settled, or only refused keys are left while other chunks can be sent."""
        rounds = _Rounds(left=list(doubtful), due=self._due(doubtful, judge))
        while True:
            rounds.count += 1
            snapshot = self._read(judge, rounds.left)
            contenders = self._settle_by(rounds, judge, snapshot)
            sendable = any(chunk.state is ChunkState.PENDING for chunk in rounds.settled)
            if not rounds.left or (sendable and all(self._is_refused_key(judge, chunk) for chunk in rounds.left)):
                return rounds.settled
            self._pause(rounds, contenders)

    def _due(self, doubtful: Sequence[ChunkEntry], judge: Judge) -> dict[int, float]:
        """Return, per chunk, the seconds until nothing of its requests can still arrive.

        Another job may have claimed the import of this chunk's request while its own request is still unanswered. The
        import of that request then belongs to this chunk. So unanswered requests of every job with equal records count.
        """
        counted = judge.reader.multiset
        due = {chunk.number: seconds_until_settled(self._context, chunk, counted=counted) for chunk in doubtful}
        for contender in unanswered_of(self._context) if counted else ():
            seconds = seconds_until_settled(context_of(self._context, contender), contender.chunk, counted=True)
            for chunk in doubtful:
                if seconds > due[chunk.number] and judge.reader.may_equal(chunk, contender):
                    due[chunk.number] = seconds
        return due

    def _settle_by(self, rounds: "_Rounds", judge: Judge, snapshot: Snapshot) -> list[Contender]:
        """Settle the chunks that a snapshot settles; return chunks of other jobs that must be settled first."""
        parted = {c.number for c in rounds.left if self._is_refused_key(judge, c) and self._refusals.may_divide(c)}
        evidence = self._judge_all(judge, rounds.left, snapshot, provisional=parted)
        awaited: list[Contender] = []
        for chunk in list(rounds.left):
            found = evidence[chunk.number]
            if chunk.number in parted and not self._refusals.may_divide(chunk):
                continue  # other chunks used up the isolation budget: judge it again, finally
            if not rounds.last and (contested := judge.contested(chunk, found, snapshot)):
                awaited += contested
                continue
            equal, over = rounds.seen_before(chunk, found), rounds.is_over(chunk)
            if rounds.last or self._is_conclusive(judge, chunk, found, equal=equal, over=over):
                self._settle_one(rounds, chunk, found, snapshot, equal=equal)
        rounds.before = evidence
        return awaited

    def _settle_one(
        self, rounds: "_Rounds", chunk: ChunkEntry, found: ChunkEvidence, snapshot: Snapshot, *, equal: bool
    ) -> None:
        """Conclude the outcome of a chunk; judge it again if another chunk claimed the import since the snapshot."""
        equal, over = equal or not rounds.last, rounds.is_over(chunk) or rounds.last
        try:
            concluded = self._conclude(chunk, found, snapshot, equal=equal, over=over)
        except ImportTaken as taken:
            if self._context.skips_duplicates:
                # The codes exist, no matter who imported them, and that is the requested end state.
                found = replace(found, import_id=None, imports=())
            elif not rounds.last:
                return
            else:
                note = f"{taken}, which was settled concurrently"
                found = replace(found, verdict=ChunkVerdict.AMBIGUOUS, import_id=None, imports=(), note=note)
            concluded = self._conclude(chunk, found, snapshot, equal=True, over=over)
        rounds.left.remove(chunk)
        rounds.settled += concluded

    def _pause(self, rounds: "_Rounds", contenders: list[Contender]) -> None:
        """Wait for the next snapshot, and for requests of other jobs that may own the rows found."""
        waits = [rounds.due[chunk.number] - rounds.slept for chunk in rounds.left]
        pause = max(self._context.options.settle, *waits)
        self._wait(pause, rounds.left)
        rounds.slept += pause + wait_for_answers(self._context, contenders)

    def _wait(self, pause: float, chunks: Sequence[ChunkEntry]) -> None:
        """Wait for the next snapshot, and report for which chunks and why."""
        numbers = some_of([chunk.number for chunk in chunks], most=SHOWN_CHUNKS)
        declined = all(chunk.state is ChunkState.REFUSED for chunk in chunks)
        why = "the server declined it but may have imported a part" if declined else "the outcome is unknown"
        text = f"Waiting {pause:,.0f} s, then reading back again for chunk {numbers}: {why}."
        if cause := next((chunk.message for chunk in chunks if chunk.message), ""):
            text += f" The first cause: {cause.removesuffix('.')}."
        self._context.client.notifier.wait(pause, text)

    def _read(self, judge: Judge, chunks: Sequence[ChunkEntry]) -> Snapshot:
        """Take a snapshot; InDoubt if the response can never settle the chunks, which then need a manual decision."""
        try:
            with self._context.client.notifier.during("Reading back the content of the target."):
                return judge.reader.read(chunks)
        except InDoubt as error:
            ledger, job = self._context.ledger, self._context.job.id
            unreadable = Undecided(reason=error.message)
            for chunk in chunks:
                if chunk.state is ChunkState.REFUSED:
                    evidence = EvidenceRead(reason=error.message)
                    chunk = ledger.move(job, chunk, ChunkState.IN_DOUBT, evidence)  # noqa: PLW2901
                note = error.message.removesuffix(".")
                ledger.mark(job, chunk, unreadable, undecided=True, message=note)
            raise

    def _is_refused_key(self, judge: Judge, chunk: ChunkEntry) -> bool:
        """Return whether no later request can duplicate a chunk: the server refuses existing keys again."""
        return chunk.state is ChunkState.REFUSED and not judge.reader.multiset

    def _judge_all(
        self, judge: Judge, chunks: Sequence[ChunkEntry], snapshot: Snapshot, *, provisional: set[int]
    ) -> dict[int, ChunkEvidence]:
        """Judge each chunk; an import that settles one chunk proves nothing about another, in any order."""
        taken = frozenset(chunk.import_id for chunk in chunks if chunk.import_id is not None)
        found: dict[int, ChunkEvidence] = {}
        left = list(chunks)
        for _ in range(2):
            for chunk in list(left):
                subject = ChunkToJudge(chunk=chunk, others=left, taken=taken, provisional=chunk.number in provisional)
                found[chunk.number] = evidence = judge.judge(subject, snapshot)
                if evidence.verdict is ChunkVerdict.LANDED:
                    left = [c for c in left if c.number != chunk.number]
                    if evidence.import_id is not None and judge.reader.multiset:
                        taken |= {evidence.import_id}
        return found

    def _is_conclusive(self, judge: Judge, chunk: ChunkEntry, found: ChunkEvidence, *, equal: bool, over: bool) -> bool:
        """Return whether the snapshots so far are enough to conclude a chunk's outcome.

        `equal`: the last two snapshots show the same of it. `over`: nothing of its requests can still arrive.
        """
        refused_key = self._is_refused_key(judge, chunk)
        refused_record = chunk.state is ChunkState.REFUSED and chunk.records == 1
        match found.verdict:
            case ChunkVerdict.LANDED:
                return True
            case ChunkVerdict.ABSENT if refused_record and not refused_key:
                return True
            case _ if not refused_key:
                return equal and over
            case ChunkVerdict.AMBIGUOUS:
                return equal
            case _:
                sent_once = chunk.records == 1 and chunk.parent is None and chunk.attempts <= 1
                return over or sent_once or self._refusals.may_divide(chunk)

    def _conclude(
        self, chunk: ChunkEntry, found: ChunkEvidence, snapshot: Snapshot, *, equal: bool, over: bool
    ) -> list[ChunkEntry]:
        """Record the outcome that a snapshot proves, and return the chunk or its parts; empty if it must wait.

        `equal` and `over` as in `_is_conclusive`.
        """
        read = EvidenceRead(
            verdict=found.verdict.value,
            rows=found.rows,
            import_id=found.import_id,
            read_at=snapshot.at.isoformat(),
            note=found.note,
        )
        match found.verdict:
            case ChunkVerdict.LANDED:
                return [self._landed(chunk, found, read)]
            case ChunkVerdict.ABSENT if equal and chunk.state is ChunkState.REFUSED:
                self._context.ledger.note(self._context.job.id, read, chunk=chunk.number)
                return self._refused(chunk, over=True)
            case ChunkVerdict.ABSENT if chunk.import_id is not None:
                note = f"the server reported import {chunk.import_id}, but none of its records are found"
                return [self._undecided(chunk, replace(found, note=note), read, equal=equal)]
            case ChunkVerdict.ABSENT if equal:
                return [self._move(chunk, ChunkState.PENDING, read)]
            case ChunkVerdict.PARTLY if equal and found.present:
                return self._partly(chunk, found, read, over=over)
            case _:
                return [self._undecided(chunk, found, read, equal=equal)]

    def _landed(self, chunk: ChunkEntry, found: ChunkEvidence, read: EvidenceRead) -> ChunkEntry:
        """Record that the chunk is at the target."""
        ledger, job = self._context.ledger, self._context.job.id
        changes: dict[str, Any] = {"import_id": found.import_id or chunk.import_id, "undecided": False, "message": ""}
        state = accepted_state(self._context, chunk)
        changes |= {"created": instant(found.created)}
        return ledger.move(job, chunk, state, read, imports=found.imports, **changes)

    def _partly(self, chunk: ChunkEntry, found: ChunkEvidence, read: EvidenceRead, *, over: bool) -> list[ChunkEntry]:
        """Accept the records found and let the rest be resent; the rest of a refused chunk stays refused."""
        known = {"import_id": found.import_id, "created": instant(found.created)}
        present_part, missing = self._refusals.divide_found(chunk, found.present, read, imports=found.imports, **known)
        rest = self._refused(missing, over=over) if missing.state is ChunkState.REFUSED else [missing]
        return [present_part, *rest]

    def _refused(self, chunk: ChunkEntry, *, over: bool) -> list[ChunkEntry]:
        """Divide a refused chunk without imported records, or reject it once none of them can still arrive."""
        if self._refusals.may_divide(chunk):
            return self._refusals.divide(chunk)
        return [self._refusals.reject(chunk)] if over else []

    def _undecided(self, chunk: ChunkEntry, found: ChunkEvidence, read: EvidenceRead, *, equal: bool) -> ChunkEntry:
        """Mark a chunk as undecided: it needs a manual decision."""
        note = found.note or f"{found.rows:,} of {chunk.records:,} records were found"
        if not equal:
            note += "; consecutive read-backs differed"
        ledger, job = self._context.ledger, self._context.job.id
        if chunk.state is ChunkState.REFUSED:
            chunk = ledger.move(job, chunk, ChunkState.IN_DOUBT, read)
        return ledger.mark(job, chunk, Undecided(**read.stored()), undecided=True, message=note)

    def _move(self, chunk: ChunkEntry, state: ChunkState, event: Payload) -> ChunkEntry:
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.move(job, chunk, state, event, undecided=False)
