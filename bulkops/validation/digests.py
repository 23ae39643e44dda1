"""Compute digests of records, to recognise a record of one file in another file.

A digest covers the cells that are not blank, each with the name of its column. It stays the same if a record is quoted
differently or its columns change their order; it changes with any cell. Columns that the contract does not have are
ignored. A digest has 128 bits: two 64-bit sums of cell hashes. A record without a value has the digest 0.

polars keeps its hashes stable within one version only. `scheme` is computed from the digests of fixed records; two
files of digests can be compared only if their schemes are equal.
"""

import zlib
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from bulkops.reading.records.structural_index import Offsets

Digests = npt.NDArray[np.uint64]
"""One row per record, in file order; two columns."""
_MODULUS = 1 << 64
SEEDS = (0x5EED_0001, 0x5EED_0002)
KNOWN = {"value": ["CODE-1", ""], "attributes": ['{"category": "longer than twelve bytes"}', "ä"]}


def record_digests(frame: pl.DataFrame, numbers: Offsets | None, records: int) -> Digests:
    """Return the digests of a block of `records` records.

    `frame` has, as text, the cells of the records in `numbers`.
    """
    if not frame.width:
        # A file without a known column; a frame without columns has no rows either.
        return np.zeros((records, len(SEEDS)), np.uint64)
    # A column of blank cells adds nothing. Arrays are reused: new memory costs as much time as the hashes of a column.
    columns = [cells for cells in frame.get_columns() if cells.null_count() < frame.height]
    columns = [cells.fill_null("") if cells.null_count() else cells for cells in columns]
    found = np.empty((frame.height, len(SEEDS)), np.uint64)
    total = np.empty(frame.height, np.uint64)
    for half, seed in enumerate(SEEDS):
        total.fill(0)
        blank = 0
        for cells in columns:
            of_column = seed + zlib.crc32(cells.name.encode())
            np.add(total, cells.hash(of_column).to_numpy(), out=total)
            blank += _blank(of_column)
        np.subtract(total, np.uint64(blank % _MODULUS), out=found[:, half])
    if numbers is None:
        return found
    whole = np.zeros((records, len(SEEDS)), np.uint64)
    whole[numbers] = found
    return whole


def contained(known: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Return which of the wanted numbers are among sorted numbers."""
    if not len(known):
        return np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(known[places] == wanted)


@cache
def _blank(seed: int) -> int:
    """Return the hash of a blank cell, which is subtracted so that blank cells add nothing to a digest."""
    return int(pl.Series([""]).hash(seed).item())


@cache
def scheme() -> bytes:
    """Return 32 bytes that are equal wherever the same records have the same digests."""
    return record_digests(pl.DataFrame(KNOWN), None, 2).astype("<u8").tobytes()
