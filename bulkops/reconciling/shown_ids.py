"""Check which application, campaign, program or pool the found rows belong to, if they show it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower, canonical_ids
from bulkops_validators.model.contract import Contract, Readback

SHOWN = 5


class ShownIds:
    """The ids that rows show, compared with the ids of the target.

    An id in the path of the read-back applies to all rows. An id in its query only selects rows: an export that was
    saved without it contains more rows, and bulkops skips those of other ids.
    """

    def __init__(self, readback: Readback, ids: Mapping[str, int] | None, *, name: str) -> None:
        self._readback = readback
        self._name = name
        self._wanted = {id_name: str(number) for id_name, number in (ids or {}).items()}
        self._found: dict[str, Counter[str]] = {id_name: Counter() for id_name in readback.shown_ids}

    def keep_ours(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that show no foreign id; DataError if a row belongs to another target.

        A blank cell, or one that is not an id, shows nothing.
        """
        names = by_lower(frame.columns)
        for id_name, column in self._readback.shown_ids.items():
            if (known := names.get(column.lower())) is None or frame.is_empty():
                continue
            frame = self._kept(frame, frame.get_column(known).fill_null(""), id_name)
        return frame

    def _kept(self, frame: pl.DataFrame, raw: pl.Series, id_name: str) -> pl.DataFrame:
        same = bool((raw == raw[0]).all())  # true for nearly every export, and faster than counting
        cells = canonical_ids(raw.head(1) if same else raw)
        counts = {cells[0]: raw.len()} if same else dict(cells.value_counts(name="rows").iter_rows())
        ids = {value: count for value, count in counts.items() if value.isdecimal()}
        self._found[id_name].update(ids)
        wanted = self._wanted.get(id_name)
        others = [value for value in ids if value != wanted]
        if wanted is None or not others:
            return frame
        if id_name in self._readback.fixed_ids:
            raise self._foreign(id_name)
        return frame.clear() if same else frame.filter(~cells.is_in(others))

    @property
    def counts(self) -> Mapping[str, Counter[str]]:
        """The number of rows for each value of each id."""
        return self._found

    def merge(self, later: Mapping[str, Counter[str]]) -> None:
        """Add the counts of the rows that follow."""
        for id_name, values in later.items():
            self._found[id_name].update(values)

    def refuse_foreign(self) -> None:
        """Raise DataError if no row belongs to the target; call this after the last row."""
        for id_name, counts in self._found.items():
            wanted = self._wanted.get(id_name)
            if wanted is not None and counts and wanted not in counts:
                raise self._foreign(id_name)

    def notes(self) -> Iterator[str]:
        """Yield notes about rows that belong to other ids."""
        for id_name, counts in self._found.items():
            wanted, listed = self._wanted.get(id_name), _listed(counts)
            if wanted is not None and len(counts) > 1:
                others = counts.total() - counts[wanted]
                yield f"{others:,} rows of another {id_name} were skipped; rows by {id_name}: {listed}."
            elif len(counts) > 1:
                yield f"The rows belong to several {id_name}s: {listed}. --{id_name} ID compares only the rows of one."

    def unchecked(self, contract: Contract, *, confirmed: Collection[str] = ()) -> dict[str, str]:
        """Return the ids of the target that neither the rows nor `confirmed` confirm, each with the reason."""
        route = next(route for route in contract.routes if route.readback == self._readback)
        reasons = {}
        for id_name in (name for name in route.ids if name not in confirmed):
            shown = self._found.get(id_name)
            if not shown:
                reasons[id_name] = "no row shows it"
            elif id_name not in self._wanted:
                reasons[id_name] = f"no --{id_name} was given; the rows show {_listed(shown)}"
        return reasons

    def _foreign(self, id_name: str) -> DataError:
        listed = _listed(self._found[id_name])
        wanted = self._wanted[id_name]
        return DataError(
            f"{self._name} belongs to another {id_name}: --{id_name} is {wanted}, its rows show {listed}.",
            hint="Give the export of this target, or the ids of the export. Nothing was compared.",
        )


def _listed(counts: Counter[str]) -> str:
    """Return the most frequent values with their numbers of rows."""
    # Equal counts are in the order of the values, because that of the rows differs from run to run.
    frequent = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
    shown = ", ".join(f"{value} ({count:,} rows)" for value, count in frequent)
    return shown + (f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else "")
