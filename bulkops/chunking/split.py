"""Writing the chunks of a plan as files: the bytes that an upload would send."""

from pathlib import Path

from bulkops.chunking.plan import FilePlan, PlannedChunk
from bulkops.errors import GuardRefused, UsageError
from bulkops.reading.sources import open_regular

BLOCK = 1 << 20


def write_chunks(plan: FilePlan, folder: Path) -> list[Path]:
    """Write each chunk into `folder` as NAME-0001.csv and so on, header repeated; return the paths.

    Files that are there already are not overwritten: GuardRefused.
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
    with open_regular(plan.path) as source, path.open("xb") as target:
        target.write(source.read(plan.header_end))
        source.seek(chunk.start)
        left = chunk.end - chunk.start
        while left and (block := source.read(min(BLOCK, left))):
            target.write(block)
            left -= len(block)
