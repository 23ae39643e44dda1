"""Responses that would take all memory or never end: refused, and not requested again."""

import gzip
import socket
import tempfile
from datetime import UTC, datetime

import pytest
import zstandard

from bulkops.errors import AccessRefused, OutcomeUnknown, ResponseTooLarge
from bulkops.limits import MAX_JSON_BYTES
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.transport.responses import refusal
from tests.unit.transport.serving import served


def responding(body: bytes, coding: str = "") -> bytes:
    named = f"Content-Encoding: {coding}\r\n" if coding else ""
    return f"HTTP/1.1 200 OK\r\n{named}Content-Length: {len(body)}\r\n\r\n".encode() + body


def blanks(coding: str) -> bytes:
    whole = b" " * (MAX_JSON_BYTES + 1)
    for way in coding.split(", ") if coding else ():
        whole = zstandard.compress(whole) if way == "zstd" else gzip.compress(whole)
    return whole


@pytest.mark.parametrize("coding", ["", "gzip", "zstd", "gzip, gzip"])
def test_a_json_response_beyond_the_limit_is_refused_at_once(coding: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(responding(blanks(coding), coding))
        except OSError:
            return

    with served(serve) as client, pytest.raises(ResponseTooLarge, match="has more than 16,000,000 bytes"):
        client.get_json("/v1/x", {})


def test_an_export_with_a_line_that_never_ends_is_refused() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"%x\r\n" % (1 << 20) + b"a" * (1 << 20) + b"\r\n")
        except OSError:
            return

    refused = pytest.raises(ResponseTooLarge, match="a line of more than 32,000,000 bytes")
    with served(serve) as client, tempfile.TemporaryFile() as out, refused:
        download(client, GetRequest(path="/v1/x", ids={}, params={}), out)


@pytest.mark.parametrize("location", ["http://[@evil/", "http://[::1", "//["])
def test_a_redirect_to_no_address_is_still_a_refusal(location: str) -> None:
    found = refusal(301, b"", where="GET /x", headers={"location": location}, now=datetime.now(UTC))
    assert isinstance(found, AccessRefused)


def test_an_unknown_compression_is_not_decoded() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(responding(b"x", "br"))

    with served(serve) as client, client.stream("/v1/x", {}) as streamed, pytest.raises(OutcomeUnknown):
        list(streamed.iter_bytes())
