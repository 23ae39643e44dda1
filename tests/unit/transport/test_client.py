"""The client against a server that misbehaves byte by byte."""

import socket
from collections.abc import Iterator

import pytest

from bulkops.clock import SystemClock
from bulkops.errors import AccessRefused, GuardRefused, NotDelivered, OutcomeUnknown
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from tests.unit.transport.serving import Serve, served


class Body:
    """A file part of some size that may end in an error."""

    def __init__(self, length: int, *, fails: bool = False) -> None:
        self.length = length
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, self.length, 65536):
            yield b"x" * min(65536, self.length - start)
        if self.fails:
            raise GuardRefused("changed")


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while not data.rstrip().endswith(b"--"):
        block = connection.recv(1 << 20)
        if not block:
            break
        data += block
    return data


def post(client: ApiClient, body: Body) -> object:
    return client.post_file("/v1/pools/{pool}/import", {"pool": "a/b"}, {}, filename='o"dd.csv', parts=body).body


def answering(answer: bytes, seen: list[bytes] | None = None) -> Serve:
    def serve(connection: socket.socket) -> None:
        data = read_request(connection)
        if seen is not None:
            seen.append(data)
        connection.sendall(answer)

    return serve


def test_the_upload_is_one_file_part_of_known_length() -> None:
    seen: list[bytes] = []
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"id": 1}'
    with served(answering(answer, seen)) as client:
        assert post(client, Body(5)) == {"id": 1}
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/pools/a%2Fb/import HTTP/1.1")
    assert b"Transfer-Encoding" not in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'name="upFile"; filename="o%22dd.csv"\r\nContent-Type: text/csv\r\n\r\nxxxxx\r\n--' in body


def test_a_cut_in_the_middle_of_a_large_body_is_not_delivered() -> None:
    with served(void) as client, pytest.raises(NotDelivered):
        post(client, Body(50_000_000))


def test_a_cut_after_the_body_is_an_unknown_outcome() -> None:
    with served(lambda connection: void(read_request(connection))) as client, pytest.raises(OutcomeUnknown):
        post(client, Body(5))


def void(_: object) -> None:
    """Discard a notice or a value."""


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"id":',
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"rubbish\r\n\r\n",
    ],
)
def test_answers_that_cannot_be_read_leave_the_outcome_unknown(answer: bytes) -> None:
    with served(answering(answer)) as client, pytest.raises(OutcomeUnknown):
        post(client, Body(5))


def test_a_body_that_fails_is_never_completed() -> None:
    seen: list[bytes] = []
    with served(answering(b"", seen)) as client, pytest.raises(GuardRefused):
        post(client, Body(100_000, fails=True))
    assert not seen[0].rstrip().endswith(b"--")


def test_a_key_that_the_server_echoes_is_blanked() -> None:
    answer = b"HTTP/1.1 401 No\r\nContent-Length: 39\r\n\r\nbad header: ManagementKey-v1 hush-hush !!"
    with served(answering(answer)) as client, pytest.raises(AccessRefused) as refused:
        post(client, Body(5))
    assert "hush" not in str(refused.value)


def test_refused_connection_is_not_delivered() -> None:
    target = Target(base_url="http://127.0.0.1:9", ids={}, authorization=Secret("Bearer x"))
    with ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as client, pytest.raises(NotDelivered):
        post(client, Body(5))
