"""What evidence says of a chunk: its records against the rows read back. Pure; both sides are canonical frames.

Rows of imports that the ledger knows, and rows minutes older than the chunk's first request, are left out before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.upload.evidence.similarity import Likeness, group_imports

FOUND = "_found"
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

    `part_of` is the import with a part of the chunk, if no other one could contain records of it (counted rows only).
    `present` are the places in the chunk whose keys were found, and `imports` the ids of all imports that have them
    (`create` only; `import_id` is the one with most of them). `created` is when the youngest row was made, `exact` how
    many imports hold exactly the records (counted rows only). Two readings with equal `fingerprint` saw the same of
    this chunk.
    """

    verdict: Verdict
    import_id: int | None = None
    rows: int = 0
    present: tuple[int, ...] = ()
    imports: tuple[int, ...] = ()
    note: str = ""
    created: str = ""
    exact: int = 0
    part_of: int | None = None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What two readings are compared by."""
        return (self.verdict, self.import_id, self.rows, self.present, self.note)


def judge_multiset(
    sent: pl.DataFrame,
    found: pl.DataFrame,
    columns: Sequence[str],
    *,
    likeness: Likeness | None = None,
    since: str | None = "",
) -> Evidence:
    """Judge a chunk whose equal rows count: all of it under one import id, nothing of it, or something else.

    ABSENT is said only if no import found could be the chunk's.
    """
    likeness = likeness or Likeness()
    groups = group_imports(sent, found, columns, likeness)
    exact = groups.filter((pl.col("total") == sent.height) & (pl.col("matched") == sent.height))
    ours = _ours(exact, since)
    if 0 < ours.height <= likeness.twins:
        number, created = int(ours[IMPORT_ID][0]), str(ours["newest"][0])
        return Evidence(verdict=Verdict.LANDED, import_id=number, rows=sent.height, created=created, exact=ours.height)
    if exact.height:
        note = f"{exact.height} imports hold exactly these records: {_named(exact)}"
        if ours.is_empty():
            note = f"import {_named(exact)} holds exactly these records, but nothing proves it younger than the request"
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=exact.height * sent.height, note=note, exact=exact.height)
    partial = groups.filter((pl.col("matched") == pl.col("total")) & (pl.col("matched") > 0))
    if partial.height:
        total = int(partial["total"].sum())
        note = f"import {_named(partial)} holds {total:,} of the {sent.height:,} records and nothing else"
        proved = _ours(partial, since)
        sole = proved.height == 1 and groups.filter(_could_be_ours(sent.height, reused=likeness.reused)).height == 1
        return Evidence(
            verdict=Verdict.PARTLY,
            part_of=int(proved[IMPORT_ID][0]) if sole else None,
            rows=total,
            note=note,
            created=str(proved["newest"][0]) if sole else "",
        )
    alike = groups.filter(_could_be_ours(sent.height, reused=likeness.reused))
    if alike.height:
        matched = int(alike["matched"].sum())
        note = (
            f"import {_named(alike)} may be this chunk with values rewritten, or with others: "
            f"{int(alike['total'].sum()):,} rows, {matched:,} of them as sent, {sent.height:,} were sent"
        )
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=matched, note=note)
    return Evidence(verdict=Verdict.ABSENT)


def _ours(groups: pl.DataFrame, since: str | None) -> pl.DataFrame:
    """Return the groups with an import id of which all rows are proved not to be older than `since`."""
    return groups.filter(pl.col(IMPORT_ID).str.contains(r"^\d+$") & _since(pl.col("oldest"), since))


def _since(created: pl.Expr, bound: str | None) -> pl.Expr:
    """Tell whether a time can be read and is not before `bound`."""
    return pl.lit(bound is not None) & created.str.contains(CANONICAL_TIME) & (created >= (bound or ""))


def _named(groups: pl.DataFrame) -> str:
    """Return the import ids of some groups, the first few of many."""
    ids = [str(i) or "without an id" for i in groups[IMPORT_ID]]
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def _could_be_ours(records: int, *, reused: bool) -> pl.Expr:
    """Tell whether a group that is not exactly the chunk may hold it all the same.

    Someone else's is what holds all of the chunk and more, none of which is ours; what has another size and no record
    of it; and what is about other people or things throughout. Rows that do not tell their import may be of several,
    so there only too few rows without any likeness are someone else's.
    """
    total, matched, alike = pl.col("total"), pl.col("matched"), pl.col("alike")
    larger = (matched == records) & (total > records) & (pl.col("in_company") <= records) & pl.lit(not reused)
    same_size = (total == records) & (pl.col("akin") > 0)
    named = ~larger & ((matched > 0) | same_size | ((alike > 0) & (total < records)))
    return pl.when(pl.col(IMPORT_ID) == "").then((alike > 0) | (matched > 0) | (total >= records)).otherwise(named)


def judge_keys(
    sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str], *, since: str | None = None
) -> Evidence:
    """Judge a chunk whose records are named by a key: which of the keys are there.

    A key that is there with other values is nobody's to decide: it may be ours, rewritten by the server, or someone
    else's. So is one that is there since before `since` (canonical text), as far as its time can be read. An import
    that holds a key from outside the file is someone else's, unless it holds a record of the chunk just as it was sent
    and nothing shows it to be older: then it may be two imports of one id.
    """
    names = list(key)
    placed = sent.with_row_index("_place")
    foreign = found.filter(pl.col(IMPORT_ID) != "").join(sent, on=names, how="anti").select(IMPORT_ID).unique()
    mixed = _as_sent(placed, found.join(foreign, on=IMPORT_ID, how="semi"), key, columns).filter(~_before(since))
    if mixed.height:
        note = f"import {mixed[IMPORT_ID][0]} holds {mixed.height:,} of these records, and others than the file has"
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=mixed.height, note=note)
    ours = found.join(foreign, on=IMPORT_ID, how="anti").unique(names, keep="first", maintain_order=True)
    there = placed.join(ours, on=names, how="inner", suffix=FOUND).sort("_place")
    if there.is_empty():
        return Evidence(verdict=Verdict.ABSENT)
    differing = there.filter(_differing(key, columns))
    present = tuple(there["_place"].to_list())
    if differing.height:
        example = " | ".join(str(differing[c][0]) for c in key)
        note = (
            f"{differing.height:,} of {len(present):,} keys found have other values than were sent, such as {example}"
        )
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=len(present), note=note)
    older = there.filter(_before(since))
    if older.height:
        since_when = older[CREATED].sort()[0]
        note = f"{older.height:,} of {len(present):,} keys found are from {since_when}, before the request"
        return Evidence(verdict=Verdict.AMBIGUOUS, rows=len(present), note=note)
    main = str(there[IMPORT_ID].value_counts(sort=True)[IMPORT_ID][0])
    numbers = [number for number in there[IMPORT_ID].unique().sort() if number.isdecimal()]
    return Evidence(
        verdict=Verdict.LANDED if len(present) == sent.height else Verdict.PARTLY,
        import_id=int(main) if main.isdecimal() else None,
        rows=len(present),
        present=present,
        imports=tuple(map(int, numbers)),
        created=str(there[CREATED].max() or ""),
    )


def as_sent(sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the records whose keys are there with the values that were sent."""
    return tuple(_as_sent(sent.with_row_index("_place"), found, key, columns)["_place"].unique().sort().to_list())


def _as_sent(placed: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    there = placed.join(found, on=list(key), how="inner", suffix=FOUND)
    return there.filter(~_differing(key, columns))


def _differing(key: Sequence[str], columns: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(pl.lit(value=False), *(_unequal(c) for c in columns if c not in key))


def _before(bound: str | None) -> pl.Expr:
    """Tell whether a time can be read and is before `bound`."""
    return pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) < (bound or ""))


def _unequal(column: str) -> pl.Expr:
    """Tell whether two cells that can be compared differ; a null cannot be."""
    return (pl.col(column) != pl.col(column + FOUND)).fill_null(value=False)


def younger(found: pl.DataFrame, bound: str) -> pl.DataFrame:
    """Return the rows created at or after `bound` (canonical text); rows without a readable time stay."""
    readable = pl.col(CREATED).str.contains(CANONICAL_TIME)
    return found.filter(~readable | (pl.col(CREATED) >= bound))
