"""Cutting a chunk into smaller ones: to find the records the server refuses, or because it took too long."""

from collections.abc import Sequence

from bulkops.ledger.models import ChunkEntry
from bulkops.upload.chunk_records import ChunkRecords


def suspects_and_rest(records: ChunkRecords, suspects: Sequence[int]) -> list[ChunkEntry]:
    """Return parts for a refused chunk: each record the server may have pointed at alone, and the others; else halves.

    The documentation does not say how `source.line` counts, so a line is only a hint: what it points at is sent
    alone and may well be accepted.
    """
    if not 0 < len(suspects) < len(records):
        return halves(records)
    others = [place for place in range(len(records)) if place not in suspects]
    return [*(records.part([place]) for place in suspects), records.part(others)]


def halves(records: ChunkRecords) -> list[ChunkEntry]:
    """Return the first and the second half of a chunk of two records or more."""
    return pieces_of(records, -(-len(records) // 2))


def pieces_of(records: ChunkRecords, size: int) -> list[ChunkEntry]:
    """Return parts of at most `size` records each."""
    places = range(len(records))
    return [records.part(places[start : start + size]) for start in range(0, len(records), size)]


def found_and_missing(records: ChunkRecords, present: Sequence[int]) -> tuple[ChunkEntry, ChunkEntry]:
    """Return the part that was taken in and the part that was not; both hold records."""
    there = set(present)
    missing = [place for place in range(len(records)) if place not in there]
    return records.part(sorted(there)), records.part(missing)
