"""Read the start of a file: encoding, byte order mark, lines in front of the header, and the header."""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bulkops.limits import MAX_HEADER_BYTES, MAX_LEADING_LINES, TooLarge
from bulkops.reading.blocks import ContentForm, ContentReader
from bulkops.reading.byte_order import MARK
from bulkops.reading.records.quoting import read_strictly
from bulkops.validation.diagnosis import (
    CommonCause,
    binary_kind,
    content_kind,
    encoding_cause,
    header_below,
    header_cause,
    removable,
    separator_cause,
    width_cause,
    wrapped_throughout,
)
from bulkops.validation.header import QUOTED, Header, lone_return, read_header
from bulkops_validators.model.contract import Contract

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEP_LINE = re.compile(rb'(?i)"?sep=.?"?(?=\r?\n|$)')
_WIDE = {
    "utf-32-le": re.compile(rb"(?:[^\0]\0\0\0){2}"),
    "utf-32-be": re.compile(rb"(?:\0\0\0[^\0]){2}"),
    "utf-16-le": re.compile(rb"(?:[^\0]\0){4}"),
    "utf-16-be": re.compile(rb"(?:\0[^\0]){4}"),
}
"""Patterns of a header of ASCII letters in encodings with two or four bytes per character."""


@dataclass(frozen=True)
class Notice:
    """A defect in front of the records; `line` counts from 1, `byte` from 0 in the file.

    `explains` are the rules that report consequences of this defect. `rename` is OLD=NEW if renaming a column would fix
    the defect. `cause` has the rule and the field of another notice from which this one follows.
    """

    code: str
    message: str
    line: int | None = None
    byte: int | None = None
    column: str | None = None
    field: int | None = None
    explains: frozenset[str] = frozenset()
    rename: str | None = None
    cause: tuple[str, int | None] | None = None


@dataclass(frozen=True)
class FileStart:
    """Everything in front of the records.

    `offset` and `lines` count bytes and lines before the first record; `header` is None if no usable header was found.
    `preamble` are lines in front of the header that do not belong to the table; `removable`: none of them can be a
    record. `once` are the rules that nearly all first records break for the same reason.
    """

    header: Header | None
    notices: tuple[Notice, ...]
    form: ContentForm = field(default_factory=ContentForm)
    crlf: bool = False
    offset: int = 0
    lines: int = 0
    header_line: bytes = b""
    preamble: bytes = b""
    removable: bool = True
    once: frozenset[str] = frozenset()


@dataclass
class _Head:
    data: bytes
    offset: int = 0
    lines: int = 0
    notices: list[Notice] = field(default_factory=list)

    def note(self, code: str, message: str, *, at: int = 0) -> None:
        line = self.lines + self.data.count(b"\n", 0, at) + 1
        self.notices.append(Notice(code, message, line, self.offset + at))

    def drop(self, size: int) -> None:
        self.lines += self.data.count(b"\n", 0, size)
        self.offset += size
        self.data = self.data[size:]


def read_file_start(
    reader: ContentReader, contract: Contract, *, mask: bool = False, renames: Mapping[str, str] = MappingProxyType({})
) -> FileStart:
    """Read the header and everything before it, and set the form of the reader: from then on it yields UTF-8 with LF.

    With `mask`, no message contains a value. `renames` maps header names to the column names used for checking. Raises
    the reader's failure if it occurred within the header.
    """
    raw = reader.read(MAX_HEADER_BYTES)
    if not raw:
        return FileStart(None, (Notice("FIL101", "the file is empty", 1, 0),))
    if (kind := binary_kind(raw)) is not None:
        return FileStart(None, (Notice("FIL111", f"the file is {kind}, not CSV", 1, 0),))
    form, head = _form(raw)
    reader.form = form
    head.data = reader.recode(head.data)
    _skip_to_header(head)
    if not head.data:
        notices = (*head.notices, Notice("FIL101", "the file contains no header", head.lines + 1, head.offset))
        return FileStart(None, notices, form)
    if (content := content_kind(head.data)) is not None:
        head.note("FIL111", f"the file is {content}, not CSV")
        return FileStart(None, tuple(head.notices), form)
    preamble, place = _skip_preamble(head, contract, renames), len(head.notices)
    whole_line = head.data[: _header_size(head.data)]
    if reader.failure is not None and not whole_line.endswith(b"\n"):
        # The rest of the header is unknown.
        raise reader.failure
    crlf = whole_line.endswith(b"\r\n")
    line = whole_line.rstrip(b"\n").removesuffix(b"\r")
    if (lone := lone_return(line.rstrip(b"\r"))) >= 0:
        head.note("FIL108", "a carriage return without a line feed ends the header", at=lone)
        line, whole_line = line[:lone], head.data[: lone + 1]
    below = head.data[len(whole_line) :]
    header = read_header(line, contract, mask=mask, renames=renames, sample=below)
    for cause in _causes(header, line, below, contract, mask=mask):
        at = (head.lines + 1, head.offset)
        head.notices.append(Notice(cause.code, cause.message, *at, explains=cause.explains))
    goes = not preamble or removable(preamble, header)
    if preamble:
        head.notices.insert(place, _preamble_notice(preamble, head, doubtful=not goes))
    head.notices += _notices_of(header, line, head)
    head.drop(len(whole_line))
    reader.give_back(head.data)
    counted = (form, crlf, head.offset, head.lines)
    return FileStart(header, tuple(head.notices), *counted, whole_line, preamble, goes, _once(header, below))


def _once(header: Header, below: bytes) -> frozenset[str]:
    """Return the rules that nearly all first records break for the same reason."""
    return frozenset({"STR116"}) if wrapped_throughout(header, below) else frozenset()


def _notices_of(header: Header, line: bytes, head: _Head) -> Iterator[Notice]:
    """Yield the defects of a header with their positions in the file."""
    for fault in header.faults:
        # A byte or a quote is on its own line, a name on the line on which the header begins.
        above = line.count(b"\n", 0, fault.at) if fault.column is None else 0
        at = (head.lines + above + 1, head.offset + fault.at)
        yield Notice(fault.code, fault.message, *at, fault.column, fault.field, rename=fault.rename, cause=fault.cause)


def wide_encoding(raw: bytes) -> str | None:
    """Return the encoding with two or four bytes per character that the first bytes show; None if they show none."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding
    return next((encoding for encoding, pattern in _WIDE.items() if pattern.match(raw)), None)


def mark_length(raw: bytes) -> int:
    """Return the length of the byte order mark of UTF-8, UTF-16 or UTF-32 at the start of a file; 0 without one."""
    marks = (codecs.BOM_UTF8, *(mark for mark, _ in _MARKS))
    return next((len(mark) for mark in marks if raw.startswith(mark)), 0)


def _form(raw: bytes) -> tuple[ContentForm, _Head]:
    """Detect the encoding and the line ends; the returned head begins after a byte order mark."""
    head = _Head(raw)
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            head.note("FIL103", f"the file is {encoding.upper()}")
            head.data = raw[len(mark) :]
            return ContentForm(encoding, _returns_only(head.data.replace(b"\0", b"")), mark=len(mark)), head
    for encoding, pattern in _WIDE.items():
        if pattern.match(raw):
            head.note("FIL103", f"the file is {encoding.upper()} without a byte order mark")
            return ContentForm(encoding, _returns_only(raw.replace(b"\0", b""))), head
    if raw.startswith(codecs.BOM_UTF8):
        head.note("FIL105", "the file begins with a byte order mark (EF BB BF)")
        head.drop(len(codecs.BOM_UTF8))
    if _returns_only(raw):
        head.note("FIL108", "carriage returns alone end the lines", at=head.data.find(b"\r"))
        return ContentForm(returns_only=True), head
    return ContentForm(), head


def _returns_only(data: bytes) -> bool:
    """Return whether lines end with carriage returns alone; line feeds inside quoted cells do not count."""
    if b"\r" not in data or b"\r\n" in data:
        return False
    bare = QUOTED.sub(b"", data)
    return b"\r" in bare and b"\n" not in bare


def _skip_to_header(head: _Head) -> None:
    """Remove everything in front of the header: blank lines, a spreadsheet's `sep=` line, further byte order marks.

    TooLarge if there are too many of them.
    """
    while head.data:
        if len(head.notices) > MAX_LEADING_LINES:
            raise TooLarge(
                f"more than {MAX_LEADING_LINES:,} blank lines precede the header", hint="Remove them from the file."
            )
        if head.data.startswith(MARK):
            head.note("FIL105", "another byte order mark (U+FEFF) precedes the header")
            head.drop(len(MARK))
            continue
        end = head.data.find(b"\n") + 1 or len(head.data)
        end = lone_return(head.data[:end].rstrip(b"\r\n")) + 1 or end
        line = head.data[:end].strip()
        if not line:
            head.note("STR103", "a blank line before the header")
        elif _SEP_LINE.match(line):
            head.note(
                "HDR109",
                f"the first line is {line.decode('utf-8', 'replace')!r}, which only spreadsheet programs understand",
            )
        else:
            return
        head.drop(end)


def _skip_preamble(head: _Head, contract: Contract, renames: Mapping[str, str]) -> bytes:
    """Remove the lines in front of a header further down, and return them."""
    size = header_below(head.data, contract, renames)
    preamble = head.data[:size]
    head.drop(size)
    return preamble


def _preamble_notice(preamble: bytes, head: _Head, *, doubtful: bool) -> Notice:
    """Return the notice about lines in front of the header; it points at the first of them."""
    count = preamble.count(b"\n")
    lines = "1 line precedes" if count == 1 else f"{count:,} lines precede"
    doubt = (" and may be a record" if count == 1 else " and may be records") if doubtful else ""
    message = f"the header is on line {head.lines + 1:,}; {lines} it{doubt}"
    return Notice("HDR111", message, head.lines - count + 1, head.offset - len(preamble))


def _causes(header: Header, line: bytes, below: bytes, contract: Contract, *, mask: bool) -> list[CommonCause]:
    """Return the causes of many findings that the header and the first records show."""
    found = (
        separator_cause(header, line, below),
        header_cause(header, contract),
        width_cause(header, below),
        encoding_cause(below, mask=mask),
    )
    return [cause for cause in found if cause is not None]


def _header_size(data: bytes) -> int:
    end = data.find(b"\n") + 1 or len(data)
    if data.count(b'"', 0, end) % 2 == 0:
        return end
    record = read_strictly(data, 0, ord(","))
    return record.end if not record.code else end
