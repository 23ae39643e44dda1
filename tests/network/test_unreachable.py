"""A server that cannot be reached is reported at once, with the cause; where retrying cannot help, no job is left."""

import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.network.relays import connect_proxy, listening, socks_proxy, tls_front

SAMPLES = Path(__file__).parents[2] / "sample_data"
SERVER = "https://api.example.test"
OF_NETWORK = ("_proxy", "_cert_file", "_cert_dir", "_ca_bundle")
NOTHING = 9
"""A port that nothing listens on."""
PASSWORD = "proxy-password-9"


@dataclass(frozen=True)
class Place:
    """The sandbox behind TLS: its port, the authority that signed its certificate, and where state goes."""

    port: int
    authority: trustme.CA
    state: Path

    def trusted(self) -> str:
        path = self.state.parent / "trusted.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return str(path)

    def run(self, *words: str, address: str = "", **variables: str) -> Ended:
        shell = Shell(self.state, address or f"https://127.0.0.1:{self.port}")
        return shell.ended(shell.start(*words, environment={**plain(shell.environment), **variables}))


def plain(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment without the proxies and certificates of the machine that runs the tests."""
    return {name: value for name, value in environment.items() if not name.lower().endswith(OF_NETWORK)}


@pytest.fixture
def place(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Place]:
    authority = trustme.CA()
    with tls_front(_context(authority, "127.0.0.1", "api.example.test"), _port(sandbox)) as port:
        yield Place(port, authority, tmp_path / "state")


def _context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def _port(server: SandboxServer) -> int:
    return urlsplit(server.base_url).port or 0


def points(place: Place, *words: str, address: str = "", **variables: str) -> Ended:
    file = SAMPLES / "loyalty-points.csv"
    return place.run("import", "loyalty-points", str(file), "--program", "1", *words, address=address, **variables)


def jobs(place: Place) -> list[dict[str, object]]:
    found: list[dict[str, object]] = place.run("jobs", "list", "--json").json["jobs"]
    return found


@contextmanager
def unreachable(kind: str, place: Place) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the address of a server that no retry can reach, and the variables that belong to it."""
    with ExitStack() as stack:
        match kind:
            case "name":
                yield "https://nowhere.invalid", {}
            case "certificate":
                yield "", {}
            case "other host":
                front = tls_front(_context(place.authority, "elsewhere.test"), place.port)
                yield f"https://127.0.0.1:{stack.enter_context(front)}", {"SSL_CERT_FILE": place.trusted()}
            case "no TLS":
                front = listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
                yield f"https://127.0.0.1:{stack.enter_context(front)}", {}
            case "proxy login":
                port = stack.enter_context(connect_proxy(place.port, [], login="me:right"))
                yield SERVER, {"HTTPS_PROXY": f"http://me:{PASSWORD}@127.0.0.1:{port}"}
            case "proxy name":
                yield SERVER, {"ALL_PROXY": "http://nowhere.invalid:3128"}


CAUSES = {
    "name": "the host name nowhere.invalid is unknown",
    "certificate": "the certificate of 127.0.0.1 is not trusted: unable to get local issuer certificate",
    "other host": "the certificate of 127.0.0.1 is not trusted: IP address mismatch",
    "no TLS": "failed: wrong version number",
    "proxy login": "requires a user name and a password (407)",
    "proxy name": "the host name of the proxy nowhere.invalid:3128 (ALL_PROXY) is unknown",
}
IMPORTS = {
    "append": ("loyalty-points", "loyalty-points.csv", "--program", "1"),
    "create": ("coupons", "coupons.csv", "--application", "1", "--campaign", "1"),
    "upsert": ("loyalty-tiers", "loyalty-tiers.csv", "--program", "1"),
    "replace": ("audiences", "audiences.csv", "--audience", "1"),
}


@pytest.mark.parametrize("kind", CAUSES)
def test_an_import_to_a_server_that_no_retry_can_reach_ends_at_once_without_a_job(kind: str, place: Place) -> None:
    with unreachable(kind, place) as (address, variables):
        began = time.monotonic()
        ended = points(place, address=address, **variables)
        took = time.monotonic() - began
    assert ended.code == 2
    assert CAUSES[kind] in ended.err
    assert PASSWORD not in ended.err
    assert took < 10
    assert "Trying again" not in ended.err
    assert jobs(place) == []


@pytest.mark.parametrize("mode", IMPORTS)
def test_an_import_of_every_mode_without_trust_leaves_no_job(mode: str, place: Place) -> None:
    contract, file, *ids = IMPORTS[mode]
    ended = place.run("import", contract, str(SAMPLES / file), *ids)
    assert ended.code == 2
    assert "not trusted" in ended.err
    assert jobs(place) == []


@pytest.mark.parametrize(
    "words",
    [
        ("export", "coupons", "--application", "1", "-o", "out.csv"),
        ("reconcile", "coupons", str(SAMPLES / "coupons.csv"), "--application", "1", "--campaign", "1"),
        ("import", "coupons", str(SAMPLES / "coupons.csv"), "--application", "1", "--campaign", "1", "--dry-run"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_reads_a_target_names_an_untrusted_certificate(words: tuple[str, ...], place: Place) -> None:
    ended = place.run(*words)
    assert ended.code == 2
    assert "not trusted" in ended.err
    assert "SSL_CERT_FILE" in ended.err


def test_a_refused_connection_is_reported_within_two_seconds_and_can_be_resumed(place: Place) -> None:
    shell = Shell(place.state, f"http://127.0.0.1:{NOTHING}")
    file = str(SAMPLES / "loyalty-points.csv")
    with shell.start("import", "loyalty-points", file, "--program", "1") as process:
        assert process.stderr is not None
        said = process.stderr.readline()  # starting Python can take long on a busy machine
        began = time.monotonic()
        while "refused the connection" not in said and (line := process.stderr.readline()):
            said += line
        took = time.monotonic() - began
        said += "".join(takewhile(lambda line: not line.startswith("Job "), process.stderr))  # the job begins
        process.kill()
    assert f"127.0.0.1:{NOTHING} refused the connection" in said
    assert took < 2
    assert [job["state"] for job in jobs(place)] == ["unfinished"]


def test_a_server_that_does_not_accept_a_connection_is_named_within_two_seconds(place: Place) -> None:
    with full_backlog() as port:
        shell = Shell(place.state, f"http://127.0.0.1:{port}")
        with shell.start("snapshot", "-o", str(place.state.parent / "account.json")) as process:
            assert process.stderr is not None
            assert "Reading the account" in process.stderr.readline()  # starting Python can take long
            began = time.monotonic()
            said = process.stderr.readline()
            took = time.monotonic() - began
            process.kill()
    assert f"No connection to 127.0.0.1:{port} yet" in said
    assert took < 1.0  # the rest of the two seconds is for the start of the command


@contextmanager
def full_backlog() -> Iterator[int]:
    """Yield a port with a full queue of connections, so that the next one waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_variable_that_names_trusted_certificates_is_honoured(variable: str, place: Place) -> None:
    assert points(place, **{variable: place.trusted()}).code == 0


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_missing_is_named(variable: str, place: Place, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    ended = points(place, **{variable: str(missing)})
    assert ended.code == 2
    assert f"{variable} names {missing}, which does not exist" in ended.err


def test_a_file_without_certificates_is_named(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("no certificate")
    ended = points(place, SSL_CERT_FILE=str(other))
    assert ended.code == 2
    assert f"SSL_CERT_FILE names {other}, which contains no certificate" in ended.err


def test_an_import_through_a_proxy_with_a_login_is_done(place: Place) -> None:
    asked: list[str] = []
    with connect_proxy(place.port, asked, login=f"me:{PASSWORD}") as port:
        proxy = f"http://me:{PASSWORD}@127.0.0.1:{port}"
        ended = points(place, address=SERVER, HTTPS_PROXY=proxy, SSL_CERT_FILE=place.trusted())
    assert ended.code == 0, ended.err
    assert set(asked) == {"api.example.test:443"}


def test_an_import_through_a_socks_proxy_is_done(place: Place) -> None:
    pytest.importorskip("socksio", reason="the extra `socks` is not installed")
    asked: list[str] = []
    with socks_proxy(place.port, asked) as port:
        proxy = f"socks5h://127.0.0.1:{port}"
        ended = points(place, address=SERVER, ALL_PROXY=proxy, SSL_CERT_FILE=place.trusted())
    assert ended.code == 0, ended.err
    assert set(asked) == {"api.example.test"}


def test_a_proxy_that_is_away_is_named(place: Place) -> None:
    ended = place.run(
        "export", "coupons", "--application", "1", "-o", "-", address=SERVER, HTTPS_PROXY=f"http://127.0.0.1:{NOTHING}"
    )
    assert ended.code == 3
    assert ended.err.count(f"the proxy 127.0.0.1:{NOTHING} (HTTPS_PROXY) refused the connection") >= 2
    assert ".;" not in ended.err  # a reason in a list has no full stop of its own


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ftp://proxy:1", "HTTPS_PROXY names a proxy of an unknown kind, ftp://"),
        ("http://proxy:99999", "HTTPS_PROXY is not the address of a proxy"),
        ("http://", "HTTPS_PROXY is not the address of a proxy"),
    ],
)
def test_an_invalid_proxy_is_refused_with_its_variable(value: str, said: str, place: Place) -> None:
    ended = points(place, address=SERVER, HTTPS_PROXY=value)
    assert ended.code == 2
    assert said in ended.err


def test_a_job_that_began_is_kept_when_its_server_is_not_trusted_any_more(place: Place) -> None:
    with tls_front(_context(place.authority, "127.0.0.1"), NOTHING) as port:
        shell = Shell(place.state, f"https://127.0.0.1:{port}")
        environment = {**plain(shell.environment), "SSL_CERT_FILE": place.trusted()}
        file = str(SAMPLES / "loyalty-points.csv")
        process = shell.start("import", "loyalty-points", file, "--program", "1", environment=environment)
        assert process.stderr is not None
        list(takewhile(lambda line: not line.startswith("Job "), process.stderr))
        list(takewhile(lambda line: "Trying again" not in line, process.stderr))
        process.send_signal(signal.SIGINT)
        assert shell.ended(process).code == 130
        resumed = place.run("jobs", "resume", address=shell.base_url)
    assert resumed.code == 2
    assert "not trusted" in resumed.err
    assert "Resume with" in resumed.err
    assert [job["state"] for job in jobs(place)] == ["unfinished"]
