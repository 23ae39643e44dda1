"""Files of any kind, drawn from a `random.Random`: valid records, the damage of other programs, and plain bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Choice, Duration, IdList, Integer, JsonObject, Number, Timestamp
from bulkops_validators.model.contract import Column, Contract

SEPARATORS = ",,,,,,,;\t|^"
LINE_ENDS = ("\n", "\n", "\n", "\r\n", "\r\n", "\r")
ENCODINGS = ("utf-8",) * 14 + ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp1251", "cp850", "mac_roman")

STRUCTURE = (
    *(
        '"',
        '""',
        '"""',
        ",",
        "\n",
        "\r\n",
        "\r",
        "a",
        "b,c",
        ' "',
        '",',
        ',"',
        "\n\n",
        '"\n',
        '\n"',
        "é",
        "😀",
        " ",
        "\t",
    ),
    *(
        '"x","y"\n',
        '"x\ny"',
        '{"a": 1}',
        '"{"a": "x", "b": 2}"',
        '"{""a"": 1}"',
        '"{',
        '}"',
        '\\"',
        '"{"a":\n1}"',
        ";",
        "|",
    ),
    *("value,limitval\n", "\ufeff", "\u2028", "\x0b", "\x0c", "\x85", "1,2,3,4\n", "x" * 61, '"' * 5, "A\r\nB"),
)
"""Pieces that decide about records."""

TEXTS = (
    *(
        "",
        " ",
        "A1",
        "ABCD",
        "code-1",
        "CODE-1",
        "X" * 31,
        "c" * 109,
        "c" * 1001,
        " CODE",
        "CODE ",
        "CO\u200bDE",
        "\ufeff",
    ),
    *("\ufeffABCD", "CO\xa0DE", "C\u041eDE", "cafÃ©", "\ufffd", "1.23E+15", "3-May", "Mar-26", "02/09", "#N/A", "####"),
    *(
        "TRUE",
        "NULL",
        "\\N",
        "NaT",
        "=1+1",
        '="0012"',
        "'0012",
        "00123456",
        "-5",
        "@x",
        "n/a",
        "😀",
        "x\ny",
        'say "hi"',
    ),
    *(
        "a,b",
        "100200.0",
        "+49 171 2345678",
        "emil@x.example; eva@x.example",
        "mailto:a@x.example",
        "cafe\u0301",
        "café",
    ),
    *(
        "(2 rows affected)",
        "Total",
        "Summe",
        "# note",
        "-----",
        "<<<<<<< HEAD",
        "<br />",
        "2026-01-02 INFO done",
        "\\",
        '\\"',
    ),
    *(
        "\x00",
        "\x1b[0m",
        "a\rb",
        "\u2028",
        "\x85",
        "{x}",
        "['a', 'b']",
        "a|b",
        "a;b",
        "a; b",
        "a;;b",
        "a;a",
        "\u05d0BCD",
    ),
)
NUMBERS = (
    *(
        "",
        "0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "12,50",
        "1,500",
        "1.500",
        "2.000",
        "1.234,56",
        "1'000",
        "1 000",
        "x",
        " 5",
        "5 ",
    ),
    *(
        "1e3",
        "999999",
        "1000000",
        "0.125",
        "NaN",
        "٣",
        "007",
        "inf",
        "NULL",
        "£5",
        "5%",
        "12.750",
        "--",
        "+1",
        "1.",
        ".5",
    ),
)
STAMPS = (
    *(
        "",
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00+14:00",
        "2030-02-30T00:00:00Z",
        "2030-01-01",
        "2030-01-01 10:00:00Z",
    ),
    *(
        "2030-01-01T10:00:00",
        "01/02/2030",
        "31.12.2030",
        "04/13/2030",
        "29/02/28",
        "1767225600",
        "1767225600000",
        "46023",
    ),
    *(
        "Immediate",
        "immediate",
        "unlimited",
        " 2030-01-01T00:00:00Z",
        "#N/A",
        "soon",
        "2030-01-01t00:00:00z",
        "NULL",
        "NaT",
    ),
    *(
        "Tue, 01 Jan 2030 00:00:00 GMT",
        "2030-01-01 00:00:00 UTC",
        "1 Jan 2030",
        "2030123123",
        "Mar-26",
        "20300101",
        "24:00",
    ),
)
OBJECTS = (
    *("", "{}", '{"a": 1}', '{"a": 1, "a": 2}', "[1]", '"x"', "{a: 1}", '{"a": NaN}', "{“a”: 1}", "null", '{"a":\n 1}'),
    *("'{}", '{"a": "x, y"}', '{"a": {"b": [1, 2]}}', "#REF!", "{'a': 1}", "NULL", '{"a": "\\""}', "{", '{"a": 1'),
)
WORDS = ("", "active", "inactive", "Active", " active", "blocked", "30D", "12M_U", "6m", "0D", "30d", "5_D", "a;b", "x")

PREAMBLES = (
    "",
    "\n",
    "\n\n",
    "\r\n",
    "sep=;\n",
    "Report\n\n",
    "# made by a tool\n",
    "# one\n# two\n",
    "Export;;;\n",
    "\ufeff",
)
FOOTERS = (
    "",
    "\n",
    "\n\n",
    "(2 rows affected)\n",
    "Total,5\n",
    "Summary,,,\n",
    "# end\n",
    "3 rows selected.\n",
    ",,,\n",
    "\x1a",
)


@dataclass(frozen=True)
class FuzzedFile:
    """A file, the contract that reads it, and how it was made."""

    contract: Contract
    data: bytes
    kind: str


def soup(random: Random, pieces: Sequence[str], most: int) -> bytes:
    """Return up to `most` pieces in a row."""
    return "".join(random.choice(pieces) for _ in range(random.randint(0, most))).encode()


def structure_of_anything(random: Random) -> FuzzedFile:
    """Return a header and pieces that decide about records."""
    contract = random.choice([*CONTRACTS.values()])
    names = [*contract.column_names][: random.randint(1, len(contract.columns))]
    header = ",".join(names).encode() + random.choice((b"\n", b"\n", b"\r\n", b"\r"))
    return FuzzedFile(
        contract, random.choice((b"", b"", b"\r", b"\n")) + header + soup(random, STRUCTURE, 40), "structure"
    )


def plain_bytes(random: Random) -> FuzzedFile:
    """Return bytes, most of them ASCII, often behind a header."""
    contract = random.choice([*CONTRACTS.values()])
    common = b'",\n\r;\t |{}x1A\xef\xbb\xbf\xe9\x00\xff'
    size = random.randint(0, 120)
    data = bytes(random.choice(common) if random.random() < 0.7 else random.randrange(256) for _ in range(size))
    return FuzzedFile(contract, random.choice((b"", ",".join(contract.column_names).encode() + b"\n")) + data, "bytes")


def table(random: Random) -> FuzzedFile:
    """Return a table of a contract: most cells valid, the file as some program would write it."""
    contract = random.choice([*CONTRACTS.values()])
    names = [*contract.column_names]
    if random.random() < 0.5:
        random.shuffle(names)
        names = names[: random.randint(1, len(names))]
    damage = random.choice((0.0, 0.05, 0.3, 1.0))
    rows = [_record(random, contract, names, number, damage) for number in range(random.choice((0, 1, 3, 8, 20)))]
    header = [_spelt(random, name) if random.random() < damage / 3 else name for name in names]
    separator, end = random.choice(SEPARATORS), random.choice(LINE_ENDS)
    lines = [_line(random, cells, separator, damage) for cells in (header, *rows)]
    if random.random() < 0.1:
        lines.insert(random.randint(0, len(lines)), random.choice(lines))
    if random.random() < 0.1:
        lines.insert(
            random.randint(0, len(lines)), random.choice(("", " ", "# x", "-----,-----", '"a\nb"', separator * 3))
        )
    text = end.join(lines) + random.choice((end, end, ""))
    if random.random() < damage:
        text = random.choice(PREAMBLES) + text + random.choice(FOOTERS)
    return FuzzedFile(contract, _damaged(random, text.encode(random.choice(ENCODINGS), "replace"), damage), "table")


def _record(random: Random, contract: Contract, names: Sequence[str], number: int, damage: float) -> list[str]:
    return [_cell(random, contract.column(name), number, damage) for name in names]


def _cell(random: Random, column: Column, number: int, damage: float) -> str:
    if random.random() >= damage:
        # The keys of valid records differ.
        return f"{column.example}{number}" if column.required and not _typed(column) else column.example
    if random.random() < 0.1:
        return "".join(random.choice(STRUCTURE) for _ in range(random.randint(1, 3)))
    match column.cell:
        case Timestamp():
            return random.choice(STAMPS)
        case Integer() | Number():
            return random.choice(NUMBERS)
        case JsonObject():
            return random.choice(OBJECTS)
        case Choice() | Duration() | IdList():
            return random.choice((*WORDS, *TEXTS))
    return random.choice(TEXTS)


def _typed(column: Column) -> bool:
    return isinstance(column.cell, Timestamp | Integer | Number | JsonObject | Choice | Duration | IdList)


def _spelt(random: Random, name: str) -> str:
    other = random.choice(("", "other", "Code", "Value", "a,b", "Usage Limit", "Ends At", f'"{name}"', "\ufeff", "é"))
    spelt = (name.upper(), f" {name}", f"{name} ", f"{name} (EUR)", f"{name}\x00", name[:-1], other)
    return random.choice(spelt)


def _line(random: Random, cells: Sequence[str], separator: str, damage: float) -> str:
    """Return a line with the quotes that its cells need, or with other ones."""
    if random.random() < damage / 4:
        cells = [*cells, *random.choice(([""], ["", ""], ["x"], cells))] if random.random() < 0.5 else cells[:-1]
    careless, every = random.random() < damage / 4, random.random() < 0.1
    written = [cell if careless else _quoted(cell, separator, every=every) for cell in cells]
    line = separator.join(written)
    return _quoted(line, separator, every=True) if random.random() < damage / 10 else line


def _quoted(cell: str, separator: str, *, every: bool) -> str:
    if every or any(sign in cell for sign in (separator, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _damaged(random: Random, data: bytes, damage: float) -> bytes:
    """Return bytes after a transfer that cut, repeated or changed a few of them."""
    if random.random() >= damage / 2 or not data:
        return data
    place = random.randrange(len(data))
    foreign = random.choice(
        (b"\x00", b"\xe9", b"\xff", b'"', b"\r", b"\n", b"\xef\xbb\xbf", b"\x1a", b",", b"\xe2\x82")
    )
    cuts = (
        data[:place],
        data[:place] + foreign + data[place:],
        data[:place] + foreign + data[place + 1 :],
        data + data,
    )
    return random.choice(cuts)


def any_file(random: Random) -> FuzzedFile:
    """Return a file of one of the three kinds."""
    return random.choice((structure_of_anything, table, table, table, plain_bytes))(random)
