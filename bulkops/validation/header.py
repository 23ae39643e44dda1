"""Read the header line: find the column of each field and every defect of the header."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from types import MappingProxyType

from bulkops.limits import MAX_COLUMNS, MAX_HEADER_DEFECTS, TooLarge
from bulkops.reading.records.malformed import QUOTE_DEFECTS
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.validation.checks.encoding import byte_message, decoded, undecodable
from bulkops.validation.checks.likely_encodings import describe_readings
from bulkops.validation.column_names import fold, rivals_of, suggestion, synonym
from bulkops.validation.context import masked
from bulkops_validators.model.contract import Contract

_NEAR = 20
"""Bytes shown on each side of a byte that is not UTF-8."""
_SAMPLE, _SAMPLED = 1 << 16, 20
"""Bytes and lines after the header that help to find the separator."""
_NOTE = re.compile(r"(?<=\S)\s*[(\[].*$")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
QUOTED = re.compile(rb'"[^"]*"')
SEPARATORS = b",;\t|"
SEPARATOR_NAMES = {b",": "a comma", b";": "a semicolon", b"\t": "a tab", b"|": "a vertical bar"}


@dataclass(frozen=True)
class HeaderFault:
    """A defect of the header; `column` is the name concerned, `at` its offset in the line.

    `rename` is OLD=NEW if renaming a column would fix the defect. `cause` has the rule and the field of another defect
    of the header from which this one follows.
    """

    code: str
    message: str
    column: str | None = None
    at: int = 0
    field: int | None = None
    rename: str | None = None
    cause: tuple[str, int | None] | None = None


@dataclass(frozen=True)
class Header:
    """A header: the column of each field, or None for an unknown name.

    `wrapped`: the header is one quoted field that contains all names.
    """

    columns: tuple[str | None, ...]
    separator: int
    faults: tuple[HeaderFault, ...]
    names: tuple[str, ...] = ()
    quoted: tuple[bool, ...] = ()
    wrapped: bool = False

    @property
    def present(self) -> tuple[str, ...]:
        """The known columns in file order."""
        return tuple(name for name in self.columns if name is not None)


@dataclass(frozen=True)
class _Field:
    """A name of a header and its offset; `shown` is the name as messages show it."""

    name: str
    at: int
    shown: str


_NameFault = tuple[str, str, str | None]
"""The defect of a name: code, message, and the column to which renaming it would fix the defect."""


def read_header(
    line: bytes,
    contract: Contract,
    *,
    mask: bool = False,
    renames: Mapping[str, str] = MappingProxyType({}),
    sample: bytes = b"",
) -> Header:
    """Return the columns and the defects of a header line, given without its line end.

    With `mask`, messages hide a name that resembles no column, because it may be a value. A column in `renames` is read
    under its new name. `sample` is the data after the header; its records help to find the separator.
    """
    known = (*contract.header_names, *renames)
    inner = _unwrapped(line, known)
    if inner is not None:
        header = read_header(inner, contract, mask=mask, renames=renames, sample=sample)
        fault = HeaderFault("STR116", "the header is quoted as a whole")
        return replace(header, faults=(fault, *header.faults), wrapped=True)
    byte_faults = _byte_faults(line, mask=mask)
    separator = _separator(line, known, sample)
    fields = _fields(line, separator)
    if len(fields) > MAX_COLUMNS:
        raise TooLarge(
            f"the header has more than {MAX_COLUMNS:,} columns; {contract.name} has {len(contract.column_names)}",
            hint="Name a file with the header of the contract.",
        )
    names = tuple(field.name for field in fields)
    fields = [_shown(renames.get(field.name, field.name), field.at, contract, mask=mask) for field in fields]
    quoted = tuple(line[field.at : field.at + 1] == b'"' for field in fields)
    faults: list[HeaderFault] = [*byte_faults, *_quote_faults(line, separator)]
    if separator != ord(","):
        separator_name = SEPARATOR_NAMES[bytes((separator,))]
        faults.append(HeaderFault("HDR108", f"fields are separated by {separator_name}, not by a comma"))
    if _looks_like_data(fields, contract):
        guessed = contract.column_names if len(fields) == len(contract.columns) else (None,) * len(fields)
        shown = "" if mask else f" ({', '.join(repr(field.name) for field in fields[:3])})"
        columns_are = f"the columns of {contract.name} are {', '.join(contract.column_names)}"
        message = f"the first line looks like data{shown}; {columns_are}"
        return Header(guessed, separator, (*faults, HeaderFault("HDR107", message)), names, quoted)
    columns, named = _assign(fields, contract)
    rivals = rivals_of([field.name for field in fields], columns, contract)
    columns = tuple(None if name in rivals else name for name in columns)
    contested = {place for places in rivals.values() for place in places}
    faults += [fault for fault in named if fault.field is None or fault.field - 1 not in contested]
    faults += [_contested(column, [fields[place] for place in places], places) for column, places in rivals.items()]
    faults += _missing(columns, fields, contract, besides=rivals)
    return Header(columns, separator, _with_causes(faults), names, quoted)


def _byte_faults(line: bytes, *, mask: bool) -> list[HeaderFault]:
    """Return the bytes of the header that are not UTF-8 or are control characters."""
    faults = [
        HeaderFault(code, message + describe_readings(line[max(0, at - _NEAR) : at + _NEAR], mask=mask), at=at)
        for code, at, message in islice(undecodable(line), MAX_HEADER_DEFECTS)
    ]
    for found in islice(_CONTROL.finditer(line), MAX_HEADER_DEFECTS):
        code = "FIL106" if found[0] == b"\0" else "FIL107"
        faults.append(HeaderFault(code, byte_message(code, line, found.start()), at=found.start()))
    if len(faults) >= MAX_HEADER_DEFECTS:
        raise TooLarge(f"{MAX_HEADER_DEFECTS:,} or more bytes of the header are not text", hint="Name a CSV file.")
    return faults


def _quote_faults(line: bytes, separator: int) -> list[HeaderFault]:
    """Return the first misplaced quote of the header; an empty list if all quotes are valid."""
    record = read_strictly(line, 0, separator)
    return [HeaderFault(record.code, QUOTE_DEFECTS[record.code], at=record.at)] if record.code else []


def _unwrapped(line: bytes, names: Collection[str]) -> bytes | None:
    """Return the header inside a single quoted field; None unless it contains several known names."""
    if not (line.startswith(b'"') and line.endswith(b'"')) or not wrapped_cells(line, 0):
        return None
    inner = line[1:-1].replace(b'""', b'"')
    folded = {fold(name) for name in names}
    found = (wrapped_cells(inner, separator) for separator in SEPARATORS)
    known = (sum(fold(_name(raw.strip(b'"'))) in folded for raw in fields) for fields in found)
    return inner if max(known) > 1 else None


def _separator(line: bytes, names: Collection[str], sample: bytes) -> int:
    """Return the separator that yields the most known names; then the one that fits the records, then the comma."""
    folded = {fold(name) for name in names}
    lines = sample[:_SAMPLE].split(b"\n")[:_SAMPLED]

    def likelihood(separator: int) -> tuple[int, int, bool]:
        fields = _fields(line, separator)
        known = sum(fold(annotated(field.name)) in folded for field in fields)
        # A sign inside a quoted name separates nothing.
        sign, count = bytes((separator,)), len(fields) - 1
        agreeing = sum(count > 0 and other.count(sign) == count for other in lines)
        return known, agreeing, separator == ord(",")

    return max(SEPARATORS, key=likelihood)


def lone_return(line: bytes) -> int:
    """Return the offset of a carriage return outside quotes that ends the header within a line; -1 if none does."""
    blanked = QUOTED.sub(lambda cell: b"x" * len(cell[0]), line)
    return blanked.find(b"\r")


def annotated(name: str) -> str:
    """Return a name without a unit or a note in brackets after it: 'limit (EUR)' becomes 'limit'."""
    return _NOTE.sub("", name)


def spelt_names(line: bytes, separator: int) -> tuple[str, ...]:
    """Return the names in a line, without surrounding blanks, units and notes."""
    return tuple(annotated(field.name).strip() for field in _fields(line, separator))


def _fields(line: bytes, separator: int) -> list[_Field]:
    return [_Field(name, at, name) for name, at in _names(line, separator)]


def _names(line: bytes, separator: int) -> Iterator[tuple[str, int]]:
    """Yield each name and its offset, at most one more than the maximum number of columns.

    If a quote is misplaced, only separators end names, and quotes are removed.
    """
    if read_strictly(line, 0, separator).code:
        pieces = line.split(bytes((separator,)), MAX_COLUMNS + 1)[: MAX_COLUMNS + 1]
        starts = accumulate((len(piece) + 1 for piece in pieces[:-1]), initial=0)
        yield from ((_name(piece.replace(b'"', b"")), at) for piece, at in zip(pieces, starts, strict=True))
        return
    for start, end in islice(cells(line, 0, separator), MAX_COLUMNS + 1):
        text = line[start:end]
        if text.startswith(b'"'):
            text = text[1:-1].replace(b'""', b'"')
        yield _name(text), start


def _name(raw: bytes) -> str:
    """Return a name without its control characters."""
    return decoded(_CONTROL.sub(b"", raw))


def _looks_like_data(fields: list[_Field], contract: Contract) -> bool:
    names = [annotated(field.name) for field in fields]
    if not any(name.strip() for name in names) or any(suggestion(name, contract) for name in names if name.strip()):
        return False
    return any(any(c.isdigit() for c in name) or name.lstrip()[:1] in {"{", ""} or len(name) > 60 for name in names)


def _shown(name: str, at: int, contract: Contract, *, mask: bool) -> _Field:
    """Return a name with its form in messages: in a masked file without a header, the name may be a value."""
    hidden = mask and name.strip() and not suggestion(name, contract)
    return _Field(name, at, masked(name) if hidden else name)


def _assign(fields: list[_Field], contract: Contract) -> tuple[tuple[str | None, ...], list[HeaderFault]]:
    """Return the column of each field and the defects of the names."""
    exact = {contract.header_names.get(field.name) for field in fields}
    unnamed = [column for column in contract.column_names if column not in exact]
    columns: list[str | None] = []
    taken: dict[str | None, _Field] = {}
    faults: list[HeaderFault] = []
    for position, field in enumerate(fields, start=1):
        free = [column for column in unnamed if column not in taken]
        name, fault = _known(field, contract, free=free)
        if name in taken and name is not None:
            fault, name = ("HDR103", _repeated(field, name, taken[name]), None), None
        columns.append(name)
        taken.setdefault(name, field)
        if fault is not None:
            code, message, means = fault
            faults.append(HeaderFault(code, message, field.shown, field.at, position, _renaming(field, means)))
            if code == "HDR106" and field.name != field.name.strip():
                faults.append(_padded(field, position))
    seen: Counter[str] = Counter()
    for place, field in enumerate(fields, start=1):
        seen[field.name] += 1
        if seen[field.name] > 1 and field.name and field.name not in contract.header_names:
            message = f"the column {field.shown!r} appears twice"
            faults.append(HeaderFault("HDR103", message, field.shown, field.at, place))
    return tuple(columns), faults


def _repeated(field: _Field, column: str, first: _Field) -> str:
    """Return the message about a name for a column that `first` already names."""
    if field.name == first.name:
        return f"the column {field.shown!r} appears twice"
    if column == first.name:
        return f"the column {field.shown!r} means {column!r}, which the file already has"
    return f"the column {field.shown!r} means the same column as {first.shown!r}; remove one of them"


def _contested(column: str, rivals: list[_Field], places: list[int]) -> HeaderFault:
    """Return the defect of several names that could all mean the same column."""
    *others, last = (repr(rival.shown) for rival in rivals)
    rename = _renaming(rivals[0], column)
    option = "--rename" if rename is None else f"--rename {shlex.quote(rename)}"
    message = (
        f"{', '.join(others)} and {last} could each be the column {column!r}, so bulkops uses none of them; "
        f"choose one, for example with `bulkops fix {option}`"
    )
    return HeaderFault("HDR116", message, rivals[0].shown, rivals[0].at, places[0] + 1, rename)


def _padded(field: _Field, position: int) -> HeaderFault:
    message = f"the column name {field.name!r} has blanks around it"
    return HeaderFault("HDR105", message, field.name, field.at, position)


def _known(field: _Field, contract: Contract, *, free: list[str]) -> tuple[str | None, _NameFault | None]:
    """Return the column that a name means, and the defect of the name.

    `free` are the columns that no other name means.
    """
    name, shown, names = field.name, field.shown, contract.header_names
    if name in names:
        return names[name], None
    if not name.strip():
        return None, ("HDR104", "a column has no name", None)
    if (inner := name.strip()) in names:
        return names[inner], ("HDR105", f"the column name {name!r} has blanks around it", None)
    for written, column in names.items():
        if inner.lower() == written.lower():
            return column, ("HDR106", f"the column {name!r} must be spelled {written!r}", None)
    if (bare := annotated(inner)) in names:
        text = f"the column {shown!r} is read as {bare!r}, without the note behind the name"
        return names[bare], ("HDR115", text, bare)
    near, rival = suggestion(name, contract, among=free), synonym(name, contract)
    hint = f"did you mean {near!r}?" if near else f"known columns: {', '.join(contract.column_names)}"
    if near is None and rival is not None:
        hint = (
            f"this name usually means {rival!r}, but the file also has that column: check which one contains its values"
        )
    return None, ("HDR102", f"{contract.name} has no column {shown!r}; {hint}", near)


def _renaming(field: _Field, column: str | None) -> str | None:
    """Return the value of --rename for a name; None if its column is unknown, or if the name is not shown."""
    return None if column is None or field.shown != field.name else f"{field.name}={column}"


def _missing(
    columns: tuple[str | None, ...], fields: list[_Field], contract: Contract, *, besides: Collection[str]
) -> list[HeaderFault]:
    """Return the defects of missing columns, except those that several fields could mean."""
    wanted = [column.name for column in contract.columns if column.recommended and column.name not in columns]
    text = "the documentation does not call it optional"
    faults = [
        HeaderFault("HDR131", f"the column {name!r} is missing; {text}", name) for name in wanted if name not in besides
    ]
    needed: list[tuple[str, ...]] = [(name,) for name in contract.required_names]
    needed += [exclusive.columns for exclusive in contract.exclusive if exclusive.whole_file]
    for names in needed:
        if any(name in columns or name in besides for name in names):
            continue
        faults.append(_required_fault(names, columns, fields, contract))
    return faults


def _required_fault(
    names: tuple[str, ...], columns: tuple[str | None, ...], fields: list[_Field], contract: Contract
) -> HeaderFault:
    """Return the defect that none of some required columns exists; it points at the field that may be one of them."""
    text = f"the required column {' or '.join(map(repr, names))} is missing"
    for position, (field, column) in enumerate(zip(fields, columns, strict=True), start=1):
        means = suggestion(field.name, contract, among=names) if column is None else None
        if means is not None:
            rename = _renaming(field, means)
            text += f"; is it {field.name!r}? {contract.name} has no column {field.name!r}"
            return HeaderFault("HDR101", text, means, field.at, position, rename)
    return HeaderFault("HDR101", text, names[0])


def _with_causes(faults: list[HeaderFault]) -> tuple[HeaderFault, ...]:
    """Return defects, each with the defect from which it follows: one wrong name has one cause.

    The cause is never less severe than the defect that follows from it.
    """
    return tuple(replace(fault, cause=_cause(fault, faults)) for fault in faults)


def _cause(fault: HeaderFault, faults: list[HeaderFault]) -> tuple[str, int | None] | None:
    """Return the rule and the field of the defect from which a defect of a name follows; None if there is none."""
    for other in faults:
        match fault.code, other.code:
            case "HDR102", "HDR101":
                # Both name the same column of the file and the same column of the contract.
                follows = fault.rename is not None and fault.rename == other.rename
            case "HDR131", "HDR102":
                follows = other.rename == f"{other.column}={fault.column}"
            case ("HDR105", "HDR106") | ("HDR102", "HDR103"):
                follows = fault.field == other.field
            case _:
                follows = False
        if follows:
            return other.code, other.field
    return None
