"""Samples of coupons: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
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
from sample_data.values import Record, Sample, attributes, moment, profile, sample, token


def coupons() -> Sample:
    """Return the records of coupons.csv."""

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


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "value", "", "the code is required"),
        swap("value too short", "value", "AB", "the minimum is 3 characters"),
        swap("longer than recommended", "value", "SPRING26" + "X" * 23, "31 characters; 30 are recommended at most"),
        duplicate("value", first),
        *date_defects("expirydate"),
        swap("impossible date", "startdate", "2027-13-01T00:00:00Z", "there are 12 months"),
        reversed_dates("startdate", "expirydate"),
        swap("value too long", "recipientintegrationid", "c" * 1001, "the maximum is 1000 characters"),
        swap("not an integer", "limitval", "1.5", "uses are counted in whole numbers"),
        swap("out of range", "limitval", "1000000", "999999 is the most"),
        swap("not a number", "discountlimit", "2,50", "the decimal sign is a point"),
        swap("out of range", "discountlimit", "-1", "0 is the least"),
        swap("invalid json", "attributes", '{"priority": NaN}', "NaN is not JSON"),
        *attribute_defects(),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="coupons",
    good={"coupons": coupons},
    defects=defects,
)
