"""What can be watched of a running import."""

from collections.abc import Mapping
from typing import Protocol

from bulkops.account.preflight import Preflight
from bulkops.chunking.plan import FilePlan
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.upload.guards import Difference
from bulkops.validation.findings import ValidationReport
from bulkops_validators.model.contract import Contract


class Observer(Protocol):
    """What is told of a running import, in this order. Every method may do nothing."""

    def validated(self, report: ValidationReport) -> None:
        """Hear how the file was judged; with errors nothing follows."""

    def checked(self, preflight: Preflight) -> None:
        """Hear what the target is, and how the file fits it; with errors nothing follows."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Hear of the chunks before anything is written or sent; raise to stop."""

    def compared(self, difference: Difference) -> None:
        """Hear how a replacing import differs from what is there, before the ledger has the job; raise to stop."""

    def began(self, job: JobEntry) -> None:
        """Hear that requests follow: the ledger has the job, so from here on it can be resumed."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Hear of a chunk's new state."""

    def ran(self) -> None:
        """Hear that nothing more is sent, however the run ended; only the proof may follow."""

    def note(self, text: str) -> None:
        """Hear of something worth knowing, at any time."""


class Silent:
    """An observer that keeps everything to itself."""

    def validated(self, report: ValidationReport) -> None:
        """Say nothing."""

    def checked(self, preflight: Preflight) -> None:
        """Say nothing."""

    def planned(self, plan: FilePlan, contract: Contract, ids: Mapping[str, int]) -> None:
        """Say nothing."""

    def compared(self, difference: Difference) -> None:
        """Say nothing."""

    def began(self, job: JobEntry) -> None:
        """Say nothing."""

    def moved(self, chunk: ChunkEntry) -> None:
        """Say nothing."""

    def ran(self) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
