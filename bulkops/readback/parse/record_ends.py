"""Find where a response that arrives in pieces can be split: at the end of a record, also with malformed quotes."""

import numpy as np

from bulkops.readback.parse.lenient import settled_length
from bulkops.reading.records.structural_index import Marks, marks_of, well_quoted

COMMA = 44


def well_quoted_marks(data: bytes) -> Marks | None:
    """Return the structural index of data; None if its quotes are not valid CSV, since the index is then wrong."""
    array = np.frombuffer(data, np.uint8)
    marks = marks_of(array, COMMA)
    return marks if well_quoted(marks, array) else None


def complete_length(data: bytes, marks: Marks | None) -> int:
    """Return how many bytes at the start of data are complete records; 0 if none is complete.

    `marks` is the result of `well_quoted_marks`. If it is None, the records are those of `lenient`: after one stray
    quote, the parity of quotes has no meaning.
    """
    return settled_length(data) if marks is None else marks.whole
