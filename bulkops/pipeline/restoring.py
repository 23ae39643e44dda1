"""Restore the rows that existed before a job and that the job changed; its undo then deletes the rows it created."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError
from bulkops.exporting.import_form import write_csv
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import OpenTarget
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.running import NewJob, Outcome, begin_and_run
from bulkops.pipeline.undoing import Confirm, undo_by_removal
from bulkops.readback.compare.canonical import sent_frame
from bulkops.readback.fetch.rows import read_file
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.reconciling.run import compare_records
from bulkops.reconciling.sides import EvidenceSource
from bulkops.transport.client import ApiClient
from bulkops.undoing.undo_jobs import refuse_unsettled
from bulkops.undoing.work import NothingLeft
from bulkops.upload.job_files import before_path
from bulkops.upload.options import RunOptions
from bulkops.upload.start import contract_of, new_id, new_job, refuse_changed_file, target_of
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.upload.workflow import Guards, open_client
from bulkops.writing import whole_file
from bulkops_validators.model.contract import Readback


def restore_and_remove(
    earlier: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    run: RunOptions,
    guards: Guards,
    also: Collection[str],
    confirm: Confirm,
    stop: Stop,
    observer: Observer,
) -> Outcome:
    """Restore the rows that a job changed, then remove those that it created; the arguments are as for `undo_job`.

    `guards` are those of the import that restores rows.
    """
    restored = _restore_changed_rows(
        earlier, ledger, open_target, clock=clock, run=run, guards=guards, stop=stop, observer=observer
    )
    if restored is not None and restored.state != JobState.DONE:
        return restored
    try:
        removed = undo_by_removal(
            earlier, ledger, open_target, clock=clock, run=run, also=also, confirm=confirm, stop=stop, observer=observer
        )
    except NothingLeft:
        if restored is None:
            raise
        return restored
    if restored is None:
        return removed
    document = {**removed.document, "restored_by": restored.document["job"]}
    return replace(removed, document=document, exit_code=removed.exit_code or restored.exit_code)


def _restore_changed_rows(
    earlier: JobEntry,
    ledger: Ledger,
    open_target: OpenTarget,
    *,
    clock: Clock,
    run: RunOptions,
    guards: Guards,
    stop: Stop,
    observer: Observer,
) -> Outcome | None:
    """Import the rows that existed before a job and still have the values of its file; None if there are none.

    Rows that changed after the job stay as they are. UsageError if the job may still change rows.
    """
    contract, before = contract_of(earlier), before_path(ledger, earlier.id)
    if not contract.changes_rows or not before.exists() or not _has_its_file(earlier, ledger):
        return None
    refuse_unsettled(ledger, earlier)
    with ExitStack() as stack:
        target = stack.enter_context(open_target())
        if target_of(contract, target) != earlier.target:
            return None  # the removal that follows refuses the target
        with open_client(target, ledger, clock=StoppableClock(clock, stop), notify=observer.note) as client:
            rows = _changed_rows(earlier, before, client)
        if rows is None:
            return None
        file = before.with_name(f"{new_id('restored', clock.now())}.csv")
        with whole_file(file) as out:
            write_csv(rows, out, header=True)
        stack.callback(_remove_unless_known, file, ledger)
        plan = plan_file(file, chunk_limits(contract))
        options, now = earlier.options, clock.now()
        job = new_job(
            contract, plan, target, options=options, run=run, max_removals=None, now=now, accept=guards.accept
        )
        new = NewJob(job=job, contract=contract, plan=plan, guards=guards, prove=True)
        return begin_and_run(new, target, ledger, clock=clock, stop=stop, observer=observer)


def _has_its_file(job: JobEntry, ledger: Ledger) -> bool:
    """Return whether the file of a job still has its bytes: only they show which rows the job changed."""
    try:
        refuse_changed_file(job, ledger)
    except (GuardRefused, UsageError):
        return False
    return True


def _remove_unless_known(file: Path, ledger: Ledger) -> None:
    """Remove a file that no job uses."""
    if all(job.file_path != file.absolute() for job in ledger.jobs()):
        file.unlink(missing_ok=True)


def _changed_rows(job: JobEntry, before: Path, client: ApiClient) -> pl.DataFrame | None:
    """Return the saved rows that differ from the target, if the target has the values of the job; None without one."""
    contract, ids = contract_of(job), job.target["ids"]
    readback = contract.route(ids).readback
    if readback is None or not plan_file(before, chunk_limits(contract)).records:
        return None
    evidence = EvidenceSource(client=client, ids=ids, options=job.options)
    accept = frozenset(job.settings.get("accept", ()))
    saved = compare_records(contract, before, evidence, accept=accept)
    if not saved.different.size:
        return None
    sent = compare_records(contract, job.file_path, evidence, accept=accept)
    kept = np.ones(sent.records, bool)
    kept[np.concatenate((sent.missing, sent.different)) - 1] = False
    present = pl.concat(list(_keys(job.file_path, readback))).filter(pl.Series(kept))
    different = np.zeros(saved.records, bool)
    different[saved.different - 1] = True
    rows = pl.concat(list(read_file(before))).filter(pl.Series(different))
    known = pl.concat(list(_keys(before, readback))).filter(pl.Series(different))
    rows = rows.filter(known.is_in(present.implode())).drop(RECORD, LINE, strict=False)
    return rows if rows.height else None


def _keys(file: Path, readback: Readback) -> Iterator[pl.Series]:
    """Yield a digest of the key of each record."""
    for frame in read_file(file):
        yield sent_frame(readback, frame).select(pl.struct(readback.key).hash()).to_series()
