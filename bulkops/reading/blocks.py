"""Split a stream into blocks of whole records, and compute the SHA-256 and the size of all bytes read."""

import codecs
import hashlib
import os
import re
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO

from bulkops.limits import TooLarge, adjustable
from bulkops.reading.records.layout import Block, layout
from bulkops.reading.records.quoting import RecordCut, whole_records
from bulkops.reading.sources import DAMAGED, ReadFailed

_LONE_RETURN = re.compile(rb"\r(?!\n)")
_LINE = 1 << 16
"""Maximum number of bytes at the end of a read in which a line end is searched."""
FIRST_BYTES = 1 << 20


@dataclass(frozen=True)
class ContentForm:
    """How to convert content: its encoding if not UTF-8, and whether CR alone ends its lines.

    `mark` is the length of the byte order mark of content in another encoding.
    """

    encoding: str | None = None
    returns_only: bool = False
    mark: int = 0

    @property
    def faithful(self) -> bool:
        """Whether offsets in the converted content are offsets in the file."""
        return self.encoding is None


class ContentReader:
    """Reads a stream once as UTF-8 with LF, and computes the hash and the size of its bytes.

    `form` must be set after the first bytes show it. Without `hashed` there is no hash. `start` is the offset of a
    stream that does not begin at its first byte.
    """

    def __init__(
        self, stream: BinaryIO, form: ContentForm | None = None, *, hashed: bool = True, start: int = 0
    ) -> None:
        self._stream = stream
        self._hash = hashlib.sha256() if hashed else None
        self._known_hash = ""
        self._decoder: codecs.IncrementalDecoder | None = None
        self.form = form or ContentForm()
        self.size = start
        self._given_back: deque[memoryview] = deque()
        self._ended = False
        self.failure: Exception | None = None
        """The error that ended the reading early; it is raised after all readable data was returned."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of all original bytes read so far, in hexadecimal; empty if it is not computed."""
        return self._known_hash or (self._hash.hexdigest() if self._hash else "")

    @property
    def divisible(self) -> bool:
        """Whether the rest can be read from any record on: a file that is neither compressed nor converted."""
        return isinstance(self._stream, FileIO) and self.form.faithful and not self.form.returns_only

    def adopt(self, size: int, sha256: str) -> None:
        """Take over the size and the hash that another reader of the same content found."""
        self.size, self._known_hash = size, sha256

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, usually nearly that many; empty at the end.

        The bytes of a file end with a line if a line ends near that size. Most blocks are then whole records, and are
        never copied.
        """
        while not self._given_back:
            if self._ended:
                return b""
            # Empty after an incomplete character, although the stream has not ended.
            data = self._take(size)
            if len(data) > size:
                self.give_back(data)
            elif data:
                return data
        view = self._given_back.popleft()
        if len(view) > size:
            self._given_back.appendleft(view[size:])
        return bytes(view[:size])

    def give_back(self, data: bytes) -> None:
        """Make the next read begin with `data`."""
        if data:
            self._given_back.appendleft(memoryview(data))

    @property
    def position(self) -> int:
        """The number of bytes of the stream that were read and not given back.

        Only valid for content that is not converted.
        """
        return self.size - sum(map(len, self._given_back))

    def _take(self, size: int) -> bytes:
        """Return the next bytes; before a failure is raised, all data in front of it is returned."""
        parts: list[bytes] = []
        size = self._to_line_end(size)
        # `read1` returns the data available before a failure.
        read = getattr(self._stream, "read1", self._stream.read)
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
        if self._hash is not None:
            self._hash.update(data)
        self.size += len(data)
        return self.recode(data)

    def _to_line_end(self, size: int) -> int:
        """Return how many of the next `size` bytes of a file to read so that they end with a line.

        `size` if unknown.
        """
        if not isinstance(self._stream, FileIO) or not hasattr(os, "pread"):
            return size
        near = min(_LINE, size // 2)
        try:
            tail = os.pread(self._stream.fileno(), near, self._stream.tell() + size - near)
        # The read itself will report the error.
        except OSError:
            return size
        return size - near + tail.rfind(b"\n") + 1 if len(tail) == near and b"\n" in tail else size

    def recode(self, data: bytes) -> bytes:
        """Return raw bytes as UTF-8 with LF."""
        if self.form.encoding is not None:
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder(self.form.encoding)("replace")
            data = self._decoder.decode(data, final=not data).encode()
        return _LONE_RETURN.sub(b"\n", data) if self.form.returns_only else data


def blocks(
    reader: ContentReader, *, separator: int, width: int, size: int, until: int | None = None
) -> Iterator[Block]:
    """Yield the rest of the content, with records of `width` cells, in blocks of about `size` bytes.

    With `until`, the blocks end with the first record end at or after this number of bytes. Without it, the first
    blocks are smaller, so that their results are known before many other blocks are being checked. If reading fails,
    the whole records in front of the failure come first.
    """
    usual = want = min(size, FIRST_BYTES) if until is None else size
    carry, ended, left = b"", False, sys.maxsize if until is None else until
    while not ended and left > 0:
        window, ended = _extended(reader, carry, _up_to(left, want, carry))
        if not window:
            break
        piece = whole_records(window, final=ended and reader.failure is None, separator=separator, width=width)
        piece = piece if piece.length <= left else _ending_at(left, piece, window, separator)
        left -= piece.length
        if piece.length:
            whole = window[: piece.length] if piece.length < len(window) else window
            yield Block(whole, separator, piece.malformed, piece.structure)
            # Free a long block before the next one is read.
            del whole
        carry, window = window[piece.length :], b""
        if not piece.length:
            want = _larger_size(reader, carry, ended=ended)
            continue
        # Checking malformed records copies them once more, so smaller blocks of them use the memory of larger valid
        # ones.
        usual = min(max(1, size * 5 // 6) if piece.malformed else size, 2 * usual)
        # The window contains more than the maximum that is processed at a time.
        if len(carry) > piece.length or (ended and carry):
            usual = min(usual, 2 * piece.length)
            reader.give_back(carry)
            carry, ended = b"", False
        want = usual
    if reader.failure is not None and left > 0:
        raise reader.failure


def _up_to(left: int, want: int, carry: bytes) -> int:
    """Return the size of the next window if the range ends after `left` bytes: only its last record is read beyond."""
    if len(carry) < left:
        return min(want, left)
    # At most what a reader of the whole file reads for a record, so that both refuse the same records.
    return min(max(min(want, 2 * len(carry)), len(carry) + _LINE), adjustable().record_bytes)


def _ending_at(left: int, piece: RecordCut, window: bytes, separator: int) -> RecordCut:
    """Return the cut up to the first record end at or after `left` bytes."""
    ends = layout(Block(window[: piece.length], separator, piece.malformed, piece.structure)).ends.tolist()
    end = ends[bisect_left(ends, left)]
    return RecordCut(end, piece.structure.up_to(end), piece.malformed.chosen(piece.malformed.starts < end))


def _extended(reader: ContentReader, window: bytes, want: int) -> tuple[bytes, bool]:
    """Return a window extended to about `want` bytes, and whether the content ends there."""
    ended = False
    while len(window) < want and not ended:
        try:
            data = reader.read(want - len(window))
        except (*DAMAGED, ReadFailed):
            # The caller raises it, from `reader.failure`.
            data = b""
        ended = not data
        window = window + data if window else data
        # As much as requested, up to a line end.
        if len(window) >= want - _LINE:
            break
    return window, ended


def _larger_size(reader: ContentReader, window: bytes, *, ended: bool) -> int:
    """Return the size of the next window after one without a whole record; TooLarge if the maximum is reached."""
    most = adjustable().record_bytes
    if ended or len(window) < most:
        return min(2 * len(window), most)
    at = f" (byte {reader.position - len(window):,})" if reader.form.faithful else ""
    raise TooLarge(
        f"the record that starts here{at} has more than {most:,} bytes",
        hint="If that is intended, raise --max-record-bytes; a line end may be missing.",
    )
