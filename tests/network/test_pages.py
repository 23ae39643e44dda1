"""A page instead of the API's response, with a status of success: every command names the page."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Shell
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


def first_words(shell: Shell, *words: str, until: str) -> str:
    """Return the output of a command until it names a page, then end it, because it would continue to retry."""
    process = shell.start(*words)
    assert process.stderr is not None
    said = ""
    while not ("Sign in" in said and until in said) and (line := process.stderr.readline()):
        said += line
    process.kill()
    process.communicate()
    return said


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
    said = first_words(login, *words, until=request_)
    assert SAID in said
    assert "{" not in said
    assert request_ in said


def test_an_import_to_a_login_page_names_it_at_the_first_request(login: Shell) -> None:
    file = str(SAMPLES / "loyalty-tiers.csv")
    first = "GET /v1/loyalty_programs/1 is not JSON"
    said = first_words(login, "import", "loyalty-tiers", file, "--program", "1", "--yes", until=first)
    assert f"{first}: {SAID}" in said


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
