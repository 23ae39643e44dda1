"""A stream in blocks of whole records, with the SHA-256 and size of all that was read."""

import codecs
import hashlib
import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO

from bulkops.limits import TooLarge, adjustable
from bulkops.reading.records.layout import Block
from bulkops.reading.records.quoting import cut
from bulkops.reading.sources import DAMAGED, ReadFailed

_LONE_RETURN = re.compile(rb"\r(?!\n)")
_LINE = 1 << 16
"""Bytes at the end of what is to be read in which the end of a line is looked for."""
FIRST_BYTES = 1 << 20


@dataclass(frozen=True)
class Form:
    """How content must be changed to be read: its encoding if not UTF-8, and whether CR alone ends its lines.

    `mark` is the length of the byte order mark in front of content in another encoding.
    """

    encoding: str | None = None
    returns_only: bool = False
    mark: int = 0

    @property
    def faithful(self) -> bool:
        """Whether offsets in what is read are offsets in the file."""
        return self.encoding is None


class ContentReader:
    """Reads a stream once, from the start, as UTF-8 with LF; knows the hash and the size of what it read.

    `form` is set once the first bytes have told it.
    """

    def __init__(self, stream: BinaryIO, form: Form | None = None) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._decoder: codecs.IncrementalDecoder | None = None
        self.form = form or Form()
        self.size = 0
        self._given_back: deque[memoryview] = deque()
        self._ended = False
        self.failure: Exception | None = None
        """What ended the reading too early; it is raised when all that could be read was given."""

    @property
    def sha256(self) -> str:
        """The hash of all bytes read so far, as they are in the file, in hexadecimal."""
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        """Return about `size` bytes, never more; none at the end.

        Of a file they end with a line if one ends near there: most blocks are then whole records, and never copied.
        """
        while not self._given_back:
            if self._ended:
                return b""
            data = self._take(size)  # nothing of a character that is not whole yet
            if len(data) > size:
                self.give_back(data)
            elif data:
                return data
        view = self._given_back.popleft()
        if len(view) > size:
            self._given_back.appendleft(view[size:])
        return bytes(view[:size])

    def give_back(self, data: bytes) -> None:
        """Let the next read begin with `data`."""
        if data:
            self._given_back.appendleft(memoryview(data))

    @property
    def position(self) -> int:
        """How many bytes of the stream were read and not given back, where the content is read as it is."""
        return self.size - sum(map(len, self._given_back))

    def _take(self, size: int) -> bytes:
        """Return the next bytes; what could be read in front of a failure comes first, the failure with the next."""
        parts: list[bytes] = []
        size = self._to_line_end(size)
        read = getattr(self._stream, "read1", self._stream.read)  # which gives what it has before it fails
        try:
            while self.failure is None and size > 0 and (part := read(size)):
                parts.append(part)
                size -= len(part)
        except DAMAGED as error:
            self.failure = error
        except OSError as error:
            self.failure = ReadFailed(error.errno, error.strerror or str(error))
        if self.failure is not None and not parts:
            raise self.failure
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._ended = not data
        self._hash.update(data)
        self.size += len(data)
        return self.recode(data)

    def _to_line_end(self, size: int) -> int:
        """Return how many of the next `size` bytes of a file to read, so that they end with a line; all if unsure."""
        if not isinstance(self._stream, FileIO) or not hasattr(os, "pread"):
            return size
        near = min(_LINE, size // 2)
        try:
            tail = os.pread(self._stream.fileno(), near, self._stream.tell() + size - near)
        except OSError:  # reading itself will tell
            return size
        return size - near + tail.rfind(b"\n") + 1 if len(tail) == near and b"\n" in tail else size

    def recode(self, data: bytes) -> bytes:
        """Return raw bytes as UTF-8 with LF."""
        if self.form.encoding is not None:
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder(self.form.encoding)("replace")
            data = self._decoder.decode(data, final=not data).encode()
        return _LONE_RETURN.sub(b"\n", data) if self.form.returns_only else data


def blocks(reader: ContentReader, *, separator: int, width: int, size: int) -> Iterator[Block]:
    """Yield the rest of the content, records of `width` cells each, in blocks of about `size` bytes.

    The first ones are smaller: what they show is known before many are under way, and need not be looked for there.
    Where reading fails, the whole records in front of that come first.
    """
    usual = want = min(size, FIRST_BYTES)
    carry, ended = b"", False
    while not ended:
        window, ended = _filled(reader, carry, want)
        if not window:
            break
        piece = cut(window, final=ended and reader.failure is None, separator=separator, width=width)
        if piece.length:
            whole = window[: piece.length] if piece.length < len(window) else window
            yield Block(whole, separator, piece.broken, piece.marks)
            del whole  # a long one is not kept while the next is read
        carry, window = window[piece.length :], b""
        if not piece.length:
            want = _larger(reader, carry, ended=ended)
            continue
        # What is broken is copied once more to be judged: smaller blocks of it take the memory of larger sound ones.
        usual = min(max(1, size * 5 // 6) if piece.broken else size, 2 * usual)
        if len(carry) > piece.length or (ended and carry):  # there is more in it than is processed at a time
            usual = min(usual, 2 * piece.length)
            reader.give_back(carry)
            carry, ended = b"", False
        want = usual
    if reader.failure is not None:
        raise reader.failure


def _filled(reader: ContentReader, window: bytes, want: int) -> tuple[bytes, bool]:
    """Return a window with what follows it, about `want` bytes, and whether the content ends there."""
    ended = False
    while len(window) < want and not ended:
        try:
            data = reader.read(want - len(window))
        except (*DAMAGED, ReadFailed):
            data = b""  # raised by the caller, as `reader.failure`
        ended = not data
        window = window + data if window else data
        if len(window) >= want - _LINE:  # as much as was asked for, up to a line's end
            break
    return window, ended


def _larger(reader: ContentReader, window: bytes, *, ended: bool) -> int:
    """Return the size of the next window, where one has no whole record; TooLarge if none may be so long."""
    most = adjustable().record_bytes
    if ended or len(window) < most:
        return min(2 * len(window), most)
    at = f" (byte {reader.position - len(window):,})" if reader.form.faithful else ""
    raise TooLarge(
        f"the record that starts here{at} has more than {most:,} bytes",
        hint="If that is intended, raise --max-record-bytes; a line end may be missing.",
    )
