"""Split records that lone carriage returns separate."""

import re
from itertools import pairwise

from bulkops.reading.records.quoting import cells, read_strictly

_LONE_RETURN = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"|\r\n|(?P<lone>\r)')


def lone_returns(raw: bytes) -> list[int]:
    """Return the offsets of carriage returns outside quotes that no line feed follows."""
    if raw.count(b"\r") == raw.count(b"\r\n"):
        return []
    return [found.start() for found in _LONE_RETURN.finditer(raw) if found["lone"]]


def split_at_returns(raw: bytes, returns: list[int], line_end: bytes, separator: int, width: int) -> list[bytes] | None:
    """Return the records between carriage returns, each with a line end; blank pieces are left out.

    None unless every piece has `width` cells with valid quotes: then a carriage return belongs to a cell, and the
    intended records are unknown.
    """
    pieces = [raw[before + 1 : place] + line_end for before, place in pairwise([-1, *returns])]
    pieces.append(raw[returns[-1] + 1 :])
    filled = [piece for piece in pieces if piece.rstrip(b"\r\n")]
    return filled if all(_has_cells(piece, separator, width) for piece in filled) else None


def _has_cells(piece: bytes, separator: int, width: int) -> bool:
    read = read_strictly(piece, 0, separator)
    return not read.code and read.end == len(piece) and sum(1 for _ in cells(piece, 0, separator)) == width
