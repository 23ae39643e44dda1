"""The header repaired: documented names, commas, no columns that are blank throughout."""

import re
from collections.abc import Iterator

from bulkops.fixing.options import Repair
from bulkops.reading.quoting import cells
from bulkops.validation.header import Header
from bulkops.validation.opening import Notice, Opening

_NEEDS_QUOTES = re.compile('[",\r\n]')
_IN_FRONT = {"FIL103", "FIL105", "FIL108", "STR103", "HDR108", "HDR109"}
_SPELLING = {"HDR105", "HDR106"}


def repaired_header(opening: Opening, surplus: frozenset[int]) -> bytes:
    """Return the header line as it should be, in UTF-8 and without what stood in front of it."""
    header = opening.header
    assert header is not None
    line = opening.header_line
    text = line.rstrip(b"\n").removesuffix(b"\r")
    names = _names(header)
    if not surplus and header.separator == ord(",") and names == header.names:
        return line
    found = [text[start:end] for start, end in cells(text, 0, header.separator)]
    spelt = [
        _spelt(name, quoted=header.quoted[i]) if name != header.names[i] else _kept(found[i], name)
        for i, name in enumerate(names)
        if i not in surplus
    ]
    return b",".join(spelt) + line[len(text) :]


def header_repairs(opening: Opening, surplus: frozenset[int]) -> Iterator[tuple[Repair, int]]:
    """Yield each change in front of the records, with its line."""
    header = opening.header
    assert header is not None
    names = _names(header)
    for notice in opening.notices:
        if _is_repaired(notice, header, names, surplus):
            place = None if notice.field is None else notice.field - 1
            after = "" if place is None or place in surplus else names[place]
            yield Repair(notice.code, notice.column or notice.message, after, notice.column), notice.line or 1


def _is_repaired(notice: Notice, header: Header, names: tuple[str, ...], surplus: frozenset[int]) -> bool:
    if notice.code == "HDR104":
        return notice.field is not None and notice.field - 1 in surplus
    if notice.code in _SPELLING and notice.field is not None:
        return names[notice.field - 1] != header.names[notice.field - 1]
    return notice.code in _IN_FRONT


def _names(header: Header) -> tuple[str, ...]:
    """Return the names to be written: the documented ones, where that makes no two columns of one name."""
    return tuple(
        name if column is None or column in header.names[:i] + header.names[i + 1 :] else column
        for i, (column, name) in enumerate(zip(header.columns, header.names, strict=True))
    )


def _spelt(name: str, *, quoted: bool) -> bytes:
    return f'"{name}"'.encode() if quoted else name.encode()


def _kept(found: bytes, name: str) -> bytes:
    """Return a name as it was spelt, in quotes if it holds what now separates names."""
    if found.startswith(b'"') or b"," not in found:
        return found
    return ('"' + name.replace('"', '""') + '"').encode()
