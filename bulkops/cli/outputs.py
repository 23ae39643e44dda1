"""Files that a command writes: never one that it reads, or writes for another purpose."""

from collections.abc import Iterable
from pathlib import Path

from bulkops.errors import UsageError


def refuse_the_same(path: Path, others: Iterable[Path], *, what: str) -> None:
    """Raise UsageError if a file to be written is one of the others, by whatever name or link."""
    for other in others:
        if _same(path, _on_disk(other)):
            raise UsageError(
                f"{path}, {what}, is the file itself: {other}, which would be lost.", hint="Choose another name."
            )


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file to be written exists and may not be replaced; devices are not replaced."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Choose another name.")
    if path.is_file() and not overwrite:
        raise UsageError(f"{path} exists already.", hint="Choose another name, or add --overwrite.")


def _on_disk(path: Path) -> Path:
    """Return the archive that a member's path leads into, or the path itself."""
    return next((found for found in (path, *path.parents) if found.is_file()), path)


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
