"""Send requests to one target: one method per kind of request; each failure raises an error of bulkops."""

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpcore
import httpx

from bulkops.clock import Clock
from bulkops.errors import (
    AccessRefused,
    BulkopsError,
    NotDelivered,
    OutcomeUnknown,
    PageReceived,
    ResponseTooLarge,
    Unfinished,
    Unreachable,
    UsageError,
)
from bulkops.journal import record
from bulkops.limits import MAX_ERROR_BYTES, MAX_JSON_BYTES
from bulkops.proxies import proxy_for
from bulkops.redaction import redacted
from bulkops.settings import Target, is_loopback
from bulkops.transport.bodies import describe_body, is_page
from bulkops.transport.connecting import Connecting
from bulkops.transport.decoding import ACCEPTED, BrokenCompression, decoded
from bulkops.transport.failures import ServerRoute, cause_of
from bulkops.transport.limiter import Limiter
from bulkops.transport.multipart import BodySource, FilePart
from bulkops.transport.notices import Notifier, Notify, discard_notice
from bulkops.transport.responses import Response, parse_http_date, parse_json, refusal
from bulkops.transport.retries import ATTEMPTS, retry_reads
from bulkops.trust import trusted_context
from bulkops.version import __version__

Ids = Mapping[str, int | str]
Params = Mapping[str, str | tuple[str, ...]]

CONNECT_SECONDS = 10.0
WRITE_SECONDS = 60.0
READ_SECONDS = 300.0
KEEP_SECONDS = 1.5  # shorter than on servers: an upload on a connection that the server closes would be in doubt
CLOCK_SET_SECONDS = 2.0
TIME_ATTEMPTS = 3
NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of a request leaves."""


class RedactingFilter(logging.Filter):
    """Removes keys from the log records of a logger, for all handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the message of a log record and let it pass."""
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


# These log the headers of responses, in which a server may repeat the key.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(RedactingFilter())

# Each read of a connection has a fixed cost: with the default of 64 KiB a large export takes three times as long.
httpcore.HTTP11Connection.READ_NUM_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StreamedResponse:
    """A response with a body that is read as it arrives."""

    status: int
    headers: Mapping[str, str]
    response: httpx.Response
    where: str

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body in blocks; OutcomeUnknown if the connection breaks."""
        try:
            yield from decoded(self.response)
        except (httpx.HTTPError, BrokenCompression) as error:
            kind = type(error).__name__
            raise OutcomeUnknown(f"The response to {self.where} broke off ({kind}).") from None


@dataclass(frozen=True, kw_only=True)
class _Time:
    """The offset of the server's clock, and the time of its measurement on both clocks of this machine."""

    offset: timedelta
    ours: datetime
    monotonic: float


class ApiClient:
    """A client of one target, safe to use from several threads.

    Path templates contain id names in braces; their values are percent-encoded. `server_offset` is the time to add to
    this machine's clock to get the server's; it is known after the first response with a Date header, to the second. It
    is unknown again after this machine's clock was set. `sends_no_date` is True if a response had no Date header.
    `notifier` reports waits through `notify` if nothing else was reported for five seconds.

    Until the server was reached once, a failure that only another address, certificate or proxy can fix raises
    Unreachable. Later such a failure may be temporary, and is retried like any other.
    """

    def __init__(self, target: Target, *, clock: Clock, limiter: Limiter, notify: Notify = discard_notice) -> None:
        self.target = target
        self.notifier = Notifier(notify, clock=clock)
        self.clock = clock
        self.sends_no_date = False
        self._time: _Time | None = None
        self._limiter = limiter
        local = is_loopback(urlsplit(target.base_url).hostname or "")
        self._route = ServerRoute(
            base_url=target.base_url, proxy=None if local else proxy_for(target.base_url, os.environ)
        )
        self._reached = False
        self._page: PageReceived | None = None
        self._http = httpx.Client(
            base_url=target.base_url,
            headers={
                "Authorization": target.authorization.reveal(),
                "Accept": "application/json, application/csv, text/csv",
                "Accept-Encoding": ACCEPTED,
                "User-Agent": f"bulkops/{__version__}",
            },
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, write=WRITE_SECONDS),
            limits=httpx.Limits(keepalive_expiry=KEEP_SECONDS),
            trust_env=False,  # `proxy_for` and `trusted_context` read the environment
            **_connecting(self._route),
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def server_offset(self) -> timedelta | None:
        """The time to add to this machine's clock; None if unknown, or if the clock was set since the measurement."""
        if self._time is None:
            return None
        ours = (self.clock.now() - self._time.ours).total_seconds()
        moved = abs(ours - (self.clock.monotonic() - self._time.monotonic))
        return self._time.offset if moved < CLOCK_SET_SECONDS else None

    def request_server_time(self, template: str, ids: Ids, params: Params | None = None) -> None:
        """Learn the server's time from any GET request; a failure is ignored.

        AccessRefused if the key itself is not accepted (401) or a proxy requires a password (407), Unreachable, and
        PageReceived: every other request would fail as well. If this endpoint is unknown or not permitted, other
        endpoints may still work.
        """
        again = retry_reads(self.clock, attempts=TIME_ATTEMPTS, notifier=self.notifier)
        try:
            again(self._read_start, template, ids, params)
        except (Unreachable, PageReceived):
            raise
        except AccessRefused as error:
            if error.status in (401, 407):
                raise
        except (Unfinished, UsageError):
            return

    def refuse_page(self) -> None:
        """Raise PageReceived if the last reading request for JSON returned a page: an upload would, too."""
        if self._page is not None:
            raise self._page

    def reach(self) -> None:
        """Open and close a connection before any request is sent; Unreachable if only another configuration can help.

        A failure that may be temporary is left to the first request.
        """
        if self._reached:
            return
        try:
            with Connecting(self.notifier, self._route, stop=True) as connecting:
                self._http.get("/", extensions=connecting.extensions)
        except Connecting.Open:
            self._reached = True
        except httpx.HTTPError as error:
            self._refuse_lasting(error, f"{self._route.base_url} cannot be reached")

    def get_json(self, template: str, ids: Ids, params: Params | None = None, *, attempts: int = ATTEMPTS) -> Any:
        """Return the JSON document at a path; temporary failures are retried up to `attempts` requests in all."""
        return retry_reads(self.clock, attempts=attempts, notifier=self.notifier)(self._get_json, template, ids, params)

    def search_json(self, template: str, params: Params, body: Mapping[str, Any], *, attempts: int = ATTEMPTS) -> Any:
        """Return the JSON document of a search: a POST request that changes nothing, retried like `get_json`."""
        again = retry_reads(self.clock, attempts=attempts, notifier=self.notifier)
        return again(self._get_json, template, {}, params, body)

    @contextmanager
    def stream(
        self, template: str, ids: Ids, params: Params | None = None, *, attempts: int = ATTEMPTS
    ) -> Iterator[StreamedResponse]:
        """Yield a successful response with a body that is read as it arrives.

        Until the headers have arrived, the request is retried, up to `attempts` requests in all; a later break raises
        OutcomeUnknown.
        """
        trying = retry_reads(self.clock, attempts=attempts, notifier=self.notifier)
        streamed = trying(self._open_stream, template, ids, params)
        try:
            yield streamed
        finally:
            streamed.response.close()

    def post_file(
        self,
        template: str,
        ids: Ids,
        params: Params | None = None,
        *,
        filename: str,
        parts: BodySource,
        read_seconds: float = READ_SECONDS,
        on_departure: Callable[[], None] | None = None,
    ) -> Response:
        """Upload one file, once, as a stream; return the response only if it is readable.

        `on_departure` is called when the rate limit lets the request go, right before its first byte.

        NotDelivered: the server cannot have imported it. ServerRefused, AccessRefused: the server refused it.
        OutcomeUnknown: the complete request left, and the outcome is unknown. An exception of `parts` is raised
        unchanged, and the request stays incomplete.
        """
        part = FilePart(parts, filename=filename)
        request = self._http.build_request(
            "POST",
            path_of(template, ids),
            params=params,
            content=part.blocks(),
            headers={"Content-Type": part.content_type, "Content-Length": str(part.length)},
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS, write=WRITE_SECONDS),
        )
        return self._exchange(request, template, part, on_departure)

    def change(
        self, method: str, template: str, ids: Ids, body: Mapping[str, Any] | None = None, *, read_seconds: float
    ) -> int:
        """Send one request that changes rows at the target, once; return the status of its response.

        Errors are those of `post_file`. OutcomeUnknown also for a page instead of the response; other content of a
        successful response is not used.
        """
        timeout = httpx.Timeout(read_seconds, connect=CONNECT_SECONDS, write=WRITE_SECONDS)
        request = self._http.build_request(method, path_of(template, ids), json=body, timeout=timeout)
        response, content = self._answered(request, template, None, None)
        if is_page(content):
            raise _not_json(request, response, content)
        return response.status_code

    def _exchange(
        self,
        request: httpx.Request,
        template: str,
        part: FilePart,
        on_departure: Callable[[], None] | None,
    ) -> Response:
        response, content = self._answered(request, template, part, on_departure)
        body = parse_json(content)
        if body is None:
            raise _not_json(request, response, content)
        return Response(status=response.status_code, body=body, date=parse_http_date(response.headers.get("date")))

    def _answered(
        self,
        request: httpx.Request,
        template: str,
        part: FilePart | None,
        on_departure: Callable[[], None] | None,
    ) -> tuple[httpx.Response, bytes]:
        """Send a request that changes the target; return its successful response and the start of its content."""
        where = f"{request.method} {request.url.path}"
        try:
            with self.notifier.during(_unanswered(where, request)), self._slot(request.method, template):
                if on_departure is not None:
                    on_departure()
                response = self._send(request)
                try:
                    self._learn_time(response)
                    content = _read_some(response)
                finally:
                    response.close()
        except NOT_CONNECTED as error:
            raise self._not_delivered(error, where) from None
        except httpx.HTTPError as error:
            cause = cause_of(error, self._route).text
            if part is not None and not part.complete:
                raise NotDelivered(f"{where}: the connection broke off during the upload: {cause}.") from None
            raise OutcomeUnknown(
                f"{where} was sent, but no response arrived: {cause}.",
                timed_out=isinstance(error, httpx.TimeoutException),
            ) from None
        if not response.is_success:
            raise self._refusal(response, content, where)
        return response, content

    def _get_json(self, template: str, ids: Ids, params: Params | None, search: Mapping[str, Any] | None = None) -> Any:
        streamed = self._open_stream(template, ids, params, search)
        try:
            content = _read_json(streamed)
        finally:
            streamed.response.close()
        body = parse_json(content)
        if body is None:
            shown = describe_body(content, hide=redacted)
            if is_page(content):
                self._page = PageReceived(f"The response to {streamed.where} is not JSON", shown)
                raise self._page
            raise OutcomeUnknown(f"The response to {streamed.where} is not JSON: the server sent {shown}.")
        self._page = None
        return body

    def _read_start(self, template: str, ids: Ids, params: Params | None) -> None:
        """Send a GET request; PageReceived for a response that says that it is a page, and is one."""
        streamed = self._open_stream(template, ids, params)
        try:
            if "html" not in streamed.headers.get("content-type", ""):
                return  # an export can be long
            content = next(streamed.iter_bytes(), b"")
        finally:
            streamed.response.close()
        if is_page(content):
            raise PageReceived(streamed.where, describe_body(content, hide=redacted))

    def _open_stream(
        self, template: str, ids: Ids, params: Params | None, search: Mapping[str, Any] | None = None
    ) -> StreamedResponse:
        """Send a request that only reads: a GET, or a POST with the body of a search."""
        method = "GET" if search is None else "POST"
        request = self._http.build_request(method, path_of(template, ids), params=params, json=search)
        where = f"{method} {request.url.path}"
        try:
            with self.notifier.during(_unanswered(where, request)), self._slot(method, template):
                response = self._send(request)
            self._learn_time(response)
            if not response.is_success:
                try:
                    content = _read_some(response)
                finally:
                    response.close()
                raise self._refusal(response, content, where, reading=True)
        except httpx.HTTPError as error:
            raise self._not_delivered(error, where) from None
        return StreamedResponse(status=response.status_code, headers=response.headers, response=response, where=where)

    def _send(self, request: httpx.Request) -> httpx.Response:
        began, status = time.monotonic(), None
        try:
            with Connecting(self.notifier, self._route) as connecting:
                request.extensions |= connecting.extensions
                response = self._http.send(request, stream=True)
            status = response.status_code
        finally:
            seconds = round(time.monotonic() - began, 3)
            record("request", method=request.method, path=request.url.path, status=status, seconds=seconds)
        self._reached = True
        return response

    def _not_delivered(self, error: httpx.HTTPError, where: str) -> NotDelivered:
        """Return the error of a request that did not reach the server; raise Unreachable if no request can reach it."""
        self._refuse_lasting(error, f"{where}: the server cannot be reached")
        return NotDelivered(f"{where}: the server cannot be reached: {cause_of(error, self._route).text}.")

    def _refuse_lasting(self, error: httpx.HTTPError, what: str) -> None:
        cause = cause_of(error, self._route)
        if cause.lasting and not self._reached:
            raise Unreachable(f"{what}: {cause.text}.", hint=cause.hint) from None

    @contextmanager
    def _slot(self, method: str, template: str) -> Iterator[None]:
        with self._limiter.slot(f"{self.target.server} {method} {template}"):
            yield

    def _learn_time(self, response: httpx.Response) -> None:
        date = parse_http_date(response.headers.get("date"))
        self.sends_no_date = date is None
        if date is not None:
            now = self.clock.now()
            self._time = _Time(offset=date - now, ours=now, monotonic=self.clock.monotonic())

    def _refusal(self, response: httpx.Response, content: bytes, where: str, *, reading: bool = False) -> BulkopsError:
        now = parse_http_date(response.headers.get("date")) or self.clock.now()
        return refusal(response.status_code, content, where=where, headers=response.headers, now=now, reading=reading)


def _not_json(request: httpx.Request, response: httpx.Response, content: bytes) -> OutcomeUnknown:
    where, shown = f"{request.method} {request.url.path}", describe_body(content, hide=redacted)
    return OutcomeUnknown(f"The response to {where} is not JSON: the server sent {shown}.", status=response.status_code)


def _connecting(route: ServerRoute) -> dict[str, Any]:
    """Return the httpx settings of a route: its proxy and the trusted certificates."""
    proxy = route.proxy
    if not route.base_url.startswith("https://") and (proxy is None or not proxy.secure):
        # httpx would load the certificates of its own choice for each client, which takes longer than a request.
        return {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "proxy": proxy and proxy.url}
    context = trusted_context(os.environ)
    over = httpx.Proxy(proxy.url, ssl_context=context if proxy.secure else None) if proxy else None
    return {"verify": context, "proxy": over}


def _unanswered(where: str, request: httpx.Request) -> str:
    """Return the notice for a request without a response so far."""
    return f"{where}: no response yet. Waiting up to {request.extensions['timeout']['read']:,.0f} s for it."


def path_of(template: str, ids: Ids) -> str:
    """Return the path of a template with its ids filled in, percent-encoded."""
    return template.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


def _read_some(response: httpx.Response) -> bytes:
    """Read a short response; a longer one than any documented response is cut, so that it is not valid JSON."""
    content = bytearray()
    try:
        for block in decoded(response):
            content += block
            if len(content) > MAX_ERROR_BYTES:
                break
    except BrokenCompression as error:
        raise httpx.DecodingError(str(error)) from None
    return bytes(content[:MAX_ERROR_BYTES])


def _read_json(streamed: StreamedResponse) -> bytes:
    """Read a JSON document; ResponseTooLarge above the limit, because a decoded document can take 40 times its size."""
    content = bytearray()
    for block in streamed.iter_bytes():
        content += block
        if len(content) > MAX_JSON_BYTES:
            raise ResponseTooLarge(
                f"The response to {streamed.where} has more than {MAX_JSON_BYTES:,} bytes; bulkops reads no more.",
                hint="Check that the base address is that of a deployment.",
            )
    return bytes(content)
