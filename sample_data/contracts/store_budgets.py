"""Samples of store budgets: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import Defect, blank_line, duplicate, swap, too_few, too_many
from sample_data.values import LAST_STORE, Record, Sample, sample, store


def store_budgets() -> Sample:
    """Return the records of store-budgets.csv."""
    limits = ("1500", "250", "0", "12000", "999999", "75")
    return sample("store_integration_id,limit", lambda n: (store(n * 11 % LAST_STORE), limits[n % 6]), LAST_STORE)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    column = "store_integration_id"
    return [
        swap("blank required value", column, "", "the store is required"),
        swap("value too long", column, "S" * 1001, "the maximum is 1000 characters"),
        duplicate(column, first),
        swap("blank required value", "limit", "", "the limit is required"),
        swap("not a number", "limit", "1,500", "no thousands separator"),
        swap("not a number", "limit", "€200", "no currency sign"),
        swap("out of range", "limit", "-1", "0 is the least"),
        too_few(),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="store-budgets",
    good={"store-budgets": store_budgets},
    defects=defects,
)
