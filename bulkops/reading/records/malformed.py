"""Store records with invalid quotes as arrays, because every line of a file may be one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bulkops.reading.records.structural_index import Flags, Offsets

QUOTE_DEFECTS = {
    "STR104": "a quote is inside a cell that is not quoted",
    "STR105": "a quote is opened here and not closed in this record",
    "STR106": "text follows a closing quote",
    "STR107": "the quotes inside this JSON cell are not doubled",
    "FIL108": "a carriage return without a line feed ends this record",
}
"""The message about a malformed record, by the code of its rule."""

_CODES = tuple(QUOTE_DEFECTS)
Kinds = npt.NDArray[np.uint8]


def kind_of(code: str) -> int:
    """Return the number of a code of `QUOTE_DEFECTS` in arrays."""
    return _CODES.index(code)


class MalformedRecord(NamedTuple):
    """A record with invalid quotes.

    Its start and end in the window, the code of the rule, and the offset of the defect.
    """

    start: int
    end: int
    code: str
    at: int


def _none() -> Offsets:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class MalformedRecords:
    """Malformed records in the order of the data: start, end, number of the rule's code, and offset of the defect."""

    starts: Offsets = field(default_factory=_none)
    ends: Offsets = field(default_factory=_none)
    kinds: Kinds = field(default_factory=lambda: np.zeros(0, np.uint8))
    places: Offsets = field(default_factory=_none)

    def __len__(self) -> int:
        """Return the number of malformed records."""
        return len(self.starts)

    def __iter__(self) -> Iterator[MalformedRecord]:
        """Yield the malformed records one by one."""
        return map(self._at, range(len(self)))

    def with_pieces(self, pieces: Iterable[MalformedRecord]) -> "MalformedRecords":
        """Return these and more malformed records, in the order of the data."""
        more = list(pieces)
        if not more:
            return self
        starts, ends, codes, places = zip(*more, strict=True)
        kinds = np.array([kind_of(code) for code in codes], np.uint8)
        joined = MalformedRecords(
            np.concatenate((self.starts, np.array(starts, np.int64))),
            np.concatenate((self.ends, np.array(ends, np.int64))),
            np.concatenate((self.kinds, kinds)),
            np.concatenate((self.places, np.array(places, np.int64))),
        )
        return joined.chosen(np.argsort(joined.starts, kind="stable"))

    def chosen(self, which: Offsets | Flags) -> "MalformedRecords":
        """Return the selected malformed records."""
        return MalformedRecords(self.starts[which], self.ends[which], self.kinds[which], self.places[which])

    @property
    def spans(self) -> Offsets:
        """The start and the end of each record, in pairs."""
        return np.column_stack((self.starts, self.ends))

    def totals(self) -> Mapping[str, int]:
        """Return the number of records per code, in order of first occurrence."""
        kinds, first, counts = np.unique(self.kinds, return_index=True, return_counts=True)
        return {_CODES[kinds[i]]: int(counts[i]) for i in np.argsort(first).tolist()}

    def first(self, code: str, most: int) -> Iterator[tuple[int, MalformedRecord]]:
        """Yield the first `most` records with a code, each with its index."""
        for index in np.flatnonzero(self.kinds == kind_of(code))[:most].tolist():
            yield index, self._at(index)

    def _at(self, index: int) -> MalformedRecord:
        code = _CODES[self.kinds[index]]
        return MalformedRecord(int(self.starts[index]), int(self.ends[index]), code, int(self.places[index]))
