"""Test whether a whole column contains only long codes, from all its bytes at once.

Matching a pattern in each cell would take ten times as long.
"""

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import NEWLINE, Bytes, Flags

_SIGNS = tuple(b"-._@%")
LEAST = 10
"""Minimum number of characters at which a text of letters, digits and a few symbols can be no date and no number."""


def are_long_codes(cells: pl.Series) -> bool:
    """Return whether all cells begin with a letter, end with a letter or digit, and contain only these and symbols.

    Each cell has at least `LEAST` bytes, and none is null.
    """
    text = np.frombuffer(cells.str.join("\n").cast(pl.Binary).item(), np.uint8)
    ends = np.flatnonzero(text == NEWLINE)
    if len(ends) != len(cells) - 1:
        return False
    first, last = text.take(np.append(0, ends + 1)), text.take(np.append(ends, len(text)) - 1)
    if not _letters(first).all() or not (_letters(last) | _digits(last)).all():
        return False
    known = _letters(text)
    known |= _digits(text)
    known[ends] = True
    for sign in () if known.all() else _SIGNS:
        known |= text == sign
    return bool(known.all())


def _letters(text: Bytes) -> Flags:
    return ((text | np.uint8(32)) - np.uint8(ord("a"))) < 26


def _digits(text: Bytes) -> Flags:
    return (text - np.uint8(ord("0"))) < 10
