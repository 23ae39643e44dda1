"""Compute the maximum size of a chunk: the requested size within the limits of the contract."""

from dataclasses import dataclass

from bulkops.errors import UsageError
from bulkops_validators.model.contract import Contract

DEFAULT_RECORDS = 100_000
DEFAULT_BYTES = 50_000_000
# Seven imports say in their description: "We recommend limiting your file size to 500 MB".
HARD_BYTES = 500_000_000


@dataclass(frozen=True, kw_only=True)
class ChunkLimits:
    """The maximum number of records, and of bytes including the header, of one request.

    `whole`: the file must be sent in one request or not at all.
    """

    max_records: int
    max_bytes: int
    whole: bool


def chunk_limits(contract: Contract, *, max_rows: int | None = None, max_bytes: int | None = None) -> ChunkLimits:
    """Return the limits of a chunk of this contract; they never exceed the limits that the contract requires."""
    if max_bytes is not None and max_bytes > HARD_BYTES:
        raise UsageError(
            f"--max-bytes {max_bytes:,} exceeds 500 MB, the maximum that bulkops sends in one request.",
            hint="The API's documentation recommends at most 500 MB for most imports.",
        )
    allowed_bytes = min(contract.limits.max_bytes, HARD_BYTES)
    allowed_records = contract.limits.max_records or 2**62
    if not contract.mode.splittable:
        return ChunkLimits(max_records=allowed_records, max_bytes=allowed_bytes, whole=True)
    wanted = max_rows or contract.limits.chunk_records or DEFAULT_RECORDS
    return ChunkLimits(
        max_records=min(wanted, allowed_records),
        max_bytes=min(max_bytes or DEFAULT_BYTES, allowed_bytes),
        whole=False,
    )
