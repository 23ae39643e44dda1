"""Blank lines and records of blanks that end a block: whether they end the file is not known there."""

from dataclasses import dataclass

import numpy as np

from bulkops.reading.records.layout import Block, layout
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.parse import Parsed
from bulkops.validation.rule_matches import Hits, Room, Spot


@dataclass(frozen=True)
class Place:
    """A spot with its place, counted from the start of the block: record and byte from 0, line from 0."""

    code: str
    spot: Spot
    line: int
    byte: int
    field: int | None = None


@dataclass(frozen=True)
class BlankTail:
    """What ends a block: how many blank lines and records, how many of them records, and the first few places.

    `others` are the hits of the block's structure without those that belong to the tail.
    """

    others: tuple[Hits, ...]
    total: int = 0
    records: int = 0
    places: tuple[Place, ...] = ()


def blank_tail(parsed: Parsed, blank: Offsets, block: Block, room: Room) -> BlankTail:
    """Return the tail of a block with the `blank` records, in order; nothing is laid out where there is none."""
    last = parsed.records - 1 - np.arange(len(blank))
    run = blank[::-1] == last
    records = len(run) if run.all() else int(np.argmin(run))
    if not records and not parsed.blank_tail:
        return BlankTail(parsed.hits)
    laid = parsed.layout or layout(block)
    filled = np.flatnonzero((laid.numbers >= 0) & (laid.numbers < parsed.records - records))
    first = int(filled[-1]) + 1 if len(filled) else 0
    starts, numbers = laid.starts[first:], laid.numbers[first:]
    shown = slice(max(room.of("STR103"), room.of("STR108")))
    lines = block.lines_before(starts[shown]).tolist()
    places = tuple(
        _place(at, line, number)
        for at, line, number in zip(starts[shown].tolist(), lines, numbers[shown].tolist(), strict=True)
    )
    between = len(starts) - records - parsed.blank_tail
    others = tuple(_without_tail(hit, between, int(starts[0])) for hit in parsed.hits)
    return BlankTail(tuple(hit for hit in others if hit.total), len(starts), records, places)


def _place(at: int, line: int, number: int) -> Place:
    if number < 0:
        return Place("STR108", Spot(message="a blank line at the end of the file", at=at), line, at)
    message = "a record without any value at the end of the file"
    return Place("STR108", Spot(message=message, number=number, at=at), line, at)


def _without_tail(hit: Hits, between: int, start: int) -> Hits:
    """Return the blank lines among the records without those that stand between blank records of the tail."""
    if hit.code != "STR103" or not between:
        return hit
    return Hits("STR103", hit.total - between, tuple(spot for spot in hit.spots if (spot.at or 0) < start))
