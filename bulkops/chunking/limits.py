"""How large a chunk may be: the caller's wish within what the contract allows."""

from dataclasses import dataclass

from bulkops.errors import UsageError
from bulkops_validators.model.contract import Contract

DEFAULT_RECORDS = 100_000
DEFAULT_BYTES = 50_000_000
HARD_BYTES = 500_000_000  # "We recommend limiting your file size to 500 MB" in the description of seven imports


@dataclass(frozen=True, kw_only=True)
class ChunkLimits:
    """The most records, and the most bytes with the header, of one request.

    `whole` says that the file must go in one request or not at all.
    """

    max_records: int
    max_bytes: int
    whole: bool


def chunk_limits(contract: Contract, *, max_rows: int | None = None, max_bytes: int | None = None) -> ChunkLimits:
    """Return the limits of a chunk of this contract. What the contract asks for is never exceeded."""
    if max_bytes is not None and max_bytes > HARD_BYTES:
        raise UsageError(
            f"--max-bytes {max_bytes:,} is above 500 MB, the most that bulkops sends in one request.",
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
