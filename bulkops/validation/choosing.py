"""Select the records of a block that can be checked cell by cell, and build the bytes that the CSV reader receives."""

import numpy as np

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.quote_repair import Mended
from bulkops.reading.records.structural_index import NEWLINE, Flags, Offsets, merged


def surplus_blanks(block: Block, laid: Layout, width: int) -> Offsets:
    """Return for each record the number of surplus blank fields at its end; 0 if it has any other defect."""
    surplus = np.zeros(len(laid.starts), np.int64)
    many = np.flatnonzero((laid.numbers >= 0) & ~laid.broken & (laid.fields > width))
    counts, ends = laid.fields[many] - width, _content_ends(block, laid)[many]
    # A record of a one-column file that contains only separators would have no cell left.
    blank = ends - counts > laid.starts[many]
    for place in range(int(counts.max(initial=0))):
        beyond = place >= counts
        blank &= beyond | (block.array.take(ends - 1 - place, mode="clip") == block.separator)
        if not (blank & ~beyond).any():
            break
    surplus[many[blank]] = counts[blank]
    return surplus


def _content_ends(block: Block, laid: Layout) -> Offsets:
    """Return the ends of the records without their line ends."""
    fed = block.array.take(laid.ends - 1, mode="clip") == NEWLINE
    ends: Offsets = laid.ends - fed - (fed & laid.crlf)
    return ends


def chosen_bytes(good: Flags, block: Block, laid: Layout, surplus: Offsets, mended: Mended) -> tuple[Flags, bytes]:
    """Return flags for the records that can be checked, and their bytes: the `good` records and the repaired ones.

    Surplus blank fields are left out.
    """
    if good.all() and not surplus.any():
        return good, block.data
    data, starts, ends = _without_surplus(good, block, laid, surplus)
    # Repaired records get offsets beyond a gap, so that `merged` never joins them with the others.
    which, beyond = good.copy(), len(data) + 1
    places = np.flatnonzero(laid.broken)[mended.which]
    which[places] = True
    starts[places], ends[places] = mended.starts + beyond, mended.ends + beyond
    starts, ends = merged(starts[which], ends[which])
    runs = zip(starts.tolist(), ends.tolist(), strict=True)
    # Slices of a memoryview copy nothing.
    own, other = memoryview(data), memoryview(mended.data)
    return which, b"".join(
        [own[start:end] if start < beyond else other[start - beyond : end - beyond] for start, end in runs]
    )


def _without_surplus(good: Flags, block: Block, laid: Layout, surplus: Offsets) -> tuple[bytes, Offsets, Offsets]:
    """Return bytes without the surplus blank fields of the good records, and the offsets of the records in them."""
    if not surplus.any():
        return block.data, laid.starts.copy(), laid.ends.copy()
    kept = np.repeat(good, laid.ends - laid.starts)
    too_many = np.flatnonzero(surplus)
    ends = _content_ends(block, laid)[too_many]
    for start, end in zip((ends - surplus[too_many]).tolist(), ends.tolist(), strict=True):
        kept[start:end] = False
    lengths = np.where(good, laid.ends - laid.starts - surplus, 0)
    edges = np.cumsum(lengths)
    return block.array[kept].tobytes(), edges - lengths, edges
