"""One export from the first request to the last renaming."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bulkops.errors import UsageError
from bulkops.exporting.forms import COMPRESSED, Shape, copy_csv, deliver
from bulkops.exporting.request import Request
from bulkops.exporting.spool import spool
from bulkops.exporting.windows import Steps, spool_windows
from bulkops.readback.download import Downloaded, Progress
from bulkops.readback.tables import Notes
from bulkops.reading.boundaries import count_records, record_blocks
from bulkops.transport.client import Client


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What came and where it is; `bytes` are those of the answers.

    `records` do not count the header; None where nobody asked to count them.
    """

    what: str
    files: tuple[Path, ...]
    bytes: int
    records: int | None
    attempts: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document of `export --json`."""
        return {
            "what": self.what,
            "files": [str(path) for path in self.files],
            "records": self.records,
            "bytes": self.bytes,
            "attempts": self.attempts,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """How the answers are fetched: in windows, and how long they must stand still.

    Counting the records is one more pass over the file.
    """

    steps: Steps | None = None
    settle: float = 0.0
    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    count: bool = True


def run_export(
    client: Client,
    request: Request,
    out: Path | BinaryIO,
    *,
    shape: Shape | None = None,
    fetching: Fetching | None = None,
) -> Exported:
    """Write an export to a file, or to an open one such as stdout.

    A file appears under its name only when all of it is there; until then it is NAME.part, which is removed on
    failure. Nothing goes to an open file before the whole export is here.
    """
    path = out if isinstance(out, Path) else None
    shape = (shape or Shape()).checked(path)
    fetching = fetching or Fetching()
    notes = Notes()
    request.question()
    if path is None:
        with tempfile.TemporaryFile(prefix="bulkops-") as whole:
            done = _fetch(client, request, whole, fetching, folder=None, notes=notes)
            copy_csv(whole, out, tidy=shape.tidy, notes=notes)  # type: ignore[arg-type] # it is no path here
            return _exported(request, (), done, _count(whole, fetching), notes)
    folder = path.with_name(f"{path.name}.windows") if fetching.steps else None
    with _part_file(path) as (whole, part):
        done = _fetch(client, request, whole, fetching, folder=folder, notes=notes)
        result = _exported(request, (path,), done, _count(whole, fetching), notes)
        if shape.plain and path.suffix not in COMPRESSED:
            _keep(whole, part, path)
            return result
        files = deliver(whole, path, shape, notes=notes)
    return Exported(**{**vars(result), "files": files, "notes": notes.lines()})


def _fetch(
    client: Client, request: Request, whole: BinaryIO, fetching: Fetching, *, folder: Path | None, notes: Notes
) -> Downloaded:
    if fetching.steps is None:
        return spool(client, request, whole, settle=fetching.settle, progress=fetching.progress, notes=notes)
    if folder is None:
        raise UsageError("--window needs a file name with -o: what is done is kept beside it.")
    return spool_windows(
        client, request, fetching.steps, whole, folder=folder, progress=fetching.progress, say=fetching.say
    )


def _count(whole: BinaryIO, fetching: Fetching) -> int | None:
    if not fetching.count:
        return None
    whole.seek(0)
    records = sum(count_records(block if block.endswith(b"\n") else block + b"\n") for block in record_blocks(whole))
    return max(0, records - 1)


def _exported(
    request: Request, files: tuple[Path, ...], done: Downloaded, records: int | None, notes: Notes
) -> Exported:
    return Exported(
        what=request.export.name,
        files=files,
        bytes=done.bytes,
        records=records,
        attempts=done.attempts,
        notes=notes.lines(),
    )


@contextmanager
def _part_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open NAME.part beside the file; it is gone afterwards unless it was renamed."""
    part = path.with_name(f"{path.name}.part")
    try:
        file = part.open("w+b")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with file:
            yield file, part
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _keep(whole: BinaryIO, part: Path, path: Path) -> None:
    """Give the file its name once its bytes are on the disk."""
    whole.flush()
    os.fsync(whole.fileno())
    part.replace(path)
