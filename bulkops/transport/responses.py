"""Interpret responses: map statuses and bodies to errors that state the next possible step. Pure functions."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from bulkops.errors import AccessRefused, BulkopsError, NotDelivered, OutcomeUnknown, ServerRefused
from bulkops.redaction import redacted
from bulkops.transport.bodies import describe_body, is_page

MAX_DETAILS = 20
MAX_TEXT = 300
LONGEST_INT = 20
LONGEST_LINE = 12  # digits; no uploaded file has more lines, and Python does not convert texts of any length
# The request must be sent to another address (RFC 9110 §15.4). 302 and 303 may also follow completed work.
MOVED = (301, 307, 308)
SEE_OTHER = (302, 303)
LONGEST_QUOTE = 120


@dataclass(frozen=True, kw_only=True)
class Response:
    """A readable response to a successful request; `date` is the server's own clock."""

    status: int
    body: Any
    date: datetime | None


def parse_http_date(text: str | None) -> datetime | None:
    """Return the instant of an HTTP date header; None if it is missing or invalid."""
    if not text:
        return None
    try:
        parsed = parsedate_to_datetime(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # an invalid date, or one at the end of the calendar with an offset
        return None


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header requests, in either of its forms (RFC 9110 §10.2.3)."""
    if not text:
        return None
    text = text.strip()
    if text.isdecimal():
        return float(text)
    moment = parse_http_date(text)
    return max(0.0, (moment - now).total_seconds()) if moment else None


def parse_json(content: bytes) -> Any:
    """Return the JSON document; None if the content is not valid JSON.

    An integer beyond 64 bits is not a valid id or count: it becomes a float, which no caller accepts as either.
    """
    try:
        return json.loads(content, parse_int=_parse_int)
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None


def _parse_int(text: str) -> int | float:
    if len(text) <= LONGEST_INT and -(2**63) <= (number := int(text)) < 2**63:
        return number
    return float(text)


def refusal(
    status: int,
    content: bytes,
    *,
    where: str,
    headers: Mapping[str, str],
    now: datetime,
    hide: Callable[[str], str] = redacted,
    reading: bool = False,
) -> BulkopsError:
    """Return the error for a status that is not a success; `where` is the method and the path.

    `now` is the server's clock if it is known, for a Retry-After header that is a date. `hide` removes keys from texts.
    The texts are decoded first, because a server that repeats the key may have escaped it. `reading` means that the
    request did no work that a redirect could follow.
    """
    body = parse_json(content)
    message, details, lines = _explain(body, content, hide)
    said = f"{where} returned {status}" + (f": {message}" if message else ".")
    if status == 429:
        return NotDelivered(said, retry_after=parse_retry_after(headers.get("retry-after"), now=now))
    if status in (401, 403, 404, 407):
        page = body is None and is_page(content)
        return AccessRefused(said, status=status, hint=_access_hint(status, page=page), page=page)
    if status in MOVED or (reading and status in SEE_OTHER):
        return AccessRefused(said, status=status, hint=_redirect_hint(hide(headers.get("location", ""))))
    if 400 <= status < 500 and status != 408:
        return ServerRefused(said, status=status, details=details, lines=lines)
    asked = parse_retry_after(headers.get("retry-after"), now=now)
    return OutcomeUnknown(said, status=status, timed_out=status in (408, 504), retry_after=asked)


def _redirect_hint(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    elsewhere = f", {host}" if host else ""
    redirects = f"The server redirects to another address{elsewhere}."
    return f"{redirects} Nothing was imported. Give the right address with --base-url."


def _access_hint(status: int, *, page: bool) -> str:
    if page and status != 401:
        return (
            "The response is a page, so it came from a firewall or proxy, or --base-url is not the address of the API."
        )
    if status == 401:
        return "The key was not accepted: it may be wrong or expired, or its user was removed."
    if status == 403:
        return "The key is valid but does not permit this endpoint: select it in the key's endpoint list."
    if status == 407:
        return "A proxy before the server requires a user name and a password: put them in HTTPS_PROXY."
    return "Check the ids and the base address."


def _first_line(text: str) -> str:
    """Return the first line of a text, shortened: later lines may be records."""
    line, _, more = text.strip().partition("\n")
    return line[:LONGEST_QUOTE].rstrip() + (" …" if more or len(line) > LONGEST_QUOTE else "")


def _explain(body: Any, content: bytes, hide: Callable[[str], str]) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """Return the message, the details, and the lines of an error body (ErrorResponse, contracts of the API).

    Keys are removed from a text before it is shortened: a shortened key would not be recognised.
    """

    def shown(text: str) -> str:
        return hide(text)[:MAX_TEXT]

    if body is None and is_page(content):
        return f"the server sent {describe_body(content, hide=hide)}", (), ()
    if not isinstance(body, dict):
        return _first_line(hide(content.decode("utf-8", "replace"))), (), ()
    details: list[str] = []
    lines: list[int] = []
    errors = body.get("errors")
    for item in errors if isinstance(errors, list) else []:
        if not isinstance(item, dict):
            continue
        source = item.get("source")
        line = source.get("line") if isinstance(source, dict) else None
        if isinstance(line, str | int) and str(line).isdecimal() and len(str(line)) <= LONGEST_LINE:
            lines.append(int(line))
        text = ": ".join(str(item[k]) for k in ("title", "details") if item.get(k))
        details.append(shown(f"line {line}: {text}" if line not in (None, "") else text))
    message = shown(str(body.get("message") or ""))
    return ": ".join(p for p in (message, "; ".join(details[:3])) if p), tuple(details[:MAX_DETAILS]), tuple(lines)
