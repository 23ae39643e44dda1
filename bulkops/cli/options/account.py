"""Options of `validate`, `check` and `run` for an account snapshot."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bulkops.cli.options.common import CountType
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.process.parameters import id_parameter
from bulkops.errors import UsageError
from bulkops_validators import ID_NAMES
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.account.model import Account
    from bulkops.json_documents.findings import SnapshotSource
    from bulkops.validation.findings import ValidationReport
    from bulkops.validation.settings import ValidationSettings

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class AccountChoice:
    """The chosen snapshot, its maximum age, and the ids of the target."""

    path: Path | None
    max_age: str | None
    ids: Mapping[str, int]

    def or_else(self, path: Path | None, max_age: str | None) -> "AccountChoice":
        """Return the choice, with the values of the configuration where an option was not given."""
        return AccountChoice(path=self.path or path, max_age=self.max_age or max_age, ids=self.ids)

    def opened(self) -> "ChosenSnapshot | None":
        """Return the snapshot, or None if none was given; UsageError if it is unreadable or too old."""
        if self.path is None:
            if self.max_age is not None:
                raise UsageError("--max-age needs a snapshot.", hint="Add --account FILE.")
            return None
        from bulkops.account.snapshot import age_text, provenance, read_snapshot
        from bulkops.clock import SystemClock
        from bulkops.exporting.time_slices import parse_length

        now = SystemClock().now()
        longest = parse_length(self.max_age, option="--max-age").total_seconds() if self.max_age else None
        account = read_snapshot(self.path, now=now, max_age=longest)
        source = provenance(account, self.path, now=now)
        summary = f"Account: {self.path}, read {age_text(account.age(now))} ago from {account.base_url}."
        return ChosenSnapshot(account=account, source=source, summary=summary, ids=self.ids)


@dataclass(frozen=True, kw_only=True)
class ChosenSnapshot:
    """A snapshot in use. `source` describes it for the report, `summary` on one line of text."""

    account: "Account"
    source: "SnapshotSource"
    summary: str
    ids: Mapping[str, int]

    def settings(self, settings: "ValidationSettings", contract: Contract) -> "ValidationSettings":
        """Return settings that compare the files of a contract with the account."""
        from bulkops.account.checks import KnownNames

        used = {name for route in contract.routes for name in route.ids}
        ids = {name: number for name, number in self.ids.items() if name in used}
        return replace(settings, named=KnownNames(self.account, contract, ids))

    def announce(self) -> None:
        """Print the used snapshot and its missing parts."""
        console().note(self.summary)
        for text in self.source["not_read"]:
            console().note(f"Not in the snapshot: {text}.")

    def describe(self, report: "ValidationReport") -> "ValidationReport":
        """Print the used snapshot and its missing parts, and return the report with this source."""
        self.announce()
        return replace(report, account=self.source)


def account_options(function: F) -> F:
    """Add the options of a snapshot, passed to the command as one `account: AccountChoice`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        ids = {name: kwargs.pop(id_parameter(name)) for name in ID_NAMES}
        kwargs["account"] = AccountChoice(
            path=kwargs.pop("account_path"),
            max_age=kwargs.pop("max_age"),
            ids={name: number for name, number in ids.items() if number is not None},
        )
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for name in reversed(ID_NAMES):
        about = f"Id of the {name}, checked in the snapshot of --account."
        decorated = option(f"--{name}", id_parameter(name), type=CountType(), help=about)(decorated)
    about = "Account snapshot (written by `bulkops snapshot`) to check ids and names against; no network."
    return _snapshot_options(decorated, about)  # type: ignore[no-any-return] # the wrapper takes the place of F


def snapshot_options(function: F) -> F:
    """Add the options of a snapshot to a command that has ids for its target, as one `account: AccountChoice`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        path, longest = kwargs.pop("account_path"), kwargs.pop("max_age")
        return function(*args, account=AccountChoice(path=path, max_age=longest, ids={}), **kwargs)

    about = "Account snapshot (written by `bulkops snapshot`): check all steps against it before the first request."
    return _snapshot_options(wrapper, about)  # type: ignore[no-any-return] # the wrapper takes the place of F


def _snapshot_options(function: Any, about: str) -> Any:
    decorated = own_option(
        "--max-age", metavar="LENGTH", help="Reject a snapshot that is older than this, such as 12h or 7d."
    )(function)
    return option("--account", "account_path", type=FilePath(), help=about)(decorated)
