"""Valid tables with planted defects: the kind, the record and the place of each are known in advance."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Choice, Duration, IdList, Integer, JsonObject, Number, Text, Timestamp
from bulkops_validators.model.contract import Column, Contract

LATIN = "é".encode("cp1252")


Lines = tuple[list[str], "Planted | None"]


@dataclass(frozen=True)
class Planted:
    """A defect: the codes that may name it, its record (None: not a record), its line, and the permitted repair.

    `safe` is the text of the record after a safe repair; None if such a repair must leave the record as it is.
    `removed`: a safe repair removes it.
    """

    codes: frozenset[str]
    record: int | None
    line: int
    safe: str | None = None
    removed: bool = False


@dataclass
class PlantedFile:
    """A file, the contract that reads it, its defects, the number of its records, and the file after a safe repair."""

    contract: Contract
    data: bytes = b""
    plan: list[Planted] = field(default_factory=list)
    records: int = 0
    repaired: bytes = b""


def planted(random: Random, *, defects: int) -> PlantedFile:
    """Return a file of distinct valid records with at most so many defects, each in a record of its own."""
    contract = random.choice([*CONTRACTS.values()])
    names = [*contract.column_names]
    random.shuffle(names)
    # Of columns that exclude each other, a file has one.
    dropped = {name for exclusive in contract.exclusive for name in exclusive.columns[1:]}
    names = [name for name in names if name not in dropped]
    size = random.randint(defects + 2, defects + 12)
    places = set(random.sample(range(size), defects))
    crlf = random.random() < 0.3
    end = "\r\n" if crlf else "\n"
    found = PlantedFile(contract)
    raw, after, line = [_joined(names)], [_joined(names)], 2
    for number in range(size):
        cells = {name: _valid(random, contract.column(name), number) for name in names}
        texts, defect = _record(random, contract, names, cells) if number in places else ([_line(names, cells)], None)
        for text in texts:
            planted_here = defect if text is texts[0] else None
            is_record = planted_here is None or planted_here.record is not None
            found.records += is_record
            if planted_here is not None:
                found.plan.append(replace(planted_here, record=found.records if is_record else None, line=line))
            raw.append(text)
            after += [] if planted_here and planted_here.removed else [(planted_here and planted_here.safe) or text]
            line += text.count("\n") + 1
    found.data, found.repaired = ((end.join(lines) + end).encode("utf-8", "surrogateescape") for lines in (raw, after))
    return found


def _valid(random: Random, column: Column, number: int) -> str:
    """Return a valid cell; keys differ from record to record."""
    match column.cell:
        case Timestamp():
            day = f"2031-0{random.randint(1, 9)}-1{random.randint(0, 9)}" if _is_end(column) else "2027-03-04"
            return f"{day}T0{random.randint(0, 9)}:00:00{random.choice(('Z', '+02:00'))}"
        case Integer():
            return str(random.randint(1, 9))
        case Number():
            return random.choice(("5", "12", "7"))
        case JsonObject():
            return random.choice(("", '{"city": "Köln"}', '{"a_b": [1, 2], "c": "x, \\"y\\""}'))
        case Choice(values=values):
            return random.choice(values)
        case Duration():
            return ""
        case IdList():
            return f"customer-{number}a;customer-{number}b"
    plain = isinstance(column.cell, Text) and column.cell.pattern is not None
    place = "Berlin" if plain else random.choice(("Berlin", "Zürich", "Ost, West", 'x"y"z'))
    return f"KEY-{number:04d}-{place}"


def _is_end(column: Column) -> bool:
    return column.name.lower() in {"expirydate", "enddate"}


def _joined(cells: Sequence[str]) -> str:
    return ",".join(_spelled(cell) for cell in cells)


def _spelled(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\n') else cell


def _line(names: Sequence[str], cells: dict[str, str], **changed: str) -> str:
    return _joined([{**cells, **changed}[name] for name in names])


def _record(random: Random, contract: Contract, names: Sequence[str], cells: dict[str, str]) -> Lines:
    """Return the lines of one record with a defect on the first line, and the defect."""
    of_cells = [one for name in names for one in _of_cell(contract.column(name), names, cells)]
    return _of_line(random, names, cells) if random.random() < 0.4 else random.choice(of_cells)


def _of_line(random: Random, names: Sequence[str], cells: dict[str, str]) -> Lines:
    """Return a defect of a whole line."""
    good = _line(names, cells)
    kinds: list[Lines] = [([_joined(names), good], _plant("HDR110", removed=True))]
    if len(names) > 1:
        kinds += [
            (["", good], _plant("STR103", record=False, removed=True)),
            (["," * (len(names) - 1), good], _plant("STR103", removed=True)),
            ([_joined([cells[name] for name in names[:-1]])], _plant("STR101", "STR116")),
            ([good + ",surplus"], _plant("STR102")),
            (["(2 rows affected)", good], _plant("STR118")),
            (["# exported by a tool", good], _plant("STR117", removed=True)),
            (["<<<<<<< HEAD", good], _plant("STR119")),
        ]
    return random.choice(kinds)


def _plant(*codes: str, record: bool = True, safe: str | None = None, removed: bool = False) -> Planted:
    return Planted(frozenset(codes), 1 if record else None, 0, safe, removed=removed)


def _of_cell(column: Column, names: Sequence[str], cells: dict[str, str]) -> list[Lines]:
    """Return defects of one cell."""
    name = column.name

    def one(text: str, *codes: str, safe: str | None = None) -> Lines:
        after = None if safe is None else _line(names, cells, **{name: safe})
        return [_line(names, cells, **{name: text})], _plant(*codes, safe=after)

    # A NUL, and the byte of é in Windows-1252.
    found = [one(cells[name] + "\x00", "FIL106"), one((cells[name] or "x") + "\udce9", "FIL104")]
    if column.required and len(names) > 1:
        found.append(one("", "VAL101"))
    match column.cell:
        case Timestamp():
            found += [
                one("2031-02-30T00:00:00Z", "DAT101"),
                one("soon", "TYP103"),
                one("2031-05-06 07:08:09Z", "TYP103", safe="2031-05-06T07:08:09Z")
                if _is_end(column)
                else one("x", "TYP103"),
                one("2031-05-06T07:08:09", "DAT102") if _is_end(column) else one("x", "TYP103"),
                one("NULL", "TYP109"),
                one("46023", "DAT107"),
                one("2031-05-06T07:08:09z", "TYP103", safe="2031-05-06T07:08:09Z")
                if _is_end(column)
                else one("x", "TYP103"),
            ]
        case Integer():
            found += [one("x", "TYP101"), one("2.0", "XLS110", safe="2"), one(" 3", "TYP107", safe="3")]
        case Number():
            found += [one("x", "TYP102"), one(" 3", "TYP107", safe="3"), one("1,500", "XLS111", "XLS109")]
        case JsonObject():
            found += [
                one("{a: 1}", "TYP104"),
                one("NULL", "TYP109"),
                one("{“a”: “x”}", "ATR103", safe='{"a": "x"}'),
                one("{'a': True}", "TYP104"),
                one("[object Object]", "TYP104"),
            ]
        case Choice(values=values):
            found.append(one(values[0].upper() + "x", "VAL102"))
        case Text():
            # An invalid character is the cause of other findings in its cell; only the cause is listed.
            found += [
                one(f" {cells[name]}", "COD101", "VAL107", safe=cells[name]),
                one(f"{cells[name]}\u200b", "COD102", "VAL107"),
            ]
            found += [one(f"\xa0{cells[name]}", "COD101", "COD103", "VAL107", safe=cells[name])]
            found += [one(f"\u202a{cells[name]}", "COD102", "VAL107"), one("cafÃ©", "COD105", "VAL107")]
            quotes = '"' in cells[name]
            found += [one(f'="{cells[name]}"', "XLS107", "XLS114", "VAL107", safe=None if quotes else cells[name])]
            found += [
                one("#N/A", "XLS105", "VAL107"),
                one("\\N", "XLS113", "VAL107"),
                one("1.23E+15", "XLS101", "VAL107"),
            ]
    return found
