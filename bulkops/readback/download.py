"""A whole CSV answer into a file, or an error: what broke off or cannot be proved complete is asked for again.

The length or the chunk marks of HTTP prove an answer complete. Where neither is there, or where the text itself
looks cut, an answer counts once two in a row are equal.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.clock import Clock
from bulkops.errors import NotDelivered, OutcomeUnknown, Unfinished
from bulkops.readback.ahead import looked_at
from bulkops.readback.lenient import split_cells
from bulkops.readback.notes import Notes
from bulkops.transport.client import Client
from bulkops.transport.retries import ATTEMPTS as REQUESTS
from bulkops.transport.retries import wait_seconds

ANSWERS = 5
TAIL = 1 << 20
GATHERED = 1 << 20
LARGE = 1 << 18
TOLD_SECONDS = 0.25
QUOTE = 34
WHOLE = (200, 203)
# An error object, or a page, behind the records: where the server failed half way and said so in the same answer.
APPENDIX = re.compile(rb'\n\s*([{\[]\s*["{].*|<(?:!doctype|html|\?xml).*)\Z', re.DOTALL | re.IGNORECASE)

Ids = Mapping[str, int | str]
Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One GET: a path template, the ids that fill it, the query parameters.

    `columns` are names, in lower case, of which the answer's header must have one; empty where they are not documented.
    """

    path: str
    ids: Ids
    params: Mapping[str, str]
    columns: frozenset[str] = frozenset()


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
    trouble: Unfinished = OutcomeUnknown(f"GET {question.path} gave a different answer each time.")
    earlier, answers = "", 0
    for attempt in range(1, REQUESTS + 1):
        if attempt > 1:
            client.clock.sleep(wait_seconds(attempt - 1, trouble, clock=client.clock, say=client.say))
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
            trouble = OutcomeUnknown(f"GET {question.path}: {doubt.reason}.")
        answers += 1
        if answers == ANSWERS:
            break
    raise trouble


@dataclass(frozen=True, kw_only=True)
class _Doubt:
    """Why an answer may not be whole, and whether an equal second one would settle it."""

    reason: str
    by_repeating: bool = True


def _once(
    client: Client, question: Question, out: BinaryIO, progress: Progress | None, notes: Notes | None
) -> tuple[int, _Doubt | None]:
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
        for block in _gathered(answer.iter_bytes(), client.clock):
            out.write(block)
            look(block)
            size += len(block)
            if progress:
                progress(len(block))
    out.flush()
    return size, _doubt(out, size, question.columns, framed=framed, open_quote=quotes.number % 2 == 1)


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
        from bulkops.readback.oddities import note_oddities  # with numpy, loaded while the answer is received

        quotes.number = note_oddities(blocks, notes)

    with looked_at(look) as put:
        yield put


def _doubt(out: BinaryIO, size: int, columns: frozenset[str], *, framed: bool, open_quote: bool) -> _Doubt | None:
    out.seek(0)
    head = out.readline(TAIL).decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    out.seek(max(0, size - TAIL))
    tail = out.read()
    out.seek(0, 2)
    if not head.strip():
        return _Doubt(reason="the answer has no header line", by_repeating=False)
    names = split_cells(head, 0)
    if _is_other(head, names, columns):
        return _Doubt(reason="the answer is not this CSV: its first line names no column of it", by_repeating=False)
    if _has_appendix(tail):
        return _Doubt(reason="the answer ends with an error instead of a record", by_repeating=False)
    if not tail.endswith(b"\n"):
        last = tail.rpartition(b"\n")[2].decode("utf-8", "replace")
        width = len(names)
        if b"\n" in tail and (open_quote or len(split_cells(last, width)) < width):
            return _Doubt(reason="the answer ends in the middle of a record", by_repeating=False)
        return _Doubt(reason="the answer does not end with a line end")
    if open_quote:
        return _Doubt(reason="the answer may end inside a quoted cell")
    return None if framed else _Doubt(reason="nothing shows that the answer came whole")


def _is_other(head: str, names: list[str], columns: frozenset[str]) -> bool:
    """Tell whether a first line is none of the export's: that of a page, of an error, of another table."""
    if head.lstrip().startswith(("{", "<")):
        return True
    return bool(columns) and columns.isdisjoint(name.strip().lower() for name in names)


def _has_appendix(tail: bytes) -> bool:
    """Tell whether JSON or a page stands behind the records."""
    found = APPENDIX.search(tail)
    if found is None:
        return False
    text = found[1].strip()
    if text.startswith(b"<"):
        return True
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def digest(out: BinaryIO) -> str:
    """Return what tells one content of an open file from another."""
    out.seek(0)
    running = hashlib.sha256()
    for block in iter(lambda: out.read(TAIL), b""):
        running.update(block)
    return running.hexdigest()
