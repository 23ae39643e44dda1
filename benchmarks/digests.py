"""Measure the cost of record digests: validation of a coupons file with and without them, in turns.

    python benchmarks/digests.py                      # 4,000,000 coupons
    python benchmarks/digests.py --records 200000     # a quick look

Each measurement is a process of its own that validates the file once; the median ratio of paired runs counts. Printed
are seconds, peak memory, bytes a record on the disk, and how long a comparison with an earlier job of the same file
takes.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from validate import Figure, make, measure  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

from bulkops.validation.digests import Digests
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

VALIDATE = """
import sys
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
validate_files(CONTRACTS["coupons"], [sys.argv[1]], settings=ValidationSettings(digests=sys.argv[2] == "yes"))
"""
COMPARE = """
import sys, time
import numpy as np
from bulkops.upload import sent_before
digests = np.load(sys.argv[1], mmap_mode="r")
sent_before.kept_digests = lambda ledger, job, records: digests
sent_before.records_in = lambda ledger, job, states: np.ones(len(digests), np.bool_)
class Job: id, records = "earlier", len(digests)
began = time.perf_counter()
found = sent_before.sent_before(None, [Job()], np.array(digests))
print(f"{found.records:,} equal records found in {time.perf_counter() - began:.2f} s", file=sys.stderr)
"""


def digests_of(path: Path) -> Digests:
    """Return the digests of a file."""
    (found,) = validate_files(CONTRACTS["coupons"], [path], settings=ValidationSettings(digests=True)).files
    if found.digests is None:
        raise SystemExit("The validation made no digests.")
    return found.digests


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "bulkops-benchmarks"
    folder.mkdir(exist_ok=True)
    path = make(folder, f"coupons-{chosen.records}.csv", chosen.records)
    pairs: list[tuple[Figure, Figure]] = []
    for number in range(chosen.rounds):
        order = ("no", "yes") if number % 2 == 0 else ("yes", "no")
        runs = {word: measure([sys.executable, "-c", VALIDATE, str(path), word]) for word in order}
        pairs.append((runs["no"], runs["yes"]))
    for name, figures in zip(("without digests", "with digests"), zip(*pairs, strict=True), strict=True):
        best = min(figures, key=lambda figure: figure.seconds)
        print(f"{name:20} {best.seconds:7.2f} s {best.processor:7.2f} s cpu {best.megabytes:7.0f} MB")
    print(f"median ratio of seconds   {statistics.median(w.seconds / wo.seconds for wo, w in pairs):.3f}")
    print(f"median ratio of cpu       {statistics.median(w.processor / wo.processor for wo, w in pairs):.3f}")
    began = time.perf_counter()
    digests = digests_of(path)
    saved = folder / "digests.npy"
    np.save(saved, digests)
    print(f"bytes a record            {digests.nbytes / len(digests):.0f} ({time.perf_counter() - began:.2f} s)")
    print(f"comparing: {measure([sys.executable, '-c', COMPARE, str(saved)]).megabytes:.0f} MB at most")
    saved.unlink()


if __name__ == "__main__":
    main()
