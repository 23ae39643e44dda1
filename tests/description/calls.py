"""A sandbox with rows of every kind, and raw HTTP requests to it, right and wrong."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from bulkops.sandbox.serve import SandboxServer
from tests.description.facts import Operation, Response
from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import Client

KEY = {"Authorization": "ManagementKey-v1 secret"}
BOUNDARY = "b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
IDS: Mapping[str, str] = {"integrationId": "customer-0001", "loyaltyCardId": "CARD-ONE"}
NO_IDS: Mapping[str, str] = {}
CARD_BASED = ("Card", "exportLoyaltyCard")
RANGES = {"rangeStart": "1900-01-01T00:00:00Z", "rangeEnd": "2100-01-01T00:00:00Z"}
BODIES: Mapping[str, Any] = {
    "createSession": {"email": "a@example.com", "password": "secret"},
    "getCustomersByAttributes": {"integrationIDs": ["customer-0001"]},
    "removeLoyaltyPoints": {"points": 0.5, "name": "test"},
    "deductLoyaltyCardPoints": {"points": 0.5, "name": "test"},
    "createCouponsDeletionJob": {"filters": {"value": "nothing has this code"}},
}
FILES = (
    (
        at.COUPONS,
        "value,expirydate,startdate,recipientintegrationid,limitval,discountlimit,attributes",
        'CODE1,2030-01-01T00:00:00Z,2020-01-01T00:00:00Z,bob,5,10.5,"{""category"": ""x"", ""scores"": [1, 2.5]}"',
        "CODE2,,,,,,",
    ),
    (at.REFERRALS, "code,advocateprofileintegrationid,expirydate", "REF1,customer-0001,2030-01-01T00:00:00Z"),
    (at.GIVEAWAYS, "code,startdate", "GIFT1,2020-01-01T00:00:00Z", "GIFT2,"),
    (
        at.POINTS,
        "customerprofileid,amount,startdate,expirydate,validityDuration,subledgerid,reason",
        "customer-0001,5.5,,,,,old",
        "customer-0001,7,on_action,,5D,side,",
        "customer-0001,1,2020-01-01T00:00:00Z,2030-01-01T00:00:00Z,,,",
    ),
    (
        at.LOYALTY_CARDS,
        "identifier,state,customerprofileids,attributes",
        'CARD-ONE,active,a;b,"{""priority"": 17}"',
        "CARD-TWO,inactive,,",
    ),
    (at.CARD_POINTS, "identifier,amount,validityDuration", "CARD-ONE,5,5D", "CARD-0001,9.25,"),
    (at.TIERS, "customerprofileid,tiername,expirydate", "customer-0001,Gold,2035-01-01T00:00:00Z"),
    (at.JOIN_DATES, "customerprofileid,joindate", "customer-0001,2024-01-01T00:00:00Z"),
    (at.COLLECTION, "item", "a", '"b,c"'),
    (at.CAMPAIGN_COLLECTION, "item", "a"),
    (at.AUDIENCE, "profileintegrationid", "customer-0001"),
    (at.ALLOWED, "item", "a"),
    (at.STORES, "store_integration_id", "STORE-001"),
    (at.BUDGETS, "store_integration_id,limit", "STORE-001,5", "STORE-002,5.5"),
)


@contextmanager
def filled_sandbox() -> Iterator[SandboxServer]:
    """Start a sandbox that asks for the key `secret` and holds rows of every kind, some exports in its log."""
    with SandboxServer(key="secret", rate_limit=0) as sandbox:
        with Client(sandbox) as client:
            for path, *lines in FILES:
                assert client.upload(path, *lines).status_code in (200, 201), path
            for path in (f"{at.APPLICATION}/export_coupons", "/v1/collections/1/export", f"{at.CARDS}/cards/export"):
                assert client.get(path).status_code == 200
        yield sandbox


def id_of(operation: Operation, name: str) -> str:
    """Return an id that exists for an operation."""
    if name == "collectionId" and "campaignId" in operation.ids:
        return "2"
    if name == "loyaltyProgramId" and any(word in operation.name for word in CARD_BASED):
        return "2"
    return IDS.get(name, "1")


def target(operation: Operation, query: Sequence[tuple[str, str]] = (), ids: Mapping[str, str] = NO_IDS) -> str:
    """Return the path and the query of a request; ids that are not given exist."""
    path = operation.path
    for name in operation.ids:
        path = path.replace(f"{{{name}}}", quote(ids.get(name, id_of(operation, name)), safe=""))
    asked = [*((name, RANGES[name]) for name in operation.required if name not in dict(query)), *query]
    return f"{path}?{urlencode(asked)}" if asked else path


def multipart(content: bytes, name: str = "upFile", file_name: str = "file.csv") -> bytes:
    """Return a multipart body with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def body_of(operation: Operation) -> tuple[bytes | None, dict[str, str]]:
    """Return a valid body and its headers; an import gets a file that it refuses for its header."""
    if operation.sends is None:
        return None, {}
    if operation.sends == "file":
        return multipart(b"unknown\nx\n"), {"Content-Type": FORM}
    return json.dumps(BODIES[operation.name]).encode(), {"Content-Type": "application/json"}


class Caller:
    """Sends requests as they are, with odd targets and headers, over one connection while it lasts."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self._address = urlsplit(sandbox.base_url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=30)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] = KEY, chunk: int = 0
    ) -> tuple[Response, Mapping[str, str]]:
        """Return the response and its headers; with `chunk` the body is sent in chunks of that many bytes."""
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] if body and chunk else None
        try:
            self._connection.request(method, url, pieces or body, dict(headers), encode_chunked=pieces is not None)
            answer = self._connection.getresponse()
            found = Response(answer.status, answer.headers.get("content-type", ""), answer.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()  # so that one lost response spoils no other test
            raise
        return found, {name.lower(): value for name, value in answer.headers.items()}

    def call(
        self, operation: Operation, query: Sequence[tuple[str, str]] = (), ids: Mapping[str, str] = NO_IDS
    ) -> Response:
        """Send a valid request of an operation, except for the given parts."""
        body, headers = body_of(operation)
        return self.send(operation.method, target(operation, query, ids), body=body, headers={**KEY, **headers})[0]
