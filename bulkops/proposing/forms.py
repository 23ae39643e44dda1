"""Decide how the dates and numbers of a column are written, from the shapes of its values and nothing else.

A shape is a value with 9 for each digit. A reading is decided only if all values agree on it and at least one value
excludes the other readings; otherwise the possible readings are returned with the numbers of values behind them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bulkops.wording import counted

MONTHS = re.compile(
    r"\b(January|February|March|April|June|July|August|September|October|November|December)\b"
    r"|\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b|\bMay\b",
    re.IGNORECASE,
)
BLANK_WORDS = frozenset({"-", "--", "n/a", "na", "null", "none", "never", "unlimited", "nie", "jamais", "nunca", "mai"})
BLANK_DATES = frozenset({"9999-99-99", "9999-99-99 99:99:99"})
_ISO = re.compile(r"9999-99-99(?:(?P<time>[T ]99:99(?::99(?:\.9+)?)?)(?P<zone>Z| UTC| ?[+-]99:?99)?)?")
_TIME = r"(?P<gap>,? |T)(?P<hour>99?):99(?P<second>:99)?(?P<half> ?P)?"
_YEAR_FIRST = re.compile(rf"9999(?P<sep>[/.-])99?(?P=sep)99?(?:{_TIME})?")
_YEAR_LAST = re.compile(rf"99?(?P<sep>[/.-])99?(?P=sep)(?P<year>9999|99)(?:{_TIME})?")
_MONTH_NAME = re.compile(
    rf"(?:99?(?P<sep>[ -])(?P<middle>[bBM])(?P=sep)|(?P<front>[bBM]) 99?,? )(?P<year>9999|99)(?:{_TIME})?"
)
_COMPACT = {"99999999": "%Y%m%d", "99999999999999": "%Y%m%d%H%M%S"}
SECONDS, MILLISECONDS = "9" * 10, "9" * 13
_CURRENCY = r"(?:[$€£¥]|zł|kr|(?:EUR|USD|GBP|CHF|PLN|SEK|NOK|DKK|CZK|BRL|CAD|AUD|JPY))"
_BETWEEN = r"\s'\u2019\u00a0\u202f"
"""Signs that separate thousands, besides the other decimal sign; the helper functions of recipes remove them."""
_UNIT = re.compile(
    rf"(?i){_CURRENCY}?\s*(?P<number>[+-]?[9.,{_BETWEEN}]+?)"
    rf"\s*(?:{_CURRENCY}|pts|points|punkte|punkty|puntos|punten|punti)?"
)
_LAST_DAY, _LAST_MONTH = 31, 12
FIRST_DATE, LAST_DATE = 19000101, 22001231
LAST_SECOND = 7_258_118_400


@dataclass(kw_only=True)
class ValueShape:
    """All values of one shape: their number, an example, and the least and largest of the leading numbers."""

    text: str
    rows: int
    example: str
    first: tuple[int, int] = (0, 0)
    second: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """One way to read a column. `form` is `iso`, `seconds`, `milliseconds`, `integer`, `point`, `comma` or a format.

    `mixed`: only some ISO dates have a time.
    """

    form: str
    rows: int
    has_time: bool = False
    has_zone: bool = False
    mixed: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How a column is written: one reading if that is certain, else those that are possible, with the reason.

    `blanks` are words for a missing value.
    """

    readings: tuple[ColumnReading, ...]
    certain: bool
    why: str
    blanks: tuple[str, ...] = ()

    @property
    def reading(self) -> ColumnReading:
        """The only or the most likely reading."""
        return self.readings[0]


def date_decision(shapes: Sequence[ValueShape]) -> Decision:
    """Return how the dates of a column are written."""
    blanks, shapes = _without_blanks(shapes)
    found: dict[str, list[ValueShape]] = {}
    odd: list[ValueShape] = []
    for shape in shapes:
        forms = _date_forms(shape)
        for form in forms:
            found.setdefault(form, []).append(shape)
        odd += [shape] * (not forms)
    rows = sum(shape.rows for shape in shapes)
    readings = sorted((_date_reading(form, each) for form, each in found.items()), key=lambda each: -each.rows)
    whole = [reading for reading in readings if reading.rows == rows]
    if not rows:
        return Decision(readings=(), certain=False, why="no values", blanks=blanks)
    if whole and not odd and len({each.form.replace("%B", "%b") for each in whole}) == 1:
        return Decision(readings=(whole[0],), certain=True, why=whole[0].why, blanks=blanks)
    if odd:
        why = f"{sum(each.rows for each in odd):,} of {rows:,} values are not dates, such as {odd[0].example!r}"
    elif whole:
        why = f"all {counted(rows, 'value')} fit both day/month and month/day"
    else:
        why = "; ".join(f"{each.rows:,} of {rows:,} values fit {each.form}" for each in readings[:3])
    return Decision(readings=tuple(whole or readings[:3]), certain=False, why=why, blanks=blanks)


def are_import_dates(shapes: Sequence[ValueShape], literals: Sequence[str]) -> bool:
    """Return whether all values are RFC 3339 instants or words of the import format."""
    plain = re.compile(r"9999-99-99T99:99:99(?:\.9+)?(?:Z|[+-]99:99)")
    return all(shape.text in literals or plain.fullmatch(shape.text) for shape in shapes)


def are_import_numbers(shapes: Sequence[ValueShape]) -> bool:
    """Return whether all values are numbers of the import format."""
    return all(re.fullmatch(r"-?9+(?:\.9+)?", shape.text) for shape in shapes)


def _without_blanks(shapes: Iterable[ValueShape]) -> tuple[tuple[str, ...], list[ValueShape]]:
    blanks, rest = [], []
    for shape in shapes:
        zero = shape.text in BLANK_DATES and shape.first == (0, 0) and set(shape.example) <= set("0-: ")
        if shape.text.lower() in BLANK_WORDS or zero:
            blanks.append(shape.example)
        else:
            rest.append(shape)
    return tuple(blanks), rest


def _date_forms(shape: ValueShape) -> list[str]:
    """Return the formats that fit all values of a shape."""
    text = re.sub(r"(?i)[ap]\.?m\.?$", "P", MONTHS.sub(_month_sign, shape.text))
    if match := _ISO.fullmatch(text):
        return ["iso"]
    if match := _YEAR_FIRST.fullmatch(text):
        sep = match["sep"]
        return [f"%Y{sep}%m{sep}%d{_time(match)}"]
    if match := _YEAR_LAST.fullmatch(text):
        return _ordered(shape, match)
    if match := _MONTH_NAME.fullmatch(text):
        return _named_month(match)
    if (form := _COMPACT.get(text)) is not None:
        low, high = (number // 10 ** (len(text) - 8) for number in shape.first)
        return [form] if low >= FIRST_DATE and high <= LAST_DATE else []
    if text == SECONDS:
        return ["seconds"] if shape.first[1] <= LAST_SECOND else []
    return ["milliseconds"] if text == MILLISECONDS and shape.first[1] <= LAST_SECOND * 1000 else []


def _ordered(shape: ValueShape, match: re.Match[str]) -> list[str]:
    """Return the orders of day and month that fit all values; a date with points always begins with the day."""
    sep, year = match["sep"], "%Y" if match["year"] == "9999" else "%y"
    day_first, month_first = f"%d{sep}%m{sep}{year}{_time(match)}", f"%m{sep}%d{sep}{year}{_time(match)}"
    forms = []
    if shape.second[1] <= _LAST_MONTH and shape.first[1] <= _LAST_DAY:
        forms.append(day_first)
    if shape.first[1] <= _LAST_MONTH and shape.second[1] <= _LAST_DAY and sep != ".":
        forms.append(month_first)
    return forms


def _month_sign(month: re.Match[str]) -> str:
    """Return the sign of a month in a shape: B for a whole name, b for a short one, M for May, which is both."""
    return "B" if month[1] else "b" if month[2] else "M"


def _named_month(match: re.Match[str]) -> list[str]:
    """Return the formats of a date with the name of a month."""
    year = "%Y" if match["year"] == "9999" else "%y"
    sign = match["middle"] or match["front"]
    names = ("%b", "%B") if sign == "M" else (f"%{sign}",)
    if match["sep"]:
        return [f"%d{match['sep']}{name}{match['sep']}{year}{_time(match)}" for name in names]
    comma = "," if "," in match[0].split("9999")[0] else ""
    return [f"{name} %d{comma} {year}{_time(match)}" for name in names]


def _time(match: re.Match[str]) -> str:
    """Return the format of the time behind a date; nothing without a time."""
    if match["hour"] is None:
        return ""
    half = match["half"]
    clock = f"{'%I' if half else '%H'}:%M{':%S' if match['second'] else ''}"
    return f"{match['gap']}{clock}{half.replace('P', '%p') if half else ''}"


def _date_reading(form: str, shapes: Sequence[ValueShape]) -> ColumnReading:
    rows = sum(shape.rows for shape in shapes)
    if form == "iso":
        matches = [match for shape in shapes if (match := _ISO.fullmatch(shape.text))]
        zones = all(match["zone"] for match in matches)
        timed = {bool(match["time"]) for match in matches}
        why = f"{counted(rows, 'value')} as in ISO 8601"
        return ColumnReading(
            form=form, rows=rows, has_time=True in timed, has_zone=zones, mixed=len(timed) > 1, why=why
        )
    if form in {"seconds", "milliseconds"}:
        why = f"{counted(rows, 'value')} in {form} since 1970"
        return ColumnReading(form=form, rows=rows, has_time=True, has_zone=True, why=why)
    return ColumnReading(form=form, rows=rows, has_time="%M" in form, why=_order_reason(form, shapes, rows))


def _order_reason(form: str, shapes: Sequence[ValueShape], rows: int) -> str:
    """Return why a format with an order of day and month is the only one that fits."""
    if not form.startswith(("%d", "%m")) or "%b" in form or "%B" in form:
        return f"{counted(rows, 'value')} as {form}"
    place = "first" if form.startswith("%d") else "second"
    above = max(getattr(shape, place)[1] for shape in shapes)
    if above > _LAST_MONTH:
        return f"{counted(rows, 'value')} as {form}; the {place} number goes up to {above}"
    return f"{counted(rows, 'value')} as {form}; dates with points begin with the day"


def number_decision(shapes: Sequence[ValueShape]) -> Decision:
    """Return whether the numbers of a column have a decimal point, a decimal comma, or no fraction at all."""
    blanks, shapes = _without_blanks(shapes)
    rows: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for shape in shapes:
        kind = _number_kind(shape)
        rows[kind] += shape.rows
        examples.setdefault(kind, shape.example)
    total, odd = rows.total(), examples.get("odd")
    if not total:
        return Decision(readings=(), certain=False, why="no values", blanks=blanks)
    readings = tuple(ColumnReading(form=form, rows=rows[form]) for form in ("point", "comma") if rows[form])
    if odd is not None:
        why = f"{rows['odd']:,} of {total:,} values are not numbers, such as {odd!r}"
        return Decision(readings=readings, certain=False, why=why, blanks=blanks)
    if len(readings) == 1:
        form = readings[0].form
        why = f"{rows[form]:,} of {total:,} values have a decimal {form}, such as {examples[form]!r}; none has another"
        return Decision(readings=(ColumnReading(form=form, rows=total, why=why),), certain=True, why=why, blanks=blanks)
    if readings:
        why = "; ".join(f"{rows[each.form]:,} with a decimal {each.form}, such as {examples[each.form]!r}"
                        for each in readings)  # fmt: skip
        return Decision(readings=readings, certain=False, why=f"mixed: {why}", blanks=blanks)
    if rows["either"]:
        why = f"{rows['either']:,} values, such as {examples['either']!r}, fit a thousand and a fraction"
        both = tuple(ColumnReading(form=form, rows=rows["either"]) for form in ("point", "comma"))
        return Decision(readings=both, certain=False, why=why, blanks=blanks)
    why = f"{counted(total, 'whole number')}"
    form = "point" if rows["unit"] else "integer"
    return Decision(readings=(ColumnReading(form=form, rows=total, why=why),), certain=True, why=why, blanks=blanks)


def _number_kind(shape: ValueShape) -> str:
    """Return the kind of number that a shape proves: point, comma, either, integer, unit (with a sign), or odd."""
    match = _UNIT.fullmatch(shape.text.strip())
    if match is None:
        return "odd"
    text = re.sub(rf"[{_BETWEEN}+-]", "", match["number"])
    signs = [char for char in text if char in ".,"]
    if not signs:
        plain = shape.text.strip().lstrip("+-").isdigit() and not shape.text.strip().startswith("+")
        return "integer" if plain else "unit" if text else "odd"
    if len(set(signs)) == 2:
        return _with_groups(text, signs)
    parts = text.split(signs[0])
    decimal, other = ("point", "comma") if signs[0] == "." else ("comma", "point")
    if len(signs) > 1:
        return other if _grouped(parts) else "odd"
    if len(parts[1]) != 3 or len(parts[0]) not in {1, 2, 3} or shape.first[0] == 0:
        return decimal if parts[1] else "odd"
    return "either"


def _with_groups(text: str, signs: Sequence[str]) -> str:
    """Return the decimal sign of a number with both signs: the last one, if the other separates thousands."""
    last = signs[-1]
    whole, _, fraction = text.rpartition(last)
    if last in whole or not fraction or not _grouped(whole.split(signs[0])):
        return "odd"
    return "point" if last == "." else "comma"


def _grouped(parts: Sequence[str]) -> bool:
    return len(parts[0]) in {1, 2, 3} and all(len(part) == 3 for part in parts[1:])
