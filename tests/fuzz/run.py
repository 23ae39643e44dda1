"""Run the fuzzer, as in `python -m tests.fuzz.run --seconds 600`, and print how many files broke which invariant."""

import argparse
import gc
import hashlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz import invariants
from tests.fuzz.inputs import FuzzedFile, any_file, structure_of_anything
from tests.fuzz.invariants import Broken

_CHECKS = {
    "structure": invariants.structure,
    "validation": invariants.validation,
    "repair": invariants.repair,
    "chunks": invariants.chunks,
    "commands": invariants.commands,
}
_ROTA = ("validation", "repair", "validation", "chunks", "validation", "repair", "validation", "commands")
_EVERY = 10
"""One file of so many gets the next check of the rota, which takes longer than that of the structure of the others."""


@dataclass
class Tally:
    """How many files each check has seen, and the smallest file that breaks each invariant."""

    files: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    smallest: dict[str, tuple[FuzzedFile, Broken, int]] = field(default_factory=dict)

    def add(self, check: str, file: FuzzedFile, seed: int) -> None:
        """Check a file."""
        self.files[check] += 1
        for one in invariants.broken(_CHECKS[check], file, Random(seed)):
            self.broken[one.invariant] += 1
            known = self.smallest.get(one.invariant)
            if known is None or len(file.data) < len(known[0].data):
                self.smallest[one.invariant] = (file, one, seed)

    def report(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return {"inputs": sum(self.files.values()), "checks": dict(self.files), "broken": dict(self.broken)}


def checked(seed: int, tally: Tally, *, every: bool = False) -> None:
    """Check the file of a seed; `every` check, or those that its number selects."""
    random = Random(seed)
    if every:
        for check in _CHECKS:
            tally.add(check, any_file(random), seed)
    elif seed % _EVERY:
        tally.add("structure", structure_of_anything(random), seed)
    else:
        tally.add(_ROTA[seed // _EVERY % len(_ROTA)], any_file(random), seed)


def main() -> int:
    """Check files until their number or the time is reached; exit code 1 if an invariant is broken."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=sys.maxsize, help="number of files")
    options.add_argument("--seconds", type=float, default=float("inf"), help="longest run")
    options.add_argument(
        "--first", type=int, default=1, help="number of the first file; the same number is the same file"
    )
    options.add_argument("--failures", type=Path, help="folder for the smallest file that breaks each invariant")
    options.add_argument("--every", action="store_true", help="make every check with each number")
    chosen = options.parse_args()
    # The modules stay in memory, so the collector need not look at them again and again.
    gc.freeze()
    gc.set_threshold(50_000)
    tally, began, shown = Tally(), time.monotonic(), 0.0
    seed = chosen.first
    while seed - chosen.first < chosen.inputs and (passed := time.monotonic() - began) < chosen.seconds:
        checked(seed, tally, every=chosen.every)
        seed += 1
        if passed - shown > 60:
            shown = passed
            print(f"{passed:.0f} s, next {seed}: {json.dumps(tally.report())}", file=sys.stderr, flush=True)
            _save(tally, chosen.failures)
    _save(tally, chosen.failures)
    print(json.dumps({**tally.report(), "seconds": round(time.monotonic() - began, 1), "next": seed}, indent=2))
    for invariant, (file, one, number) in tally.smallest.items():
        print(f"\n{invariant}\n  file {number}, {file.contract.name}: {file.data!r}\n  {one.facts[:2000]}")
    return 1 if tally.broken else 0


def _save(tally: Tally, folder: Path | None) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for invariant, (file, one, number) in tally.smallest.items():
        name = hashlib.sha256(invariant.encode()).hexdigest()[:8]
        (folder / f"{name}.csv").write_bytes(file.data)
        (folder / f"{name}.txt").write_text(f"{invariant}\n{number} {file.contract.name}\n{one.facts}\n")


if __name__ == "__main__":
    sys.exit(main())
