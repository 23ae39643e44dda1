"""Where records end when quotes may be wrong: well-quoted stretches, and each broken record with its defect.

A window begins at the start of a record. While every quote stands where RFC 4180 allows one, a newline ends a
record exactly if the number of quotes before it is even; that is decided for the whole window at once. Where a
quote stands wrong, the record is read strictly by itself, and reading goes on at the next physical line, so that
one forgotten quote costs one record.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
import numpy.typing as npt

QUOTE, NEWLINE, RETURN = 34, 10, 13
LONGEST_RECORD = 64 << 20
"""Bytes after which an open quote counts as never closed."""

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_JSON_START = re.compile(rb'"\s*[{\[]\s*"')


@dataclass(frozen=True)
class Broken:
    """A record whose quotes are wrong: its bytes in the window, the rule's code, and where the defect is."""

    start: int
    end: int
    code: str
    at: int


@dataclass(frozen=True)
class Cut:
    """How many bytes of a window are whole records, and which of these are broken. 0: more bytes are needed."""

    length: int
    broken: tuple[Broken, ...] = ()


def cut(window: bytes, *, final: bool, separator: int) -> Cut:
    """Return the whole records of a window; all of it if it is the `final` one."""
    array = np.frombuffer(window, np.uint8)
    quotes = np.flatnonzero(array == QUOTE)
    if not _well_quoted(array, quotes, separator=separator):
        return _dissect(window, array, quotes, final=final, separator=separator)
    if final:
        if len(quotes) % 2:
            return _dissect(window, array, quotes, final=True, separator=separator)
        return Cut(len(window))
    end = window.rfind(b"\n")
    while end >= 0 and (before := int(np.searchsorted(quotes, end))) % 2:
        end = window.rfind(b"\n", 0, int(quotes[before - 1]))
    if end < 0 and len(window) >= LONGEST_RECORD:
        return _dissect(window, array, quotes, final=False, separator=separator)
    return Cut(end + 1)


def _allowed(*values: int) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(values)] = True
    return table


def _well_quoted(array: Bytes, quotes: Offsets, *, separator: int) -> bool:
    """Tell whether every quote opens a cell, closes one, or is one of a doubled pair."""
    if not len(quotes):
        return True
    opening, closing = quotes[0::2], quotes[1::2]
    if opening[0] == 0:
        opening = opening[1:]
    if len(closing) and closing[-1] == len(array) - 1:
        closing = closing[:-1]
    before, after = array.take(opening - 1), array.take(closing + 1)
    fine = _allowed(QUOTE, NEWLINE, separator).take(before).all()
    return bool(fine and _allowed(QUOTE, NEWLINE, RETURN, separator).take(after).all())


@dataclass(frozen=True)
class _Lines:
    """The physical lines of a window, and which of them are no whole, well-quoted record by themselves."""

    starts: Offsets
    ends: Offsets
    suspects: Offsets


def _lines(array: Bytes, quotes: Offsets, *, separator: int) -> _Lines:
    ends = np.flatnonzero(array == NEWLINE) + 1
    if not len(ends) or ends[-1] != len(array):
        ends = np.append(ends, len(array))
    starts = np.concatenate(([0], ends[:-1]))
    first = np.searchsorted(quotes, starts)
    counts = np.diff(np.append(first, len(quotes)))
    suspect = counts % 2 == 1
    # Within a line the first quote opens a cell, the second closes it or is doubled with the third, and so on.
    turn = np.zeros(len(quotes), np.uint8)
    turn[1::2] = 1
    opens = turn == np.repeat((first & 1).astype(np.uint8), counts)
    before, after = array.take(quotes - 1, mode="wrap"), array.take(quotes + 1, mode="clip")
    fits_before = _allowed(QUOTE, NEWLINE, separator).take(before)
    fits_after = _allowed(QUOTE, NEWLINE, RETURN, separator).take(after)
    if len(quotes) and quotes[0] == 0:
        fits_before[0] = True
    wrong = np.flatnonzero(np.where(opens, ~fits_before, ~fits_after))
    suspect[np.searchsorted(first, wrong, side="right") - 1] = True
    return _Lines(starts, ends, np.flatnonzero(suspect))


def _dissect(window: bytes, array: Bytes, quotes: Offsets, *, final: bool, separator: int) -> Cut:
    """Return the cut of a window in which some quote stands wrong."""
    lines = _lines(array, quotes, separator=separator)
    whole = len(window) if final else window.rfind(b"\n") + 1
    patient = not final and len(window) < LONGEST_RECORD
    broken: list[Broken] = []
    resume = 0
    for suspect in lines.suspects:
        start, end = int(lines.starts[suspect]), int(lines.ends[suspect])
        if start < resume:
            continue
        if start >= whole:
            break
        record = read_strictly(window, start, separator)
        if patient and (record.end > whole or record.at >= len(window) - 1 or record.at_end):
            return Cut(start, tuple(broken))
        if record.code == "":
            resume = record.end
        else:
            broken.append(_broken(window, record, start, end, separator))
            resume = end
    return Cut(max(whole, resume), tuple(broken))


def _broken(window: bytes, record: "StrictRecord", start: int, end: int, separator: int) -> Broken:
    """Return the broken record of one physical line, with the rule that tells most about it."""
    opened = record.opened
    if record.code == "" or record.at >= end:
        opened = next((first for first, last in cells(window, start, separator) if last >= end or last < 0), opened)
        return Broken(start, end, "STR105", opened)
    if (lone := _lone_return(window, record)) >= 0:
        return Broken(start, end, "FIL108", lone)
    if record.code == "STR106" and _JSON_START.match(window, opened):
        return Broken(start, end, "STR107", opened)
    inside, sign = window[opened + 1 : record.at - 1], bytes((separator,))
    if record.code == "STR106" and inside.endswith(sign):  # what seems to close the cell opens the next one
        return Broken(start, end, "STR105", opened)
    return Broken(start, end, record.code, record.at)


def _lone_return(window: bytes, record: "StrictRecord") -> int:
    """Return where a carriage return stands that ended a record beside the quote that is wrong; -1: there is none."""
    at = record.at if record.code == "STR106" else record.at - 1
    return at if record.code in {"STR104", "STR106"} and window[at : at + 1] == b"\r" else -1


@dataclass(frozen=True)
class StrictRecord:
    """One record read by RFC 4180 to the letter.

    `code` is empty if it is well-formed, else the rule broken at `at`, in a cell that begins at `opened`;
    `at_end` says that the data ended inside the cell.
    """

    end: int
    code: str = ""
    at: int = 0
    opened: int = 0
    at_end: bool = False


def read_strictly(data: bytes, start: int, separator: int) -> StrictRecord:
    """Read the record that begins at `start`, up to its end or its first defect."""
    found = _patterns(separator).whole_cells.match(data, start)
    first = found.end() if found else start
    ((first, end),) = islice(cells(data, first, separator), 1)
    quoted = data[first : first + 1] == b'"'
    if end < 0:
        return StrictRecord(len(data), "STR105", first, first, at_end=True)
    follows = data[end : end + 1]
    if follows in {b"", b"\n"} or data[end : end + 2] == b"\r\n":
        return StrictRecord(data.find(b"\n", end) + 1 or len(data))
    return StrictRecord(end, "STR106" if quoted else "STR104", end, first)


def cells(data: bytes, start: int, separator: int) -> Iterator[tuple[int, int]]:
    """Yield where each cell of a record begins and ends, quotes included; an end of -1: its quote never closes."""
    unquoted = _patterns(separator).unquoted
    while True:
        if data[start : start + 1] == b'"':
            match = _QUOTED.match(data, start)
            if match is None:
                yield start, -1
                return
            end = match.end()
        else:
            found = unquoted.match(data, start)
            end = found.end() if found else start
        if data[end - 1 : end] == b"\r" and data[end : end + 1] == b"\n" and end > start:
            end -= 1
        yield start, end
        if data[end : end + 1] != bytes((separator,)):
            return
        start = end + 1


@dataclass(frozen=True)
class _Patterns:
    """What depends on the separator: a cell without quotes, and all whole cells with the separator behind them."""

    unquoted: re.Pattern[bytes]
    whole_cells: re.Pattern[bytes]


@cache
def _patterns(separator: int) -> _Patterns:
    sign = re.escape(bytes((separator,)))
    unquoted = rb'[^"\n' + sign + rb"]*+"
    return _Patterns(
        re.compile(unquoted), re.compile(rb"(?:(?:" + _QUOTED.pattern + rb"|" + unquoted + rb")" + sign + rb")*+")
    )


def swallowed(data: bytes, start: int, end: int, *, separator: int, width: int) -> list[Broken]:
    """Return what a well-quoted record over several lines is if its first quote was forgotten to be closed.

    That is the reading to prefer where the record has the wrong number of cells, each of its lines has the
    separators of `width` cells, and every line behind the first can stand by itself: then the first line is
    broken, and those behind it are records. Otherwise nothing.
    """
    if any(line.count(separator) != width - 1 for line in data[start:end].rstrip(b"\r\n").split(b"\n")):
        return []
    line_end = data.find(b"\n", start) + 1
    opened = next((first for first, last in cells(data, start, separator) if last >= line_end or last < 0), start)
    broken = [Broken(start, line_end, "STR105", opened)]
    while line_end < end:
        begin, line_end = line_end, (data.find(b"\n", line_end) + 1 or end)
        record = read_strictly(data, begin, separator)
        if record.at_end or record.at >= line_end or (record.code == "" and record.end > line_end):
            return []
        if record.code:
            broken.append(_broken(data, record, begin, line_end, separator))
    return broken
