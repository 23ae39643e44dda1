"""Write files completely or not at all, by one process at a time, and never over a foreign file."""

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

from bulkops.disk import naming_errors, not_written
from bulkops.errors import UsageError
from bulkops.private import FILE
from bulkops.remote.paths import RemotePath, exists, staging_place
from bulkops.remote.uploads import delete, existing_version, refuse_no_place, upload
from bulkops.written import is_ours, leftovers, remember, remember_temporary, remember_version

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
"""File suffixes of formats other than CSV and the compressed CSV that bulkops writes."""
WRITTEN_BACK = 8 * 1024 * 1024


def refuse_the_same(path: Path, others: Iterable[Path], *, what: str) -> None:
    """Raise UsageError if an output file is one of the others, under any name or link."""
    for other in others:
        if _same(path, _on_disk(other)):
            raise UsageError(
                f"{path}, {what}, is the same file as {other}, which would be lost.", hint="Choose another name."
            )


def refuse_no_file(path: Path) -> None:
    """Raise UsageError if a path is a folder, a device or a pipe, or an address that can only be read."""
    if isinstance(path, RemotePath) and path.address.scheme == "https":
        refuse_no_place(path.address)
    if not path.name or path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name a file.")
    if path.exists() and not path.is_file():
        raise UsageError(
            f"{path} is a device or a pipe, which the file would replace.",
            hint="Name a file, or use - to write to stdout.",
        )


def refuse_no_folder(path: Path) -> None:
    """Raise UsageError if the folder of a file is missing: the lock would create it, also for a misspelled path.

    For an address, the bucket or the folder on the server must exist.
    """
    if isinstance(path, RemotePath):
        refuse_no_place(path.address)
        return
    if not path.parent.exists():
        raise no_folder(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder.", hint=f"Choose another folder for {path.name}.")


def refuse_other_form(path: Path, forms: Mapping[str, str], *, instead: str) -> None:
    """Raise UsageError if the suffix of an output file means another format than the file will have.

    `forms` maps suffixes to the names of other formats; `instead` lists the suffixes to choose from.
    """
    if (form := forms.get(path.suffix.lower())) is not None:
        raise UsageError(
            f"{path} has the suffix of {form}, but bulkops would write another format.", hint=f"Choose {instead}."
        )


def no_folder(path: Path) -> UsageError:
    """Return the error for a missing folder."""
    return UsageError(
        f"The folder {path.parent} does not exist.", hint=f"Create it, or choose another folder for {path.name}."
    )


def part_of(path: Path) -> Path:
    """Return the temporary name of a file, which it has until it is complete."""
    return path.with_name(f"{path.name}.part")


@dataclass(frozen=True, kw_only=True)
class Permit:
    """The files that a command may replace: unchanged files of bulkops, and with `overwrite` also others.

    `refuse_input` raises UsageError for a file that must never be replaced.
    """

    overwrite: bool = False
    refuse_input: Callable[[Path], None] | None = None

    def check(self, path: Path) -> None:
        """Raise UsageError if the path is an existing file that must not be replaced or removed."""
        if not exists(path):
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
    """Yield an open file that is renamed to `path` at the end of the block, and removed after an error."""
    with part_file(path, permit) as (file, part):
        yield file
        keep(file, part, path, permit)


@contextmanager
def part_file(path: Path, permit: Permit = OWN_ONLY) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield an open file NAME.part and its path; it is removed at the end unless it was renamed.

    If a foreign file has that name, the part gets another name. UsageError if `path` is not a file name or must not be
    replaced, or if another process is writing it.
    """
    refuse_no_file(path)
    refuse_no_folder(path)
    permit.check(path)
    path = real(path)
    place = staging_place(path)
    with _alone(place, path) as lock, naming_errors(path):
        for left in leftovers(place):
            if left != lock.absolute():
                remove(left)
        part = _free_name(part_of(place))
        try:
            with part.open("x+b") as file:
                remember_temporary(place, [lock, part])
                yield file, part
        finally:
            part.unlink(missing_ok=True)
            remember_temporary(place, [])


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside a file that is being written, and remove it at the end."""
    place = staging_place(path)
    folder = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".parts"))
    try:
        remember_temporary(place, [folder], more=True)
        yield folder
    finally:
        remove(folder)


def keep(file: BinaryIO, part: Path, path: Path, permit: Permit = OWN_ONLY) -> None:
    """Flush a part to the disk and rename it; UsageError if a file that must not be replaced has appeared."""
    file.flush()
    os.fsync(file.fileno())
    rename(part, path, permit)


def rename(part: Path, path: Path, permit: Permit = OWN_ONLY) -> None:
    """Rename or upload a complete part, and record that bulkops wrote it; a link is followed, not replaced."""
    permit.check(path)
    remember(path, part)
    if isinstance(path, RemotePath):
        _upload(part, path)
    else:
        part.replace(real(path))


def _upload(part: Path, path: RemotePath) -> None:
    """Upload a part to an address; the command then reads the file from the part, which stays on this machine."""
    before = existing_version(path.address)
    version = upload(part, path.address, replace=before is not None)
    remember_version(path, version.to_json())
    place = staging_place(path)
    part.replace(place)
    path.keep_staged(place, version)


def discard(path: Path, permit: Permit) -> None:
    """Remove a file, also at an address, if it exists; UsageError if it must not be removed."""
    if not isinstance(path, RemotePath):
        permit.check(path)
        real(path).unlink(missing_ok=True)
    elif existing_version(path.address) is not None:
        permit.check(path)
        delete(path.address)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """Return the target of a link, or the path itself."""
    return path.resolve() if path.is_symlink() else path


def _free_name(path: Path) -> Path:
    """Return a free name: the given one, or the given one with a number."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], names) if not os.path.lexists(name))


def begin_writing_back(file: BinaryIO) -> Callable[[int], None]:
    """Return a function to call after each write, so that the final flush to the disk is short.

    On Linux it starts writing the data to the disk without waiting (POSIX_FADV_DONTNEED); data that is not written yet
    stays in memory. On other systems it does nothing.
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
def _alone(path: Path, shown: Path) -> Iterator[Path]:
    """Hold NAME.lock and yield its path, so that a second process cannot write the same file; `shown` is its name.

    UsageError if another process holds it, or if a foreign file has this name (a lock is empty).
    """
    from filelock import FileLock, Timeout  # only where something is written: validating starts without it

    beside = path.with_name(f"{path.name}.lock")
    ours = not os.path.lexists(beside) or beside.absolute() in leftovers(path)
    try:
        if not ours and (not beside.is_file() or beside.is_symlink() or beside.stat().st_size):
            raise UsageError(
                f"{beside} exists and is not a lock of bulkops, which needs this name.",
                hint=f"Rename it, or choose another folder for {path.name}.",
            )
        lock = FileLock(beside, timeout=0, mode=FILE, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{shown} is being written by another process.", hint="Wait for it to end, or choose another name."
        ) from None
    except OSError as error:
        raise not_written(path, error) from None
    try:
        yield beside
    finally:
        if ours:
            with suppress(OSError):
                beside.unlink()  # while it is held, so that nobody else's is taken away
        lock.release()


def _on_disk(path: Path) -> Path:
    """Return the archive that contains the member of a path, or the path itself."""
    if isinstance(path, RemotePath):
        return path
    return next((found for found in (path, *path.parents) if found.is_file()), path)


def _same(one: Path, other: Path) -> bool:
    if isinstance(one, RemotePath) or isinstance(other, RemotePath):
        return one == other
    if one.exists() and other.exists():
        return one.samefile(other)
    # Some file systems do not tell names apart that differ only in case.
    return str(one.resolve()).casefold() == str(other.resolve()).casefold()
