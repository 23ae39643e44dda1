"""Write the chunks of a plan to files with exactly the bytes of an upload."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bulkops.chunking.plan import FilePlan, PlannedChunk
from bulkops.disk import not_written
from bulkops.errors import DataError, GuardRefused
from bulkops.reading.sources import open_regular
from bulkops.remote.paths import RemotePath, exists
from bulkops.writing import whole_file

BLOCK = 1 << 20


def write_chunks(plan: FilePlan, folder: Path) -> list[Path]:
    """Write each chunk to `folder` as NAME-0001.csv and so on, with the header in each; return the paths.

    GuardRefused if a file exists already; it is not overwritten. DataError if the file changes during the split.
    """
    width = max(4, len(str(len(plan.chunks))))
    paths = [folder / f"{plan.path.stem}-{chunk.number:0{width}}{plan.path.suffix}" for chunk in plan.chunks]
    try:
        if not isinstance(folder, RemotePath):
            folder.mkdir(parents=True, exist_ok=True)
        if taken := next((path for path in paths if _is_taken(path)), None):
            raise GuardRefused(f"{taken} exists already.", hint="Choose an empty folder.")
        for chunk, path in zip(plan.chunks, paths, strict=True):
            _write(plan, chunk, path)
    except OSError as error:
        raise not_written(error.filename or folder, error) from None
    return paths


def _is_taken(path: Path) -> bool:
    return exists(path) if isinstance(path, RemotePath) else path.exists()


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file; a remote one appears at the end of the block, a local one is removed after an error."""
    if isinstance(path, RemotePath):
        with whole_file(path) as file:
            yield file
        return
    with path.open("xb") as file:
        try:
            yield file
        except DataError:
            path.unlink()
            raise


def _write(plan: FilePlan, chunk: PlannedChunk, path: Path) -> None:
    digest = hashlib.sha256()
    pieces = [(chunk.start, chunk.end)] if plan.sent_header else [(0, plan.header_end), (chunk.start, chunk.end)]
    with open_regular(plan.path) as source, _new_file(path) as target:
        digest.update(plan.sent_header or b"")
        target.write(plan.sent_header or b"")
        for start, end in pieces:
            source.seek(start)
            left = end - start
            while left and (block := source.read(min(BLOCK, left))):
                digest.update(block)
                target.write(block)
                left -= len(block)
        if digest.hexdigest() != chunk.sha256:
            raise DataError(
                f"{plan.path} changed while bulkops was splitting it: chunk {chunk.number} was not written.",
                hint="Wait until the file is complete, and split it into another folder.",
            )
