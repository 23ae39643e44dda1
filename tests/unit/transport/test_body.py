"""Long bodies, read past the parser: the same bytes however they come, and an error where they end too early."""

import socket
from collections.abc import Iterator, Sequence
from itertools import pairwise

import httpcore
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.errors import OutcomeUnknown
from bulkops.transport import body
from bulkops.transport.body import uncompressed_body
from tests.unit.transport.serving import Serve, served

HEAD = b"HTTP/1.1 200 OK\r\n%s\r\n\r\n"


class Pieces(httpcore.MockStream):
    """A connection on which the answer comes in the pieces given, and then ends, or fails."""

    def __init__(self, pieces: Sequence[bytes], error: Exception | None = None) -> None:
        super().__init__([piece for piece in pieces if piece])
        self.error = error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the base class's signature
        if not self._buffer and self.error is not None:
            raise self.error
        if not self._buffer:
            return b""
        piece = self._buffer.pop(0)
        if piece[max_bytes:]:
            self._buffer.insert(0, piece[max_bytes:])
        return piece[:max_bytes]


class Network(httpcore.MockBackend):
    """A network of one such connection."""

    def __init__(self, stream: Pieces) -> None:
        self.stream = stream

    def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
        return self.stream


def got(stream: Pieces) -> bytes:
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(network_backend=Network(stream))
    with httpx.Client(transport=transport) as client, client.stream("GET", "http://server/x") as response:
        return b"".join(uncompressed_body(response))


@pytest.fixture(autouse=True, scope="module")
def _long_from_few_bytes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "LONG", 16)
        yield


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 260), max_size=8), close=st.booleans())
@settings(deadline=None)
def test_a_body_is_the_same_however_the_answer_is_cut_into_pieces(content: bytes, cuts: list[int], close: bool) -> None:
    answer = HEAD % (b"Content-Length: %d" % len(content)) + content + (b"" if close else b"surplus")
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(edges)]
    assert got(Pieces(pieces)) == content


@given(content=st.binary(min_size=20, max_size=60), chunk=st.integers(1, 30), how=st.sampled_from(["chunks", "end"]))
@settings(deadline=None)
def test_a_body_without_a_length_is_parsed(content: bytes, chunk: int, how: str) -> None:
    parts = [content[n : n + chunk] for n in range(0, len(content), chunk)]
    if how == "chunks":
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        answer = HEAD % b"Transfer-Encoding: chunked" + framed
    else:
        answer = HEAD % b"Connection: close" + content
    assert got(Pieces([answer[n : n + chunk] for n in range(0, len(answer), chunk)])) == content


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (None, httpx.RemoteProtocolError),
        (httpcore.ReadTimeout("slow"), httpx.ReadTimeout),
        (httpcore.ReadError("reset"), httpx.ReadError),
    ],
)
@pytest.mark.parametrize("sent", [1, 20, 99])
def test_a_body_that_ends_too_early_is_an_error(sent: int, ends: Exception | None, expected: type[Exception]) -> None:
    answer = HEAD % b"Content-Length: 100" + b"x" * sent
    with pytest.raises(expected):
        got(Pieces([answer[: len(answer) - sent], *[b"x"] * sent], ends))


def sending(*parts: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return serve


def test_a_client_reads_a_large_body_from_its_connection() -> None:
    content = bytes(range(256)) * 40_000
    with (
        served(sending(HEAD % (b"Content-Length: %d" % len(content)), content)) as client,
        client.stream("/v1/x", {}) as answer,
    ):
        assert b"".join(answer.iter_bytes()) == content


def test_a_response_that_breaks_off_is_an_unknown_outcome() -> None:
    with (
        served(sending(HEAD % b"Content-Length: 3000000", b"x" * 2_000_000)) as client,
        client.stream("/v1/x", {}) as answer,
        pytest.raises(OutcomeUnknown, match=r"The response to GET /v1/x broke off \(RemoteProtocolError\)"),
    ):
        b"".join(answer.iter_bytes())
