"""Compare the values of a file with those that earlier steps of a recipe import."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from bulkops.errors import BulkopsError
from bulkops.readback.fetch.rows import read_file
from bulkops.validation.digests import contained

MOST_ABSENT = 1_000_000
"""Maximum number of distinct absent values that are kept."""


@dataclass(frozen=True)
class EarlierValues:
    """The values of a column in the files of earlier steps, kept as 64-bit hashes.

    Two values with the same hash count as the same value. `steps` are the numbers of the steps.
    """

    column: str
    files: tuple[Path, ...]
    steps: tuple[int, ...]

    @property
    def place(self) -> str:
        """The steps in words."""
        numbers = ", ".join(map(str, self.steps))
        steps = f"{'step' if len(self.steps) == 1 else 'steps'} {numbers}" if numbers else "an earlier step"
        return f"{steps} of the recipe"

    def absent(self, file: Path, column: str) -> Sequence[str]:
        """Return the distinct values of a file's column that no earlier file has, in order.

        At most MOST_ABSENT + 1 are returned; none if a file cannot be read, because validation reports that.
        """
        found: dict[str, None] = {}
        try:
            for values in _values(file, column):
                unknown = values.filter(~contained(self._known, _hashes(values)))
                found |= dict.fromkeys(unknown.to_list())
                if len(found) > MOST_ABSENT:
                    break
        except BulkopsError:
            return ()
        return list(found)[: MOST_ABSENT + 1]

    @cached_property
    def _known(self) -> np.ndarray:
        parts = [_hashes(values) for file in self.files for values in _values(file, self.column)]
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def _values(file: Path, column: str) -> Iterator[pl.Series]:
    """Yield the distinct filled cells of a column for each block of a file."""
    for frame in read_file(file):
        names = {name.strip().lower(): name for name in frame.columns}
        if column in names:
            cells = frame.get_column(names[column])
            yield cells.filter(cells.str.len_bytes() > 0).unique(maintain_order=True)


def _hashes(values: pl.Series) -> np.ndarray:
    return values.hash(seed=0).to_numpy()
