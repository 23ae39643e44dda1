"""The options that let `validate` and `check` use a snapshot of an account."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bulkops.cli.options.common import CountType
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.output.console import console
from bulkops.errors import UsageError
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.account.model import Account
    from bulkops.json_documents.findings import SnapshotSource
    from bulkops.validation.findings import ValidationReport
    from bulkops.validation.settings import ValidationSettings

F = TypeVar("F", bound=Callable[..., Any])
# From the contracts, not from the settings: a validation starts without modules that only sending needs.
ID_NAMES = sorted({name for contract in CONTRACTS.values() for route in contract.routes for name in route.ids})


@dataclass(frozen=True, kw_only=True)
class AccountChoice:
    """Which snapshot to use, how old it may be, and the ids of the target."""

    path: Path | None
    max_age: str | None
    ids: Mapping[str, int]

    def or_else(self, path: Path | None, max_age: str | None) -> "AccountChoice":
        """Return the choice, with what the configuration says where the options say nothing."""
        return AccountChoice(path=self.path or path, max_age=self.max_age or max_age, ids=self.ids)

    def opened(self) -> "Snapshot | None":
        """Return the snapshot, or None if none is named; UsageError if it is unreadable or too old."""
        if self.path is None:
            if self.max_age is not None:
                raise UsageError("--max-age is about a snapshot.", hint="Name it with --account FILE.")
            return None
        from bulkops.account.snapshot import age_text, provenance, read_snapshot
        from bulkops.clock import SystemClock
        from bulkops.exporting.time_slices import parse_length

        now = SystemClock().now()
        longest = parse_length(self.max_age, option="--max-age").total_seconds() if self.max_age else None
        account = read_snapshot(self.path, now=now, max_age=longest)
        source = provenance(account, self.path, now=now)
        said = f"Account: {self.path}, read {age_text(account.age(now))} ago from {account.base_url}."
        return Snapshot(account=account, source=source, said=said, ids=self.ids)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot in use. `source` is its part of a report, `said` the same for people."""

    account: "Account"
    source: "SnapshotSource"
    said: str
    ids: Mapping[str, int]

    def settings(self, settings: "ValidationSettings", contract: Contract) -> "ValidationSettings":
        """Return settings that compare the files of a contract with the account."""
        from bulkops.account.checks import KnownNames

        used = {name for route in contract.routes for name in route.ids}
        ids = {name: number for name, number in self.ids.items() if name in used}
        return replace(settings, named=KnownNames(self.account, contract, ids))

    def told(self, report: "ValidationReport") -> "ValidationReport":
        """Say which snapshot was used and what it does not know, and return the report with it."""
        console().note(self.said)
        for text in self.source["not_read"]:
            console().note(f"Not in the snapshot: {text}.")
        return replace(report, account=self.source)


def account_options(function: F) -> F:
    """Add the options of a snapshot, passed to the command as one `account: AccountChoice`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        ids = {name: kwargs.pop(f"id_{name}") for name in ID_NAMES}
        kwargs["account"] = AccountChoice(
            path=kwargs.pop("account_path"),
            max_age=kwargs.pop("max_age"),
            ids={name: number for name, number in ids.items() if number is not None},
        )
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for name in reversed(ID_NAMES):
        about = f"Id of the {name}, compared with the snapshot of --account."
        decorated = option(f"--{name}", f"id_{name}", type=CountType(), help=about)(decorated)
    decorated = own_option(
        "--max-age", metavar="LENGTH", help="Refuse a snapshot that is older than this, such as 12h or 7d."
    )(decorated)
    return option(  # type: ignore[no-any-return] # the wrapper takes the place of F
        "--account",
        "account_path",
        type=click.Path(path_type=Path),
        help="A snapshot of the account (`bulkops snapshot`) to compare ids and names with; no network.",
    )(decorated)
