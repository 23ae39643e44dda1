"""Files for the second server, some with records that it refuses, and its content."""

import csv
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tests.foreign.server import ForeignServer

IDS = {
    "coupons": {"application": 42, "campaign": 18},
    "giveaways": {"pool": 5},
    "loyalty-points": {"program": 3},
    "loyalty-cards": {"program": 3},
    "loyalty-tiers": {"program": 3},
}
HEADERS = {
    "coupons": "value,attributes",
    "giveaways": "code",
    "loyalty-points": "customerprofileid,amount",
    "loyalty-cards": "identifier,state",
    "loyalty-tiers": "subledgerid,customerprofileid,tiername,expirydate",
}
RECORDS = {
    "coupons": "CODE-{:03},",
    "giveaways": "GIFT-{:03}",
    "loyalty-points": "customer-{:03},5",
    "loyalty-cards": "CARD-{:03},active",
    "loyalty-tiers": ",customer-{:03},Gold,2031-01-01T00:00:00Z",
}

BAD_CELLS = {
    "coupons": "BADCODE-{:06},",
    "giveaways": "BADGIFT-{:06}",
    "loyalty-points": "BADcustomer-{:06},5",
    "loyalty-cards": "BADCARD-{:06},active",
    "loyalty-tiers": ",customer-{:06},BAD,2031-01-01T00:00:00Z",
}


def write(path: Path, contract: str, *, records: int, bad: Collection[int] = (), lines: bool = False) -> Path:
    """Write a file; some of its records are refused, and with `lines` cells hold line ends."""
    rows = [RECORDS[contract].format(n).replace("C", "BADC" if n in bad else "C", 1) for n in range(records)]
    if contract == "loyalty-tiers":
        rows = [row.replace("Gold", "BAD" if n in bad else "Gold") for n, row in enumerate(rows)]
    if lines:
        rows = [row + '"{""a"":\n1}"' if n % 3 == 0 else row for n, row in enumerate(rows)]
    path.write_text("\n".join([HEADERS[contract], *rows]) + "\n")
    return path


def sent(path: Path) -> Counter[tuple[str, ...]]:
    with path.open(newline="") as file:
        return Counter(tuple(row.values()) for row in csv.DictReader(file))


def held(server: ForeignServer, contract: str) -> Counter[tuple[str, ...]]:
    rows = server.world.rows[contract]
    return Counter(tuple(value for name, value in row.items() if name not in "#@!") for row in rows)
