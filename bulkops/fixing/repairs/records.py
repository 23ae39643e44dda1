"""Repair one record: its bytes, quotes, number of fields, cells and line end."""

import re
from dataclasses import dataclass, field

from bulkops.fixing.options import AppliedRepair, FileEvidence, FixOptions
from bulkops.fixing.repairs.cells import makes_invalid, repair_cell
from bulkops.fixing.repairs.encoding import decoded
from bulkops.fixing.repairs.quotes import readings, undoubled
from bulkops.fixing.repairs.unclosed_quotes import close_quote
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.validation.checks.odd_lines import is_rule, odd_line
from bulkops.validation.checks.repeated_header import repeats_header
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.odd_lines import COMMENT, PROGRAM

_CONTROL_BLANKS = frozenset("\x1c\x1d\x1e\x1f")
_NEEDS_QUOTES = re.compile('[",\r\n]')
_COMMA = ord(",")
_MARK = "\ufeff"
"""A byte order mark, which precedes a record where one file was appended to another."""
_MANY, _SHORT = 50_000, 256
"""Maximum number of cells with a remembered result, and maximum number of their characters."""
_READABLE = {"STR104", "STR106", "STR107"}
"""Rules of invalid quotes that are unambiguous if only one interpretation has the right number of cells."""


@dataclass(frozen=True)
class RecordShape:
    """Properties that all records of a file share: columns by position, separator, line end to write.

    `names` are the columns as the header spells them. Cells of the columns in `kept` are not repaired. Columns at the
    positions in `surplus` are blank and removed; columns in `dropped` are removed with their cells. `last`: this shape
    is for the last record of the file. `structure_only`: cells are repaired later, once those of all records are read.
    """

    contract: Contract
    columns: tuple[str | None, ...]
    separator: int
    line_end: bytes
    surplus: frozenset[int]
    evidence: FileEvidence
    options: FixOptions
    names: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    dropped: frozenset[int] = frozenset()
    last: bool = False
    structure_only: bool = False
    known: dict[tuple[str, str], tuple[str, list[AppliedRepair]]] = field(default_factory=dict, repr=False)
    """The results of `repaired_cell` that are remembered: cells repeat."""

    def repaired_cell(self, name: str, text: str) -> tuple[str, list[AppliedRepair]]:
        """Return a repaired cell of a column, and the repairs in order."""
        found = self.known.get((name, text))
        if found is None:
            found = repair_cell(self.contract.column(name), text, self.evidence, self.options)
            if len(self.known) >= _MANY:
                self.known.clear()
            if len(text) <= _SHORT:
                self.known[name, text] = found
        return found

    @property
    def omitted(self) -> frozenset[int]:
        """The positions of columns that are not written."""
        return self.surplus | self.dropped

    @property
    def changes_form(self) -> bool:
        """Whether every record must be written in a new form."""
        return self.separator != _COMMA or bool(self.omitted)

    @property
    def rewritten(self) -> bool:
        """Whether records without a finding may change too."""
        return self.changes_form or self.evidence.decoded_from is not None


@dataclass(frozen=True)
class QuoteDefect:
    """The rule that the quotes of a record break, and the offset of the quote in it."""

    code: str
    at: int

    def in_text(self, body: bytes) -> "QuoteDefect":
        """Return the defect with its offset in characters."""
        return QuoteDefect(self.code, len(body[: self.at].decode("utf-8", "surrogateescape")))


@dataclass
class _Cells:
    """The cells of a record, and the original spelling of each; None for a cell to be written in a new form."""

    texts: list[str]
    originals: list[str | None]

    def of_width(self, width: int) -> "_Cells":
        """Return the cells extended with blank ones, or cut off, to the given width."""
        missing = max(0, width - len(self.texts))
        return _Cells(self.texts[:width] + [""] * missing, self.originals[:width] + [""] * missing)

    def without(self, places: frozenset[int]) -> "_Cells":
        """Return the cells except those at some positions."""
        kept = [i for i in range(len(self.texts)) if i not in places]
        return _Cells([self.texts[i] for i in kept], [self.originals[i] for i in kept])

    def spelled(self) -> str:
        """Return the record; unchanged cells keep their spelling."""
        line = ",".join(spelled(text, original) for text, original in zip(self.texts, self.originals, strict=True))
        # A single blank cell must not become a blank line.
        return line or '""'


def repair_record(
    raw: bytes, shape: RecordShape, *, defect: QuoteDefect | None = None, structure_only: bool = False
) -> tuple[bytes, list[AppliedRepair]]:
    """Return a repaired record (line end included), and the changes.

    Anything that cannot be repaired stays, apart from the form that the whole file gets. An empty result means that the
    record is removed. `structure_only`: cells are repaired later, once those of all records can be read.
    """
    body, ending = _split(raw)
    text, repairs = decoded(body, shape.evidence, shape.options)
    if text is None:
        return (raw if defect else in_file_form(raw, shape)), []
    read = _read(text, shape, repairs, defect and defect.in_text(body))
    if read is None:
        return _ended(text.encode(), ending, shape, repairs), repairs
    code = _removal_rule(read, shape, blank=not body.strip())
    if code is not None:
        return b"", [*repairs, AppliedRepair(code, text, "")]
    if not _is_complete(read, shape):
        form = read.spelled() if shape.changes_form or defect else text
        return _ended(form.encode(), ending, shape, repairs), repairs
    structure_only = structure_only or shape.structure_only or any(repair.code == "STR116" for repair in repairs)
    repaired = read if structure_only else _repaired(read, shape, repairs)
    if not repairs and not shape.changes_form:
        return _ended(body, ending, shape, repairs), repairs
    if not any(repaired.texts) and any(read.texts):
        return b"", [*repairs, AppliedRepair("STR103", text, "")]
    if repaired.texts != read.texts and (code := _removal_rule(repaired, shape, blank=False)) is not None:
        return b"", [*repairs, AppliedRepair(code, text, "")]
    kept = repaired.without(shape.omitted) if shape.omitted else repaired
    return _ended(kept.spelled().encode(), ending, shape, repairs), repairs


def _ended(content: bytes, ending: bytes, shape: RecordShape, repairs: list[AppliedRepair]) -> bytes:
    """Return a repaired record with the line end of the whole file, and add the repair of its own."""
    # A carriage return in front of a line feed would become part of the line end.
    if not ending or ending == shape.line_end or content.endswith(b"\r"):
        return content + ending
    repairs.append(AppliedRepair("FIL109", ending.decode(), shape.line_end.decode()))
    return content + shape.line_end


def _removal_rule(read: _Cells, shape: RecordShape, *, blank: bool) -> str | None:
    """Return the first rule by which a record is removed; None if it stays. `blank`: its bytes are only blanks."""
    if blank and len(read.texts) == 1 < len(shape.columns):
        return "STR103"
    if (code := _non_record_rule(read, shape)) is not None:
        return code
    return _needless_record_rule(read, shape) if _is_complete(read, shape) else None


def _is_complete(read: _Cells, shape: RecordShape) -> bool:
    """Return whether a record has as many cells as the header, with blank ones in the surplus columns."""
    return len(read.texts) == len(shape.columns) and not any(read.texts[place] for place in shape.surplus)


def in_file_form(raw: bytes, shape: RecordShape) -> bytes:
    """Return a record in the form of the whole file, with commas and without surplus columns.

    Its cells stay unchanged.
    """
    body, ending = _split(raw)
    found = _cells(body, shape.separator) if shape.changes_form else None
    if found is None:
        return raw
    if _is_complete(found, shape):
        found = found.without(shape.omitted)
    return found.spelled().encode("utf-8", "surrogateescape") + ending


def _needless_record_rule(read: _Cells, shape: RecordShape) -> str | None:
    """Return the rule of a record to remove: a repeated header, or a record without a value."""
    if shape.names and repeats_header(read.texts, shape.columns, shape.names):
        return "HDR110"
    return "STR103" if len(read.texts) > 1 and all(map(is_blank, read.texts)) else None


def _non_record_rule(read: _Cells, shape: RecordShape) -> str | None:
    """Return the rule of a line to remove because it is not a record.

    Without `unsafe`, only certain comments and lines of symbols are removed.
    """
    texts, width = read.texts, len(shape.columns)
    if shape.surplus and _is_complete(read, shape):
        texts, width = read.without(shape.surplus).texts, width - len(shape.surplus)
    code = odd_line(texts, width, last=shape.last)
    certain = code == COMMENT and width > 1 and (len(texts) != width or is_rule(texts))
    return code if code in {COMMENT, PROGRAM} and (certain or shape.options.unsafe) else None


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return a record without its line end, and the line end."""
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n" if raw.endswith(b"\n") else b""
    return raw[: len(raw) - len(ending)], ending


def _cells(body: bytes, separator: int) -> _Cells | None:
    """Return the cells of a record with valid quotes; None if a lone carriage return follows a quote."""
    places = [*cells(body, 0, separator)]
    if places[-1][1] != len(body):
        return None
    originals = [body[start:end].decode("utf-8", "surrogateescape") for start, end in places]
    return _Cells([undoubled(cell) if cell.startswith('"') else cell for cell in originals], [*originals])


def _read(text: str, shape: RecordShape, repairs: list[AppliedRepair], defect: QuoteDefect | None) -> _Cells | None:
    """Return the cells of a record, as many as the header has if that is certain; None if its quotes stay invalid."""
    separator, width = chr(shape.separator), len(shape.columns)
    found = _cells(text.encode(), shape.separator) if defect is None else _read_malformed(text, defect, shape)
    if found is None:
        return None
    if defect is not None:
        _with_repair(defect.code, text, found, repairs)
    if len(found.texts) == width:
        return found
    if len(found.texts) < width:
        return _completed(text, found, shape, repairs)
    if not any(found.texts[width:]):
        is_surplus = shape.evidence.all_surplus or (any(found.texts[1:]) and not may_be_note(found.texts[0], shape))
        return _with_repair("STR102", text, found.of_width(width), repairs) if is_surplus else found
    # A JSON object without quotes around it contains commas.
    whole = readings(text, separator, width)
    return found if whole is None else _with_repair("STR102", text, _respelled(whole), repairs)


def _completed(text: str, found: _Cells, shape: RecordShape, repairs: list[AppliedRepair]) -> _Cells:
    """Return the cells of a record that has too few: the cells inside its only one, or with blank cells added.

    A lone text in the first cell that does not resemble the other first cells may be a note, not a short record.
    """
    width, unsafe = len(shape.columns), shape.options.unsafe
    if len(found.texts) == 1 and (found.originals[0] or "").startswith('"'):
        inner = [raw.decode() for raw in wrapped_cells(found.texts[0].encode(), shape.separator)]
        if len(inner) == width:
            allowed = unsafe or shape.evidence.all_wrapped
            cells_ = _Cells([undoubled(cell) if cell.startswith('"') else cell for cell in inner], [*inner])
            return _with_repair("STR116", text, cells_, repairs) if allowed else found
    if not unsafe or not any(found.texts) or may_be_note(found.texts[0], shape):
        return found
    # A total or another line of a program is removed, not completed.
    if odd_line(found.texts, width, last=False) is not None:
        return found
    if not any(found.texts[1:]) and not shape.evidence.first.fits(found.texts[0]):
        return found
    return _with_repair("STR101", text, found.of_width(width), repairs)


def may_be_note(first: str, shape: RecordShape) -> bool:
    """Return whether the first cell of a record is unlike those of other records, as that of a total is."""
    return bool(first) and not shape.evidence.first.resembles(first)


def _read_malformed(text: str, defect: QuoteDefect, shape: RecordShape) -> _Cells | None:
    """Return the cells of a record with invalid quotes; None if they are not certain."""
    separator, width, found = chr(shape.separator), len(shape.columns), None
    if defect.code == "STR105" and shape.options.unsafe:
        found = close_quote(text, defect.at, separator, width)
    elif defect.code in _READABLE:
        found = readings(text, separator, width)
        if found is None and shape.separator != _COMMA:
            # All other records get commas, and an unchanged record would then be read differently.
            found = readings(text, separator, None)
        if found is None and '\\"' in text:
            found = _unescaped(text, shape)
    return None if found is None else _respelled(found)


def _unescaped(text: str, shape: RecordShape) -> list[str] | None:
    """Return the cells of a record with quotes escaped by backslashes, as some databases do; None if it has none."""
    found = _cells(text.replace('\\"', '""').encode(), shape.separator)
    doubtful = "\\\\" in text or read_strictly(text.replace('\\"', '""').encode(), 0, shape.separator).code
    return None if found is None or doubtful or len(found.texts) != len(shape.columns) else found.texts


def _respelled(texts: list[str]) -> _Cells:
    return _Cells(texts, [None] * len(texts))


def _with_repair(code: str, before: str, after: _Cells, repairs: list[AppliedRepair]) -> _Cells:
    repairs.append(AppliedRepair(code, before, after.spelled()))
    return after


def _repaired(read: _Cells, shape: RecordShape, repairs: list[AppliedRepair]) -> _Cells:
    texts, originals = [*read.texts], [*read.originals]
    for index, name in enumerate(shape.columns):
        if name is not None and texts[index] and name not in shape.kept:
            after, found = repair_field(index, name, texts[index], shape)
            if found and not (is_blank(after) and _is_needed(name, read, shape)):
                texts[index], originals[index] = after, None
                repairs += found
    return _Cells(texts, originals)


def repair_field(index: int, name: str, text: str, shape: RecordShape) -> tuple[str, list[AppliedRepair]]:
    """Return a repaired cell and the repairs; blanks and byte order marks may alternate before the first one."""
    repairs: list[AppliedRepair] = []
    while True:
        if index == 0 and (mark := _byte_order_mark(text, shape)) is not None:
            repairs.append(mark)
            text = mark.after
        before = text
        text, found = shape.repaired_cell(name, text)
        repairs += found
        if index > 0 or text == before:
            return text, repairs


def _byte_order_mark(text: str, shape: RecordShape) -> AppliedRepair | None:
    """Return the repair of a first cell that begins with a byte order mark; None if there is nothing to repair."""
    name, inner = shape.columns[0], text.lstrip(_MARK)
    if name is None or inner == text or makes_invalid(shape.contract.column(name), text, inner):
        return None
    return AppliedRepair("COD102", text, inner, name) if inner else None


def _is_needed(name: str, read: _Cells, shape: RecordShape) -> bool:
    """Return whether a cell is the only filled one in a group of columns that requires one."""
    filled = {column for column, text in zip(shape.columns, read.texts, strict=True) if column and not is_blank(text)}
    groups = (set(exclusive.columns) for exclusive in shape.contract.exclusive if exclusive.whole_file)
    return any(filled & group == {name} for group in groups)


def is_blank(text: str) -> bool:
    """Return whether a cell contains only blanks; Python also counts some control characters as blanks."""
    return not text or (text.isspace() and not _CONTROL_BLANKS.intersection(text))


def spelled(text: str, original: str | None) -> str:
    """Return a cell as it is written: unchanged, unless commas as separators make quotes necessary."""
    if original is not None and (original.startswith('"') or "," not in original):
        return original
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
