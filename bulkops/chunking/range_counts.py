"""Count the records of one range of a file, and compute the checksums of chunks, in any process that can read the file.

The functions depend on their arguments and on the bytes of the file only, so lost work can be done again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.limits import Adjustable, TooLarge, adjustable, limited_by
from bulkops.reading.ranges import Span
from bulkops.reading.records.boundaries import counted_blocks, has_blank_line, record_ends
from bulkops.validation.range_check import Build, FileVersion, open_shared, require_build, unchanged

BLOCK = 1 << 18
"""Bytes of a block of records; a block is read again where a chunk ends in it."""
_READ = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CountTask:
    """A range of a file, to count its records."""

    file: str
    version: FileVersion
    span: Span
    limits: Adjustable
    build: Build


@dataclass(frozen=True, kw_only=True)
class CountedRange:
    """The sizes and the numbers of records of the blocks of a range, which ends at the offset `end` of the file.

    `whole` is False if the last record has no newline. `unusual`: a blank line or a record above the limit is in the
    range, so that chunks may depend on the blocks of one machine.
    """

    sizes: tuple[int, ...]
    records: tuple[int, ...]
    end: int
    whole: bool = True
    unusual: bool = False


def count_range(task: CountTask) -> CountedRange:
    """Return the blocks of a range: it ends with the first record end at or after the end of its span.

    InputUnreadable if the file cannot be read or has changed; UsageError in a process of another version.
    """
    require_build(task.build)
    with limited_by(task.limits), unchanged(task.file, task.version), open_shared(task.file) as file:
        file.seek(task.span.start)
        try:
            blocks = [(len(data), records, whole, has_blank_line(data)) for data, records, whole in _pieces(file, task)]
        except TooLarge:
            return CountedRange(sizes=(), records=(), end=task.span.end, unusual=True)
    sizes, records = tuple(size for size, *_ in blocks), tuple(count for _, count, *_ in blocks)
    return CountedRange(
        sizes=sizes,
        records=records,
        end=task.span.start + sum(sizes),
        whole=all(whole for _, _, whole, _ in blocks),
        unusual=any(blank for *_, blank in blocks),
    )


def _pieces(file: BinaryIO, task: CountTask) -> Iterator[tuple[bytes, int, bool]]:
    """Yield the bytes of each block, how many records end in it, and whether it ends with a newline."""
    left = task.span.end - task.span.start

    def read(size: int) -> bytes:
        nonlocal left
        data = file.read(min(size, left))
        left -= len(data)
        return data

    for block in counted_blocks(read, size=BLOCK):
        yield (block.data, block.records, True) if block.whole else _completed(block.data, file)


def _completed(data: bytes, file: BinaryIO) -> tuple[bytes, int, bool]:
    """Return a record that continues after the end of its range, up to its end."""
    while more := file.read(max(_READ, len(data))):
        data += more
        if ends := record_ends(data):
            return data[: ends[0]], 1, True
        if len(data) > adjustable().record_bytes:
            raise TooLarge("a record is too long", hint="")
    return data, 0, False


def chunk_checksums(
    file: str, version: FileVersion, header: bytes, chunks: Sequence[tuple[int, int]], build: Build
) -> tuple[str, ...]:
    """Return the SHA-256 of chunks, each with the header before it; a chunk is a start and an end in the file."""
    require_build(build)
    found = []
    with unchanged(file, version), open_shared(file) as opened:
        for start, end in chunks:
            opened.seek(start)
            digest, left = hashlib.sha256(header), end - start
            while left and (data := opened.read(min(_READ, left))):
                digest.update(data)
                left -= len(data)
            found.append(digest.hexdigest())
    return tuple(found)
