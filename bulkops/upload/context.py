"""Bundle the parts of a run: the job, its contract, the client, the ledger and the clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bulkops.clock import Clock
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.store import Ledger
from bulkops.transport.client import ApiClient
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.input_file import JobFile
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract, Route

ChunkObserver = Callable[[ChunkEntry], None]


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """A job with everything that a run of it needs. `parameters` are the query parameters of the import."""

    job: JobEntry
    contract: Contract
    route: Route
    ids: Mapping[str, int]
    parameters: Mapping[str, str]
    options: RunOptions
    client: ApiClient
    ledger: Ledger
    clock: Clock
    job_file: JobFile

    def records(self, chunk: ChunkEntry) -> ChunkRecords:
        """Return the chunk's records, read into memory; FileChanged if their bytes differ from the plan."""
        return ChunkRecords(self.job.file_path, self.job.header_end, chunk, header=self.job.sent_header)

    @property
    def skips_duplicates(self) -> bool:
        """Whether the job asks the server to skip records that already exist."""
        option = self.contract.duplicate_option
        return option is not None and self.job.options.get(option) == "true"
