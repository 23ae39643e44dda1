"""Repair the header: documented names, valid quotes, commas, and no columns that are always blank.

A name becomes the documented one if only its spelling differs and no other column may mean the same, or if the user
asks for it.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from bulkops.errors import DataError, InputUnreadable, UsageError
from bulkops.fixing.options import AppliedRepair
from bulkops.fixing.repairs.encoding import decoded, printable, redecoded
from bulkops.fixing.repairs.quotes import strict_cell, undoubled
from bulkops.fixing.repairs.records import RecordShape
from bulkops.reading.blocks import ContentReader
from bulkops.reading.compressed import opened
from bulkops.reading.records.quoting import cells
from bulkops.validation.column_names import fold, rivals_of
from bulkops.validation.header import Header, annotated, read_header
from bulkops.validation.preamble import FileStart, Notice, read_file_start
from bulkops.wording import guess
from bulkops_validators.model.contract import Contract

_NEEDS_QUOTES = re.compile('[",\r\n]')
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_QUOTES = {"STR104", "STR105", "STR106", "STR107"}
_IN_FRONT = {"FIL103", "FIL105", "FIL108", "STR103", "HDR109", "HDR111"}
_OF_RECORDS = {"FIL112", "HDR113", "HDR114"}
"""Causes of findings in records; their repairs are logged with the records."""
_NOT_OF_LINE = _IN_FRONT | _OF_RECORDS | {"HDR112"}
"""Notices without a field that do not show the header line before and after."""


def repaired_header(file_start: FileStart, shape: RecordShape) -> bytes:
    """Return the repaired header line in UTF-8, without the lines in front of it."""
    header = file_start.header
    assert header is not None
    line = file_start.header_line
    text = line.rstrip(b"\r\n")
    names = _names(header, shape)
    fields = enumerate(spelled_names(text, header))
    spelled = [_spelled(raw, header, i, names[i], shape) for i, raw in fields if i not in shape.omitted]
    # A single blank name must not become a blank line.
    return (b",".join(spelled) or b'""') + (shape.line_end if text != line else b"")


def header_repairs(file_start: FileStart, shape: RecordShape) -> Iterator[tuple[AppliedRepair, int]]:
    """Yield each change in front of the records, with its line: the notices that the repaired file no longer has.

    A notice about the whole line names its first defect only, and stays if another one is left. If a name is spelled
    otherwise and no other change shows the line, such a notice shows it.
    """
    header = file_start.header
    assert header is not None
    names = _names(header, shape)
    shown = False
    for repair, line in _decisions(file_start, shape):
        shown = shown or repair.column is None
        yield repair, line
    kept = []
    for notice, removed in _judged(file_start, shape):
        texts = _before_and_after(notice, file_start, shape, names)
        if texts[0] == texts[1]:
            continue
        whole = notice.field is None and notice.code not in _NOT_OF_LINE
        if removed:
            shown = shown or whole
            yield AppliedRepair(notice.code, *texts, notice.column), notice.line or 1
        elif whole and not notice.code.startswith("HDR"):
            kept.append((AppliedRepair(notice.code, *texts, notice.column), notice.line or 1))
    if kept and not shown and _respelled(file_start, shape, names):
        yield kept[0]


def _judged(file_start: FileStart, shape: RecordShape) -> Iterator[tuple[Notice, bool]]:
    """Yield each notice in front of the records, and whether the repaired file no longer has it."""
    after = read_header(repaired_header(file_start, shape).rstrip(b"\r\n"), shape.contract)
    left = Counter((fault.code, fault.column) for fault in after.faults)
    for notice in file_start.notices:
        if notice.code == "HDR104":
            removed = notice.field is not None and notice.field - 1 in shape.omitted
        elif notice.code in _OF_RECORDS or (notice.code == "HDR111" and keeps_preamble(file_start, shape)):
            removed = False
        elif notice.code == "HDR112":
            removed = bool(shape.dropped)
        else:
            removed = notice.code in _IN_FRONT or not left[notice.code, notice.column]
            left[notice.code, notice.column] -= 1
        yield notice, removed


def _respelled(file_start: FileStart, shape: RecordShape, names: tuple[str, ...]) -> bool:
    """Return whether a name that stays the same is spelled otherwise, for example without a misplaced quote."""
    header = file_start.header
    assert header is not None
    fields = enumerate(spelled_names(file_start.header_line.rstrip(b"\r\n"), header))
    same = ((i, raw) for i, raw in fields if i not in shape.omitted and names[i] == header.names[i])
    return any(_spelled(raw, header, i, names[i], shape) != raw for i, raw in same)


def refuse_unreadable_start(path: str, file_start: FileStart, shape: RecordShape, start: bytes) -> None:
    """Raise DataError unless a file that begins with `start` is a CSV file in UTF-8 with no more columns than before.

    Invalid quotes or bytes make the columns of a header uncertain; separated by commas, it may have more of them. Bytes
    that follow a removed column, blank line or byte order mark may be those of another encoding or kind of file.
    """
    header = file_start.header
    assert header is not None
    after = _read_start(start, shape.contract)
    uncertain = after is not None and (
        len(after.columns) > len(header.columns) - len(shape.omitted)
        or any(fault.code == "HDR107" for fault in after.faults)
    )
    if after is None or uncertain:
        reason = "its columns are not certain" if uncertain else "the repaired file would not begin like CSV in UTF-8"
        raise DataError(
            f"{path}: line {header_line_number(file_start)}: the header cannot be repaired, because {reason}.",
            hint="Correct the header line; `bulkops validate` shows which quotes and bytes in it are invalid.",
        )


def _read_start(start: bytes, contract: Contract) -> Header | None:
    """Return the header of a file as the reader of files understands it; None if the file is not CSV in UTF-8."""
    plain = io.BytesIO(start)
    try:
        if opened(plain, "", "") is not plain:
            return None
    except InputUnreadable:
        return None
    found = read_file_start(ContentReader(plain), contract)
    return None if found.form.encoding is not None else found.header


def _before_and_after(
    notice: Notice, file_start: FileStart, shape: RecordShape, names: tuple[str, ...]
) -> tuple[str, str]:
    """Return the text of a notice before and after the repair: a column name, or the whole header."""
    if notice.code == "HDR111":
        return printable(file_start.preamble), ""
    if notice.code in _IN_FRONT:
        return notice.message, ""
    if notice.field is None:
        lines = file_start.header_line, repaired_header(file_start, shape)
        before, after = (printable(line.rstrip(b"\r\n")) for line in lines)
        return before, after
    place = notice.field - 1
    return notice.column or notice.message, "" if place in shape.omitted else names[place]


def _decisions(file_start: FileStart, shape: RecordShape) -> Iterator[tuple[AppliedRepair, int]]:
    """Yield the changes of the header that options request: its encoding and its column names."""
    encoding, renames, line = shape.evidence.decoded_from, shape.options.renames, header_line_number(file_start)
    if encoding is not None and not encoding.lines:
        yield AppliedRepair("FIL103", f"the file is {encoding.name}", ""), 1
    elif encoding is not None and not file_start.header_line.isascii():
        yield redecoded(file_start.header_line.rstrip(b"\r\n"), encoding), line
    names = file_start.header.names if file_start.header is not None else ()
    rivals = rivals_of(names, (None,) * len(names), shape.contract) if renames else {}
    contested = {place for places in rivals.values() for place in places}
    for place, name in enumerate(names):
        if renames.get(name, name) != name:
            noted = "HDR115" if annotated(name) != name else "HDR102"
            code = "HDR116" if place in contested else noted
            yield AppliedRepair(code, name, renames[name], renames[name]), line


def keeps_preamble(file_start: FileStart, shape: RecordShape) -> bool:
    """Return whether the lines in front of the header stay, because one of them may be a record."""
    return bool(file_start.preamble) and not file_start.removable and not shape.options.unsafe


def header_line_number(file_start: FileStart) -> int:
    """Return the physical line, from 1, on which the header begins."""
    return file_start.lines - file_start.header_line.count(b"\n") + 1


def refuse_renames(path: str, file_start: FileStart, contract: Contract, renames: Mapping[str, str]) -> None:
    """Raise UsageError unless each column to rename is in the header exactly once, and no two get the same name."""
    names = file_start.header.names if file_start.header is not None else ()
    where = f"{path}: line {header_line_number(file_start)}"
    after = Counter(renames.get(name, name) for name in names)
    for old, new in renames.items():
        if new not in contract.header_names:
            raise UsageError(f"{contract.name} has no column {new!r}.", hint=guess(new, contract.column_names))
        if old not in names:
            raise UsageError(f"{where}: the header has no column {old!r}.", hint=guess(old, names))
        if after[new] > 1:
            places = [str(n) for n, name in enumerate(names, start=1) if renames.get(name, name) == new]
            raise UsageError(
                f"{where}: columns {' and '.join(places)} would both be {new!r}.",
                hint="Rename or remove one of them.",
            )


def spelled_names(text: bytes, header: Header) -> list[bytes]:
    """Return the names in a header line as the file spells them; if a quote is misplaced, only separators end names."""
    if header.wrapped:
        text = text[1:-1].replace(b'""', b'"')
    if any(fault.code in _QUOTES for fault in header.faults):
        return text.split(bytes((header.separator,)))
    return [text[start:end] for start, end in cells(text, 0, header.separator)]


def _names(header: Header, shape: RecordShape) -> tuple[str, ...]:
    """Return the names to write: the documented ones, unless two columns would get the same name.

    A column name of an earlier API release counts as documented. A note after a name stays unless `unsafe`: it may be a
    unit.
    """
    documented = shape.contract.header_names
    names = tuple(shape.options.renames.get(name, name) for name in header.names)
    return tuple(
        name
        if column is None or name in documented or (_has_note(name, column) and not shape.options.unsafe)
        else _corrected_name(name, column, (*names[:i], *names[i + 1 :]), shape)
        for i, (column, name) in enumerate(zip(header.columns, names, strict=True))
    )


def _has_note(name: str, column: str) -> bool:
    return annotated(name.strip()) == column != name.strip()


def _corrected_name(name: str, column: str, others: tuple[str, ...], shape: RecordShape) -> str:
    """Return the documented name if `name` differs only in spelling; `name` itself if another column has that name."""
    documented = {fold(each): each for each, meant in shape.contract.header_names.items() if meant == column}
    new = documented.get(fold(name), column)
    return name if new in others else new


def _spelled(raw: bytes, header: Header, place: int, name: str, shape: RecordShape) -> bytes:
    """Return a name as it is written: unchanged, unless it has a defect with a certain repair."""
    quoted = raw.startswith(b'"') and header.quoted[place]
    unclosed = any(fault.code == "STR105" for fault in header.faults)
    if name != header.names[place]:
        # Another spelling would close an open quote, too.
        wanted = not unclosed or b'"' not in raw or shape.options.unsafe or header.names[place] in shape.options.renames
        return _written(name, quoted=quoted) if wanted else raw
    text, _ = decoded(raw, shape.evidence, shape.options)
    if text is None:
        return raw
    right = strict_cell(text, 0, "\0") == len(text) if quoted else '"' not in text
    if not right:
        certain = header.columns[place] is not None and not unclosed
        removable = not name.strip() and len(header.names) > 1
        likely = shape.options.unsafe and (header.columns[place] is not None or removable)
        return _written(name, quoted=False) if certain or likely else raw
    inner = undoubled(text) if quoted else text
    if _CONTROL.search(inner) and (shape.options.unsafe or header.columns[place] is not None):
        return _written(_CONTROL.sub("", inner), quoted=quoted)
    return text.encode() if quoted else _written(inner, quoted=False)


def _written(name: str, *, quoted: bool) -> bytes:
    needed = quoted or _NEEDS_QUOTES.search(name) is not None
    return ('"' + name.replace('"', '""') + '"').encode() if needed else name.encode()
