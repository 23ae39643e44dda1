"""A whole CSV answer into a file, or an error: what broke off or cannot be proved complete is asked for again.

The length or the chunk marks of HTTP prove an answer complete. Where neither is there, or where the text itself
looks cut, an answer counts once two in a row are equal.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from bulkops.errors import OutcomeUnknown, Unfinished
from bulkops.readback.lenient import split_cells
from bulkops.transport.client import Client
from bulkops.transport.retries import wait_seconds

ATTEMPTS = 5
TAIL = 1 << 20
QUOTE = 34

Ids = Mapping[str, int | str]
Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One GET: a path template, the ids that fill it, the query parameters."""

    path: str
    ids: Ids
    params: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """What came: its bytes, and in how many attempts."""

    bytes: int
    attempts: int


def download(client: Client, question: Question, out: BinaryIO, *, progress: Progress | None = None) -> Downloaded:
    """Fill `out`, a seekable file, with the answer to one GET; OutcomeUnknown if it never came whole.

    `progress` is called with the number of bytes of each block.
    """
    trouble: Unfinished = OutcomeUnknown(f"GET {question.path} gave a different answer each time.")
    earlier = ""
    for attempt in range(1, ATTEMPTS + 1):
        if attempt > 1:
            client.clock.sleep(wait_seconds(attempt - 1, None, clock=client.clock))
        try:
            size, doubt = _once(client, question, out, progress)
        except OutcomeUnknown as error:
            trouble = error
            continue
        if doubt is None:
            return Downloaded(bytes=size, attempts=attempt)
        found = digest(out)
        if found == earlier and doubt.by_repeating:
            return Downloaded(bytes=size, attempts=attempt)
        earlier = found
        trouble = OutcomeUnknown(f"GET {question.path}: {doubt.reason}.")
    raise trouble


@dataclass(frozen=True, kw_only=True)
class _Doubt:
    """Why an answer may not be whole, and whether an equal second one would settle it."""

    reason: str
    by_repeating: bool = True


def _once(client: Client, question: Question, out: BinaryIO, progress: Progress | None) -> tuple[int, _Doubt | None]:
    out.seek(0)
    out.truncate()
    size = quotes = 0
    with client.stream(question.path, question.ids, question.params) as answer:
        framed = "content-length" in answer.headers or "transfer-encoding" in answer.headers
        for block in answer.iter_bytes():
            out.write(block)
            size += len(block)
            quotes += int(np.count_nonzero(np.frombuffer(block, np.uint8) == QUOTE))
            if progress:
                progress(len(block))
    out.flush()
    return size, _doubt(out, size, framed=framed, open_quote=quotes % 2 == 1)


def _doubt(out: BinaryIO, size: int, *, framed: bool, open_quote: bool) -> _Doubt | None:
    out.seek(0)
    head = out.readline(TAIL).decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
    out.seek(max(0, size - TAIL))
    tail = out.read()
    out.seek(0, 2)
    if not head.strip():
        return _Doubt(reason="the answer has no header line", by_repeating=False)
    if head.lstrip().startswith(("{", "<")):
        return _Doubt(reason="the answer is not CSV", by_repeating=False)
    if not tail.endswith(b"\n"):
        last = tail.rpartition(b"\n")[2].decode("utf-8", "replace")
        width = len(split_cells(head, 0))
        if b"\n" in tail and (open_quote or len(split_cells(last, width)) < width):
            return _Doubt(reason="the answer ends in the middle of a record", by_repeating=False)
        return _Doubt(reason="the answer does not end with a line end")
    if open_quote:
        return _Doubt(reason="the answer may end inside a quoted cell")
    return None if framed else _Doubt(reason="nothing shows that the answer came whole")


def digest(out: BinaryIO) -> str:
    """Return what tells one content of an open file from another."""
    out.seek(0)
    running = hashlib.sha256()
    for block in iter(lambda: out.read(TAIL), b""):
        running.update(block)
    return running.hexdigest()
