"""No request ends in a server error, and no response leaves the description of the API, whatever is sent."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.sandbox.serve import SandboxServer
from tests.description.calls import BODIES, FILES, FORM, KEY, Caller, filled_sandbox, id_of, multipart, target
from tests.description.facts import OPERATIONS, Operation

PLENTY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
NAMES = sorted({name for each in OPERATIONS.values() for name in each.parameters} | {"unknown", "", "\0"})
HEADERS = sorted({line.split(",")[0] for _, line, *_ in FILES})

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.sampled_from(["0", "1", "-1", "0.5", "1e400", "NaN", "9" * 5000, "9223372036854775808", "٣", "1_0", "-0"])
dates = st.one_of(
    st.sampled_from(
        ["2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "2026-12-31T23:59:60Z", "2026-01-01", "immediate"]
    ),
    st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "unlimited", "on_action"]),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
)
words = st.sampled_from(["true", "false", "", "excel", "setDiscount", "overall", "Coupon", "validNow", "CODE1", "null"])
durations = st.sampled_from(["5D", "2W_U", "9" * 5000 + "Y", "1s_D", "99999999M"])
objects = st.sampled_from(['{"category": "x"}', "[" * 5000, '{"scores": [1e400]}', '{"priority": ' + "9" * 4400 + "}"])
values = st.one_of(numbers, dates, words, texts, durations, objects)
queries = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.sampled_from(["text/html", "*/*;q=0", "\xe9"]),
        "Accept-Encoding": st.sampled_from(["gzip", "identity;q=0", ""]),
        "Content-Encoding": st.sampled_from(["gzip", "br"]),
        "Content-Type": st.sampled_from(["text/csv", "application/json; charset=utf-16", "", "multipart/form-data"]),
        "Authorization": st.sampled_from(["Bearer \xe9", "ManagementKey-v1", "Basic Og==", "ManagementKey-v1 secret"]),
        "Range": st.sampled_from(["bytes=0-1", "bytes=9-"]),
        "If-None-Match": st.just("*"),
        "X-HTTP-Method-Override": st.just("DELETE"),
        "Upgrade": st.just("websocket"),
        "Cookie": st.text("abc=;\xe9", max_size=20),
    },
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Draw a file: random bytes, or records under the header of an import with odd cells."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    _path, header, *lines = draw(st.sampled_from(FILES))
    rows = draw(st.lists(st.lists(values, min_size=1, max_size=header.count(",") + 2), max_size=4))
    cells = ("\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)).encode()
    end = draw(st.sampled_from([b"", b"\n", b"\r\n", b'"', b"\0", b"\xff"]))
    return b"\n".join([header.encode(), *(line.encode() for line in lines[: draw(st.integers(0, 3))]), cells]) + end


@st.composite
def bodies(draw: st.DrawFn, operation: Operation) -> tuple[bytes | None, dict[str, str]]:
    """Draw the body of a request and the header that goes with it."""
    if operation.sends is None:
        return draw(st.none() | st.binary(max_size=50)), {}
    if operation.sends == "file":
        whole = multipart(draw(files()))
        return whole[: draw(st.sampled_from([len(whole), len(whole) - 3, len(whole) // 2, 5]))], {"Content-Type": FORM}
    body: Any = draw(json_values)
    if draw(st.booleans()):
        body = {**BODIES[operation.name], **draw(st.dictionaries(st.sampled_from([*operation.sends]), json_values))}
        if draw(st.booleans()) and "filters" in body:
            body["filters"] = draw(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=3))
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "utf-32"]))
    return json.dumps(body).encode(encoding), {"Content-Type": "application/json"}


@st.composite
def ids(draw: st.DrawFn, operation: Operation) -> dict[str, str]:
    """Draw path parameters; most exist. A slash or an empty text would make another path."""
    odd = values.filter(lambda text: text != "" and "/" not in text)
    return {
        name: draw(st.one_of(st.just(id_of(operation, name)), st.just(id_of(operation, name)), odd))
        for name in operation.ids
    }


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with filled_sandbox() as server:
        yield server


@pytest.fixture(scope="module")
def caller(sandbox: SandboxServer) -> Iterator[Caller]:
    with Caller(sandbox) as found:
        yield found


@PLENTY
@given(data=st.data())
def test_any_request_of_an_operation_gets_a_described_response(data: st.DataObject, caller: Caller) -> None:
    operation = data.draw(st.sampled_from([*OPERATIONS.values()]), "operation")
    url = target(operation, data.draw(queries, "query"), data.draw(ids(operation), "ids"))
    body, own = data.draw(bodies(operation), "body")
    odd = data.draw(st.just({}) | headers, "headers")
    chunk = data.draw(st.sampled_from([0, 1, 7]), "chunk")
    found, _ = caller.send(operation.method, url, body=body, headers={**KEY, **own, **odd}, chunk=chunk)
    bare = operation.name == "getCouponsWithoutTotalCount" and "valuesOnly=true" in url
    assert operation.violations(found) == [] or bare


@PLENTY
@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "BREW"]),
    path=st.lists(
        st.sampled_from(["v1", "v2", "applications", "1", "%00", "%2F", "%FF", "..", "%2e%2e", "", "export", "*"])
    ),
    query=st.text("a=&;%0?#[]", max_size=10),
    body=st.binary(max_size=100),
    odd=headers,
)
def test_any_request_of_any_path_gets_a_response_below_500(
    method: str, path: list[str], query: str, body: bytes, odd: dict[str, str], caller: Caller
) -> None:
    found, _ = caller.send(method, f"/{'/'.join(path)}?{query}", body=body, headers={**KEY, **odd})
    assert found.status in (200, 400, 401, 404, 405)
    assert found.media in ("application/json", "application/csv")


LINES = [
    b"GET /v1/exports HTTP/1.1", b"GET  HTTP/1.1", b"\0", b"POST /v1/sessions HTTP/1.1", b"GET /v1/\xff HTTP/1.1",
    b"Host: x", b"Host: [", b"Content-Length: -1", b"Content-Length: 5", b"Content-Length: " + b"9" * 5000, b"",
    b"X: LONG", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"zz", b"5", b"hello", b"0",
    b"X\0: y", b"X : y", b"Expect: 100-continue", b"PRI * HTTP/2.0", b"GET /v1/exports HTTP/9.9",
]  # fmt: skip


@PLENTY
@given(lines=st.lists(st.sampled_from(LINES) | st.binary(max_size=20), max_size=8))
def test_bytes_that_are_not_http_never_cause_a_server_error(lines: list[bytes], sandbox: SandboxServer) -> None:
    parts = urlsplit(sandbox.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        try:
            connection.sendall(b"\r\n".join([*lines, b"", b""]).replace(b"LONG", b"x" * 70_000))
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:  # the sandbox may close the connection if the bytes are not HTTP
            return
    for status in (line.split(b" ")[1] for line in answer.splitlines() if line.startswith(b"HTTP/1.1 ")):
        assert status[:1] in (b"1", b"2", b"4")
