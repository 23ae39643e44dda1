"""Divide a chunk into smaller ones: to find refused records, or because it was too large or took too long."""

from collections.abc import Sequence

from bulkops.ledger.models import ChunkEntry
from bulkops.upload.chunk_records import ChunkRecords

PROBES = 3


def with_probes(records: ChunkRecords, suspects: Sequence[int], count: int) -> list[ChunkEntry]:
    """Return parts of a refused chunk that begin with `count` probes: single records that no refusal points at.

    The probes are the last record of each half and, if there are three, the first record. Then follow the suspects,
    each alone, and the other records: together if there are suspects, else as halves.
    """
    places = [place for place in range(len(records)) if place not in suspects]
    middle = -(-len(places) // 2)
    probes = [places[middle - 1], places[-1], places[0]][:count]
    sides = [places] if suspects else [places[:middle], places[middle:]]
    rest = [[place for place in side if place not in probes] for side in sides]
    groups = [[place] for place in (*probes, *suspects)] + rest
    return [records.part(group) for group in groups if group]


def suspects_and_rest(records: ChunkRecords, suspects: Sequence[int]) -> list[ChunkEntry]:
    """Return parts of a refused chunk: each suspect alone, then the other records; halves without suspects.

    The documentation does not say how `source.line` counts, so a line is only a hint: the server may accept a suspect.
    """
    if not 0 < len(suspects) < len(records):
        return halves(records)
    others = [place for place in range(len(records)) if place not in suspects]
    return [*(records.part([place]) for place in suspects), records.part(others)]


def halves(records: ChunkRecords) -> list[ChunkEntry]:
    """Return the first and the second half of a chunk of at least two records."""
    return pieces_of(records, -(-len(records) // 2))


def pieces_of(records: ChunkRecords, size: int) -> list[ChunkEntry]:
    """Return parts of at most `size` records each."""
    places = range(len(records))
    return [records.part(places[start : start + size]) for start in range(0, len(records), size)]


def pieces_within(records: ChunkRecords, most: int) -> list[ChunkEntry]:
    """Return parts of at most `most` bytes each, header included; a larger record is a part of its own."""
    parts: list[list[int]] = [[]]
    size = len(records.header)
    for place in range(len(records)):
        start, end = records.span_of(place)
        if parts[-1] and size + end - start > most:
            parts.append([])
            size = len(records.header)
        parts[-1].append(place)
        size += end - start
    return [records.part(places) for places in parts]


def found_and_missing(records: ChunkRecords, present: Sequence[int]) -> tuple[ChunkEntry, ChunkEntry]:
    """Return the part that was imported and the part that was not; both contain records."""
    found = set(present)
    missing = [place for place in range(len(records)) if place not in found]
    return records.part(sorted(found)), records.part(missing)
