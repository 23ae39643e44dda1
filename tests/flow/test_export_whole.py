"""An export is whole or it is not there: cuts, lies and kills never leave a file that passes for complete."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
import zstandard

from bulkops.clock import SystemClock
from bulkops.errors import BulkopsError, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.output_formats import Shape
from bulkops.exporting.request import Request
from bulkops.exporting.run import Fetching, run_export
from bulkops.exporting.time_slices import Steps, parse_length
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from tests.flow.answering import client, send, serving

BODY = b"id,created,code\n" + b"".join(
    b'%d,2026-11-%02dT10:00:%02dZ,"code, %d"\n' % (n, 1 + n % 20, n % 60, n) for n in range(400)
)


def giveaways(**values: str) -> Request:
    return Request(export=EXPORTS["giveaways"], ids={"pool": 1}, values=values)


@pytest.mark.parametrize("framed", [True, False], ids=["with a length", "without a length"])
@pytest.mark.parametrize("seed", range(6))
def test_a_download_cut_at_random_is_repeated_or_refused(seed: int, framed: bool, tmp_path: Path) -> None:
    chance = random.Random(seed)
    out = tmp_path / "codes.csv"

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = BODY if chance.random() < 0.5 else BODY[: chance.randrange(len(BODY))]
        send(handler, body, length=len(BODY) if framed else -1)

    with serving(answer) as url, client(url) as one:
        try:
            run_export(one, giveaways(), out)
        except BulkopsError:
            assert not out.exists()
        else:
            assert out.read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] in ([], ["codes.csv"])


def test_a_download_that_is_always_cut_in_a_record_is_refused(tmp_path: Path) -> None:
    for cut in (BODY[: BODY.rindex(b",")], BODY[: BODY.rindex(b',"')]):
        with (
            serving(lambda h, cut=cut: send(h, cut)) as url,  # type: ignore[misc]
            client(url) as one,
            pytest.raises(BulkopsError, match="middle"),
        ):
            run_export(one, giveaways(), tmp_path / "codes.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_download_without_a_last_line_end_is_saved_after_an_equal_second_one(tmp_path: Path) -> None:
    with serving(lambda h: send(h, BODY.rstrip(b"\n"))) as url, client(url) as one:
        assert run_export(one, giveaways(), tmp_path / "codes.csv").attempts == 2


@pytest.mark.parametrize("body", [b"", b'{"message": "too large"}', b"<html>gateway</html>"])
def test_a_response_that_is_not_csv_is_never_saved(body: bytes, tmp_path: Path) -> None:
    out = tmp_path / "codes.csv"
    out.write_text("the last good one\n")
    with serving(lambda h: send(h, body)) as url, client(url) as one, pytest.raises(BulkopsError):
        run_export(one, giveaways(), out)
    assert out.read_text() == "the last good one\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_with_the_media_type_csv_is_recognised_by_its_status(tmp_path: Path) -> None:
    body = b'{"message": "no such pool"}'
    with (
        serving(lambda h: send(h, body, status=404)) as url,
        client(url) as one,
        pytest.raises(BulkopsError, match="no such pool"),
    ):
        run_export(one, giveaways(), tmp_path / "codes.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_lagging_export_is_read_until_two_responses_are_equal(tmp_path: Path) -> None:
    answers = [BODY[: BODY.index(b"\n", 100) + 1], BODY, BODY]
    with serving(lambda h: send(h, answers.pop(0))) as url, client(url) as one:
        result = run_export(one, giveaways(), tmp_path / "codes.csv", fetching=Fetching(settle=1.0))
    assert (result.records, result.attempts) == (400, 3)


@pytest.fixture
def whole() -> Iterator[ApiClient]:
    with serving(lambda h: send(h, BODY)) as url, client(url) as one:
        yield one


def test_split_files_contain_each_record_once_and_a_header_each(whole: ApiClient, tmp_path: Path) -> None:
    result = run_export(whole, giveaways(), tmp_path / "codes.csv.gz", shape=Shape(split=150))
    assert [p.name for p in result.files] == [f"codes-0000{n}-of-00003.csv.gz" for n in (1, 2, 3)]
    contents = [gzip.decompress(p.read_bytes()) for p in result.files]
    header = BODY[: BODY.index(b"\n") + 1]
    assert all(c.startswith(header) for c in contents)
    assert header + b"".join(c.removeprefix(header) for c in contents) == BODY


def test_compressed_and_parquet_files_contain_the_same_rows(whole: ApiClient, tmp_path: Path) -> None:
    packed = run_export(whole, giveaways(), tmp_path / "codes.csv.zst").files[0]
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed.read_bytes()) == BODY
    table = run_export(whole, giveaways(), tmp_path / "codes.parquet", shape=Shape(form="parquet")).files[0]
    frame = pl.read_parquet(table)
    assert frame.columns == ["id", "created", "code"]
    assert frame["code"].to_list() == [f"code, {n}" for n in range(400)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["codes.csv.zst", "codes.parquet"]


def test_malformed_rows_are_repaired_with_tidy(tmp_path: Path) -> None:
    body = b"""identifier,customerprofileids,attributes\nC1,['a','b'],{"x": 1, "y": 2}\n"""
    request = Request(export=EXPORTS["loyalty-cards"], ids={"program": 1})
    with serving(lambda h: send(h, body)) as url, client(url) as one:
        run_export(one, request, tmp_path / "cards.csv", shape=Shape(tidy=True))
    assert pl.read_csv(tmp_path / "cards.csv").rows() == [("C1", "['a','b']", '{"x": 1, "y": 2}')]


def between(handler: BaseHTTPRequestHandler, *, inclusive: bool) -> bytes:
    """Return the rows between the bounds of the query, which this server counts or does not count."""
    query = parse_qs(urlsplit(handler.path).query)
    after, before = query["createdAfter"][0], query["createdBefore"][0]
    header, *rows = BODY.splitlines(keepends=True)
    shown = []
    for row in rows:
        created = row.split(b",")[1].decode()
        if (after <= created <= before) if inclusive else (after < created < before):
            shown.append(row)
    return header + b"".join(shown)


@pytest.mark.parametrize("inclusive", [True, False])
def test_windows_leave_no_gap_and_no_overlap_for_inclusive_and_exclusive_bounds(
    inclusive: bool, tmp_path: Path
) -> None:
    request = giveaways(**{"created-after": "2026-11-01T10:00:00Z", "created-before": "2026-11-21"})
    steps = Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("1d"))
    with serving(lambda h: send(h, between(h, inclusive=inclusive))) as url, client(url) as one:
        result = run_export(one, request, tmp_path / "codes.csv", fetching=Fetching(steps=steps))
    rows = (tmp_path / "codes.csv").read_bytes().splitlines()
    assert result.records == 400
    assert sorted(rows[1:]) == sorted(BODY.splitlines()[1:])
    assert [p.name for p in tmp_path.iterdir()] == ["codes.csv"]


def test_finished_windows_are_reused_only_for_the_same_request(tmp_path: Path) -> None:
    asked: list[str] = []
    broken = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        if len(asked) > 5 and not broken.is_set():
            send(handler, b"{}", status=400)
        else:
            send(handler, between(handler, inclusive=True))

    request = giveaways(**{"created-after": "2026-11-01", "created-before": "2026-11-21"})
    fetching = Fetching(steps=Steps(window=EXPORTS["giveaways"].windows[0], length=parse_length("2d")))
    with serving(answer) as url, client(url) as one:
        with pytest.raises(BulkopsError):
            run_export(one, request, tmp_path / "codes.csv", fetching=fetching)
        assert not (tmp_path / "codes.csv").exists()
        broken.set()
        with pytest.raises(UsageError, match="another export"):
            run_export(one, giveaways(**{"created-after": "2026-11-03"}), tmp_path / "codes.csv", fetching=fetching)
        # An earlier version kept the address as it was given.
        plan = tmp_path / "codes.csv.windows" / "plan.json"
        held = json.loads(plan.read_text())
        held["asked"]["base_url"] = f"{url.replace('127.0.0.1', 'localhost')}/a/.."
        plan.write_text(json.dumps(held))
        run_export(one, request, tmp_path / "codes.csv", fetching=fetching)
    assert len(asked) == 5 + 1 + 5
    assert len((tmp_path / "codes.csv").read_bytes().splitlines()) == 401


def test_a_killed_export_leaves_no_file_with_the_name(tmp_path: Path) -> None:
    begun = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:5000])
        handler.wfile.flush()
        begun.set()
        time.sleep(20)

    with serving(answer) as url:
        command = [sys.executable, "-m", "bulkops", "export", "giveaways", "--pool", "1", "-o", str(tmp_path / "x.csv")]
        environment = os.environ | {"BULKOPS_MANAGEMENT_KEY": "k", "BULKOPS_STATE": str(tmp_path / "state")}
        running = subprocess.Popen([*command, "--base-url", url], env=environment)
        assert begun.wait(30)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert not (tmp_path / "x.csv").exists()


def test_every_export_of_the_catalog_is_served_by_the_sandbox(tmp_path: Path) -> None:
    from bulkops.sandbox.serve import SandboxServer

    ids: dict[str, int | str] = {
        "application": 1, "campaign": 1, "program": 1, "pool": 1, "collection": 2, "audience": 1, "achievement": 1,
        "value-map": 1, "profile": "customer-0001", "card": "CARD-0001",
    }  # fmt: skip
    counts: dict[str, int | None] = {}
    with SandboxServer(rate_limit=0) as server:
        target = Target(base_url=server.base_url, ids={}, authorization=Secret("ManagementKey-v1 k"))
        with ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as one:
            for name, export in EXPORTS.items():
                program = 2 if "card" in name else 1
                values = {f.name: "2026-01-01" for f in export.filters if f.required}
                values |= {"range-end": "2027-01-01"} if "range-end" in values else {}
                own = {"achievement", "value-map", "profile", "card", *export.ids}
                given: dict[str, int | str] = {k: v for k, v in (ids | {"program": program}).items() if k in own}
                request = Request(export=export, ids=given, values=values)
                counts[name] = run_export(one, request, tmp_path / f"{name}.csv").records
    assert len(counts) == 22
    assert counts["loyalty-cards"]
    assert counts["exports"]
