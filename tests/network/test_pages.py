"""A page instead of the API's response, with a status of success: every command names the page."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Inside, Shell
from tests.network.relays import listening

SAMPLES = Path(__file__).parents[2] / "sample_data"
PAGE = b"<!DOCTYPE html><html><head><title>Sign in - Acme SSO</title></head><body>...</body></html>"
SAID = "the server sent an HTML page: 'Sign in - Acme SSO'"


def _login(connection: socket.socket) -> None:
    """Answer every request with a login page; an upload is read to its end first."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (block := connection.recv(65_536)):
            return
        data += block
    if data.startswith(b"POST"):
        while not data.endswith(b"--\r\n"):
            data += connection.recv(65_536)
    _send(connection, PAGE)


def _send(connection: socket.socket, body: bytes, kind: str = "text/html") -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Shell]:
    with listening(_login) as port:
        yield Shell(tmp_path / "state", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("export", "coupons", "--application", "1", "-o", "-"), "GET /v1/applications/1/export_coupons"),
        (
            ("export", "customer-ledger", "--program", "1", "--profile", "p", "--range-start", "2026-01-01",
             "--range-end", "2026-02-01", "-o", "-"),
            "GET /v1/loyalty_programs/1/profile/p/export_log",
        ),
        (
            ("reconcile", "coupons", str(SAMPLES / "coupons.csv"), "--application", "1", "--campaign", "1"),
            "GET /v1/applications/1 is not JSON",
        ),
        (
            ("import", "audiences", str(SAMPLES / "audiences.csv"), "--audience", "1", "--yes"),
            "GET /v1/audiences/1/memberships/export",
        ),
    ],
    ids=["export", "export of a ledger", "reconcile", "replace"],
)  # fmt: skip
def test_a_login_page_with_200_is_named_by_its_title(words: tuple[str, ...], request_: str, login: Shell) -> None:
    ended = login.run(*words)
    assert (ended.code, SAID in ended.err, "{" in ended.err, request_ in ended.err) == (3, True, False, True), ended.err
    assert "This is not a response of the API. Check the base address" in ended.err


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("reconcile", "coupons", "coupons.csv", "--application", "1", "--campaign", "1"), 4),
        (("reconcile", "giveaways", "giveaways.csv", "--pool", "1"), 2),
        (("export", "loyalty-points", "--for-import", "--program", "1", "-o", "-"), 2),
        (("snapshot", "-o", "-", "--application", "1"), 2),
        (("import", "audiences", "audiences.csv", "--audience", "1", "--yes"), 4),
        (("import", "loyalty-tiers", "loyalty-tiers.csv", "--program", "1", "--yes"), 4),
    ],
    ids=["reconcile", "reconcile a pool", "export for import", "snapshot", "replace", "upsert"],
)
def test_a_login_page_ends_every_read_after_two_requests(
    words: tuple[str, ...], most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SAMPLES)
    requests: list[int] = []

    def counted(connection: socket.socket) -> None:
        requests.append(1)
        _login(connection)

    with listening(counted) as port:
        ended = Inside(tmp_path / "state", f"http://127.0.0.1:{port}").run(*words)
    assert (ended.code, SAID in ended.err) == (3, True), ended.err
    connections = len(requests) - 1  # one is only opened, to see whether the server can be reached
    assert connections <= most


def test_a_single_page_between_responses_is_retried(tmp_path: Path) -> None:
    bodies = [PAGE, b"code\nA1\n"]

    def once(connection: socket.socket) -> None:
        if connection.recv(65_536):
            _send(connection, bodies.pop(0), "application/csv")

    with listening(once) as port:
        ended = Inside(tmp_path / "state", f"http://127.0.0.1:{port}").run(
            "export", "giveaways", "--pool", "1", "-o", "-"
        )
    assert (ended.code, ended.out, bodies) == (0, "code\nA1\n", []), ended.err


def test_an_import_to_a_login_page_sends_no_record_and_can_be_resumed(login: Shell) -> None:
    login = Inside(login.state, login.base_url)
    file = str(SAMPLES / "giveaways.csv")
    ended = login.run("import", "giveaways", file, "--pool", "1", "--yes", "--json")
    assert (ended.code, ended.json["state"], ended.json["records"]["in_doubt"]) == (3, "unfinished", 0), ended.err
    assert SAID in ended.json["error"]["message"]
    assert f"Resume with: bulkops jobs resume {ended.json['job']}" in ended.err
    resumed = login.run("jobs", "resume", ended.json["job"], "--json")
    assert (resumed.code, resumed.json["records"]["pending"]) == (3, 260), resumed.err


def test_doctor_names_a_login_page_and_grants_nothing(login: Shell) -> None:
    ended = login.run("doctor", "--application", "1", "--campaign", "1", "--json")
    (key,) = [check for check in ended.json["checks"] if check["name"] == "key"]
    assert (ended.code, key["state"], ended.json["operations"]) == (3, "failed", [])
    assert SAID in key["message"]


@pytest.mark.parametrize(
    ("listed", "code", "state"), [(b'{"data": []}', 0, "ok"), (b'{"status": "up"}', 2, "failed"), (b"[]", 2, "failed")]
)
def test_doctor_accepts_only_bodies_of_the_api(listed: bytes, code: int, state: str, tmp_path: Path) -> None:
    def accept(connection: socket.socket) -> None:
        first = connection.recv(65_536).startswith(b"GET /v1/applications?")
        _send(connection, listed if first else PAGE, "application/json" if first else "text/html")

    with listening(accept) as port:
        shell = Shell(tmp_path / "state", f"http://127.0.0.1:{port}")
        ended = shell.run("doctor", "--application", "1", "--campaign", "1", "--json")
    (key,) = [check for check in ended.json["checks"] if check["name"] == "key"]
    assert (ended.code, key["state"]) == (code, state), ended.out
    tested = {right["operation"]: right for right in ended.json["operations"] if right["state"] != "not tested"}
    granted = {name for name, right in tested.items() if right["state"] == "granted"}
    assert granted == ({"getApplications"} if state == "ok" else set())
    assert all(SAID in right["why"] for name, right in tested.items() if name not in granted)
