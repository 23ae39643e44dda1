"""The same repeated keys are found at once or range by range, in memory or on disk."""

import numpy as np
import pytest

from bulkops.validation.checks import keys
from bulkops.validation.checks.keys import KeyHashes, KeyStore


@pytest.mark.parametrize("in_memory", [0, 1000])
@pytest.mark.parametrize("size", [16_000_000, 7, 1])
def test_repeated_keys_are_the_same_for_any_range_and_memory_size(
    size: int, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_RANGE", size)
    chance = np.random.default_rng(5)
    folded = chance.integers(1, 2**64 - 1, 40, np.uint64)[chance.integers(0, 40, 100)]
    exact = folded ^ chance.integers(0, 2, 100, np.uint64)
    store = KeyStore(in_memory)
    for start in range(0, 100, 30):
        store.add(start, KeyHashes(exact[start : start + 30], folded[start : start + 30]))
    found = {
        (int(position), int(first), bool(case_only))
        for positions, firsts, flags in store.repetitions()
        for position, first, case_only in zip(positions, firsts, flags, strict=True)
    }
    store.close()
    expected = set()
    for position in range(100):
        same = [n for n in range(position) if exact[n] == exact[position]]
        alike = [n for n in range(position) if folded[n] == folded[position]]
        if alike:
            expected.add((position, (same or alike)[0], not same))
    assert found == expected
