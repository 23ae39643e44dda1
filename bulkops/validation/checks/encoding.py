"""Find bytes that are not UTF-8, control characters and misplaced carriage returns, with their record and cell."""

import codecs
import re
import threading
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np
import polars as pl

from bulkops.reading.records.layout import Block, Layout
from bulkops.reading.records.quote_repair import rewritten_cells
from bulkops.reading.records.quoting import cells
from bulkops.reading.records.structural_index import NEWLINE, QUOTE, RETURN, Flags, Offsets, count_below, counts_before
from bulkops.validation.checks.likely_encodings import describe_readings
from bulkops.validation.context import Context, shown
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches

_FEW_BYTES, _MOST_BYTES = 1 << 12, 1 << 32
"""Bytes up to which Python validates UTF-8 faster than polars, and from which polars cannot hold them in one cell."""
_FIRST_LEAD = 0xC0
"""The lowest byte that begins a character of several bytes."""
_CONTROLS = tuple(bytes((byte,)) for byte in (*range(1, 9), 11, 12, *range(14, 32), 127))
"""Control characters that may replace single bytes beyond ASCII."""
_FINDINGS_OF_THEIR_OWN = frozenset("\ufffd\xa0\xad\u201a\u201e\u2018\u2019\u201c\u201d\u2013\u2014\xb4")
"""Characters of Windows-1252 that rules report; the bytes may be letters."""
_WINDOWS = tuple(bytes((byte,)).decode("cp1252", "replace") for byte in range(256))
_LETTERS = tuple(chr(0x1400 + byte) if char in _FINDINGS_OF_THEIR_OWN else char for byte, char in enumerate(_WINDOWS))
"""The characters for checks: one letter, which no rule knows, for each byte that only in Windows-1252 is no letter."""
_BLANK_OF_NUMBER = re.compile(rb"""(?<=[0-9])\xa0(?=[0-9,;|\t"\r\n]|\Z)|(?:(?<=[,;|\t"\n])|(?<!.))\xa0(?=[0-9])""")
"""A no-break space of Windows-1252 within a number or at its end; elsewhere the byte may be a letter."""


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Replace undecodable bytes with their Windows-1252 characters."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join([_WINDOWS[byte] for byte in error.object[error.start : error.end]]), error.end


class _BadBytes(threading.local):
    """Positions of undecodable bytes, per thread, because codec error handlers are global."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []


_BAD_BYTES = _BadBytes()


def _record_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    """Record the position of undecodable bytes."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _BAD_BYTES.found.append((error.start, error.end))
    return "", error.end


codecs.register_error("bulkops.windows", _as_windows)
codecs.register_error("bulkops.note", _record_bad_bytes)


def readable(data: bytes) -> bytes:
    """Return UTF-8 for the CSV reader: each invalid byte becomes a letter, nearly always that of Windows-1252.

    Those bytes are reported already, and plain letters cause no further findings.
    """
    if is_utf8(data):
        return data
    blanks = _BLANK_OF_NUMBER.sub(b" ", data) if b"\xa0" in data else data
    changed = spell_out(blanks, _LETTERS.__getitem__)
    if is_utf8(changed):
        return changed
    parts, position = [], 0
    for start, end in _runs(changed):
        parts += [changed[position:start], _text_for_invalid(changed[start:end]).encode()]
        position = end
    return b"".join([*parts, changed[position:]])


def _text_for_invalid(raw: bytes) -> str:
    """Return the text for invalid bytes; a cut-off character of several bytes becomes plain letters."""
    cut_off = len(raw) > 1 and raw[0] >= _FIRST_LEAD and _judge_bytes(raw)[0] == "FIL102"
    return "x" * len(raw) if cut_off else "".join(_LETTERS[byte] for byte in raw)


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    if data.isascii():
        return True
    try:
        if _FEW_BYTES < len(data) < _MOST_BYTES:
            # polars validates fifteen times as fast as Python decodes.
            pl.Series([data], dtype=pl.Binary).cast(pl.String)
        else:
            data.decode()
    except (UnicodeDecodeError, pl.exceptions.ComputeError):
        return False
    return True


def decoded(raw: bytes) -> str:
    """Return bytes as text; bytes that are not UTF-8 are decoded as Windows-1252."""
    return raw.decode("utf-8", "bulkops.windows")


def cell_text(raw: bytes) -> str:
    """Return the text of a cell, without its quotes."""
    text = decoded(raw)
    return text[1:-1].replace('""', '"') if len(text) > 1 and text.startswith('"') else text


def encoding_matches(
    block: Block, laid: Layout, context: Context, budget: ExampleBudget
) -> tuple[list[RuleMatches], Flags]:
    """Return the matches of byte rules, and flags of the records that contain a lone carriage return."""
    matches = _utf8_matches(block, laid, context, budget)
    array = block.array
    spoilt = np.zeros(len(laid.starts), np.bool_)
    if count_below(array, 32) == block.feeds + int(laid.crlf.sum()):
        return matches, spoilt
    nul, low = np.flatnonzero(array == 0), (array < 32) & (array != 0)
    odd = np.flatnonzero(low & (array != NEWLINE) & (array != RETURN) & (array != 9))
    lone = _lone_returns(block, laid)
    spoilt[_places(lone, laid)] = True
    locator = _ByteLocator(block, laid, context, budget)
    for code, offsets in (("FIL106", nul), ("FIL107", odd), ("FIL108", lone)):
        matches += locator.matches(code, offsets, partial(byte_message, code, block.data))
    return matches, spoilt


_MESSAGES = {
    "FIL106": "a NUL byte",
    "FIL107": "the control character {byte:#04x}",
    "FIL108": "a carriage return without a line feed",
}


def byte_message(code: str, data: bytes, at: int) -> str:
    """Return the message about an unexpected byte."""
    return _MESSAGES[code].format(byte=data[at])


def _places(offsets: Offsets, laid: Layout) -> Offsets:
    """Return the index of the record that contains each byte."""
    found: Offsets = np.searchsorted(laid.ends, offsets, side="right")
    return found


@dataclass(frozen=True)
class _ByteLocator:
    """Finds the record and the cell of bytes."""

    block: Block
    laid: Layout
    context: Context
    budget: ExampleBudget
    readings: bool = False
    """Whether messages end with the most likely texts of the cell."""

    def cells_at(self, offsets: Offsets) -> Offsets:
        """Return a number for the cell of each byte: the separators in front of it, and the records."""
        return counts_before(self.block.structure.limits, offsets) + _places(offsets, self.laid)

    def matches(self, code: str, offsets: Offsets, message_at: Callable[[int], str]) -> list[RuleMatches]:
        """Return the matches of a rule at ascending `offsets`; only the first byte of each cell counts."""
        if not len(offsets):
            return []
        places = _places(offsets, self.laid)
        limits = self.block.structure.limits
        fields = counts_before(limits, offsets) - counts_before(limits, self.laid.starts[places])
        _, first = np.unique(self.cells_at(offsets), return_index=True)
        total = len(first)
        first = first[: self.budget.left(code)]
        cells_of = rewritten_cells(
            self.block.data, self.laid, places[first].tolist(), self.context.separator, self.context.texts
        )
        examples = tuple(
            self._example(message_at(int(offsets[i])), int(offsets[i]), int(places[i]), int(fields[i]), cells_of)
            for i in first
        )
        return [RuleMatches(code, total, examples)]

    def _example(
        self, message: str, at: int, place: int, field: int, cells_of: Mapping[int, Sequence[tuple[int, bytes]]]
    ) -> Example:
        if (number := int(self.laid.numbers[place])) < 0:
            return Example(message=message, at=at)
        data = self.block.data
        rewritten = cells_of.get(place)
        if rewritten:
            field = bisect_right([first for first, _ in rewritten], at) - 1
        columns = self.context.columns
        column = columns[field] if field < len(columns) else None
        if column is None:
            record = data[self.laid.starts[place] : self.laid.ends[place]]
            return Example(message=self._with_readings(message, record), number=number, at=at)
        if rewritten:
            raw = rewritten[field][1]
            text = cell_text(raw)
        else:
            record = data[self.laid.starts[place] : self.laid.ends[place]]
            raw = _cell_bytes(record, field, self.context.separator)
            text = decoded(raw).strip('"')
        message = self._with_readings(message, raw)
        return Example(message=message, number=number, at=at, column=column, value=shown(text, self.context))

    def _with_readings(self, message: str, raw: bytes) -> str:
        """Return the message, followed by the most likely texts if it is about the encoding."""
        return message + describe_readings(raw.strip(b'"'), mask=self.context.mask) if self.readings else message


def _cell_bytes(record: bytes, field: int, separator: int) -> bytes:
    """Return one cell of a record; an unclosed cell ends with its line."""
    first, end = next(islice(cells(record, 0, separator), field, None), (0, 0))
    return record[first:end] if end >= 0 else record[first:].partition(b"\n")[0].removesuffix(b"\r")


def _lone_returns(block: Block, laid: Layout) -> Offsets:
    """Return the offsets of carriage returns outside quotes that no line feed follows."""
    array = block.array
    returns: Offsets = np.flatnonzero(array == RETURN)
    if not len(returns):
        return returns
    following = array.take(np.minimum(returns + 1, len(array) - 1))
    returns = returns[(following != NEWLINE) | (returns == len(array) - 1)]
    places = _places(returns, laid)
    returns, places = returns[~laid.malformed[places]], places[~laid.malformed[places]]
    if not len(returns):
        return returns
    quotes = np.flatnonzero(array == QUOTE)
    before = np.searchsorted(quotes, returns) - np.searchsorted(quotes, laid.starts[places])
    outside: Offsets = returns[before % 2 == 0]
    return outside


def _utf8_matches(block: Block, laid: Layout, context: Context, budget: ExampleBudget) -> list[RuleMatches]:
    if is_utf8(block.data):
        return []
    lone = lone_bytes(block.data)
    values = block.array[lone]
    found: dict[str, list[int]] = {}
    for value in np.unique(values).tolist():
        code, _ = _judge_bytes(bytes((value,)))
        found.setdefault(code, []).extend(lone[values == value].tolist())
    messages: dict[int, str] = {}
    for code, at, message in undecodable(blank_out(block.data, lone)):
        messages[at] = message
        found.setdefault(code, []).append(at)

    def message_at(at: int) -> str:
        return messages.get(at) or _judge_bytes(block.data[at : at + 1])[1]

    locator = _ByteLocator(block, laid, context, budget, readings=True)
    offsets = {code: np.array(sorted(places), np.int64) for code, places in found.items()}
    if len(offsets) > 1:
        # A cell has one encoding, and one byte that is none of Windows-1252 shows that it is another one.
        cells_of = {code: locator.cells_at(places) for code, places in offsets.items()}
        offsets["FIL104"] = offsets["FIL104"][~np.isin(cells_of["FIL104"], cells_of["FIL102"])]
    return [match for code, places in offsets.items() for match in locator.matches(code, places, message_at)]


def undecodable(data: bytes) -> Iterator[tuple[str, int, str]]:
    """Yield for each run of invalid bytes the rule that it breaks, its offset, and the message."""
    for start, end in _runs(data):
        code, message = _judge_bytes(data[start:end])
        yield code, start, message


def _runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each run of bytes that are not UTF-8."""
    if data.isascii():
        return
    bad = _BAD_BYTES.found = []
    data.decode("utf-8", "bulkops.note")
    start = end = -1
    for first, last in [*bad, (-1, -1)]:
        if first != end or first < 0:
            if start >= 0:
                yield start, end
            start = first
        end = last


@lru_cache(maxsize=1024)
def _judge_bytes(raw: bytes) -> tuple[str, str]:
    """Return the rule that undecodable bytes break, and the message.

    A single byte counts as Windows-1252 if it is a letter or a symbol there. Several bytes count only if all are
    letters, because symbols after letters indicate a broken UTF-8 sequence.
    """
    bytes_ = " ".join(f"0x{byte:02X}" for byte in raw)
    noun = "the byte" if len(raw) == 1 else "the bytes"
    verb = "is" if len(raw) == 1 else "are"
    letters = raw.decode("cp1252", "replace")
    kinds = "LPS" if len(raw) == 1 else "L"
    if all(c not in "\u00ff\u00fe\ufffd" and unicodedata.category(c)[0] in kinds for c in letters):
        return "FIL104", f"{noun} {bytes_} {verb} not UTF-8"
    return "FIL102", f"{noun} {bytes_} {verb} not UTF-8"


def lone_bytes(data: bytes) -> Offsets:
    """Return the offsets of single bytes beyond ASCII."""
    high = np.frombuffer(data, np.int8) < 0
    lone = high.copy()
    lone[1:] &= ~high[:-1]
    lone[:-1] &= ~high[1:]
    return np.flatnonzero(lone)


def blank_out(data: bytes, offsets: Offsets) -> bytes:
    """Return the data with an ASCII character at each of the offsets."""
    array = np.frombuffer(data, np.uint8).copy()
    array[offsets] = ord("?")
    return array.tobytes()


def spell_out(data: bytes, spelling: Callable[[int], str]) -> bytes:
    """Return the data with its single bytes beyond ASCII written as UTF-8, while unused control characters remain.

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
