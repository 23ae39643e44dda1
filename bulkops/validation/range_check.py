"""Check one range of a file by itself, in any process that can read the file; the results are merged elsewhere.

The functions here depend on their arguments and on the bytes of the file only, so a lost range can be checked again.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import polars as pl

from bulkops.errors import InputUnreadable, UsageError
from bulkops.limits import Adjustable, TooLarge, limited_by
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.ranges import Span
from bulkops.reading.records.layout import Block
from bulkops.reading.records.structural_index import Offsets
from bulkops.reading.sources import DAMAGED, ReadFailed, Source, open_regular, source_in
from bulkops.remote.addresses import is_remote
from bulkops.validation.block import BlockResult, check_block
from bulkops.validation.checks.keys import KeyHashes, PlacedKeys, repetitions
from bulkops.validation.context import Context
from bulkops.validation.digests import scheme
from bulkops.validation.preamble import read_file_start
from bulkops.validation.repetitions import RepeatedByFile, Wanted, first_repeated
from bulkops.validation.rule_matches import ExampleBudget
from bulkops.version import __version__

_NO_KEYS = KeyHashes(np.zeros(0, np.uint64), np.zeros(0, np.uint64))


@dataclass(frozen=True)
class FileVersion:
    """The size of a file in bytes and its time of modification in nanoseconds; a change of the file changes them."""

    size: int
    modified: int

    @classmethod
    def of(cls, file: str) -> "FileVersion | None":
        """Return the version of a file; None for an address.

        InputUnreadable if it cannot be opened, or is not a regular file.
        """
        if is_remote(file):
            return None
        with open_shared(file) as opened:
            return cls.of_opened(opened)

    @classmethod
    def of_opened(cls, opened: BinaryIO) -> "FileVersion":
        """Return the version of an open file."""
        found = os.fstat(opened.fileno())
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class RangeTask:
    """A range to check: its file, and how to check it. Without a span, it is the whole file.

    `member` is the name inside an archive. `budget` says how many examples the records before the range leave.
    """

    file: str
    member: str | None
    version: FileVersion | None
    span: Span | None
    budget: ExampleBudget
    block_bytes: int
    renames: tuple[tuple[str, str], ...]
    limits: Adjustable
    build: "Build"


@dataclass(frozen=True, kw_only=True)
class CheckedRange:
    """The results of the blocks of a range, without their keys; `keys` has the keys of the range, for each rule.

    `end` is the offset after the last record. `failure` is the error that ended the reading early. `size` and `sha256`
    describe the bytes read, if the range is a whole file.
    """

    results: tuple[BlockResult, ...]
    keys: tuple[KeyHashes, ...]
    end: int = 0
    failure: Exception | None = None
    size: int = 0
    sha256: str = ""


Build = tuple[str, bytes]
"""The version of bulkops, and the scheme of its hashes, which depends on the version of polars."""


def this_build() -> Build:
    """Return the versions of this process; they must be equal in all processes that check ranges of a file."""
    return __version__, scheme()


def without_keys(checked: CheckedRange) -> CheckedRange:
    """Return the results without the keys."""
    return replace(checked, keys=())


def check_range(task: RangeTask, context: Context) -> CheckedRange:
    """Return the results of a range.

    InputUnreadable if its file cannot be read or has changed; UsageError in a process of another version.
    """
    require_build(task.build)
    with limited_by(task.limits), unchanged(task.file, task.version):
        return _whole(task, context) if task.span is None else _part(task, task.span, context)


def require_build(build: Build) -> None:
    """Raise UsageError if this process, which is a worker, has another version than the process that asks for work."""
    if build != this_build():
        raise UsageError(
            f"A worker has bulkops {__version__} and polars {pl.__version__}; this process has another version of one.",
            hint="Install the same versions of both on all workers.",
        )


@contextmanager
def unchanged(file: str, version: FileVersion | None) -> Iterator[None]:
    """Raise InputUnreadable if the file has another version before or after the context."""
    if FileVersion.of(file) != version:
        raise changed(file)
    yield
    if FileVersion.of(file) != version:
        raise changed(file)


def changed(file: str) -> InputUnreadable:
    """Return the error for a file that is not the same on all machines or at all times."""
    return InputUnreadable(
        f"{file} has changed while it was read, or another machine has another file there.",
        hint="Run the command again when the file is complete, and name a file that all machines share.",
    )


def _whole(task: RangeTask, context: Context) -> CheckedRange:
    with source_in(task.file, task.member).open() as stream:
        reader = ContentReader(stream)
        start = read_file_start(reader, context.contract, mask=context.mask, renames=dict(task.renames))
        if start.header is None or start.header.columns != context.columns:
            raise changed(task.file)
        pieces = blocks(reader, separator=context.separator, width=len(context.columns), size=task.block_bytes)
        checked = _checked(pieces, task, context)
        return replace(checked, size=reader.size, sha256=reader.sha256)


def _part(task: RangeTask, span: Span, context: Context) -> CheckedRange:
    with open_shared(task.file) as stream:
        stream.seek(span.start)
        reader = ContentReader(stream, hashed=False, start=span.start)
        width, until = len(context.columns), span.end - span.start
        pieces = blocks(reader, separator=context.separator, width=width, size=task.block_bytes, until=until)
        checked = _checked(pieces, task, context)
    return replace(checked, end=span.start + sum(result.length for result in checked.results))


def _checked(pieces: Iterator[Block], task: RangeTask, context: Context) -> CheckedRange:
    """Return the results of blocks; those before a failure are kept."""
    found: list[BlockResult] = []
    keys: list[tuple[KeyHashes, ...]] = []
    listed = Counter(task.budget.used)
    budget = replace(task.budget, used=listed)
    failure: Exception | None = None
    try:
        for block in pieces:
            result = check_block(block, context, budget)
            # The merge lists the examples of this block before those of the next one.
            listed.update(place.code for place in result.places)
            keys.append(result.keys)
            found.append(replace(result, keys=()))
    except (*DAMAGED, ReadFailed, TooLarge) as error:
        failure = error
    return CheckedRange(results=tuple(found), keys=_joined(keys), failure=failure)


def _joined(keys: Sequence[tuple[KeyHashes, ...]]) -> tuple[KeyHashes, ...]:
    """Return the keys of several blocks as those of one."""
    joined = []
    for of_rule in zip(*keys, strict=True):
        exact = np.concatenate([each.exact for each in of_rule])
        same = all(each.exact is each.folded for each in of_rule)
        joined.append(KeyHashes(exact, exact if same else np.concatenate([each.folded for each in of_rule])))
    return tuple(joined)


def sha256_of(file: str, version: FileVersion | None) -> str:
    """Return the SHA-256 of a file, in hexadecimal; InputUnreadable if it cannot be read or has changed."""
    with unchanged(file, version), open_shared(file) as stream:
        return hashlib.file_digest(cast("FileIO", stream), "sha256").hexdigest()


def open_shared(file: str) -> BinaryIO:
    """Return a regular file that this process and others read; InputUnreadable if it cannot be opened."""
    return Source(file, lambda: open_regular(Path(file))).open()


def split_keys(keys: Sequence[KeyHashes], rule: int, parts: int) -> tuple[PlacedKeys, ...]:
    """Return the keys of a range in parts: equal keys of different ranges are in the same part.

    `rule` is the index of the uniqueness rule; a range without records has no keys at all.
    """
    if not keys:
        return (PlacedKeys(_NO_KEYS, 0),) * parts
    own = keys[rule]
    if parts == 1:
        return (PlacedKeys(own, 0),)
    known = np.flatnonzero(own.exact)
    # The upper half of a hash, as a fraction of all values, selects the part.
    part = (((own.folded[known] >> np.uint64(32)) * np.uint64(parts)) >> np.uint64(32)).astype(np.uint16)
    order = known[np.argsort(part, kind="stable")]
    ends = np.cumsum(np.bincount(part, minlength=parts)).tolist()
    return tuple(_chosen(own, order[start:end]) for start, end in pairwise([0, *ends]))


def _chosen(keys: KeyHashes, numbers: Offsets) -> PlacedKeys:
    exact = keys.exact[numbers]
    folded = exact if keys.exact is keys.folded else keys.folded[numbers]
    return PlacedKeys(KeyHashes(exact, folded), 0, numbers)


def repeated_keys(parts: Sequence[PlacedKeys], starts: Sequence[int], wanted: Wanted) -> RepeatedByFile:
    """Return the repeated keys of one part; `starts` has the position of the first record of each range."""
    placed = [replace(part, start=start) for part, start in zip(parts, starts, strict=True)]
    count = sum(len(part.keys.exact) for part in placed)
    return first_repeated(repetitions(lambda: iter(placed), count), wanted)
