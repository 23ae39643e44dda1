"""Find all physical lines of a window that are not a whole, well-quoted record by themselves.

The bytes around the first misplaced quote show the defect of most of them; only the others must be read strictly, one
by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bulkops.reading.records.byte_sets import is_in
from bulkops.reading.records.malformed import Kinds, MalformedRecords, kind_of
from bulkops.reading.records.structural_index import (
    QUOTE,
    RETURN,
    Bytes,
    Flags,
    Offsets,
    StructuralIndex,
    Words,
    after,
    counts_before,
    inside_each_part,
    misplaced_quotes,
    nearest_before,
    part_ends,
    positions,
    toggle_at,
)

_UNKNOWN_KIND = 255
_PART = 1 << 14
"""Number of words for which bits are listed at a time."""
_STRAY, _UNCLOSED, _TEXT_FOLLOWS, _JSON_QUOTES = map(kind_of, ("STR104", "STR105", "STR106", "STR107"))
_JSON, _BLANKS = b"{[", b" \t\n\r\f\v"


@dataclass(frozen=True)
class SuspiciousLines:
    """Suspicious lines in order: start, end, the kind of defect and its offset, if they are known."""

    starts: Offsets
    ends: Offsets
    kinds: Kinds
    places: Offsets

    @property
    def known(self) -> Flags:
        """Flags of the lines with a known defect; the others must be read strictly."""
        known: Flags = self.kinds != _UNKNOWN_KIND
        return known

    def unknown_lines(self, whole: int) -> Iterator[tuple[int, int]]:
        """Yield the start and the end of lines that must be read strictly and begin before `whole`."""
        which = ~self.known & (self.starts < whole)
        return zip(self.starts[which].tolist(), self.ends[which].tolist(), strict=True)

    def malformed(self, before: int, read: Sequence[tuple[int, int]]) -> MalformedRecords:
        """Return the lines with a known defect that begin `before` an offset, except those inside records in `read`.

        `read` has the start and the end of records that were read strictly and are whole, in order.
        """
        edges = np.array(read, np.int64).ravel()
        which = self.known & (self.starts < before) & (np.searchsorted(edges, self.starts, side="right") % 2 == 0)
        return MalformedRecords(self.starts[which], self.ends[which], self.kinds[which], self.places[which])


def find_suspicious_lines(structure: StructuralIndex, array: Bytes, separator: int) -> SuspiciousLines:
    """Return the suspicious lines of a window; empty lines are not suspicious."""
    ends = part_ends(structure.feeds, len(array))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    inside, odd = inside_each_part(structure, ends)
    lines, wrong = _first_of_lines(misplaced_quotes(structure, inside, array), starts)
    kinds, places = np.full(len(starts), _UNKNOWN_KIND, np.uint8), np.zeros(len(starts), np.int64)
    opening = (inside[wrong >> 6] >> (wrong & 63).astype(np.uint64)) & np.uint64(1) == 1
    kinds[lines], places[lines] = _kinds(array, structure.quotes, wrong, starts[lines], opening, separator)
    json = np.flatnonzero(odd & (kinds == _JSON_QUOTES))
    goes_on = _json_goes_on(array, ends[json]) | _cell_opens_after(structure, places[json], ends[json])
    kinds[json[goes_on]] = _UNKNOWN_KIND
    text = np.flatnonzero(kinds == _TEXT_FOLLOWS)
    kinds[text[_may_be_open(structure, places[text], ends[text])]] = _UNKNOWN_KIND
    kinds[_left_open(structure, array, inside, ends, np.flatnonzero(kinds == _STRAY), places)] = _UNKNOWN_KIND
    suspect = odd.copy()
    suspect[lines] = True
    return SuspiciousLines(starts[suspect], ends[suspect], kinds[suspect], places[suspect])


def _first_of_lines(words: Words, starts: Offsets) -> tuple[Offsets, Offsets]:
    """Return the indices of the lines that contain a set bit, and the offset of the first bit of each.

    One line may contain very many bits; processing them in parts keeps memory low.
    """
    lines, first, known = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], -1
    for begin in range(0, len(words), _PART):
        places = positions(words[begin : begin + _PART]) + begin * 64
        found, index = np.unique(np.searchsorted(starts, places, side="right") - 1, return_index=True)
        fresh = found > known
        lines.append(found[fresh])
        first.append(places[index[fresh]])
        known = int(found[-1]) if len(found) else known
    return np.concatenate(lines), np.concatenate(first)


def _json_goes_on(array: Bytes, ends: Offsets) -> Flags:
    """Return whether JSON may continue on the next line, for lines that contain JSON and end at `ends`.

    Of the two characters around a line end in JSON, one separates values; after the end of all JSON, the closing quote
    may follow.
    """
    if not len(ends):
        return np.zeros(0, np.bool_)
    last, following = array.take(ends - 2, mode="clip"), array.take(ends, mode="clip")
    last = np.where(last == RETURN, array.take(ends - 3, mode="clip"), last)
    parts: Flags = is_in(last, b"{[,: \t") | is_in(following, b"}],: \t\r\n")
    closes: Flags = is_in(last, b"}]") & (following == QUOTE)
    return parts | closes | (ends >= len(array))


def _cell_opens_after(structure: StructuralIndex, places: Offsets, ends: Offsets) -> Flags:
    """Return whether a quote after the JSON cell at `places` may open a cell that continues on the next line."""
    if not len(places):
        return np.zeros(0, np.bool_)
    opening = structure.quotes & after(structure.separators)
    opens: Flags = counts_before(opening, ends) > counts_before(opening, places + 1)
    return opens


def _may_be_open(structure: StructuralIndex, places: Offsets, ends: Offsets) -> Flags:
    """Return whether a cell opened after the text that follows a closing quote at `places` may continue.

    It may if the number of quotes from its opening quote to the end of the line is odd.
    """
    found = np.zeros(len(places), np.bool_)
    if not len(places):
        return found
    opening = structure.quotes & after(structure.separators)
    odd = counts_before(structure.quotes, ends) % 2 == 1
    for which, parity in ((opening & structure.inside, True), (opening & ~structure.inside, False)):
        before = counts_before(which, np.stack((places, ends)))
        found |= (odd == parity) & (before[1] > before[0])
    return found


def _left_open(
    structure: StructuralIndex, array: Bytes, inside: Words, ends: Offsets, stray: Offsets, places: Offsets
) -> Offsets:
    """Return the lines with a `stray` quote that may end inside a quoted cell if that quote is text.

    Without the stray quote, the number of quotes after it is odd, or another quote is misplaced.
    """
    if not len(stray):
        return stray
    at, after = places[stray], ends[stray]
    odd = (counts_before(structure.quotes, after) - counts_before(structure.quotes, at + 1)) % 2 == 1
    words = len(structure.quotes)
    others = replace(structure, quotes=structure.quotes & ~toggle_at(np.column_stack((at, at + 1)).ravel(), words))
    text = inside ^ toggle_at(np.column_stack((at, after)).ravel(), words)
    wrong = np.searchsorted(ends, positions(misplaced_quotes(others, text, array)), side="right")
    found: Offsets = stray[odd | np.isin(stray, wrong)]
    return found


def _kinds(
    array: Bytes, quotes: Words, wrong: Offsets, starts: Offsets, opening: Flags, separator: int
) -> tuple[Kinds, Offsets]:
    """Return the kind and the offset of the defect of each line, as its first misplaced quote shows them.

    The bytes around that quote decide. A quote that would open a cell is inside an unquoted cell. A quote that closes
    a cell beginning with `"{` or `"[` is the first undoubled quote in JSON. If the closed cell begins differently, text
    follows the quote, unless the quote follows a separator: then it opens the next cell, and the cell before is not
    closed. A carriage return beside a quote may separate two records, so the kind stays unknown.
    """

    def near(offset: int) -> Bytes:
        return array.take(wrong + offset, mode="clip")

    opens, closes = opening & (near(-1) != RETURN), ~opening & (near(1) != RETURN)
    second = (wrong - 2 == starts) | (near(-3) != QUOTE)
    after_json_start = (wrong - 2 >= starts) & (near(-2) == QUOTE) & is_in(near(-1), _JSON) & second
    opened = nearest_before(quotes, wrong)
    opened_cell = (opened == starts) | (array.take(opened - 1, mode="clip") == separator)
    plain_text = ~is_in(array.take(opened + 1, mode="clip"), _JSON + _BLANKS)
    closes_text = closes & (opened >= starts) & opened_cell & plain_text
    kinds, places = np.full(len(wrong), _UNKNOWN_KIND, np.uint8), wrong.copy()
    # A later row overrides an earlier one.
    for which, kind, at in (
        (opens, _STRAY, wrong),
        (closes_text, _TEXT_FOLLOWS, wrong + 1),
        (closes_text & (near(-1) == separator), _UNCLOSED, opened),
        (closes & after_json_start, _JSON_QUOTES, wrong - 2),
    ):
        kinds[which], places[which] = kind, at[which]
    return kinds, places
