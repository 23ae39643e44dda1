"""Write a coupons file of any size, streamed, with the same bytes for the same arguments.

    python sample_data/make_coupons.py 20000 coupons.csv
    python sample_data/make_coupons.py 4000000 wide.csv --wide          # about 514 MB
    python sample_data/make_coupons.py 20000 bad.csv --defects 0.05 --expected bad.json

Cells come from small tables, already quoted, one slice of random bits choosing each, so that a record
costs a few microseconds. Codes count through 45-bit numbers by a large odd step: unique, none remembered.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HEADER = '"value","expirydate","startdate","recipientintegrationid","limitval","attributes","discountlimit"\n'
"""As the API's own sample writes it: quoted names, unquoted cells."""

COLUMNS = tuple(HEADER.strip().replace('"', "").split(","))
Row = list[str]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TRIPLES = tuple(a + b + c for a in _ALPHABET for b in _ALPHABET for c in _ALPHABET)
_CODE_MASK = 2**45 - 1
_STEP = 0x1B87_3593_A4D5  # odd: adding it again and again visits every 45-bit number once

_ZONES = ("Z", "+02:00", "Z", "-05:00", "Z", "+05:30", "Z", "+00:00")


def _moments(first_year: int) -> tuple[str, ...]:
    return tuple(
        f"{first_year + n % 3}-{1 + n % 12:02d}-{1 + n % 28:02d}T{n * 5 % 24:02d}:{n * 15 % 60:02d}:00{_ZONES[n % 8]}"
        for n in range(256)
    )


def _json_cell(value: dict[str, object], *, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent).replace('"', '""')
    return f'"{text}"'


def _attribute_cells() -> tuple[str, ...]:
    categories = ("10_off", "b2b", "winter", "Größe 42, rot", "été 2026", "名入れギフト", "staff", "free")
    systems = ("legacy-crm", "SAP", "partner, north", "web")
    return tuple(
        _json_cell({"category": categories[n % 8], "source_system": systems[n // 8], "priority": n % 5 + 1})
        if n % 2
        else _json_cell({"category": categories[n % 8], "vip": n % 4 == 0, "tags": [systems[n // 8], "new"]})
        for n in range(32)
    )


@dataclass(frozen=True)
class Tables:
    """The cells to choose from; every length is a power of two so that a bit mask chooses.

    With `recipients` empty each record has a profile id of its own.
    """

    prefixes: tuple[str, ...]
    expiry: tuple[str, ...]
    start: tuple[str, ...]
    recipients: tuple[str, ...]
    limits: tuple[str, ...]
    attributes: tuple[str, ...]
    discounts: tuple[str, ...]


def mixed_tables() -> Tables:
    """Return cells as partner files have them: many blanks, a few JSON cells over several lines."""
    attributes = _attribute_cells()
    pretty = _json_cell({"category": "gift", "source_system": "legacy-crm"}, indent=1)
    profiles = tuple(f"customer-{n:04d}" for n in range(1, 65))
    return Tables(
        prefixes=("SPRING26", "ZUHAUSE", "VIP", "PARTNER"),
        expiry=_moments(2030)[:192] + ("",) * 64,
        start=_moments(2026)[:96] + ("",) * 160,
        recipients=profiles + ("",) * 192,
        limits=("1", "", "0", "", "5", "100", "1", "999999"),
        attributes=attributes + attributes[:15] + (pretty,) + ("",) * 16,
        discounts=("", "10", "2.5", "0.99", "", "1500", "", "1000000000"),
    )


def wide_tables() -> Tables:
    """Return cells that fill all seven columns: about 128 bytes a record."""
    return Tables(
        prefixes=("SP26", "SU26", "AU26", "WI26"),
        expiry=_moments(2030),
        start=_moments(2026),
        recipients=(),
        limits=("1", "0", "5", "100", "3", "10", "1", "20"),
        attributes=tuple(_json_cell({"category": f"{n}_off", "vip": n % 2 == 0}) for n in range(10, 74)),
        discounts=("5", "10", "2.5", "0.99", "25", "15", "7.5", "100"),
    )


def rows(count: int, *, seed: int, tables: Tables) -> Iterator[Row]:
    """Yield `count` records as seven cells each, quoted where CSV wants it."""
    bits_of = random.Random(seed).getrandbits
    json_mask, code = len(tables.attributes) - 1, seed & _CODE_MASK
    for number in range(count):
        bits = bits_of(40)
        code = (code + _STEP) & _CODE_MASK
        triples = _TRIPLES[code >> 30] + _TRIPLES[code >> 15 & 32767] + _TRIPLES[code & 32767]
        yield [
            tables.prefixes[bits & 3] + triples,
            tables.expiry[bits >> 2 & 255],
            tables.start[bits >> 10 & 255],
            tables.recipients[bits >> 18 & 255] if tables.recipients else f"customer-{number:07d}",
            tables.limits[bits >> 26 & 7],
            tables.attributes[bits >> 29 & json_mask],
            tables.discounts[bits >> 36 & 7],
        ]


@dataclass(frozen=True)
class Defect:
    """One way to break a record: `spoil` changes the cells in place and is given an intact earlier code."""

    kind: str
    column: str | None
    spoil: Callable[[Row, str], None]


def _cell(kind: str, column: str, text: str) -> Defect:
    position = COLUMNS.index(column)

    def spoil(row: Row, _earlier: str) -> None:
        row[position] = text

    return Defect(kind, column, spoil)


def _duplicate(row: Row, earlier: str) -> None:
    row[0] = earlier


def _reversed_dates(row: Row, _earlier: str) -> None:
    row[1:3] = "2031-01-01T00:00:00Z", "2031-01-01T02:00:00+01:00"


def _too_few(row: Row, _earlier: str) -> None:
    row.pop()


def _too_many(row: Row, _earlier: str) -> None:
    row.append("5")


DEFECTS = (
    _cell("blank required value", "value", ""),
    _cell("value too short", "value", "AB"),
    Defect("duplicate key", "value", _duplicate),
    _cell("date without offset", "expirydate", "2031-05-01T00:00:00"),
    _cell("impossible date", "expirydate", "2031-02-30T00:00:00Z"),
    _cell("date with a space", "startdate", "2027-05-01 00:00:00Z"),
    Defect("start after expiry", None, _reversed_dates),
    _cell("value too long", "recipientintegrationid", "customer-" + "9" * 1000),
    _cell("not an integer", "limitval", "1.5"),
    _cell("out of range", "limitval", "1000000"),
    _cell("invalid json", "attributes", '"{""category"": ""10_off"""'),
    _cell("json not an object", "attributes", '"[""10_off""]"'),
    _cell("undoubled quote", "attributes", '"{"category": "10_off"}"'),
    _cell("not a number", "discountlimit", "ten"),
    _cell("out of range", "discountlimit", "-1"),
    Defect("too few fields", None, _too_few),
    Defect("too many fields", None, _too_many),
)


@dataclass(frozen=True)
class Placed:
    """A defect and where it begins: `record` counts without the header, `line` with it; both from 1.

    `record` is None for a line that is not a record: the header, a blank line.
    """

    record: int | None
    line: int
    column: str | None
    kind: str


def broken(good: Iterator[Row], *, share: float, seed: int, place: Callable[[Placed], None]) -> Iterator[Row]:
    """Pass records on, breaking about `share` of them in one way each; the first stays intact.

    The choice has its own random numbers: intact records are those of the unbroken file.
    """
    choose = random.Random(seed + 1).random
    line, earlier = 2, ""
    for record, row in enumerate(good, start=1):
        lines = sum(cell.count("\n") for cell in row) + 1
        if earlier and choose() < share:
            defect = DEFECTS[int(choose() * len(DEFECTS))]
            defect.spoil(row, earlier)
            lines = sum(cell.count("\n") for cell in row) + 1
            place(Placed(record, line, defect.column, defect.kind))
        else:
            earlier = row[0]
        line += lines
        yield row


def write(out: TextIO, records: Iterator[Row]) -> None:
    """Write the header and the records; memory does not grow with their number."""
    out.write(HEADER)
    out.writelines(",".join(row) + "\n" for row in records)


def expected_json(places: dict[str, list[Placed]]) -> str:
    """Return `{contract: [{record, line, column, kind}]}` with one defect a line."""
    lists = (
        f"{json.dumps(contract)}: [\n" + ",\n".join(json.dumps(vars(place)) for place in listed) + "\n]"
        for contract, listed in places.items()
    )
    return "{\n" + ",\n".join(lists) + "\n}\n"


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a coupons file, the same for the same arguments.")
    parser.add_argument("records", type=int, help="number of records")
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--wide", action="store_true", help="fill all seven columns, 128 bytes a record")
    parser.add_argument("--defects", type=float, default=0.0, metavar="FRACTION", help="share to break, 0 to 1")
    parser.add_argument("--expected", type=Path, metavar="FILE", help="write the defects' places as JSON")
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args(given)


def main(arguments: list[str] | None = None) -> int:
    """Write the file, and print its content as one JSON line on stdout."""
    given = _arguments(arguments)
    records = rows(given.records, seed=given.seed, tables=wide_tables() if given.wide else mixed_tables())
    places: list[Placed] = []
    if given.defects:
        records = broken(records, share=given.defects, seed=given.seed, place=places.append)
    with given.out.open("w", encoding="utf-8", newline="") as out:
        write(out, records)
    if given.expected:
        given.expected.write_text(expected_json({"coupons": places}), encoding="utf-8")
    kinds = Counter(place.kind for place in places)
    print(json.dumps({"records": given.records, "bytes": given.out.stat().st_size, "defects": kinds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
