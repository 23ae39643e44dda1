"""Compare the rows in the sandbox with the records of a file, as multisets of the same form."""

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkops.sandbox.serve import SandboxServer

Rows = Counter[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A contract with an invented file: its records, and the table of the sandbox that contains them."""

    contract: str
    ids: Mapping[str, int]
    header: tuple[str, ...]
    record: Callable[[int, random.Random], tuple[str, ...]]
    table: str
    columns: tuple[str, ...]
    where: Mapping[str, Any]

    def write(self, path: Path, *, records: int, seed: int) -> Path:
        """Write a file of so many records, with quoted commas and line breaks where the contract allows text."""
        chance = random.Random(seed)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.header)
            writer.writerows(self.record(number, chance) for number in range(records))
        return path

    def held(self, sandbox: SandboxServer) -> Rows:
        """Return the rows that the sandbox contains, as a multiset of texts."""
        rows = sandbox.state.rows(self.table, **self.where)
        return Counter(tuple(str(row[column]) for column in self.columns) for row in rows)


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """Return the records of a file in order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in list(csv.reader(file))[1:]]


def counted(rows: Iterable[tuple[str, ...]]) -> Rows:
    """Return rows as a multiset."""
    return Counter(rows)


CAMPAIGN = {"application": 1, "campaign": 1}
CASES = {
    case.contract: case
    for case in (
        Case(
            contract="coupons",
            ids=CAMPAIGN,
            header=("value", "limitval"),
            record=lambda n, _: (f"CODE-{n:06}", "3"),
            table="coupon",
            columns=("value", "limitval"),
            where={},
        ),
        Case(
            contract="giveaways",
            ids={"pool": 1},
            header=("code",),
            record=lambda n, chance: (f"GIFT, {chance.randrange(n // 2 + 1)}\nsecond line",),
            table="giveaway",
            columns=("code",),
            where={},
        ),
        Case(
            contract="loyalty-points",
            ids={"program": 1},
            header=("customerprofileid", "amount", "reason"),
            record=lambda _, chance: (
                f"customer-{chance.randrange(1, 40):04}",
                str(chance.randrange(1, 4)),
                "Why, not",
            ),
            table="point",
            columns=("profile", "amount", "reason"),
            where={},
        ),
        Case(
            contract="loyalty-cards",
            ids={"program": 2},
            header=("identifier", "state"),
            record=lambda n, chance: (f"NEWCARD-{n:05}", chance.choice(("active", "inactive"))),
            table="card",
            columns=("identifier", "status"),
            where={},
        ),
        Case(
            contract="loyalty-join-dates",
            ids={"program": 1},
            header=("customerprofileid", "newjoindate"),
            record=lambda n, chance: (f"customer-{n + 1:04}", f"2024-05-{chance.randrange(1, 29):02}T10:00:00Z"),
            table="join_date",
            columns=("profile", "joined"),
            where={},
        ),
        Case(
            contract="audiences",
            ids={"audience": 1},
            header=("profileintegrationid",),
            record=lambda n, _: (f"customer-{n + 1:04}",),
            table="audience_member",
            columns=("item",),
            where={"owner": 1},
        ),
        Case(
            contract="attribute-values",
            ids={"attribute": 1},
            header=("item",),
            record=lambda n, _: (f"value, {n}",),
            table="allowed_item",
            columns=("item",),
            where={"owner": 1},
        ),
    )
}
OTHERS = {
    case.contract: case
    for case in (
        Case(
            contract="referrals",
            ids={"application": 1, "campaign": 1},
            header=("code", "advocateprofileintegrationid"),
            record=lambda n, chance: (f"FRIEND{n:05}", f"customer-{chance.randrange(1, 40):04}"),
            table="referral",
            columns=("value", "advocate"),
            where={},
        ),
        Case(
            contract="loyalty-tiers",
            ids={"program": 1},
            header=("customerprofileid", "tiername"),
            record=lambda n, chance: (f"customer-{n + 1:04}", chance.choice(("Bronze", "Silver", "Gold"))),
            table="tier",
            columns=("profile", "tiername"),
            where={},
        ),
        Case(
            contract="collections",
            ids={"collection": 1},
            header=("item",),
            record=lambda n, _: (f"item, {n}",),
            table="collection_item",
            columns=("item",),
            where={"owner": 1},
        ),
        Case(
            contract="stores",
            ids={"application": 1, "campaign": 1},
            header=("store_integration_id",),
            record=lambda n, _: (f"STORE-{n + 1:03}",),
            table="campaign_store",
            columns=("item",),
            where={"owner": 1},
        ),
        Case(
            contract="store-budgets",
            ids={"application": 1, "campaign": 1},
            header=("store_integration_id", "limit"),
            record=lambda n, _: (f"STORE-{n + 1:03}", str(n + 10)),
            table="store_budget",
            columns=("item", "amount"),
            where={"owner": 1},
        ),
    )
}
ALL = CASES | OTHERS
"""A case for each contract."""
