"""Run one reconciliation: stage the file, then read and compare the target until the result is proved or stable."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from bulkops.clock import Clock, SystemClock
from bulkops.errors import InputUnreadable, UsageError
from bulkops.readback.compare.canonical import Fold, sent_frame
from bulkops.readback.compare.staging import RowSets
from bulkops.readback.fetch.prefetch import prefetch
from bulkops.readback.fetch.rows import fold_of, read_file
from bulkops.readback.parse.warnings import Notes
from bulkops.reconciling.columns import refuse_other_file, unseen
from bulkops.reconciling.comparing import OutputOptions, ReconcileTask
from bulkops.reconciling.misread import Misread
from bulkops.reconciling.on_cluster import staged_on_cluster
from bulkops.reconciling.outputs import Tables, clear_stale, refuse_unfit, write_tables
from bulkops.reconciling.result import Reconciliation, judge_amounts
from bulkops.reconciling.saved import open_saved
from bulkops.reconciling.sides import EvidenceSource, ImportFacts
from bulkops.transport.notices import Notify
from bulkops.writing import OWN_ONLY, Permit
from bulkops_validators.model.contract import Contract, Readback

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient

SentRows = Callable[[Fold], Iterator[pl.DataFrame]]
"""Returns the records to compare for the folding of codes, as `sent_frame` does."""
__all__ = ["EvidenceSource", "ImportFacts", "reconcile"]


def reconcile(
    contract: Contract,
    source: Path,
    evidence: EvidenceSource,
    *,
    known: ImportFacts | None = None,
    settle: float = 60.0,
    clock: Clock | None = None,
    output: Path | None = None,
    spreadsheet_safe: bool = False,
    repair: Path | None = None,
    without_import_ids: bool = False,
    permit: Permit = OWN_ONLY,
    tables: Tables = (),
    observer: Notify | None = None,
    sent: SentRows | None = None,
    cluster: "str | DaskClient | None" = None,
) -> Reconciliation:
    """Return whether the target contains every record of the file with the sent values.

    Exports may lag behind imports. So a target is read until the file is proved, or until two equal read-backs are at
    least `settle` seconds apart. `output` is a folder for files with every difference; with `spreadsheet_safe`, no
    cell in them is a formula. `tables` are files of all differences for spreadsheets. `repair` is the path of an import
    file with exactly the missing records. It is written only if both sides were read reliably; contracts that append
    rows also need the import ids of the found rows, unless `without_import_ids`. `observer` receives progress messages.
    UsageError if `permit` protects an output. `sent` returns the records as canonical text, if they do not come from
    the file itself. `cluster` is the address of a dask cluster, or a client, for the comparison with a saved export;
    `staged_on_cluster` describes its errors.
    """
    inputs = [source, *([evidence.export] if evidence.export else [])]
    refuse_unfit(output, repair, inputs, permit, tables=tables)
    known, notes = known or ImportFacts(), Notes()
    readback = _readback(contract, evidence)
    scope = known.import_ids if readback and readback.multiset and readback.import_id else None
    saved = open_saved(contract, readback, evidence, file=source, scoped=scope is not None)
    if readback is None:
        records = sum(frame.height for frame in _records(contract, source, notes, known))
        result = judge_amounts(contract.name, records=records, amount=known.amount, evidence=contract.evidence)
        stale = clear_stale(output, repair, permit)
        return replace(result, notes=(*notes.lines(), *stale), files=write_tables(None, tables, permit))
    with ExitStack() as stack:
        sets = stack.enter_context(RowSets(readback, own_ids=scope))
        fold, fold_note = _fold(evidence, readback)
        task = ReconcileTask(
            contract=contract, sets=sets, evidence=evidence, known=known, fold=fold, source=source, saved=saved
        )
        divided = None if cluster is None or sent else stack.enter_context(staged_on_cluster(task, cluster, notes))
        if divided is None:
            own = (sent_frame(readback, f, fold) for f in _records(contract, source, notes, known))
            for frame in prefetch(sent(fold) if sent else own):
                sets.add_sent(frame)
        task = divided or task
        result = task.until_settled(
            settle=settle if evidence.export is None else 0, clock=clock or SystemClock(), notify=observer or _silent
        )
        outputs = OutputOptions(
            output=output,
            spreadsheet_safe=spreadsheet_safe,
            repair=repair,
            permit=permit,
            lifted=without_import_ids,
            tables=tables,
        )
        files, output_notes = task.write(outputs, notes)
        stale = clear_stale(None, repair if "repair" not in files else None, permit)
        all_notes = tuple(n for n in (*notes.lines(), fold_note, *result.notes, *output_notes, *stale) if n)
        return replace(result, notes=all_notes, files=files)


@dataclass(frozen=True, kw_only=True)
class ComparedRecords:
    """The numbers of the records that a target lacks or has with other values, from 1.

    `unseen` are columns that the file fills and the read-back lacks; they were not compared.
    """

    records: int
    missing: np.ndarray
    different: np.ndarray
    unseen: tuple[str, ...]


def compare_records(
    contract: Contract, source: Path, evidence: EvidenceSource, *, accept: Collection[str] = ()
) -> ComparedRecords:
    """Read a target once and compare each record of a file with the row of its key.

    UsageError if the API cannot read these rows back.
    """
    readback, known = _readback(contract, evidence), ImportFacts(accept=accept)
    if readback is None or readback.multiset:
        raise UsageError(f"The API cannot read the rows of {contract.name} back by a key.")
    with RowSets(readback) as sets:
        fold, _ = _fold(evidence, readback)
        for frame in prefetch(_records(contract, source, Notes(), known)):
            sets.add_sent(sent_frame(readback, frame, fold))
        task = ReconcileTask(
            contract=contract, sets=sets, evidence=evidence, known=known, fold=fold, source=source, saved=None
        )
        compared = task.compare_once().compared
        missing, different = (
            np.array(sets.run(f"SELECT DISTINCT record FROM result WHERE class = '{kind}'"), np.int64).reshape(-1)  # noqa: S608 - our own words
            for kind in ("missing", "different")
        )
        absent = unseen(sets, [column for column in sets.columns if column not in compared])
        return ComparedRecords(records=sets.sent_count, missing=missing, different=different, unseen=absent)


def _readback(contract: Contract, evidence: EvidenceSource) -> Readback | None:
    if evidence.ids is not None:
        try:
            return contract.route(evidence.ids).readback
        except LookupError as error:
            if evidence.client is not None:
                missing = " and ".join(f"--{name}" for name in error.args)
                raise UsageError(f"{contract.name} needs {missing}.") from None
    return contract.routes[0].readback


def _fold(evidence: EvidenceSource, readback: Readback) -> tuple[Fold, str | None]:
    if evidence.fold is not None:
        return evidence.fold, None
    if evidence.client is None or evidence.ids is None:
        return Fold.SENSITIVE, None
    return fold_of(evidence.client, readback, evidence.ids)


def _records(contract: Contract, source: Path, notes: Notes, known: ImportFacts) -> Iterator[pl.DataFrame]:
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
    """Ignore a message."""
