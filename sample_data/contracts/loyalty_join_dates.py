"""Samples of loyalty join dates: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples, Header
from sample_data.twins import Defect, blank_line, date_defects, duplicate, swap, too_few, too_many
from sample_data.values import Record, Sample, moment, profile, sample


def loyalty_join_dates() -> Sample:
    """Return the records of loyalty-join-dates.csv."""
    return sample("customerprofileid,joindate", lambda n: (profile(n * 7), moment(n, 2015, 10)), 300)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "customerprofileid", "", "the customer is required"),
        duplicate("customerprofileid", first),
        swap("value too long", "customerprofileid", "c" * 1001, "the maximum is 1000 characters"),
        swap("blank required value", "joindate", "", "the date is required"),
        *date_defects("joindate"),
        swap("impossible date", "joindate", "2024-05-01T24:30:00Z", "the day has 24 hours"),
        too_few(),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="loyalty-join-dates",
    good={"loyalty-join-dates": loyalty_join_dates},
    defects=defects,
    header=Header(
        "customerprofileid,customerprofileid",
        [
            ("missing column", "joindate", "a required column"),
            ("duplicate column", "customerprofileid", "a name can appear only once"),
        ],
    ),
)
