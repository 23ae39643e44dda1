"""Measure a copy of coupons between two sandboxes, against export, import and reconcile one after another.

    python benchmarks/copying.py                       # 1,000,000 coupons
    python benchmarks/copying.py --records 20000 --rounds 1

Both ways run as commands in processes of their own, in turn, against sandboxes that are processes too. Each round has
new target sandboxes.
"""

import argparse
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from ours import environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

IDS = ("--application", "1", "--campaign", "1")
KEY = "benchmark-key"
TARGETS = """[targets.old]
base_url = "{old}"
key = {{env = "BULKOPS_MANAGEMENT_KEY"}}
application = 1
campaign = 1
[targets.new]
base_url = "{new}"
key = {{env = "BULKOPS_MANAGEMENT_KEY"}}
application = 1
campaign = 1
"""


def bulkops(state: Path, *words: str) -> tuple[float, str]:
    """Run a command, and return its seconds and its stdout."""
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "bulkops", *words], check=False, capture_output=True, text=True,
        env=environment(BULKOPS_MANAGEMENT_KEY=KEY, BULKOPS_STATE=str(state)),
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"bulkops {words[0]} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return time.perf_counter() - began, ended.stdout


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """Run a sandbox in a process, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "bulkops", "sandbox", "--port", str(port), "--key", KEY]
    with (folder / f"sandbox-{port}.log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment(BULKOPS_STATE=str(folder / "none")))
    try:
        end = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > end:
                raise SystemExit("The sandbox did not start.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def write(path: Path, records: int) -> None:
    """Write an import file of coupons."""
    with path.open("w") as file:
        file.write("value,expirydate,limitval,attributes\n")
        for n in range(records):
            cell = f'"{{""category"": ""group {n % 50}""}}"' if n % 2 else ""
            file.write(f"COPY-{n:08},2031-12-{n % 28 + 1:02}T23:59:59Z,{n % 5},{cell}\n")


def by_hand(state: Path, folder: Path, old: str, new: str) -> dict[str, float]:
    """Export, import and reconcile with one command each; return the seconds of each."""
    file = folder / "by-hand.csv"
    file.unlink(missing_ok=True)
    seconds = {}
    place = ("--base-url", new, *IDS)
    export = ("export", "coupons", "--for-import", "-o", str(file), "--base-url", old, *IDS)
    seconds["export"], _ = bulkops(state, *export)
    seconds["import"], _ = bulkops(state, "import", "coupons", str(file), *place, "--yes")
    seconds["reconcile"], found = bulkops(state, "reconcile", "coupons", str(file), *place, "--json")
    if json.loads(found)["verdict"] != "proved":
        raise SystemExit("The rows are not proved.")
    return seconds


def copied(state: Path, folder: Path, old: str, new: str) -> tuple[float, int]:
    """Copy with one command; return its seconds, and the requests to the target that its plan named."""
    config = folder / "bulkops.toml"
    config.write_text(TARGETS.format(old=old, new=new))
    words = ("--config", str(config), "copy", "coupons", "--from", "old", "--to", "new", "--yes")
    seconds, shown = bulkops(state, *words)
    planned = re.search(r"\n\s+1\s+coupons.*?(\d+)\s+\d+\n", shown)
    if "proved" not in shown or planned is None:
        raise SystemExit("The copy is not proved.")
    return seconds, int(planned[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="bulkops-copy-") as name, sandbox(Path(name)) as old:
        folder = Path(name)
        write(folder / "first.csv", chosen.records)
        bulkops(folder / "fill", "import", "coupons", str(folder / "first.csv"), "--base-url", old, *IDS, "--yes")
        for number in range(chosen.rounds):
            with sandbox(folder) as one:
                parts = by_hand(folder / f"hand-{number}", folder, old, one)
            with sandbox(folder) as other:
                seconds, planned = copied(folder / f"copy-{number}", folder, old, other)
            total = sum(parts.values())
            ratios.append(seconds / total)
            shown = " + ".join(f"{part} {value:.1f}" for part, value in parts.items())
            print(
                f"round {number + 1}: {shown} = {total:.1f} s; copy {seconds:.1f} s, {seconds / total:.2f} x; the plan "
                f"of the copy names {planned} requests to the target",
                flush=True,
            )
    print(f"{chosen.records:,} coupons: copy takes {median(ratios):.2f} x the time of the three commands (median).")


if __name__ == "__main__":
    main()
