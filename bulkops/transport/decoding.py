"""The body of an answer as it was before it was compressed; a compressed body that is cut is not taken for whole.

httpx does not look whether a gzip or deflate stream came to its end, so these two are taken apart here.
"""

import zlib
from collections.abc import Iterator

import httpx

from bulkops.transport.body import plain

GZIP = 16 + zlib.MAX_WBITS


class BrokenCompression(Exception):
    """The compressed body is damaged, or ends before its end."""


def decoded(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; BrokenCompression if it is not whole."""
    match response.headers.get("content-encoding", "").strip().lower():
        case "gzip" | "x-gzip":
            yield from _inflated(response.iter_raw(), GZIP)
        case "deflate":
            yield from _inflated(response.iter_raw(), zlib.MAX_WBITS)
        case "" | "identity":
            yield from plain(response)
        case _:
            yield from response.iter_bytes()


def _inflated(blocks: Iterator[bytes], window: int) -> Iterator[bytes]:
    """Decompress one stream, or several one behind the other."""
    stream, begun = zlib.decompressobj(window), False
    for block in blocks:
        rest = block
        while rest:
            if stream.eof:
                stream = zlib.decompressobj(window)
            try:
                data = stream.decompress(rest)
            except zlib.error as error:
                if begun or window != zlib.MAX_WBITS:
                    raise BrokenCompression(str(error)) from None
                # Some servers leave out the frame around deflate (RFC 9110 §8.4.1.2).
                window = -zlib.MAX_WBITS
                stream = zlib.decompressobj(window)
                continue
            begun, rest = True, stream.unused_data
            if data:
                yield data
    if begun and not stream.eof:
        raise BrokenCompression("the compressed body ends too early")
