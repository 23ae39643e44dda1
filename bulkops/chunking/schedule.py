"""Compute the cost of a plan: requests and their minimum time under the rate limit, read-back included."""

from dataclasses import dataclass

from bulkops.chunking.plan import FilePlan
from bulkops_validators.model.contract import Form, Readback

REQUESTS_PER_SECOND = 3


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Requests and minimum seconds of the upload, and of reading the rows back to prove them."""

    requests: int
    least_seconds: float
    verify_requests: int
    verify_least_seconds: float


def cost_of(plan: FilePlan, readback: Readback | None) -> Cost:
    """Return the cost of a plan. Times follow from the rate limit alone; the time the server needs is extra."""
    requests = len(plan.chunks)
    verify = 0
    if readback is not None and requests:
        pages = -(-plan.records // readback.page_size) if readback.form is Form.PAGES else 1
        verify = max(1, pages)
    return Cost(
        requests=requests,
        least_seconds=least_seconds(requests),
        verify_requests=verify,
        verify_least_seconds=least_seconds(verify),
    )


def least_seconds(requests: int) -> float:
    """Return the minimum seconds between the first and the last of a number of requests to one endpoint."""
    return float(max(0, requests - 1) // REQUESTS_PER_SECOND)
