"""Convert single values to canonical text, so that equal values are equal texts. Pure functions.

Instants keep whole seconds in UTC. Decimals are never converted to floats. JSON is compared by value.
"""

import ast
import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

# The documented samples contain `Z07:00`, which is Go's layout text, and `Z05:00`. The digits after the Z are not an
# offset. A date without a zone is UTC.
INSTANT = (
    r"^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?)?"
    r" ?(?:[Zz](?:\d\d:\d\d)?|([+-]\d\d):?(\d\d)?)?(?: ?UTC)?$"
)
ZERO_TIMES = ("0001-01-01T00:00:00Z", "0000-12-31T00:00:00Z")
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$")
NOT_DELETED = frozenset({"false", "f", "no", "n", "null", "none", "nil"})
NOTHING = re.compile(r"^[-0:. tz+]*$")
PLAIN_NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$")
EXACT, LARGEST = 2**63, 10**300
ITEMS = re.compile(r"'\s*,\s*'")


def instants(texts: pl.Series) -> pl.Series:
    """Return each instant as `YYYY-MM-DDTHH:MM:SSZ`, Go's zero time as a blank, and other texts unchanged."""
    shown = _shown(texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False))
    rest = shown.is_null() & texts.is_not_null() & (texts != "")
    if rest.any():
        frame = pl.DataFrame({"shown": shown, "odd": _odd_instants(texts.alias("text")), "rest": rest})
        chosen = pl.when(pl.col("rest")).then(pl.col("odd")).otherwise(pl.col("shown"))
        shown = frame.select(chosen.alias("shown")).to_series()
    result = pl.DataFrame({"shown": shown, "text": texts}).select(pl.coalesce("shown", "text")).to_series()
    return result.alias(texts.name)


def _shown(moments: pl.Series) -> pl.Series:
    text = moments.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.replace(list(ZERO_TIMES), [""] * len(ZERO_TIMES))


def _odd_instants(texts: pl.Series) -> pl.Series:
    """Return the less common forms as instants: another zone, no zone, a space instead of T, or only a date."""
    part = pl.col("text").str.strip_chars().str.extract_groups(INSTANT).struct
    clock = part[1].fill_null("00:00")
    clock = pl.when(clock.str.len_bytes() == 5).then(clock + pl.lit(":00")).otherwise(clock)
    zone = part[2].fill_null("+00") + pl.lit(":") + part[3].fill_null("00")
    whole = part[0] + pl.lit("T") + clock + zone
    moments = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_zone="UTC", strict=False)
    return _shown(texts.to_frame().select(moments).to_series())


def is_live(mark: str) -> bool:
    """Return whether the cell of a deletion column means that the row is not deleted.

    The form of the cell is not documented: a blank, a word for false, zero and the zero time mean "not deleted".
    """
    word = mark.strip().lower()
    return word in NOT_DELETED or bool(NOTHING.match(word)) or instants(pl.Series([word.upper()]))[0] == ""


def decimal(text: str) -> str:
    """Return the shortest plain form of a decimal number; return other texts unchanged."""
    text = text.strip()
    if not PLAIN_NUMBER.match(text):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number:
        return "0"
    return f"{number.normalize():f}" if abs(number.adjusted()) < 60 else str(number.normalize())


def json_value(text: str) -> str:
    """Return JSON with sorted names, plain numbers, UTC instants and no null members; return other texts unchanged."""
    text = text.strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        return json_value(value)  # the object is quoted twice
    return writable(json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def writable(text: str) -> str:
    """Return a text that UTF-8 can encode: an unpaired surrogate, which JSON can contain, becomes its escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items() if item is not None}
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case int() if not isinstance(value, bool) and EXACT < abs(value) < LARGEST:
            return int(float(value))  # the API keeps numbers as doubles
        case str() if RFC3339.match(value):
            return _utc(value)
        case _:
            return value


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def id_set(text: str) -> str:
    """Return the ids of `a;b`, `['a', 'b']` or `["a","b"]` as a sorted JSON array without duplicates."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return _id_array(text.split(";"))
    try:
        items = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        items = None
    if isinstance(items, list):
        return _id_array([str(item) for item in items])
    inner = text[1:-1].strip()
    if inner.startswith("'") and inner.endswith("'"):
        return _id_array(ITEMS.split(inner[1:-1]))
    return _id_array(re.split(r"\s*[,;]\s*", inner))


def _id_array(items: list[str]) -> str:
    ids = sorted({item.strip() for item in items} - {""})
    return writable(json.dumps(ids, ensure_ascii=False, separators=(",", ":"))) if ids else "[]"
