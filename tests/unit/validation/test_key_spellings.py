"""Keys that are equal, or equal to a reader, are found across blocks, whatever the other keys of each block are."""

import io

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

KEYED = [contract for contract in CONTRACTS.values() if contract.unique]


def repetitions(contract: str, first: str, second: str, *, between: str, size: int) -> dict[str, int]:
    """Return the counts of UNQ rules for two keys, with another key before the second one."""
    known = CONTRACTS[contract]
    column = known.unique[0].columns[-1]
    data = "\n".join([column, first, between, second, ""]).encode()
    source = Source("memory.csv", lambda: io.BytesIO(data))
    report = validate_files(known, [source], settings=ValidationSettings(block_bytes=size)).files[0]
    return {code: count for code, count in report.counts.items() if code.startswith("UNQ")}


@pytest.mark.parametrize("contract", [contract.name for contract in KEYED])
@pytest.mark.parametrize("size", [24, 1 << 20], ids=["two blocks", "one block"])
def test_address_is_repeated_although_another_key_of_its_block_has_capitals(contract: str, size: int) -> None:
    found = repetitions(contract, "emil@x.example", "emil@x.example", between="CODE7", size=size)
    assert found == {CONTRACTS[contract].unique[0].code: 1}
