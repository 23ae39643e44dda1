"""Samples of value maps: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import Defect, blank_line, duplicate, swap, too_few, too_many
from sample_data.values import Record, Sample, sample


def value_maps() -> Sample:
    """Return the records of value-maps.csv."""
    values = ("10.11", "595", "0", "-3.5", "1250.75")
    return sample("identifier,value", lambda n: (f"sku-{n + 1:04d}", values[n % 5]), 240)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "identifier", "", "the identifier is required"),
        duplicate("identifier", first),
        swap("blank required value", "value", "", "the value is required"),
        swap("not a number", "value", "1,5", "the decimal sign is a point"),
        too_few(),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(contract="value-maps", good={"value-maps": value_maps}, defects=defects)
