"""Read and compare both sides of a reconciliation on a cluster: its workers do what one machine does, in parts.

Workers read ranges of the file and of the saved export, and divide the rows by the hash of their keys. Then each part
is compared by one worker. It returns the rows of the groups that do not agree, and counts the others. This process
compares the returned rows as one machine compares all rows.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from bulkops.cluster import Cluster, opened_cluster
from bulkops.errors import DataError
from bulkops.limits import adjustable
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.compare.keyed import absent_columns
from bulkops.readback.compare.sql import compared_always
from bulkops.readback.compare.staging import FOREIGN, FOUND, SENT, RowsAside
from bulkops.readback.fetch import rows as file_rows
from bulkops.readback.fetch.completeness import TAIL
from bulkops.readback.fetch.saved import Edges, refuse_incomplete
from bulkops.readback.parse import tables as parsed_tables
from bulkops.readback.parse.batch_ranges import BatchCut, batch_spans
from bulkops.readback.parse.lenient import BOM, split_header
from bulkops.readback.parse.warnings import UNCLOSED, Notes
from bulkops.reading.ranges import Span, joined_ranges
from bulkops.reading.sources import Source, file_source
from bulkops.reconciling.columns import core_columns
from bulkops.reconciling.comparing import ReconcileTask
from bulkops.reconciling.found_rows import FoundFacts
from bulkops.reconciling.misread import Misread
from bulkops.reconciling.parts import (
    ComparedPart,
    PartTask,
    PieceStart,
    added_counts,
    added_sums,
    compare_part,
    values_among,
)
from bulkops.reconciling.resaved import text_columns
from bulkops.reconciling.shown_ids import ShownIds
from bulkops.reconciling.side_ranges import (
    ExportForm,
    ReadRange,
    SentForm,
    SideRange,
    Spread,
    facts_of,
    read_range,
    rows_of_part,
)
from bulkops.reconciling.totals import summed_column
from bulkops.remote.paths import RemotePath
from bulkops.validation.on_cluster import range_bytes
from bulkops.validation.range_check import FileVersion, this_build
from bulkops_validators.model.contract import Readback

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient, RemoteResult

_AHEAD = 3
"""Ranges submitted for each thread."""
PART_BYTES = 256 << 20
"""Bytes of both files for each part: one worker compares their rows in about 500 MB."""


@contextmanager
def staged_on_cluster(task: ReconcileTask, cluster: "str | DaskClient", notes: Notes) -> Iterator[ReconcileTask | None]:
    """Yield the task with both sides staged; None if one machine must read them, and the sets are then unchanged.

    `notes` receives the problems of the file. See `opened_cluster` for the errors of a cluster.
    """
    with opened_cluster(cluster) as opened:
        yield staged(task, opened, notes)


def staged(task: ReconcileTask, cluster: Cluster, notes: Notes) -> ReconcileTask | None:
    """Return the task with both sides staged by a cluster; None if one machine must read them."""
    export = task.saved
    claimed = task.known.claims and task.known.import_ids is None and task.sets.readback.multiset
    if export is None or claimed or not (_is_local(task.source) and _is_local(Path(export.source.path))):
        return None
    try:
        return _SidesOnCluster(task, export.source, cluster).staged(notes)
    except _OneMachine:
        cluster.cancel()
        task.sets.clear()
        return None


class _OneMachine(Exception):
    """Raised if one machine must read the files."""


class _Submitted(NamedTuple):
    """A range under way: its facts, and its rows by part."""

    facts: "RemoteResult"
    parts: list["RemoteResult"]


class _StagedRange(NamedTuple):
    """A range that was read: its facts, and the futures of its rows by part."""

    facts: ReadRange
    parts: list["RemoteResult"]

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.facts.end


_Side = list[_StagedRange]
"""The ranges of one side, in order."""


@dataclass(frozen=True)
class _OpenedSide:
    """A file to read: its columns, and its ranges; without ranges it is read in one piece."""

    path: str
    version: FileVersion
    header: tuple[str, ...]
    spans: list[Span]


class _SidesOnCluster:
    """One comparison on a cluster."""

    def __init__(self, task: ReconcileTask, export: Source, cluster: Cluster) -> None:
        self._task = task
        self._sets = task.sets
        self._export = export
        self._cluster = cluster
        self._what = f"The comparison of {task.source} with {export.path}"
        self._cut = BatchCut(file_rows.BLOCK, parsed_tables.BATCH_BYTES)

    def staged(self, notes: Notes) -> ReconcileTask:
        """Return the task with both sides staged; the sets and the notes change only at the end."""
        files = [self._opened(source) for source in (file_source(self._task.source), self._export)]
        size = sum(file.version.size for file in files)
        if size <= 2 * range_bytes(0, 1):
            raise _OneMachine
        parts = max(self._cluster.threads, -(-size // PART_BYTES))
        spread = Spread(columns=_spread_columns(self._sets.readback, files[1].header), parts=parts)
        sent, found = self._read(files, spread)
        facts = self._found_facts([each.facts for each in found], files[1])
        self._compare(sent, found, parts)
        self._note_file([each.facts for each in sent], notes)
        return replace(self._task, staged=facts)

    def _opened(self, source: Source) -> _OpenedSide:
        """Return a file with its ranges."""
        with source.open() as file:
            head = file.read(self._cut.block).removeprefix(BOM)
            try:
                header = tuple(split_header(head, source.path)[0])
            except DataError:
                raise _OneMachine from None
            # The workers run in folders of their own.
            path = os.path.abspath(source.path)  # noqa: PTH100 - links stay as they are
            if not isinstance(file, FileIO):
                return _OpenedSide(path, _version(path), header, [])
            size = FileVersion.of_opened(file).size
            batches = -(-range_bytes(size, self._cluster.threads) // self._cut.batch)
            read = partial(_read_at, file)
            spans = batch_spans(read, size=size, cut=self._cut, batches=batches, width=len(header))
            return _OpenedSide(path, FileVersion.of_opened(file), header, spans)

    def _read(self, files: Sequence[_OpenedSide], spread: Spread) -> tuple[_Side, _Side]:
        """Return both sides; their ranges are submitted in turns, so that no worker waits for the other side."""
        file, export = files
        reading = (self._ranges(file, self._sent_form, spread), self._ranges(export, self._export_form, spread))
        sides: tuple[_Side, _Side] = ([], [])
        for pair in zip_longest(*reading):
            for side, found in zip(sides, pair, strict=True):
                if found is not None:
                    side.append(found)
        return sides

    @property
    def _sent_form(self) -> SentForm:
        task = self._task
        return SentForm(
            contract=task.contract,
            readback=self._sets.readback,
            fold=task.fold,
            name=str(task.source),
            accept=frozenset(task.known.accept),
        )

    @property
    def _export_form(self) -> ExportForm:
        return ExportForm(found=self._task.form, ownership=self._task.ownership)

    def _ranges(self, file: _OpenedSide, form: SentForm | ExportForm, spread: Spread) -> Iterator[_StagedRange]:
        """Yield the ranges of one side in file order; one machine must read a side with an unusual range."""
        whole = SideRange(
            file=file.path,
            version=file.version,
            form=form,
            spread=spread,
            cut=self._cut,
            limits=adjustable(),
            build=this_build(),
        )
        if not file.spans:
            yield self._result(self._submit(whole), file)
            return
        task = partial(_task_of, whole, file)
        yield from joined_ranges(
            file.spans,
            ahead=_AHEAD * self._cluster.threads,
            submit=lambda span: self._submit(task(span)),
            submit_first=lambda span: self._submit(task(span), first=True),
            result=lambda submitted: self._result(submitted, file),
            drop=lambda given_up: self._cluster.release(given_up.facts, *given_up.parts),
        )

    def _submit(self, task: SideRange, *, first: bool = False) -> _Submitted:
        cluster = self._cluster
        found = cluster.submit("read-range", read_range, task, first=first)
        facts = cluster.submit("range-facts", facts_of, found, first=first)
        parts = [cluster.submit("choose-rows", rows_of_part, found, n, first=first) for n in range(task.spread.parts)]
        cluster.release(found)
        return _Submitted(facts, parts)

    def _result(self, submitted: _Submitted, file: _OpenedSide) -> _StagedRange:
        facts: ReadRange = self._cluster.result(submitted.facts, self._what)
        self._cluster.release(submitted.facts)
        if not facts.readable or facts.header != file.header:
            raise _OneMachine
        return _StagedRange(facts, submitted.parts)

    def _found_facts(self, ranges: Sequence[ReadRange], file: _OpenedSide) -> FoundFacts:
        """Return the facts of the export as one machine collects them."""
        name, form = self._export.path, self._task.form
        notes, own, deleted = Notes(), Notes(), Notes()
        facts = FoundFacts(notes, ShownIds(form.readback, form.ids, name=form.name))
        records = 0
        for each in ranges:
            notes.merge(each.row_notes, after=records)
            own.merge(each.notes, after=records)
            deleted.merge(each.deleted, after=facts.rows)
            facts.shown_ids.merge(each.shown_ids)
            facts.has_import_ids &= each.has_import_ids
            facts.rows += each.found_rows
            records += each.frames.records
        notes.merge(own)
        notes.merge(deleted)
        try:
            head, tail = self._edges(file) if file.spans else ranges[0].edges
            open_quote = bool(own.counts[UNCLOSED])
            refuse_incomplete(name, head, tail, form.readback.found_names, open_quote=open_quote)
            facts.shown_ids.refuse_foreign()
        except DataError:
            # One machine finds the first of several errors.
            raise _OneMachine from None
        return facts

    def _edges(self, file: _OpenedSide) -> tuple[bytes, bytes]:
        """Return the first line and the last bytes of the export."""
        edges = Edges()
        with self._export.open() as stream:
            for _ in edges.watched(_ends(stream, file.version.size, self._cut.block)):
                pass
        return edges.head, edges.tail

    def _note_file(self, ranges: Sequence[ReadRange], notes: Notes) -> None:
        """Note the problems of the file."""
        task = self._task
        misread, records = Misread(task.contract, str(task.source), accept=task.known.accept), 0
        for each in ranges:
            notes.merge(each.notes, after=records)
            if each.decimals is not None:
                misread.merge(each.decimals, after=records)
            records += each.frames.records
        misread.note(notes)

    def _compare(self, sent: _Side, found: _Side, parts: int) -> None:
        """Compare all parts, and stage the rows that do not agree."""
        sets, cluster = self._sets, self._cluster
        ranges = [each.facts for each in (*sent, *found)]
        counts = added_counts(each.counts for each in ranges)
        nulls = {
            name: added_counts(each.nulls[name] for each in ranges if name in each.nulls)
            for name in (SENT, FOUND, FOREIGN)
        }
        sets.count_aside(counts, nulls, RowsAside())
        task, starts = self._part_task(), [*_starts(sent), *_starts(found)]
        working = [
            cluster.submit(
                "compare-rows", compare_part, task, [r.parts[n] for r in sent], [r.parts[n] for r in found], starts
            )
            for n in range(parts)
        ]
        compared: list[ComparedPart] = []
        for work in working:
            part: ComparedPart = cluster.result(work, self._what)
            cluster.release(work)
            sets.adopt(part.tables.items())
            compared.append(replace(part, tables={}))
        for each in found:
            cluster.release(*each.parts)
        aside = RowsAside(
            imports=added_counts(part.imports for part in compared),
            filled=added_counts(part.filled for part in compared),
            sums=added_sums(compared),
            copies=added_counts(part.copies for part in compared),
            sent_among=partial(self._sent_among, sent),
        )
        sets.count_aside(counts, nulls, aside)

    def _part_task(self) -> PartTask:
        """Return how to compare each part; one machine must compare records that leave out a column of their key."""
        task, sets = self._task, self._sets
        readback = sets.readback
        absent = absent_columns(sets)
        columns = tuple(c for c in sets.columns if c not in absent)
        always = tuple(compared_always(sets, columns))
        identifying = core_columns(task.contract, readback) if readback.multiset else readback.key
        if not {*text_columns(readback, identifying), *(() if readback.multiset else readback.key)} <= {*always}:
            raise _OneMachine
        known = () if readback.multiset or not readback.import_id else tuple(task.known.import_ids or ())
        return PartTask(
            readback=readback,
            columns=columns,
            group=always if readback.multiset else readback.key,
            own_ids=tuple(int(number) for number in sets.own_ids) if sets.scoped else None,
            known_ids=known,
            absent=tuple(c for c in readback.columns if c.column in absent),
            amount=summed_column(sets, task.contract),
            threads=1,
            build=this_build(),
        )

    def _sent_among(self, sent: _Side, column: str, values: Collection[str]) -> frozenset[str]:
        """Return which of the values the records of the file have in a column."""
        if not values:
            return frozenset()
        parts = zip(*(each.parts for each in sent), strict=True)
        working = [self._cluster.submit("find-values", values_among, [*part], column, values) for part in parts]
        found: set[str] = set()
        for work in working:
            found |= self._cluster.result(work, self._what)
            self._cluster.release(work)
        return frozenset(found)


def _task_of(whole: SideRange, file: _OpenedSide, span: Span) -> SideRange:
    """Return the task for a range of a file."""
    header = None if span.start == 0 else file.header
    return replace(whole, span=span, last=span.end == file.version.size, header=header)


def _ends(stream: BinaryIO, size: int, block: int) -> Iterator[bytes]:
    """Yield the first block of a file, and its last bytes."""
    yield stream.read(block)
    stream.seek(max(stream.tell(), size - TAIL))
    yield from iter(lambda: stream.read(block), b"")


def _starts(side: _Side) -> Iterator[PieceStart]:
    """Yield the numbers of records, lines and rows before each range."""
    records = lines = 0
    rows: Counter[str] = Counter()
    for each in side:
        yield PieceStart(records=records, lines=lines, rows=dict(rows))
        records += each.facts.frames.records
        lines += each.facts.frames.lines
        rows.update(each.facts.counts)


def _spread_columns(readback: Readback, found: Collection[str]) -> tuple[str, ...]:
    """Return the columns that decide the part of a row: every record and every row has a value to compare."""
    names = by_lower(found)
    known = tuple(
        column.column
        for column in readback.columns
        if (readback.multiset or column.column in readback.key)
        and not (column.unless_filled or column.blank_unknown or column.optional)
        and any(name.lower() in names for name in column.found)
    )
    if not known or not (readback.multiset or {*known} == {*readback.key}):
        raise _OneMachine
    return known


def _is_local(path: Path) -> bool:
    return not isinstance(path, RemotePath) and path.is_file()


def _version(path: str) -> FileVersion:
    version = FileVersion.of(path)
    assert version is not None
    return version


def _read_at(file: FileIO, size: int, offset: int) -> bytes:
    file.seek(offset)
    return file.read(size) or b""
