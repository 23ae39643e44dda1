"""A whole CSV answer into a file, or an error: what broke off or cannot be proved complete is asked for again.

The length or the chunk marks of HTTP prove an answer complete. Where neither is there, or where the text itself
looks cut, an answer counts once two in a row are equal.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.clock import Clock
from bulkops.errors import NotDelivered, OutcomeUnknown, ResponseTooLarge, Unfinished
from bulkops.limits import MAX_RECORD_BYTES
from bulkops.readback.fetch.completeness import TAIL, Doubt, doubt_of
from bulkops.readback.fetch.prefetch import looked_at
from bulkops.readback.parse.warnings import Notes
from bulkops.transport.client import Client, Params, path_of
from bulkops.transport.retries import ATTEMPTS as REQUESTS
from bulkops.transport.retries import wait_seconds

ANSWERS = 5
GATHERED = 1 << 20
LARGE = 1 << 18
TOLD_SECONDS = 0.25
QUOTE = 34
WHOLE = (200, 203)

Ids = Mapping[str, int | str]
Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One GET: a path template, the ids that fill it, the query parameters.

    `columns` are names, in lower case, of which the answer's header must have one; empty where they are not documented.
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
    """What came: its bytes, and in how many attempts."""

    bytes: int
    attempts: int


def download(
    client: Client, question: Question, out: BinaryIO, *, progress: Progress | None = None, notes: Notes | None = None
) -> Downloaded:
    """Fill `out`, a seekable file, with the answer to one GET; OutcomeUnknown if it never came whole.

    `progress` is called with the number of bytes of each block. With `notes`, odd records are noted. Five answers at
    most are asked for, in eight requests at most.
    """
    trouble: Unfinished = OutcomeUnknown(f"{question.where} gave a different answer each time.")
    earlier, answers = "", 0
    for attempt in range(1, REQUESTS + 1):
        if attempt > 1:
            client.clock.sleep(wait_seconds(attempt - 1, trouble, clock=client.clock, notifier=client.notifier))
        own = Notes()
        try:
            size, doubt = _once(client, question, out, progress, own if notes is not None else None)
        except NotDelivered as error:
            trouble = error
            continue
        except OutcomeUnknown as error:
            trouble, doubt, size = error, None, 0
        else:
            if doubt is None or (doubt.by_repeating and digest(out) == earlier):
                if notes is not None:
                    notes.take(own)
                return Downloaded(bytes=size, attempts=attempt)
            earlier = digest(out)
            trouble = OutcomeUnknown(f"{question.where}: {doubt.reason}.")
        answers += 1
        if answers == ANSWERS:
            break
    raise trouble


def _once(
    client: Client, question: Question, out: BinaryIO, progress: Progress | None, notes: Notes | None
) -> tuple[int, Doubt | None]:
    out.seek(0)
    out.truncate()
    size, quotes = 0, _Quotes()
    with (
        client.stream(question.path, question.ids, question.params, attempts=1) as answer,
        _looking(quotes, notes) as look,
    ):
        if answer.status not in WHOLE:
            raise OutcomeUnknown(
                f"{answer.where} was answered with {answer.status}, which is no whole answer.", status=answer.status
            )
        framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
        line = 0
        for block in _gathered(answer.iter_bytes(), client.clock):
            end = block.rfind(b"\n") + 1
            line = len(block) - end if end else line + len(block)
            if line > MAX_RECORD_BYTES:
                raise ResponseTooLarge(
                    f"{answer.where}: the response contains a line of more than {MAX_RECORD_BYTES:,} bytes.",
                    hint="Check that the base address is that of a deployment.",
                )
            out.write(block)
            look(block)
            size += len(block)
            if progress:
                progress(len(block))
    out.flush()
    return size, doubt_of(out, size, question.columns, framed=framed, open_quote=quotes.number % 2 == 1)


def _gathered(blocks: Iterable[bytes], clock: Clock) -> Iterator[bytes]:
    """Yield the same bytes in larger blocks, since each costs its handling, but not later than they must be told.

    A block that is large already is not copied.
    """
    held: list[bytes] = []
    size, since = 0, clock.monotonic()
    for block in blocks:
        held.append(block)
        size += len(block)
        if len(block) >= LARGE or size >= GATHERED or clock.monotonic() - since >= TOLD_SECONDS:
            yield b"".join(held)
            held, size, since = [], 0, clock.monotonic()
    if held:
        yield b"".join(held)


@dataclass
class _Quotes:
    """How many quotes an answer has; known when all of it was looked at."""

    number: int = 0

    def count(self, block: bytes) -> None:
        """Count those of one more block."""
        import numpy as np

        self.number += int(np.count_nonzero(np.frombuffer(block, np.uint8) == QUOTE))


@contextmanager
def _looking(quotes: _Quotes, notes: Notes | None) -> Iterator[Callable[[bytes], None]]:
    """Yield what looks at each block of an answer: counts its quotes and, with `notes`, notes what is odd."""
    if notes is None:
        yield quotes.count
        return

    def look(blocks: Iterator[bytes]) -> None:
        from bulkops.readback.parse.malformed_quotes import (
            note_oddities,  # with numpy, loaded while the answer is received
        )

        quotes.number = note_oddities(blocks, notes).quotes

    with looked_at(look) as put:
        yield put


def digest(out: BinaryIO) -> str:
    """Return what tells one content of an open file from another."""
    out.seek(0)
    running = hashlib.sha256()
    for block in iter(lambda: out.read(TAIL), b""):
        running.update(block)
    return running.hexdigest()
