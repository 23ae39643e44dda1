"""Assemble a broken twin: defective records among good ones, each with its record number and physical line."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from sample_data.make_coupons import Placed
from sample_data.values import Record

LEAST_RECORDS = 20
_RAW = "raw cell goes here"
BARE = '19" and 24" monitors'
"""A cell that needs quotes around it."""


@dataclass(frozen=True)
class Defect:
    """One way to break a record.

    `text` makes the text of the broken record, line end included, from a good record. `column` is None if the whole
    record or several columns have the defect. A `last` defect would swallow later records, so none may follow.
    A defect that is not `numbered` is not a record.
    """

    kind: str
    column: str | None
    reason: str
    text: Callable[[Record], str]
    last: bool = False
    numbered: bool = True


@dataclass(frozen=True)
class Flaw:
    """A placed defect with its reason, as the README lists it."""

    place: Placed
    reason: str


@dataclass(frozen=True)
class Twin:
    """A broken file and its defects, in file order."""

    text: str
    flaws: tuple[Flaw, ...]

    @property
    def places(self) -> list[Placed]:
        """Where the defects are, as expected.json lists them."""
        return [flaw.place for flaw in self.flaws]


def line(cells: list[str]) -> str:
    """Return the cells as one CSV record, quoted where needed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def swap(kind: str, column: str, value: str, reason: str, *, also: Record | None = None) -> Defect:
    """Put another value in one column; `also` sets others so that nothing else is wrong with the record."""
    values = (also or {}) | {column: value}
    return Defect(kind, column, reason, lambda good: line(list((good | values).values())))


def swap_all(kind: str, values: Record, reason: str) -> Defect:
    """Put other values in several columns, none of them wrong alone."""
    return Defect(kind, None, reason, lambda good: line(list((good | values).values())))


def raw(kind: str, column: str, text: str, reason: str) -> Defect:
    """Put text in one column as it is, without quoting it."""
    return Defect(kind, column, reason, lambda good: line(list((good | {column: _RAW}).values())).replace(_RAW, text))


def too_few() -> Defect:
    """Leave the last field out, with its comma."""
    return Defect(
        "too few fields",
        None,
        "the last field is missing, with its comma",
        lambda good: line(list(good.values())[:-1]),
    )


def too_many() -> Defect:
    """Add a field after the last column."""
    return Defect(
        "too many fields",
        None,
        "one more field than the header has names",
        lambda good: line([*good.values(), "surplus"]),
    )


def all_blank() -> Defect:
    """Write a record of nothing but commas."""
    return Defect("blank record", None, "every field of the record is blank", lambda good: line(["" for _ in good]))


def blank_line() -> Defect:
    """Write an empty line, which is not a record and has no number."""
    return Defect("blank line", None, "nothing between two line ends", lambda _good: "\n", numbered=False)


def unclosed(text: str) -> Defect:
    """Open a quote that nothing closes."""
    return Defect("unclosed quote", None, "the quote is never closed", lambda _good: f'"{text}\n', last=True)


def attribute_defects() -> list[Defect]:
    """Return the ways to break a cell of custom attributes."""
    column = "attributes"
    return [
        swap("invalid json", column, '{"category": "10_off"', "the closing brace is missing"),
        swap("invalid json", column, "{'category': '10_off'}", "JSON wants double quotes"),
        swap("json not an object", column, '["10_off"]', "a list where an object is wanted"),
        swap("bad attribute name", column, '{"10_off": true}', "attribute names begin with a letter"),
        raw("undoubled quote", column, '"{"category": "10_off"}"', "quotes inside a quoted cell are doubled in CSV"),
    ]


def date_defects(column: str, *, also: Record | None = None) -> list[Defect]:
    """Return the ways to break an RFC 3339 cell."""
    return [
        swap("date without offset", column, "2031-05-01T00:00:00", "no Z and no offset", also=also),
        swap("date with a space", column, "2031-05-01 00:00:00Z", "a space instead of the T of RFC 3339", also=also),
        swap("impossible date", column, "2031-02-30T00:00:00Z", "February has no 30th", also=also),
        swap("date without time", column, "2031-05-01", "a date without a time", also=also),
        swap("not a date", column, "31.12.2031", "not RFC 3339", also=also),
    ]


def reversed_dates(start: str, end: str, *, also: Record | None = None) -> Defect:
    """Return a start that only the offsets show to be after the end."""
    values = {start: "2031-01-01T01:00:00-05:00", end: "2031-01-01T06:00:00+02:00"}
    return swap_all("start after expiry", (also or {}) | values, "06:00 UTC is after 04:00 UTC")


def duplicate(column: str, first: Record) -> Defect:
    """Repeat the key of the first record."""
    return swap("duplicate key", column, first[column], "the same as in record 1")


def twin(good: list[Record], defects: list[Defect]) -> Twin:
    """Place the defects among good records; the first record and the last are good.

    Every defect breaks its own good record, so defects do not affect each other.
    """
    columns = list(good[0])
    text, record, flaws, supply = line(columns), 0, [], iter(good)

    def add(defect: Defect | None) -> None:
        nonlocal text, record
        numbered = defect is None or defect.numbered
        record += numbered
        source = next(supply)
        if defect is not None:
            place = Placed(record if numbered else None, text.count("\n") + 1, defect.column, defect.kind)
            flaws.append(Flaw(place, defect.reason))
        text += line(list(source.values())) if defect is None else defect.text(source)

    add(None)
    spread = [defect for defect in defects if not defect.last]
    for number, defect in enumerate(spread, start=1):
        add(defect)
        if number % 2 == 0 or len(spread) < 14 or number == len(spread):
            add(None)
    while record < LEAST_RECORDS:
        add(None)
    for defect in defects:
        if defect.last:
            add(defect)
    return Twin(text, tuple(flaws))
