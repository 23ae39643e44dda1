"""Download a complete CSV response into a file, or raise an error; repeat a request that failed or looks incomplete.

The content length or the chunked encoding of HTTP proves that a response is complete. If both are missing, or if the
text looks truncated, the response counts as complete only if two consecutive responses are equal.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.clock import Clock
from bulkops.errors import NotDelivered, OutcomeUnknown, PageReceived, ResponseTooLarge, Unfinished
from bulkops.limits import MAX_RECORD_BYTES
from bulkops.readback.fetch.completeness import TAIL, Incompleteness, find_incompleteness
from bulkops.readback.fetch.prefetch import tee_to_thread
from bulkops.readback.parse.warnings import Notes
from bulkops.transport.client import ApiClient, Params, path_of
from bulkops.transport.notices import Amount, Uncounted
from bulkops.transport.retries import ATTEMPTS as REQUESTS
from bulkops.transport.retries import MAX_PAGES, wait_seconds

MAX_RESPONSES = 5
GATHERED = 1 << 20
LARGE = 1 << 18
PROGRESS_SECONDS = 0.25
QUOTE = 34
COMPLETE = (200, 203)
"""Statuses of a complete response."""

Ids = Mapping[str, int | str]
Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class GetRequest:
    """One GET request: a path template, the ids that fill it, and the query parameters.

    The header of the response must contain one of the lower-case names in `columns`. It is empty if the columns are
    not documented.
    """

    path: str
    ids: Ids
    params: Params
    columns: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        """The method and the path, for messages."""
        return f"GET {path_of(self.path, self.ids)}"


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """The size of a downloaded response in bytes, and the number of attempts."""

    bytes: int
    attempts: int


def download(
    client: ApiClient,
    request: GetRequest,
    out: BinaryIO,
    *,
    progress: Progress | None = None,
    notes: Notes | None = None,
) -> Downloaded:
    """Write the response to one GET into `out`, a seekable file; raise OutcomeUnknown if none was complete.

    `progress` receives the number of bytes of each block. `notes` collects malformed records. At most 5 responses are
    read, with at most 8 requests. PageReceived after two pages in a row.
    """
    trouble: Unfinished = OutcomeUnknown(f"{request.where} returned a different response each time.")
    earlier, responses, pages = "", 0, 0
    for attempt in range(1, REQUESTS + 1):
        if attempt > 1:
            client.notifier.pause(wait_seconds(attempt - 1, trouble, clock=client.clock, notifier=client.notifier))
        own = Notes()
        try:
            with _amount(client, progress) as amount:
                size, incomplete = _download_once(client, request, out, amount, own if notes is not None else None)
        except NotDelivered as error:
            trouble = error
            continue
        except OutcomeUnknown as error:
            trouble = error
        else:
            if incomplete is None or (incomplete.by_repeating and digest(out) == earlier):
                if notes is not None:
                    notes.merge(own)
                return Downloaded(bytes=size, attempts=attempt)
            pages = pages + 1 if incomplete.page else 0
            if incomplete.page and pages == MAX_PAGES:
                raise PageReceived(request.where, incomplete.page)
            earlier = digest(out)
            trouble = OutcomeUnknown(f"{request.where}: {incomplete.reason}.")
        responses += 1
        if responses == MAX_RESPONSES:
            break
    raise trouble


class _Reported(Uncounted):
    """Passes an amount on to a function of the caller."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def update(self, n: float = 1) -> None:
        """Pass on a number of bytes."""
        self._progress(int(n))


def _amount(client: ApiClient, progress: Progress | None) -> AbstractContextManager[Amount]:
    """Return the function that shows the number of bytes: that of the caller, or else one with its own bar."""
    return client.notifier.transfer("reading back") if progress is None else nullcontext(_Reported(progress))


def _download_once(
    client: ApiClient, request: GetRequest, out: BinaryIO, amount: Amount, notes: Notes | None
) -> tuple[int, Incompleteness | None]:
    """Write one response into `out`; return its size in bytes and why it may be incomplete, if it may be."""
    out.seek(0)
    out.truncate()
    size, quotes = 0, _Quotes()
    with (
        client.stream(request.path, request.ids, request.params, attempts=1) as response,
        _scanner(quotes, notes) as scan,
    ):
        if response.status not in COMPLETE:
            raise OutcomeUnknown(
                f"{response.where}: the server returned status {response.status}; "
                "a complete response (200) is required.",
                status=response.status,
            )
        if "content-encoding" not in response.headers and response.headers.get("content-length", "").isdecimal():
            amount.total = float(response.headers["content-length"])
        framed = "content-length" in response.headers or "transfer-encoding" in response.headers
        line = 0
        for block in _gathered(response.iter_bytes(), client.clock):
            end = block.rfind(b"\n") + 1
            line = len(block) - end if end else line + len(block)
            if line > MAX_RECORD_BYTES:
                raise ResponseTooLarge(
                    f"{response.where}: the response contains a line of more than {MAX_RECORD_BYTES:,} bytes.",
                    hint="Check that the base address is that of a deployment.",
                )
            out.write(block)
            scan(block)
            size += len(block)
            amount.update(len(block))
    out.flush()
    return size, find_incompleteness(out, size, request.columns, framed=framed, open_quote=quotes.number % 2 == 1)


def _gathered(blocks: Iterable[bytes], clock: Clock) -> Iterator[bytes]:
    """Yield the same bytes in larger blocks, since each block has a cost, but at least every 0.25 seconds.

    A block that is already large is not copied.
    """
    held: list[bytes] = []
    size, since = 0, clock.monotonic()
    for block in blocks:
        held.append(block)
        size += len(block)
        if len(block) >= LARGE or size >= GATHERED or clock.monotonic() - since >= PROGRESS_SECONDS:
            yield b"".join(held)
            held, size, since = [], 0, clock.monotonic()
    if held:
        yield b"".join(held)


@dataclass
class _Quotes:
    """The number of quotes of a response; complete after the last block."""

    number: int = 0

    def count(self, block: bytes) -> None:
        """Add the quotes of one block."""
        import numpy as np

        self.number += int(np.count_nonzero(np.frombuffer(block, np.uint8) == QUOTE))


@contextmanager
def _scanner(quotes: _Quotes, notes: Notes | None) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that receives each block, counts its quotes and notes malformed records in `notes`."""
    if notes is None:
        yield quotes.count
        return

    def scan(blocks: Iterator[bytes]) -> None:
        # Imported here, in the thread, so that numpy loads while the response arrives.
        from bulkops.readback.parse.malformed_quotes import note_malformed_records

        quotes.number = note_malformed_records(blocks, notes).quotes

    with tee_to_thread(scan) as put:
        yield put


def digest(out: BinaryIO) -> str:
    """Return the SHA-256 of the content of an open file, as hexadecimal text."""
    out.seek(0)
    running = hashlib.sha256()
    for block in iter(lambda: out.read(TAIL), b""):
        running.update(block)
    return running.hexdigest()
