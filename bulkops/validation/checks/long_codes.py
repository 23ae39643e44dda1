"""Test whether a whole column contains only long codes, from all its bytes at once.

Matching a pattern in each cell would take ten times as long.
"""

import numpy as np
import polars as pl

from bulkops.reading.records.structural_index import Bytes, Flags

_SIGNS = tuple(b"-._@%")
LEAST = 10
"""Minimum number of characters at which a text of letters, digits and a few symbols can be no date and no number."""


def are_long_codes(cells: pl.Series) -> bool:
    """Return whether all cells begin with a letter, end with a letter or digit, and contain only these and symbols.

    Each cell has at least `LEAST` bytes, and none is null.
    """
    text = np.frombuffer(cells.str.join("\n").cast(pl.Binary).item(), np.uint8)
    # Each cell occupies its bytes and the line feed after it.
    sizes = cells.str.len_bytes().to_numpy().astype(np.int64) + 1
    ends = np.cumsum(sizes) - 1
    first, last = text.take(ends - sizes + 1), text.take(ends - 1)
    if not _letters(first).all() or not (_letters(last) | _digits(last)).all():
        return False
    known = _letters(text)
    known |= _digits(text)
    # Only the line feeds that `join` inserted: one inside a cell stays unknown.
    known[ends[:-1]] = True
    for sign in _SIGNS:
        if known.all():
            break
        known |= text == sign
    return bool(known.all())


def _letters(text: Bytes) -> Flags:
    return ((text | np.uint8(32)) - np.uint8(ord("a"))) < 26


def _digits(text: Bytes) -> Flags:
    return (text - np.uint8(ord("0"))) < 10
