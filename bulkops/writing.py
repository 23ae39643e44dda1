"""Files that are written: whole or not at all, by one process at a time, never over what is no file or is read."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import UsageError
from bulkops.private import FILE

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


def no_folder(path: Path) -> UsageError:
    """Return the error that the folder of a file is not there."""
    return UsageError(f"The folder {path.parent} does not exist.", hint=f"Make it, or put {path.name} elsewhere.")


def part_of(path: Path) -> Path:
    """Return the name that a file has until it is whole."""
    return path.with_name(f"{path.name}.part")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield an open file that gets the name `path` when the block ends well, and is gone otherwise."""
    with part_file(path) as (file, part):
        yield file
        keep(file, part, path)


@contextmanager
def part_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield NAME.part, open, and its path; it is gone afterwards unless it was renamed.

    UsageError if `path` cannot be that of a file, or if another process is writing it.
    """
    refuse_no_file(path)
    refuse_no_folder(path)
    part = part_of(path)
    with _alone(path), said(path):
        try:
            with part.open("w+b") as file:
                yield file, part
        finally:
            part.unlink(missing_ok=True)


def keep(file: BinaryIO, part: Path, path: Path) -> None:
    """Give a part its name once its bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())
    part.replace(path)


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
def _alone(path: Path) -> Iterator[None]:
    """Hold NAME.lock: of two processes that write one file the second is refused."""
    from filelock import FileLock, Timeout  # only where something is written: validating starts without it

    beside = path.with_name(f"{path.name}.lock")
    try:
        lock = FileLock(beside, timeout=0, mode=FILE, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"{path} is being written by another process.", hint="Wait for it to end, or choose another name."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    try:
        yield
    finally:
        with suppress(OSError):
            beside.unlink()  # while it is held, so that nobody else's is taken away
        lock.release()


def _on_disk(path: Path) -> Path:
    """Return the archive that a member's path leads into, or the path itself."""
    return next((found for found in (path, *path.parents) if found.is_file()), path)


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
