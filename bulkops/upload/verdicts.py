"""What evidence says of a chunk: its records against the rows read back. Pure; both sides are canonical frames.

Rows of imports that the ledger knows, and rows older than the chunk's first request, are left out before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from bulkops.readback.canonical import CREATED, IMPORT_ID

COUNT, WANTED, FOUND = "_count", "_wanted", "_found"
CANONICAL_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


class Verdict(StrEnum):
    """What was found of a chunk."""

    LANDED = "landed"
    ABSENT = "absent"
    PARTLY = "partly"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A verdict and what it rests on.

    `present` are the places in the chunk whose keys were found (`create` only). Two readings with equal
    `fingerprint` saw the same of this chunk.
    """

    verdict: Verdict
    import_id: int | None = None
    rows: int = 0
    present: tuple[int, ...] = ()
    note: str = ""

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What two readings are compared by."""
        return (self.verdict, self.import_id, self.rows, self.present, self.note)


def judge_multiset(sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str], *, twins: int = 1) -> Evidence:
    """Judge a chunk whose equal rows count: all of it under one import id, nothing of it, or something else.

    A group of rows that holds anything but records of the chunk is someone else's import. `twins` is how many
    chunks of the same content are in doubt, each of which may have an import of its own.
    """
    groups = _groups(sent, found, _comparable(sent, found, columns))
    exact = groups.filter((pl.col("total") == sent.height) & (pl.col("matched") == sent.height))
    if exact.height and str(exact[IMPORT_ID][0]).isdecimal() and exact.height <= twins:
        return Evidence(verdict=Verdict.LANDED, import_id=int(exact[IMPORT_ID][0]), rows=sent.height)
    if exact.height:
        ids = ", ".join(map(str, exact[IMPORT_ID]))
        return Evidence(
            verdict=Verdict.AMBIGUOUS,
            rows=exact.height * sent.height,
            note=f"{exact.height} imports hold exactly these records: {ids}",
        )
    partial = groups.filter((pl.col("matched") == pl.col("total")) & (pl.col("matched") > 0))
    if partial.height:
        total = int(partial["total"].sum())
        ids = ", ".join(map(str, partial[IMPORT_ID]))
        note = f"import {ids} holds {total:,} of the {sent.height:,} records and nothing else"
        return Evidence(verdict=Verdict.PARTLY, rows=total, note=note)
    return Evidence(verdict=Verdict.ABSENT)


def judge_keys(sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> Evidence:
    """Judge a chunk whose records are named by a key: which of the keys are there.

    An import that holds a key from outside the chunk is someone else's. A key that is there with other values is
    nobody's to decide: it may be ours, rewritten by the server, or someone else's.
    """
    names = list(key)
    placed = sent.with_row_index("_place")
    foreign = found.filter(pl.col(IMPORT_ID) != "").join(sent, on=names, how="anti").select(IMPORT_ID).unique()
    ours = found.join(foreign, on=IMPORT_ID, how="anti").unique(names, keep="first", maintain_order=True)
    there = placed.join(ours, on=names, how="inner", suffix=FOUND).sort("_place")
    if there.is_empty():
        return Evidence(verdict=Verdict.ABSENT)
    differing = there.filter(pl.any_horizontal(pl.lit(value=False), *(_unequal(c) for c in columns if c not in key)))
    present = tuple(there["_place"].to_list())
    if differing.height:
        example = " | ".join(str(differing[c][0]) for c in key)
        note = (
            f"{differing.height:,} of {len(present):,} keys found have other values than were sent, such as {example}"
        )
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=len(present), note=note)
    main = str(there[IMPORT_ID].value_counts(sort=True)[IMPORT_ID][0])
    return Evidence(
        verdict=Verdict.LANDED if len(present) == sent.height else Verdict.PARTLY,
        import_id=int(main) if main.isdecimal() else None,
        rows=len(present),
        present=present,
    )


def _unequal(column: str) -> pl.Expr:
    """Tell whether two cells that can be compared differ; a null cannot be."""
    return (pl.col(column) != pl.col(column + FOUND)).fill_null(value=False)


def younger(found: pl.DataFrame, bound: str) -> pl.DataFrame:
    """Return the rows created at or after `bound` (canonical text); rows without a readable time stay."""
    readable = pl.col(CREATED).str.contains(CANONICAL_TIME)
    return found.filter(~readable | (pl.col(CREATED) >= bound))


def _comparable(sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Leave out columns that hold a value nobody can compare, on either side."""
    return [c for c in columns if not sent[c].has_nulls() and not found[c].has_nulls()]


def _groups(sent: pl.DataFrame, found: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return, per import id, how many rows there are and how many of them are records of the chunk."""
    wanted = sent.group_by(columns).len(WANTED)
    counted = found.group_by([IMPORT_ID, *columns]).len(COUNT)
    return (
        counted.join(wanted, on=columns, how="left")
        .with_columns(pl.col(WANTED).fill_null(0))
        .group_by(IMPORT_ID)
        .agg(
            pl.col(COUNT).sum().cast(pl.Int64).alias("total"),
            pl.min_horizontal(COUNT, WANTED).sum().cast(pl.Int64).alias("matched"),
        )
        .sort(IMPORT_ID)
    )
