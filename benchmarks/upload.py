"""Measure the figures that uploading is held to; run `python benchmarks/upload.py`, see --help.

upload   500 MB of coupons over loopback to a server that only reads, against `curl -F`: throughput and memory
plan     boundaries, counts and checksums of the same file, against `sha256sum`
chunks   our own work per chunk in a job of 10,000 chunks, and `jobs show` of it
rate     requests per second over a minute to a fast server, and the most in any second
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ours import ROOT, environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import plan_file
from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.settings import Secret, Target
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import Limiter, NoLimiter, SlotLimiter
from bulkops.upload.body import ChunkBody
from bulkops.upload.options import RunOptions
from bulkops.upload.start import new_chunks, new_job, open_job
from bulkops.upload.stop import Stop
from bulkops.upload.workflow import run_job
from bulkops_validators import CONTRACTS

RECORDS = 4_000_000
ROUNDS = 5
WHOLE = ChunkLimits(max_records=2**62, max_bytes=2**62, whole=True)
ANSWER = b'{"id": 1%09d, "created": "2026-01-01T00:00:00Z", "accountId": 1, "userId": 1, "entity": "Coupon"'
ANSWER += b', "amount": 1}'
SERVER = """
import itertools, socket, sys, threading
answer, export = sys.argv[1].encode(), sys.argv[2].encode()
numbers = itertools.count()
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)

def serve(connection):
    buffer = bytearray(1 << 20)
    held = b""
    while True:
        while b"\\r\\n\\r\\n" not in held:
            data = connection.recv(65536)
            if not data:
                return
            held += data
        head, _, held = held.partition(b"\\r\\n\\r\\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\\r\\n")[1:])
        if fields.get(b"expect") == b"100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
        left = int(fields.get(b"content-length", 0)) - len(held)
        held = b""
        while left > 0:
            count = connection.recv_into(buffer, min(left, len(buffer)))
            if not count:
                return
            left -= count
        reading = b"export_coupons" in head.split(b"\\r\\n")[0]
        body = export if reading else answer % next(numbers)
        kind = b"application/csv" if reading else b"application/json"
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: " + kind + b"\\r\\nContent-Length: "
                           + str(len(body)).encode() + b"\\r\\n\\r\\n" + body)

while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""


@contextmanager
def reading_server() -> Iterator[str]:
    """Yield the address of a server, in a process of its own, that reads uploads, responds at once and has no rows."""
    readback = CONTRACTS["coupons"].routes[0].readback
    assert readback is not None
    names = dict.fromkeys([*readback.own_columns, *(column.found[0] for column in readback.columns)])
    words = [sys.executable, "-c", SERVER, ANSWER.decode(), ",".join(names) + "\n"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def target(address: str) -> Target:
    return Target(base_url=address, ids={"application": 1, "campaign": 1}, authorization=Secret("Bearer benchmark"))


def best(times: int, work: Callable[[], object]) -> float:
    """Return the seconds of the quickest of several runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def started(command: list[str]) -> None:
    """Run bulkops in a process of its own."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment())


def upload(file: Path) -> dict[str, object]:
    with reading_server() as address:
        command = [sys.executable, __file__, "--only", address, str(file)]
        found: dict[str, object] = json.loads(subprocess.check_output(command, text=True))
        return found


def only_upload(address: str, file: Path) -> dict[str, object]:
    """Upload in a fresh process, so that the peak memory is the upload's own; curl takes turns with us."""
    plan = plan_file(file, WHOLE)
    (chunk,) = new_chunks(plan)
    path, ids = CONTRACTS["coupons"].routes[0].path, {"application": 1, "campaign": 1}
    curl = ["curl", "-sS", "-o", os.devnull, "-F", f"upFile=@{file}", f"{address}{path.format_map(ids)}"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = ChunkBody(file, plan.header_end, chunk)
    checked = best(1, body.check)
    ours, theirs = [], []
    with ApiClient(target(address), clock=SystemClock(), limiter=NoLimiter()) as client:
        for _ in range(ROUNDS):
            ours.append(best(1, lambda: client.post_file(path, ids, filename=file.name, parts=body)))
            theirs.append(best(1, lambda: subprocess.run(curl, check=True)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "bytes": chunk.bytes,
        "checked_before_seconds": round(checked, 3),
        "seconds": round(min(ours), 3),
        "curl_seconds": round(min(theirs), 3),
        "share_of_curl": round(min(theirs) / min(ours), 2),
        "grown_mb": round(grown / 1024, 1),
    }


def plan(file: Path) -> dict[str, object]:
    limits = ChunkLimits(max_records=100_000, max_bytes=50_000_000, whole=False)
    ours = best(3, lambda: plan_file(file, limits))
    theirs = best(3, lambda: subprocess.run(["sha256sum", str(file)], check=True, stdout=subprocess.DEVNULL))
    return {
        "seconds": round(ours, 3),
        "sha256sum_seconds": round(theirs, 3),
        "share_of_sha256sum": round(ours / theirs, 2),
    }


def chunks(folder: Path) -> dict[str, object]:
    file = folder / "many.csv"
    file.write_text("value\n" + "".join(f"CODE-{n:06}\n" for n in range(10_000)))
    clock = SystemClock()
    contract = CONTRACTS["coupons"]
    planned = plan_file(file, ChunkLimits(max_records=1, max_bytes=1_000_000, whole=False))
    address = folder / "ledger.db"
    ledger = Ledger.open(str(address), clock=clock)
    with reading_server() as server, ApiClient(target(server), clock=clock, limiter=NoLimiter()) as client:
        job = new_job(contract, planned, target(server), options={}, run=RunOptions(), now=clock.now())
        context = open_job(job, target(server), client=client, ledger=ledger, clock=clock)
        ledger.create(job, new_chunks(planned))
        seconds = best(1, lambda: run_job(context, stop=Stop()))
    ledger.close()
    command = [sys.executable, "-m", "bulkops", "jobs", "show", job.id, "--ledger", str(address)]
    show = best(3, lambda: started(command))
    show_json = best(3, lambda: started([*command, "--json"]))
    return {
        "ms_per_chunk": round(seconds / 10, 2),
        "show_seconds": round(show, 3),
        "show_json_seconds": round(show_json, 3),
    }


def rate(folder: Path, seconds: float) -> dict[str, object]:
    arrivals: list[float] = []
    with arrival_server(arrivals) as address:
        clock = SystemClock()
        limiter: Limiter = SlotLimiter(folder=folder / "rate", clock=clock)
        with ApiClient(target(address), clock=clock, limiter=limiter) as client:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                client.get_json("/v1/anything", {})
    arrivals.sort()
    spans = [later - first for first, later in zip(arrivals, arrivals[3:], strict=False)]
    return {
        "requests": len(arrivals),
        "per_second": round((len(arrivals) - 1) / (arrivals[-1] - arrivals[0]), 3),
        "shortest_span_of_four": round(min(spans), 4),
        "above_three_in_a_second": sum(span < 1 for span in spans),
    }


@contextmanager
def arrival_server(arrivals: list[float]) -> Iterator[str]:
    """Yield the address of a server in this process that notes when each request is there."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def serve(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            if data.startswith(b"GET"):
                arrivals.append(time.monotonic())
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                connection.sendall(head + str(len(ANSWER)).encode() + b"\r\n\r\n" + ANSWER)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def coupons_file(folder: Path) -> Path:
    file = folder / "coupons.csv"
    maker = [sys.executable, str(ROOT / "sample_data" / "make_coupons.py"), "--wide", str(RECORDS), str(file)]
    subprocess.run(maker, check=True, stdout=subprocess.DEVNULL)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT", help="upload, plan, chunks, rate; default: all")
    parser.add_argument("--file", type=Path, help="a coupons file to use instead of making one of 500 MB")
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure the rate")
    parser.add_argument("--only", nargs=2, metavar=("ADDRESS", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(only_upload(options.only[0], Path(options.only[1]))))
        return
    wanted = options.what or ["upload", "plan", "chunks", "rate"]
    with tempfile.TemporaryDirectory(prefix="bulkops-benchmark-") as name:
        folder = Path(name)
        file = options.file
        if file is None and {"upload", "plan"} & set(wanted):
            file = coupons_file(folder)
        measures: dict[str, Callable[[], object]] = {
            "chunks": lambda: chunks(folder),
            "rate": lambda: rate(folder, options.seconds),
        }
        if file is not None:
            large = file
            measures |= {"upload": lambda: upload(large), "plan": lambda: plan(large)}
        for what in wanted:
            print(json.dumps({what: measures[what]()}), flush=True)


if __name__ == "__main__":
    main()
