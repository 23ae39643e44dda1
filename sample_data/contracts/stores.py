"""Samples of stores: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples, Header
from sample_data.twins import Defect, blank_line, duplicate, swap, too_many
from sample_data.values import LAST_STORE, Record, Sample, sample, store


def stores() -> Sample:
    """Return the records of stores.csv."""
    return sample("store_integration_id", lambda n: (store(n * 7 % LAST_STORE),), LAST_STORE)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    column = "store_integration_id"
    return [
        swap("blank required value", column, "", "the store is required"),
        swap("value too long", column, "S" * 1001, "the maximum is 1000 characters"),
        duplicate(column, first),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="stores",
    good={"stores": stores},
    defects=defects,
    header=Header(
        "storeintegrationid",
        [
            ("missing column", "store_integration_id", "a required column"),
            ("unknown column", "storeintegrationid", "the name has underscores: `store_integration_id`"),
        ],
    ),
)
