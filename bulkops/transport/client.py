"""The client: one method a kind of request, every failure an error of bulkops that says what may follow."""

import logging
import os
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
    ResponseTooLarge,
    Unfinished,
    Unreachable,
    UsageError,
)
from bulkops.journal import record
from bulkops.limits import MAX_ERROR_BYTES, MAX_JSON_BYTES
from bulkops.redaction import redacted
from bulkops.settings import Target, is_loopback
from bulkops.transport.bodies import described
from bulkops.transport.connecting import Connecting
from bulkops.transport.decoding import ACCEPTED, BrokenCompression, decoded
from bulkops.transport.failures import Route, cause_of
from bulkops.transport.limiter import Limiter
from bulkops.transport.multipart import BodySource, FilePart
from bulkops.transport.notices import Say, Teller, silent
from bulkops.transport.proxies import proxy_for
from bulkops.transport.responses import Answer, parse_http_date, parse_json, refusal
from bulkops.transport.retries import ATTEMPTS, reading_again
from bulkops.transport.trust import trusted_context
from bulkops.version import __version__

Ids = Mapping[str, int | str]
Params = Mapping[str, str | tuple[str, ...]]

CONNECT_SECONDS = 10.0
WRITE_SECONDS = 60.0
READ_SECONDS = 300.0
KEEP_SECONDS = 1.5  # well below what servers keep: an upload on a connection just closed would be in doubt
CLOCK_SET_SECONDS = 2.0
TIME_ATTEMPTS = 3
NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of a request."""


class RedactingFilter(logging.Filter):
    """Hides the keys in the records of a logger, whoever listens to it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the message of a record and let it through."""
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


# Both log the headers of responses, in which a server may repeat the key.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(RedactingFilter())

# Each read of a connection costs its handling: by 64 KiB, as it comes, a large export would cost three times as much.
httpcore.HTTP11Connection.READ_NUM_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """An answer whose body is read as it comes."""

    status: int
    headers: Mapping[str, str]
    response: httpx.Response
    where: str

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body in blocks; OutcomeUnknown if it breaks off."""
        try:
            yield from decoded(self.response)
        except (httpx.HTTPError, BrokenCompression) as error:
            kind = type(error).__name__
            raise OutcomeUnknown(f"The answer to {self.where} broke off ({kind}).") from None


@dataclass(frozen=True, kw_only=True)
class _Time:
    """The server's clock against ours, and when that was learnt on both of our clocks."""

    offset: timedelta
    ours: datetime
    monotonic: float


class Client:
    """Talks to one target. Safe to use from several threads.

    Path templates hold id names in braces; their values are percent-encoded. `server_offset` is what to add to
    our clock to get the server's, known once any answer carried a Date; it is at most a second behind. It is not
    known any more once our clock was set. `tells_no_time` says that an answer came without a Date.
    `teller` says what is waited for: by `say`, where nothing else was said for five seconds.

    Until the server was reached once, a failure that only another address, certificate or proxy can end raises
    Unreachable; later it may pass, and is retried like any other.
    """

    def __init__(self, target: Target, *, clock: Clock, limiter: Limiter, say: Say = silent) -> None:
        self.target = target
        self.teller = Teller(say, clock=clock)
        self.clock = clock
        self.tells_no_time = False
        self._time: _Time | None = None
        self._limiter = limiter
        local = is_loopback(urlsplit(target.base_url).hostname or "")
        self._route = Route(base_url=target.base_url, proxy=None if local else proxy_for(target.base_url, os.environ))
        self._reached = False
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
            trust_env=False,  # what the environment says is read by `proxy_for` and `trusted_context`
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
        """What to add to our clock; None if it is not known, or if our clock was set since it was."""
        if self._time is None:
            return None
        ours = (self.clock.now() - self._time.ours).total_seconds()
        moved = abs(ours - (self.clock.monotonic() - self._time.monotonic))
        return self._time.offset if moved < CLOCK_SET_SECONDS else None

    def ask_time(self, template: str, ids: Ids, params: Params | None = None) -> None:
        """Learn the server's time by a GET of which nothing else counts; that it cannot be learnt is no error.

        AccessRefused where the key itself is not accepted (401), or a proxy wants a password (407), and Unreachable:
        no other request can go better. That this endpoint is not granted, or not known there, says nothing about
        others.
        """
        again = reading_again(self.clock, attempts=TIME_ATTEMPTS, teller=self.teller)
        try:
            again(self._open_stream, template, ids, params).response.close()
        except Unreachable:
            raise
        except AccessRefused as error:
            if error.status in (401, 407):
                raise
        except (Unfinished, UsageError):
            return

    def reach(self) -> None:
        """Open a connection and close it before a request leaves; Unreachable if only another configuration can help.

        A failure that may pass is left to the first request.
        """
        if self._reached:
            return
        try:
            with Connecting(self.teller, self._route, stop=True) as connecting:
                self._http.get("/", extensions=connecting.extensions)
        except Connecting.Open:
            self._reached = True
        except httpx.HTTPError as error:
            self._refuse_lasting(error, f"{self._route.base_url} cannot be reached")

    def get_json(self, template: str, ids: Ids, params: Params | None = None, *, attempts: int = ATTEMPTS) -> Any:
        """Return the JSON document at a path; requested up to `attempts` times while the failure may pass."""
        return reading_again(self.clock, attempts=attempts, teller=self.teller)(self._get_json, template, ids, params)

    def search_json(self, template: str, params: Params, body: Mapping[str, Any], *, attempts: int = ATTEMPTS) -> Any:
        """Return the JSON document of a search, which is a POST that changes nothing; retried like `get_json`."""
        again = reading_again(self.clock, attempts=attempts, teller=self.teller)
        return again(self._get_json, template, {}, params, body)

    @contextmanager
    def stream(
        self, template: str, ids: Ids, params: Params | None = None, *, attempts: int = ATTEMPTS
    ) -> Iterator[Streamed]:
        """Yield a successful answer to be read as it comes.

        Until its headers are here the request is tried again, so many times in all; what breaks off later raises
        OutcomeUnknown.
        """
        trying = reading_again(self.clock, attempts=attempts, teller=self.teller)
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
        leaving: Callable[[], None] | None = None,
    ) -> Answer:
        """Upload one file, once, streaming it; the answer is returned only if it is readable.

        `leaving` is called when the limit lets the request go, right before its first byte.

        NotDelivered: the server cannot have taken it in. ServerRefused, AccessRefused: it said no.
        OutcomeUnknown: the request left as a whole and what became of it is not known.
        Whatever `parts` raises passes through, and the request stays incomplete.
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
        return self._exchange(request, template, part, leaving)

    def _exchange(
        self,
        request: httpx.Request,
        template: str,
        part: FilePart,
        leaving: Callable[[], None] | None,
    ) -> Answer:
        where = f"POST {request.url.path}"
        try:
            with self.teller.during(_unanswered(where, request)), self._slot("POST", template):
                if leaving is not None:
                    leaving()
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
            if not part.complete:
                raise NotDelivered(f"{where}: the connection broke off during the upload: {cause}.") from None
            raise OutcomeUnknown(
                f"{where} was sent and no answer came: {cause}.",
                timed_out=isinstance(error, httpx.TimeoutException),
            ) from None
        if not response.is_success:
            raise self._refusal(response, content, where)
        body = parse_json(content)
        if body is None:
            said = described(content, hide=redacted)
            raise OutcomeUnknown(
                f"The response to {where} is not JSON: the server sent {said}.", status=response.status_code
            )
        return Answer(status=response.status_code, body=body, date=parse_http_date(response.headers.get("date")))

    def _get_json(self, template: str, ids: Ids, params: Params | None, search: Mapping[str, Any] | None = None) -> Any:
        streamed = self._open_stream(template, ids, params, search)
        try:
            content = _read_json(streamed)
        finally:
            streamed.response.close()
        body = parse_json(content)
        if body is None:
            said = described(content, hide=redacted)
            raise OutcomeUnknown(f"The response to {streamed.where} is not JSON: the server sent {said}.")
        return body

    def _open_stream(
        self, template: str, ids: Ids, params: Params | None, search: Mapping[str, Any] | None = None
    ) -> Streamed:
        """Send a request that only reads: a GET, or a POST with the body of a search."""
        method = "GET" if search is None else "POST"
        request = self._http.build_request(method, path_of(template, ids), params=params, json=search)
        where = f"{method} {request.url.path}"
        try:
            with self.teller.during(_unanswered(where, request)), self._slot(method, template):
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
        return Streamed(status=response.status_code, headers=response.headers, response=response, where=where)

    def _send(self, request: httpx.Request) -> httpx.Response:
        began, status = time.monotonic(), None
        try:
            with Connecting(self.teller, self._route) as connecting:
                request.extensions |= connecting.extensions
                response = self._http.send(request, stream=True)
            status = response.status_code
        finally:
            seconds = round(time.monotonic() - began, 3)
            record("request", method=request.method, path=request.url.path, status=status, seconds=seconds)
        self._reached = True
        return response

    def _not_delivered(self, error: httpx.HTTPError, where: str) -> NotDelivered:
        """Return the error of a request that did not reach the server; raise Unreachable if no request can."""
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
        self.tells_no_time = date is None
        if date is not None:
            now = self.clock.now()
            self._time = _Time(offset=date - now, ours=now, monotonic=self.clock.monotonic())

    def _refusal(self, response: httpx.Response, content: bytes, where: str, *, reading: bool = False) -> BulkopsError:
        now = parse_http_date(response.headers.get("date")) or self.clock.now()
        return refusal(response.status_code, content, where=where, headers=response.headers, now=now, reading=reading)


def _connecting(route: Route) -> dict[str, Any]:
    """Return the settings of an httpx client for a route: its proxy and the certificates it trusts."""
    proxy = route.proxy
    if not route.base_url.startswith("https://") and (proxy is None or not proxy.secure):
        return {"proxy": proxy and proxy.url}
    context = trusted_context(os.environ)
    over = httpx.Proxy(proxy.url, ssl_context=context if proxy.secure else None) if proxy else None
    return {"verify": context, "proxy": over}


def _unanswered(where: str, request: httpx.Request) -> str:
    """Return what to say of a request that has no answer yet."""
    return f"{where}: no response yet. Waiting up to {request.extensions['timeout']['read']:,.0f} s for it."


def path_of(template: str, ids: Ids) -> str:
    """Return the path of a template with its ids filled in, percent-encoded."""
    return template.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


def _read_some(response: httpx.Response) -> bytes:
    """Read a short answer; what is longer than any documented one is cut, and then cannot be read as JSON."""
    content = bytearray()
    try:
        for block in decoded(response):
            content += block
            if len(content) > MAX_ERROR_BYTES:
                break
    except BrokenCompression as error:
        raise httpx.DecodingError(str(error)) from None
    return bytes(content[:MAX_ERROR_BYTES])


def _read_json(streamed: Streamed) -> bytes:
    """Read a JSON document; ResponseTooLarge if it exceeds the limit: decoded, it can take forty times its size."""
    content = bytearray()
    for block in streamed.iter_bytes():
        content += block
        if len(content) > MAX_JSON_BYTES:
            raise ResponseTooLarge(
                f"The response to {streamed.where} has more than {MAX_JSON_BYTES:,} bytes; bulkops reads no more.",
                hint="Check that the base address is that of a deployment.",
            )
    return bytes(content)
