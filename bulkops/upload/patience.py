"""How long the server may take for a chunk: the wait for an answer, and for a trace of a request nobody waited for."""

from bulkops.ledger.entries import ChunkEntry
from bulkops_validators.model.contract import Contract

# The documentation gives one time limit only (cards). Giving up before the server does would make a doubt of an import
# that goes well, so the patience grows with the chunk.
TIMEOUT_MARGIN = 15.0
PATIENCE_SECONDS = 120.0
SLOWEST_BYTES_PER_SECOND = 200_000


def read_seconds(contract: Contract, chunk: ChunkEntry) -> float:
    """Return how long an answer is waited for."""
    limit = contract.timeout_seconds
    return limit + TIMEOUT_MARGIN if limit else working_seconds(contract, chunk)


def working_seconds(contract: Contract, chunk: ChunkEntry) -> float:
    """Return how long after it left a request may still be worked on: the documented limit, else as long as we wait."""
    return contract.timeout_seconds or PATIENCE_SECONDS + chunk.bytes / SLOWEST_BYTES_PER_SECOND
