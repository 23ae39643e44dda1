"""Settle chunks after a response with an unexpected amount, if resending them cannot duplicate records.

This applies to `upsert`, `replace`, and `create` with the option to skip duplicates. The rows at the target decide, no
matter who sent them: a chunk is accepted if all of its records are found. Records that are missing in two equal
snapshots are resent once, except in a replacement. Everything else needs a manual decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import Any

from bulkops.errors import DataError
from bulkops.ledger.events import EvidenceRead, Undecided
from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.compare.canonical import found_frame, sent_frame
from bulkops.readback.compare.keyed import RowCounts, compare
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.fetch.rows import fold_of, read_back
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.sql import literal
from bulkops.upload.context import JobContext
from bulkops.upload.refusals.split_chunk import found_and_missing
from bulkops_validators.model.contract import Mode, Readback

MAX_READINGS = 6


@dataclass(frozen=True, kw_only=True)
class ChunkAtTarget:
    """The rows of a chunk in one snapshot: the positions of records that are missing, or that have different values.

    `unexpected` counts the rows that a replacement should have removed. `own` counts the records found under the
    chunk's import id.
    """

    missing: frozenset[int]
    different: frozenset[int]
    unexpected: int
    own: int = field(compare=False)

    @property
    def complete(self) -> bool:
        """Whether the target is in the state that the chunk should produce."""
        return not (self.missing or self.different or self.unexpected)


class AmountSettler:
    """Settles the chunks of one job that got a response with an unexpected amount."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._readback = context.route.readback
        self._replaces = context.contract.mode is Mode.REPLACE

    def settles(self, chunk: ChunkEntry) -> bool:
        """Return whether a chunk is settled here: in doubt, with an import id, and safe to resend."""
        return chunk.state is ChunkState.IN_DOUBT and chunk.import_id is not None and resend_is_harmless(self._context)

    def settle(self, chunks: Sequence[ChunkEntry]) -> list[ChunkEntry]:
        """Return the chunks after settling, parts included; those that need a manual decision are marked undecided."""
        if self._readback is None:
            return [self._without_readback(chunk) for chunk in chunks]
        settled: list[ChunkEntry] = []
        left, before = list(chunks), dict[int, ChunkAtTarget]()
        for count in range(1, MAX_READINGS + 1):
            try:
                found = self._read(self._readback, left)
            except DataError as error:
                note = f"the read-back cannot settle the chunk:  {error.message.removesuffix('.')}"
                return settled + [self._undecided(chunk, note) for chunk in left]
            for chunk in list(left):
                seen = found[chunk.number]
                if seen.complete or before.get(chunk.number) == seen or count == MAX_READINGS:
                    left.remove(chunk)
                    settled += self._conclude(chunk, seen)
            if not left:
                break
            before = found
            self._wait(left, found)
        return settled

    def _without_readback(self, chunk: ChunkEntry) -> ChunkEntry:
        """Accept a chunk if its amount equals the number of its distinct records; no other amount can be explained."""
        records = self._context.records(chunk).frame().drop(RECORD, LINE, strict=False)
        if chunk.amount == records.n_unique():
            counted = EvidenceRead(verdict="counted", note="the server counts equal records once")
            return self._move(chunk, ChunkState.ACCEPTED, counted)
        return self._undecided(chunk, f"{reported_amount(chunk)}, and the API cannot read its records back")

    def _wait(self, chunks: Sequence[ChunkEntry], found: Mapping[int, ChunkAtTarget]) -> None:
        settle = self._context.options.settle
        numbers = ", ".join(str(chunk.number) for chunk in chunks[:5]) + (" …" if len(chunks) > 5 else "")
        records = sum(len(found[c.number].missing | found[c.number].different) for c in chunks)
        notifier = self._context.client.notifier
        text = (
            f"The target does not contain {records:,} records of chunk {numbers} with the values that were sent. "
            f"Reading it again in {settle:,.0f} s, because exports may lag."
        )
        notifier.notify(text)
        notifier.pause(settle, text)

    def _read(self, readback: Readback, chunks: Sequence[ChunkEntry]) -> dict[int, ChunkAtTarget]:
        """Compare the chunks with the rows of the target, on disk; DataError if these rows lack the key."""
        context = self._context
        with RowSets(readback) as sets:
            fold, _ = fold_of(context.client, readback, context.ids)
            firsts = {}
            for chunk in chunks:
                firsts[chunk.number] = sets.sent_count + 1
                frame = context.records(chunk).frame().drop(RECORD, LINE, strict=False)
                sets.add_sent(sent_frame(readback, frame, fold))
            for ids in self._scopes(readback):
                for frame in read_back(context.client, readback, ids, context.job.options):
                    sets.add_found(found_frame(readback, frame, fold))
                counts = compare(sets)
                if not counts.missing:
                    break
            return {chunk.number: self._found(sets, chunk, firsts[chunk.number], counts) for chunk in chunks}

    def _scopes(self, readback: Readback) -> list[Mapping[str, int]]:
        """Return the ids to read by: those of the job, then only those of the path if duplicates are skipped.

        The server may skip a code because another campaign of the application already has it.
        """
        ids = self._context.ids
        wide = {name: ids[name] for _, name, _, _ in Formatter().parse(readback.path) if name}
        return [ids, wide] if self._context.skips_duplicates and len(wide) < len(ids) else [ids]

    def _found(self, sets: RowSets, chunk: ChunkEntry, first: int, counts: RowCounts) -> ChunkAtTarget:
        """Return the state, in the staged rows, of a chunk with records staged from number `first` on."""
        skips = self._context.skips_duplicates
        return ChunkAtTarget(
            missing=_places(sets, "missing", chunk, first),
            different=frozenset() if skips else _places(sets, "different", chunk, first),
            unexpected=counts.unexpected if self._replaces else 0,
            own=_under_its_import(sets, chunk, first) if skips else 0,
        )

    def _conclude(self, chunk: ChunkEntry, seen: ChunkAtTarget) -> list[ChunkEntry]:
        """Accept records that were found; resend missing records once; leave the rest to a manual decision."""
        read = EvidenceRead(
            verdict="landed" if seen.complete else "partly",
            missing=len(seen.missing),
            different=len(seen.different),
            unexpected=seen.unexpected,
        )
        if seen.complete:
            return [self._move(chunk, ChunkState.ACCEPTED, read, skipped=self._skipped(chunk, seen))]
        present = [place for place in range(chunk.records) if place not in seen.missing]
        once = chunk.parent is None and not seen.different and not self._replaces
        if not (present and once):
            return [self._undecided(chunk, f"{reported_amount(chunk)}; {_shown(chunk, seen)}")]
        present_part, rest = found_and_missing(self._context.records(chunk), present)
        present_part = replace(
            present_part,
            state=ChunkState.ACCEPTED,
            attempts=chunk.attempts,
            import_id=chunk.import_id,
            skipped=self._skipped(replace(chunk, records=len(present), amount=None), seen),
        )
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.divide(job, chunk, [present_part, rest], read)

    def _skipped(self, chunk: ChunkEntry, seen: ChunkAtTarget) -> int:
        """Return how many found records of a chunk the server skipped, by the reported amount if that is plausible."""
        if not self._context.skips_duplicates:
            return 0
        if chunk.amount is not None and chunk.amount <= chunk.records:
            return chunk.records - chunk.amount
        return chunk.records - seen.own

    def _undecided(self, chunk: ChunkEntry, note: str) -> ChunkEntry:
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.mark(job, chunk, Undecided(note=note), undecided=True, message=note)

    def _move(self, chunk: ChunkEntry, state: ChunkState, event: EvidenceRead, **changes: Any) -> ChunkEntry:
        ledger, job = self._context.ledger, self._context.job.id
        return ledger.move(job, chunk, state, event, undecided=False, message="", **changes)


def resend_is_harmless(context: JobContext) -> bool:
    """Return whether resending the records of a job cannot duplicate them."""
    return context.contract.mode.resend_is_safe or context.skips_duplicates


def reported_amount(chunk: ChunkEntry) -> str:
    """Return a phrase with the import and the amount that the server reported for a chunk."""
    amount = "no usable amount" if chunk.amount is None else f"an amount of {chunk.amount:,}"
    return f"the server reported import {chunk.import_id} with {amount} for {chunk.records:,} records"


def _shown(chunk: ChunkEntry, seen: ChunkAtTarget) -> str:
    """Return a phrase with the counts of a chunk's records at the target: as sent, missing, with different values."""
    figures = ((len(seen.missing), "missing"), (len(seen.different), "with different values"))
    parts = [f"{count:,} {what}" for count, what in figures if count]
    if seen.unexpected:
        parts.append(f"{seen.unexpected:,} unexpected rows")
    present = chunk.records - len(seen.missing) - len(seen.different)
    return f"at the target, {present:,} are as sent, {', '.join(parts)}"


def _places(sets: RowSets, kind: str, chunk: ChunkEntry, first: int) -> frozenset[int]:
    rows = sets.run(
        f"SELECT DISTINCT record FROM result WHERE class = {literal(kind)} "  # noqa: S608 - no user input
        f"AND record BETWEEN {first} AND {first + chunk.records - 1}"
    )
    return frozenset(record - first for (record,) in rows)


def _under_its_import(sets: RowSets, chunk: ChunkEntry, first: int) -> int:
    """Return how many of a chunk's records are found under its import id."""
    key = sets.readback.key
    return sets.number(
        "SELECT count(*) FROM sent s SEMI JOIN "  # noqa: S608 - the contract's own column names and numbers
        f"(SELECT * FROM found WHERE _import_id = {literal(str(chunk.import_id))}) f "
        f"ON {sets.digest(key, prefix='s.')} = {sets.digest(key, prefix='f.')} "
        f"WHERE s._record BETWEEN {first} AND {first + chunk.records - 1}"
    )
