"""Settling doubts: read back, wait, read again, and only then decide what may be sent once more.

upsert, replace: sent again, the end state is the same; refused: divided or rejected at once.
create: the keys that are there are accepted, those absent in two equal readings are sent again. A refused chunk
needs one reading, since a key that is taken in later than that would be refused, not doubled.
append: an import that holds exactly the chunk is ours; no trace in two equal readings: sent again; anything else
is for a person. Refused chunks as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bulkops.ledger.entries import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.context import JobContext
from bulkops.upload.dividing import found_and_missing, suspects_and_rest
from bulkops.upload.patience import working_seconds
from bulkops.upload.readings import Reader, Reading
from bulkops.upload.verdicts import Evidence, Verdict
from bulkops_validators.model.contract import Readback

MAX_READINGS = 6
KILLED_SETTLES = 2.0


class Settler:
    """Settles the doubtful chunks of one job as far as evidence goes."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def settle(self, doubtful: Sequence[ChunkEntry]) -> list[ChunkEntry]:
        """Return the chunks after settling, new ones included.

        What no evidence can settle stays in doubt and is marked undecided.
        """
        readback = self._context.route.readback
        if self._context.contract.mode.resend_is_safe or readback is None:
            return [after for chunk in doubtful for after in self._without_evidence(chunk)]
        return self._with_evidence(doubtful, readback)

    def _without_evidence(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        if chunk.state is ChunkState.REFUSED:
            return self._refused(chunk)
        data = {"reason": "sending it again leaves the same end state"}
        return [self._move(chunk, ChunkState.PENDING, "to be sent again", data)]

    def _with_evidence(self, doubtful: Sequence[ChunkEntry], readback: Readback) -> list[ChunkEntry]:
        reader = Reader(self._context, readback)
        settled: list[ChunkEntry] = []
        left = list(doubtful)
        before: dict[int, Evidence] = {}
        for count in range(1, MAX_READINGS + 1):
            reading = reader.read(left)
            evidence = self._judge_all(reader, left, reading)
            last = count == MAX_READINGS
            for chunk in list(left):
                found = evidence[chunk.number]
                equal = chunk.number in before and before[chunk.number].fingerprint == found.fingerprint
                if self._enough(chunk, found, readback) or equal or last:
                    left.remove(chunk)
                    settled += self._conclude(chunk, found, reading, equal=equal or not last)
            if not left:
                break
            before = evidence
            still = [self._still_at_work(chunk) for chunk in left] if readback.multiset else []
            self._context.clock.sleep(max(self._context.options.settle, *still, 0.0))
        return settled

    def _still_at_work(self, chunk: ChunkEntry) -> float:
        """Return how many more seconds the server may work on a request whose process ended before the answer.

        After an error the request is over for us; here nobody knows, so it is as if we had waited for the answer,
        though never longer than `KILLED_SETTLES` times what the caller chose to wait for evidence.
        """
        events = self._context.ledger.events(self._context.job.id, chunk=chunk.number)
        left = max((e.at for e in events if e.kind == "sent"), default=None)
        doubts = [e for e in events if e.kind == "in doubt"]
        if left is None or not doubts or "message" in doubts[-1].data:
            return 0.0
        longest = KILLED_SETTLES * self._context.options.settle
        limit = min(working_seconds(self._context.contract, chunk), longest)
        return min(limit, limit - (self._context.clock.now() - left).total_seconds())

    def _judge_all(self, reader: Reader, chunks: Sequence[ChunkEntry], reading: Reading) -> dict[int, Evidence]:
        """Judge each chunk; an import that settles one is no evidence for another, whichever is judged first."""
        taken = {chunk.import_id for chunk in chunks if chunk.import_id is not None}
        found: dict[int, Evidence] = {}
        left = list(chunks)
        for _ in range(2):
            for chunk in list(left):
                twins = sum(reader.same_content(chunk, other) for other in left)
                found[chunk.number] = evidence = reader.judge(chunk, reading, taken=taken, twins=twins)
                if evidence.verdict is Verdict.LANDED:
                    left.remove(chunk)
                    if evidence.import_id is not None and reader.multiset:
                        taken.add(evidence.import_id)
        return found

    def _enough(self, chunk: ChunkEntry, found: Evidence, readback: Readback) -> bool:
        """Tell whether one reading settles it: all of it is there, or nothing that follows could double it.

        A refused record alone is never sent again, and a key that was taken in after all would be refused again.
        """
        if found.verdict is Verdict.LANDED:
            return True
        return chunk.state is ChunkState.REFUSED and (chunk.records == 1 or not readback.multiset)

    def _conclude(self, chunk: ChunkEntry, found: Evidence, reading: Reading, *, equal: bool) -> list[ChunkEntry]:
        data = {
            "verdict": found.verdict.value,
            "rows": found.rows,
            "import_id": found.import_id,
            "read_at": reading.at.isoformat(),
            "note": found.note,
        }
        match found.verdict:
            case Verdict.LANDED:
                return [self._landed(chunk, found, data)]
            case Verdict.ABSENT if equal and chunk.state is ChunkState.REFUSED:
                self._context.ledger.note(self._context.job.id, chunk=chunk.number, kind="evidence", data=data)
                return self._refused(chunk)
            case Verdict.ABSENT if chunk.import_id is not None:
                note = f"the server answered with import {chunk.import_id}, but none of its records are found"
                return [self._undecided(chunk, replace(found, note=note), data, equal=equal)]
            case Verdict.ABSENT if equal:
                return [self._move(chunk, ChunkState.PENDING, "evidence", data)]
            case Verdict.PARTLY if equal and found.present:
                return self._partly(chunk, found, data)
            case _:
                return [self._undecided(chunk, found, data, equal=equal)]

    def _landed(self, chunk: ChunkEntry, found: Evidence, data: Mapping[str, object]) -> ChunkEntry:
        ledger, job = self._context.ledger, self._context.job.id
        changes = {"import_id": found.import_id or chunk.import_id, "undecided": False, "message": ""}
        return ledger.move(job, chunk, ChunkState.ACCEPTED, kind="evidence", data=data, **changes)

    def _partly(self, chunk: ChunkEntry, found: Evidence, data: Mapping[str, object]) -> list[ChunkEntry]:
        """Keep what is there, and let the rest be sent; of a refused chunk the rest is refused still."""
        there, missing = found_and_missing(self._context.records(chunk), found.present)
        there = replace(there, state=ChunkState.ACCEPTED, import_id=found.import_id, attempts=chunk.attempts)
        state = ChunkState.REFUSED if chunk.state is ChunkState.REFUSED else ChunkState.PENDING
        missing = replace(missing, state=state, message=chunk.message)
        parts = self._context.ledger.divide(self._context.job.id, chunk, [there, missing], kind="evidence", data=data)
        if state is ChunkState.REFUSED:
            return [parts[0], *self._refused(parts[1])]
        return parts

    def _undecided(self, chunk: ChunkEntry, found: Evidence, data: Mapping[str, object], *, equal: bool) -> ChunkEntry:
        note = found.note or f"{found.rows:,} of {chunk.records:,} records were found"
        if not equal:
            note += "; the readings kept changing"
        ledger, job = self._context.ledger, self._context.job.id
        if chunk.state is ChunkState.REFUSED:
            chunk = ledger.move(job, chunk, ChunkState.IN_DOUBT, kind="evidence", data=data)
        return ledger.mark(job, chunk, kind="undecided", data=data, undecided=True, message=note)

    def _refused(self, chunk: ChunkEntry) -> list[ChunkEntry]:
        """Divide a refused chunk of which nothing was taken in, or reject it."""
        options = self._context.options
        mode = self._context.contract.mode
        if chunk.records > 1 and mode.splittable and options.isolate:
            lines = () if self._pointed_wrongly(chunk) else chunk.lines
            parts = suspects_and_rest(self._context.records(chunk), lines)
            if self._isolations() + len(parts) <= options.isolate_requests:
                data = {"reason": "to find the records that are refused"}
                return self._context.ledger.divide(self._context.job.id, chunk, parts, kind="isolating", data=data)
        return [self._move(chunk, ChunkState.REJECTED, "rejected", {"message": chunk.message})]

    def _pointed_wrongly(self, chunk: ChunkEntry) -> bool:
        """Tell whether a record that the server pointed at, when it refused this chunk's parent, was accepted alone."""
        if chunk.parent is None:
            return False
        siblings = [c for c in self._context.ledger.chunks(self._context.job.id) if c.parent == chunk.parent]
        return any(c.records == 1 and c.state is ChunkState.ACCEPTED for c in siblings)

    def look_for_doubles(self, chunks: Sequence[ChunkEntry]) -> None:
        """Look once more at accepted chunks that were sent again because no trace of them was found.

        If the first request did its work after all, later than the settle time, the records are there twice, and
        only a person can take them out. It is given the settle time once more.
        """
        readback = self._context.route.readback
        if readback is None or not readback.multiset:
            return
        again = [c for c in chunks if c.state is ChunkState.ACCEPTED and c.attempts > 1 and self._was_absent(c)]
        if not again:
            return
        self._context.clock.sleep(self._context.options.settle)
        reader = Reader(self._context, readback)
        reading = reader.read(again)
        for chunk in again:
            found = reader.judge(chunk, reading, taken=set(), twins=1)
            if found.verdict in (Verdict.LANDED, Verdict.AMBIGUOUS):
                note = f"its records may be there twice: import {chunk.import_id}, and {found.import_id or found.note}"
                data = {"rows": found.rows, "import_id": found.import_id, "note": note}
                job = self._context.job.id
                self._context.ledger.mark(job, chunk, kind="doubled", data=data, undecided=True, message=note)

    def _was_absent(self, chunk: ChunkEntry) -> bool:
        events = self._context.ledger.events(self._context.job.id, chunk=chunk.number, kind="evidence")
        return any(event.data.get("verdict") == Verdict.ABSENT for event in events)

    def _isolations(self) -> int:
        """Return how many requests isolating was given so far, runs before this one included."""
        events = self._context.ledger.events(self._context.job.id, kind="isolating")
        return sum(len(event.data["into"]) for event in events)

    def _move(self, chunk: ChunkEntry, state: ChunkState, kind: str, data: Mapping[str, object]) -> ChunkEntry:
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.move(job, chunk, state, kind=kind, data=data, undecided=False)
