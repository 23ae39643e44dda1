"""One reconciliation: stage the file, read the target until it is proved or stands still, compare, judge."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import polars as pl

from bulkops.clock import Clock, SystemClock
from bulkops.errors import InputUnreadable, UsageError
from bulkops.readback.ahead import one_ahead
from bulkops.readback.canonical import Fold, by_lower, found_frame, sent_frame
from bulkops.readback.compare import Counts, Difference, compare, counts_of, differences, name_contradicting
from bulkops.readback.fetch import fold_of, read_back, read_file
from bulkops.readback.notes import Notes
from bulkops.readback.staging import RowSets
from bulkops.readback.times import rfc3339
from bulkops.readback.values import ZERO_TIMES
from bulkops.reconciling.columns import core_columns, measures, refuse_other_file, refuse_other_rows, unseen
from bulkops.reconciling.imports import tell_imports
from bulkops.reconciling.outputs import clear_stale, refuse_unfit, write_differences, write_repair
from bulkops.reconciling.result import Reconciliation, Verdict, judge, judge_amounts
from bulkops.reconciling.sides import Evidence, Known
from bulkops.writing import OWN_ONLY, Permit
from bulkops_validators.model.contract import Contract, Mode, Readback

__all__ = ["Evidence", "Known", "reconcile"]

EXAMPLES = 50
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
DELETED = "deleted"

Observer = Callable[[str], None]


def reconcile(
    contract: Contract,
    source: Path,
    evidence: Evidence,
    *,
    known: Known | None = None,
    settle: float = 60.0,
    clock: Clock | None = None,
    output: Path | None = None,
    repair: Path | None = None,
    permit: Permit = OWN_ONLY,
    observer: Observer | None = None,
) -> Reconciliation:
    """Compare the file with what the target holds, and say whether every record is there as it was sent.

    Exports may lag behind imports, so a target is read until the file is proved, or until two readings at least
    `settle` seconds apart say the same. With `output`, a folder, every difference goes to files in it; with `repair`,
    an import file of exactly the missing records is written. UsageError if `permit` protects a file of these names.
    """
    refuse_unfit(output, repair, [source, *([evidence.export] if evidence.export else [])], permit)
    clock = clock or SystemClock()
    known = known or Known()
    say = observer or (lambda _: None)
    readback = _readback(contract, evidence)
    notes = Notes()
    if readback is None:
        records = sum(frame.height for frame in _records(contract, source, notes))
        result = judge_amounts(contract.name, records=records, amount=known.amount, evidence=contract.evidence)
        return replace(result, notes=(*notes.lines(), *clear_stale(output, repair, permit)))
    with ExitStack() as stack:
        scope = known.import_ids if readback.multiset and readback.import_id else None
        sets = stack.enter_context(RowSets(readback, own_ids=scope))
        fold, fold_note = _fold(evidence, readback)
        for frame in one_ahead(_records(contract, source, notes)):
            sets.add_sent(sent_frame(readback, frame, fold))
        task = _Task(contract=contract, sets=sets, evidence=evidence, known=known, fold=fold)
        result = task.until_settled(settle=settle if evidence.export is None else 0, clock=clock, say=say)
        files = _written(sets, source, output, repair, permit)
        stale = clear_stale(None, repair if "repair" not in files else None, permit)
        told = tuple(n for n in (*notes.lines(), fold_note, *result.notes, *stale) if n)
        return replace(result, notes=told, files=files)


def _written(sets: RowSets, source: Path, output: Path | None, repair: Path | None, permit: Permit) -> dict[str, str]:
    files = write_differences(sets, output, permit) if output else {}
    if repair and write_repair(sets, source, repair, permit):
        files["repair"] = str(repair)
    return files


def _readback(contract: Contract, evidence: Evidence) -> Readback | None:
    if evidence.ids is not None:
        try:
            return contract.route(evidence.ids).readback
        except LookupError as error:
            if evidence.client is not None:
                missing = " and ".join(f"--{name}" for name in error.args)
                raise UsageError(f"{contract.name} needs {missing}.") from None
    return contract.routes[0].readback


def _fold(evidence: Evidence, readback: Readback) -> tuple[Fold, str | None]:
    if evidence.fold is not None:
        return evidence.fold, None
    if evidence.client is None or evidence.ids is None:
        return Fold.SENSITIVE, None
    return fold_of(evidence.client, readback, evidence.ids)


def _records(contract: Contract, source: Path, notes: Notes) -> Iterator[pl.DataFrame]:
    try:
        for frame in read_file(source, notes=notes):
            refuse_other_file(contract, frame, str(source))
            yield frame
    except OSError as error:
        raise InputUnreadable(f"{source} cannot be read: {error.strerror or error}.") from None


@dataclass(frozen=True, kw_only=True)
class _Task:
    """The sides of one reconciliation, read and compared as often as it takes."""

    contract: Contract
    sets: RowSets
    evidence: Evidence
    known: Known
    fold: Fold

    def until_settled(self, *, settle: float, clock: Clock, say: Observer) -> Reconciliation:
        """Read until proved, or until what is found has stood still for `settle` seconds."""
        readings, wait = 0, FIRST_WAIT
        stood: tuple[object, ...] | None = None
        since = clock.monotonic()
        while True:
            result = self._once()
            readings += 1
            now = clock.monotonic()
            state = (result.found, result.missing, result.different, result.unexpected, result.columns)
            if state != stood:
                stood, since, wait = state, now, FIRST_WAIT
            if result.verdict is not Verdict.MISMATCH or now - since >= settle:
                return replace(result, readings=readings)
            pause = min(wait, max(settle - (now - since), 0.0))
            say(f"{result.reason} Reading again in {pause:.0f} s, since exports may lag.")
            clock.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT)

    def _once(self) -> Reconciliation:
        notes = Notes()
        self._stage(notes)
        counts, said = self._compared()
        unexpected_counts = self.contract.mode is Mode.REPLACE or self._scoped
        verdict, reason = judge(counts, unexpected_counts=unexpected_counts, unseen=unseen(self.sets, counts))
        return Reconciliation(
            contract=self.contract.name,
            verdict=verdict,
            reason=reason,
            records=counts.records,
            matched=counts.matched,
            missing=counts.missing,
            different=counts.different,
            unexpected=counts.unexpected,
            unexpected_counts=unexpected_counts,
            others=0 if unexpected_counts else counts.unexpected - counts.doubled,
            found=counts.found,
            columns=counts.by_column,
            compared=tuple(c for c in self.sets.columns if c not in counts.not_compared),
            examples=tuple(_examples(self.sets, all_unexpected=unexpected_counts)),
            evidence=self.sets.readback.operation,
            export=str(self.evidence.export or ""),
            notes=(*notes.lines(), *said),
        )

    def _stage(self, notes: Notes) -> None:
        """Read the other side anew."""
        self.sets.forget_found()
        since = rfc3339(self.known.after) if self.known.after else ""
        deleted = 0
        for frame in one_ahead(self._found(notes)):
            refuse_other_rows(
                self.contract, self.sets.readback, frame, self.evidence.name, scoped=self.known.import_ids is not None
            )
            there = _there(frame)
            if there.height < frame.height:
                notes.add("deleted, so not counted as found", deleted + 1, frame.height - there.height)
            deleted += frame.height
            canonical = found_frame(self.sets.readback, there, self.fold)
            self.sets.add_found(canonical, since=since, not_ours=[str(i) for i in self.known.others])

    def _compared(self) -> tuple[Counts, list[str]]:
        """Compare, tell whose the rows are, and return the counts and what is to be said of them."""
        core = core_columns(self.contract, self.sets.readback)
        counts = compare(self.sets, core=core, measures=measures(self.contract))
        columns = [c for c in self.sets.columns if c not in counts.not_compared]
        if self.contract.mode is Mode.REPLACE and not self.sets.readback.multiset:
            name_contradicting(self.sets, columns)
        said = [f"{column} was not compared: the read-back does not have it." for column in counts.not_compared]
        unfolded = self.evidence.fold is None and self.evidence.export is not None
        said += tell_imports(self.sets, self.known, columns, unfolded=unfolded)
        return counts_of(self.sets, counts.not_compared), said

    @property
    def _scoped(self) -> bool:
        """Whether only rows of known imports count: where rows have no name of their own, and the ids are known."""
        readback = self.sets.readback
        return readback.multiset and readback.import_id is not None and self.known.import_ids is not None

    def _found(self, notes: Notes) -> Iterable[pl.DataFrame]:
        evidence = self.evidence
        if evidence.export is not None:
            return _saved(evidence.export, notes)
        if evidence.client is None or evidence.ids is None:
            raise UsageError("There is nothing to compare with.", hint="Give a target, or --export FILE.")
        return read_back(
            evidence.client,
            self.sets.readback,
            evidence.ids,
            evidence.options or {},
            after=self.known.after,
            before=self.known.before,
            notes=notes,
        )


def _saved(export: Path, notes: Notes) -> Iterator[pl.DataFrame]:
    try:
        yield from read_file(export, notes=notes)
    except OSError as error:
        raise InputUnreadable(f"{export} cannot be read: {error.strerror or error}.") from None


def _there(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that are not marked as deleted, as coupons of the last days may be."""
    name = by_lower(frame.columns).get(DELETED)
    if name is None:
        return frame
    when = pl.col(name).fill_null("").str.strip_chars()
    return frame.filter(when.is_in(["", *ZERO_TIMES]))


def _examples(sets: RowSets, *, all_unexpected: bool) -> Iterator[Difference]:
    for kind in ("missing", "different"):
        yield from islice(differences(sets, kind), EXAMPLES)
    unexpected = (d for d in differences(sets, "unexpected") if all_unexpected or d.column is not None)
    yield from islice(unexpected, EXAMPLES)
