"""The kinds of filled cells, as data: each class is one kind with its constraints.

`Column.required` decides about blank cells; the classes here describe filled cells only.
"""

from dataclasses import dataclass
from typing import ClassVar

RFC3339_PATTERN = (
    r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$"
)
DURATION_PATTERN = r"^\d+(?:s|m|h|D(?:_[DU])?|W(?:_U)?|M(?:_U)?|Y(?:_U)?)$"
ATTRIBUTE_NAME_PATTERN = r"^[A-Za-z]\w*$"


@dataclass(frozen=True, kw_only=True)
class Text:
    """Free text. Lengths are in characters, not bytes. `code`: people type it, although any length is valid."""

    kind: ClassVar[str] = "string"
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    recommended_min_length: int | None = None
    recommended_max_length: int | None = None
    code: bool = False


@dataclass(frozen=True, kw_only=True)
class Integer:
    """A whole number in decimal digits."""

    kind: ClassVar[str] = "integer"
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number with a decimal point; `above` is an exclusive minimum."""

    kind: ClassVar[str] = "number"
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    recommended_decimals: int | None = None


@dataclass(frozen=True, kw_only=True)
class Timestamp:
    """An RFC 3339 instant with an offset, or one of the literal words."""

    kind: ClassVar[str] = "timestamp"
    literals: tuple[str, ...] = ()
    expected_future: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few words."""

    kind: ClassVar[str] = "choice"
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Duration:
    """A whole number with a unit (`s m h D W M Y`) and, for some units, a rounding suffix."""

    kind: ClassVar[str] = "duration"


@dataclass(frozen=True, kw_only=True)
class JsonObject:
    """A JSON object; its names are custom attributes of `entity`."""

    kind: ClassVar[str] = "json object"
    entity: str


@dataclass(frozen=True, kw_only=True)
class IdList:
    """Ids in one cell, with separators between them."""

    kind: ClassVar[str] = "id list"
    separator: str = ";"
    item_max_length: int | None = None


Cell = Text | Integer | Number | Timestamp | Choice | Duration | JsonObject | IdList
