"""Find records that are quoted as a whole: a single field contains all cells, separators included."""

import numpy as np

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.structural_index import NEWLINE, QUOTE, RETURN, Flags, Offsets, counts_before


def wrapped_cells(inner: bytes, separator: int) -> list[bytes]:
    """Return the cells, quotes included, of the record inside a quoted field; an empty list unless it is one line."""
    read = read_strictly(inner, 0, separator)
    if read.code or b"\n" in inner or b"\r" in inner:
        return []
    return [inner[start:end] for start, end in cells(inner, 0, separator)]


def wrapped_records(block: Block, laid: Layout, width: int) -> Offsets:
    """Return the indices of the records with a single quoted field that contains a record of `width` cells."""
    lone: Flags = (laid.fields == 1) & (laid.numbers >= 0) & ~laid.malformed
    if width < 2 or not lone.any():
        return np.zeros(0, np.int64)
    lone &= block.array.take(laid.starts, mode="clip") == QUOTE
    signs = np.diff(counts_before(block.structure.separators, laid.ends), prepend=0)
    places = np.flatnonzero(lone & (signs >= width - 1))
    # If the only quotes are those around the record, counting its separators is enough.
    quotes = np.diff(counts_before(block.structure.quotes, laid.ends), prepend=0)[places]
    breaks = np.flatnonzero((block.array == NEWLINE) | (block.array == RETURN))
    within = np.diff(np.searchsorted(breaks, laid.ends), prepend=0)[places]
    plain = (quotes == 2) & (signs[places] == width - 1) & (within <= 1 + laid.crlf[places])
    for index in np.flatnonzero(~plain).tolist():
        start, end = int(laid.starts[places[index]]), int(laid.ends[places[index]])
        inner = block.data[start:end].rstrip(b"\r\n")[1:-1].replace(b'""', b'"')
        plain[index] = len(wrapped_cells(inner, block.separator)) == width
    found: Offsets = places[plain]
    return found
