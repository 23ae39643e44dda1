"""The physical lines of a window that are no whole, well-quoted record by themselves, found all at once.

What is wrong with most of them shows in the bytes around their first quote that stands wrong; only the others are
left to be read strictly, one by one.
"""

from collections.abc import Iterator

import numpy as np

from bulkops.reading.marks import (
    QUOTE,
    RETURN,
    Bytes,
    Flags,
    Marks,
    Offsets,
    astray,
    counts_before,
    parted,
    positions,
    toggled,
)

Suspect = tuple[int, int, str, int]
"""Where a line begins and ends, the rule it breaks and where; no rule if it must be read strictly."""

_CODES = np.array(["", "STR104", "STR107"])
_OPEN, _CLOSE = 1, 2
_JSON = (ord("{"), ord("["))


def suspects(marks: Marks, array: Bytes) -> Iterator[Suspect]:
    """Yield the suspicious lines of a window, in order; empty lines are none."""
    ends = parted(marks.feeds, len(array))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    odd = np.diff(counts_before(marks.quotes, ends), prepend=0) % 2 == 1
    # Within a line the first quote opens a cell, whatever the lines before it held.
    inside = marks.inside ^ toggled(ends[:-1][odd[:-1]], len(marks.inside))
    wrong = positions(astray(marks, inside, array))
    lines, first = np.unique(np.searchsorted(starts, wrong, side="right") - 1, return_index=True)
    wrong = wrong[first]
    kinds, places = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    opening = (inside[wrong >> 6] >> (wrong & 63).astype(np.uint64)) & np.uint64(1) == 1
    kinds[lines], places[lines] = _kinds(array, wrong, starts[lines], opening)
    suspect = odd.copy()
    suspect[lines] = True
    chosen = np.flatnonzero(suspect)
    return zip(
        starts[chosen].tolist(),
        ends[chosen].tolist(),
        _CODES[kinds[chosen]].tolist(),
        places[chosen].tolist(),
        strict=True,
    )


def _kinds(array: Bytes, wrong: Offsets, starts: Offsets, opening: Flags) -> tuple[Offsets, Offsets]:
    """Return what kind of defect the first wrong quote of each line is, if its neighbours tell, and where it is.

    A quote that would open a cell stands in one that is not quoted. One that closes what `"{` or `"[` began is the
    first of undoubled quotes in JSON. A carriage return beside a quote may part two records.
    """

    def near(offset: int) -> Bytes:
        return array.take(wrong + offset, mode="clip")

    kinds = np.zeros(len(wrong), np.int64)
    kinds[opening & (near(-1) != RETURN)] = _OPEN
    begins = (wrong - 2 == starts) | (near(-3) != QUOTE)
    json = (wrong - 2 >= starts) & (near(-2) == QUOTE) & np.isin(near(-1), _JSON) & begins
    kinds[~opening & json & (near(1) != RETURN)] = _CLOSE
    return kinds, np.where(kinds == _CLOSE, wrong - 2, wrong)
