"""The header line: which column each field is, and everything that is wrong with it."""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from types import MappingProxyType

from bulkops.limits import MAX_COLUMNS, MAX_HEADER_DEFECTS, TooLarge
from bulkops.reading.records.malformed import BROKEN_SAYS
from bulkops.reading.records.quoting import cells, read_strictly
from bulkops.reading.records.wrapped import wrapped_cells
from bulkops.validation.checks.encoding import byte_message, decoded, undecodable
from bulkops.validation.checks.likely_encodings import readings_told
from bulkops.validation.column_names import fold, rivals_of, suggestion, synonym
from bulkops.validation.context import masked
from bulkops_validators.model.contract import Contract

_NEAR = 20
"""Bytes shown on each side of one that is not UTF-8."""
_SAMPLE, _SAMPLED = 1 << 16, 20
"""Bytes and lines behind the header that are looked at for the separator."""
_NOTE = re.compile(r"(?<=\S)\s*[(\[].*$")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
SEPARATORS = b",;\t|"
SPOKEN = {b",": "a comma", b";": "a semicolon", b"\t": "a tab", b"|": "a vertical bar"}


@dataclass(frozen=True)
class Fault:
    """Something wrong with the header; `column` is the name at fault, `at` its offset in the line."""

    code: str
    message: str
    column: str | None = None
    at: int = 0
    field: int | None = None


@dataclass(frozen=True)
class Header:
    """A header that was read: the contract's column of each field, or None where it is no known one.

    `wrapped`: the header is one quoted field, which contains the names.
    """

    columns: tuple[str | None, ...]
    separator: int
    faults: tuple[Fault, ...]
    names: tuple[str, ...] = ()
    quoted: tuple[bool, ...] = ()
    wrapped: bool = False

    @property
    def present(self) -> tuple[str, ...]:
        """The known columns in file order."""
        return tuple(name for name in self.columns if name is not None)


@dataclass(frozen=True)
class _Field:
    name: str
    at: int


def read_header(
    line: bytes,
    contract: Contract,
    *,
    mask: bool = False,
    renames: Mapping[str, str] = MappingProxyType({}),
    sample: bytes = b"",
) -> Header:
    """Return what a header line (without its line end) says, and its faults.

    With `mask` no fault repeats a name that may be a value, since it resembles no column. A column among the `renames`
    is read under its new name. The records in `sample`, the bytes behind the header, help to find the separator.
    """
    known = (*contract.header_names, *renames)
    inner = _unwrapped(line, known)
    if inner is not None:
        header = read_header(inner, contract, mask=mask, renames=renames, sample=sample)
        fault = Fault("STR116", "the header is quoted as a whole")
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
    fields = [_Field(renames.get(field.name, field.name), field.at) for field in fields]
    quoted = tuple(line[field.at : field.at + 1] == b'"' for field in fields)
    faults: list[Fault] = [*byte_faults, *_quote_faults(line, separator)]
    if separator != ord(","):
        spoken = SPOKEN[bytes((separator,))]
        faults.append(Fault("HDR108", f"fields are separated by {spoken}, not by a comma"))
    if _looks_like_data(fields, contract):
        guessed = contract.column_names if len(fields) == len(contract.columns) else (None,) * len(fields)
        shown = "" if mask else f" ({', '.join(repr(field.name) for field in fields[:3])})"
        message = f"the first line looks like data{shown}; {contract.name} wants {', '.join(contract.column_names)}"
        return Header(guessed, separator, (*faults, Fault("HDR107", message)), names, quoted)
    told = [_Field(_told(field.name, contract) if mask else field.name, field.at) for field in fields]
    columns, named = _assign(fields, told, contract)
    rivals = rivals_of([field.name for field in fields], columns, contract)
    columns = tuple(None if name in rivals else name for name in columns)
    contested = {place for places in rivals.values() for place in places}
    faults += [fault for fault in named if fault.field is None or fault.field - 1 not in contested]
    faults += [_contested(column, [told[place] for place in places], places) for column, places in rivals.items()]
    faults += _missing(columns, fields, contract, besides=rivals)
    return Header(columns, separator, tuple(faults), names, quoted)


def _byte_faults(line: bytes, *, mask: bool) -> list[Fault]:
    """Return the bytes of the header that are no UTF-8 or no characters."""
    faults = [
        Fault(code, message + readings_told(line[max(0, at - _NEAR) : at + _NEAR], mask=mask), at=at)
        for code, at, message in islice(undecodable(line), MAX_HEADER_DEFECTS)
    ]
    for found in islice(_CONTROL.finditer(line), MAX_HEADER_DEFECTS):
        code = "FIL106" if found[0] == b"\0" else "FIL107"
        faults.append(Fault(code, byte_message(code, line, found.start()), at=found.start()))
    if len(faults) >= MAX_HEADER_DEFECTS:
        raise TooLarge(f"{MAX_HEADER_DEFECTS:,} or more bytes of the header are not text", hint="Name a CSV file.")
    return faults


def _quote_faults(line: bytes, separator: int) -> list[Fault]:
    """Return the first quote of the header that stands wrong."""
    record = read_strictly(line, 0, separator)
    return [Fault(record.code, BROKEN_SAYS[record.code], at=record.at)] if record.code else []


def _unwrapped(line: bytes, names: Collection[str]) -> bytes | None:
    """Return the header inside a single quoted field, or None unless it contains several known names."""
    if not (line.startswith(b'"') and line.endswith(b'"')) or not wrapped_cells(line, 0):
        return None
    inner = line[1:-1].replace(b'""', b'"')
    folded = {fold(name) for name in names}
    found = (wrapped_cells(inner, separator) for separator in SEPARATORS)
    known = (sum(fold(_name(raw.strip(b'"'))) in folded for raw in fields) for fields in found)
    return inner if max(known) > 1 else None


def _separator(line: bytes, names: Collection[str], sample: bytes) -> int:
    """Return the separator that yields the most known names; among equal ones that of the records, or the comma."""
    folded = {fold(name) for name in names}
    lines = sample[:_SAMPLE].split(b"\n")[:_SAMPLED]

    def likelihood(separator: int) -> tuple[int, int, bool]:
        known = sum(fold(annotated(field.name)) in folded for field in _fields(line, separator))
        sign = bytes((separator,))
        count = line.count(sign)
        agreeing = sum(count > 0 and other.count(sign) == count for other in lines)
        return known, agreeing, separator == ord(",")

    return max(SEPARATORS, key=likelihood)


def annotated(name: str) -> str:
    """Return a name without a unit or a note in brackets behind it: 'limit (EUR)' is 'limit'."""
    return _NOTE.sub("", name)


def spelt_names(line: bytes, separator: int) -> tuple[str, ...]:
    """Return the names in a line, without blanks, units and notes around them."""
    return tuple(annotated(field.name).strip() for field in _fields(line, separator))


def _fields(line: bytes, separator: int) -> list[_Field]:
    return [_Field(name, at) for name, at in _names(line, separator)]


def _names(line: bytes, separator: int) -> Iterator[tuple[str, int]]:
    """Yield the names and where they start, of too many only one more than a header may have.

    Where a quote is wrong the separators alone part the names, and the quotes are removed.
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
    """Return a name without the control characters in it."""
    return decoded(_CONTROL.sub(b"", raw))


def _looks_like_data(fields: list[_Field], contract: Contract) -> bool:
    names = [annotated(field.name) for field in fields]
    if not any(name.strip() for name in names) or any(suggestion(name, contract) for name in names if name.strip()):
        return False
    return any(any(c.isdigit() for c in name) or name.lstrip()[:1] in {"{", ""} or len(name) > 60 for name in names)


def _told(name: str, contract: Contract) -> str:
    """Return a name as a message may tell it where values are hidden: without a header, the name is one."""
    return name if not name.strip() or suggestion(name, contract) else masked(name)


def _assign(fields: list[_Field], told: list[_Field], contract: Contract) -> tuple[tuple[str | None, ...], list[Fault]]:
    """Return the column of each field and the faults of the names; `told` are the names that faults repeat."""
    exact = {contract.header_names.get(field.name) for field in fields}
    unnamed = [column for column in contract.column_names if column not in exact]
    columns: list[str | None] = []
    taken: dict[str | None, str] = {}
    faults: list[Fault] = []
    for position, (field, shown) in enumerate(zip(fields, told, strict=True), start=1):
        free = [column for column in unnamed if column not in taken]
        name, fault = _known(field.name, shown.name, contract, free=free)
        if name in taken and name is not None:
            fault, name = _repeated(shown.name, name, taken[name]), None
        columns.append(name)
        taken.setdefault(name, field.name)
        if fault is not None:
            faults.append(Fault(fault[0], fault[1], shown.name, field.at, position))
            if fault[0] == "HDR106" and field.name != field.name.strip():
                faults.append(_padded(field, position))
    seen: Counter[str] = Counter()
    for place, (field, shown) in enumerate(zip(fields, told, strict=True), start=1):
        seen[field.name] += 1
        if seen[field.name] == 2 and field.name and field.name not in contract.header_names:
            faults.append(Fault("HDR103", f"the column {shown.name!r} stands twice", shown.name, shown.at, place))
    return tuple(columns), faults


def _repeated(name: str, column: str, first: str) -> tuple[str, str]:
    """Return the fault of a name for a column that `first` already names."""
    if name == first:
        return "HDR103", f"the column {name!r} stands twice"
    if column == first:
        return "HDR103", f"the column {name!r} stands for {column!r}, which is there already"
    return "HDR103", f"the column {name!r} stands for the same column as {first!r}; remove one of them"


def _contested(column: str, rivals: list[_Field], places: list[int]) -> Fault:
    """Return the fault of several columns that could each be the same documented one."""
    *others, last = (repr(rival.name) for rival in rivals)
    first = rivals[0].name
    message = (
        f"{', '.join(others)} and {last} could each be the column {column!r}, so none of them is used; "
        f"choose one, for example with `bulkops fix --rename {shlex.quote(f'{first}={column}')}`"
    )
    return Fault("HDR116", message, first, rivals[0].at, places[0] + 1)


def _padded(field: _Field, position: int) -> Fault:
    message = f"the column name {field.name!r} has blanks around it"
    return Fault("HDR105", message, field.name, field.at, position)


def _known(name: str, shown: str, contract: Contract, *, free: list[str]) -> tuple[str | None, tuple[str, str] | None]:
    """Return the contract's column that a name stands for, and the code and message of what is wrong with it.

    `shown` is the name as the message shows it; `free` are the columns that no other name stands for.
    """
    names = contract.header_names
    if name in names:
        return names[name], None
    if not name.strip():
        return None, ("HDR104", "a column has no name")
    if (inner := name.strip()) in names:
        return names[inner], ("HDR105", f"the column name {name!r} has blanks around it")
    for written, column in names.items():
        if inner.lower() == written.lower():
            return column, ("HDR106", f"the column {name!r} is spelt {written!r}")
    if (bare := annotated(inner)) in names:
        return names[bare], ("HDR115", f"the column {shown!r} is read as {bare!r}, without the note behind the name")
    near, rival = suggestion(name, contract, among=free), synonym(name, contract)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(contract.column_names)}"
    if near is None and rival is not None:
        hint = f"this usually means {rival!r}, and the file also has that column: check which one has its values"
    return None, ("HDR102", f"{contract.name} has no column {shown!r}; {hint}")


def _missing(
    columns: tuple[str | None, ...], fields: list[_Field], contract: Contract, *, besides: Collection[str]
) -> list[Fault]:
    """Return the required columns that are missing, except those that several fields could be."""
    wanted = [column.name for column in contract.columns if column.recommended and column.name not in columns]
    says = "the documentation does not call it optional"
    faults = [
        Fault("HDR131", f"the column {name!r} is missing; {says}", name) for name in wanted if name not in besides
    ]
    needed: list[tuple[str, ...]] = [(name,) for name in contract.required_names]
    needed += [exclusive.columns for exclusive in contract.exclusive if exclusive.whole_file]
    for names in needed:
        if any(name in columns or name in besides for name in names):
            continue
        spoken = " or ".join(repr(name) for name in names)
        unknown = [field.name for field, column in zip(fields, columns, strict=True) if column is None]
        near = next((other for other in unknown if suggestion(other, contract, among=list(names))), None)
        hint = f"; is it {near!r}?" if near else ""
        faults.append(Fault("HDR101", f"the required column {spoken} is missing{hint}", names[0]))
    return faults
