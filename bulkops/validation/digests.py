"""Digests of records: what tells whether a record of one file is also in another one.

A digest is over the cells that are not blank, by the name of their column. So it is the same for a record that was
quoted otherwise, or whose columns were reordered, and other for one with a changed cell. Columns that the contract does
not have do not count. A digest has 128 bits: two 64-bit sums of hashes of cells. A record without a value has 0.

polars promises its hashes within one version only. `scheme` shows whether two files of digests can be compared: it is
made of the digests of known records.
"""

import zlib
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from bulkops.reading.records.structural_index import Offsets

Digests = npt.NDArray[np.uint64]
"""One row a record, in the order of the file; two columns."""
_MODULUS = 1 << 64
SEEDS = (0x5EED_0001, 0x5EED_0002)
KNOWN = {"value": ["CODE-1", ""], "attributes": ['{"category": "longer than twelve bytes"}', "ä"]}


def record_digests(frame: pl.DataFrame, numbers: Offsets | None, records: int) -> Digests:
    """Return the digests of a block of `records` records; `frame` has the cells of those in `numbers` as text."""
    found = np.zeros((frame.height, len(SEEDS)), np.uint64)
    columns = [frame.get_column(name).fill_null("") for name in frame.columns]
    for half, seed in enumerate(SEEDS):
        total, blank = np.zeros(frame.height, np.uint64), 0
        for cells in columns:
            of_column = seed + zlib.crc32(cells.name.encode())
            total += cells.hash(of_column).to_numpy()
            blank += _blank(of_column)
        found[:, half] = total - np.uint64(blank % _MODULUS)
    if numbers is None:
        return found
    whole = np.zeros((records, len(SEEDS)), np.uint64)
    whole[numbers] = found
    return whole


@cache
def _blank(seed: int) -> int:
    """Return the hash of a blank cell, which adds nothing to a digest."""
    return int(pl.Series([""]).hash(seed).item())


@cache
def scheme() -> bytes:
    """Return 32 bytes that are equal where the same records have the same digests."""
    return record_digests(pl.DataFrame(KNOWN), None, 2).astype("<u8").tobytes()
