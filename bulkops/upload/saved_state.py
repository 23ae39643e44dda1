"""Save the rows that an import may change, in import form, before its first request: the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from bulkops.disk import naming_full_disk
from bulkops.errors import AccessRefused, DataError, ServerRefused
from bulkops.exporting.import_form import ImportForm, write_csv
from bulkops.private import private, private_folder
from bulkops.readback.compare.canonical import sent_frame
from bulkops.readback.fetch.rows import read_back, read_file
from bulkops.transport.notices import Notify
from bulkops.upload.context import JobContext
from bulkops.upload.guards import clear_unless_known
from bulkops.upload.job_files import before_path
from bulkops.upload.replace.undo import UndoneJob
from bulkops_validators.model.contract import Form, Readback

KEY = "_key"


def save_state(context: JobContext, *, notify: Notify, export: Path | None = None) -> Path | None:
    """Save the rows of the target with a key in the job's file; None if the contract changes no rows.

    `export` is the export of the target, if it has just been downloaded; without it, the target is read.
    Unfinished if the server does not send the rows. A server that refuses to show them does not stop the import: the
    user is told that there is no way back.
    """
    readback = context.route.readback
    if not context.contract.changes_rows or readback is None or readback.form is not Form.CSV:
        return None
    path = before_path(context.ledger, context.job.id)
    try:
        records, saved = _saved(context, readback, path, export)
    except (AccessRefused, ServerRefused, DataError) as error:
        path.unlink(missing_ok=True)
        notify(f"The present rows cannot be saved ({error.message}), so this import cannot be undone by bulkops.")
        return None
    notify(
        f"{saved:,} of the {records:,} records have a row at the target. These rows are saved as a file for import, to "
        f"go back: {path}"
    )
    return path


@contextmanager
def state_saved(
    context: JobContext,
    *,
    notify: Notify,
    dry_run: bool,
    undone: UndoneJob | None = None,
    export: Path | None = None,
) -> Iterator[None]:
    """Save the state before the body of the `with` statement begins the job; remove it if the job did not begin.

    GuardRefused if the rows of `undone`, the job that this one undoes, have changed since, unless a limit of removals
    was given.
    """
    try:
        saved = None if dry_run else save_state(context, notify=notify, export=export)
        if saved is not None and undone is not None and context.job.settings["max_removals"] is None:
            undone.refuse_changed_rows(readback_of(context), held=saved)
        yield
    except BaseException:
        clear_unless_known(context.ledger, context.job.id)
        raise


def readback_of(context: JobContext) -> Readback:
    """Return the read-back of a job that saves rows."""
    readback = context.route.readback
    if readback is None:
        raise TypeError("Only rows that can be read back are saved.")
    return readback


def _saved(context: JobContext, readback: Readback, path: Path, export: Path | None) -> tuple[int, int]:
    """Write the rows with a key in the file; return the number of records of the file, and of rows written."""
    wanted = pl.concat(
        [_keys(readback, sent_frame(readback, frame)) for frame in read_file(context.job.file_path)]
    )  # 8 bytes for each record
    private_folder(path.parent)
    form, saved = ImportForm(context.contract, readback), 0
    if export is None:
        rows = read_back(context.client, readback, context.ids, context.job.options)
    else:
        rows = read_file(export)
    with naming_full_disk(path), open(path, "wb", opener=private) as out:
        for number, frame in enumerate(rows):
            records = form.converted(frame)
            keys = _keys(readback, sent_frame(readback, records))
            kept = records.filter(keys.is_in(wanted.implode()))
            write_csv(kept, out, header=number == 0)
            saved += kept.height
    return len(wanted), saved


def _keys(readback: Readback, frame: pl.DataFrame) -> pl.Series:
    """Return a digest of the key of each canonical row; two keys with one digest only save a row too much."""
    return frame.select(pl.struct(readback.key).hash().alias(KEY)).to_series()
