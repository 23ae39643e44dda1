"""Build the good samples: believable records for each contract, the same on every run.

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


def coupons() -> Sample:
    def build(n: int) -> tuple[str, ...]:
        return (
            f"{('SPRING26', 'ZUHAUSE', 'VIP', 'PARTNER')[n % 4]}{token(n, 6)}",
            "" if n % 4 == 3 else moment(n, 2030, 4),
            "" if n % 3 == 0 else moment(n, 2026, 3),
            profile(n * 7) if n % 4 == 2 else "",
            ("1", "", "0", "5", "100", "999999")[n % 6],
            attributes(n),
            ("", "10", "2.5", "0.99", "1000000")[n % 5],
        )

    header = "value,expirydate,startdate,recipientintegrationid,limitval,attributes,discountlimit"
    return sample(header, build, 320)


def referrals() -> Sample:
    def build(n: int) -> tuple[str, ...]:
        return (
            f"FRIEND{token(n, 7)}",
            "" if n % 3 == 1 else moment(n, 2026, 3),
            moment(n, 2031, 2) if n % 2 else "",
            profile(n * 11),
            ("", "1", "10", "0")[n % 4],
            attributes(n + 3),
        )

    return sample("code,startdate,expirydate,advocateprofileintegrationid,limitval,attributes", build, 280)


def giveaways() -> Sample:
    shops = ("Bücherstube, Köln", "Amazon", "Café Zoë", "Kiosk 24/7", "トイストア")

    def build(n: int) -> tuple[str, ...]:
        provider = {"category": shops[n % 5], "priority": n % 3, "source_system": "gift-cards"}
        return (
            f"{token(n, 4)}-{token(n * 3 + 1, 4)}-{n:04d}",
            "" if n % 4 == 0 else moment(n, 2026, 3),
            "" if n % 5 == 0 else moment(n, 2030, 3),
            "" if n % 6 == 5 else json.dumps(provider, ensure_ascii=False, indent=1 if n % 9 == 2 else None),
        )

    return sample("code,startdate,enddate,attributes", build, 260)


def points_owner(n: int) -> str:
    """Return a profile id; every twelfth is one that the import creates."""
    new = ("kundin-Zoë", "cliente-Íñigo", "顧客")[n // 12 % 3]
    return f"{new}-{n // 36 + 1:03d}" if n % 12 == 5 else profile(n * 13)


def points_cells(n: int) -> tuple[str, ...]:
    """Return amount, the dates in one of the documented combinations, subledger and reason."""
    start, expiry, validity = (
        ("immediate", "unlimited", ""),
        ("", "", ""),
        (moment(n, 2026, 3), moment(n, 2030, 3), ""),
        ("immediate", "", ("30D", "12M_U", "1Y", "2W_U", "90D_D", "36h")[n % 6]),
        ("on_action", "", ("90D", "6M", "1Y_U")[n % 3]),
        ("", moment(n, 2031, 2), ""),
        ("on_action", "unlimited", ""),
    )[n % 7]
    reason = (
        "Migration from the old programme",
        "",
        "Rückerstattung, Bestellung 4711",
        'Called "the double week"',
        "Réclamation traitée\npar le service clients",
        "誕生日ボーナス",
    )[n % 6]
    amount = ("100", "12.5", "0.01", "2500", "999.99", "1", "75.25", "20000")[n % 8]
    return amount, start, expiry, validity, SUBLEDGERS[n % 5 % 3], reason


def loyalty_points() -> Sample:
    header = "customerprofileid,amount,startdate,expirydate,validityDuration,subledgerid,reason"
    return sample(header, lambda n: (points_owner(n), *points_cells(n)), 360)


def card(n: int) -> str:
    """Return a card identifier; between them they use every character the API allows."""
    form = (
        "CARD-2026-{:04d}",
        "CARD-2026-{:04d}",
        "legacy.{:04d}_A",
        "{:04d}%50+B",
        "mitglied.{:04d}@card.example",
    )
    return form[n % 5].format(n + 1)


def card_state(n: int) -> str:
    """Return the state of card `n`: every seventh is inactive."""
    return "inactive" if n % 7 == 6 else "active"


def loyalty_cards() -> Sample:
    def build(n: int) -> tuple[str, ...]:
        owners = ("", profile(n), f"{profile(n)};{profile(n + 150)}")[n % 3]
        return card(n), card_state(n), owners, attributes(n + 2)

    return sample("identifier,state,customerprofileids,attributes", build, 300)


def loyalty_points_cards() -> Sample:
    active = [card(n) for n in range(300) if card_state(n) == "active"]
    header = "identifier,amount,startdate,expirydate,validityDuration,subledgerid,reason"
    return sample(header, lambda n: (active[n], *points_cells(n + 2)), 250)


def loyalty_tiers() -> Sample:
    def build(n: int) -> tuple[str, ...]:
        return SUBLEDGERS[n // 100], profile(n * 7), TIERS[n * 5 % 7 % 3], moment(n, 2030, 4)

    return sample("subledgerid,customerprofileid,tiername,expirydate", build, 280)


def loyalty_join_dates() -> Sample:
    return sample("customerprofileid,joindate", lambda n: (profile(n * 7), moment(n, 2015, 10)), 300)


def collections() -> Sample:
    articles = (
        "SKU-{:05d}",
        "Sneaker „Föhn“, Größe {}",
        "Jeans {}/32, slim",
        '{}" monitor',
        "007{:03d}",
        "帽子 {}",
        "Gift set {}\nsoap, towel, candle",
    )
    return sample("item", lambda n: (articles[n % 7].format(n + 1),), 320)


def collections_campaign() -> Sample:
    return sample("item", lambda n: (f"CS-{('VG', 'DV', 'DG')[n % 3]}-{token(n, 5)}-{n:03d}",), 240)


def stores() -> Sample:
    return sample("store_integration_id", lambda n: (store(n * 7 % LAST_STORE),), LAST_STORE)


def store_budgets() -> Sample:
    limits = ("1500", "250", "0", "12000", "999999", "75")
    return sample("store_integration_id,limit", lambda n: (store(n * 11 % LAST_STORE), limits[n % 6]), LAST_STORE)


def audiences() -> Sample:
    return sample("profileintegrationid", lambda n: (profile(n * 7),), 290)


def attribute_values() -> Sample:
    shades = ("anthrazit, matt", "bleu pétrole", "crimson", "grün", 'the "old" white', "藍色")
    return sample("item", lambda n: (f"{shades[n % 6]} {n // 6 + 1:02d}",), 240)


SAMPLES: dict[str, Callable[[], Sample]] = {
    "coupons": coupons,
    "referrals": referrals,
    "giveaways": giveaways,
    "loyalty-points": loyalty_points,
    "loyalty-points-cards": loyalty_points_cards,
    "loyalty-tiers": loyalty_tiers,
    "loyalty-cards": loyalty_cards,
    "loyalty-join-dates": loyalty_join_dates,
    "collections": collections,
    "collections-campaign": collections_campaign,
    "stores": stores,
    "store-budgets": store_budgets,
    "audiences": audiences,
    "attribute-values": attribute_values,
}
