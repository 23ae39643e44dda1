"""Run one export, from the first request until the files have their final names."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bulkops.compression import is_compressed
from bulkops.errors import UsageError
from bulkops.exporting.output_formats import Shape, copy_csv, deliver
from bulkops.exporting.receipts import keep_receipt
from bulkops.exporting.request import Request
from bulkops.exporting.spool import spool
from bulkops.exporting.time_slices import Steps
from bulkops.readback.fetch.download import Downloaded, Progress
from bulkops.readback.parse.warnings import Notes
from bulkops.reading.records.boundaries import BLOCK
from bulkops.remote.paths import staging_place
from bulkops.transport.client import ApiClient
from bulkops.writing import OWN_ONLY, Permit, begin_writing_back, keep, part_file

if TYPE_CHECKING:
    from bulkops.json_documents.files import ExportDocument


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files that were written; `bytes` are those of the responses.

    `records` do not count the header; None where nobody asked to count them.
    """

    what: str
    files: tuple[Path, ...]
    bytes: int
    records: int | None
    attempts: int
    notes: tuple[str, ...]

    def to_json(self) -> "ExportDocument":
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
    """How to fetch: in which windows, and how long responses must stay equal.

    Counting the records is one more pass over the file.
    """

    steps: Steps | None = None
    settle: float = 0.0
    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    count: bool = True

    def also(self, progress: Progress) -> "Fetching":
        """Return the same with one more receiver of progress."""
        first = self.progress

        def both(size: int) -> None:
            if first:
                first(size)
            progress(size)

        return replace(self, progress=both)


def run_export(
    client: ApiClient,
    request: Request,
    out: Path | BinaryIO,
    *,
    shape: Shape | None = None,
    fetching: Fetching | None = None,
    permit: Permit = OWN_ONLY,
) -> Exported:
    """Write an export to a file, or to an open one such as stdout.

    A file appears under its name only when all of it is there; until then it is NAME.part, which is removed on
    failure. Nothing goes to an open file before the whole export is here. UsageError if another process is writing
    the same file, or if `permit` protects the file that is there.
    """
    path = out if isinstance(out, Path) else None
    shape = (shape or Shape()).checked(path)
    fetching = fetching or Fetching()
    request.question()
    if path is None:
        with _spool() as whole:
            done, notes = fetched(client, request, whole, fetching, folder=None)
            copy_csv(whole, out, tidy=shape.tidy)  # type: ignore[arg-type] # it is not a path here
            return _exported(request, (), done, _count(whole, fetching), notes)
    folder = windows_folder(path, fetching)
    with part_file(path, permit) as (whole, part):
        telling = fetching.also(begin_writing_back(whole)) if shape.plain and folder is None else fetching
        done, notes = fetched(client, request, whole, telling, folder=folder)
        records = _count(whole, fetching)
        files: tuple[Path, ...] = (path,)
        if shape.plain and not is_compressed(path):
            keep(whole, part, path, permit)
        else:
            files = deliver(whole, path, shape, permit)
        if folder is not None:
            from bulkops.exporting.windows import clear_windows  # loaded by now

            clear_windows(folder)
        if files == (path,):
            keep_receipt(path, request, client.target.identity()["base_url"])
    return _exported(request, files, done, records, notes)


def windows_folder(path: Path, fetching: Fetching) -> Path | None:
    """Return the folder that keeps the finished windows of a file; None without windows."""
    return staging_place(path).with_name(f"{path.name}.windows") if fetching.steps else None


@contextmanager
def _spool() -> Iterator[BinaryIO]:
    """Yield a temporary file; UsageError if the disk has no space for it."""
    try:
        with tempfile.TemporaryFile(prefix="bulkops-") as whole:
            yield whole
    except BrokenPipeError:
        raise  # the reader of stdout is gone
    except OSError as error:
        raise UsageError(
            f"The export cannot be stored in {tempfile.gettempdir()}, or cannot be written to stdout: "
            f"{error.strerror or error}.",
            hint="Free some space, or set TMPDIR to a folder with enough space.",
        ) from None


def fetched(
    client: ApiClient, request: Request, whole: BinaryIO, fetching: Fetching, *, folder: Path | None
) -> tuple[Downloaded, Notes]:
    """Fill `whole` with the response, window by window if the windows are chosen; `folder` keeps finished windows."""
    notes = Notes()
    common: dict[str, Any] = {"settle": fetching.settle, "progress": fetching.progress, "notes": notes}
    if fetching.steps is None:
        return spool(client, request, whole, **common), notes
    if folder is None:
        raise UsageError("--window needs a file name with -o: the finished windows are kept beside it.")
    from bulkops.exporting.windows import spool_windows  # with polars, which most exports do without

    return spool_windows(client, request, fetching.steps, whole, folder=folder, say=fetching.say, **common), notes


def _count(whole: BinaryIO, fetching: Fetching) -> int | None:
    if not fetching.count:
        return None
    from bulkops.readback.parse.malformed_quotes import (
        note_malformed_records,  # with numpy, loaded while the response arrives
    )

    whole.seek(0)
    return note_malformed_records(iter(lambda: whole.read(BLOCK), b""), Notes()).records


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
