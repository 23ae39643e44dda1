"""The body of an upload: one file part called `upFile`, streamed, its length known before the first byte."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Protocol

FIELD = "upFile"  # the only property of every import's request body


class BodySource(Protocol):
    """The bytes of a file part: their number, and the bytes in blocks, anew each time it is iterated."""

    @property
    def length(self) -> int:
        """How many bytes there are."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes; raising stops the upload before the request is complete."""


class FilePart:
    """A multipart body around a source. `complete` says whether all of it was handed to the network."""

    def __init__(self, source: BodySource, *, filename: str) -> None:
        boundary = secrets.token_hex(16)
        name = filename.replace("\\", "_").replace('"', "%22").replace("\r", "").replace("\n", "")
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{FIELD}"; filename="{name}"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._source = source
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.length = len(self._head) + source.length + len(self._tail)
        self.complete = False

    def blocks(self) -> Iterator[bytes]:
        """Yield the body; the source must yield exactly the length it gave."""
        yield from _joined(self._head, self._source)
        # The closing boundary goes alone and last: until it is handed over, no server has a whole request.
        self.complete = True
        yield self._tail


def _joined(head: bytes, source: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the head together with the first block, so that a small body is one write."""
    held = head
    for block in source:
        yield held + block if held else block
        held = b""
    if held:
        yield held
