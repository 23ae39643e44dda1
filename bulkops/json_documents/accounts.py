"""The documents of `doctor` and `snapshot`."""

from typing import Annotated, Literal

from pydantic import with_config
from typing_extensions import TypedDict

from bulkops.json_documents.common import CLOSED, Count, about
from bulkops.json_documents.findings import SnapshotSource


@with_config(CLOSED)
class CheckDocument(TypedDict):
    """One check of `doctor`."""

    name: Annotated[str, about("The subject of the check.")]
    state: Literal["ok", "warning", "failed", "skipped"]
    message: Annotated[str, about("The result of the check.")]
    help: Annotated[str, about("The next step; empty if none is needed.")]


@with_config(CLOSED)
class RightDocument(TypedDict):
    """An operation of the API that commands use."""

    operation: str
    method: str
    path: str
    state: Annotated[
        Literal["granted", "denied", "not tested", "unknown id", "failed"], about("Whether the key may use it.")
    ]
    used_by: Annotated[str, about("The commands that use it.")]
    why: Annotated[str, about("Why that is unknown; empty if it is known.")]


@with_config(CLOSED)
class DoctorDocument(TypedDict):
    """The result of `doctor`."""

    state: Annotated[Literal["ok", "warning", "failed"], about("The worst state of a check that was made.")]
    exit: Annotated[int, about("The exit code.")]
    checks: list[CheckDocument]
    operations: Annotated[list[RightDocument], about("The operations of the key; empty if it was not tested.")]


@with_config(CLOSED)
class AccountCounts(TypedDict):
    """How much a snapshot contains."""

    applications: Count
    campaigns: Count
    programs: Count
    attributes: Count
    stores: Count
    collections: Count
    audiences: Count


@with_config(CLOSED)
class SnapshotDocument(SnapshotSource):
    """A snapshot that was written."""

    requests: Annotated[Count, about("Requests sent.")]
    counts: AccountCounts
