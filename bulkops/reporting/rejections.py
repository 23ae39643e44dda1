"""Group rejected records by the reason of the server. Pure functions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bulkops.upload.refusals.rejects import TOGETHER

EXAMPLES = 5
"""Maximum number of places shown for each reason."""
LONGEST = 300
"""Maximum number of characters shown of a message."""
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,:TZ+-]*")
_REQUEST_LINES = re.compile(r" \(the server counts the lines of its request;[^)]*\)")


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """The records of one request that the server rejected.

    `record` is the number of the first record, and `line` its physical line; blank if unknown.
    """

    record: int
    records: int
    message: str
    line: str = ""

    @property
    def place(self) -> str:
        """The place of the first record in the file."""
        return f"line {self.line}" if self.line else f"record {self.record:,}"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason, with the number of its records and the places of the first ones.

    In `message`, an ellipsis replaces quoted values and numbers that differ between rejections. `together`: some
    records were rejected together with others of their request and may be valid.
    """

    message: str
    records: int
    places: tuple[str, ...]
    more: int
    together: bool


def by_reason(rejections: Iterable[Rejection]) -> tuple[Reason, ...]:
    """Return the reasons, the most frequent first; messages that differ only in quoted values or numbers are equal."""
    groups: dict[str, list[Rejection]] = {}
    for rejection in rejections:
        groups.setdefault(_VALUES.sub("\0", _plain(rejection.message)), []).append(rejection)
    found = [_reason(group) for group in groups.values()]
    return tuple(sorted(found, key=lambda reason: -reason.records))


def _reason(group: list[Rejection]) -> Reason:
    message = _common([_plain(rejection.message) for rejection in group])
    return Reason(
        message=message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…",
        records=sum(rejection.records for rejection in group),
        places=tuple(rejection.place for rejection in group[:EXAMPLES]),
        more=max(0, len(group) - EXAMPLES),
        together=any(rejection.records > 1 for rejection in group),
    )


def _common(messages: list[str]) -> str:
    """Return the first message, with an ellipsis for each value that differs in another message of the group."""
    values = [_VALUES.findall(message) for message in messages]
    same = iter([len(set(each)) == 1 for each in zip(*values, strict=True)])
    return _VALUES.sub(lambda found: found[0] if next(same) else "…", messages[0])


def _plain(message: str) -> str:
    """Return the message of the server without the additions of bulkops."""
    return _REQUEST_LINES.sub("", message.removesuffix(f" {TOGETHER}"))
