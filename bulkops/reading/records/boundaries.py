"""Find the ends of records: a newline ends a record if an even number of quotes precedes it.

All functions require data that begins with a record. In well-formed CSV (RFC 4180) a quoted cell has an even number of
quotes, so only quotes and newlines matter. In a short text, removing all other bytes at once leaves little to examine;
for a long one the structural index takes a fifth of that time.

A blank line is not a record.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from bulkops.limits import TooLarge, adjustable

if TYPE_CHECKING:
    from bulkops.reading.records.structural_index import StructuralIndex

BLOCK = 1 << 20
INDEXED = 1 << 16
"""Minimum number of bytes whose record ends are found with the structural index. Small files work without numpy."""
_OTHERS = bytes(b for b in range(256) if b not in b'"\n')
_BLANK = (b"\n", b"\r\n")


def length_of_whole_records(data: bytes) -> int:
    """Return how many bytes at the start of `data` are whole records; 0 if there is not even one."""
    cut = data.rfind(b"\n") + 1
    if not _odd(data[:cut]):
        return cut
    if len(data) > BLOCK:
        return _structure_of(data).whole
    inside = True
    while cut and inside:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        inside ^= _odd(data[before:cut])
        cut = before
    return cut


def _structure_of(data: bytes) -> "StructuralIndex":
    """Return the structural index of a long record; its bits take less memory than a list of lines."""
    import numpy as np

    # Imported here, because files with short records work without numpy.
    from bulkops.reading.records.structural_index import index_structure

    return index_structure(np.frombuffer(data, np.uint8), ord(","))


@dataclass(frozen=True, kw_only=True)
class RecordBlock:
    """Records, and how many of them end; `whole` is False only if the last record of the file has no newline."""

    data: bytes
    records: int
    whole: bool = True

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.data)


def counted_blocks(read: Callable[[int], bytes], *, size: int = BLOCK) -> Iterator[RecordBlock]:
    """Yield all bytes that `read` returns, in blocks of whole records.

    A block grows with a single long record; TooLarge if that exceeds the limit, which happens if a quote is never
    closed and much data follows.
    """
    carry, most = b"", adjustable().record_bytes
    while block := read(max(size, min(len(carry), most + 1 - len(carry)))):
        data = carry + block
        cut, records = _whole_records(data)
        ends = cut if len(data) > 2 * size else b"\n" in data
        if not ends and len(data) > most:
            raise TooLarge(
                f"it has more than {most:,} bytes, or a quote in it is never closed",
                hint="Validate the file; if a record is so long on purpose, raise --max-record-bytes.",
            )
        carry = data[cut:]
        if cut:
            yield RecordBlock(data=data[:cut], records=records)
    if carry:
        yield RecordBlock(data=carry, records=count_records(carry), whole=False)


def _whole_records(data: bytes) -> tuple[int, int]:
    """Return how many bytes at the start of `data` are whole records, and how many records they are."""
    if len(data) < INDEXED:
        cut = length_of_whole_records(data)
        return cut, count_records(data[:cut])
    from bulkops.reading.records.structural_index import after, count

    structure = _structure_of(data)
    cut, ends = structure.whole, structure.ends
    # A line is blank only if its line feed follows another one directly, or after a carriage return.
    if b"\r" in data or (structure.feeds & after(structure.feeds)).any():
        return cut, count_records(data[:cut])
    return cut, count(ends)


def count_records(data: bytes) -> int:
    """Return how many records end in `data` with a newline."""
    return _count(data, data.translate(None, _OTHERS).split(b"\n"))


def record_ends(data: bytes) -> list[int]:
    """Return the offset after each record that ends in `data` with a newline."""
    if len(data) > 2 * BLOCK:
        return _ends_of_long(data)
    ends = _line_ends(data)
    starts = [0, *ends]
    return [end for start, end in zip(starts, ends, strict=False) if data[start:end] not in _BLANK]


def _ends_of_long(data: bytes) -> list[int]:
    """Return the result of `record_ends` for data with long records."""
    import numpy as np

    from bulkops.reading.records.structural_index import positions

    ends = positions(_structure_of(data).ends) + 1
    array, starts = np.frombuffer(data, np.uint8), np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    sizes = ends - starts
    blank = (sizes == 1) | ((sizes == 2) & (array[starts] == ord("\r"))) if len(ends) else np.zeros(0, np.bool_)
    found: list[int] = ends[~blank].tolist()
    return found


def has_blank_line(data: bytes) -> bool:
    """Return whether a line of `data` outside quotes is blank."""
    if not (data.startswith(_BLANK) or b"\n\n" in data or b"\n\r\n" in data):
        return False
    ends = _line_ends(data)
    return any(data[start:end] in _BLANK for start, end in zip([0, *ends], ends, strict=False))


def inside_quotes(data: bytes) -> bool:
    """Return whether a quote opened in `data` is still open at its end."""
    return _odd(data)


def _odd(data: bytes) -> bool:
    return data.count(b'"') % 2 == 1


def _count(data: bytes, quotes: list[bytes]) -> int:
    """Return the number of records; `quotes` has for each line of `data` only its quotes.

    If no line has an odd number of quotes, no newline is inside a cell; if every line has some, no line is blank.
    """
    kinds = set(quotes[:-1])
    if any(len(kind) % 2 for kind in kinds) or (b"" in kinds and _has_blank_line(data)):
        return len(record_ends(data))
    return len(quotes) - 1


def _has_blank_line(data: bytes) -> bool:
    lines = data.split(b"\n")
    lines.pop()
    return b"" in lines or b"\r" in lines


def _line_ends(data: bytes) -> list[int]:
    """Return the offset after each newline outside quotes, including those of blank lines."""
    lines = data.split(b"\n")
    ends = accumulate(len(line) + 1 for line in lines[:-1])
    if not any(len(quotes) % 2 for quotes in set(data.translate(None, _OTHERS).split(b"\n"))):
        return list(ends)
    found: list[int] = []
    outside = True
    for line, end in zip(lines, ends, strict=False):
        if b'"' in line and _odd(line):
            outside = not outside
        if outside:
            found.append(end)
    return found
