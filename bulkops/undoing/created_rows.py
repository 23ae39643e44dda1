"""Find the rows of a target that an import created, and how they have changed since."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from bulkops.disk import temporary_file
from bulkops.errors import DataError, GuardRefused, UsageError
from bulkops.ledger.events import EventKind
from bulkops.ledger.states import ChunkState
from bulkops.readback.compare.canonical import (
    CREATED,
    IMPORT_ID,
    Fold,
    by_lower,
    by_value,
    cells_named,
    found_frame,
    live_rows,
    sent_frame,
)
from bulkops.readback.compare.values import decimal
from bulkops.readback.fetch.download import GetRequest, download
from bulkops.readback.fetch.rows import BLOCK, fold_of, read_back, read_file
from bulkops.readback.fetch.times import rfc3339
from bulkops.readback.parse.tables import read_frames
from bulkops.readback.parse.warnings import FIELDS, Notes
from bulkops.transport.client import ApiClient
from bulkops.undoing.undo_context import UndoContext
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.evidence.row_clock import RowClock
from bulkops.upload.evidence.timeouts import transfer_seconds, working_seconds
from bulkops.upload.job_files import before_path
from bulkops.upload.options import RunOptions
from bulkops.upload.start import refuse_changed_file
from bulkops_validators.model.contract import BalanceExport, Deletion

KEYS = ("_key", "_second")
"""Two digests of a key: with one of 64 bits, another row could have the digest of a created one."""
SENT = "_sent"
CLOCK_MARGIN = timedelta(minutes=2)
"""How long after the response to an import its rows can be dated, by a clock that is not the server's `Date`."""


@dataclass(kw_only=True)
class CreatedRows:
    """The rows that an import created and that still exist.

    `rows` has the columns row, key, batch, created (text), used and changed (boolean). `batches` counts the live rows
    of each batch at the target, whoever created them. `foreign` rows have an import id of the job, but its file does
    not contain them; `others` are keys of the file that another import created, or that existed before.
    """

    rows: pl.DataFrame
    batches: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    others: int = 0
    file_known: bool = True


class _SentRows:
    """The digests of the records that a job sent: of their keys, and of the columns that the export shows."""

    def __init__(self, undoing: UndoContext, fold: Fold, shown: Collection[str]) -> None:
        self._undoing, self._fold = undoing, fold
        self._compared = [
            each.column for each in undoing.readback.columns if each.column in shown and not each.blank_unknown
        ]

    def frame(self) -> pl.DataFrame | None:
        """Return the digests, one row for each key; None if the file is missing or has changed."""
        job, ledger = self._undoing.earlier, self._undoing.ledger
        try:
            refuse_changed_file(job, ledger)
            parts = [self._of_file(frame) for frame in read_file(job.file_path)]
        except (GuardRefused, UsageError):
            return None
        return pl.concat(parts).unique(subset=KEYS, keep="last")

    def digests(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the digests of canonical rows."""
        key = pl.struct(self._undoing.readback.key)
        cells = pl.concat_str(pl.col(*self._compared).fill_null(""), separator="\x1f")
        return rows.select(key.hash(1).alias(KEYS[0]), key.hash(2).alias(KEYS[1]), cells.hash().alias(SENT))

    def not_created(self) -> pl.DataFrame:
        """Return the digests of the keys that the job did not create: they existed before, or were not accepted."""
        job, ledger = self._undoing.earlier, self._undoing.ledger
        before = before_path(ledger, job.id)
        if not before.exists():
            raise UsageError(
                f"Job {job.id} could not save which rows existed before it, so its own rows are unknown.",
                hint="Delete the rows by other means.",
            )
        frames = list(read_file(before))
        frames += [
            ChunkRecords(job.file_path, job.header_end, chunk, header=job.sent_header).frame()
            for chunk in ledger.chunks(job.id)
            if chunk.state not in (ChunkState.ACCEPTED, ChunkState.DIVIDED)
        ]
        return pl.concat([self._of_file(frame) for frame in frames])

    def _of_file(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self.digests(sent_frame(self._undoing.readback, frame, self._fold))


def created_rows(undoing: UndoContext) -> CreatedRows:
    """Read the target, and return the rows that the job created and that still exist.

    DataError if rows of the export cannot be read reliably. UsageError if nothing shows which rows are the job's.
    """
    readback, notes = undoing.readback, Notes()
    fold, said = fold_of(undoing.client, readback, undoing.ids)
    if said is not None:
        raise UsageError(f"{said} The codes of the job cannot be compared with the target.", hint="Try again later.")
    reading = _CreatedReader(undoing, fold)
    for frame in read_back(undoing.client, readback, undoing.ids, undoing.earlier.options, notes=notes):
        reading.add(frame)
    if readback.import_id is None:
        del notes.counts[FIELDS]  # lists without quotes follow the columns that identify a row
    refuse_uncertain(notes)
    return reading.result()


class _CreatedReader:
    """Collects the created rows from the frames of an export."""

    def __init__(self, undoing: UndoContext, fold: Fold) -> None:
        self._undoing, self._fold = undoing, fold
        self._own = [str(number) for number in undoing.ledger.imports_of(undoing.earlier.id)]
        self._sent: pl.DataFrame | None = None
        self._digests: _SentRows | None = None
        self._excluded: pl.DataFrame | None = None
        self._latest = ""
        self._used: pl.Series | None = None
        self._frames: list[pl.DataFrame] = []
        self.found = CreatedRows(rows=pl.DataFrame())

    def add(self, frame: pl.DataFrame) -> None:
        """Add a frame of the export."""
        digests = self._digests or self._start(frame)
        undoing = self._undoing
        live = live_rows(frame)
        rows = found_frame(undoing.readback, live, self._fold)
        names, deletion = by_lower(live.columns), _deletion(undoing)
        batch = cells_named(live, names, deletion.batch.column if deletion.batch else None)
        self.found.batches.update({str(name): int(count) for name, count in batch.value_counts().iter_rows()})
        key = rows.get_column(undoing.readback.key[0])
        cells = {
            "row": cells_named(live, names, deletion.row),
            "key": key,
            "batch": batch,
            "created": rows.get_column(CREATED),
            IMPORT_ID: rows.get_column(IMPORT_ID),
            "used": self._in_use(live, names, key),
        }
        found = pl.DataFrame([values.alias(name) for name, values in cells.items()]).hstack(digests.digests(rows))
        self._keep(found)

    def _start(self, frame: pl.DataFrame) -> _SentRows:
        """Read the file of the job, compared by the columns that the export has."""
        undoing = self._undoing
        names = by_lower(frame.columns)
        shown = {each.column for each in undoing.readback.columns if any(n.lower() in names for n in each.found)}
        self._digests = _SentRows(undoing, self._fold, shown)
        self._sent = self._digests.frame()
        if undoing.readback.import_id is None:
            if self._sent is None:
                raise UsageError(
                    f"The file of job {undoing.earlier.id} is missing or was changed, and the target does not show "
                    "which rows the job created.",
                    hint="Restore the file.",
                )
            self._excluded, self._latest = self._digests.not_created(), _latest(undoing)
        if (export := _deletion(undoing).balances) is not None:
            self._used = _owners_with_points(undoing, export)
        return self._digests

    def _in_use(self, live: pl.DataFrame, names: Mapping[str, str], key: pl.Series) -> pl.Series:
        if self._used is not None:
            return key.is_in(self._used.implode())
        return ~_zero(cells_named(live, names, _deletion(self._undoing).used))

    def _keep(self, rows: pl.DataFrame) -> None:
        """Keep the rows that the job created, and count the others that it is related to."""
        own = pl.col(IMPORT_ID).is_in(self._own) if self._undoing.readback.import_id else pl.lit(value=True)
        if self._sent is None:
            kept = rows.filter(own).with_columns(changed=pl.lit(value=True))
        else:
            joined = rows.join(self._sent, on=KEYS, how="left", suffix="_file")
            known = pl.col(f"{SENT}_file").is_not_null()
            if self._undoing.readback.import_id:
                self.found.foreign += joined.filter(own & ~known).height
                self.found.others += joined.filter(known & ~own).height
            kept = joined.filter(own & known).with_columns(changed=pl.col(SENT) != pl.col(f"{SENT}_file"))
        if self._excluded is not None:
            created = kept.join(self._excluded, on=KEYS, how="anti").filter(pl.col("created") <= self._latest)
            self.found.others += kept.height - created.height
            kept = created
        self._frames.append(kept.select("row", "key", "batch", "created", "used", "changed"))

    def result(self) -> CreatedRows:
        """Return the rows of all frames."""
        self.found.rows = pl.concat(self._frames)
        self.found.file_known = self._sent is not None
        return self.found


def _latest(undoing: UndoContext) -> str:
    """Return the latest time at which the job can have created a row, as canonical text.

    A decision long after a request does not count: without a response, the server works only for a limited time. The
    clock offsets are those that were measured by the import.
    """
    job, ledger = undoing.earlier, undoing.ledger
    chunks, events = ledger.chunks(job.id), [each for each in ledger.events(job.id) if each.chunk is not None]
    options = RunOptions.from_settings(job.settings)
    limit = max(
        (transfer_seconds(each) + working_seconds(undoing.contract, each, options) for each in chunks), default=0
    )
    last = max((event.at for event in events), default=job.created)
    work = [event.at + timedelta(seconds=limit) for event in events if event.kind == EventKind.SENT]
    responses = [event.at for event in events if event.kind == EventKind.ACCEPTED]
    last = min(last, max([*work, *responses], default=last))
    offsets = [event.clock_offset for event in events if event.clock_offset is not None]
    offset = timedelta(seconds=offsets[-1]) if offsets else undoing.client.server_offset or timedelta()
    return rfc3339(last + offset + (RowClock.of(chunks).most or timedelta()) + CLOCK_MARGIN)


def _owners_with_points(undoing: UndoContext, export: BalanceExport) -> pl.Series:
    """Return the owners with points, active or pending, by the export of balances."""
    owners = []
    for frame in read_balances(undoing.client, export, undoing.ids):
        names = by_lower(frame.columns)
        none = [_zero(cells_named(frame, names, column)) for column in (export.current, export.pending)]
        owners.append(cells_named(frame, names, export.owner).filter(~(none[0] & none[1])))
    return pl.concat(owners)


def _zero(counts: pl.Series) -> pl.Series:
    """Return which numbers are zero or blank."""
    return by_value(counts, decimal).is_in(["", "0"])


def read_balances(client: ApiClient, export: BalanceExport, ids: Mapping[str, int]) -> Iterator[pl.DataFrame]:
    """Yield the frames of an export of balances; DataError if its rows cannot be read reliably.

    Rows may have one field more than the header, after the columns that are used.
    """
    notes = Notes()
    with temporary_file() as spooled:
        asked = GetRequest(path=export.path, ids=ids, params={}, columns=frozenset({export.owner.lower()}))
        download(client, asked, spooled)
        spooled.seek(0)
        yield from read_frames(iter(lambda: spooled.read(BLOCK), b""), name="The export of balances", notes=notes)
    del notes.counts[FIELDS]
    refuse_uncertain(notes)


def refuse_uncertain(notes: Notes) -> None:
    """Raise DataError if cells of an export may be wrong."""
    if uncertain := notes.uncertain():
        raise DataError(
            f"The export has rows that cannot be read reliably: {' '.join(uncertain)} Nothing was removed.",
            hint="Save the export with `bulkops export`, and look at these rows.",
        )


def _deletion(undoing: UndoContext) -> Deletion:
    """Return how the rows are deleted."""
    if not isinstance(undoing.contract.undo, Deletion):
        raise TypeError("Only rows that are deleted are read like this.")
    return undoing.contract.undo
