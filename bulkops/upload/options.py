"""Options of a run, stored in the ledger so that a resumed run uses the same ones."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from bulkops.errors import UsageError

SETTLE_SECONDS = 60.0
ISOLATE_REQUESTS = 40
MAX_REMOVALS = "10%"
MOST_PERCENT = 100


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run.

    `settle`: seconds between two equal snapshots. `response_timeout`: seconds to wait for a response, plus the time for
    the chunk's bytes; None means the default of 120. `isolate_requests`: maximum number of requests to find refused
    records. `max_errors` and `max_removals` are counts or percentages as text.
    """

    settle: float = SETTLE_SECONDS
    response_timeout: float | None = None
    concurrency: int = 1
    isolate: bool = True
    isolate_requests: int = ISOLATE_REQUESTS
    max_errors: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for an invalid limit now, before anything is sent."""
        if self.max_errors is not None:
            share_of(self.max_errors, 0, option="--max-errors")

    def as_settings(self) -> dict[str, Any]:
        """Return the options as the ledger stores them."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Return the options that the ledger stored; unknown options of a newer version are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known})


def share_of(limit: str, whole: int, *, option: str) -> float:
    """Return the count that `limit` (a count or a percentage) allows of `whole`; UsageError names the option."""
    text = limit.strip()
    share = text.endswith("%")
    try:
        number = float(text[:-1]) if share else float(int(text))
    except (ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"{option} {limit[:40]!r} is neither a count nor a percentage such as 10%.")
    if share and number > MOST_PERCENT:
        raise UsageError(
            f"{option} {limit[:40]!r} is more than 100%.", hint="Give a count, or a percentage up to 100%."
        )
    return number * whole / 100 if share else number
