"""Test bytes for membership in a small set."""

from functools import cache

import numpy as np

from bulkops.reading.records.structural_index import Bytes, Flags


def is_in(values: Bytes, signs: bytes) -> Flags:
    """Return flags of the values that are in `signs`. A table lookup takes a tenth of the time of `numpy.isin`."""
    return _table(signs).take(values)


@cache
def _table(signs: bytes) -> Flags:
    table = np.zeros(256, np.bool_)
    table[list(signs)] = True
    return table
