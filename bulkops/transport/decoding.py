"""The body of an answer as it was before it was compressed; a compressed body that is cut is not taken for whole.

httpx does not check that a compressed stream is complete, and decompresses all it has received at once, however much
that is: so bodies are decompressed here, a little at a time.
"""

import zlib
from collections.abc import Iterator

import httpx
import zstandard

from bulkops.compression import zstd_content
from bulkops.limits import MAX_CODINGS
from bulkops.transport.body import uncompressed_body

MOST = 1 << 20
"""Bytes that are let out at a time: a small body may hold very many."""
_ZSTD = "zstd"
ACCEPTED = "gzip, deflate, zstd"
"""The value of the header Accept-Encoding."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BrokenCompression(Exception):
    """The compressed body is damaged, or ends before its end."""


def decoded(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; BrokenCompression if it is not whole."""
    named = response.headers.get("content-encoding", "").lower().split(",")
    codings = [coding for name in named if (coding := name.strip()) not in {"", "identity"}]
    if not codings:
        yield from uncompressed_body(response)
    elif len(codings) > MAX_CODINGS or not all(coding in (*_WINDOWS, _ZSTD) for coding in codings):
        raise BrokenCompression(f"compressed by {', '.join(codings)[:100]}, which was not asked for")
    else:
        blocks = response.iter_raw()
        for coding in reversed(codings):
            blocks = _unpacked(blocks) if coding == _ZSTD else _inflated(blocks, _WINDOWS[coding])
        yield from blocks


def _unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress Zstandard frames, one behind the other."""
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
    """Decompress one stream, or several one behind the other."""
    stream, seen, begun, data = zlib.decompressobj(window), b"", False, b""
    for block in blocks:
        rest = block
        while rest or len(data) == MOST:  # what came out may not be all that went in
            if stream.eof and rest:
                stream = zlib.decompressobj(window)
            seen = b"" if begun else seen + rest
            try:
                data = stream.decompress(rest, MOST)
            except zlib.error as error:
                if begun or window != zlib.MAX_WBITS:
                    raise BrokenCompression(str(error)) from None
                # Some servers leave out the frame around deflate (RFC 9110 §8.4.1.2).
                window = -zlib.MAX_WBITS
                stream, rest, seen = zlib.decompressobj(window), seen, b""
                continue
            begun, rest = begun or bool(data), stream.unconsumed_tail or stream.unused_data
            if data:
                yield data
    if (begun or seen) and not stream.eof:
        raise BrokenCompression("the compressed body ends too early")
