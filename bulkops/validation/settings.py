"""The settings of a validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bulkops.validation.baseline import Baseline
from bulkops.validation.named_things import NamedThings


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """Settings of a validation.

    - `select`, `ignore`: codes, names or prefixes of rules.
    - `max_findings`: the maximum number of examples for each rule and file. Counts stay exact.
    - `max_errors`: stop reading a file after this many errors.
    - `mask`: hide values.
    - `insensitive`: the application ignores the case of codes.
    - `now`: the current time; without it, no rule compares dates with the present.
    - `renames`: columns of the header, each with the column name to check it as.
    - `digests`: also compute the digests of records.
    - `named`: the names that an account contains, to check cells against.
    - `grouped`: leave out findings that follow from another one; a baseline lists them all.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    max_findings: int = 1000
    max_errors: int | None = None
    mask: bool = False
    insensitive: bool = False
    now: datetime | None = None
    block_bytes: int = 16 << 20
    threads: int = 3
    keys_in_memory: int = 8_000_000
    baseline: Baseline | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    digests: bool = False
    named: NamedThings | None = None
    grouped: bool = True
