"""Decompress the body of a response; a compressed body that is cut never counts as complete.

httpx does not check that a compressed stream is complete, and decompresses all received data at once, of any size. So
bodies are decompressed here, at most 1 MiB at a time.
"""

import zlib
from collections.abc import Iterator

import httpx
import zstandard

from bulkops.compression import zstd_content
from bulkops.limits import MAX_CODINGS
from bulkops.transport.body import uncompressed_body

MOST = 1 << 20
"""Maximum bytes per decompressed block: a small body may contain very many."""
_ZSTD = "zstd"
ACCEPTED = "gzip, deflate, zstd"
"""Value of the header Accept-Encoding."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BrokenCompression(Exception):
    """The compressed body is damaged or incomplete."""


def decoded(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; BrokenCompression if it is damaged or incomplete."""
    named = response.headers.get("content-encoding", "").lower().split(",")
    codings = [coding for name in named if (coding := name.strip()) not in {"", "identity"}]
    if not codings:
        yield from uncompressed_body(response)
    elif len(codings) > MAX_CODINGS or not all(coding in (*_WINDOWS, _ZSTD) for coding in codings):
        raise BrokenCompression(f"compressed with {', '.join(codings)[:100]}, which was not requested")
    else:
        blocks = response.iter_raw()
        for coding in reversed(codings):
            blocks = _unpacked(blocks) if coding == _ZSTD else _inflated(blocks, _WINDOWS[coding])
        yield from blocks


def _unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress consecutive Zstandard frames."""
    held = bytearray()

    def read(size: int) -> bytes:
        while len(held) < size and (block := next(blocks, b"")):
            held.extend(block)
        data = bytes(held[:size])
        del held[:size]
        return data

    try:
        yield from zstd_content(read)
    except (EOFError, zstandard.ZstdError) as error:
        raise BrokenCompression(str(error)) from None


def _inflated(blocks: Iterator[bytes], window: int) -> Iterator[bytes]:
    """Decompress one gzip or deflate stream, or several consecutive ones."""
    inflater = _Inflater(window)
    for block in blocks:
        yield from inflater.inflate(block)
    inflater.finish()


class _Inflater:
    """Decompresses consecutive gzip or deflate streams. `window` is the format, as zlib numbers it.

    `_seen` is all compressed data before the first output, for a second attempt in another format. `_begun` is True
    after the first output.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._seen = b""
        self._begun = False

    def inflate(self, block: bytes) -> Iterator[bytes]:
        """Yield the output of a block of compressed data; BrokenCompression if it is damaged."""
        rest, full = block, False
        while rest or full:  # after a full block of output, the decompressor may contain more of it
            data, rest = self._step(rest)
            full = len(data) == MOST
            if data:
                yield data

    def finish(self) -> None:
        """Raise BrokenCompression if the last stream is incomplete."""
        if (self._begun or self._seen) and not self._stream.eof:
            raise BrokenCompression("the compressed body ends too early")

    def _step(self, rest: bytes) -> tuple[bytes, bytes]:
        """Return the next output, and the compressed data that is left."""
        if self._stream.eof and rest:
            self._stream = zlib.decompressobj(self._window)
        self._seen = b"" if self._begun else self._seen + rest
        try:
            data = self._stream.decompress(rest, MOST)
        except zlib.error as error:
            return b"", self._restarted(error)
        self._begun = self._begun or bool(data)
        return data, self._stream.unconsumed_tail or self._stream.unused_data

    def _restarted(self, error: zlib.error) -> bytes:
        """Start again without the deflate header, and return all data so far; BrokenCompression if that cannot help.

        Some servers omit this header (RFC 9110 §8.4.1.2).
        """
        if self._begun or self._window != zlib.MAX_WBITS:
            raise BrokenCompression(str(error)) from None
        self._window = -zlib.MAX_WBITS
        self._stream = zlib.decompressobj(self._window)
        seen, self._seen = self._seen, b""
        return seen
