"""A second server that speaks the documented API, written from the standard library alone.

It shares no line with the sandbox and makes other choices wherever the documentation leaves one: column order, number
and time formats, JSON key order, page size, upper-cased codes, rows in no order. Tests compare its content with
files. It also counts violations of the rate limit, and loses responses on request.
"""

import contextlib
import csv
import io
import itertools
import json
import random
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.foreign.habits import Habits, is_bad

Row = dict[str, str]


@dataclass(frozen=True)
class Kind:
    """One import: where it goes, how it is kept, and how its export looks."""

    name: str
    imports: str
    exports: str
    mode: str
    key: tuple[str, ...]
    columns: dict[str, str]  # export column -> import column, or a constant after "="
    success: int = 200


SEARCH = "/v1/customer_search/no_total"
CAMPAIGN = r"/v1/applications/\d+/campaigns/\d+"
KINDS = [
    Kind("coupons", f"{CAMPAIGN}/import_coupons", r"/v1/applications/\d+/export_coupons", "create", ("value",), {
        "counter": "=0", "attributes": "attributes", "discount_limitval": "discountlimit", "value": "value",
        "startdate": "startdate", "limitval": "limitval", "recipientintegrationid": "recipientintegrationid",
        "batchid": "=x1", "importid": "#", "created": "@", "expirydate": "expirydate", "limits": "=[]", "id": "=7"}),
    Kind("referrals", f"{CAMPAIGN}/import_referrals", r"/v1/applications/\d+/export_referrals", "create", ("code",), {
        "id": "=1", "created": "@", "code": "code", "limitval": "limitval", "startdate": "startdate", "importid": "#",
        "friendprofileintegrationid": "=", "advocateprofileintegrationid": "advocateprofileintegrationid",
        "attributes": "attributes", "expirydate": "expirydate"}),
    Kind("giveaways", r"/v1/giveaways/pools/\d+/import", r"/v1/giveaways/pools/\d+/export", "append", (), {
        "id": "=1", "poolid": "=1", "attributes": "attributes", "enddate": "enddate", "startdate": "startdate",
        "code": "code", "used": "=false", "importid": "#", "created": "@"}),
    Kind("loyalty-points", r"/v1/loyalty_programs/\d+/import_points", "-", "append", (), {}),
    Kind("loyalty-tiers", r"/v1/loyalty_programs/\d+/import_customers_tiers",
         r"/v1/loyalty_programs/\d+/export_customers_tiers", "upsert", ("subledgerid", "customerprofileid"), {
        "programid": "=1", "tiername": "tiername", "subledgerid": "subledgerid", "startdate": "@",
        "expirydate": "expirydate", "customerprofileid": "customerprofileid"}),
    Kind("loyalty-cards", r"/v1/loyalty_programs/\d+/import_cards", r"/v1/loyalty_programs/\d+/cards/export",
         "create", ("identifier",), {
        "identifier": "identifier", "created": "@", "status": "state", "userpercardlimit": "=0",
        "customerprofileids": "customerprofileids", "blockreason": "=", "attributes": "attributes"}),
    Kind("loyalty-join-dates", r"/v1/loyalty_programs/\d+/import_join_dates",
         r"/v1/loyalty_programs/\d+/export_join_dates", "upsert", ("customerprofileid",), {
        "joinDate": "joindate", "loyaltyProgramID": "=1", "profileIntegrationID": "customerprofileid"}),
    Kind("collections", r"/v1/collections/\d+/import", r"/v1/collections/\d+/export", "replace", ("item",),
         {"item": "item"}),
    Kind("collections-campaign", f"{CAMPAIGN}" + r"/collections/\d+/import", f"{CAMPAIGN}" + r"/collections/\d+/export",
         "replace", ("item",), {"item": "item"}),
    Kind("stores", f"{CAMPAIGN}/stores/import", f"{CAMPAIGN}/stores/export", "replace", ("store_integration_id",),
         {"store_integration_id": "store_integration_id"}),
    Kind("store-budgets", f"{CAMPAIGN}/stores/budgets/import", f"{CAMPAIGN}/stores/budgets/export", "replace",
         ("store_integration_id",), {"limit": "limit", "store_integration_id": "store_integration_id"}, 201),
    Kind("audiences", r"/v1/audiences/\d+/memberships/import", r"/v1/audiences/\d+/memberships/export", "replace",
         ("profileintegrationid",), {"profileintegrationid": "profileintegrationid"}),
    Kind("attribute-values", r"/v1/attributes/\d+/allowed_list/import", "-", "replace", ("item",), {}),
]  # fmt: skip
TIMES = {"expirydate", "startdate", "enddate", "joindate"}


@dataclass
class World:
    """The content of the server, and a log of its requests."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    uploads: list[tuple[str, str, int]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    key: str = "foreign"
    instead: tuple[int, bytes] | None = None  # status and body that every GET gets instead of its answer
    hides_case: bool = False  # whether it refuses to tell how it folds codes
    headers: dict[str, str] = field(default_factory=dict)  # export column -> another name for it
    imports: "itertools.count[int]" = field(default_factory=itertools.count)
    habits: Habits = field(default_factory=Habits)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def shown(self, kind: str) -> list[Row]:
        """Return the rows that reads show by now."""
        return [row for row in self.rows[kind] if time.monotonic() - float(row["!"]) >= self.habits.lag]

    def violations(self) -> int:
        """Return how often more than three requests of an endpoint fell within one second."""
        return sum(
            1
            for times in self.requests.values()
            for early, late in zip(sorted(times), sorted(times)[3:], strict=False)
            if late - early < 1.0
        )


class Refusal(Exception):
    """The server says no."""

    def __init__(self, status: int, title: str, line: int | None = None) -> None:
        super().__init__(title)
        self.status = status
        source = {"line": str(line)} if line else {"parameter": "upFile"}
        self.body = {"message": "Import failed", "errors": [{"title": t, "source": source} for t in title.split("\0")]}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    world: World
    half = False  # whether the next import leaves out the second half of its rows

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the base class's signature
        """Return the Date header of its own clock."""
        return format_datetime(self.world.habits.now(), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Respond to an export or a list."""
        if self.world.instead is not None:
            return self.send(*self.world.instead, "text/html")
        return self.handle_once(b"")

    def do_POST(self) -> None:
        """Respond to an import."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        page = self.world.habits.page_for(body)
        if page is None:
            self.handle_once(body)
            return
        with self.world.lock:
            self.world.requests[f"POST {urlsplit(self.path).path}"].append(time.monotonic())
        self.send(*page, "text/html")

    def handle_once(self, body: bytes) -> None:
        """Log the request, execute it, and send the response, or lose it."""
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        with self.world.lock:
            self.world.requests[f"{self.command} {path}"].append(time.monotonic())
            self.world.authorizations.add(self.headers.get("Authorization", ""))
            self.world.queries.append((path, query))
            imports = self.command == "POST" and path != SEARCH  # a search is a POST that changes nothing
            fault = self.world.faults.pop(0) if imports and self.world.faults else ""
            if fault == "500 before":
                return self.send(500, b"{}", "application/json")
            if fault == "take none":  # but respond with success, and the true amount
                body = body[: body.index(b"\n", body.index(b"\r\n\r\n") + 4) + 1] + body[body.rindex(b"\r\n--") :]
            if fault == "429":
                return self.send(429, b"{}", "application/json")
            if fault.startswith("late "):
                threading.Timer(float(fault.removeprefix("late ")), self.work_late, (path, query, body)).start()
                return self.cut()
            self.half = fault in ("take half", "lost after half")
            try:
                status, content, media = self.answer(path, query, body)
            except Refusal as refusal:
                return self.send(refusal.status, json.dumps(refusal.body).encode(), "application/json")
        if "amount" in fault:
            content = with_amount(content, fault)
        if fault in ("lost after", "lost after half"):
            return self.cut()
        if fault == "502 after":
            return self.send(502, b"<html>bad gateway</html>", "text/html")
        return self.send(status, content, media)

    def cut(self) -> None:
        """Close the connection without a response."""
        self.close_connection = True
        self.connection.close()

    def work_late(self, path: str, query: Row, body: bytes) -> None:
        """Execute a request after its connection was closed."""
        with self.world.lock, contextlib.suppress(Refusal):
            self.answer(path, query, body)

    def send(self, status: int, content: bytes, media: str) -> None:
        """Write a complete response."""
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(content)))
        if status == 308:
            self.send_header("Location", self.world.habits.moved_to)
        self.end_headers()
        self.wfile.write(content)

    def answer(self, path: str, query: Row, body: bytes) -> tuple[int, bytes, str]:
        """Return status, content and media type."""
        if self.headers.get("Authorization") != f"ManagementKey-v1 {self.world.key}":
            raise Refusal(401, "unauthorized")
        if self.command == "POST" and path != SEARCH and (self.world.habits.refuses or self.world.habits.moved_to):
            raise Refusal(308 if self.world.habits.moved_to else 400, self.world.habits.refuses)
        for kind in KINDS:
            if self.command == "POST" and re.fullmatch(kind.imports, path):
                return self.take_in(kind, upload(self.headers["Content-Type"], body), path, query)
            if self.command == "GET" and re.fullmatch(kind.exports, path):
                return 200, export(kind, self.world, query).encode(), "application/csv"
        if re.fullmatch(r"/v1/loyalty_programs/\d+/transactions", path):
            return 200, json.dumps(transactions(self.world, query)).encode(), "application/json"
        if re.fullmatch(r"/v1/applications/\d+", path):
            if self.world.hides_case:
                raise Refusal(403, "forbidden")
            return 200, b'{"id": 42, "caseSensitivity": "insensitive-uppercase"}', "application/json"
        raise Refusal(404, "not found")

    def take_in(self, kind: Kind, text: str, path: str, query: Row) -> tuple[int, bytes, str]:
        """Import a whole file or nothing, unless a habit requires a part."""
        rows = [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
        rows = rows[: len(rows) // 2] if self.half else rows
        held, habits = self.world.rows[kind.name], self.world.habits
        number, now = habits.number(next(self.world.imports)), habits.rows_now()
        for row in rows:
            row["#"], row["@"], row["!"] = str(number), now, str(time.monotonic())
            if "value" in row:
                row["value"] = row["value"].upper()
        if kind.mode == "create":
            there = {tuple(r[k] for k in kind.key) for r in held}
            skips = query.get("skipDuplicates") == "true"
            rows = [row for row in rows if not (skips and tuple(row[k] for k in kind.key) in there)]
            for place, row in enumerate(rows):
                if (key := tuple(row[k] for k in kind.key)) in there:
                    raise Refusal(409, f"{key} exists", habits.line_of(place, rows))
                there.add(key)
        bad = [place for place, row in enumerate(rows) if is_bad(row)]
        taken = habits.kept(rows) if bad else rows
        if kind.mode == "replace" and not bad:
            held.clear()
        if kind.mode == "upsert":
            sent = {tuple(r.get(k, "") for k in kind.key) for r in taken}
            held[:] = [r for r in held if tuple(r.get(k, "") for k in kind.key) not in sent]
        held += taken
        if bad:
            raise Refusal(400, "bad value", habits.line_of(bad[0], rows))
        self.world.uploads.append((kind.name, path, len(rows)))
        answer = {"id": number, "created": now, "accountId": 1, "userId": 2,
                  "entity": "Something", "amount": len(rows)}  # fmt: skip
        return kind.success, json.dumps(answer).encode(), "application/json"


def with_amount(content: bytes, fault: str) -> bytes:
    """Return a response with another amount (the JSON after the word in `fault`), or without one."""
    document = json.loads(content)
    del document["amount"]
    if fault == "odd amount":
        document["amount"] = 1
    elif fault.startswith("amount "):
        document["amount"] = json.loads(fault.removeprefix("amount "))
    return json.dumps(document).encode()


def upload(media: str, body: bytes) -> str:
    """Return the text of the one part `upFile`, which must be a file."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media.encode() + b"\r\n\r\n" + body)
    (part,) = message.iter_parts()
    if part.get_param("name", header="content-disposition") != "upFile" or not part.get_filename():
        raise Refusal(400, "upFile is missing")
    content = part.get_payload(decode=True)
    return bytes(content).decode("utf-8") if isinstance(content, bytes) else ""


def as_instant(text: str) -> str:
    """Return an instant in another form than it was sent: in UTC, with a fraction."""
    if not text or not text[0].isdigit():
        return text
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def cell(name: str, source: str, row: Row) -> str:
    """Return one export cell in the formats of this server."""
    if source.startswith("="):
        return source[1:]
    value = row.get(source, "")
    if source in TIMES:
        return as_instant(value)
    if source == "attributes":
        found = json.loads(value) if value else {}
        return json.dumps(dict(reversed(found.items())), separators=(",", ":"))
    if name == "limitval":
        return value or "1"
    if name == "discount_limitval":
        return f"{float(value or 0):.2f}"
    if name == "limit":
        return f"{float(value):.1f}"
    if name == "customerprofileids":
        return str([part for part in value.split(";") if part])
    return value


def export(kind: Kind, world: World, query: Row) -> str:
    """Return the export, rows in no order, CRLF ended."""
    after, before = query.get("createdAfter", ""), query.get("createdBefore", "9")
    rows = world.shown(kind.name)
    shown = [r for r in rows if (not after or later(r["@"], after)) and (before == "9" or later(before, r["@"]))]
    random.Random(5).shuffle(shown)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([world.headers.get(name, name) for name in kind.columns])
    writer.writerows([cell(name, source, row) for name, source in kind.columns.items()] for row in shown)
    return out.getvalue()


def later(one: str, other: str) -> bool:
    """Return whether one instant is not before the other."""
    return datetime.fromisoformat(one) >= datetime.fromisoformat(other)


def transactions(world: World, query: Row) -> dict[str, Any]:
    """Return a page of transactions, newest first, never more than a thousand."""
    rows = world.shown("loyalty-points")
    size, skip = int(query.get("pageSize", "50")), int(query.get("skip", "0"))
    if not 1 <= size <= 1000:
        raise Refusal(400, "pageSize")
    start, end = query.get("startDate"), query.get("endDate")
    shown = [r for r in rows if (not start or later(r["@"], start)) and (not end or later(end, r["@"]))]
    items = [
        {
            "id": index, "transactionUUID": f"u-{index}", "created": r["@"], "type": "addition",
            "amount": float(r["amount"]), "name": r.get("reason", ""),
            "startDate": as_instant(r.get("startdate", "")) or "immediate",
            "expiryDate": as_instant(r.get("expirydate", "")) or "unlimited",
            "customerProfileId": r.get("customerprofileid") or None, "cardIdentifier": r.get("identifier") or None,
            "subledgerId": r.get("subledgerid", ""), "importId": int(r["#"]),
        }
        for index, r in reversed(list(enumerate(shown)))
    ]  # fmt: skip
    size = min(size, world.habits.largest_page)
    more = {"hasMore": skip + size < len(items)} if world.habits.says_more else {}
    return {**more, "data": items[skip : skip + size]}


class ForeignServer:
    """The server in a thread, on a free port of loopback."""

    def __init__(self) -> None:
        self.world = World()
        handler = type("Bound", (Handler,), {"world": self.world})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Start it."""
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
