"""What may be repaired, and what the repairs need to know of the whole file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class FixOptions:
    """How to fix: `zone` gives dates without an offset theirs; `unsafe` allows repairs that could be wrong."""

    unsafe: bool = False
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class Knowledge:
    """What the whole file showed: for each column of dates whether the day comes first; whether it is UTF-8.

    A column is in `day_first` only if its dates agree. `multibyte`: some characters are UTF-8 of several bytes.
    `unclear_numbers` are the columns with numbers such as 1.500 or 1,500, which may be thousands; `decimal_commas`
    those whose commas are decimal commas.
    """

    day_first: Mapping[str, bool] = field(default_factory=dict)
    multibyte: bool = False
    unclear_numbers: frozenset[str] = frozenset()
    decimal_commas: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Repair:
    """One change to a cell or a record: the rule that asked for it, and the texts before and after."""

    code: str
    before: str
    after: str
    column: str | None = None
