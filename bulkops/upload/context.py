"""What every part of a run needs to know of its job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bulkops.clock import Clock
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.store import Ledger
from bulkops.transport.client import Client
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.input_file import Original
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract, Route

Observer = Callable[[ChunkEntry], None]


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """A job with everything it is run with. `parameters` are the query parameters of the import."""

    job: JobEntry
    contract: Contract
    route: Route
    ids: Mapping[str, int]
    parameters: Mapping[str, str]
    options: RunOptions
    client: Client
    ledger: Ledger
    clock: Clock
    original: Original

    def records(self, chunk: ChunkEntry) -> ChunkRecords:
        """Return the chunk's records, read into memory; FileChanged if they are not those that were planned."""
        return ChunkRecords(self.job.file_path, self.job.header_end, chunk, header=self.job.sent_header)

    @property
    def skips_duplicates(self) -> bool:
        """Whether the server was told to skip what it has already."""
        option = self.contract.duplicate_option
        return option is not None and self.job.options.get(option) == "true"
