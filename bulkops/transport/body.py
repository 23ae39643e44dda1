"""The body of an answer that is not compressed; of a long one most is read from its connection.

The parser of HTTP copies each byte four times, which costs a download of gigabytes as much as receiving it. Once the
headers are read and the body's length is known, there is nothing left in it to parse.
"""

from collections.abc import Iterator

import httpcore
import httpx

LONG = 8 << 20
READ_BYTES = 1 << 20
_DIGITS = 18  # more of them are no length that anything has, and Python converts no text of any length


def uncompressed_body(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; httpx.HTTPError if it breaks off, or ends before the length it was announced with.

    The connection of a body read in this way is not used again.
    """
    length, stream = _length(response), response.extensions.get("network_stream")
    blocks = response.iter_raw()
    if stream is None or length < LONG:
        yield from blocks
        return
    first = next(blocks, b"")  # all that the parser holds of the body, and the last that it is asked for
    yield first
    yield from _exactly(length - len(first), stream, response)


def _length(response: httpx.Response) -> int:
    """Return how long the body is; 0 if that is not known, or only to be told by parsing it."""
    length = response.headers.get("content-length", "")
    framed = "transfer-encoding" in response.headers or response.http_version not in {"HTTP/1.0", "HTTP/1.1"}
    return 0 if framed or not (length.isascii() and length.isdigit() and len(length) <= _DIGITS) else int(length)


def _exactly(left: int, stream: httpcore.NetworkStream, response: httpx.Response) -> Iterator[bytes]:
    """Yield so many bytes as they come."""
    seconds = response.request.extensions.get("timeout", {}).get("read")
    while left > 0:
        try:
            block = stream.read(min(READ_BYTES, left), timeout=seconds)
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error), request=response.request) from error
        except httpcore.NetworkError as error:
            raise httpx.ReadError(str(error), request=response.request) from error
        if not block:
            raise httpx.RemoteProtocolError(f"{left} bytes of the body are missing", request=response.request)
        left -= len(block)
        yield block
