"""One record repaired: its bytes, its quotes, its number of fields, its cells, its line end."""

import re
from dataclasses import dataclass

from bulkops.fixing.options import FixOptions, Knowledge, Repair
from bulkops.fixing.repairs.cells import repair_cell, spoils
from bulkops.fixing.repairs.encoding import decoded
from bulkops.fixing.repairs.quotes import readings, undoubled
from bulkops.fixing.repairs.unclosed_quotes import closed
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.validation.checks.repeated_header import repeats_header
from bulkops.validation.odd_lines import is_rule, odd_line
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.odd_lines import COMMENT, PROGRAM

_CONTROL_BLANKS = frozenset("\x1c\x1d\x1e\x1f")
_NEEDS_QUOTES = re.compile('[",\r\n]')
_COMMA = ord(",")
_MARK = "\ufeff"
"""A byte order mark: in front of a record, where one file was put behind another."""
_READABLE = {"STR104", "STR106", "STR107"}
"""Rules of broken quotes that leave no doubt if only one reading has the right number of cells."""


@dataclass(frozen=True)
class Shape:
    """What all records of a file share: the columns by position, the separator, the line end to write.

    `names` are the columns as the header spells them. Cells of the columns `kept` are not repaired. Columns at the
    positions `surplus` are blank and go; so do those `dropped`, whatever their cells are. `last`: the shape is that of
    the last record of the file.
    """

    contract: Contract
    columns: tuple[str | None, ...]
    separator: int
    line_end: bytes
    surplus: frozenset[int]
    knowledge: Knowledge
    options: FixOptions
    names: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    dropped: frozenset[int] = frozenset()
    last: bool = False

    @property
    def gone(self) -> frozenset[int]:
        """The positions of columns that are not written."""
        return self.surplus | self.dropped

    @property
    def reshaped(self) -> bool:
        """Whether every record has to be written anew."""
        return self.separator != _COMMA or bool(self.gone)

    @property
    def rewritten(self) -> bool:
        """Whether records without a finding may change too."""
        return self.reshaped or self.knowledge.decoded_from is not None


@dataclass(frozen=True)
class Defect:
    """The rule that the quotes of a record break, and the offset of the quote in it."""

    code: str
    at: int

    def in_text(self, body: bytes) -> "Defect":
        """Return the defect with its offset in characters."""
        return Defect(self.code, len(body[: self.at].decode("utf-8", "surrogateescape")))


@dataclass
class _Cells:
    """The cells of a record, and how each was spelt; None where it has to be spelt anew."""

    texts: list[str]
    originals: list[str | None]

    def of_width(self, width: int) -> "_Cells":
        """Return the cells with blank ones behind them, or without those beyond the width."""
        missing = max(0, width - len(self.texts))
        return _Cells(self.texts[:width] + [""] * missing, self.originals[:width] + [""] * missing)

    def without(self, places: frozenset[int]) -> "_Cells":
        """Return the cells but for those in some places."""
        kept = [i for i in range(len(self.texts)) if i not in places]
        return _Cells([self.texts[i] for i in kept], [self.originals[i] for i in kept])

    def spelt(self) -> str:
        """Return the record: unchanged cells as they were."""
        line = ",".join(_spelt(text, original) for text, original in zip(self.texts, self.originals, strict=True))
        return line or '""'  # a lone blank cell must not become a blank line


def repair_record(
    raw: bytes, shape: Shape, *, defect: Defect | None = None, structure_only: bool = False
) -> tuple[bytes, list[Repair]]:
    """Return a record (line end included) as it should be, and what was changed.

    What cannot be repaired stays as it is, but for the form of the whole file. An empty result: the record goes.
    `structure_only`: its cells wait until those of all records can be read.
    """
    body, ending = _split(raw)
    text, repairs = decoded(body, shape.knowledge, shape.options)
    if text is None:
        return (raw if defect else reshaped(raw, shape)), []
    read = _read(text, shape, repairs, defect and defect.in_text(body))
    if ending and ending != shape.line_end and not body.endswith(b"\r"):  # which a line feed would follow
        repairs.append(Repair("FIL109", ending.decode(), shape.line_end.decode()))
        ending = shape.line_end
    if read is None:
        return text.encode() + ending, repairs
    if len(read.texts) == 1 < len(shape.columns) and not body.strip():
        return b"", [*repairs, Repair("STR103", text, "")]
    if (code := _odd(read, shape)) is not None:
        return b"", [*repairs, Repair(code, text, "")]
    if len(read.texts) != len(shape.columns) or any(read.texts[i] for i in shape.surplus):
        return (read.spelt().encode() if shape.reshaped or defect else text.encode()) + ending, repairs
    if (code := _unneeded(read, shape)) is not None:
        return b"", [*repairs, Repair(code, text, "")]
    structure_only = structure_only or any(repair.code == "STR116" for repair in repairs)
    repaired = read if structure_only else _repaired(read, shape, repairs)
    if not repairs and not shape.reshaped:
        return raw, []
    if not any(repaired.texts) and any(read.texts):
        return b"", [*repairs, Repair("STR103", text, "")]
    kept = repaired.without(shape.gone) if shape.gone else repaired
    return kept.spelt().encode() + ending, repairs


def reshaped(raw: bytes, shape: Shape) -> bytes:
    """Return a record whose cells stay as they are in the form of the whole file: with commas, without surplus."""
    body, ending = _split(raw)
    found = _cells(body, shape.separator) if shape.reshaped else None
    if found is None:
        return raw
    if len(found.texts) == len(shape.columns) and not any(found.texts[i] for i in shape.surplus):
        found = found.without(shape.gone)
    return found.spelt().encode("utf-8", "surrogateescape") + ending


def _unneeded(read: _Cells, shape: Shape) -> str | None:
    """Return the rule of a record that goes: the header once more, or one without a value."""
    if shape.names and repeats_header(read.texts, shape.columns, shape.names):
        return "HDR110"
    return "STR103" if len(read.texts) > 1 and all(map(_is_blank, read.texts)) else None


def _odd(read: _Cells, shape: Shape) -> str | None:
    """Return the rule of a line that is no record and may go: safely only if it is a comment or a rule for certain."""
    width = len(shape.columns)
    code = odd_line(read.texts, width, last=shape.last)
    certain = code == COMMENT and width > 1 and (len(read.texts) != width or is_rule(read.texts))
    return code if code in {COMMENT, PROGRAM} and (certain or shape.options.unsafe) else None


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return a record and its line end."""
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n" if raw.endswith(b"\n") else b""
    return raw[: len(raw) - len(ending)], ending


def _cells(body: bytes, separator: int) -> _Cells | None:
    """Return the cells of a record whose quotes are right; None if a lone carriage return stands behind a quote."""
    places = [*cells(body, 0, separator)]
    if places[-1][1] != len(body):
        return None
    originals = [body[start:end].decode("utf-8", "surrogateescape") for start, end in places]
    return _Cells([undoubled(cell) if cell.startswith('"') else cell for cell in originals], [*originals])


def _read(text: str, shape: Shape, repairs: list[Repair], defect: Defect | None) -> _Cells | None:
    """Return a record's cells, as many as the header has if that is certain enough; None if its quotes are wrong."""
    separator, width = chr(shape.separator), len(shape.columns)
    found = _cells(text.encode(), shape.separator) if defect is None else _mended(text, defect, shape)
    if found is None:
        return None
    if defect is not None:
        _noted(defect.code, text, found, repairs)
    if len(found.texts) == width:
        return found
    if len(found.texts) < width:
        return _filled_up(text, found, shape, repairs)
    if not any(found.texts[width:]):
        may_go = shape.knowledge.all_surplus or (any(found.texts[1:]) and not _may_be_note(found, shape))
        return _noted("STR102", text, found.of_width(width), repairs) if may_go else found
    whole = readings(text, separator, width)  # a JSON object without quotes around it has commas
    return found if whole is None else _noted("STR102", text, _anew(whole), repairs)


def _filled_up(text: str, found: _Cells, shape: Shape, repairs: list[Repair]) -> _Cells:
    """Return the cells of a record that has too few: those that its only one contains, or with blank ones behind them.

    Text alone in the first cell that does not look like the others may be a note, not a short record.
    """
    width, unsafe = len(shape.columns), shape.options.unsafe
    if len(found.texts) == 1 and (found.originals[0] or "").startswith('"'):
        inner = [raw.decode() for raw in wrapped_cells(found.texts[0].encode(), shape.separator)]
        if len(inner) == width:
            allowed = unsafe or shape.knowledge.all_wrapped
            cells_ = _Cells([undoubled(cell) if cell.startswith('"') else cell for cell in inner], [*inner])
            return _noted("STR116", text, cells_, repairs) if allowed else found
    if not unsafe or not any(found.texts) or _may_be_note(found, shape):
        return found
    if not any(found.texts[1:]) and not shape.knowledge.first.fits(found.texts[0]):
        return found
    return _noted("STR101", text, found.of_width(width), repairs)


def _may_be_note(found: _Cells, shape: Shape) -> bool:
    """Tell whether a record begins with text that does not resemble the first cells of the others, as a total does."""
    return bool(found.texts[0]) and not shape.knowledge.first.resembles(found.texts[0])


def _mended(text: str, defect: Defect, shape: Shape) -> _Cells | None:
    """Return the cells of a record whose quotes are wrong, if it is certain enough which they are."""
    separator, width, found = chr(shape.separator), len(shape.columns), None
    if defect.code == "STR105" and shape.options.unsafe:
        found = closed(text, defect.at, separator, width)
    elif defect.code in _READABLE:
        found = readings(text, separator, width)
        if found is None and shape.separator != _COMMA:
            # With commas in all other records, one that is left as it is would be read in another way than here.
            found = readings(text, separator, None)
        if found is None and '\\"' in text:
            found = _unescaped(text, shape)
    return None if found is None else _anew(found)


def _unescaped(text: str, shape: Shape) -> list[str] | None:
    """Return the cells of a record whose quotes are escaped with backslashes, as some databases do; None if not so."""
    found = _cells(text.replace('\\"', '""').encode(), shape.separator)
    doubtful = "\\\\" in text or read_strictly(text.replace('\\"', '""').encode(), 0, shape.separator).code
    return None if found is None or doubtful or len(found.texts) != len(shape.columns) else found.texts


def _anew(texts: list[str]) -> _Cells:
    return _Cells(texts, [None] * len(texts))


def _noted(code: str, before: str, after: _Cells, repairs: list[Repair]) -> _Cells:
    repairs.append(Repair(code, before, after.spelt()))
    return after


def _repaired(read: _Cells, shape: Shape, repairs: list[Repair]) -> _Cells:
    texts, originals = [*read.texts], [*read.originals]
    if (mark := _byte_order_mark(texts[0], shape)) is not None:
        repairs.append(mark)
        texts[0], originals[0] = mark.after, None
    for index, name in enumerate(shape.columns):
        if name is not None and texts[index] and name not in shape.kept:
            column = shape.contract.column(name)
            after, found = repair_cell(column, texts[index], shape.knowledge, shape.options)
            if found and not (_is_blank(after) and _is_needed(name, read, shape)):
                texts[index], originals[index] = after, None
                repairs += found
    return _Cells(texts, originals)


def _byte_order_mark(text: str, shape: Shape) -> Repair | None:
    """Return the repair of a first cell that begins with a byte order mark, which belongs to no cell."""
    name, inner = shape.columns[0], text.lstrip(_MARK)
    if name is None or name in shape.kept or inner == text or spoils(shape.contract.column(name), text, inner):
        return None
    return Repair("COD102", text, inner, name) if inner else None


def _is_needed(name: str, read: _Cells, shape: Shape) -> bool:
    """Return whether a cell is the only filled one in a group of columns that requires one."""
    filled = {column for column, text in zip(shape.columns, read.texts, strict=True) if column and not _is_blank(text)}
    groups = (set(exclusive.columns) for exclusive in shape.contract.exclusive if exclusive.whole_file)
    return any(filled & group == {name} for group in groups)


def _is_blank(text: str) -> bool:
    """Tell whether a cell holds nothing but blanks; to Python the separators among control characters are such too."""
    return not text or (text.isspace() and not _CONTROL_BLANKS.intersection(text))


def _spelt(text: str, original: str | None) -> str:
    """Return a cell as it is written: as it was, unless that needs quotes now that commas stand between cells."""
    if original is not None and (original.startswith('"') or "," not in original):
        return original
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
