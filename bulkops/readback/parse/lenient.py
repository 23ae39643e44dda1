"""Split CSV records that a strict reader rejects: raw JSON and lists in cells, undoubled quotes, wrong field counts.

The documented exports contain `['a', 'b']` and `{"n": 17, "m": 1}` without CSV quotes. Both are read as one cell.
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
    """Yield each record without its line end, with the 0-based number of its first physical line.

    A cell that starts with a quote may contain line ends. A quote inside an unquoted cell is an ordinary character.
    Blank lines are skipped. A quoted cell that does not close within 1,000 lines ends at its first line end.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    position = 0
    while position < len(lines):
        end = _end_of_record(lines, position)
        if end > len(lines):  # the cell never closes
            end = position + 1
        record = "\n".join(lines[position:end]).rstrip("\r")
        if record:
            yield record, position
        position = end


def is_oddly_quoted(record: str) -> bool:
    """Return whether a record has quotes that are not valid CSV."""
    return '"' in record and SOUND.fullmatch(record) is None


def is_left_open(record: str) -> bool:
    """Return whether a record ends inside a quoted cell that never closes."""
    return record.count('"') % 2 == 1 and _open(record)


def settled_length(data: bytes) -> int:
    """Return how many bytes at the start of `data` are complete records, independent of the bytes that follow.

    These are the records of `split_records`. Return 0 if none is complete.
    """
    lines = data.decode("latin-1").split("\n")  # one character a byte; quotes, commas and line ends stay the same
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
    """Return the index after the last line of the record that starts at line `start`.

    If its quoted cell may close in a line that has not arrived yet, return an index greater than the number of lines.
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
    """Return whether the line ends inside a quoted cell."""
    position = 0
    while position < len(line):
        if line.startswith('"', position) and _quoted(line, position) is None:
            return True
        position = _next(line, position, bracketed=True)[1] + 1
    return False


def split_cells(record: str, width: int) -> list[str]:
    """Return the cells of one record; `width` cells if any way to read it gives that number."""
    cells = _cells(record, bracketed=False)
    if len(cells) == width and not any(_torn(cell) for cell in cells):
        return cells
    whole = _cells(record, bracketed=True)
    return whole if len(whole) <= max(width, len(cells)) else cells


def _torn(cell: str) -> bool:
    """Return whether a cell looks like part of a JSON object or list that was split at a comma."""
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
    """Return the cell that starts at `position`, and the position of its end."""
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
    """Return the quoted cell that starts at `position` and its end; None for an incomplete or unquoted cell."""
    if found := QUOTED.match(record, position):
        return found[1].replace('""', '"'), found.end()
    end = _json_end(record, position + 1) if record.startswith('"', position) else None
    if end and record.startswith('"', end) and _at_end(record, end + 1):
        return record[position + 1 : end], end + 1
    return None


def _json_end(record: str, position: int) -> int | None:
    """Return the end of the JSON object that starts at `position`; None if there is none."""
    if not record.startswith("{", position):
        return None
    try:
        return DECODER.raw_decode(record, position)[1]
    except (ValueError, RecursionError):
        return None


def _at_end(record: str, position: int) -> bool:
    return position == len(record) or record[position] == ","


def split_header(data: bytes, name: str) -> tuple[list[str], int, bytes]:
    """Return the column names, the number of physical lines up to the end of the header, and the bytes after it.

    DataError if the header is missing; `name` is for its message.
    """
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
    """Return the names, with a number added to repeated ones, so that each column has a name of its own."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
