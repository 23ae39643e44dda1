"""A server that repeats the key, in whatever form, does not get it onto a screen, into a file or into a log."""

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bulkops.cli.output.console import Console
from bulkops.cli.process.error_exit import report_error
from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops.transport.responses import MAX_TEXT
from tests.cli.running import Shell
from tests.flow.answering import serving
from tests.foreign.files import write
from tests.foreign.server import ForeignServer

KEY = "8a7f3c91d2e4b6f0a1c3e5d7f9b1a3c5e7d9f1b3a5c7e9d1f3b5a7c9e1d3f5b7"
HEADER = f"ManagementKey-v1 {KEY}"
PIECE = 10
ECHOES = [
    base64.b64encode(HEADER.encode()).decode(),
    base64.b64encode(f"user:{KEY}".encode()).decode(),
    base64.urlsafe_b64encode(f"??{HEADER}".encode()).decode().rstrip("="),
    "".join(f"%{ord(c):02x}" for c in KEY),
    quote(base64.b64encode(HEADER.encode()).decode(), safe=""),
    " ".join(HEADER),
    KEY.upper(),
    KEY.encode().hex(),
    json.dumps(json.dumps(HEADER)),
    "".join(f"\\u{ord(c):04x}" for c in KEY),
    "\r\n ".join(KEY[at : at + 8] for at in range(0, len(KEY), 8)),
    f"<p title='{HEADER}'>" + "<wbr>".join(KEY[at : at + 4] for at in range(0, len(KEY), 4)) + "</p>",
    "".join(f"&#{ord(c)};" for c in KEY),
    str(list(KEY.encode())),
    base64.b32encode(KEY.encode()).decode(),
    KEY[:40],
]


def reveals(text: str) -> bool:
    """Tell whether any part of an echo is left, blanks and marks of lines left aside."""

    def bare(part: str) -> str:
        return "".join(c for c in part.lower().replace("\\n", "").replace("\\r", "") if c.isalnum())

    shown = bare(text)
    return any(
        bare(echo)[at : at + 2 * PIECE] in shown
        for echo in (KEY, *ECHOES)
        for at in range(PIECE, max(PIECE + 1, len(bare(echo)) - 2 * PIECE), PIECE)
        if "managementkey" not in bare(echo)[at : at + 2 * PIECE]
    )


@pytest.fixture
def server() -> Iterator[ForeignServer]:
    with ForeignServer() as running:
        running.world.key = KEY
        yield running


@pytest.fixture
def shell(server: ForeignServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(Shell, "environment", property(environment))
    return Shell(tmp_path / "state", server.base_url)


def environment(shell: Shell) -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKOPS_")}
    return {
        **kept,
        "BULKOPS_STATE": str(shell.state),
        "BULKOPS_MANAGEMENT_KEY": KEY,
        "BULKOPS_BASE_URL": shell.base_url,
    }


def test_reveals_finds_every_encoded_form_of_the_key() -> None:
    for echo in ECHOES:
        assert reveals(f"a {echo} b"), echo
    assert not reveals("POST /v1/giveaways/pools/5/import was answered with 400: Import failed; line 3: ***")


@pytest.mark.parametrize("start", [0, 3, 10])
def test_key_repeated_by_the_server_reaches_no_output_and_no_file(
    start: int, server: ForeignServer, shell: Shell, tmp_path: Path
) -> None:
    server.world.habits.refuses = "\0".join(ECHOES[start : start + 6])
    file = write(tmp_path / "f.csv", "giveaways", records=1)
    words = ("import", "giveaways", str(file), "--pool", "5", "--yes", "--settle", "0.2")
    ended = [
        shell.run(*words),
        shell.run(*words, "--again", "--json"),
        shell.run("jobs", "show", "--history"),
        *(shell.run("report", "-o", str(tmp_path / f"report.{form}")) for form in ("html", "md")),
    ]
    assert [e.code for e in ended] == [1, 1, 0, 0, 0]
    assert "***" in ended[0].err + ended[0].out + ended[2].out
    texts = [text for e in ended for text in (e.out, e.err)]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != file]
    assert any(path.name.endswith("-rejected.reasons.csv") for path in files)
    for text in (*texts, *(path.read_bytes().decode("latin-1") for path in files)):
        assert not reveals(text)


@pytest.mark.parametrize("host", [KEY, KEY[:32] + "." + KEY[32:], base64.b32encode(KEY.encode()).decode().rstrip("=")])
def test_key_in_the_host_of_a_redirect_is_hidden(
    host: str, server: ForeignServer, shell: Shell, tmp_path: Path
) -> None:
    server.world.habits.moved_to = f"https://{host}.evil.example/{quote(HEADER)}"
    file = write(tmp_path / "f.csv", "giveaways", records=1)
    ended = shell.run("import", "giveaways", str(file), "--pool", "5", "--yes", "--settle", "0.2", "--json")
    assert "evil.example" in ended.err
    assert not reveals(ended.out + ended.err)
    assert not reveals((shell.state / "ledger.db").read_bytes().decode("latin-1"))


def test_key_in_the_address_is_refused_and_hidden(shell: Shell, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", "giveaways", records=1)
    for address in (f"https://a.example/?key={KEY}", f"https://a.example/{KEY}", f"a.example?{KEY}", f"http://{KEY}"):
        ended = shell.run("import", "giveaways", str(file), "--pool", "5", "--yes", "--base-url", address, "--json")
        assert ended.code == 2
        assert not reveals(ended.out + ended.err)
    assert not (shell.state / "ledger.db").exists()


def test_traceback_of_an_unforeseen_error_hides_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    Secret(HEADER)

    def fail() -> None:
        raise ValueError(f"no: {ECHOES[0]} {KEY}")

    try:
        fail()
    except ValueError as error:
        report_error(error, Console(debug=True))
    shown = capsys.readouterr()
    assert "Traceback" in shown.err
    assert not reveals(shown.out + shown.err)


def echoing(echo: Callable[[str], str]) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        said = echo(handler.headers["Authorization"])
        body = json.dumps({"message": said, "errors": [{"title": said, "details": said}]})
        handler.send_response(400)
        handler.send_header("X-Echo", quote(said))
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())
        handler.close_connection = True

    return answer


STEPS: list[Callable[[str], str]] = [
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: quote(text, safe=""),
    json.dumps,
    lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    lambda text: "\n".join(text[at : at + 7] for at in range(0, len(text), 7)),
    lambda text: f"user:{text}",
]


# Each example starts a server: no shrinking, which would start thousands.
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    first=st.sampled_from(STEPS),
    last=st.sampled_from(STEPS),
    key=st.text("0123456789abcdefXYZ-_.", min_size=24, max_size=64),
)
def test_errors_and_logs_of_any_echo_hide_the_key(
    first: Callable[[str], str], last: Callable[[str], str], key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()

    def echo(header: str) -> str:
        return last(first(header))

    with serving(echoing(echo)) as address, caplog.at_level(logging.DEBUG):
        target = Target(base_url=address, ids={}, authorization=Secret(f"ManagementKey-v1 {key}"))
        with (
            ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as client,
            pytest.raises(BulkopsError) as caught,
        ):
            client.get_json("/v1/x", {})
    error = caught.value
    assert "HTTP/1.1 400" in caplog.text
    encoded = echo(f"ManagementKey-v1 {key}")
    for text in (str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error)), caplog.text):
        # A text that is cut within the encoded scheme shows nothing of the key.
        assert "***" in text or text == repr(error.args) or len(echo("ManagementKey-v1 ")) >= MAX_TEXT
        assert encoded not in text
        assert key.lower() not in text.lower()


def test_requests_of_the_server_still_carry_the_key(server: ForeignServer) -> None:
    target = Target(base_url=server.base_url, ids={}, authorization=Secret(HEADER))
    with ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as client:
        client.get_json("/v1/applications/{application}", {"application": 42})
    assert server.world.authorizations == {HEADER}
