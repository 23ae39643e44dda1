"""Undo an import by deleting the rows that it created: whole batches where possible, else one by one."""

from collections.abc import Iterable, Iterator

import polars as pl

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.undoing.created_rows import CreatedRows, created_rows
from bulkops.undoing.removals import Removal, first_removal, removal_frame
from bulkops.undoing.undo_context import CHANGED, USED, UndoContext
from bulkops.undoing.work import SHOWN, Left, Need, RemovalRequest, StillNeeded, UndoFacts
from bulkops.wording import counted
from bulkops_validators.model.contract import BatchDeletion, Deletion

ROWS_AT_ONCE = 10_000


class Deleting:
    """Deletes rows. Deleting the same row again changes nothing, so a request without a response is repeated."""

    resend_is_safe = True

    def __init__(self, context: UndoContext, deletion: Deletion) -> None:
        self._context = context
        self._deletion = deletion
        self._present: dict[str, str] = {}
        self._batches: frozenset[str] = frozenset()

    def plan(self) -> tuple[UndoFacts, Iterable[Iterable[Removal]]]:
        """Read the target; return the facts, and the records of each request."""
        found = created_rows(self._context)
        going = self._going(found.rows)
        batches = self._whole_batches(found, going)
        self._remember(going, batches)
        in_batches = going.filter(pl.col("batch").is_in(batches)).sort("batch", maintain_order=True)
        single = going.filter(~pl.col("batch").is_in(batches))
        return self._facts(found, going, requests=len(batches) + single.height), _requests(in_batches, single)

    def _going(self, rows: pl.DataFrame) -> pl.DataFrame:
        also = self._context.also
        return rows.filter(
            ~pl.col("used") | pl.lit(value=USED in also), ~pl.col("changed") | pl.lit(value=CHANGED in also)
        )

    def _whole_batches(self, found: CreatedRows, going: pl.DataFrame) -> list[str]:
        """Return the batches that one request can delete, because every row that it reaches must go.

        Rows in use that stay are protected by the filter of the request.
        """
        if self._deletion.batch is None:
            return []
        protected = pl.lit(value=USED not in self._context.also) & pl.col("used")
        stay = found.rows.filter(protected).group_by("batch").len("stay")
        counts = going.group_by("batch", maintain_order=True).len("go").join(stay, on="batch", how="left").fill_null(0)
        return [
            batch for batch, go, kept in counts.iter_rows() if batch and go + kept == found.batches[batch]
        ]  # fmt: skip

    def _facts(self, found: CreatedRows, going: pl.DataFrame, *, requests: int) -> UndoFacts:
        rows, also = found.rows, self._context.also
        kept_used = 0 if USED in also else int(rows["used"].sum())
        accepted = sum(
            chunk.records - chunk.skipped
            for chunk in self._context.ledger.chunks(self._context.earlier.id)
            if chunk.state is ChunkState.ACCEPTED
        )
        changed = rows.filter("changed")
        return UndoFacts(
            records=going.height,
            requests=requests,
            used=int(going["used"].sum()),
            changed=int(going["changed"].sum()),
            kept_used=kept_used,
            kept_changed=rows.height - going.height - kept_used,
            gone=max(0, accepted - rows.height - (found.others if self._context.readback.import_id is None else 0)),
            others=found.others,
            foreign=found.foreign,
            changed_keys=tuple(changed["key"].head(SHOWN)) if found.file_known else (),
            file_known=found.file_known,
        )

    def _remember(self, going: pl.DataFrame, batches: list[str]) -> None:
        single = going.filter(~pl.col("batch").is_in(batches))  # whole batches may have millions of rows
        self._present = dict(single.select("row", "created").iter_rows())
        self._batches = frozenset(batches)

    def refresh(self, job: JobEntry) -> None:  # noqa: ARG002 - the protocol's signature
        """Read the target again: a row that was used or changed meanwhile is left."""
        found = created_rows(self._context)
        going = self._going(found.rows)
        self._remember(going, self._whole_batches(found, going))

    def check(self, job: JobEntry, chunk: ChunkEntry) -> StillNeeded:
        """Return whether the rows of a chunk are still at the target, as they were when the undo was confirmed."""
        first = first_removal(job, chunk)
        here = first.batch in self._batches if first.batch else self._present.get(first.row) == first.created
        return StillNeeded(need=Need.SEND) if here else StillNeeded(
            need=Need.LEAVE, why="no longer at the target, or used or changed since the undo began"
        )  # fmt: skip

    def request(self, job: JobEntry, chunk: ChunkEntry) -> RemovalRequest:
        """Return the request that deletes the rows of a chunk."""
        first, ids = first_removal(job, chunk), self._context.ids
        if not first.batch:
            return RemovalRequest(method="DELETE", path=self._deletion.path, ids={**ids, "row": first.row})
        batch = self._batch()
        filters = {batch.parameter: first.batch, **({} if USED in self._context.also else batch.unused)}
        return RemovalRequest(method="POST", path=batch.path, ids=ids, body={"filters": filters})

    def _batch(self) -> BatchDeletion:
        if self._deletion.batch is None:
            raise TypeError("These rows have no batches.")
        return self._deletion.batch

    def left(self, job: JobEntry, chunks: Iterable[ChunkEntry]) -> Left:  # noqa: ARG002 - the protocol's signature
        """Return the rows of the undo that the target still shows."""
        planned = removal_frame(job).select("row", "created")
        there = created_rows(self._context).rows.join(planned, on=["row", "created"], how="semi")
        used = int(there["used"].sum())
        why = f"{counted(there.height, 'row is', 'rows are')} still at the target" if there.height else ""
        if used:
            why += f" ({self._deletion.used_word}: {used:,})"
        return Left(count=there.height, keys=tuple(there["key"].head(SHOWN)), why=why)


def _requests(in_batches: pl.DataFrame, single: pl.DataFrame) -> Iterator[Iterable[Removal]]:
    """Yield the records of each request: those of a batch together, each other row alone."""
    for _, rows in in_batches.group_by("batch", maintain_order=True):
        yield _removals(rows, whole=True)
    for removal in _removals(single, whole=False):
        yield (removal,)


def _removals(rows: pl.DataFrame, *, whole: bool) -> Iterator[Removal]:
    for row, key, batch, created in rows.select("row", "key", "batch", "created").iter_rows():
        yield Removal(row=row, key=key, batch=batch if whole else "", created=created)
