"""Files that are written: whole or not at all, by one process at a time, never over a file of somebody else."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from bulkops.errors import UsageError
from bulkops.private import FILE
from bulkops.written import is_ours, leftovers, remember, remember_temporary

NOT_CSV: Mapping[str, str] = MappingProxyType(
    {
        ".xlsx": "an Excel workbook",
        ".xlsm": "an Excel workbook",
        ".xls": "an Excel workbook",
        ".ods": "an OpenDocument sheet",
        ".parquet": "a Parquet file",
        ".json": "a JSON document",
        ".jsonl": "a file of JSON lines",
        ".html": "an HTML page",
        ".htm": "an HTML page",
        ".md": "a Markdown page",
        ".pdf": "a PDF file",
        ".docx": "a Word document",
        ".zip": "a ZIP archive",
        ".tar": "a tar archive",
        ".tgz": "a tar archive",
        ".bz2": "a bzip2 file",
        ".xz": "an xz file",
        ".7z": "a 7-Zip archive",
        ".db": "a database",
        ".sqlite": "a database",
    }
)
"""What the suffix of a file promises that is neither CSV nor compressed CSV as bulkops writes it."""
WRITTEN_BACK = 8 * 1024 * 1024


def refuse_the_same(path: Path, others: Iterable[Path], *, what: str) -> None:
    """Raise UsageError if a file to be written is one of the others, by whatever name or link."""
    for other in others:
        if _same(path, _on_disk(other)):
            raise UsageError(
                f"{path}, {what}, is the file itself: {other}, which would be lost.", hint="Choose another name."
            )


def refuse_no_file(path: Path) -> None:
    """Raise UsageError if a name cannot become that of a file: a folder has it, or a device, or a pipe."""
    if not path.name or path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name a file.")
    if path.exists() and not path.is_file():
        raise UsageError(
            f"{path} is a device or a pipe, which a file would replace.", hint="Name a file, or write to stdout with -."
        )


def refuse_no_folder(path: Path) -> None:
    """Raise UsageError if the folder of a file is not there: the lock would make it, also for a slip of the pen."""
    if not path.parent.exists():
        raise no_folder(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder.", hint=f"Put {path.name} elsewhere.")


def refuse_other_form(path: Path, forms: Mapping[str, str], *, instead: str) -> None:
    """Raise UsageError if the suffix of a file to be written promises another form than the file will have.

    `forms` are the suffixes of other forms with what they are; `instead` names the suffixes to choose from.
    """
    if (form := forms.get(path.suffix.lower())) is not None:
        raise UsageError(f"{path} has the name of {form}; the file would not be one.", hint=f"Choose {instead}.")


def no_folder(path: Path) -> UsageError:
    """Return the error that the folder of a file is not there."""
    return UsageError(f"The folder {path.parent} does not exist.", hint=f"Make it, or put {path.name} elsewhere.")


def part_of(path: Path) -> Path:
    """Return the name that a file has until it is whole."""
    return path.with_name(f"{path.name}.part")


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What a command may write over: its own files as it left them, and with `overwrite` the files of others.

    `refuse_input` raises UsageError for a file that is never written over.
    """

    overwrite: bool = False
    refuse_input: Callable[[Path], None] | None = None

    def check(self, path: Path) -> None:
        """Raise UsageError if a file is there that may not be replaced or removed."""
        if not path.is_file():
            return
        if self.refuse_input is not None:
            self.refuse_input(path)
        if not self.overwrite and not is_ours(path):
            raise UsageError(
                f"{path} exists, and bulkops did not write it, or it has changed since.",
                hint="Choose another name, or add --overwrite.",
            )


OWN_ONLY = Permit()


@contextmanager
def whole_file(path: Path, permit: Permit = OWN_ONLY) -> Iterator[BinaryIO]:
    """Yield an open file that gets the name `path` when the block ends well, and is gone otherwise."""
    with part_file(path, permit) as (file, part):
        yield file
        keep(file, part, path, permit)


@contextmanager
def part_file(path: Path, permit: Permit = OWN_ONLY) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield NAME.part, open, and its path; it is gone afterwards unless it was renamed.

    If a file of that name is there already, which bulkops did not leave behind, the part has another name. UsageError
    if `path` cannot be that of a file or may not be written over, or if another process is writing it.
    """
    refuse_no_file(path)
    refuse_no_folder(path)
    permit.check(path)
    path = real(path)
    with _alone(path) as lock, said(path):
        for left in leftovers(path):
            if left != lock.absolute():
                remove(left)
        part = _free_name(part_of(path))
        try:
            with part.open("x+b") as file:
                remember_temporary(path, [lock, part])
                yield file, part
        finally:
            part.unlink(missing_ok=True)
            remember_temporary(path, [])


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside a file that is being written as a part; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".parts"))
    try:
        remember_temporary(path, [folder], more=True)
        yield folder
    finally:
        remove(folder)


def keep(file: BinaryIO, part: Path, path: Path, permit: Permit = OWN_ONLY) -> None:
    """Give a part its name once its bytes are on the disk; UsageError if a file came there that may not go."""
    file.flush()
    os.fsync(file.fileno())
    rename(part, path, permit)


def rename(part: Path, path: Path, permit: Permit = OWN_ONLY) -> None:
    """Give a whole part its name, and record that bulkops wrote it; a link is followed, not replaced."""
    permit.check(path)
    remember(path, part)
    part.replace(real(path))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all it contains, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """Return the file that a link leads to, or the path itself."""
    return path.resolve() if path.is_symlink() else path


def _free_name(path: Path) -> Path:
    """Return a name that no file has: the one given, or that with a number."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], names) if not os.path.lexists(name))


def begin_writing_back(file: BinaryIO) -> Callable[[int], None]:
    """Return what to call after each write: the disk begins with what is there, so that the end waits for little.

    The advice that a range is not needed makes Linux write it, and does not wait for it; what is not written yet stays
    in memory. Elsewhere nothing happens before the end.
    """
    begun = 0

    def wrote(_: int) -> None:
        nonlocal begun
        end = file.tell()
        begun = min(begun, end)
        if end - begun >= WRITTEN_BACK and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), begun, end - begun, os.POSIX_FADV_DONTNEED)
            begun = end

    return wrote


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn a failure to write into a UsageError that names the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


@contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """Hold NAME.lock and yield its path: of two processes that write one file the second is refused.

    UsageError if that name is another file's: a lock is empty.
    """
    from filelock import FileLock, Timeout  # only where something is written: validating starts without it

    beside = path.with_name(f"{path.name}.lock")
    ours = not os.path.lexists(beside) or beside.absolute() in leftovers(path)
    try:
        if not ours and (not beside.is_file() or beside.is_symlink() or beside.stat().st_size):
            raise UsageError(
                f"{beside} exists, and bulkops did not write it; it needs this name for a lock.",
                hint=f"Move it away, or put {path.name} elsewhere.",
            )
        lock = FileLock(beside, timeout=0, mode=FILE, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{path} is being written by another process.", hint="Wait for it to end, or choose another name."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    try:
        yield beside
    finally:
        if ours:
            with suppress(OSError):
                beside.unlink()  # while it is held, so that nobody else's is taken away
        lock.release()


def _on_disk(path: Path) -> Path:
    """Return the archive that a member's path leads into, or the path itself."""
    return next((found for found in (path, *path.parents) if found.is_file()), path)


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    # Some file systems do not tell names apart that differ only in case.
    return str(one.resolve()).casefold() == str(other.resolve()).casefold()
