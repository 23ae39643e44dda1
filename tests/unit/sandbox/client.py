"""An HTTP client for the tests of the sandbox."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from bulkops.sandbox.serve import SandboxServer

APPLICATION = "/v1/applications/1"
CAMPAIGN = f"{APPLICATION}/campaigns/1"
PROGRAM = "/v1/loyalty_programs/1"
CARDS = "/v1/loyalty_programs/2"
POOL = "/v1/giveaways/pools/1"

COUPONS = f"{CAMPAIGN}/import_coupons"
REFERRALS = f"{CAMPAIGN}/import_referrals"
GIVEAWAYS = f"{POOL}/import"
POINTS = f"{PROGRAM}/import_points"
CARD_POINTS = f"{CARDS}/import_points"
LOYALTY_CARDS = f"{CARDS}/import_cards"
TIERS = f"{PROGRAM}/import_customers_tiers"
JOIN_DATES = f"{PROGRAM}/import_join_dates"
COLLECTION = "/v1/collections/1/import"
CAMPAIGN_COLLECTION = f"{CAMPAIGN}/collections/2/import"
AUDIENCE = "/v1/audiences/1/memberships/import"
ALLOWED = "/v1/attributes/1/allowed_list/import"
STORES = f"{CAMPAIGN}/stores/import"
BUDGETS = f"{CAMPAIGN}/stores/budgets/import"


class Client(httpx.Client):
    """A client with a key, and the sandbox it talks to."""

    def __init__(self, sandbox: SandboxServer) -> None:
        super().__init__(
            base_url=sandbox.base_url, headers={"Authorization": "ManagementKey-v1 secret"}, timeout=30, trust_env=False
        )
        self.sandbox = sandbox

    def upload(self, path: str, *lines: str, **params: str) -> httpx.Response:
        """Send lines as the file of an import."""
        return self.send_bytes(path, "".join(f"{line}\n" for line in lines).encode(), **params)

    def send_bytes(self, path: str, content: bytes, **params: str) -> httpx.Response:
        """Send bytes as the file of an import."""
        return self.post(path, files={"upFile": ("file.csv", content, "text/csv")}, params=params)

    def table(self, path: str, **params: str) -> list[dict[str, Any]]:
        """Return the rows of an export."""
        answer = self.get(path, params=params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/csv"
        return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


@contextmanager
def talking(**options: Any) -> Iterator[Client]:
    """Start a sandbox without a rate limit, unless one is asked for, and a client for it."""
    with SandboxServer(**{"rate_limit": 0, **options}) as sandbox, Client(sandbox) as client:
        yield client
