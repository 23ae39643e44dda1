"""Measure the time until a user sees a problem: an unreachable server, one reason for all records, the preflight.

    python benchmarks/operate.py                      # 100,000 records
    python benchmarks/operate.py --records 2000       # a quick look

Each figure is of one command in a process of its own, against a sandbox in this process. Times include the start.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ours import environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

from bulkops.sandbox.serve import SandboxServer

UNREACHABLE = {"http://127.0.0.1:1": "refused the connection", "https://no-such-host.invalid": "host name"}
SETTLE = "2"
FILES: dict[str, tuple[str, Callable[[int], str], tuple[str, ...]]] = {
    "coupons": ("value", lambda n: f"CODE-{n:07}", ("--application", "1", "--campaign", "1")),
    "giveaways": ("code", lambda n: f"GIFT-{n:07}", ("--pool", "1")),
    "loyalty-points": ("customerprofileid,amount", lambda n: f"customer-{n:07},5", ("--program", "1")),
    "loyalty-cards": ("identifier,state", lambda n: f"NEWCARD-{n:07},active", ("--program", "2")),
    "loyalty-tiers": ("customerprofileid,tiername", lambda n: f"customer-{n:07},Gold", ("--program", "1")),
}


@dataclass(frozen=True)
class Run:
    """How a command ended: its exit code, its seconds, and its lines on stderr with the seconds of each."""

    code: int
    seconds: float
    lines: list[tuple[float, str]]

    def first_with(self, text: str) -> float:
        """Return the seconds to the first line with a text."""
        return next((seconds for seconds, line in self.lines if text in line), self.seconds)


def run(*words: str, **variables: str) -> Run:
    """Run a command, and time each of its lines on stderr."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkops", *words],
        env=environment(BULKOPS_MANAGEMENT_KEY="benchmark-key", **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [(time.perf_counter() - began, line.rstrip()) for line in process.stderr]
    return Run(process.wait(), time.perf_counter() - began, lines)


def written(folder: Path, contract: str, records: int) -> Path:
    """Write a file of a contract."""
    header, row, _ = FILES[contract]
    folder.mkdir(exist_ok=True)
    path = folder / f"{contract}.csv"
    path.write_text("\n".join([header, *map(row, range(records))]) + "\n")
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory(prefix="bulkops-operate-") as name:
        folder = Path(name)
        files = {contract: written(folder, contract, records) for contract in FILES}
        small = written(folder / "small", "giveaways", 10)
        start = run("jobs", "list", BULKOPS_STATE=str(folder / "start")).seconds
        for number, (address, cause) in enumerate(UNREACHABLE.items()):
            words = ("import", "giveaways", str(small), "--pool", "1", "--base-url", address)
            found = run(*words, BULKOPS_STATE=str(folder / f"u{number}"))
            said = found.first_with(cause)
            print(f"{address:32} exit {found.code}, the cause after {said:4.1f} s (`jobs list` takes {start:.1f} s)")
        for number, (contract, (_, _, ids)) in enumerate(FILES.items()):
            with SandboxServer(key="benchmark-key") as sandbox:
                place = ("--base-url", sandbox.base_url, "--settle", SETTLE, *ids)
                state = str(folder / f"s{number}")
                dry = run("import", contract, str(files[contract]), *place, "--dry-run", BULKOPS_STATE=state)
                preflight = len(sandbox.requests)
                sandbox.set_faults("imports=400:before")
                refused = run("import", contract, str(files[contract]), *place, BULKOPS_STATE=state)
                print(
                    f"{contract:16} preflight {preflight:3} requests, {dry.seconds:5.1f} s; refused for one reason: "
                    f"exit {refused.code}, {len(sandbox.requests) - preflight:3} requests, {refused.seconds:5.1f} s"
                )


if __name__ == "__main__":
    main()
