"""Find all physical lines of a window that are not a whole, well-quoted record by themselves.

The bytes around the first misplaced quote show the defect of most of them; only the others must be read strictly, one
by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bulkops.reading.records.byte_sets import among
from bulkops.reading.records.malformed import BrokenRecords, Kinds, kind_of
from bulkops.reading.records.structural_index import (
    QUOTE,
    RETURN,
    Bytes,
    Flags,
    Marks,
    Offsets,
    Words,
    astray,
    behind,
    counts_before,
    each_by_itself,
    nearest_before,
    parted,
    positions,
    toggled,
)

_UNTOLD = 255
_PART = 1 << 14
"""Number of words for which bits are listed at a time."""
_STRAY, _UNCLOSED, _TEXT_FOLLOWS, _JSON_QUOTES = map(kind_of, ("STR104", "STR105", "STR106", "STR107"))
_JSON, _BLANKS = b"{[", b" \t\n\r\f\v"


@dataclass(frozen=True)
class Suspects:
    """Suspicious lines in order: start, end, the kind of defect and its offset, if they are known."""

    starts: Offsets
    ends: Offsets
    kinds: Kinds
    places: Offsets

    @property
    def told(self) -> Flags:
        """Flags of the lines with a known defect; the others must be read strictly."""
        told: Flags = self.kinds != _UNTOLD
        return told

    def untold(self, whole: int) -> Iterator[tuple[int, int]]:
        """Yield the start and the end of lines that must be read strictly and begin before `whole`."""
        which = ~self.told & (self.starts < whole)
        return zip(self.starts[which].tolist(), self.ends[which].tolist(), strict=True)

    def broken(self, before: int, read: Sequence[tuple[int, int]]) -> BrokenRecords:
        """Return the lines with a known defect that begin `before` an offset, except those inside records in `read`.

        `read` has the start and the end of records that were read strictly and are whole, in order.
        """
        edges = np.array(read, np.int64).ravel()
        which = self.told & (self.starts < before) & (np.searchsorted(edges, self.starts, side="right") % 2 == 0)
        return BrokenRecords(self.starts[which], self.ends[which], self.kinds[which], self.places[which])


def suspects(marks: Marks, array: Bytes, separator: int) -> Suspects:
    """Return the suspicious lines of a window; empty lines are not suspicious."""
    ends = parted(marks.feeds, len(array))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    inside, odd = each_by_itself(marks, ends)
    lines, wrong = _first_of_lines(astray(marks, inside, array), starts)
    kinds, places = np.full(len(starts), _UNTOLD, np.uint8), np.zeros(len(starts), np.int64)
    opening = (inside[wrong >> 6] >> (wrong & 63).astype(np.uint64)) & np.uint64(1) == 1
    kinds[lines], places[lines] = _kinds(array, marks.quotes, wrong, starts[lines], opening, separator)
    json = np.flatnonzero(odd & (kinds == _JSON_QUOTES))
    goes_on = _json_goes_on(array, ends[json]) | _opens_behind(marks, places[json], ends[json])
    kinds[json[goes_on]] = _UNTOLD
    text = np.flatnonzero(kinds == _TEXT_FOLLOWS)
    kinds[text[_may_be_open(marks, places[text], ends[text])]] = _UNTOLD
    kinds[_left_open(marks, array, inside, ends, np.flatnonzero(kinds == _STRAY), places)] = _UNTOLD
    suspect = odd.copy()
    suspect[lines] = True
    return Suspects(starts[suspect], ends[suspect], kinds[suspect], places[suspect])


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
    last, following = array.take(ends - 2, mode="clip"), array.take(ends, mode="clip")
    last = np.where(last == RETURN, array.take(ends - 3, mode="clip"), last)
    parts: Flags = among(last, b"{[,: \t") | among(following, b"}],: \t\r\n")
    closes: Flags = among(last, b"}]") & (following == QUOTE)
    return parts | closes | (ends >= len(array))


def _opens_behind(marks: Marks, places: Offsets, ends: Offsets) -> Flags:
    """Return whether a quote after the JSON cell at `places` may open a cell that continues on the next line."""
    if not len(places):
        return np.zeros(0, np.bool_)
    opening = marks.quotes & behind(marks.separators)
    opens: Flags = counts_before(opening, ends) > counts_before(opening, places + 1)
    return opens


def _may_be_open(marks: Marks, places: Offsets, ends: Offsets) -> Flags:
    """Return whether a cell opened after the text that follows a closing quote at `places` may continue.

    It may if the number of quotes from its opening quote to the end of the line is odd.
    """
    found, opening = np.zeros(len(places), np.bool_), marks.quotes & behind(marks.separators)
    if not len(places):
        return found
    odd = counts_before(marks.quotes, ends) % 2 == 1
    for which, parity in ((opening & marks.inside, True), (opening & ~marks.inside, False)):
        before = counts_before(which, np.stack((places, ends)))
        found |= (odd == parity) & (before[1] > before[0])
    return found


def _left_open(marks: Marks, array: Bytes, inside: Words, ends: Offsets, stray: Offsets, places: Offsets) -> Offsets:
    """Return the lines with a `stray` quote that may end inside a quoted cell if that quote is text.

    Without the stray quote, the number of quotes after it is odd, or another quote is misplaced.
    """
    if not len(stray):
        return stray
    at, behind = places[stray], ends[stray]
    odd = (counts_before(marks.quotes, behind) - counts_before(marks.quotes, at + 1)) % 2 == 1
    words = len(marks.quotes)
    others = replace(marks, quotes=marks.quotes & ~toggled(np.column_stack((at, at + 1)).ravel(), words))
    text = inside ^ toggled(np.column_stack((at, behind)).ravel(), words)
    wrong = np.searchsorted(ends, positions(astray(others, text, array)), side="right")
    found: Offsets = stray[odd | np.isin(stray, wrong)]
    return found


def _kinds(
    array: Bytes, quotes: Words, wrong: Offsets, starts: Offsets, opening: Flags, separator: int
) -> tuple[Kinds, Offsets]:
    """Return what kind of defect the first wrong quote of each line is, if its neighbours tell, and where it is.

    A quote that would open a cell stands in one that is not quoted. One that closes what `"{` or `"[` began is the
    first of undoubled quotes in JSON; where what it closes begins otherwise, text follows it, unless it stands behind
    a separator: then it opens the next cell and the one before is not closed. A carriage return beside a quote may
    part two records.
    """

    def near(offset: int) -> Bytes:
        return array.take(wrong + offset, mode="clip")

    kinds, places = np.full(len(wrong), _UNTOLD, np.uint8), wrong.copy()
    kinds[opening & (near(-1) != RETURN)] = _STRAY
    closing = ~opening & (near(1) != RETURN)
    begins = (wrong - 2 == starts) | (near(-3) != QUOTE)
    json = closing & (wrong - 2 >= starts) & (near(-2) == QUOTE) & among(near(-1), _JSON) & begins
    opened = nearest_before(quotes, wrong)
    opens = (opened == starts) | (array.take(opened - 1, mode="clip") == separator)
    text = closing & (opened >= starts) & opens & ~among(array.take(opened + 1, mode="clip"), _JSON + _BLANKS)
    unclosed = text & (near(-1) == separator)
    for which, kind, at in (
        (text, _TEXT_FOLLOWS, wrong + 1),
        (unclosed, _UNCLOSED, opened),
        (json, _JSON_QUOTES, wrong - 2),
    ):
        kinds[which], places[which] = kind, at[which]
    return kinds, places
