"""Bytes that are no UTF-8, control characters, carriage returns out of place: which record, which byte."""

import codecs
import threading
import unicodedata

import numpy as np

from bulkops.reading.layout import Block, Layout
from bulkops.reading.marks import NEWLINE, QUOTE, RETURN, Flags, Offsets, count_below
from bulkops.validation.hits import Hits, Room, Spot


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Replace undecodable bytes by what they are in Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


class _Notes(threading.local):
    """Where undecodable bytes stand, collected by thread: error handlers are known to all."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []


_NOTES = _Notes()


def _note(error: UnicodeError) -> tuple[str, int]:
    """Remember where undecodable bytes stand."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _NOTES.found.append((error.start, error.end))
    return "", error.end


codecs.register_error("bulkops.windows", _as_windows)
codecs.register_error("bulkops.note", _note)


def readable(data: bytes) -> bytes:
    """Return UTF-8 for the reader: bytes that are none are taken for Windows-1252."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "bulkops.windows").encode()
    return data


def encoding_hits(block: Block, laid: Layout, room: Room) -> tuple[list[Hits], Flags]:
    """Return the defects of the bytes, and which records are spoilt by a lone carriage return."""
    hits = _utf8_hits(block, laid, room)
    array = block.array
    spoilt = np.zeros(len(laid.starts), np.bool_)
    if count_below(array, 32) == block.feeds + int(laid.crlf.sum()):
        return hits, spoilt
    nul, low = np.flatnonzero(array == 0), (array < 32) & (array != 0)
    odd = np.flatnonzero(low & (array != NEWLINE) & (array != RETURN) & (array != 9))
    hits.append(_byte_hits("FIL106", nul, block, laid, room))
    hits.append(_byte_hits("FIL107", odd, block, laid, room))
    lone = _lone_returns(block, laid)
    spoilt[_places(lone, laid)] = True
    hits.append(_byte_hits("FIL108", lone, block, laid, room))
    return hits, spoilt


_SAYS = {
    "FIL106": "a NUL byte",
    "FIL107": "the control character {byte:#04x}",
    "FIL108": "a carriage return without a line feed",
}


def _places(offsets: Offsets, laid: Layout) -> Offsets:
    """Return the index of the record that holds each byte."""
    found: Offsets = np.searchsorted(laid.ends, offsets, side="right")
    return found


def _byte_hits(code: str, offsets: Offsets, block: Block, laid: Layout, room: Room) -> Hits:
    """Return one hit for each record that holds one of the bytes."""
    places, first = np.unique(_places(offsets, laid), return_index=True)
    spots = []
    for place, index in zip(places[: room.of(code)], first, strict=False):
        at, number = int(offsets[index]), int(laid.numbers[place])
        message = _SAYS[code].format(byte=block.data[at])
        spots.append(Spot(message=message, number=number if number >= 0 else None, at=at))
    return Hits(code, len(places), tuple(spots))


def _lone_returns(block: Block, laid: Layout) -> Offsets:
    """Return the carriage returns outside quotes that no line feed follows."""
    array = block.array
    returns: Offsets = np.flatnonzero(array == RETURN)
    if not len(returns):
        return returns
    following = array.take(np.minimum(returns + 1, len(array) - 1))
    returns = returns[(following != NEWLINE) | (returns == len(array) - 1)]
    places = _places(returns, laid)
    returns, places = returns[~laid.broken[places]], places[~laid.broken[places]]
    if not len(returns):
        return returns
    quotes = np.flatnonzero(array == QUOTE)
    before = np.searchsorted(quotes, returns) - np.searchsorted(quotes, laid.starts[places])
    outside: Offsets = returns[before % 2 == 0]
    return outside


def _utf8_hits(block: Block, laid: Layout, room: Room) -> list[Hits]:
    if block.data.isascii():
        return []
    bad = _NOTES.found = []
    block.data.decode("utf-8", "bulkops.note")
    if not bad:
        return []
    offsets = np.array([start for start, _ in bad], np.int64)
    places, first = np.unique(_places(offsets, laid), return_index=True)
    spots: dict[str, list[Spot]] = {"FIL102": [], "FIL104": []}
    counts = dict.fromkeys(spots, 0)
    for place, index in zip(places, first, strict=True):
        start, end = bad[index]
        code, message = _judge_bytes(block.data[start:end])
        counts[code] += 1
        if len(spots[code]) < room.of(code):
            number = int(laid.numbers[place])
            spots[code].append(Spot(message=message, number=number if number >= 0 else None, at=start))
    return [Hits(code, counts[code], tuple(spots[code])) for code in spots]


def _judge_bytes(data: bytes) -> tuple[str, str]:
    """Return the rule that undecodable bytes break, and the message."""
    shown = " ".join(f"0x{byte:02X}" for byte in data)
    letters = data.decode("cp1252", "replace")
    likely = all(c not in "\u00ff\u00fe\ufffd" and unicodedata.category(c)[0] in "LPS" for c in letters)
    if likely:
        return "FIL104", f"the byte {shown} is no UTF-8; in Windows-1252 it is {letters!r}"
    return "FIL102", f"the byte {shown} is no UTF-8"
