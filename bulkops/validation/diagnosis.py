"""Find one cause of many findings in the first bytes of a file: other content, header, contract or encoding.

A cause is reported as a finding. The findings that it explains are counted and not listed.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.likely_encodings import describe_readings
from bulkops.validation.column_names import fold, synonym
from bulkops.validation.header import SEPARATOR_NAMES, SEPARATORS, Header, lone_return, spelt_names
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules_registry import RULES

_SEARCHED = 100
"""Maximum number of lines searched for a header, and of records compared with it."""
_FEW = 10
"""Minimum number of records, or of lines that are not UTF-8, that cannot be an accident."""
_NEARLY_ALL = 0.8
"""Minimum share of records for a cause that concerns the whole file."""
_SURE = 3
"""Minimum number of columns unique to an export that identify an export."""
_SHOWN = 60
_LONGEST_HEADER = 4096
"""Maximum bytes of a line that may be a header of documented names."""
_MARKUP = re.compile(rb"(?i)<(?:!doctype\s+html|html|head|body|\?xml|!--)|<[a-z][a-z0-9:_-]*(?:\s[^<>\n]*)?/?>")
_OBJECT = re.compile(rb'(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
_COLUMNS = frozenset({"HDR101", "HDR102", "HDR103", "HDR116", "HDR131"})
_OF_FIELDS = frozenset(
    {"HDR104", "HDR105", "HDR107", "FIL107", "STR101", "STR102", "STR104", "STR105", "STR106", "STR107"}
)
"""Rules of fields, of their quotes, and of control characters, which may separate fields."""
_OF_CELLS = frozenset(
    code for code in RULES if code.startswith(("TYP", "VAL", "UNQ", "XCL", "ATR", "DAT", "XLS", "COD"))
)


@dataclass(frozen=True)
class CommonCause:
    """A defect of the whole file, and the rules that report its consequences."""

    code: str
    message: str
    explains: frozenset[str]


_SIGNATURES = (
    (b"\x1f\x8b", "compressed with gzip a second time"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)"),
    (b"PAR1\x15", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)
"""The first bytes of files of other programs that contain no lines."""


def binary_kind(data: bytes) -> str | None:
    """Return the kind of a binary file that its first bytes show; None if they show none."""
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)


def content_kind(data: bytes) -> str | None:
    """Return the kind of content if it is not CSV (HTML, XML or JSON); None if it may be CSV."""
    start = data[:4096].lstrip()
    if found := _MARKUP.match(start):
        return "XML" if found[0].startswith(b"<?") else "HTML or XML"
    first, _, rest = data.lstrip().partition(b"\n")
    if _OBJECT.match(start):
        several = rest.lstrip().startswith(b"{")
        return "a JSON array" if start.startswith(b"[") else "JSON lines" if several else "JSON"
    if start.startswith(b"[") and (_is_json(data) or _is_json(first.rstrip(b"\r, ") + b"]")):
        return "a JSON array"
    return None


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def header_below(data: bytes, contract: Contract, renames: Mapping[str, str]) -> int:
    """Return the offset of a header that other lines precede; 0 if the first line may be one, or if none is found."""
    at = 0
    for number in range(_SEARCHED):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].rstrip(b"\r\n")
        known, fields = _known(line, contract, renames)
        if not number and known:
            return 0
        named = number > 0 and 0 < known * 2 >= fields
        # The rest of the line is not part of the header.
        lone = lone_return(line)
        names = line if lone < 0 else line[:lone]
        if named and _is_whole(names, contract, renames) and content_kind(line) is None:
            return at
        at = end
        if at >= len(data):
            break
    return 0


def removable(preamble: bytes, header: Header) -> bool:
    """Return whether no line in front of a header can be a record: each is blank, a remark, or has another width."""
    width, alone = len(header.columns), sum(bool(name.strip()) for name in header.names) == 1
    for line in preamble.splitlines():
        remark = re.match(rb"#|//|--|[-=_+|*,;\t ]*$", line.strip()) is not None
        if not remark and (alone or len([*cells(line, 0, header.separator)]) == width):
            return False
    return True


def _known(line: bytes, contract: Contract, renames: Mapping[str, str]) -> tuple[int, int]:
    """Return the number of documented names in a line and of all its names, with the separator that finds most."""
    known = {name.lower() for name in (*contract.column_names, *renames)}
    # A spreadsheet may add blank names.
    lines = [[name.lower() for name in names if name.strip()] for names in _all_names(line)]
    counts = [(sum(name in known for name in names), len(names)) for names in lines]
    return max(counts, key=lambda pair: (pair[0], -pair[1]), default=(0, 1))


def _is_whole(line: bytes, contract: Contract, renames: Mapping[str, str]) -> bool:
    """Return whether a line has all columns that the contract requires."""
    return any(_required({renames.get(name, name).lower() for name in names}, contract) for names in _all_names(line))


def _required(names: set[str], contract: Contract) -> bool:
    """Return whether lower-case names contain all columns that a contract requires."""
    groups = [exclusive.columns for exclusive in contract.exclusive if exclusive.whole_file]
    groups += [(name,) for name in contract.required_names]
    return all(any(name.lower() in names for name in group) for group in groups)


def _all_names(line: bytes) -> tuple[tuple[str, ...], ...]:
    """Return the names in a line for each separator; nothing for a line too long to be a header."""
    return _names_by_separator(line) if len(line) <= _LONGEST_HEADER else ()


@lru_cache(maxsize=64)
def _names_by_separator(line: bytes) -> tuple[tuple[str, ...], ...]:
    """Return the names in a line for each separator; many files in a process have the same header."""
    return tuple(spelt_names(line, separator) for separator in SEPARATORS)


def separator_cause(header: Header, line: bytes, data: bytes) -> CommonCause | None:
    """Return the cause if a sign that the reader does not know separates the names of a header line.

    Several names, and at least half of them, are documented; the first records, in `data`, contain the sign too.
    """
    if header.columns != (None,) or header.wrapped or len(line) > _LONGEST_HEADER:
        return None
    sign = _unknown_separator(line.decode("utf-8", "replace").strip())
    records = (record.decode("utf-8", "replace").strip() for record in _whole_lines(data)[:_SEARCHED])
    if sign is None or not all(sign.pattern.search(record) for record in records):
        return None
    message = f"fields are separated by {sign.shown}, not by a comma"
    return CommonCause("HDR117", message, _COLUMNS | _OF_FIELDS | _OF_CELLS)


class _Separator(NamedTuple):
    """A sign that may separate fields, and its name in messages."""

    pattern: re.Pattern[str]
    shown: str


_BLANKS = _Separator(re.compile(r"\s+"), "blanks")


def _unknown_separator(text: str) -> _Separator | None:
    """Return the sign that divides a header into the most documented names; None if none finds several."""
    known = _documented_names()
    runs = {run.strip('" ') for run in re.findall(r"\W+", text)} - {""}
    best, most = None, 1
    for sign in (*(_Separator(re.compile(re.escape(run)), _shown_sign(run)) for run in sorted(runs)), _BLANKS):
        names = [fold(name.strip(' "')) for name in sign.pattern.split(text)]
        found = sum(name in known for name in names)
        # A name may consist of several words, so that blanks must separate documented names only.
        if found > most and found * 2 >= len(names) and (sign is not _BLANKS or found == len(names)):
            best, most = sign, found
    return best


@lru_cache(maxsize=1)
def _documented_names() -> frozenset[str]:
    """Return the folded names of all columns of imports and exports."""
    names = {name for contract in CONTRACTS.values() for name in contract.header_names}
    readbacks = [route.readback for contract in CONTRACTS.values() for route in contract.routes if route.readback]
    names.update(name for readback in readbacks for name in readback.own_columns)
    names.update(name for readback in readbacks for column in readback.columns for name in column.found)
    return frozenset(map(fold, names))


def _shown_sign(sign: str) -> str:
    control = len(sign) == 1 and not sign.isprintable()
    return f"the control character {ord(sign):#04x}" if control else repr(sign)


def header_cause(header: Header, contract: Contract) -> CommonCause | None:
    """Return the cause if the header belongs to an export or to another contract; None if it does not."""
    if any(fault.code == "HDR107" for fault in header.faults):
        return None
    return _export(header, contract) or _other_contract(header, contract)


def _export(header: Header, contract: Contract) -> CommonCause | None:
    if None not in header.columns:
        return None
    names = {name.strip().lower() for name in header.names}
    counts = {other.name: _own_columns(names, other) for other in (contract, *CONTRACTS.values())}
    # `max` returns the first of equal names, here the contract itself.
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        return None
    takes = ", ".join(contract.column_names)
    convertible = any(route.readback and route.readback.open_amounts is None for route in CONTRACTS[best].routes)
    saved = " --saved FILE" if convertible else ""
    advice = f"`bulkops export {best} --for-import{saved} -o OUT` writes an import file"
    text = f"the file is an export of {best}, not an import file; the columns of {contract.name} are {takes}"
    explains = _COLUMNS | {"HDR106"} | (frozenset() if best == contract.name else _OF_CELLS)
    return CommonCause("HDR112", f"{text}; {advice}", explains)


def _own_columns(names: set[str], contract: Contract) -> int:
    """Return the number of columns that only an export has.

    0 unless there are three or half of all such columns, and the key column too; if all columns are the key, one of
    them is enough, because an export shows only those of its program.
    """
    best = 0
    for route in contract.routes:
        readback = route.readback
        if readback is None or not readback.own_columns:
            continue
        found = {column.column: {name.lower() for name in column.found} for column in readback.columns}
        own = {name.lower() for name in readback.own_columns} - {name.lower() for name in contract.column_names}
        count = len(own & names)
        sure = count >= _SURE or (count > 1 and count * 2 >= len(own))
        keys = [bool(found[key] & names) for key in readback.key if key in found]
        if sure and (any(keys) if readback.multiset else all(keys)):
            best = max(best, count)
    return best


def export_names(header: Header, contract: Contract) -> Mapping[str, str]:
    """Return the export names of columns that an import file names otherwise, each with its import name."""
    names = {name.lower(): name for name in header.names}
    renames: dict[str, str] = {}
    for route in contract.routes:
        for column in route.readback.columns if route.readback else ():
            found = next((names[name.lower()] for name in column.found if name.lower() in names), None)
            if found is not None and found != column.column and column.column not in header.names:
                renames.setdefault(found, column.column)
    return renames


def _other_contract(header: Header, contract: Contract) -> CommonCause | None:
    names = {name.strip().lower() for name in header.names}
    strange = [
        name
        for name, column in zip(header.names, header.columns, strict=True)
        if column is None and name.strip() and synonym(name, contract) is None
    ]
    present = {column.lower() for column in header.present}
    if not strange and (len(present) < len(names) or _required(names, contract)):
        return None
    others = [
        other.name
        for other in CONTRACTS.values()
        if other is not contract and names <= {name.lower() for name in other.column_names} and _required(names, other)
    ]
    if not others or not names - {""}:
        return None
    return CommonCause(
        "HDR113",
        f"this looks like a {' or '.join(others)} file, not {contract.name}: it has the columns of that import",
        _COLUMNS | _OF_CELLS,
    )


def width_cause(header: Header, data: bytes) -> CommonCause | None:
    """Return the cause if all first records have another number of fields, or another separator, than the header."""
    width = len(header.columns)
    lines = _whole_lines(data)[:_SEARCHED]
    if len(lines) < _FEW or header.wrapped:
        return None
    counts = Counter(_width(line, header.separator) for line in lines)
    ((count, times),) = counts.most_common(1)
    if count in {0, width} or times < len(lines):
        return None
    separator_name = SEPARATOR_NAMES[bytes((header.separator,))]
    for separator in SEPARATORS if width > 1 else b"":
        if separator != header.separator and all(_width(line, separator) == width for line in lines):
            other = SEPARATOR_NAMES[bytes((separator,))]
            message = f"{other} separates the fields of the records, but {separator_name} those of the header"
            return CommonCause("HDR114", message, frozenset({"STR101", "STR102"}))
    if count > width and all(_blank_behind(line, header.separator, width) for line in lines):
        # `fix` removes surplus blank fields record by record.
        return None
    if count == 1 and all(line.startswith(b'"') for line in lines):
        return None
    message = f"the header has {_fields(width)}, but all of the first {len(lines)} records have {_fields(count)}"
    return CommonCause("HDR114", message, frozenset({"STR101", "STR102"}))


def wrapped_throughout(header: Header, data: bytes) -> bool:
    """Return whether nearly all of the first records are quoted as a whole."""
    width = len(header.columns)
    if width < 2 or not data.startswith(b'"'):
        return False
    lines = _whole_lines(data)[:_SEARCHED]
    inner = [line[1:-1].replace(b'""', b'"') for line in lines if _width(line, header.separator) == 1]
    whole = sum(len(wrapped_cells(text, header.separator)) == width for text in inner)
    return len(lines) >= _FEW and whole >= _NEARLY_ALL * len(lines)


def _whole_lines(data: bytes) -> list[bytes]:
    """Return the lines with content after the header, without a last line that may be incomplete."""
    lines = data[: 1 << 16].split(b"\n")
    whole = lines[:-1] if len(data) > 1 << 16 else lines
    return [line.rstrip(b"\r") for line in whole if line.strip()]


def _width(line: bytes, separator: int) -> int:
    """Return the number of fields of a line; 0 if its quotes are wrong."""
    read = read_strictly(line, 0, separator)
    return 0 if read.code else len([*cells(line, 0, separator)])


def _blank_behind(line: bytes, separator: int, width: int) -> bool:
    """Return whether all fields after the first `width` fields are blank."""
    return not any(line[start:end] for start, end in [*cells(line, 0, separator)][width:])


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def encoding_cause(data: bytes, *, mask: bool) -> CommonCause | None:
    """Return the cause if many lines are not UTF-8 and no line proves that the file is UTF-8."""
    if data.isascii():
        return None
    odd: Sequence[bytes] = [line for line in _whole_lines(data) if not line.isascii()]
    if len(odd) < _FEW or any(map(is_utf8, odd)):
        return None
    readings = describe_readings(odd[0][:_SHOWN], mask=mask)
    message = f"the file is not UTF-8: none of its first {len(odd):,} lines with other characters is{readings}"
    return CommonCause("FIL112", message, frozenset({"FIL102", "FIL104"}))
