"""Undo an import of points by deducting the imported points that are still active, one owner and subledger at a time.

A deduction cannot be repeated without harm, and the API has no key for it. So the name of each deduction is unique, and
the transactions of its owner show whether it was done.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

import polars as pl

from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.readback.compare.canonical import by_lower, cells_named
from bulkops.readback.fetch.pages import read_pages
from bulkops.readback.fetch.rows import OPEN_END
from bulkops.readback.fetch.times import rfc3339
from bulkops.undoing.imported_points import (
    OwnerPoints,
    balances_of,
    owner_points,
    rule_of,
    server_now,
    total,
    transactions,
)
from bulkops.undoing.removals import Removal, first_removal
from bulkops.undoing.undo_context import UndoContext
from bulkops.undoing.work import SHOWN, Left, Need, RemovalRequest, StillNeeded, UndoFacts
from bulkops.wording import counted
from bulkops_validators.model.contract import Deduction, OwnerDeduction, ProgramKind

LATEST = 2**63 - 1
"""Stands for the number of a transaction that shows none: it counts as new."""
CLOCKS = timedelta(days=1)
"""How far the clock of this machine and that of the transactions may be apart."""


class Deducting:
    """Deducts points. Two equal deductions are two deductions, so one without a response is never simply repeated."""

    resend_is_safe = False

    def __init__(self, context: UndoContext, deduction: Deduction) -> None:
        self._context = context
        self._deduction = deduction

    @property
    def _marker(self) -> str:
        """The start of the names of all deductions that undo this job, whichever undo made them."""
        return f"Import undone: {self._context.earlier.id} ["

    def _name(self, chunk: ChunkEntry) -> str:
        return f"{self._marker}{self._context.name}/{chunk.number}]"

    def plan(self) -> tuple[UndoFacts, Iterable[Iterable[Removal]]]:
        """Read the transactions and balances; return the facts, and one record for each owner and subledger."""
        kind, found = owner_points(self._context, self._marker)
        if kind is None:
            return UndoFacts(records=0, requests=0, amount=Decimal(0)), ()
        balances = balances_of(self._context, kind)
        amounts = [each.deductible(balances.get((each.owner, each.subledger), Decimal(0))) for each in found]
        going = [(each, amount) for each, amount in zip(found, amounts, strict=True) if amount > 0]
        deducted = total(amount for _, amount in going)
        facts = UndoFacts(
            records=len(going),
            requests=len(going),
            amount=deducted,
            pending=total(each.pending for each in found),
            spent=total(each.spent + each.active for each in found) - deducted,
        )
        return facts, ((_removal(each, amount, kind),) for each, amount in going)

    def refresh(self, job: JobEntry) -> None:
        """Do nothing: each check reads the transactions of its owner."""

    def check(self, job: JobEntry, chunk: ChunkEntry) -> StillNeeded:
        """Return whether a deduction is still needed.

        Its own transaction must be missing, nothing else may have been deducted, and the points must still be active:
        otherwise the server would take other points of the owner.
        """
        removal = first_removal(job, chunk)
        names = [name for name, number in self._subtractions(job, removal) if number > int(removal.seen)]
        times = names.count(self._name(chunk))
        if times == 1:
            return StillNeeded(need=Need.DONE, why="the transactions of the owner contain this deduction")
        if times:
            return StillNeeded(
                need=Need.DONE, certain=False, why=f"the owner has {times} transactions of this deduction"
            )
        if names:
            return StillNeeded(
                need=Need.LEAVE, why="points were deducted or spent since the undo began; undo the job again"
            )
        if removal.until <= server_now(self._context):
            return StillNeeded(need=Need.LEAVE, why="points have expired since the undo began; undo the job again")
        return StillNeeded(need=Need.SEND)

    def _subtractions(self, job: JobEntry, removal: Removal) -> Iterator[tuple[str, int]]:
        """Yield the name and the number of each subtraction of an owner since shortly before the undo began."""
        rule, readback = rule_of(self._context.readback), self._context.readback
        params = {
            str(readback.after): rfc3339(job.created - CLOCKS),
            str(readback.before): rfc3339(self._context.clock.now() + OPEN_END),
        }
        path, ids = self._endpoint(removal).history, self._ids(removal)
        for page in read_pages(self._context.client, path, ids, params, page_size=readback.page_size):
            names = by_lower(page.columns)
            kept = page.filter(
                (cells_named(page, names, rule.kind) == rule.subtraction)
                & (cells_named(page, names, "subledgerId") == removal.subledger)
            )
            numbers = cells_named(kept, names, rule.number).cast(pl.Int64, strict=False).fill_null(LATEST)
            yield from zip(cells_named(kept, names, "name"), numbers, strict=True)

    def _ids(self, removal: Removal) -> dict[str, int | str]:
        return {**self._context.ids, "owner": removal.row}

    def _endpoint(self, removal: Removal) -> OwnerDeduction:
        return self._deduction.owners[ProgramKind(removal.kind)]

    def request(self, job: JobEntry, chunk: ChunkEntry) -> RemovalRequest:
        """Return the deduction of a chunk."""
        removal = first_removal(job, chunk)
        amount = Decimal(removal.amount)
        body = {
            "points": int(amount) if amount == amount.to_integral_value() else float(amount),
            "name": self._name(chunk),
            **({"subledgerId": removal.subledger} if removal.subledger else {}),
        }
        return RemovalRequest(method="PUT", path=self._endpoint(removal).path, ids=self._ids(removal), body=body)

    def left(self, job: JobEntry, chunks: Iterable[ChunkEntry]) -> Left:
        """Return the confirmed deductions that the transactions do not contain exactly once, and those left out."""
        rule, seen = rule_of(self._context.readback), Counter[str]()
        for page in transactions(self._context, since=rfc3339(job.created - CLOCKS)):
            names = by_lower(page.columns)
            mine = page.filter(cells_named(page, names, rule.kind) == rule.subtraction)
            seen.update(name for name in cells_named(mine, names, "name") if name.startswith(self._marker))
        chunks = list(chunks)
        wrong = [chunk for chunk in chunks if chunk.state is ChunkState.ACCEPTED and seen[self._name(chunk)] != 1]
        skipped = [chunk for chunk in chunks if chunk.state is ChunkState.SKIPPED]
        twice = sum(seen[self._name(chunk)] > 1 for chunk in wrong)
        texts = (
            (len(wrong) - twice, ("deduction is", "deductions are"), "missing from the transactions"),
            (twice, ("deduction was", "deductions were"), "made more than once; add these points again by hand"),
            (
                len(skipped),
                ("owner was", "owners were"),
                "left out: points were spent or have expired; undo the job again",
            ),
        )
        why = "; ".join(f"{counted(count, *words)} {rest}" for count, words, rest in texts if count)
        shown = [first_removal(job, chunk).key for chunk in [*wrong, *skipped][:SHOWN]]
        return Left(count=len(wrong) + len(skipped), keys=tuple(shown), why=why)


def _removal(points: OwnerPoints, amount: Decimal, kind: ProgramKind) -> Removal:
    return Removal(
        row=points.owner, key=points.owner, amount=f"{amount:f}", subledger=points.subledger, kind=kind.value,
        until=points.until, seen=points.last,
    )  # fmt: skip
