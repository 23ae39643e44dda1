"""What may be repaired, and what the repairs need to know of the whole file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from bulkops.fixing.repairs.forms import Likeness
from bulkops.fixing.repairs.transcoding import Encoding


@dataclass(frozen=True, kw_only=True)
class FixOptions:
    """How to fix. `unsafe` allows repairs that could be wrong; the other options choose between readings.

    `zone` applies to dates without an offset, `day_first` to dates without other evidence of their order;
    `end_of_day` whether an end without a time is the end of that day. `encoding` is that of bytes that are not UTF-8,
    `renames` gives columns of the header the names they should have.
    """

    unsafe: bool = False
    zone: ZoneInfo | None = None
    encoding: Encoding | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    day_first: bool | None = None
    end_of_day: bool | None = None


@dataclass(frozen=True)
class Knowledge:
    """What the whole file showed.

    `day_first` has the columns in which all dates show the same order, `mixed_dates` those that show both orders.
    In columns of `comma_decimals` some numbers can only have a decimal comma; in those of `mixed_decimals` others may
    have thousands parted by the same sign, or by a point. `unclear_numbers` are the columns with numbers such as 1.500
    or 1,500, which may be thousands; `decimal_commas` those whose commas are decimal commas.
    `multibyte`: some characters are UTF-8 of several bytes. `windows`: other bytes read best as Windows-1252.
    `decoded_from`: the file was decoded from this encoding before it was read. `first` describes the first cells of its
    records; `all_surplus`: each record has more fields than the header; `all_wrapped`: each is quoted as a
    whole.
    """

    day_first: Mapping[str, bool] = field(default_factory=dict)
    mixed_dates: frozenset[str] = frozenset()
    comma_decimals: frozenset[str] = frozenset()
    mixed_decimals: frozenset[str] = frozenset()
    unclear_numbers: frozenset[str] = frozenset()
    decimal_commas: frozenset[str] = frozenset()
    multibyte: bool = False
    windows: bool = True
    decoded_from: Encoding | None = None
    first: Likeness = field(default_factory=Likeness)
    all_surplus: bool = False
    all_wrapped: bool = False


@dataclass(frozen=True)
class Repair:
    """One change to a cell or a record: the rule that asked for it, and the texts before and after."""

    code: str
    before: str
    after: str
    column: str | None = None
