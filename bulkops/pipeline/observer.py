"""Define the events of a running import that a caller can observe."""

from collections.abc import Mapping
from typing import Protocol

from bulkops.account.preflight import Preflight
from bulkops.chunking.plan import FilePlan
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.transport.notices import Notifier
from bulkops.upload.guards import TargetDifference
from bulkops.validation.findings import ValidationReport
from bulkops_validators.model.contract import Contract


class Observer(Protocol):
    """Receives the events of a running import, in this order. Every method may do nothing."""

    def validated(self, report: ValidationReport) -> None:
        """Receive the validation report; after errors nothing follows."""

    def checked(self, preflight: Preflight) -> None:
        """Receive the comparison of the file and the target with the account; after errors nothing follows."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Receive the chunks before anything is written or sent; raise to stop."""

    def compared(self, difference: TargetDifference) -> None:
        """Receive the changes of a replacing import, before the ledger contains the job; raise to stop."""

    def began(self, job: JobEntry) -> None:
        """Receive the job: the ledger contains it, requests follow, and from now on it can be resumed."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Receive a chunk in its new state."""

    def ran(self) -> None:
        """Learn that no more requests are sent, however the run ended; only a reconciliation may follow."""

    def note(self, text: str) -> None:
        """Receive a note for the user, at any time."""


class Silent:
    """An observer that ignores every event."""

    def validated(self, report: ValidationReport) -> None:
        """Ignore the event."""

    def checked(self, preflight: Preflight) -> None:
        """Ignore the event."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Ignore the event."""

    def compared(self, difference: TargetDifference) -> None:
        """Ignore the event."""

    def began(self, job: JobEntry) -> None:
        """Ignore the event."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Ignore the event."""

    def ran(self) -> None:
        """Ignore the event."""

    def note(self, text: str) -> None:
        """Ignore the event."""


def show_waits(observer: Observer, notifier: Notifier) -> None:
    """Pass the notifier of a client to an observer that can show waits; those of other programs need not."""
    if (connected := getattr(observer, "connected", None)) is not None:
        connected(notifier)
