"""Compare the records of a chunk with the rows read back. Pure functions; both sides are canonical frames.

Rows of known imports, and rows minutes older than the chunk's first request, are removed before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from bulkops.readback.compare.canonical import CREATED, IMPORT_ID
from bulkops.upload.evidence.similarity import Similarity, group_imports

FOUND = "_found"
CANONICAL_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


class ChunkVerdict(StrEnum):
    """The result of judging a chunk by the rows found."""

    LANDED = "landed"
    ABSENT = "absent"
    PARTLY = "partly"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, kw_only=True)
class ChunkEvidence:
    """A verdict and its details.

    `part_of`: import with a part of the chunk, if no other import can contain records of it (counted rows only).
    `present`: positions in the chunk of the keys found; `imports`: ids of all imports that contain them (`create` only;
    `import_id` is the one with most of them). `created`: creation time of the youngest row. `exact`: number of imports
    that contain exactly the records (counted rows only). Two snapshots with an equal `fingerprint` show the same of
    this chunk.
    """

    verdict: ChunkVerdict
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
        """The values by which two snapshots are compared."""
        return (self.verdict, self.import_id, self.rows, self.present, self.note)


def judge_multiset(
    sent: pl.DataFrame,
    found: pl.DataFrame,
    columns: Sequence[str],
    *,
    similarity: Similarity | None = None,
    since: str | None = "",
) -> ChunkEvidence:
    """Judge a chunk where equal rows count: all of it under one import id, nothing of it, or something else.

    Return ABSENT only if no import found could belong to the chunk.
    """
    similarity = similarity or Similarity()
    groups = group_imports(sent, found, columns, similarity)
    exact = groups.filter((pl.col("total") == sent.height) & (pl.col("matched") == sent.height))
    ours = _ours(exact, since)
    if 0 < ours.height <= similarity.twins:
        number, created = int(ours[IMPORT_ID][0]), str(ours["newest"][0])
        return ChunkEvidence(
            verdict=ChunkVerdict.LANDED, import_id=number, rows=sent.height, created=created, exact=ours.height
        )
    if exact.height:
        note = f"{exact.height} imports contain exactly these records: {_named(exact)}"
        if ours.is_empty():
            note = (
                f"import {_named(exact)} contains exactly these records, but nothing proves it younger than the request"
            )
        return ChunkEvidence(
            verdict=ChunkVerdict.AMBIGUOUS, rows=exact.height * sent.height, note=note, exact=exact.height
        )
    partial = groups.filter((pl.col("matched") == pl.col("total")) & (pl.col("matched") > 0))
    if partial.height:
        total = int(partial["total"].sum())
        note = f"import {_named(partial)} contains {total:,} of the {sent.height:,} records and nothing else"
        proved = _ours(partial, since)
        sole = proved.height == 1 and groups.filter(_could_be_ours(sent.height, reused=similarity.reused)).height == 1
        return ChunkEvidence(
            verdict=ChunkVerdict.PARTLY,
            part_of=int(proved[IMPORT_ID][0]) if sole else None,
            rows=total,
            note=note,
            created=str(proved["newest"][0]) if sole else "",
        )
    alike = groups.filter(_could_be_ours(sent.height, reused=similarity.reused))
    if alike.height:
        matched = int(alike["matched"].sum())
        note = (
            f"import {_named(alike)} may be this chunk with rewritten values, or another one: "
            f"{int(alike['total'].sum()):,} rows, {matched:,} of them equal; {sent.height:,} records were sent"
        )
        return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=matched, note=note)
    return ChunkEvidence(verdict=ChunkVerdict.ABSENT)


def _ours(groups: pl.DataFrame, since: str | None) -> pl.DataFrame:
    """Return the groups with an import id in which no row can be older than `since`."""
    return groups.filter(pl.col(IMPORT_ID).str.contains(r"^\d+$") & _since(pl.col("oldest"), since))


def _since(created: pl.Expr, bound: str | None) -> pl.Expr:
    """Return an expression: whether a time is valid and not before `bound`."""
    return pl.lit(bound is not None) & created.str.contains(CANONICAL_TIME) & (created >= (bound or ""))


def _named(groups: pl.DataFrame) -> str:
    """Return the import ids of some groups; at most the first five."""
    ids = [str(i) or "without an id" for i in groups[IMPORT_ID]]
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


def _could_be_ours(records: int, *, reused: bool) -> pl.Expr:
    """Return an expression: whether a group that does not equal the chunk may still contain it.

    A group belongs to another chunk if it contains the whole chunk and more rows, but no other rows of this job; if
    it has another size and no record of the chunk; or if it concerns other customers or codes throughout. Rows without
    an import id may belong to several imports: they belong to others only if there are fewer of them than records and
    none resembles the chunk.
    """
    total, matched, alike = pl.col("total"), pl.col("matched"), pl.col("alike")
    larger = (matched == records) & (total > records) & (pl.col("in_company") <= records) & pl.lit(not reused)
    same_size = (total == records) & (pl.col("akin") > 0)
    named = ~larger & ((matched > 0) | same_size | ((alike > 0) & (total < records)))
    return pl.when(pl.col(IMPORT_ID) == "").then((alike > 0) | (matched > 0) | (total >= records)).otherwise(named)


def judge_keys(
    sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str], *, since: str | None = None
) -> ChunkEvidence:
    """Judge a chunk where records have a key: which of the keys exist.

    A key found with different values is ambiguous: it may be the chunk's, rewritten by the server, or another import's.
    So is a key that exists since before `since` (canonical text), if its time is valid. An import with a key that is
    not in the file belongs to another job, unless it contains a record of the chunk with the values sent and nothing
    shows it to be older: then it may be two imports with one id.
    """
    names = list(key)
    placed = sent.with_row_index("_place")
    foreign = found.filter(pl.col(IMPORT_ID) != "").join(sent, on=names, how="anti").select(IMPORT_ID).unique()
    mixed = _as_sent(placed, found.join(foreign, on=IMPORT_ID, how="semi"), key, columns).filter(~_before(since))
    if mixed.height:
        note = f"import {mixed[IMPORT_ID][0]} contains {mixed.height:,} of these records, and others not in the file"
        return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=mixed.height, note=note)
    ours = found.join(foreign, on=IMPORT_ID, how="anti").unique(names, keep="first", maintain_order=True)
    there = placed.join(ours, on=names, how="inner", suffix=FOUND).sort("_place")
    if there.is_empty():
        return ChunkEvidence(verdict=ChunkVerdict.ABSENT)
    differing = there.filter(_differing(key, columns))
    present = tuple(there["_place"].to_list())
    if differing.height:
        example = " | ".join(str(differing[c][0]) for c in key)
        note = f"{differing.height:,} of {len(present):,} keys found have different values, such as {example}"
        return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=len(present), note=note)
    older = there.filter(_before(since))
    if older.height:
        since_when = older[CREATED].sort()[0]
        note = f"{older.height:,} of {len(present):,} keys found are from {since_when}, before the request"
        return ChunkEvidence(verdict=ChunkVerdict.AMBIGUOUS, rows=len(present), note=note)
    main = str(there[IMPORT_ID].value_counts(sort=True)[IMPORT_ID][0])
    numbers = [number for number in there[IMPORT_ID].unique().sort() if number.isdecimal()]
    return ChunkEvidence(
        verdict=ChunkVerdict.LANDED if len(present) == sent.height else ChunkVerdict.PARTLY,
        import_id=int(main) if main.isdecimal() else None,
        rows=len(present),
        present=present,
        imports=tuple(map(int, numbers)),
        created=str(there[CREATED].max() or ""),
    )


def as_sent(sent: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the records found by key with the values that were sent."""
    return tuple(_as_sent(sent.with_row_index("_place"), found, key, columns)["_place"].unique().sort().to_list())


def _as_sent(placed: pl.DataFrame, found: pl.DataFrame, key: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    there = placed.join(found, on=list(key), how="inner", suffix=FOUND)
    return there.filter(~_differing(key, columns))


def _differing(key: Sequence[str], columns: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(pl.lit(value=False), *(_unequal(c) for c in columns if c not in key))


def _before(bound: str | None) -> pl.Expr:
    """Return an expression: whether a time is valid and before `bound`."""
    return pl.col(CREATED).str.contains(CANONICAL_TIME) & (pl.col(CREATED) < (bound or ""))


def _unequal(column: str) -> pl.Expr:
    """Return an expression: whether two comparable cells differ; a null is not comparable."""
    return (pl.col(column) != pl.col(column + FOUND)).fill_null(value=False)


def created_since(found: pl.DataFrame, bound: str) -> pl.DataFrame:
    """Return the rows created at or after `bound` (canonical text); rows without a valid time stay."""
    readable = pl.col(CREATED).str.contains(CANONICAL_TIME)
    return found.filter(~readable | (pl.col(CREATED) >= bound))
