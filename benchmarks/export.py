"""Export a large response from a server on loopback, alternating with `curl -o` of the same response.

    python benchmarks/export.py 4000000 [--work DIR] [--rounds 5] [--rate MB]

The server sends a file with `sendfile`, which costs it almost nothing. `--rate` limits the megabytes per second, like a
server that has to produce its rows. Peak memory is that of the exporting process.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from ours import ROOT, environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from reconcile import pair  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

STEP = 1 << 20


def serve(listener: socket.socket, export: Path, rate: float) -> None:
    """Answer every request with the file, so many bytes a second."""
    while True:
        connection, _ = listener.accept()
        with connection, export.open("rb") as file:
            connection.recv(65536)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/csv\r\nContent-Length: {export.stat().st_size}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            begun, sent, size = time.monotonic(), 0, export.stat().st_size
            while sent < size:
                sent += connection.sendfile(file, sent, STEP)
                time.sleep(max(0.0, begun + sent / rate - time.monotonic()))


def timed(command: list[str], environment: dict[str, str]) -> float:
    # Unwritten data of the previous run must not count for this run.
    os.sync()
    start = time.monotonic()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("records", nargs="?", default="1000000")
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=float("inf"), metavar="MB")
    arguments = parser.parse_args()
    _, export = pair(int(arguments.records), arguments.work)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    threading.Thread(target=serve, args=(listener, export, arguments.rate * 1e6), daemon=True).start()
    out = arguments.work / "exported.csv"
    ours = environment(BULKOPS_MANAGEMENT_KEY="k", BULKOPS_STATE=f"{out}.state")
    bulkops = [sys.executable, "-m", "bulkops", "export", "coupons", "--application", "1", "--base-url", url]
    commands = {
        "curl": [shutil.which("curl") or "curl", "-s", "-o", str(out), url],
        "bulkops": [*bulkops, "-o", str(out), "--overwrite"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            seconds[name].append(timed(command, ours))
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(json.dumps({
        "bytes": export.stat().st_size, "seconds": {n: round(s, 2) for n, s in middle.items()},
        "share_of_curl": round(middle["curl"] / middle["bulkops"], 2), "peak_mb": round(peak),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
