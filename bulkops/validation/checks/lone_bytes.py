"""Find single bytes beyond ASCII between ASCII bytes. They are never UTF-8, and are all replaced at once."""

from collections.abc import Callable
from itertools import islice

import numpy as np

from bulkops.reading.records.structural_index import Offsets

_CONTROLS = tuple(bytes((byte,)) for byte in (*range(1, 9), 11, 12, *range(14, 32), 127))


def lone_bytes(data: bytes) -> Offsets:
    """Return the offsets of single bytes beyond ASCII."""
    high = np.frombuffer(data, np.int8) < 0
    lone = high.copy()
    lone[1:] &= ~high[:-1]
    lone[:-1] &= ~high[1:]
    return np.flatnonzero(lone)


def without(data: bytes, offsets: Offsets) -> bytes:
    """Return the data with an ASCII character at each of the offsets."""
    array = np.frombuffer(data, np.uint8).copy()
    array[offsets] = ord("?")
    return array.tobytes()


def spelt_out(data: bytes, spelling: Callable[[int], str]) -> bytes:
    """Return the data with single bytes beyond ASCII spelled out in UTF-8, as far as unused control characters suffice.

    Each distinct byte first becomes a control character that the data does not contain, so that all can be replaced at
    once.
    """
    array, lone = np.frombuffer(data, np.uint8).copy(), lone_bytes(data)
    values = array[lone]
    distinct = np.unique(values).tolist()
    unused = list(islice((control for control in _CONTROLS if control not in data), len(distinct)))
    for value, control in zip(distinct, unused, strict=False):
        array[lone[values == value]] = control[0]
    changed = array.tobytes()
    for value, control in zip(distinct, unused, strict=False):
        changed = changed.replace(control, spelling(value).encode())
    return changed
