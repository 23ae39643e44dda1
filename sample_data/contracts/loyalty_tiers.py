"""Samples of loyalty tiers: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples, Header
from sample_data.twins import Defect, all_blank, blank_line, date_defects, swap, swap_all, too_few, too_many
from sample_data.values import SUBLEDGERS, TIERS, Record, Sample, moment, profile, sample


def loyalty_tiers() -> Sample:
    """Return the records of loyalty-tiers.csv."""

    def build(n: int) -> tuple[str, ...]:
        return SUBLEDGERS[n // 100], profile(n * 7), TIERS[n * 5 % 7 % 3], moment(n, 2030, 4)

    return sample("subledgerid,customerprofileid,tiername,expirydate", build, 280)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    key = {name: first[name] for name in ("subledgerid", "customerprofileid")}
    return [
        swap("blank required value", "customerprofileid", "", "the customer is required"),
        swap("value too long", "customerprofileid", "c" * 1001, "the maximum is 1000 characters"),
        swap("blank required value", "tiername", "", "the tier is required"),
        swap("value too long", "subledgerid", "s" * 65, "the maximum is 64 characters"),
        swap("date in the past", "expirydate", "2020-01-01T00:00:00Z", "a tier should end in the future"),
        *date_defects("expirydate"),
        swap_all("duplicate key", key, "subledger and customer of record 1 again"),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="loyalty-tiers",
    good={"loyalty-tiers": loyalty_tiers},
    defects=defects,
    header=Header(
        "subledgerid,customerprofileid,tier_name,expirydate",
        [
            ("missing column", "tiername", "a required column"),
            ("unknown column", "tier_name", "`tiername` is written in one word"),
        ],
    ),
)
