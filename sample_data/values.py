"""Make values for the good samples, the same on every run.

Every value is arithmetic on the record's position, so nothing depends on a random generator.
Ids are those of the sandbox's default world, stores those of world.json.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Record = dict[str, str]

ZONES = ("Z", "+02:00", "-05:00", "+05:30", "+00:00", "-03:30", "+12:45")
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SUBLEDGERS = ("travel", "cashback", "")
TIERS = ("Gold", "Silver", "Bronze")
LAST_PROFILE = 300
LAST_STORE = 240

ATTRIBUTES: tuple[dict[str, object] | None, ...] = (
    {"category": "10_off"},
    None,
    {"category": "Größe 42, rot", "tags": ["sale", "été, fin de série"]},
    {"category": "winter", "source_system": "legacy-crm"},
    {"source_system": "SAP", "priority": 3, "vip": True},
    {"category": 'the "early bird" offer', "priority": 1.5},
    {"purchased_at": "2026-03-01T09:30:00+01:00", "scores": [1, 2.5, 10]},
    {"category": "名入れギフト", "vip": False},
    {"visited_at": ["2026-01-05T08:00:00Z", "2026-02-11T18:45:00-05:00"], "tags": []},
)


@dataclass(frozen=True)
class Sample:
    """One good file: its columns in order and its records."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]


def sample(columns: str, build: Callable[[int], tuple[str, ...]], count: int) -> Sample:
    """Return `count` records with the cells `build` gives for positions from 0."""
    names = tuple(columns.split(","))
    return Sample(names, tuple(dict(zip(names, build(n), strict=True)) for n in range(count)))


def profile(n: int) -> str:
    """Return a profile id of the default world, going round after the last."""
    return f"customer-{n % LAST_PROFILE + 1:04d}"


def store(n: int) -> str:
    """Return a store id of world.json."""
    return f"STORE-{n + 1:03d}"


def token(n: int, length: int) -> str:
    """Return `length` characters that look random and differ for each `n`."""
    number = (n * 2_654_435_761 + 11) % 32**length
    return "".join(ALPHABET[number // 32**place % 32] for place in range(length))


def moment(n: int, first: int, years: int) -> str:
    """Return an instant in one of `years` years from `first`, with one of several offsets."""
    day = datetime(first, 1, 1, tzinfo=UTC) + timedelta(days=n * 37 % (365 * years), minutes=n * 45 % 1440)
    return f"{day:%Y-%m-%dT%H:%M}:{n * 7 % 60:02d}{ZONES[n % len(ZONES)]}"


def attributes(n: int) -> str:
    """Return a JSON object or a blank; every fourth object of two names is set over several lines."""
    value = ATTRIBUTES[n % len(ATTRIBUTES)]
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, indent=1 if len(value) > 1 and n % 4 == 3 else None)
