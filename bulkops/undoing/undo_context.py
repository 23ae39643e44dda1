"""Bundle the parts of an undo: the job that it undoes, its own job, the client, the ledger and the clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from bulkops.clock import Clock
from bulkops.ledger.models import JobEntry
from bulkops.ledger.store import Ledger
from bulkops.transport.client import ApiClient
from bulkops.upload.evidence.timeouts import response_seconds
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract, Readback

USED, CHANGED = "used", "changed"
"""The rows that an undo removes only with `--also`: rows in use, and rows with other values than the import sent."""


@dataclass(frozen=True, kw_only=True)
class UndoContext:
    """An undo with everything that it needs. `name` is the name of its own job, `also` the rows it removes as well."""

    name: str
    earlier: JobEntry
    contract: Contract
    readback: Readback
    ids: Mapping[str, int]
    also: frozenset[str]
    options: RunOptions
    client: ApiClient
    ledger: Ledger
    clock: Clock

    @property
    def read_seconds(self) -> float:
        """The seconds to wait for the response to a request."""
        return response_seconds(self.options)
