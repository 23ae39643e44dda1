"""Samples of referrals: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import (
    Defect,
    attribute_defects,
    blank_line,
    date_defects,
    duplicate,
    reversed_dates,
    swap,
    too_few,
    too_many,
)
from sample_data.values import Record, Sample, attributes, moment, profile, sample, token


def referrals() -> Sample:
    """Return the records of referrals.csv."""

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


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    advocate = "advocateprofileintegrationid"
    return [
        swap("blank required value", "code", "", "the code is required"),
        swap("value too short", "code", "REF", "the minimum is 4 characters"),
        duplicate("code", first),
        swap("blank required value", advocate, "", "the advocate is required"),
        swap("value too long", advocate, "c" * 1001, "the maximum is 1000 characters"),
        *date_defects("startdate", also={"expirydate": ""}),
        reversed_dates("startdate", "expirydate"),
        swap("not an integer", "limitval", "many", "not a number at all"),
        swap("out of range", "limitval", "-1", "0 is the least"),
        *attribute_defects(),
        too_few(),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="referrals",
    good={"referrals": referrals},
    defects=defects,
)
