"""One cause of many findings, seen in the first bytes of a file: another kind of content, header, contract or encoding.

A cause is a finding of its own. The findings that it explains are counted and not listed.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.likely_encodings import readings_told
from bulkops.validation.column_names import synonym
from bulkops.validation.header import SEPARATORS, SPOKEN, Header, spelt_names
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules_registry import RULES

_SEARCHED = 100
"""Lines in which a header is looked for, and records that are compared with it."""
_FEW = 10
"""Records, or lines that are not UTF-8, from which on they are no accident."""
_SURE = 3
"""Columns that only an export has, from which on a file is one."""
_SHOWN = 60
_MARKUP = re.compile(rb"(?i)<(?:!doctype\s+html|html|head|body|\?xml|!--)|<[a-z][a-z0-9:_-]*(?:\s[^<>\n]*)?/?>")
_OBJECT = re.compile(rb'(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
_COLUMNS = frozenset({"HDR101", "HDR102", "HDR103", "HDR116", "HDR131"})
_OF_CELLS = frozenset(
    code for code in RULES if code.startswith(("TYP", "VAL", "UNQ", "XCL", "ATR", "DAT", "XLS", "COD"))
)


@dataclass(frozen=True)
class Cause:
    """What is wrong with the file as a whole, and the rules whose findings follow from it."""

    code: str
    message: str
    explains: frozenset[str]


def other_content(data: bytes) -> str | None:
    """Return what the first bytes of a file are if not CSV: HTML, XML, JSON; None if they may be CSV."""
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
    """Return where the header begins if other lines precede it; 0 if the first line may be one, or if none is."""
    at = 0
    for number in range(_SEARCHED):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].rstrip(b"\r\n")
        known, fields = _known(line, contract, renames)
        if not number and known:
            return 0
        if number and known * 2 >= fields and _is_whole(line, contract, renames):
            return at
        at = end
        if at >= len(data):
            break
    return 0


def may_go(preamble: bytes, header: Header) -> bool:
    """Tell whether no line in front of a header can be a record: each is blank, a remark, or of another width."""
    width = len(header.columns)
    for line in preamble.splitlines():
        remark = re.match(rb"#|//|--|[-=_+|*, ]*$", line.strip()) is not None
        if not remark and (width == 1 or len([*cells(line, 0, header.separator)]) == width):
            return False
    return True


def _known(line: bytes, contract: Contract, renames: Mapping[str, str]) -> tuple[int, int]:
    """Return how many documented names a line has, and how many fields; with the separator that yields most."""
    known = {name.lower() for name in (*contract.column_names, *renames)}
    counts = [(sum(name.lower() in known for name in names), len(names)) for names in _all_names(line)]
    return max(counts, key=lambda pair: (pair[0], -pair[1]), default=(0, 1))


def _is_whole(line: bytes, contract: Contract, renames: Mapping[str, str]) -> bool:
    """Tell whether a line has all columns that the contract requires."""
    return any(_required({renames.get(name, name).lower() for name in names}, contract) for names in _all_names(line))


def _required(names: set[str], contract: Contract) -> bool:
    """Tell whether names in lower case contain all columns that a contract requires."""
    groups = [exclusive.columns for exclusive in contract.exclusive if exclusive.whole_file]
    groups += [(name,) for name in contract.required_names]
    return all(any(name.lower() in names for name in group) for group in groups)


def _all_names(line: bytes) -> list[tuple[str, ...]]:
    """Return the names in a line for each separator; none for a line too long to be a header."""
    if len(line) > 4096:
        return []
    return [spelt_names(line, separator) for separator in SEPARATORS]


def mistaken(header: Header, contract: Contract) -> Cause | None:
    """Return that a header belongs to an export, or to another contract; None if nothing speaks for it."""
    if any(fault.code == "HDR107" for fault in header.faults):
        return None
    return _export(header, contract) or _other_contract(header, contract)


def _export(header: Header, contract: Contract) -> Cause | None:
    if None not in header.columns:
        return None
    names = {name.strip().lower() for name in header.names}
    counts = {other.name: _own_columns(names, other) for other in (contract, *CONTRACTS.values())}
    best = max(counts, key=lambda name: counts[name])  # of equal ones the first, which is the contract itself
    if not counts[best]:
        return None
    takes = ", ".join(contract.column_names)
    advice = "`bulkops fix --unsafe` removes the columns that no import has" if best == contract.name else ""
    says = f"the file is an export of {best}, not an import file; {contract.name} takes {takes}"
    explains = _COLUMNS | {"HDR106"} | (frozenset() if best == contract.name else _OF_CELLS)
    return Cause("HDR112", f"{says}; {advice}" if advice else says, explains)


def _own_columns(names: set[str], contract: Contract) -> int:
    """Return how many columns only an export has; 0 unless there are three, or half of them, beside the key."""
    best = 0
    for route in contract.routes:
        readback = route.readback
        if readback is None or not readback.own_columns:
            continue
        found = {column.column: {name.lower() for name in column.found} for column in readback.columns}
        own = {name.lower() for name in readback.own_columns} - {name.lower() for name in contract.column_names}
        count = len(own & names)
        enough = count >= _SURE or (count > 1 and count * 2 >= len(own))
        if enough and all(found[key] & names for key in readback.key if key in found):
            best = max(best, count)
    return best


def export_names(header: Header, contract: Contract) -> Mapping[str, str]:
    """Return the columns of an export that an import file has under another name, with that name."""
    names = {name.lower(): name for name in header.names}
    renames: dict[str, str] = {}
    for route in contract.routes:
        for column in route.readback.columns if route.readback else ():
            found = next((names[name.lower()] for name in column.found if name.lower() in names), None)
            if found is not None and found != column.column and column.column not in header.names:
                renames.setdefault(found, column.column)
    return renames


def _other_contract(header: Header, contract: Contract) -> Cause | None:
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
    return Cause(
        "HDR113",
        f"this looks like a {' or '.join(others)} file, not {contract.name}: it has the columns of that import",
        _COLUMNS | _OF_CELLS,
    )


def unlike_records(header: Header, data: bytes) -> Cause | None:
    """Return that the first records all have another number of fields, or another separator, than the header."""
    width = len(header.columns)
    lines = _whole_lines(data)[:_SEARCHED]
    if len(lines) < _FEW or header.wrapped:
        return None
    counts = Counter(_width(line, header.separator) for line in lines)
    ((count, times),) = counts.most_common(1)
    if count in {0, width} or times < len(lines):
        return None
    spoken = SPOKEN[bytes((header.separator,))]
    for separator in SEPARATORS if width > 1 else b"":
        if separator != header.separator and all(_width(line, separator) == width for line in lines):
            other = SPOKEN[bytes((separator,))]
            message = f"{other} separates the fields of the records, but {spoken} those of the header"
            return Cause("HDR114", message, frozenset({"STR101", "STR102"}))
    if count > width and all(_blank_behind(line, header.separator, width) for line in lines):
        return None  # blank fields too many are removed one by one
    if count == 1 and all(line.startswith(b'"') for line in lines):
        return None
    message = f"the header has {_fields(width)}, but all of the first {len(lines)} records have {_fields(count)}"
    return Cause("HDR114", message, frozenset({"STR101", "STR102"}))


def _whole_lines(data: bytes) -> list[bytes]:
    """Return the filled lines of the first bytes behind a header, but for one that may be cut off."""
    lines = data[: 1 << 16].split(b"\n")
    whole = lines[:-1] if len(data) > 1 << 16 else lines
    return [line.rstrip(b"\r") for line in whole if line.strip()]


def _width(line: bytes, separator: int) -> int:
    """Return how many fields a line has; 0 if its quotes are wrong."""
    read = read_strictly(line, 0, separator)
    return 0 if read.code else len([*cells(line, 0, separator)])


def _blank_behind(line: bytes, separator: int, width: int) -> bool:
    """Tell whether the fields of a line beyond a width are blank."""
    return not any(line[start:end] for start, end in [*cells(line, 0, separator)][width:])


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def other_encoding(data: bytes, *, mask: bool) -> Cause | None:
    """Return that many lines are not UTF-8 and none shows that the file is."""
    if data.isascii():
        return None
    odd: Sequence[bytes] = [line for line in _whole_lines(data) if not line.isascii()]
    if len(odd) < _FEW or any(map(is_utf8, odd)):
        return None
    told = readings_told(odd[0][:_SHOWN], mask=mask)
    message = f"the file is not UTF-8: none of its first {len(odd):,} lines with other characters is{told}"
    return Cause("FIL112", message, frozenset({"FIL102", "FIL104"}))
