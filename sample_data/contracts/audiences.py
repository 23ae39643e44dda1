"""Samples of audiences: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import Defect, blank_line, duplicate, swap, too_many
from sample_data.values import Record, Sample, profile, sample


def audiences() -> Sample:
    """Return the records of audiences.csv."""
    return sample("profileintegrationid", lambda n: (profile(n * 7),), 290)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    column = "profileintegrationid"
    return [
        swap("blank required value", column, "", "the profile is required"),
        swap("value too long", column, "c" * 1001, "the maximum is 1000 characters"),
        duplicate(column, first),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="audiences",
    good={"audiences": audiences},
    defects=defects,
)
