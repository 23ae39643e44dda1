"""The client: one method a kind of request, every failure an error of bulkops that says what may follow."""

import logging
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
    UsageError,
)
from bulkops.limits import MAX_ERROR_BYTES, MAX_JSON_BYTES
from bulkops.redaction import redacted
from bulkops.settings import Target, is_loopback
from bulkops.transport.decoding import ACCEPTED, BrokenCompression, decoded
from bulkops.transport.limiter import Limiter
from bulkops.transport.multipart import BodySource, FilePart
from bulkops.transport.notices import Say, Teller, silent
from bulkops.transport.responses import Answer, parse_http_date, parse_json, refusal
from bulkops.transport.retries import ATTEMPTS, reading_again
from bulkops.version import __version__

Ids = Mapping[str, int | str]
Params = Mapping[str, str | tuple[str, ...]]

CONNECT_SECONDS = 10.0
WRITE_SECONDS = 60.0
READ_SECONDS = 300.0
KEEP_SECONDS = 1.5  # well below what servers keep: an upload on a connection just closed would be in doubt
CLOCK_SET_SECONDS = 2.0
TIME_ATTEMPTS = 3


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
            raise OutcomeUnknown(f"The answer to {self.where} broke off ({_kind(error)}).") from None


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
    """

    def __init__(self, target: Target, *, clock: Clock, limiter: Limiter, say: Say = silent) -> None:
        self.target = target
        self.teller = Teller(say, clock=clock)
        self.clock = clock
        self.tells_no_time = False
        self._time: _Time | None = None
        self._limiter = limiter
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
            trust_env=not is_loopback(urlsplit(target.base_url).hostname or ""),
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

        AccessRefused where the key itself is not accepted (401): no other request can go better. That this endpoint
        is not granted, or not known there, says nothing about others.
        """
        again = reading_again(self.clock, attempts=TIME_ATTEMPTS, teller=self.teller)
        try:
            again(self._open_stream, template, ids, params).response.close()
        except AccessRefused as error:
            if error.status == 401:
                raise
        except (Unfinished, UsageError):
            return

    def get_json(self, template: str, ids: Ids, params: Params | None = None) -> Any:
        """Return the JSON document at a path; tried again while the failure may pass."""
        return reading_again(self.clock, teller=self.teller)(self._get_json, template, ids, params)

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
            _path(template, ids),
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
                response = self._http.send(request, stream=True)
                try:
                    self._learn_time(response)
                    content = _read_some(response)
                finally:
                    response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotDelivered(f"{where}: the server cannot be reached ({_kind(error)}).") from None
        except httpx.HTTPError as error:
            if not part.complete:
                raise NotDelivered(f"{where}: the connection broke off during the upload ({_kind(error)}).") from None
            raise OutcomeUnknown(
                f"{where} was sent and no answer came ({_kind(error)}).",
                timed_out=isinstance(error, httpx.TimeoutException),
            ) from None
        if not response.is_success:
            raise self._refusal(response, content, where)
        body = parse_json(content)
        if body is None:
            raise OutcomeUnknown(f"The answer to {where} cannot be read.", status=response.status_code)
        return Answer(status=response.status_code, body=body, date=parse_http_date(response.headers.get("date")))

    def _get_json(self, template: str, ids: Ids, params: Params | None) -> Any:
        streamed = self._open_stream(template, ids, params)
        try:
            body = parse_json(_read_json(streamed))
        finally:
            streamed.response.close()
        if body is None:
            raise OutcomeUnknown(f"The answer to {streamed.where} is not JSON.")
        return body

    def _open_stream(self, template: str, ids: Ids, params: Params | None) -> Streamed:
        request = self._http.build_request("GET", _path(template, ids), params=params)
        where = f"GET {request.url.path}"
        try:
            with self.teller.during(_unanswered(where, request)), self._slot("GET", template):
                response = self._http.send(request, stream=True)
            self._learn_time(response)
            if not response.is_success:
                try:
                    content = _read_some(response)
                finally:
                    response.close()
                raise self._refusal(response, content, where, reading=True)
        except httpx.HTTPError as error:
            raise NotDelivered(f"{where}: the server cannot be reached ({_kind(error)}).") from None
        return Streamed(status=response.status_code, headers=response.headers, response=response, where=where)

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


def _unanswered(where: str, request: httpx.Request) -> str:
    """Return what to say of a request that has no answer yet."""
    return f"{where}: no response yet. Waiting up to {request.extensions['timeout']['read']:,.0f} s for it."


def _path(template: str, ids: Ids) -> str:
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


def _kind(error: Exception) -> str:
    """Return what kind of failure it was; its own text may hold an address with parameters."""
    return type(error).__name__
