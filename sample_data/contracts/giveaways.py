"""Samples of giveaways: good records, and defects for the broken twin."""

import json

from sample_data.contract import ContractSamples, Header
from sample_data.twins import (
    Defect,
    all_blank,
    attribute_defects,
    blank_line,
    date_defects,
    duplicate,
    reversed_dates,
    swap,
    too_few,
    too_many,
)
from sample_data.values import (
    Record,
    Sample,
    moment,
    sample,
    token,
)


def giveaways() -> Sample:
    """Return the records of giveaways.csv."""
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


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "code", "", "the code is required"),
        duplicate("code", first),
        *date_defects("enddate"),
        swap("date without offset", "startdate", "2026-05-01T00:00:00", "no Z and no offset"),
        reversed_dates("startdate", "enddate"),
        *attribute_defects(),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="giveaways",
    good={"giveaways": giveaways},
    defects=defects,
    header=Header(
        "code,startdate,expirydate,attributes",
        [("unknown column", "expirydate", "the end of a giveaway's window is called `enddate`")],
    ),
)
