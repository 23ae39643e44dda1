"""Define the options of a repair, and the evidence about the whole file that repairs need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bulkops.fixing.forms import CharacterProfile
from bulkops.fixing.transcoding import Encoding


@dataclass(frozen=True, kw_only=True)
class FixOptions:
    """Options of a repair. `unsafe` allows repairs that could be wrong; the other options decide ambiguous values.

    `zone` applies to dates without an offset, `day_first` to dates with no other evidence of their order. `end_of_day`:
    an end date without a time means the end of that day. `encoding` is the encoding of bytes that are not UTF-8.
    `renames` maps header names to the new column names. `now` is the present time for the report of the copy; without
    it there is none. No repair depends on it.
    """

    unsafe: bool = False
    zone: ZoneInfo | None = None
    encoding: Encoding | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    day_first: bool | None = None
    end_of_day: bool | None = None
    now: datetime | None = None

    @property
    def given(self) -> frozenset[str]:
        """The names of these options on the command line, such as `--unsafe`."""
        found = {
            "--unsafe": self.unsafe,
            "--time-zone": self.zone is not None,
            "--encoding": self.encoding is not None,
            "--rename": bool(self.renames),
            "--date-order": self.day_first is not None,
            "--end-of-day": self.end_of_day is True,
            "--start-of-day": self.end_of_day is False,
        }
        return frozenset(name for name, given in found.items() if given)


@dataclass(frozen=True)
class FileEvidence:
    """Evidence that only the whole file shows.

    `day_first` has the columns in which all dates show the same order, `mixed_dates` those that show both orders. In
    columns of `comma_decimals` some numbers can only have a decimal comma; in columns of `mixed_decimals` other numbers
    may use the same symbol, or a point, between thousands. `unclear_numbers` are the columns with numbers such as 1.500
    or 1,500, which may be thousands; `decimal_commas` are the columns with certain decimal commas. `multibyte`: some
    characters are UTF-8 of several bytes. `windows`: other bytes are most natural as Windows-1252. `decoded_from` is
    the encoding from which the file was decoded before it was read. `first` describes the first cells of its records.
    `all_surplus`: each record has more fields than the header. `all_wrapped`: each record is quoted as a whole.
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
    first: CharacterProfile = field(default_factory=CharacterProfile)
    all_surplus: bool = False
    all_wrapped: bool = False


class AppliedRepair(NamedTuple):
    """One change to a cell or a record: the rule that requires it, and the texts before and after."""

    code: str
    before: str
    after: str
    column: str | None = None
