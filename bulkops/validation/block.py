"""The core: one block of whole records to a partial result. A pure function, so that blocks can be judged anywhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import polars as pl

from bulkops.reading.records.layout import Block, Layout, layout
from bulkops.reading.records.quote_repair import mended_cells
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import Offsets
from bulkops.validation.checks.blank_tail import Place, blank_tail
from bulkops.validation.checks.cells import blank_rows, content_hits, spared_columns
from bulkops.validation.checks.column_profile import BlockFacts, gather
from bulkops.validation.checks.keys import KeyHashes, key_hashes
from bulkops.validation.checks.repeated_header import header_hits, repeated_headers
from bulkops.validation.context import Context
from bulkops.validation.digests import Digests, record_digests
from bulkops.validation.named import named_hits
from bulkops.validation.odd_lines import line_hits, odd_rows
from bulkops.validation.parse import Parsed, parse
from bulkops.validation.rule_matches import Hits, Room, Spot

_QUOTE_OR_END = re.compile(rb'["\r\n]')


@dataclass(frozen=True)
class Partial:
    """What was found in one block. Partial results in order make the result of a file."""

    records: int
    lines: int
    length: int
    counts: dict[str, int]
    places: tuple[Place, ...]
    keys: tuple[KeyHashes, ...]
    facts: BlockFacts
    filled: bool = True
    blank_tail: int = 0
    blank_tail_places: tuple[Place, ...] = field(default=())
    digests: Digests | None = None


def judge(block: Block, context: Context, room: Room) -> Partial:
    """Return everything that can be said about a block without knowing the others."""
    parsed = parse(block, context, room)
    unknown = _filled_unknown(parsed.frame, context)
    frame, numbers, blank = _named(parsed, context)
    tail = blank_tail(parsed, blank, block, room)
    hits = [*tail.others, *_blank_hits(blank[: len(blank) - tail.records], room)]
    whole, all_numbers = frame, numbers
    spared = spared_columns(frame, context)
    headers, odd, found = _no_records(frame, numbers, context, room, spared=spared)
    hits += found
    # A key of a repeated header is one like others; lines of another kind have none.
    keyed, key_numbers = _without(odd, frame, numbers)
    none = np.union1d(headers, odd)
    frame, numbers = _without(none, frame, numbers)
    hits += content_hits(frame, numbers, context, room, spared=spared)
    hits += named_hits(frame, numbers, context, room)
    wanted = [hit for hit in hits if hit.code in context.codes]
    counts: dict[str, int] = {}
    for hit in wanted:
        counts[hit.code] = counts.get(hit.code, 0) + hit.total
    spots = [(hit.code, spot) for hit in wanted for spot in hit.spots[: room.of(hit.code)]]
    laid = parsed.layout
    if laid is None and spots:
        laid = layout(block)
    local_dates = "DAT103" not in context.codes or any(hit.code == "DAT103" for hit in hits)
    commas = any(hit.code in {"XLS109", "XLS111"} for hit in hits)
    facts = gather(frame, numbers, context, room, local_dates=local_dates, commas=commas)
    facts.filled_unknown = unknown
    return Partial(
        records=parsed.records,
        lines=block.feeds,
        length=len(block.data),
        counts=counts,
        places=tuple(place_all(spots, block, laid, context)) if laid is not None else (),
        keys=tuple(key_hashes(keyed, key_numbers, parsed.records, unique, context) for unique in context.uniques),
        facts=facts,
        filled=parsed.records > tail.records,
        blank_tail=tail.total,
        blank_tail_places=tail.places,
        digests=record_digests(whole, all_numbers, parsed.records) if context.digests else None,
    )


def _no_records(
    frame: pl.DataFrame, numbers: Offsets | None, context: Context, room: Room, *, spared: frozenset[str]
) -> tuple[Offsets, Offsets, list[Hits]]:
    """Return the rows that are the header once more, those that are lines of another kind, and the findings."""
    headers = repeated_headers(frame, context)
    odd = {} if spared.intersection(frame.columns[:1]) else odd_rows(frame, context)
    found = {code: np.setdiff1d(rows, headers) for code, rows in odd.items()}
    hits = [header_hits(headers if numbers is None else numbers[headers], room)] if len(headers) else []
    for code, rows in found.items():
        texts = ["" if text is None else text for text in frame.to_series(0).gather(rows[: room.of(code)]).to_list()]
        hits.append(line_hits(code, (rows if numbers is None else numbers[rows]).tolist(), texts, room, context))
    return headers, np.concatenate((np.zeros(0, np.int64), *found.values())), hits


def _without(rows: Offsets, frame: pl.DataFrame, numbers: Offsets | None) -> tuple[pl.DataFrame, Offsets | None]:
    """Return a frame without some rows, and the records of the others."""
    if not len(rows):
        return frame, numbers
    kept = np.ones(frame.height, np.bool_)
    kept[rows] = False
    return frame.filter(pl.Series(kept)), np.flatnonzero(kept) if numbers is None else numbers[kept]


def _filled_unknown(frame: pl.DataFrame, context: Context) -> set[int]:
    """Return the positions of columns without a known name that hold something."""
    unknown = [str(index) for index, name in enumerate(context.columns) if name is None]
    if not unknown or not frame.height:
        return set()
    flags = frame.select((pl.col(name).fill_null("") != "").any() for name in unknown).row(0)
    return {int(name) for name, flag in zip(unknown, flags, strict=True) if flag}


def _named(parsed: Parsed, context: Context) -> tuple[pl.DataFrame, Offsets | None, Offsets]:
    """Return the frame of known columns without its blank records, its records, and the blank ones."""
    frame, numbers = parsed.frame, parsed.numbers
    names = {str(index): name for index, name in enumerate(context.columns) if name is not None}
    flags, blank = blank_rows(frame.rename(names), context), np.zeros(0, np.int64)
    if flags is not None:
        numbers = np.arange(frame.height) if numbers is None else numbers
        blank = numbers[flags]
        frame, numbers = frame.filter(pl.Series(~flags)), numbers[~flags]
    return frame.select(list(names)).rename(names), numbers, blank


def _blank_hits(blank: Offsets, room: Room) -> list[Hits]:
    spots = tuple(Spot(message="a record without any value", number=int(n)) for n in blank[: room.of("STR103")])
    return [Hits("STR103", len(blank), spots)] if len(blank) else []


def place_all(spots: Sequence[tuple[str, Spot]], block: Block, laid: Layout, context: Context) -> list[Place]:
    """Return the places of spots, in the order of the file."""
    records = np.flatnonzero(laid.numbers >= 0)
    indices = [None if spot.number is None else int(records[spot.number]) for _, spot in spots]
    starts = [(spot.at or 0) if i is None else int(laid.starts[i]) for (_, spot), i in zip(spots, indices, strict=True)]
    marked = [
        start if spot.at is None or spot.by_record else spot.at for (_, spot), start in zip(spots, starts, strict=True)
    ]
    lines = block.lines_before(np.array(marked, np.int64)).tolist()
    wanted = [i for (_, spot), i in zip(spots, indices, strict=True) if i is not None and spot.at is None]
    mended = mended_cells(block.data, laid, wanted, context.separator, context.texts)
    places = []
    for (code, spot), index, start, line in zip(spots, indices, starts, lines, strict=True):
        byte, field = start if spot.at is None else spot.at, None
        if spot.column is not None:
            position = context.positions[spot.column]
            field = position + 1
            if spot.at is None:
                known = None if index is None else mended.get(index)
                byte = known[position][0] if known else cell_start(block.data, start, context.separator, position)
        places.append(Place(code, spot, line, byte, field))
    return sorted(places, key=lambda place: place.byte)


def cell_start(data: bytes, start: int, separator: int, position: int) -> int:
    """Return where a field of the record at `start` begins; the record's start if it has no such field."""
    at, sign = start, bytes((separator,))
    for _ in range(position):
        at = data.find(sign, at) + 1
        if not at:
            break
    if at and _QUOTE_OR_END.search(data, start, at) is None:  # every separator in front of it parts cells
        return at
    first, _ = next(islice(cells(data, start, separator), position, None), (start, start))
    return first
