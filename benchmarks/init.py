"""How long `bulkops init` takes for a legacy file of 100 MB: at most 3 seconds, from start to exit.

    python benchmarks/init.py              # 100 MB each: seven columns, and twenty with many dates and amounts
    python benchmarks/init.py --mb 500

Every measurement is a process of its own: wall seconds, seconds of the processor, and peak memory. The best of
several rounds counts. The 20 columns show what more dates and amounts cost.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from ours import ROOT, environment  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

NARROW = (
    "Code;Starts At;Ends At;Usage Limit;Max Discount;Customer Email;Note",
    "SPRING-{n:08d};{day:02d}.12.2026;31.12.2027;{small};1.{three:03d},50;c{n}@shop.example;words of row {n}",
)
WIDE = (
    "Card number;Status;Points;" + ";".join(f"Date {i};Amount {i}" for i in range(8)) + ";Member since",
    "CARD-{n:08d};active;{three},25;" + "{day:02d}/12/2026 10:{small:02d};{n},5;" * 8 + "{day:02d}/01/2020",
)


def make(path: Path, form: tuple[str, str], size: int) -> Path:
    """Write a file of about `size` bytes, once."""
    if not path.exists():
        header, row = form
        with path.open("w", encoding="utf-8") as file:
            file.write(header + "\n")
            number = 0
            while file.tell() < size:
                file.writelines(
                    row.format(n=n, day=n % 28 + 1, small=n % 9 + 1, three=n % 900) + "\n"
                    for n in range(number, number + 10_000)
                )
                number += 10_000
    return path


def measure(path: Path) -> tuple[float, float, int]:
    """Return the wall seconds, the processor's seconds and the peak memory in MB of one run."""
    command = [sys.executable, "-m", "bulkops", "init", str(path)]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment(), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        for name, form in (("7 columns", NARROW), ("20 columns", WIDE)):
            path = make(folder / f"{name.split()[0]}-{given.mb}.csv", form, given.mb * 1_000_000)
            runs = [measure(path) for _ in range(given.runs)]
            wall, cpu, peak = (min(run[i] for run in runs) for i in range(3))
            print(f"{name}, {given.mb} MB: {wall:.2f} s, {cpu:.2f} s of the processor, {peak} MB", flush=True)


if __name__ == "__main__":
    main()
