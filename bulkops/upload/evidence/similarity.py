"""Count how many rows of each import equal or resemble the records of a chunk. Both are canonical frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bulkops.readback.compare.canonical import CREATED, IMPORT_ID

COUNT, WANTED, TAKEN = "_count", "_wanted", "_taken"


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """The columns that identify a record, and other rows that an import of the chunk may contain.

    `core`: columns that every record fills. `identity`: those of them that name the customer, card or code. `company`:
    records of other chunks in doubt. `reused`: the server assigns import ids again, so an import of the chunk may share
    its id with another. `twins`: number of chunks in doubt with the same content; each of them may have its own
    import.
    """

    core: Sequence[str] = ()
    identity: Sequence[str] = ()
    company: pl.DataFrame | None = None
    reused: bool = False
    twins: int = 1


def group_imports(
    sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str], similarity: Similarity
) -> pl.DataFrame:
    """Return, per import id, the number of rows, and of those that equal or resemble records of the chunk.

    `matched` rows are equal in all columns, `alike` in the core columns. `akin` rows have the same identity in any
    spelling. `in_company` rows equal a record of this or of another chunk in doubt.
    """
    compared = comparable(sent, found, columns)
    groups = _counted(sent, found, compared).rename({"shared": "matched"})
    core = comparable(sent, found, similarity.core)
    alike = _counted(sent, found, core).select(IMPORT_ID, alike="shared") if core else None
    groups = groups.with_columns(alike="matched") if alike is None else groups.join(alike, on=IMPORT_ID)
    if similarity.company is None:
        groups = groups.with_columns(in_company="matched")
    else:
        both = pl.concat([sent.select(compared), similarity.company.select(compared)])
        groups = groups.join(_counted(both, found, compared).select(IMPORT_ID, in_company="shared"), on=IMPORT_ID)
    return groups.join(_akin(sent, found, similarity.identity), on=IMPORT_ID).sort(IMPORT_ID)


def _akin(sent: pl.DataFrame, found: pl.DataFrame, identity: Sequence[str]) -> pl.DataFrame:
    """Return the number of rows of each import that share an identity with the chunk; all rows if that is unknown."""
    usable = [c for c in comparable(sent, found, identity) if (sent[c] != "").any()]
    if not usable:
        return found.group_by(IMPORT_ID).agg(pl.len().cast(pl.Int64).alias("akin"))
    spelled = [_spelled(c) for c in usable]
    sent, found = sent.select(spelled), found.select(IMPORT_ID, CREATED, *spelled)
    counts = [_counted(sent.filter(pl.col(c) != ""), found, [c]).select(IMPORT_ID, akin="shared") for c in usable]
    return pl.concat(counts).group_by(IMPORT_ID).agg(pl.col("akin").max())


def _spelled(column: str) -> pl.Expr:
    """Return a name without parts that servers are known to change: case, blanks, punctuation."""
    letters = pl.col(column).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")
    return pl.when(letters == "").then(pl.col(column)).otherwise(letters).alias(column)


def shared_rows(
    sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str], *, without: pl.DataFrame | None
) -> int:
    """Return the number of the chunk's records among rows, as multisets, without the rows equal to `without`."""
    compared = comparable(sent, found, columns)
    if without is not None:
        taken = without.group_by(compared).len(TAKEN)
        found = found.with_columns(_nth=pl.int_range(pl.len()).over(compared)).join(taken, on=compared, how="left")
        found = found.filter(pl.col("_nth") >= pl.col(TAKEN).fill_null(0))
    return int(_counted(sent, found.with_columns(pl.lit("").alias(IMPORT_ID)), compared)["shared"].sum())


def shared_places(sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the chunk's records that are among rows, as multisets; of equal records the first."""
    compared = comparable(sent, found, columns)
    counts = found.group_by(compared).len(COUNT)
    placed = sent.with_row_index("_place").with_columns(_nth=pl.int_range(pl.len()).over(compared))
    there = placed.join(counts, on=compared, how="inner").filter(pl.col("_nth") < pl.col(COUNT))
    return tuple(there["_place"].sort().to_list())


def _counted(sent: pl.DataFrame, found: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return, per import id, the number of rows, and of those shared with the chunk by some columns, as multisets."""
    wanted = sent.group_by(columns).len(WANTED)
    times = (pl.col(CREATED).min().alias("oldest"), pl.col(CREATED).max().alias("newest"))
    counted = found.group_by([IMPORT_ID, *columns]).agg(pl.len().alias(COUNT), *times)
    return (
        counted.join(wanted, on=columns, how="left")
        .with_columns(pl.col(WANTED).fill_null(0))
        .group_by(IMPORT_ID)
        .agg(
            pl.col(COUNT).sum().cast(pl.Int64).alias("total"),
            pl.min_horizontal(COUNT, WANTED).sum().cast(pl.Int64).alias("shared"),
            pl.col("oldest").min(),
            pl.col("newest").max(),
        )
    )


def comparable(sent: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the columns without a null on either side: a null is a value that cannot be compared."""
    return [c for c in columns if not sent[c].has_nulls() and not found[c].has_nulls()]
