"""Split CSV records that no strict reader takes: raw JSON and lists in cells, undoubled quotes, odd field counts.

The documented exports print `['a', 'b']` and `{"n": 17, "m": 1}` without CSV quotes; both are read as one cell.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator

from bulkops.errors import DataError
from bulkops.limits import MAX_RECORD_BYTES

QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)')
LIST = re.compile(r"""\[(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\[\]'"])*\](?=,|\Z)""")
ODD_LIST = re.compile(r"\['.*?'\](?=,|\Z)")
PLAIN = re.compile(r"[^,]*")
SOUND = re.compile(r'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^",]*+)(?:,|\Z))*+')
MAX_LINES = 1000
LONGEST_RECORD = MAX_RECORD_BYTES
BOM = b"\xef\xbb\xbf"
DECODER = json.JSONDecoder(strict=False)


def split_records(text: str) -> Iterator[tuple[str, int]]:
    """Yield each record without its line end, with the 0-based physical line it starts on.

    A cell that starts with a quote may hold line ends; a quote elsewhere is a character like any other.
    Blank lines are no records. A quoted cell that does not close within 1,000 lines is taken as closed.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    position = 0
    while position < len(lines):
        end = _end_of_record(lines, position)
        if end > len(lines):  # it closes nowhere
            end = position + 1
        record = "\n".join(lines[position:end]).rstrip("\r")
        if record:
            yield record, position
        position = end


def is_oddly_quoted(record: str) -> bool:
    """Tell whether a record has quotes that are not those of CSV."""
    return '"' in record and SOUND.fullmatch(record) is None


def is_left_open(record: str) -> bool:
    """Return whether a record ends inside a quoted cell that nothing closes."""
    return record.count('"') % 2 == 1 and _open(record)


def settled_length(data: bytes) -> int:
    """Return how many bytes at the start of `data` are records whose ends no byte behind `data` can change.

    They are the records of `split_records`; 0 if there is not even one.
    """
    lines = data.decode("latin-1").split("\n")  # one sign a byte: quotes, commas and line ends are the same
    lines.pop()
    position = length = 0
    while position < len(lines):
        end = _end_of_record(lines, position)
        if end > len(lines):
            break
        length += sum(len(line) + 1 for line in lines[position:end])
        position = end
    return length


def _end_of_record(lines: list[str], start: int) -> int:
    """Return the position after the last line of the record that starts at line `start`.

    Where its quoted cell may close in a line that is not there, that lies behind them all.
    """
    if lines[start].count('"') % 2 == 0 or not _open(lines[start].rstrip("\r")):
        return start + 1
    odd = True
    for end in range(start + 1, min(start + MAX_LINES, len(lines))):
        odd ^= lines[end].count('"') % 2 == 1
        if not odd:
            return end + 1
    return start + 1 if start + MAX_LINES <= len(lines) else len(lines) + 1


def _open(line: str) -> bool:
    """Whether the line ends inside a quoted cell."""
    position = 0
    while position < len(line):
        if line.startswith('"', position) and _quoted(line, position) is None:
            return True
        position = _next(line, position, bracketed=True)[1] + 1
    return False


def split_cells(record: str, width: int) -> list[str]:
    """Return the cells of one record; as many as `width` if any reading gives that many."""
    cells = _cells(record, bracketed=False)
    if len(cells) == width and not any(_torn(cell) for cell in cells):
        return cells
    whole = _cells(record, bracketed=True)
    return whole if len(whole) <= max(width, len(cells)) else cells


def _torn(cell: str) -> bool:
    """Whether a cell looks like the part of a bracketed one that was cut at a comma."""
    return cell[:1] in {"{", "["} and cell[-1:] not in {"}", "]"}


def _cells(record: str, *, bracketed: bool) -> list[str]:
    cells: list[str] = []
    position = 0
    while True:
        cell, position = _next(record, position, bracketed=bracketed)
        cells.append(cell)
        if position >= len(record):
            return cells
        position += 1  # the comma
        if position == len(record):
            cells.append("")
            return cells


def _next(record: str, position: int, *, bracketed: bool) -> tuple[str, int]:
    """Return the cell that starts at `position`, and where it ends."""
    if (quoted := _quoted(record, position)) is not None:
        return quoted
    if bracketed:
        if (end := _json_end(record, position)) and _at_end(record, end):
            return record[position:end], end
        if found := LIST.match(record, position) or ODD_LIST.match(record, position):
            return found[0], found.end()
    plain = PLAIN.match(record, position)
    end = plain.end() if plain else len(record)
    return record[position:end], end


def _quoted(record: str, position: int) -> tuple[str, int] | None:
    """Return the quoted cell that starts and ends here; None if none does."""
    if found := QUOTED.match(record, position):
        return found[1].replace('""', '"'), found.end()
    end = _json_end(record, position + 1) if record.startswith('"', position) else None
    if end and record.startswith('"', end) and _at_end(record, end + 1):
        return record[position + 1 : end], end + 1
    return None


def _json_end(record: str, position: int) -> int | None:
    """Return where the JSON object that starts at `position` ends; None if there is none."""
    if not record.startswith("{", position):
        return None
    try:
        return DECODER.raw_decode(record, position)[1]
    except (ValueError, RecursionError):
        return None


def _at_end(record: str, position: int) -> bool:
    return position == len(record) or record[position] == ","


def split_header(data: bytes, name: str) -> tuple[list[str], int, bytes]:
    """Return the column names, the physical lines of the header, and the rest."""
    head, newline, body = data.partition(b"\n")
    lines = 1
    while newline and not head.strip():
        head, newline, body = body.partition(b"\n")
        lines += 1
    while newline and head.count(b'"') % 2:
        more, newline, body = body.partition(b"\n")
        head += b"\n" + more
        lines += 1
    text = head.decode("utf-8", "replace").rstrip("\r")
    if not text.strip():
        raise DataError(f"{name} has no header line.")
    return _distinct([cell.strip() for cell in split_cells(text, 0)]), lines, body


def _distinct(names: list[str]) -> list[str]:
    """Give the later ones of equal names a number, so that each column keeps its place."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
