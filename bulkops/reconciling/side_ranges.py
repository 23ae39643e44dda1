"""Read a range of one side of a comparison on any machine, and divide its rows into parts with equal keys.

The functions here depend on their arguments and on the bytes of the file only, so lost work can be done again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import BinaryIO

import polars as pl

from bulkops.errors import DataError
from bulkops.limits import Adjustable, TooLarge, limited_by
from bulkops.readback.compare.canonical import Fold, sent_frame
from bulkops.readback.compare.staging import SENT, Ownership, found_rows, sent_rows
from bulkops.readback.fetch.saved import Edges
from bulkops.readback.parse.batch_ranges import BatchCut, RangeBatches
from bulkops.readback.parse.tables import LINE, RECORD, FrameCounts, batch_frames, record_batches
from bulkops.readback.parse.warnings import Notes
from bulkops.reading.ranges import Span
from bulkops.reading.sources import DAMAGED, ReadFailed, source_in
from bulkops.reconciling.columns import refuse_other_file
from bulkops.reconciling.found_rows import FoundForm, FoundRows
from bulkops.reconciling.misread import DecimalForms, Misread
from bulkops.reconciling.saved import without_edits
from bulkops.validation.range_check import Build, FileVersion, open_shared, require_build, unchanged
from bulkops_validators.model.contract import Contract, Readback

Tables = Mapping[str, Sequence[bytes]]
"""Rows as Parquet files: by table, then by part."""
_PART = "_part"
_SEED = 3
"""Any seed that no other hash of rows uses."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How rows are divided into parts: rows with equal cells in `columns` are in the same part."""

    columns: tuple[str, ...]
    parts: int

    def divided(self, frames: Sequence[pl.DataFrame]) -> tuple[bytes, ...]:
        """Return the rows of frames by part, each part as a Parquet file."""
        cells = pl.concat_str(pl.col(self.columns).fill_null(""), separator="\x1f")
        rows = pl.concat(frames).with_columns((cells.hash(_SEED) % self.parts).alias(_PART))
        return tuple(_parquet(rows.filter(pl.col(_PART) == part).drop(_PART)) for part in range(self.parts))


Rows = Iterator[tuple[str, pl.DataFrame]]
"""Rows, each frame with the name of its table."""


@dataclass(frozen=True, kw_only=True)
class SentForm:
    """How to read the file; `accept` are the rules that are not applied, and `name` is its name in messages."""

    contract: Contract
    readback: Readback
    fold: Fold
    name: str
    accept: frozenset[str]

    def rows(self, frames: Iterable[pl.DataFrame], into: "ReadRange") -> Rows:
        """Yield the records of frames, and keep their facts."""
        misread = Misread(self.contract, self.name, accept=self.accept)
        columns = [column.column for column in self.readback.columns]
        for frame in frames:
            refuse_other_file(self.contract, frame, self.name)
            misread.refuse(frame)
            yield SENT, sent_rows(sent_frame(self.readback, frame, self.fold), columns)
        into.decimals = misread.forms


@dataclass(frozen=True, kw_only=True)
class ExportForm:
    """How to read a saved export, and which of its rows count."""

    found: FoundForm
    ownership: Ownership

    @property
    def name(self) -> str:
        """The name of the export in messages."""
        return self.found.name

    @property
    def readback(self) -> Readback:
        """The read-back of the export."""
        return self.found.readback

    def rows(self, frames: Iterable[pl.DataFrame], into: "ReadRange") -> Rows:
        """Yield the rows of frames, and keep their facts."""
        reading = FoundRows(self.found, into.row_notes)
        columns = [column.column for column in self.readback.columns]
        numbers: Counter[str] = Counter()
        for frame in frames:
            canonical = reading.canonical(without_edits(frame, into.row_notes))
            for name, rows in self.ownership.divided(canonical, multiset=self.readback.multiset).items():
                yield name, found_rows(rows, columns, numbers[name])
                numbers[name] += rows.height
        facts = reading.facts
        into.deleted, into.found_rows = facts.deleted, facts.rows
        into.shown_ids, into.has_import_ids = facts.shown_ids.counts, facts.has_import_ids


@dataclass(frozen=True, kw_only=True)
class SideRange:
    """A range to read. Without a span, it is the whole file.

    `header` has the column names, if the range does not begin with them. The last range of a file is `last`.
    """

    file: str
    version: FileVersion | None
    form: SentForm | ExportForm
    spread: Spread
    cut: BatchCut
    limits: Adjustable
    build: Build
    span: Span | None = None
    last: bool = True
    header: tuple[str, ...] | None = None


@dataclass
class ReadRange:
    """The rows of a range, and what one process must know of them.

    `counts` and `nulls` describe the tables. `frames` counts the records and lines, `found_rows` the rows of a
    read-back. `end` is the offset after the last record, and `edges` are the first line and the last bytes of a whole
    file. Not `readable`: one process must read the file, and finds the error, or reads its records in other batches.
    """

    tables: Tables = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    nulls: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    frames: FrameCounts = field(default_factory=FrameCounts)
    end: int = 0
    edges: tuple[bytes, bytes] = (b"", b"")
    readable: bool = True
    header: tuple[str, ...] = ()
    notes: Notes = field(default_factory=Notes)
    row_notes: Notes = field(default_factory=Notes)
    deleted: Notes = field(default_factory=Notes)
    decimals: DecimalForms | None = None
    shown_ids: Mapping[str, Counter[str]] = field(default_factory=dict)
    has_import_ids: bool = True
    found_rows: int = 0


def read_range(task: SideRange) -> ReadRange:
    """Return the rows and the facts of a range.

    InputUnreadable if its file cannot be opened or has changed; UsageError in a process of another version.
    """
    require_build(task.build)
    with limited_by(task.limits), unchanged(task.file, task.version):
        try:
            return _whole(task) if task.span is None else _part(task, task.span)
        except (DataError, TooLarge, ReadFailed, *DAMAGED):
            return ReadRange(readable=False)


def facts_of(found: ReadRange) -> ReadRange:
    """Return the facts of a range without its rows."""
    return replace(found, tables={})


def rows_of_part(found: ReadRange, part: int) -> dict[str, bytes]:
    """Return the rows of one part, by table."""
    return {name: parts[part] for name, parts in found.tables.items()}


def _whole(task: SideRange) -> ReadRange:
    edges = Edges()
    with source_in(task.file, None).open() as stream:
        blocks = edges.watched(iter(lambda: stream.read(task.cut.block), b""))
        found = _read(task, record_batches(blocks, task.cut.batch))
    found.edges = (edges.head, edges.tail)
    return found


def _part(task: SideRange, span: Span) -> ReadRange:
    stream: BinaryIO
    with open_shared(task.file) as stream:
        batches = RangeBatches(stream, span, task.cut, last=task.last)
        found = _read(task, batches)
        found.end, found.readable = batches.end, batches.regular
    return found


def _read(task: SideRange, batches: Iterable[bytes]) -> ReadRange:
    """Return the rows of batches, divided into parts."""
    found = ReadRange()
    header = list(task.header) if task.header is not None else None
    frames = batch_frames(batches, found.frames, name=task.form.name, notes=found.notes, header=header)
    rows: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for name, frame in task.form.rows(_noting_header(frames, found), found):
        rows[name].append(frame)
        found.counts[name] += frame.height
        columns = task.form.readback.columns
        found.nulls[name].update({c.column: frame.get_column(c.column).null_count() for c in columns})
    found.tables = {name: task.spread.divided(chosen) for name, chosen in rows.items()}
    found.nulls = dict(found.nulls)
    return found


def _noting_header(frames: Iterable[pl.DataFrame], into: ReadRange) -> Iterator[pl.DataFrame]:
    """Yield the frames, and keep their column names."""
    for frame in frames:
        into.header = tuple(name for name in frame.columns if name not in (RECORD, LINE))
        yield frame


def _parquet(rows: pl.DataFrame) -> bytes:
    file = BytesIO()
    rows.write_parquet(file, compression="lz4", statistics=False)
    return file.getvalue()
