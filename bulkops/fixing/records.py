"""One record repaired: its cells, its quotes, its number of fields, its line end."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from bulkops.fixing.cells import repair_cell
from bulkops.fixing.options import FixOptions, Knowledge, Repair
from bulkops.fixing.quotes import closed, readings
from bulkops.reading.quoting import cells
from bulkops_validators.model.contract import Contract

_NEEDS_QUOTES = re.compile('[",\r\n]')


@dataclass(frozen=True)
class Shape:
    """What all records of a file share: the columns by position, the separator, the line end to write."""

    contract: Contract
    columns: tuple[str | None, ...]
    separator: int
    line_end: bytes
    surplus: frozenset[int]
    knowledge: Knowledge
    options: FixOptions

    @property
    def reshaped(self) -> bool:
        """Whether every record has to be written anew."""
        return self.separator != ord(",") or bool(self.surplus)


def repair_record(raw: bytes, shape: Shape, *, broken: str = "") -> tuple[bytes, list[Repair]]:
    """Return a record (line end included) as it should be, and what was changed.

    `broken` is the rule its quotes break. What cannot be repaired stays as it is. An empty result: the record goes.
    """
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n" if raw.endswith(b"\n") else b""
    body = raw[: len(raw) - len(ending)]
    text, repairs = _decoded(body, shape)
    if text is None:
        return raw, []
    found = _cells_of(text, shape, repairs, broken)
    if ending and ending != shape.line_end:
        repairs.append(Repair("FIL109", ending.decode(), shape.line_end.decode()))
        ending = shape.line_end
    if found is None:
        return (text.encode() + ending, repairs) if repairs else (raw, [])
    texts, originals = found
    if len(texts) > 1 and not any(texts):
        return b"", [*repairs, Repair("STR103", text, "")]
    repaired = _repaired_cells(texts, shape, repairs)
    if not repairs and not shape.reshaped:
        return raw, []
    if not any(repaired) and any(texts):
        return b"", [*repairs, Repair("STR103", text, "")]
    kept = [i for i in range(len(repaired)) if i not in shape.surplus]
    out = [_encoded(repaired[i], texts[i] if i < len(texts) else "", originals, i, shape) for i in kept]
    line = ",".join(out) or '""'  # a lone blank cell must not become a blank line
    return line.encode() + ending, repairs


def _decoded(body: bytes, shape: Shape) -> tuple[str | None, list[Repair]]:
    """Return a record as text, and the repair if it was Windows-1252; None if its bytes cannot be read."""
    try:
        return body.decode(), []
    except UnicodeDecodeError:
        text = body.decode("utf-8", "bulkops.windows")
    strange = [c for c in text if c in "\u00ff\u00fe\ufffd" or (unicodedata.category(c) == "Cc" and c not in "\t\r\n")]
    if strange and not shape.options.unsafe:
        return None, []
    return text, [Repair("FIL104", body.decode("utf-8", "backslashreplace"), text)]


def _cells_of(text: str, shape: Shape, repairs: list[Repair], broken: str) -> tuple[list[str], list[str] | None] | None:
    """Return a record's cells and their original spelling (None if that is lost); None if it cannot be read."""
    width, separator = len(shape.columns), chr(shape.separator)
    if broken:
        read = readings(text, separator, width)
        if read is None and broken == "STR105" and shape.options.unsafe:
            read = closed(text, separator, width)
        if read is None:
            return None
        repairs.append(Repair(broken, text, ",".join(_quoted(cell) for cell in read)))
        return read, None
    data = text.encode()
    originals = [data[start:end].decode() for start, end in cells(data, 0, shape.separator)]
    texts = [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in originals]
    if len(texts) > width and not any(texts[width:]):
        repairs.append(Repair("STR102", text, ""))
        return texts[:width], originals[:width]
    if len(texts) < width and shape.options.unsafe and any(texts):
        repairs.append(Repair("STR101", text, ""))
        return texts + [""] * (width - len(texts)), originals + [""] * (width - len(texts))
    return (texts, originals) if len(texts) == width else None


def _repaired_cells(texts: Sequence[str], shape: Shape, repairs: list[Repair]) -> list[str]:
    repaired = list(texts)
    for index, name in enumerate(shape.columns):
        if name is not None and texts[index]:
            column = shape.contract.column(name)
            repaired[index], found = repair_cell(column, texts[index], shape.knowledge, shape.options)
            repairs += found
    return repaired


def _encoded(cell: str, before: str, originals: list[str] | None, index: int, shape: Shape) -> str:
    """Return a cell as it is written: as it was, if nothing about it changed."""
    if originals is not None and cell == before and shape.separator == ord(","):
        return originals[index]
    return _quoted(cell)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell
