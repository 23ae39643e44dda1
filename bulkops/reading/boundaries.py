"""Where records end in bytes: a newline ends one only outside quotes, told by the parity of the quotes before it.

All functions take data that starts at the start of a record. In well-formed CSV (RFC 4180) a quoted cell has an even
number of quotes, so only quotes and newlines matter. Taking everything else out at once leaves little to look at.

Blank lines end nothing: they are no records.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

BLOCK = 1 << 20
_OTHERS = bytes(b for b in range(256) if b not in b'"\n')
_BLANK = (b"\n", b"\r\n")


def settled_length(data: bytes) -> int:
    """Return how many bytes at the start of `data` are whole records; 0 if there is not even one."""
    cut = data.rfind(b"\n") + 1
    inside = _odd(data[:cut])
    while cut and inside:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        inside ^= _odd(data[before:cut])
        cut = before
    return cut


@dataclass(frozen=True, kw_only=True)
class RecordBlock:
    """Records, and how many of them end; `whole` unless the last one, the file's last, has no newline of its own."""

    data: bytes
    records: int
    whole: bool = True


def counted_blocks(read: Callable[[int], bytes], *, size: int = BLOCK) -> Iterator[RecordBlock]:
    """Yield all that `read` gives in blocks of whole records.

    A block grows as long as a single record does. A quote never closed makes the last block all that follows it.
    """
    carry = b""
    while block := read(max(size, len(carry))):
        data = carry + block
        cut = data.rfind(b"\n") + 1
        whole = data[:cut]
        quotes = whole.translate(None, _OTHERS).split(b"\n")
        if sum(map(len, quotes)) % 2:
            cut = settled_length(whole)
            whole = data[:cut]
            quotes = whole.translate(None, _OTHERS).split(b"\n")
        carry = data[cut:]
        if cut:
            yield RecordBlock(data=whole, records=_count(whole, quotes))
    if carry:
        yield RecordBlock(data=carry, records=count_records(carry), whole=False)


def count_records(data: bytes) -> int:
    """Return how many records end in `data` with a newline."""
    return _count(data, data.translate(None, _OTHERS).split(b"\n"))


def record_ends(data: bytes) -> list[int]:
    """Return the offset just behind each record that ends in `data` with a newline."""
    ends = _line_ends(data)
    starts = [0, *ends]
    return [end for start, end in zip(starts, ends, strict=False) if data[start:end] not in _BLANK]


def inside_quotes(data: bytes) -> bool:
    """Tell whether a quote opened in `data` is still open at its end."""
    return _odd(data)


def _odd(data: bytes) -> bool:
    return data.count(b'"') % 2 == 1


def _count(data: bytes, quotes: list[bytes]) -> int:
    """Count the records of `data`, of whose every line `quotes` holds the quotes.

    Where no line has an odd number of them, no newline is inside a cell; where every line has some, none is blank.
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
    """Return the offset just behind each newline outside quotes, blank lines included."""
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
