"""Build the body of an upload: one file part called `upFile`, streamed, with a length known in advance."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Protocol

FIELD = "upFile"  # the only property of every import's request body


class BodySource(Protocol):
    """The bytes of a file part: their number, and the bytes in blocks. Each iteration starts at the first byte."""

    @property
    def length(self) -> int:
        """The number of bytes."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes; an exception stops the upload before the request is complete."""


class FilePart:
    """A multipart body around a source. `complete` is True after all of it was passed to the network."""

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
        """Yield the body; the source must yield exactly as many bytes as its `length`."""
        yield from _joined(self._head, self._source)
        # The closing boundary is a separate, last block: until it is passed on, no server has a complete request.
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
