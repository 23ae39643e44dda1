"""Where an answer that comes in pieces can be cut: at the end of a record, whatever its quotes are like."""

import numpy as np

from bulkops.readback.parse.lenient import settled_length
from bulkops.reading.records.structural_index import StructuralIndex, index_structure, well_quoted

COMMA = 44


def sound_marks(data: bytes) -> StructuralIndex | None:
    """Return the marks of data; None where the quotes are not those of CSV, so that marks tell nothing."""
    array = np.frombuffer(data, np.uint8)
    marks = index_structure(array, COMMA)
    return marks if well_quoted(marks, array) else None


def whole_length(data: bytes, marks: StructuralIndex | None) -> int:
    """Return how many bytes at the start of data are whole records, given its sound marks; 0 if there is not even one.

    Without them the records are those of `lenient`: after one stray quote the parity of quotes means nothing.
    """
    return settled_length(data) if marks is None else marks.whole
