"""Which bytes are among some signs."""

from functools import cache

import numpy as np

from bulkops.reading.records.structural_index import Bytes, Flags


def among(values: Bytes, signs: bytes) -> Flags:
    """Tell which of the values are among the signs: by a table, which costs a tenth of a search in so short a list."""
    return _table(signs).take(values)


@cache
def _table(signs: bytes) -> Flags:
    table = np.zeros(256, np.bool_)
    table[list(signs)] = True
    return table
