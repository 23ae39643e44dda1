"""Writing the chunks of a plan as files: the bytes that an upload would send."""

import hashlib
from pathlib import Path

from bulkops.chunking.plan import FilePlan, PlannedChunk
from bulkops.errors import DataError, GuardRefused, UsageError
from bulkops.reading.sources import open_regular

BLOCK = 1 << 20


def write_chunks(plan: FilePlan, folder: Path) -> list[Path]:
    """Write each chunk into `folder` as NAME-0001.csv and so on, header repeated; return the paths.

    Files that are there already are not overwritten: GuardRefused. DataError if the file changes meanwhile.
    """
    width = max(4, len(str(len(plan.chunks))))
    paths = [folder / f"{plan.path.stem}-{chunk.number:0{width}}{plan.path.suffix}" for chunk in plan.chunks]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if taken := next((path for path in paths if path.exists()), None):
            raise GuardRefused(f"{taken} is there already.", hint="Choose an empty folder.")
        for chunk, path in zip(plan.chunks, paths, strict=True):
            _write(plan, chunk, path)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    return paths


def _write(plan: FilePlan, chunk: PlannedChunk, path: Path) -> None:
    digest = hashlib.sha256()
    pieces = [(chunk.start, chunk.end)] if plan.sent_header else [(0, plan.header_end), (chunk.start, chunk.end)]
    with open_regular(plan.path) as source, path.open("xb") as target:
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
        path.unlink()
        raise DataError(
            f"{plan.path} has changed while it was split: chunk {chunk.number} was not written.",
            hint="Wait until it is complete, and split it into another folder.",
        )
