"""Rewrite records with invalid quotes as they were probably intended, so that their cells can be checked too.

This happens only if one interpretation is plain: a quote inside an unquoted cell is text; so are the quotes between the
first and the last quote of a cell that contains no separator, or that contains JSON. Such cells are rewritten with
doubled quotes. All later checks read the rewritten bytes and never interpret the file in another way.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bulkops.limits import MAX_MENDED_BYTES
from bulkops.reading.records.byte_sets import is_in
from bulkops.reading.records.layout import Layout
from bulkops.reading.records.malformed import MalformedRecords, kind_of
from bulkops.reading.records.quoting import all_records, cells
from bulkops.reading.records.structural_index import (
    NEWLINE,
    QUOTE,
    RETURN,
    Bytes,
    Flags,
    Offsets,
    StructuralIndex,
    counts_before,
    index_structure,
    inside_each_part,
    join_adjacent,
    misplaced_quotes,
    positions,
)

_STRAY, _TEXT_FOLLOWS, _JSON_QUOTES = map(kind_of, ("STR104", "STR106", "STR107"))
_BACKSLASH = ord("\\")
_SIGNS = b",;\t|"
_MOST_BLANKS = 64
_MOST_CELLS = 8
"""Maximum number of cells of a record that are rewritten; a record with more invalid cells is not plain."""


def _none() -> Offsets:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class RewrittenRecords:
    """Rewritten records: their indices among the malformed records, and their positions in `data`."""

    which: Offsets = field(default_factory=_none)
    data: bytes = b""
    starts: Offsets = field(default_factory=_none)
    ends: Offsets = field(default_factory=_none)


def rewrite_quotes(
    data: bytes, malformed: MalformedRecords, separator: int, texts: Sequence[bool], *, most: int = _MOST_CELLS
) -> RewrittenRecords:
    """Return the malformed records that have as many cells as `texts` in the one plain interpretation.

    `texts` has for each column whether its cells may contain quotes of their own; the intended content of any other
    cell is not plain, unless it is JSON. At most `most` cells of a record are rewritten.
    """
    short = malformed.ends - malformed.starts <= MAX_MENDED_BYTES
    which = np.flatnonzero(short & np.isin(malformed.kinds, (_STRAY, _TEXT_FOLLOWS, _JSON_QUOTES)))
    if not len(which):
        return RewrittenRecords()
    lines = _Lines.of(data, malformed.chosen(which), separator)
    cell, inserted = lines.inserted()
    array = np.insert(lines.array, inserted, QUOTE)
    cell, starts, ends = (at + np.searchsorted(inserted, at) for at in (cell, lines.starts, lines.ends))
    structure = index_structure(array, separator)
    inside, odd = inside_each_part(structure, ends)
    structure = replace(structure, inside=inside)
    sound = ~odd & _sound(structure, array, ends, width=len(texts))
    position = counts_before(structure.limits, cell) - counts_before(structure.limits, starts)
    quoted = sound & ((lines.malformed.kinds == _JSON_QUOTES) | np.array([*texts, False]).take(position, mode="clip"))
    found = RewrittenRecords(which[quoted], array.tobytes(), starts[quoted], ends[quoted])
    rest = np.flatnonzero(~sound & (ends - starts > lines.ends - lines.starts))
    if not len(rest) or most == 1:
        return found
    # In the remaining records one cell was rewritten, and a cell after it has invalid quotes too.
    return _with_more_rewritten(found, which[rest], starts[rest], ends[rest], separator, texts, most=most - 1)


def _with_more_rewritten(
    found: RewrittenRecords,
    which: Offsets,
    starts: Offsets,
    ends: Offsets,
    separator: int,
    texts: Sequence[bool],
    *,
    most: int,
) -> RewrittenRecords:
    """Return the rewritten records, plus those of some others that become valid by rewriting more cells."""
    data = _joined(found.data, starts, ends)
    edges = np.cumsum(ends - starts)
    malformed = all_records(data, separator=separator, width=len(texts)).malformed
    index = np.searchsorted(edges, malformed.ends).clip(max=len(edges) - 1)
    whole = (malformed.ends == edges[index]) & (malformed.starts == (edges - (ends - starts))[index])
    more = rewrite_quotes(data, malformed.chosen(whole), separator, texts, most=most)
    beyond = len(found.data)
    return RewrittenRecords(
        np.concatenate((found.which, which[index[whole][more.which]])),
        found.data + more.data,
        np.concatenate((found.starts, more.starts + beyond)),
        np.concatenate((found.ends, more.ends + beyond)),
    )


def _joined(data: bytes, starts: Offsets, ends: Offsets) -> bytes:
    """Return pieces of data, in order, concatenated."""
    starts, ends = join_adjacent(starts, ends)
    # Slices of a memoryview copy nothing.
    view = memoryview(data)
    return b"".join([view[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])


def rewritten_cells(
    data: bytes, laid: Layout, indices: Iterable[int], separator: int, texts: Sequence[bool]
) -> dict[int, list[tuple[int, bytes]]]:
    """Return the cells of those malformed records that can be rewritten, by their indices in the layout.

    Each cell has its offset in the data and its rewritten bytes. All records are processed together: one by one, each
    would wait for other threads many times.
    """
    wanted = sorted(index for index in set(indices) if laid.malformed[index])
    if not wanted:
        return {}
    malformed = laid.pieces.chosen(np.searchsorted(laid.pieces.starts, laid.starts[wanted]))
    found = rewrite_quotes(data, malformed, separator, texts)
    spans = zip(found.which.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True)
    starts, ends = malformed.starts.tolist(), malformed.ends.tolist()
    return {
        wanted[one]: [
            (starts[one] + first, raw)
            for first, raw in _aligned(data[starts[one] : ends[one]], found.data[start:end], separator)
        ]
        for one, start, end in spans
    }


def _aligned(record: bytes, rewritten: bytes, separator: int) -> Iterator[tuple[int, bytes]]:
    """Yield for each cell of a rewritten record its offset in the original record, and its bytes.

    Only quotes were inserted, so the number of other bytes in front of a cell is the same in both.
    """
    others = [place for place, byte in enumerate(record) if byte != QUOTE]
    for first, end in cells(rewritten, 0, separator):
        before = first - rewritten.count(b'"', 0, first)
        yield others[before - 1] + 1 if before else 0, rewritten[first:end]


@dataclass(frozen=True)
class _Lines:
    """Concatenated malformed records, each with a line end: their bytes, their defects, and where cells may end."""

    array: Bytes
    starts: Offsets
    ends: Offsets
    malformed: MalformedRecords
    separator: int
    quotes: Offsets
    stops: Offsets
    stop: Flags

    @classmethod
    def of(cls, data: bytes, malformed: MalformedRecords, separator: int) -> "_Lines":
        records = _joined(data, malformed.starts, malformed.ends)
        lengths = malformed.ends - malformed.starts
        # The last record of a file may have no line end.
        if records and not records.endswith(b"\n"):
            records += b"\n"
            lengths[-1] += 1
        array = np.frombuffer(records, np.uint8)
        feeds = array == NEWLINE
        returns = np.append((array[:-1] == RETURN) & feeds[1:], False)[: len(array)]
        stop = feeds | returns | (array == separator)
        ends = np.cumsum(lengths)
        quotes, stops = np.flatnonzero(array == QUOTE), np.flatnonzero(stop)
        return cls(array, ends - lengths, ends, malformed, separator, quotes, stops, stop)

    def inserted(self) -> tuple[Offsets, Offsets]:
        """Return the starts of cells with defects, and the ordered offsets at which quotes must be inserted."""
        kinds, places = self.malformed.kinds, self.malformed.places - self.malformed.starts + self.starts
        stray, text, json = (kinds == kind for kind in (_STRAY, _TEXT_FOLLOWS, _JSON_QUOTES))
        spans = np.empty((len(kinds), 2), np.int64)
        spans[stray] = self._unquoted(places[stray], self.starts[stray])
        spans[text] = self._quoted(places[text], self.starts[text])
        spans[json] = self._json(places[json], self.ends[json])
        # In an unquoted cell all quotes are doubled, in a quoted cell those between its first and last quote.
        ranks = np.searchsorted(self.quotes, spans)
        own = np.zeros(len(self.quotes) + 1, np.int64)
        np.add.at(own, ranks[:, 0], 1)
        np.add.at(own, ranks[:, 1], -1)
        doubled = self.quotes[np.cumsum(own)[:-1] > 0]
        around = spans[stray & (spans[:, 0] < spans[:, 1])].ravel()
        return spans[:, 0] - ~stray, np.sort(np.concatenate((doubled, around)))

    def _unquoted(self, places: Offsets, starts: Offsets) -> Offsets:
        """Return the starts and ends of unquoted cells with quotes at `places`; empty where the cell is not plain."""
        ranks = np.searchsorted(self.stops, places)
        before = np.where(ranks > 0, self.stops.take(ranks - 1, mode="clip") + 1, 0)
        first, end = np.maximum(before, starts), self.stops.take(ranks, mode="clip")
        begins = self.array.take(self._past(b" ", first, 1), mode="clip")
        plain = ~self._foreign(first, end) & ~is_in(begins, b'"{[') & (self.array.take(end - 1) != ord("}"))
        return np.column_stack((first, np.where(plain, end, first)))

    def _quoted(self, places: Offsets, starts: Offsets) -> Offsets:
        """Return the insides of quoted cells in which text follows a quote at `places`; they contain no separator."""
        # A line end precedes the first byte.
        openers = self.quotes[self.stop.take(self.quotes - 1, mode="wrap")]
        first = openers.take(np.searchsorted(openers, places - 1) - 1, mode="clip")
        end = self.stops.take(np.searchsorted(self.stops, first), mode="clip") - 1
        plain = (first >= starts) & (end >= places) & (self.array.take(end, mode="clip") == QUOTE)
        begins = self.array.take(self._past(b" ", first + 1, 1), mode="clip")
        plain &= ~self._foreign(first + 1, end + 1) & ~is_in(begins, b"{[")
        return np.column_stack((first + 1, np.where(plain, end, first + 1)))

    def _json(self, places: Offsets, ends: Offsets) -> Offsets:
        """Return the insides of quoted JSON cells that begin at `places`, up to the first quote that can end them.

        Such a quote follows a brace and precedes a separator, and the number of quotes between is even.
        """
        before, after = self.array.take(self.quotes - 1, mode="clip"), self.stop.take(self.quotes + 1, mode="clip")
        last = self.array.take(self._past(b" \t\r\n", self.quotes - 1, -1), mode="clip")
        closing = np.flatnonzero(is_in(last, b"}]") & after)
        ranks = np.searchsorted(self.quotes, places)
        end = places + 1
        for parity in (0, 1):
            wanted, those = closing[closing % 2 == parity], ranks % 2 != parity
            if len(wanted):
                found = np.searchsorted(wanted, ranks[those] + 1)
                at = self.quotes[wanted.take(found, mode="clip")]
                end[those] = np.where((found < len(wanted)) & (at < ends[those]), at, places[those] + 1)
        escaped = self.quotes[before == _BACKSLASH]
        clear = np.searchsorted(escaped, places) == np.searchsorted(escaped, end)
        return np.column_stack((places + 1, np.where(clear, end, places + 1)))

    def _foreign(self, first: Offsets, end: Offsets) -> Flags:
        """Return flags of the ranges with a quote that belongs to another cell.

        A doubled quote, or one beside a separator.
        """
        before = self.array.take(self._past(b" ", self.quotes - 1, -1), mode="clip")
        after = self.array.take(self.quotes + 1, mode="clip")
        beside = np.diff(self.quotes) == 1
        doubled = np.append(beside, False) | np.append(False, beside)
        ends = bytes(sign for sign in _SIGNS[1:] if sign != self.separator)
        foreign = self.quotes[doubled | is_in(before, _SIGNS) | is_in(after, ends)]
        found: Flags = np.searchsorted(foreign, first) < np.searchsorted(foreign, end)
        return found

    def _past(self, blanks: bytes, offsets: Offsets, step: int) -> Offsets:
        """Return the nearest offsets in a direction with a byte that is not in `blanks`."""
        found = offsets.copy()
        for _ in range(_MOST_BLANKS):
            blank = is_in(self.array.take(found, mode="clip"), blanks)
            if not blank.any():
                break
            found[blank] += step
        return found


def _sound(structure: StructuralIndex, array: Bytes, ends: Offsets, *, width: int) -> Flags:
    """Return flags of the records that have `width` cells, valid quotes and one end."""
    fields = np.diff(counts_before(structure.limits, ends), prepend=0) + 1
    feeds = np.diff(counts_before(structure.ends, ends), prepend=0)
    sound: Flags = (fields == width) & (feeds == 1)
    lone = np.flatnonzero((array[:-1] == RETURN) & (array[1:] != NEWLINE))
    for wrong in (lone, positions(misplaced_quotes(structure, structure.inside, array))):
        sound[np.searchsorted(ends, wrong, side="right")] = False
    return sound
