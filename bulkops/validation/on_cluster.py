"""Validate files on a cluster: its workers check ranges of the files, and this process merges them in order.

The checks and the merge are those of one machine; only the ranges, the hash of a file and the comparison of its keys
are computed elsewhere.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from bulkops.cluster import Cluster, opened_cluster
from bulkops.errors import UsageError
from bulkops.limits import adjustable
from bulkops.reading.blocks import ContentReader
from bulkops.reading.ranges import Span, joined_ranges, range_starts, spans_of
from bulkops.reading.sources import STDIN, Source
from bulkops.remote.addresses import is_remote
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.keys import KeyHashes
from bulkops.validation.context import Context
from bulkops.validation.range_check import (
    CheckedRange,
    FileVersion,
    RangeTask,
    check_range,
    repeated_keys,
    sha256_of,
    split_keys,
    this_build,
    without_keys,
)
from bulkops.validation.repetitions import KeyRegistry, RepeatedByFile, Wanted, joined_repeated
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.rule_matches import ExampleBudget
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient, RemoteResult

_LEAST_BYTES, _MOST_BYTES = 16 << 20, 256 << 20
"""Minimum and maximum size of a range. The minimum is the usual size of a block."""
_RANGES_PER_THREAD = 12
"""Ranges of a file for each thread, so that all threads end at nearly the same time."""
_AHEAD = 3
"""Ranges submitted for each thread: one is checked, and the others wait or were just checked."""
_KEYS_PER_PART = 8_000_000
"""Maximum keys that one worker compares at a time, in about 500 MB."""
_FEW_KEYS = 250_000
"""With fewer keys, one worker compares them."""


def range_bytes(size: int, threads: int) -> int:
    """Return the size of the ranges of a file with `size` bytes: as many bytes as one or more blocks have.

    The last block of a range would otherwise be small, and each block takes some milliseconds besides its bytes.
    """
    wanted = size // (_RANGES_PER_THREAD * threads)
    return min(max(wanted - wanted % _LEAST_BYTES, _LEAST_BYTES), _MOST_BYTES)


def key_parts(records: int, threads: int) -> int:
    """Return in how many parts the keys of so many records are compared."""
    needed, useful = -(-records // _KEYS_PER_PART), records // _FEW_KEYS
    return max(1, needed, min(threads, useful))


class ClusterKeys:
    """The keys of one uniqueness rule; they stay on the workers that computed them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ranges: list[_RangeKeys] = []

    def add(self, position: int, keys: KeyHashes) -> None:
        """Raise TypeError: no keys come to this process."""
        raise TypeError(f"The keys of {len(keys.exact)} records from {position} on must stay on their worker.")

    def add_range(self, keys: "_RangeKeys") -> None:
        """Add the keys of a range that follows those before."""
        self._ranges.append(keys)

    def repeated(self, wanted: Wanted) -> RepeatedByFile:
        """Return the repeated keys: equal keys are sent to the same worker, which compares them."""
        if not self._ranges:
            return {}
        cluster = self._cluster
        parts = key_parts(sum(each.records for each in self._ranges), cluster.threads)
        split = [cluster.submit("split-keys", split_keys, each.keys, each.rule, parts) for each in self._ranges]
        starts = [each.start for each in self._ranges]
        found = []
        for part in range(parts):
            chosen = [cluster.submit("choose-keys", itemgetter(part), each) for each in split]
            found.append(cluster.submit("compare-keys", repeated_keys, chosen, starts, wanted))
            cluster.release(*chosen)
        cluster.release(*split)
        return joined_repeated((cluster.result(part, "The comparison of keys") for part in found), wanted)

    def close(self) -> None:
        """Free the memory of the workers."""
        self._cluster.release(*(each.keys for each in self._ranges))


class _RangeKeys(NamedTuple):
    """The keys of a range for one rule, given by index; its records begin at position `start`."""

    keys: "RemoteResult"
    rule: int
    start: int
    records: int


class _Range(NamedTuple):
    """A range under check: on a worker, the results without keys are a part of it, and so are the keys."""

    results: "RemoteResult"
    keys: "RemoteResult"


class _Finished(NamedTuple):
    """A checked range, and the future of its keys."""

    checked: CheckedRange
    keys: "RemoteResult"

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.checked.end


class ClusterExecutor:
    """Checks the blocks of files on a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stores: dict[Unique, ClusterKeys] = {}
        self._registry: KeyRegistry | None = None

    def keys(self, contract: Contract, settings: ValidationSettings) -> KeyRegistry:
        """Return the registry for the keys of all files; UsageError for a setting that needs one machine."""
        if settings.max_errors is not None:
            raise UsageError(
                "A cluster checks later parts of a file before the number of errors in front of them is known.",
                hint="Use either a maximum number of errors or a cluster.",
            )
        self._registry = KeyRegistry(contract, settings, self._new_store)
        return self._registry

    def _new_store(self, unique: Unique) -> ClusterKeys:
        self._stores[unique] = ClusterKeys(self._cluster)
        return self._stores[unique]

    def results(self, reader: ContentReader, context: Context, builder: ReportBuilder) -> Iterator[BlockResult]:
        """Yield the results of all blocks in file order; the reader gets the size and the hash of the file."""
        file = _FileOnCluster(self._cluster, reader, context, builder)
        for checked, keys in file.ranges():
            self._add_keys(checked, keys, context)
            yield from checked.results
            if checked.failure is not None:
                raise checked.failure

    def _add_keys(self, checked: CheckedRange, keys: "RemoteResult", context: Context) -> None:
        assert self._registry is not None
        if not context.uniques:
            self._cluster.release(keys)
        records = sum(result.records for result in checked.results)
        for rule, unique in enumerate(context.uniques):
            self._stores[unique].add_range(_RangeKeys(keys, rule, self._registry.count, records))


@contextmanager
def cluster_executor(cluster: "str | DaskClient") -> Iterator[ClusterExecutor]:
    """Yield the executor for the cluster at an address or of a client; see `opened_cluster` for the errors."""
    with opened_cluster(cluster) as opened:
        yield ClusterExecutor(opened)


class _FileOnCluster:
    """One file, with its ranges checked on a cluster."""

    def __init__(self, cluster: Cluster, reader: ContentReader, context: Context, builder: ReportBuilder) -> None:
        source, settings = builder.source, builder.settings
        self._cluster = cluster
        self._reader = reader
        self._builder = builder
        self._context = context
        self._what = f"The validation of {source.path}"
        self._task = RangeTask(
            file=shared_file(source),
            member=source.member,
            version=FileVersion.of(source.file),
            span=None,
            budget=ExampleBudget(0, {}),
            block_bytes=settings.block_bytes,
            renames=tuple(settings.renames.items()),
            limits=adjustable(),
            build=this_build(),
        )

    def ranges(self) -> Iterator[_Finished]:
        """Yield the results of all ranges in file order, each with the future of its keys."""
        starts = self._starts()
        yield from self._whole() if len(starts) < 2 else self._parts(starts)

    def _whole(self) -> Iterator[_Finished]:
        """Yield the only range of a file."""
        found = self._result(self._submit(None))
        self._reader.adopt(found.checked.size, found.checked.sha256)
        yield found

    def _parts(self, starts: list[int]) -> Iterator[_Finished]:
        """Yield the ranges of a file."""
        assert self._task.version is not None
        size = self._task.version.size
        hashing = self._cluster.submit("hash-file", sha256_of, self._task.file, self._task.version)
        for found in joined_ranges(
            spans_of(starts, size),
            ahead=_AHEAD * self._cluster.threads,
            submit=self._submit,
            submit_first=partial(self._submit, first=True),
            result=self._result,
            drop=lambda given_up: self._cluster.release(*given_up),
        ):
            if found.checked.failure is not None:
                # The size and the hash then cover the bytes that one machine reads before it stops.
                whole = self._result(self._submit(None)).checked
                self._reader.adopt(whole.size, whole.sha256)
            yield found
        self._reader.adopt(size, self._cluster.result(hashing, self._what))

    def _starts(self) -> list[int]:
        """Return where the ranges of the file begin; one start if it must be read in one piece."""
        reader, version, start = self._reader, self._task.version, self._builder.file_start
        assert start is not None
        # Blocks longer than a record may be decide where an endless record ends, and ranges have other blocks.
        short = adjustable().record_bytes < self._builder.settings.block_bytes
        if version is None or short or not reader.divisible:
            return [start.offset]
        size = range_bytes(version.size, self._cluster.threads)
        with self._builder.source.open() as file:
            return range_starts(
                partial(_read_at, file),
                first=start.offset,
                size=version.size,
                ranges=-(-version.size // size),
                separator=self._context.separator,
                width=len(self._context.columns),
            )

    def _submit(self, span: Span | None, *, first: bool = False) -> _Range:
        left = self._builder.budget()
        budget = replace(left, used=dict(left.used))
        task = replace(self._task, span=span, budget=budget)
        checked = self._cluster.submit("check-range", check_range, task, self._context, first=first)
        results = self._cluster.submit("results", without_keys, checked, first=first)
        keys = self._cluster.submit("keys", attrgetter("keys"), checked, first=first)
        self._cluster.release(checked)
        return _Range(results, keys)

    def _result(self, found: _Range) -> _Finished:
        checked: CheckedRange = self._cluster.result(found.results, self._what)
        self._cluster.release(found.results)
        return _Finished(checked, found.keys)


def shared_file(source: Source) -> str:
    """Return the path or address under which workers open the file of a source.

    UsageError for the standard input, a pipe or a device.
    """
    file = source.file
    if is_remote(file):
        return file
    if file == STDIN or not Path(file).is_file():
        what = "standard input" if file == STDIN else source.path
        raise UsageError(f"The workers of a cluster cannot read {what}.", hint="Write it to a file that all share.")
    # The workers run in folders of their own.
    return os.path.abspath(file)  # noqa: PTH100 - links stay as they are


def _read_at(file: BinaryIO, size: int, offset: int) -> bytes:
    file.seek(offset)
    return file.read(size)
