"""Valid files that few programs write: nothing in them is wrong, so nothing may be reported as an error or changed."""

from random import Random

from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import IdList, JsonObject, Number, Text, Timestamp
from bulkops_validators.model.contract import Column
from tests.fuzz.inputs import FuzzedFile

NAMES = (
    *(
        "Ανδρέας",
        "北京市",
        "O'Brien",
        "Zoë",
        "Łódź",
        "müller-lüdenscheidt",
        "a\u0301b",
        "१२३",
        "شركة",
        "😀-deal",
        "ß",
        "İstanbul",
    ),
    *(
        "x,y",
        'the "best" one',
        "line one\nline two",
        "semi;colon",
        "a|b",
        "tab\there",
        "a{b}",
        "[list]",
        "--x--",
        "#hash",
    ),
    *(
        "5%",
        "100%",
        "£5",
        "Total Recall",
        "Summary judgement",
        "item-1",
        "0x1F",
        "1e-mail",
        "007-bond",
        "v1.0.2",
        "3.14.15",
    ),
    *(
        "https://x.example/a?b=c&d=e",
        "C:\\temp\\new",
        "back\\slash",
        "'quoted'",
        "a''b",
        "<b>bold",
        "&amp;",
        "nullable",
        "nan-bread",
    ),
    *(
        "no rows",
        "NULLA",
        "truest",
        "2 rows of seats",
        "x" * 50,
        "Grand Totals 2027 party",
        "ERROR 404 shirt",
        "headerless",
        "नमस्ते",
        "x·y",
        "%20A",
        "-{}-",
        "``` fenced",
    ),
)
STAMPS = (
    "2031-12-31T23:59:59Z",
    "2031-01-01T00:00:00+14:00",
    "2031-06-30T12:00:00.123456Z",
    "2032-02-29T00:00:00-12:00",
    "2031-03-04T00:00:00.123456789Z",
    "2031-03-04T00:00:00-00:00",
    "9999-12-31T23:59:59Z",
)
OBJECTS = (
    '{"a_b": "x, \\"y\\""}',
    "{}",
    '{"list": [1, 2.5, -3]}',
    '{"text": "línea\\nzwei"}',
    '{ "spaced" : true }',
    '{"emoji": "\\ud83d\\ude00", "none": null, "small": 1e-5}',
    '{"lines":\r\n [1,\n 2]}',
    '{"deep": {"er": [[[{"x": []}]]]}}',
    "",
)


def unusual(random: Random) -> FuzzedFile:
    """Return a valid file of a contract with unusual texts, quotes and order of columns."""
    contract = random.choice([*CONTRACTS.values()])
    dropped = {name for exclusive in contract.exclusive for name in exclusive.columns[1:]}
    needed = {name for exclusive in contract.exclusive for name in exclusive.columns}
    needed |= {column.name for column in contract.columns if column.required or column.recommended}
    names = [
        name for name in contract.column_names if name not in dropped and (name in needed or random.random() < 0.8)
    ]
    random.shuffle(names)
    every, end = random.random() < 0.3, random.choice(("\n", "\r\n"))
    size = random.choice((1, 1, 2, 9, 40))
    rows = [[_cell(random, contract.column(name), number) for name in names] for number in range(size)]
    lines = [",".join(_spelled(cell, every=every or random.random() < 0.1) for cell in row) for row in (names, *rows)]
    text = end.join(lines) + random.choice((end, "" if len(names) > 1 else end))
    return FuzzedFile(contract, text.encode(), "unusual")


def _cell(random: Random, column: Column, number: int) -> str:
    match column.cell:
        case Timestamp():
            ends = column.name.lower() in {"expirydate", "enddate"}
            return random.choice(STAMPS) if ends else f"2027-03-0{number % 9 + 1}T00:00:00Z"
        case Number():
            return (
                random.choice(("0.5", "12", "1.25", "99999")) if "limit" not in column.name.lower() else str(number + 1)
            )
        case JsonObject():
            return random.choice(OBJECTS)
        case IdList():
            return random.choice(("", "a;b", "Zoë;x y"))
        case Text(pattern=None):
            return (
                f"{random.choice(NAMES)} {number:04d}"
                if random.random() < 0.8
                else f"{random.choice(NAMES)}-{number:04d}"
            )
    return f"{column.example}{number:03d}" if isinstance(column.cell, Text) else column.example


def _spelled(cell: str, *, every: bool) -> str:
    return '"' + cell.replace('"', '""') + '"' if every or any(sign in cell for sign in ',"\n\r') else cell
