"""How long a server may work on a chunk: the time granted for the response, and for an import that nobody waits for."""

from bulkops.ledger.models import ChunkEntry
from bulkops.upload.options import RunOptions
from bulkops_validators.model.contract import Contract

# The documentation states one time limit only (cards). Giving up before the server does would put an import in doubt
# that succeeds, so the time grows with the chunk.
TIMEOUT_MARGIN = 15.0
PATIENCE_SECONDS = 120.0
SLOWEST_BYTES_PER_SECOND = 200_000


def read_seconds(contract: Contract, chunk: ChunkEntry, options: RunOptions) -> float:
    """Return how many seconds to wait for the response to a chunk, once the request has left."""
    limit = contract.timeout_seconds
    return limit + TIMEOUT_MARGIN if limit else working_seconds(contract, chunk, options)


def working_seconds(contract: Contract, chunk: ChunkEntry, options: RunOptions) -> float:
    """Return how many seconds the server may work on a request: the documented limit, else as long as we wait."""
    base = PATIENCE_SECONDS if options.response_timeout is None else options.response_timeout
    return contract.timeout_seconds or base + transfer_seconds(chunk)


def transfer_seconds(chunk: ChunkEntry) -> float:
    """Return how many seconds a slow connection needs for the bytes of a chunk."""
    return chunk.bytes / SLOWEST_BYTES_PER_SECOND
