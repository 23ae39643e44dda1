"""Samples of attribute values: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import BARE, Defect, blank_line, duplicate, raw, swap, too_many
from sample_data.values import Record, Sample, sample


def attribute_values() -> Sample:
    """Return the records of attribute-values.csv."""
    shades = ("anthrazit, matt", "bleu pétrole", "crimson", "grün", 'the "old" white', "藍色")
    return sample("item", lambda n: (f"{shades[n % 6]} {n // 6 + 1:02d}",), 240)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "item", "", "an item cannot be blank"),
        duplicate("item", first),
        raw("bare quote", "item", BARE, "a cell with quotes is quoted itself"),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="attribute-values",
    good={"attribute-values": attribute_values},
    defects=defects,
)
