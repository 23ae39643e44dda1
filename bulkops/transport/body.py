"""Read the uncompressed body of a response; most of a long body is read directly from its connection.

The HTTP parser copies each byte four times, which doubles the cost of a download of gigabytes. After the headers, a
body of known length needs no parsing.
"""

from collections.abc import Iterator

import httpcore
import httpx

LONG = 8 << 20
READ_BYTES = 1 << 20
_DIGITS = 18  # no body has a longer length, and Python does not convert texts of any length


def uncompressed_body(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks; httpx.HTTPError if it is shorter than announced or the connection breaks.

    The connection of a body that is read directly is not used again.
    """
    length, stream = _length(response), response.extensions.get("network_stream")
    blocks = response.iter_raw()
    if stream is None or length < LONG:
        yield from blocks
        return
    first = next(blocks, b"")  # everything that the parser has buffered; it is not used again
    yield first
    yield from _exactly(length - len(first), stream, response)


def _length(response: httpx.Response) -> int:
    """Return the length of the body in bytes; 0 if it is unknown, or known only after parsing."""
    length = response.headers.get("content-length", "")
    framed = "transfer-encoding" in response.headers or response.http_version not in {"HTTP/1.0", "HTTP/1.1"}
    return 0 if framed or not (length.isascii() and length.isdigit() and len(length) <= _DIGITS) else int(length)


def _exactly(left: int, stream: httpcore.NetworkStream, response: httpx.Response) -> Iterator[bytes]:
    """Yield the next `left` bytes of a connection as they arrive."""
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
