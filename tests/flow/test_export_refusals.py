"""Refusals of an export: responses that only look complete, files that it must not overwrite, invalid options."""

import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bulkops.errors import AccessRefused, BulkopsError, OutcomeUnknown, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.output_formats import Shape
from bulkops.exporting.request import Request
from bulkops.exporting.run import Fetching, run_export
from bulkops.exporting.time_slices import Steps, parse_length
from bulkops.transport.client import ApiClient
from bulkops.writing import part_file, temporary_folder
from tests.cli.running import Shell
from tests.flow.answering import client, send, serving
from tests.flow.test_export_whole import BODY, between, giveaways

PACKED = gzip.compress(BODY)


def send_packed(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


INCOMPLETE: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "a gzip stream cut, with a length that agrees": lambda h: send_packed(h, PACKED[: len(PACKED) // 2]),
    "a gzip stream without its trailer": lambda h: send_packed(h, PACKED[:-8]),
    "a part of the content": lambda h: send(h, BODY[: BODY.index(b"\n", 900) + 1], status=206),
    "a line of text": lambda h: send(h, b"upstream request timeout\n"),
    "a JSON list": lambda h: send(h, b'[{"title": "bad"}]\n'),
    "another export": lambda h: send(h, b"item\nA\n"),
    "an error behind the records": lambda h: send(h, BODY + b'{"message": "internal error"}\n'),
    "an error over several lines": lambda h: send(h, BODY + b'{\n  "message": "internal error"\n}'),
    "a page behind the records": lambda h: send(h, BODY + b"<html><body>502</body></html>\n"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_incomplete_response_is_never_saved(name: str, tmp_path: Path) -> None:
    with serving(INCOMPLETE[name]) as url, client(url) as one, pytest.raises(OutcomeUnknown):
        run_export(one, giveaways(), tmp_path / "codes.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_complete_compressed_response_is_saved(tmp_path: Path) -> None:
    packed = gzip.compress(BODY[:500]) + gzip.compress(BODY[500:])
    with serving(lambda h: send_packed(h, packed)) as url, client(url) as one:
        run_export(one, giveaways(), tmp_path / "codes.csv")
    assert (tmp_path / "codes.csv").read_bytes() == BODY


@pytest.mark.parametrize(("status", "most"), [(500, 5), (503, 5), (302, 1), (206, 5)])
def test_an_export_is_requested_five_times_at_most_and_errors_contain_no_rows(
    status: int, most: int, tmp_path: Path
) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler, BODY, status=status)

    with serving(answer) as url, client(url) as one, pytest.raises(BulkopsError) as caught:
        run_export(one, giveaways(), tmp_path / "codes.csv")
    assert len(asked) == most
    assert "code, 1" not in str(caught.value)
    assert isinstance(caught.value, AccessRefused) is (status == 302)


def test_two_exports_to_one_file_never_mix(tmp_path: Path) -> None:
    held, go_on = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        held.set()
        go_on.wait(30)
        send(handler, BODY)

    out = tmp_path / "codes.csv"
    with serving(answer) as url, client(url) as one, client(url) as other:
        first = threading.Thread(target=run_export, args=(one, giveaways(), out))
        first.start()
        held.wait(30)
        with pytest.raises(UsageError, match="another process"):
            run_export(other, giveaways(), out)
        go_on.set()
        first.join()
    assert out.read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] == ["codes.csv"]


@pytest.mark.parametrize("name", ["", ".", "..", "folder", "pipe"])
def test_an_export_replaces_only_regular_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with serving(lambda h: send(h, BODY)) as url, client(url) as one, pytest.raises(UsageError):
        run_export(one, giveaways(), Path(name))
    assert Path("pipe").is_fifo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pipe"]


def test_malformed_records_are_counted_and_saved_unchanged(tmp_path: Path) -> None:
    body = b"id,created,code\n1,\xff,A\n2,x,B,extra\n3,x\0,C\n"
    with serving(lambda h: send(h, body)) as url, client(url) as one:
        result = run_export(one, giveaways(), tmp_path / "codes.csv")
    assert (tmp_path / "codes.csv").read_bytes() == body
    assert sorted(note.split(" (")[0] for note in result.notes) == [
        "1 x a NUL byte", "1 x a different number of fields than the header", "1 x not valid UTF-8",
    ]  # fmt: skip


MIXED = b'id,created,code\n1,2026-11-01T10:00:00Z,"a\r\nb"\n2,2026-11-01T10:00:01Z,c\n'


@pytest.mark.parametrize("body", [MIXED, BODY.replace(b"\n", b"\r\n")], ids=["a CRLF in a cell", "CRLF"])
def test_line_ends_are_unchanged_in_parts_and_windows(body: bytes, tmp_path: Path) -> None:
    request = giveaways(**{"created-after": "2026-10-01", "created-before": "2026-12-01"})
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("100d"))
    with serving(lambda h: send(h, body)) as url, client(url) as one:
        split = run_export(one, request, tmp_path / "split.csv", shape=Shape(split=10_000))
        run_export(one, request, tmp_path / "windows.csv", fetching=Fetching(steps=steps))
    assert split.files[0].read_bytes() == body
    assert (tmp_path / "windows.csv").read_bytes() == body


def test_each_window_is_read_until_two_responses_are_equal(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        body = between(handler, inclusive=True)
        send(handler, body[: body.index(b"\n") + 1] if len(asked) == 1 else body)

    request = giveaways(**{"created-after": "2026-11-01", "created-before": "2026-11-21"})
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("10d"))
    with serving(answer) as url, client(url) as one:
        result = run_export(one, request, tmp_path / "codes.csv", fetching=Fetching(steps=steps, settle=5))
    assert len(asked) == 3 + 2
    assert result.records == 400


def test_windows_continue_after_a_kill_without_gap_or_overlap(tmp_path: Path) -> None:
    asked: list[str] = []
    reached, killed = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        if len(asked) == 4:
            reached.set()
            killed.wait(30)
        send(handler, between(handler, inclusive=False))

    out = tmp_path / "codes.csv"
    words = ["export", "giveaways", "--pool", "1", "-o", str(out), "--window", "2d"]
    words += ["--created-after", "2026-11-01", "--created-before", "2026-11-21"]
    with serving(answer) as url:
        shell = Shell(tmp_path / "state", url)
        running = shell.start(*words)
        assert reached.wait(60)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        killed.set()
        assert not out.exists()
        assert shell.run(*words).code == 0
    rows = out.read_bytes().splitlines()
    assert sorted(rows[1:]) == sorted(BODY.splitlines()[1:])
    assert len(asked) == 3 + 1 + 7
    assert sorted(p.name for p in tmp_path.iterdir()) == ["codes.csv", "state"]


@pytest.mark.parametrize(
    ("more", "name"),
    [((), "x.csv"), (("--tidy",), "x.csv"), (("--split-records", "500"), "x.csv"), (("--format", "parquet"), "x"),
     ((), "x.csv.gz"), ((), "-")],
)  # fmt: skip
def test_a_full_disk_is_reported_and_leaves_no_file(more: tuple[str, ...], name: str, tmp_path: Path) -> None:
    noise = b"".join(b"%d,2026-11-01T10:00:00Z,%x\n" % (n, hash((n, "x")) % 2**63) for n in range(4000))
    folder = tmp_path / "out"
    folder.mkdir()
    where = name if name == "-" else str(folder / name)
    with serving(lambda h: send(h, b"id,created,code\n" + noise)) as url:
        shell = Shell(tmp_path / "state", url)
        process = shell.start("export", "giveaways", "--pool", "1", "-o", where, *more, largest_file=60_000)
        ended = shell.ended(process)
    assert ended.code == 2
    assert "This is a bug" not in ended.err
    assert "None" not in ended.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"created-after": "0001-01-01T00:00:00+14:00"}, "outside the years"),
        ({"created-after": "2026-11-01", "window": "99999999999d"}, "is not a duration"),
        ({"created-after": "0001-01-01", "window": "1s"}, "windows"),
        ({"created-after": "2026-11-02", "created-before": "2026-11-01", "window": "1d"}, "before it begins"),
    ],
)
def test_times_and_windows_outside_the_calendar_are_usage_errors(
    values: dict[str, str], said: str, tmp_path: Path
) -> None:
    filters = dict(values)
    length = filters.pop("window", None)

    def export(one: ApiClient) -> None:
        steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length(length)) if length else None
        run_export(one, giveaways(**filters), tmp_path / "x.csv", fetching=Fetching(steps=steps))

    with serving(lambda h: send(h, BODY)) as url, client(url) as one, pytest.raises(UsageError, match=said):
        export(one)
    assert list(tmp_path.iterdir()) == []


def test_the_first_and_last_year_of_the_calendar_are_accepted(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler, BODY)

    request = giveaways(**{"created-after": "0001-01-01", "created-before": "9999-12-31T23:59:59Z"})
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("3000000d"))
    with serving(answer) as url, client(url) as one:
        result = run_export(one, request, tmp_path / "x.csv", fetching=Fetching(steps=steps))
    assert result.records == 400
    assert "createdAfter=0001-01-01T00%3A00%3A00Z" in asked[0]


@pytest.mark.parametrize("profile", ["", ".", "..", " "])
def test_a_name_that_leads_to_another_path_is_refused(profile: str) -> None:
    dates = {"range-start": "2026-01-01", "range-end": "2026-02-01"}
    request = Request(export=EXPORTS["customer-ledger"], ids={"program": 1, "profile": profile}, values=dates)
    with pytest.raises(UsageError, match="--profile"):
        request.question()


@pytest.mark.parametrize(("name", "value"), [("values-only", "yes"), ("referral", "abc"), ("exact-match", "True")])
def test_invalid_booleans_and_numbers_of_filters_are_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name):
        Request(export=EXPORTS["coupons"], ids={"application": 1}, values={name: value}).question()


def test_the_suffix_selects_format_and_compression(tmp_path: Path) -> None:
    with serving(lambda h: send(h, BODY)) as url, client(url) as one:
        run_export(one, giveaways(), tmp_path / "x.parquet")
        run_export(one, giveaways(), tmp_path / "x.csv.GZ")
        with pytest.raises(UsageError, match="Parquet"):
            run_export(one, giveaways(), tmp_path / "y.parquet", shape=Shape(form="csv"))
    assert (tmp_path / "x.parquet").read_bytes().startswith(b"PAR1")
    assert gzip.decompress((tmp_path / "x.csv.GZ").read_bytes()) == BODY


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_foreign_files_with_names_of_temporary_files_are_unchanged(name: str, tmp_path: Path) -> None:
    foreign = {f"{name}.new.part", f"{name}.00007.new.part", f"{name}.part"}
    for each in foreign:
        (tmp_path / each).write_text("old")
    (tmp_path / f"{name}.new.parts").mkdir()
    with serving(lambda h: send(h, BODY)) as url, client(url) as one:
        run_export(one, giveaways(), tmp_path / name)
    assert {p.name for p in tmp_path.iterdir()} == {name, f"{name}.new.parts", *foreign}
    assert {(tmp_path / each).read_text() for each in foreign} == {"old"}


def test_a_foreign_file_with_the_name_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv.lock").write_text("kept")
    with (
        serving(lambda h: send(h, BODY)) as url,
        client(url) as one,
        pytest.raises(UsageError, match="bulkops, which needs this name"),
    ):
        run_export(one, giveaways(), tmp_path / "x.csv")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x.csv.lock": "kept"}


def test_files_of_a_killed_run_are_removed_by_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("x.csv")
    child = os.fork()
    if child == 0:
        with part_file(path), temporary_folder(path) as folder:
            (folder / "00001").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 3
    with serving(lambda h: send(h, BODY)) as url, client(url) as one:
        run_export(one, giveaways(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_parts_of_an_export_replace_no_foreign_file(tmp_path: Path) -> None:
    taken = tmp_path / "x-00002-of-00002.csv"
    taken.write_text("kept")
    half = Shape(split=BODY.count(b"\n") // 2 + 1)
    with serving(lambda h: send(h, BODY)) as url, client(url) as one:
        with pytest.raises(UsageError, match="bulkops did not write it"):
            run_export(one, giveaways(), tmp_path / "x.csv", shape=half)
        assert [p.name for p in tmp_path.iterdir()] == [taken.name]
        for _ in range(2):
            run_export(one, giveaways(), tmp_path / "y.csv", shape=half)
    assert taken.read_text() == "kept"


def test_a_foreign_folder_with_the_name_of_the_windows_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "x.csv.windows"
    folder.mkdir()
    (folder / "notes.csv").write_text("kept")
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("1d"))
    request = giveaways(**{"created-after": "2026-11-01"})
    with (
        serving(lambda h: send(h, BODY)) as url,
        client(url) as one,
        pytest.raises(UsageError, match="needs this name for the windows"),
    ):
        run_export(one, request, tmp_path / "x.csv", fetching=Fetching(steps=steps))
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("notes.csv", "kept")]


def test_an_unreadable_plan_of_windows_is_a_usage_error(tmp_path: Path) -> None:
    folder = tmp_path / "x.csv.windows"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"asked": 1}))
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("1d"))
    request = giveaways(**{"created-after": "2026-11-01"})
    with serving(lambda h: send(h, BODY)) as url, client(url) as one, pytest.raises(UsageError, match="cannot be read"):
        run_export(one, request, tmp_path / "x.csv", fetching=Fetching(steps=steps))


def test_an_export_is_requested_again_after_a_server_error(tmp_path: Path) -> None:
    asked: list[float] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(time.monotonic())
        send(handler, BODY, status=429 if len(asked) < 7 else 200)

    with serving(answer) as url, client(url) as one:
        assert run_export(one, giveaways(), tmp_path / "x.csv").attempts == 7
