"""The settings of a validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bulkops.validation.baseline import Baseline
from bulkops.validation.named_things import AccountNames


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """Options of a validation.

    `select` and `ignore` are codes, names or prefixes. `max_findings` is the maximum number of examples per rule and
    file. After `max_errors` errors the rest of a file is not read. `mask` hides values. `insensitive`: the application
    ignores the case of codes. Without `now`, no check depends on the present time. `renames` maps header names to the
    column names used for checking. `digests`: compute the digests of records. `named` checks cells against the names of
    an account.

    Without `grouped`, findings caused by another finding are listed too. With a baseline they are always listed,
    because it names each one.
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
    named: AccountNames | None = None
    grouped: bool = True
