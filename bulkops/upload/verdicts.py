"""What evidence says of a chunk: its records against the rows read back. Pure; both sides are canonical frames.

Rows of imports that the ledger knows, and rows minutes older than the chunk's first request, are left out before.
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


def judge_multiset(
    sent: pl.DataFrame,
    found: pl.DataFrame,
    columns: Sequence[str],
    *,
    core: Sequence[str] = (),
    twins: int = 1,
    since: str | None = "",
) -> Evidence:
    """Judge a chunk whose equal rows count: all of it under one import id, nothing of it, or something else.

    ABSENT is said only if no import found could be the chunk's; `core` are the columns that every record fills, by
    which a record is known again whose other values the server has rewritten. `twins` is how many chunks of the same
    content are in doubt, each of which may have an import of its own.
    """
    groups = _groups(sent, found, _comparable(sent, found, columns), _comparable(sent, found, core))
    exact = groups.filter((pl.col("total") == sent.height) & (pl.col("matched") == sent.height))
    ours = exact.filter(pl.col(IMPORT_ID).str.contains(r"^\d+$") & _since(pl.col("oldest"), since))
    if 0 < ours.height <= twins:
        return Evidence(verdict=Verdict.LANDED, import_id=int(ours[IMPORT_ID][0]), rows=sent.height)
    if exact.height:
        note = f"{exact.height} imports hold exactly these records: {_named(exact)}"
        if ours.is_empty():
            note = f"import {_named(exact)} holds exactly these records, but nothing proves it younger than the request"
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=exact.height * sent.height, note=note)
    partial = groups.filter((pl.col("matched") == pl.col("total")) & (pl.col("matched") > 0))
    if partial.height:
        total = int(partial["total"].sum())
        note = f"import {_named(partial)} holds {total:,} of the {sent.height:,} records and nothing else"
        return Evidence(verdict=Verdict.PARTLY, rows=total, note=note)
    alike = groups.filter(_could_be_ours(sent.height))
    if alike.height:
        matched = int(alike["matched"].sum())
        note = (
            f"import {_named(alike)} may be this chunk with values rewritten: "
            f"{int(alike['total'].sum()):,} rows, {matched:,} of them as sent, {sent.height:,} were sent"
        )
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=matched, note=note)
    return Evidence(verdict=Verdict.ABSENT)


def exact_imports(sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the imports among rows that hold each record of the chunk as often as the chunk, or more besides."""
    shared = _counted(sent, found, _comparable(sent, found, columns))
    return shared.filter(pl.col("shared") == sent.height)[IMPORT_ID].sort().to_list()


def _since(created: pl.Expr, bound: str | None) -> pl.Expr:
    """Tell whether a time can be read and is not before `bound`."""
    return pl.lit(bound is not None) & created.str.contains(CANONICAL_TIME) & (created >= (bound or ""))


def _named(groups: pl.DataFrame) -> str:
    """Return the import ids of some groups, the first few of many."""
    ids = [str(i) or "without an id" for i in groups[IMPORT_ID]]
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def _could_be_ours(records: int) -> pl.Expr:
    """Tell whether a group that is not exactly the chunk may hold it all the same.

    Someone else's is what holds all of the chunk and more, and what has another size and no record of it. Rows that
    do not tell their import may be of several, so there only too few rows without any likeness are someone else's.
    """
    total, matched, alike = pl.col("total"), pl.col("matched"), pl.col("alike")
    larger = (matched == records) & (total > records)
    named = ~larger & ((matched > 0) | (total == records) | ((alike > 0) & (total < records)))
    return pl.when(pl.col(IMPORT_ID) == "").then((alike > 0) | (matched > 0) | (total >= records)).otherwise(named)


def judge_keys(
    sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str], *, since: str | None = None
) -> Evidence:
    """Judge a chunk whose records are named by a key: which of the keys are there.

    An import that holds a key from outside the chunk is someone else's. A key that is there with other values is
    nobody's to decide: it may be ours, rewritten by the server, or someone else's. So is one that is there since
    before `since` (canonical text), as far as its time can be read.
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
    older = there.filter(pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) < (since or "")))
    if older.height:
        since_when = older[CREATED].sort()[0]
        note = f"{older.height:,} of {len(present):,} keys found are from {since_when}, before the request"
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


def _groups(sent: pl.DataFrame, found: pl.DataFrame, columns: list[str], core: list[str]) -> pl.DataFrame:
    """Return, per import id, how many rows there are, how many are records of the chunk, and how many look like one."""
    matched = _counted(sent, found, columns).rename({"shared": "matched"})
    if not core:
        return matched.with_columns(alike=pl.col("matched")).sort(IMPORT_ID)
    alike = _counted(sent, found, core).select(IMPORT_ID, alike="shared")
    return matched.join(alike, on=IMPORT_ID).sort(IMPORT_ID)


def _counted(sent: pl.DataFrame, found: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return, per import id, the rows in all, and those that the chunk has as well by some columns, as multisets."""
    wanted = sent.group_by(columns).len(WANTED)
    counted = found.group_by([IMPORT_ID, *columns]).agg(pl.len().alias(COUNT), pl.col(CREATED).min().alias("oldest"))
    return (
        counted.join(wanted, on=columns, how="left")
        .with_columns(pl.col(WANTED).fill_null(0))
        .group_by(IMPORT_ID)
        .agg(
            pl.col(COUNT).sum().cast(pl.Int64).alias("total"),
            pl.min_horizontal(COUNT, WANTED).sum().cast(pl.Int64).alias("shared"),
            pl.col("oldest").min(),
        )
    )
