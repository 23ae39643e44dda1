"""The samples of one contract, and the broken twins made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sample_data.make_coupons import Placed
from sample_data.twins import LEAST_RECORDS, Defect, Flaw, Twin, line, twin
from sample_data.values import Record, Sample


@dataclass(frozen=True)
class Header:
    """A wrong header line, and its defects as (kind, column, reason)."""

    line: str
    defects: list[tuple[str, str | None, str]]


@dataclass(frozen=True)
class ContractSamples:
    """The sample files of one contract.

    `good` builds the good files by name, the first of them named as the contract. `defects` returns the defects of
    broken/CONTRACT.csv from its first record; `twin_records` builds its good records where the good file lacks
    columns that defects need. `header` is the header line of broken/header/CONTRACT.csv, if there is one.
    """

    contract: str
    good: Mapping[str, Callable[[], Sample]]
    defects: Callable[[Record], list[Defect]]
    twin_records: Callable[[], list[Record]] | None = None
    header: Header | None = None

    def content_twin(self) -> Twin:
        """Return the twin with the right header and defects in its records."""
        records = self.twin_records() if self.twin_records else self._records()
        return twin(records, self.defects(records[0]))

    def header_twin(self) -> Twin | None:
        """Return the twin with a wrong header line over good records; its defects are in no record."""
        if self.header is None:
            return None
        flaws = tuple(Flaw(Placed(None, 1, column, kind), reason) for kind, column, reason in self.header.defects)
        records = self._records()[:LEAST_RECORDS]
        return Twin(self.header.line + "\n" + "".join(line(list(each.values())) for each in records), flaws)

    def _records(self) -> list[Record]:
        return list(self.good[self.contract]().records)
