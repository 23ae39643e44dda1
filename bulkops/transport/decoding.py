"""The body of an answer as it was before it was compressed; a compressed body that is cut is not taken for whole.

httpx does not look whether a gzip or deflate stream came to its end, so these two are taken apart here.
"""

import zlib
from collections.abc import Iterator

import httpx

from bulkops.transport.body import plain

MOST = 1 << 20
"""Bytes that are let out at a time: a small body may hold very many."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BrokenCompression(Exception):
    """The compressed body is damaged, or ends before its end."""


def decoded(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; BrokenCompression if it is not whole."""
    named = response.headers.get("content-encoding", "").lower().split(",")
    codings = [coding for name in named if (coding := name.strip()) not in {"", "identity"}]
    if not codings:
        yield from plain(response)
    elif all(coding in _WINDOWS for coding in codings):
        blocks = response.iter_raw()
        for coding in reversed(codings):
            blocks = _inflated(blocks, _WINDOWS[coding])
        yield from blocks
    else:
        yield from response.iter_bytes()


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
