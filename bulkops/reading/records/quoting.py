"""Find the ends of records even if quotes are invalid, and each malformed record with its defect.

A window begins with a record. As long as every quote is where RFC 4180 allows one, a newline ends a record exactly if
the number of quotes before it is even; this is decided for the whole window at once. At a misplaced quote, the record
is read strictly by itself, and reading continues at the next physical line, so that one forgotten quote affects one
record.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from bulkops.limits import MAX_BLOCK_CELLS, MAX_BLOCK_LINES, adjustable
from bulkops.reading.records.json_quotes import end_of_json
from bulkops.reading.records.malformed import MalformedRecord, MalformedRecords
from bulkops.reading.records.stray_quotes import QUOTED, end_of_lines
from bulkops.reading.records.structural_index import (
    StructuralIndex,
    count,
    index_structure,
    last,
    offset_after_nth,
    well_quoted,
)
from bulkops.reading.records.suspicious_lines import find_suspicious_lines

_QUOTED = re.compile(QUOTED)
_LINE_END = re.compile(rb"\r?\n|\Z")
_JSON_START = re.compile(rb'"\s*[{\[]\s*"(?!")')


@dataclass(frozen=True)
class RecordCut:
    """The length of the whole records of a window, their structural index, and the malformed ones among them.

    A length of 0 means that more bytes are needed.
    """

    length: int
    structure: StructuralIndex
    malformed: MalformedRecords = field(default_factory=MalformedRecords)


def whole_records(window: bytes, *, final: bool, separator: int, width: int) -> RecordCut:
    """Return the whole records of a window, of `width` cells each; the whole window if it is the `final` one.

    If they have more lines or cells than the maximum processed at a time, only the first ones are returned.
    """
    array = np.frombuffer(window, np.uint8)
    structure = index_structure(array, separator)
    patient = not final and len(window) < adjustable().record_bytes
    if well_quoted(structure, array) and not (final and structure.open_at_end):
        length = len(window) if final else structure.whole
        if length or patient:
            length = min(length, _end_of_batch(structure))
            return RecordCut(length, structure.up_to(length))
    whole = len(window) if final else window.rfind(b"\n") + 1
    if not whole:
        return RecordCut(0, structure.up_to(0))
    return _cut_at_misplaced_quotes(
        window, structure, _end_of_line_batch(window, structure, whole), whole, patient=patient, form=(separator, width)
    )


def all_records(data: bytes, *, separator: int, width: int) -> RecordCut:
    """Return all records of a block that `whole_records` returned before, however many there are."""
    array = np.frombuffer(data, np.uint8)
    structure = index_structure(array, separator)
    if well_quoted(structure, array) and not structure.open_at_end:
        return RecordCut(len(data), structure)
    return _cut_at_misplaced_quotes(data, structure, len(data), len(data), patient=False, form=(separator, width))


def _end_of_batch(structure: StructuralIndex) -> int:
    """Return the end of the records that are processed at a time, at least one."""
    length = offset_after_nth(structure.ends, MAX_BLOCK_LINES)
    limits = structure.limits
    if count(limits) <= MAX_BLOCK_CELLS:
        return length
    ends = structure.up_to(min(length, offset_after_nth(limits, MAX_BLOCK_CELLS))).ends
    return last(ends) + 1 or offset_after_nth(structure.ends, 1)


def _end_of_line_batch(window: bytes, structure: StructuralIndex, whole: int) -> int:
    """Return the end of the lines that are processed at a time if a quote is misplaced, at least one."""
    # A malformed line takes more memory than a valid one.
    lines = offset_after_nth(structure.feeds, MAX_BLOCK_LINES // 4)
    cells = min(offset_after_nth(words, MAX_BLOCK_CELLS) for words in (structure.separators, structure.quotes))
    if whole <= min(lines, cells):
        return whole
    return min(lines, window.rfind(b"\n", 0, cells) + 1 or offset_after_nth(structure.feeds, 1), whole)


def _cut_at_misplaced_quotes(
    window: bytes, structure: StructuralIndex, enough: int, whole: int, *, patient: bool, form: tuple[int, int]
) -> RecordCut:
    """Return the cut of a window with a misplaced quote, up to the end of the lines at offset `enough`.

    `whole` is the number of bytes in complete lines. If the end of a record is not among them, a `patient` cut waits
    for more data. `form` is the separator and the number of cells.
    """
    array, (separator, width) = np.frombuffer(window, np.uint8), form
    found = find_suspicious_lines(structure.up_to(enough), array[:enough], separator)
    malformed: list[MalformedRecord] = []
    read: list[tuple[int, int]] = []
    resume = 0
    for start, end in found.unknown_lines(enough):
        if start < resume:
            continue
        piece, seen = _defect(window, start, end, separator, width, final=not patient)
        if patient and seen > whole:
            return RecordCut(start, structure.up_to(start), found.malformed(start, read).with_pieces(malformed))
        resume = piece.end if piece else seen
        if piece:
            malformed.append(piece)
        if resume > end:
            read.append((start, resume))
    length = max(enough, resume)
    return RecordCut(length, structure.up_to(length), found.malformed(enough, read).with_pieces(malformed))


def _defect(
    window: bytes, start: int, end: int, separator: int, width: int, *, final: bool
) -> tuple[MalformedRecord | None, int]:
    """Return the malformed record that begins with a line, or None, and the offset that proves it.

    An offset beyond the window means that more data is needed to decide.
    """
    record = read_strictly(window, start, separator)
    if record.code == "":
        return None, record.end
    seen = len(window) + 1 if record.may_go_on(window) else record.end
    found = _malformed(window, record, start, end, separator)
    if record.code == "STR106" and found.code != "FIL108":
        lines_end, known = _end_of_json_record(window, start, record.opened, separator, width)
        seen = max(seen, known)
        if end < lines_end:
            return MalformedRecord(start, lines_end, "STR107", record.opened), seen
    if found.code in {"STR104", "STR106"}:
        lines_end = end_of_lines(window, start, end, final=final, separator=separator, width=width)
        seen = max(seen, lines_end)
        if end < lines_end <= len(window):
            found = MalformedRecord(start, lines_end, found.code, record.at)
    return found, seen


def _end_of_json_record(window: bytes, start: int, opened: int, separator: int, width: int) -> tuple[int, int]:
    """Return the end of a record with undoubled quotes in the JSON cell at `opened`, and the offset that proves it.

    An end of 0 means that it is not such a record of `width` cells. An offset beyond the window means that more data is
    needed to decide.
    """
    unknown = len(window) + 1
    closed = end_of_json(window, opened)
    if not closed or closed > len(window):
        return 0, closed
    number = 1 + sum(1 for _ in takewhile(lambda cell: cell[0] < opened, cells(window, start, separator)))
    if window[closed : closed + 1] == bytes((separator,)):
        record = read_strictly(window, closed + 1, separator)
        if record.code:
            return 0, unknown if record.may_go_on(window) else closed
        number += sum(1 for _ in cells(window, closed + 1, separator))
        end = record.end
    elif found := _LINE_END.match(window, closed):
        end = found.end()
    else:
        return 0, unknown if window[closed:] == b"\r" else closed
    return end if number == width else 0, end if window.endswith(b"\n", start, end) else unknown


def _malformed(window: bytes, record: "StrictRecord", start: int, end: int, separator: int) -> MalformedRecord:
    """Return the malformed record of one physical line, with the most informative rule."""
    opened = record.opened
    if record.code == "" or record.at >= end:
        opened = next((first for first, last in cells(window, start, separator) if last >= end or last < 0), opened)
        return MalformedRecord(start, end, "STR105", opened)
    if (lone := _lone_return(window, record)) >= 0:
        return MalformedRecord(start, end, "FIL108", lone)
    if record.code == "STR106" and _JSON_START.match(window, opened):
        return MalformedRecord(start, end, "STR107", opened)
    inside, sign = window[opened + 1 : record.at - 1], bytes((separator,))
    # The quote that seems to close the cell opens the next one.
    if record.code == "STR106" and inside.endswith(sign):
        return MalformedRecord(start, end, "STR105", opened)
    return MalformedRecord(start, end, record.code, record.at)


def _lone_return(window: bytes, record: "StrictRecord") -> int:
    """Return the offset of a carriage return beside the invalid quote that ended a record; -1 if there is none."""
    at = record.at if record.code == "STR106" else record.at - 1
    return at if record.code in {"STR104", "STR106"} and window[at : at + 1] == b"\r" else -1


class StrictRecord(NamedTuple):
    """One record read strictly by RFC 4180.

    `code` is empty for a well-formed record; otherwise it is the rule broken at `at`, in a cell that begins at
    `opened`. `at_end`: the data ended inside the cell.
    """

    end: int
    code: str = ""
    at: int = 0
    opened: int = 0
    at_end: bool = False

    def may_go_on(self, window: bytes) -> bool:
        """Return whether the data after the window decides about a malformed record."""
        return self.at_end or self.at >= len(window) - 1


def read_strictly(data: bytes, start: int, separator: int) -> StrictRecord:
    """Read the record that begins at `start`, up to its end or its first defect."""
    found = _patterns(separator).last_cell.match(data, start)
    # An empty cell matches anywhere.
    assert found is not None
    first, end = found.start(1), found.end()
    if found["unclosed"]:
        return StrictRecord(len(data), "STR105", first, first, at_end=True)
    if data[end : end + 1] in {b"", b"\n"} or data[end : end + 2] == b"\r\n":
        return StrictRecord(data.find(b"\n", end) + 1 or len(data))
    return StrictRecord(end, "STR106" if found["quoted"] else "STR104", end, first)


def cells(data: bytes, start: int, separator: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each cell of a record, quotes included; an end of -1 means an unclosed quote."""
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
class _CellPatterns:
    """Patterns that depend on the separator: a cell without quotes, and all whole cells of a record with their end."""

    unquoted: re.Pattern[bytes]
    last_cell: re.Pattern[bytes]


@cache
def _patterns(separator: int) -> _CellPatterns:
    sign = re.escape(bytes((separator,)))
    unquoted = rb'[^"\n' + sign + rb"]*+"
    whole = rb"(?:(?:" + QUOTED + rb"|" + unquoted + rb")" + sign + rb")*+"
    last = rb"((?P<quoted>" + QUOTED + rb')|(?P<unclosed>")|' + unquoted + rb")"
    return _CellPatterns(re.compile(unquoted), re.compile(whole + last))


def records_inside(data: bytes, start: int, end: int, *, separator: int, width: int) -> list[MalformedRecord]:
    """Return the records inside a well-quoted record over several lines if its first quote was not closed by mistake.

    This interpretation applies if the record has the wrong number of cells, each of its lines has the separators of
    `width` cells, and every line after the first can be a record: then the first line is malformed, and the others are
    records. Otherwise the result is empty.
    """
    if any(line.count(separator) != width - 1 for line in data[start:end].rstrip(b"\r\n").split(b"\n")):
        return []
    line_end = data.find(b"\n", start) + 1
    opened = next((first for first, last in cells(data, start, separator) if last >= line_end or last < 0), start)
    malformed = [MalformedRecord(start, line_end, "STR105", opened)]
    while line_end < end:
        begin, line_end = line_end, (data.find(b"\n", line_end) + 1 or end)
        record = read_strictly(data, begin, separator)
        if record.at_end or record.at >= line_end or (record.code == "" and record.end > line_end):
            return []
        if record.code:
            malformed.append(_malformed(data, record, begin, line_end, separator))
    return malformed
