"""The first bytes of a file: encoding, marks and lines in front of the header, the header, and where records begin."""

import codecs
import re
from dataclasses import dataclass, field

from bulkops.reading.blocks import ContentReader, Form
from bulkops.reading.quoting import read_strictly
from bulkops.validation.header import Header, read_header
from bulkops_validators.model.contract import Contract

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEP_LINE = re.compile(rb'(?i)"?sep=.?"?(?=\r?\n|$)')
_PROBE = 2048
_HEAD = 1 << 20
"""Bytes in which the header must end."""


@dataclass(frozen=True)
class Notice:
    """Something wrong in front of the records; line from 1, byte from 0 in the file."""

    code: str
    message: str
    line: int | None = None
    byte: int | None = None
    column: str | None = None
    field: int | None = None


@dataclass(frozen=True)
class Opening:
    """What stands in front of the records.

    `offset` and `lines` count what came before the first record; `header` is None if there is none to go by.
    """

    header: Header | None
    notices: tuple[Notice, ...]
    form: Form = field(default_factory=Form)
    crlf: bool = False
    offset: int = 0
    lines: int = 0
    header_line: bytes = b""


@dataclass
class _Head:
    data: bytes
    offset: int = 0
    lines: int = 0
    notices: list[Notice] = field(default_factory=list)

    def note(self, code: str, message: str, *, at: int = 0) -> None:
        self.notices.append(Notice(code, message, self.lines + 1, self.offset + at))

    def drop(self, size: int) -> None:
        self.lines += self.data.count(b"\n", 0, size)
        self.offset += size
        self.data = self.data[size:]


def open_content(reader: ContentReader, contract: Contract) -> Opening:
    """Read the header and everything before it; sets the reader's form so that what follows is UTF-8 with LF."""
    raw = reader.read(_HEAD)
    if not raw:
        return Opening(None, (Notice("FIL101", "the file holds nothing", 1, 0),))
    form, head = _form(raw)
    reader.form = form
    head.data = reader.recode(head.data)
    _skip_to_header(head)
    if not head.data:
        notices = (*head.notices, Notice("FIL101", "the file holds no header", head.lines + 1, head.offset))
        return Opening(None, notices, form)
    size = _header_size(head.data)
    line = head.data[:size].rstrip(b"\n").removesuffix(b"\r")
    header = read_header(line, contract)
    for fault in header.faults:
        place = head.offset + fault.at
        head.notices.append(Notice(fault.code, fault.message, head.lines + 1, place, fault.column, fault.field))
    whole_line = head.data[:size]
    crlf = whole_line.endswith(b"\r\n")
    head.drop(size)
    reader.give_back(head.data)
    return Opening(header, tuple(head.notices), form, crlf, head.offset, head.lines, whole_line)


def _form(raw: bytes) -> tuple[Form, _Head]:
    """Recognise the encoding and the line ends; the head is what follows a byte order mark."""
    head = _Head(raw)
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            head.note("FIL103", f"the file is {encoding.upper()}")
            head.data = raw[len(mark) :]
            return Form(encoding, _returns_only(head.data.replace(b"\0", b""))), head
    probe = raw[:_PROBE]
    if probe.count(0) > len(probe) // 4:
        encoding = "utf-16-be" if probe[0::2].count(0) > probe[1::2].count(0) else "utf-16-le"
        head.note("FIL103", f"the file is {encoding.upper()} without a byte order mark")
        return Form(encoding, _returns_only(raw.replace(b"\0", b""))), head
    if raw.startswith(codecs.BOM_UTF8):
        head.note("FIL105", "the file begins with a byte order mark (EF BB BF)")
        head.drop(len(codecs.BOM_UTF8))
    if _returns_only(raw):
        head.note("FIL108", "carriage returns alone end the lines", at=head.data.find(b"\r"))
        return Form(returns_only=True), head
    return Form(), head


def _returns_only(data: bytes) -> bool:
    return b"\r" in data and b"\n" not in data


def _skip_to_header(head: _Head) -> None:
    """Drop blank lines and a spreadsheet's `sep=` line."""
    while head.data:
        end = head.data.find(b"\n") + 1 or len(head.data)
        line = head.data[:end].strip()
        if not line:
            head.note("STR103", "a blank line before the header")
        elif _SEP_LINE.match(line):
            head.note("HDR109", f"the first line is {line.decode('utf-8', 'replace')!r}, which only spreadsheets know")
        else:
            return
        head.drop(end)


def _header_size(data: bytes) -> int:
    end = data.find(b"\n") + 1 or len(data)
    if data.count(b'"', 0, end) % 2 == 0:
        return end
    record = read_strictly(data, 0, ord(","))
    return record.end if not record.code else end
