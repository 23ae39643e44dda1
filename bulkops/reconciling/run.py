"""One reconciliation: stage the file, read the target until it is proved or stands still, compare, judge."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import polars as pl

from bulkops.clock import Clock, SystemClock
from bulkops.errors import InputUnreadable, UsageError
from bulkops.readback.compare.canonical import Fold, sent_frame
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.fetch.prefetch import one_ahead
from bulkops.readback.fetch.rows import fold_of, read_file
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.columns import refuse_other_file
from bulkops.reconciling.comparing import Observer, Task, Wish
from bulkops.reconciling.misread import Misread
from bulkops.reconciling.outputs import clear_stale, refuse_unfit
from bulkops.reconciling.result import Reconciliation, judge_amounts
from bulkops.reconciling.saved import open_saved
from bulkops.reconciling.sides import Evidence, Known
from bulkops.writing import OWN_ONLY, Permit
from bulkops_validators.model.contract import Contract, Readback

__all__ = ["Evidence", "Known", "reconcile"]


def reconcile(
    contract: Contract,
    source: Path,
    evidence: Evidence,
    *,
    known: Known | None = None,
    settle: float = 60.0,
    clock: Clock | None = None,
    output: Path | None = None,
    spreadsheet_safe: bool = False,
    repair: Path | None = None,
    without_import_ids: bool = False,
    permit: Permit = OWN_ONLY,
    observer: Observer | None = None,
) -> Reconciliation:
    """Compare the file with what the target holds, and say whether every record is there as it was sent.

    Exports may lag behind imports, so a target is read until the file is proved, or until two readings at least
    `settle` seconds apart say the same. With `output`, a folder, every difference goes to files in it, on request with
    no cell that a spreadsheet takes for a formula; with `repair`, an import file of exactly the missing records is
    written if both sides were read with certainty. An import that adds needs the import ids of the rows found as well,
    unless `without_import_ids`. UsageError if `permit` protects a file of these names.
    """
    refuse_unfit(output, repair, [source, *([evidence.export] if evidence.export else [])], permit)
    known, notes = known or Known(), Notes()
    readback = _readback(contract, evidence)
    scope = known.import_ids if readback and readback.multiset and readback.import_id else None
    saved = open_saved(contract, readback, evidence, file=source, scoped=scope is not None)
    if readback is None:
        records = sum(frame.height for frame in _records(contract, source, notes, known))
        result = judge_amounts(contract.name, records=records, amount=known.amount, evidence=contract.evidence)
        return replace(result, notes=(*notes.lines(), *clear_stale(output, repair, permit)))
    with ExitStack() as stack:
        sets = stack.enter_context(RowSets(readback, own_ids=scope))
        fold, fold_note = _fold(evidence, readback)
        for frame in one_ahead(_records(contract, source, notes, known)):
            sets.add_sent(sent_frame(readback, frame, fold))
        task = Task(contract=contract, sets=sets, evidence=evidence, known=known, fold=fold, source=source, saved=saved)
        result = task.until_settled(
            settle=settle if evidence.export is None else 0, clock=clock or SystemClock(), say=observer or _silent
        )
        wish = Wish(
            output=output, spreadsheet_safe=spreadsheet_safe, repair=repair, permit=permit, lifted=without_import_ids
        )
        files, said = task.write(wish, notes)
        stale = clear_stale(None, repair if "repair" not in files else None, permit)
        told = tuple(n for n in (*notes.lines(), fold_note, *result.notes, *said, *stale) if n)
        return replace(result, notes=told, files=files)


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


def _records(contract: Contract, source: Path, notes: Notes, known: Known) -> Iterator[pl.DataFrame]:
    misread = Misread(contract, str(source), accept=known.accept)
    try:
        for frame in read_file(source, notes=notes):
            refuse_other_file(contract, frame, str(source))
            misread.refuse(frame)
            yield frame
        misread.note(notes)
    except OSError as error:
        raise InputUnreadable(f"{source} cannot be read: {error.strerror or error}.") from None


def _silent(_: str) -> None:
    """Say nothing."""
