"""Records whose quotes are wrong, as arrays: a file may have one in every line."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bulkops.reading.records.structural_index import Flags, Offsets

BROKEN_SAYS = {
    "STR104": "a quote stands inside a cell that is not quoted",
    "STR105": "a quote is opened here and not closed in this record",
    "STR106": "text follows a closing quote",
    "STR107": "the quotes inside this JSON cell are not doubled",
    "FIL108": "a carriage return without a line feed ends this record",
}
"""What is wrong with the quotes of a record, by the code of the rule."""

_CODES = tuple(BROKEN_SAYS)
Kinds = npt.NDArray[np.uint8]


def kind_of(code: str) -> int:
    """Return the number that stands for a code of `BROKEN_SAYS` in arrays."""
    return _CODES.index(code)


class Broken(NamedTuple):
    """A record whose quotes are wrong: its bytes in the window, the rule's code, and where the defect is."""

    start: int
    end: int
    code: str
    at: int


def _none() -> Offsets:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class BrokenRecords:
    """Broken records in the order of the data: where each begins and ends, the kind of its defect and its place."""

    starts: Offsets = field(default_factory=_none)
    ends: Offsets = field(default_factory=_none)
    kinds: Kinds = field(default_factory=lambda: np.zeros(0, np.uint8))
    places: Offsets = field(default_factory=_none)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.starts)

    def __iter__(self) -> Iterator[Broken]:
        """Yield them one by one."""
        return map(self._at, range(len(self)))

    def with_pieces(self, pieces: Iterable[Broken]) -> "BrokenRecords":
        """Return these and some more, in the order of the data."""
        more = list(pieces)
        if not more:
            return self
        starts, ends, codes, places = zip(*more, strict=True)
        kinds = np.array([kind_of(code) for code in codes], np.uint8)
        joined = BrokenRecords(
            np.concatenate((self.starts, np.array(starts, np.int64))),
            np.concatenate((self.ends, np.array(ends, np.int64))),
            np.concatenate((self.kinds, kinds)),
            np.concatenate((self.places, np.array(places, np.int64))),
        )
        return joined.chosen(np.argsort(joined.starts, kind="stable"))

    def chosen(self, which: Offsets | Flags) -> "BrokenRecords":
        """Return some of them."""
        return BrokenRecords(self.starts[which], self.ends[which], self.kinds[which], self.places[which])

    @property
    def spans(self) -> Offsets:
        """Where each begins and ends, in pairs."""
        return np.column_stack((self.starts, self.ends))

    def totals(self) -> Mapping[str, int]:
        """Return how many there are of each code, the code met first in front."""
        kinds, first, counts = np.unique(self.kinds, return_index=True, return_counts=True)
        return {_CODES[kinds[i]]: int(counts[i]) for i in np.argsort(first).tolist()}

    def first(self, code: str, most: int) -> Iterator[tuple[int, Broken]]:
        """Yield the first few of a code, each with its index."""
        for index in np.flatnonzero(self.kinds == kind_of(code))[:most].tolist():
            yield index, self._at(index)

    def _at(self, index: int) -> Broken:
        code = _CODES[self.kinds[index]]
        return Broken(int(self.starts[index]), int(self.ends[index]), code, int(self.places[index]))
