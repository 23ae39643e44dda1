"""Build the checks of the form of cells other than free text, in the order in which they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl

from bulkops_validators.model import patterns
from bulkops_validators.model.cells import (
    Choice,
    Duration,
    IdList,
    Integer,
    JsonObject,
    Number,
    Text,
    Timestamp,
)
from bulkops_validators.model.contract import Column
from bulkops_validators.model.json_cells import judge


@dataclass(frozen=True)
class Case:
    """One fault of a cell; `says` completes a sentence that begins with the name of the column.

    `beyond_ascii`: a cell of ASCII characters only never has this fault. `hides` returns the sentence if values must
    be hidden; without it, `says` receives the masked value. `signs` is a pattern of the characters that the fault is
    about, if it can be the cause of other faults of the cell.
    """

    code: str
    holds: pl.Expr
    says: Callable[[str], str]
    beyond_ascii: bool = False
    hides: Callable[[str], str] | None = None
    signs: str | None = None


def form_cases(column: Column) -> list[Case]:
    """Return the cases of a column's kind of cell; the first that holds counts. Blank cells are not checked here."""
    name, cell = column.name, pl.col(column.name)
    match column.cell:
        case Text():
            return []
        case Integer() as integer:
            return _integer_cases(column, cell, integer)
        case Number() as number:
            return _number_cases(column, cell, number)
        case Timestamp() as timestamp:
            return _timestamp_cases(column, cell, timestamp)
        case Choice(values=values):
            return _choice_cases(column, cell, values)
        case Duration():
            return _duration_cases(column, cell)
        case JsonObject():
            return _json_cases(name)
        case IdList() as ids:
            return _list_cases(cell, ids)


def _padded(column: Column, pattern: str, *words: str) -> Case:
    """Return the case of a cell that is valid except for blanks around it, or that consists of blanks if optional."""
    cell = pl.col(column.name)
    inner = cell.str.strip_chars()
    right = inner.str.contains(pattern) | inner.is_in([*words, *([] if column.required else [""])])
    return Case("TYP107", (inner != cell) & right, lambda value: f"{value!r} has blanks around it")


def _residue(cell: pl.Expr) -> Case:
    """Return the case of a spreadsheet error or # signs, for a cell that is not text."""
    pattern = f"{patterns.SPREADSHEET_ERROR}|{patterns.HASH_SIGNS}"
    return Case(
        "TYP108", cell.str.contains(pattern), lambda value: f"{value!r} is a spreadsheet error or a row of # signs"
    )


def _no_value(column: Column) -> Case:
    """Return the case of a word for a missing value, for a cell that is not text."""
    meaning = "; the cell is required" if column.required else f"; a blank cell means: {column.default or 'none'}"
    says = f"is a word for a missing value{meaning}"
    return Case("TYP109", pl.col(column.name).str.contains(patterns.NO_VALUE), lambda value: f"{value!r} {says}")


def _integer_cases(column: Column, cell: pl.Expr, integer: Integer) -> list[Case]:
    value = cell.cast(pl.Float64, strict=False)
    return [
        _padded(column, patterns.INTEGER),
        _residue(cell),
        _no_value(column),
        Case(
            "XLS110",
            cell.str.contains(patterns.INTEGER_WITH_DECIMALS),
            lambda text: f"{text!r} is a whole number written with decimals",
        ),
        Case(
            "XLS111", cell.str.contains(patterns.INTEGER_THOUSANDS), lambda text: f"{text!r} has thousands separators"
        ),
        Case("TYP101", ~cell.str.contains(patterns.INTEGER), lambda text: f"{text!r} is not a whole number"),
        *_range_cases(value, integer.minimum, None, integer.maximum),
    ]


def _number_cases(column: Column, cell: pl.Expr, number: Number) -> list[Case]:
    value = cell.cast(pl.Float64, strict=False)
    cases = [
        _padded(column, patterns.NUMBER),
        _residue(cell),
        _no_value(column),
        Case("XLS111", cell.str.contains(patterns.THOUSANDS), lambda text: f"{text!r} has thousands separators"),
        Case("XLS109", cell.str.contains(patterns.DECIMAL_COMMA), lambda text: f"{text!r} has a decimal comma"),
        Case("TYP102", ~cell.str.contains(patterns.NUMBER), lambda text: f"{text!r} is not a number"),
        *_range_cases(value, number.minimum, number.above, number.maximum),
    ]
    if number.recommended_decimals is not None:
        allowed = number.recommended_decimals
        more = cell.str.contains(rf"\.[0-9]{{{allowed},}}[1-9]" if allowed else r"\.[0-9]*[1-9]")
        says = f"has more than {allowed} decimals" if allowed else "has decimals"
        cases.append(Case("VAL108", more, lambda text: f"{text} {says}"))
    return cases


def _range_cases(value: pl.Expr, minimum: float | None, above: float | None, maximum: float | None) -> list[Case]:
    cases = []
    if minimum is not None:
        cases.append(Case("VAL103", value < minimum, lambda text: f"{text} is below {_spelt(minimum)}"))
    if above is not None:
        cases.append(Case("VAL103", value <= above, lambda text: f"{text} is not above {_spelt(above)}"))
    if maximum is not None:
        cases.append(Case("VAL104", value > maximum, lambda text: f"{text} is above {_spelt(maximum)}"))
    return cases


def _spelt(limit: float) -> str:
    return f"{limit:,}".removesuffix(".0")


def _timestamp_cases(column: Column, cell: pl.Expr, timestamp: Timestamp) -> list[Case]:
    words = timestamp.literals
    lost = "; if it is read as 00:00:00, that day is lost" if timestamp.expected_future else ""
    right = cell.str.contains(patterns.TIMESTAMP) | cell.is_in(list(words))
    allowed = f" or {', '.join(words)}" if words else ""
    dated = cell.str.contains(f"{patterns.DATE_ONLY}|{patterns.NO_OFFSET}")
    neither = cell.str.contains(patterns.LOCAL_DATE) & ~cell.str.contains(patterns.LOCAL_DATE_THAT_EXISTS)
    unreal = "is not an existing date and time"

    def case(code: str, pattern: str, says: str) -> Case:
        return Case(code, ~right & cell.str.contains(pattern), lambda value: f"{value!r} {says}")

    return [
        _padded(column, patterns.TIMESTAMP, *words),
        Case("DAT101", dated & ~cell.str.contains(patterns.DAY_THAT_EXISTS), lambda value: f"{value!r} {unreal}"),
        case("DAT101", patterns.TIMESTAMP_SHAPE, unreal),
        Case("DAT101", neither, lambda value: f"{value!r} {unreal}, with the day first or the month first"),
        case("DAT106", patterns.DATE_ONLY, f"is a date without time and offset{lost}"),
        case("DAT102", patterns.NO_OFFSET, "has no offset such as Z or +02:00"),
        case("DAT103", patterns.LOCAL_DATE, "is a date in a local format"),
        case("DAT104", patterns.EPOCH, "is a number of seconds or milliseconds"),
        case("DAT107", patterns.SERIAL_DATE, "is a day number of a spreadsheet"),
        case("DAT108", patterns.TIMESTAMP_WORD, f"is not a valid word for this column; expected RFC 3339{allowed}"),
        _residue(cell),
        _no_value(column),
        Case("TYP103", ~right, lambda value: f"{value!r} is not an RFC 3339 timestamp{allowed}"),
    ]


def _choice_cases(column: Column, cell: pl.Expr, values: tuple[str, ...]) -> list[Case]:
    words, right = " or ".join(values), cell.is_in(list(values))
    inner = cell.str.strip_chars()
    folded = inner.str.to_lowercase().is_in([value.lower() for value in values])
    return [
        Case("TYP107", ~right & inner.is_in(list(values)), lambda value: f"{value!r} has blanks around it"),
        Case("VAL109", ~right & folded, lambda value: f"{value!r} differs from {words} only in upper and lower case"),
        _residue(cell),
        _no_value(column),
        Case("VAL102", ~right, lambda value: f"{value!r} is not valid; expected {words}"),
    ]


def _duration_cases(column: Column, cell: pl.Expr) -> list[Case]:
    return [
        _padded(column, patterns.DURATION),
        _residue(cell),
        _no_value(column),
        Case(
            "TYP106",
            ~cell.str.contains(patterns.DURATION),
            lambda value: f"{value!r} is not a duration such as 30D, 6M or 1Y_U",
        ),
        Case("VAL103", cell.str.contains(patterns.NO_DURATION), lambda value: f"{value!r} is a duration of zero"),
        Case(
            "VAL116",
            cell.str.contains(patterns.LIKELY_MONTHS),
            lambda value: f"{value!r} means minutes; for months write {value[:-1]}M",
        ),
    ]


def _json_codes(series: pl.Series) -> pl.Series:
    """Return the code of the rule that each cell breaks, '' for none. A pattern finds most invalid ones at once."""
    if len(series) == 1:  # polars would copy the cell at each step
        return pl.Series([_json_code(series[0])], dtype=pl.String)
    wrong = series.str.contains(patterns.UNNESTED_OBJECT) & ~series.str.contains(patterns.FLAT_OBJECT)
    if not wrong.any():
        return _judged_codes(series)
    return _judged_codes(series.set(wrong, None)).set(wrong, "TYP104")


def _judged_codes(series: pl.Series) -> pl.Series:
    """Return the code of the rule that each cell breaks, '' for none; each distinct cell is checked once."""
    distinct = series.unique()
    if len(distinct) > len(series) // 2:
        return pl.Series([_json_code(text) for text in series], dtype=pl.String)
    codes = {text: code for text in distinct if (code := _json_code(text))}
    if not codes:
        return pl.repeat("", len(series), dtype=pl.String, eager=True)
    return series.replace_strict(codes, default="", return_dtype=pl.String).fill_null("")


def _json_code(text: str | None) -> str:
    fault = judge(text) if text else None
    return fault.code if fault is not None else ""


JSON_CODES = ("TYP107", "TYP108", "TYP109", "TYP104", "ATR103", "TYP105", "ATR102", "ATR101", "ATR104")
"""The codes of the rules about JSON cells; a cell breaks at most one of them."""


def json_codes(name: str) -> pl.Expr:
    """Return the code of the rule that each JSON cell of a column breaks, '' for none or a blank cell."""
    return pl.col(name).map_batches(_json_codes, return_dtype=pl.String)


def _json_cases(name: str) -> list[Case]:
    codes = json_codes(name)

    def says(value: str, *, masked: bool = False) -> str:
        fault = judge(value)
        return f"is not the expected JSON object: {fault.sentence(masked=masked)}" if fault else "is valid"

    return [Case(code, codes == code, says, hides=partial(says, masked=True)) for code in JSON_CODES]


def _list_cases(cell: pl.Expr, ids: IdList) -> list[Case]:
    items = cell.str.split(ids.separator)
    listed = cell.str.contains(patterns.LIST_OF_PROGRAM) & ~cell.str.contains(patterns.GUID)
    other = cell.str.contains(patterns.OTHER_LIST) & ~cell.str.contains(patterns.LOGIN_ID)
    cases = [
        Case(
            "VAL113",
            listed,
            lambda value: f"{value!r} has brackets or quotes; separate ids with {ids.separator} only",
        ),
        Case(
            "VAL112",
            other,
            lambda value: f"{value!r} is read as one id; only {ids.separator} separates ids",
        ),
        Case(
            "VAL110",
            items.list.eval(pl.element().str.strip_chars() == "").list.any(),
            lambda value: f"{value!r} has a blank item",
        ),
        Case("VAL111", items.list.n_unique() < items.list.len(), lambda value: f"{value!r} contains an id twice"),
        Case("COD101", cell.str.contains(rf"(?:^|{ids.separator})\s|\s(?:{ids.separator}|$)"), _padded_item),
    ]
    if ids.item_max_length is not None:
        longest = items.list.eval(pl.element().str.len_chars()).list.max()
        most = ids.item_max_length
        cases.insert(0, Case("VAL106", longest > most, lambda _value: f"has an id of more than {most:,} characters"))
    return cases


def _padded_item(value: str) -> str:
    return f"{value!r} has blanks around an id"
