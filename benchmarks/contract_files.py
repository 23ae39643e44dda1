"""Write a file of any number of valid records for each contract, with the same bytes for the same arguments.

    python benchmarks/contract_files.py 1000000 folder               # one file per contract
    python benchmarks/contract_files.py 1000000 folder --one-line    # without cells over several lines

Keys are unique. All other cells come from the sample records, but each timestamp gets its own time of day.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "validators")]

from bulkops_validators import CONTRACTS  # noqa: E402
from sample_data.contracts import ALL_SAMPLES  # noqa: E402
from sample_data.values import Record, token  # noqa: E402

KEYS = {
    "coupons": ("value", "CODE"),
    "giveaways": ("code", "GIFT-"),
    "referrals": ("code", "FRIEND"),
    "loyalty-cards": ("identifier", "CARD-"),
    "loyalty-points": ("customerprofileid", "customer-"),
    "loyalty-tiers": ("customerprofileid", "customer-"),
    "loyalty-join-dates": ("customerprofileid", "customer-"),
    "audiences": ("profileintegrationid", "customer-"),
    "collections": ("item", "SKU-"),
    "attribute-values": ("item", "item "),
    "stores": ("store_integration_id", "STORE-"),
    "store-budgets": ("store_integration_id", "STORE-"),
}
"""The key column of each contract, and the beginning of its cells."""
_CODES = {"CODE", "FRIEND", "GIFT-"}
"""Beginnings that a code follows; numbers follow the others."""
_TIME = re.compile(r"T\d\d:\d\d:\d\d")
_SECONDS_STEP = 5_417
"""Seconds between the times of successive records; prime to the seconds of a day."""


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text


def _templates(records: tuple[Record, ...], key: str, *, one_line: bool) -> list[str]:
    """Return the sample records as lines, with {} for the key and for each time of day."""
    lines = []
    for record in records:
        if one_line and any("\n" in cell for cell in record.values()):
            continue
        cells = [_quoted(cell).replace("{", "{{").replace("}", "}}") for cell in record.values()]
        filled = [
            "{key}" if name == key else _TIME.sub("T{time}", cell) for name, cell in zip(record, cells, strict=True)
        ]
        lines.append(",".join(filled))
    return lines


def lines(contract: str, count: int, *, one_line: bool = False) -> Iterator[str]:
    """Yield the header and `count` records of a contract."""
    key, beginning = KEYS[contract]
    build = next(samples.good[contract] for samples in ALL_SAMPLES if samples.contract == contract)
    sample = build()
    yield ",".join(sample.columns) + "\n"
    makers = [template.format for template in _templates(sample.records, key, one_line=one_line)]
    times = [f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}" for n in range(86_400)]
    for n in range(count):
        own = token(n, 8) if beginning in _CODES else f"{n:07d}"
        line = makers[n * 7 % len(makers)](key=beginning + own, time=times[n * _SECONDS_STEP % 86_400])
        yield line + "\n"


def write(contract: str, count: int, path: Path, *, one_line: bool = False) -> None:
    """Write the file of a contract, unless it exists."""
    if not path.exists():
        part = path.with_name(path.name + ".part")
        with part.open("w", encoding="utf-8", newline="") as out:
            out.writelines(lines(contract, count, one_line=one_line))
        part.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a file of valid records for each contract.")
    parser.add_argument("records", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--one-line", action="store_true", help="no cells over several lines")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for contract in CONTRACTS:
        write(contract, given.records, given.folder / f"{contract}.csv", one_line=given.one_line)


if __name__ == "__main__":
    main()
