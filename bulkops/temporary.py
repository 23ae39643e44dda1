"""Folders for temporary files. If a process is killed, a later process of the same user removes its folders.

Each folder contains a lock that its process holds. A folder with a free lock belongs to a process that has ended.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bulkops.disk import temporary_writes
from bulkops.private import FILE

PREFIX = "bulkops-"
LOCK = ".lock"
YOUNG_SECONDS = 60.0
"""Age from which a folder may be removed: a younger one may be about to get its lock."""
_swept: set[Path] = set()
"""The folders in which this process has looked for those of ended processes."""


@contextmanager
def temporary_folder(parent: Path | None = None, *, prefix: str = PREFIX) -> Iterator[Path]:
    """Yield a folder for temporary files, and remove it at the end; wrap writes to it in `temporary_writes`."""
    from filelock import FileLock  # only where files are written: validating starts without it

    with temporary_writes():
        place = parent or Path(tempfile.gettempdir())
        if place not in _swept:
            _swept.add(place)
            remove_left_folders(place)
        made = tempfile.TemporaryDirectory(dir=place, prefix=prefix, ignore_cleanup_errors=True)
    with made as name, FileLock(Path(name) / LOCK, mode=FILE):
        yield Path(name)


def remove_left_folders(place: Path) -> None:
    """Remove the temporary folders of ended processes of this user; those that cannot be removed stay."""
    from filelock import FileLock, Timeout  # as above

    with suppress(OSError):
        for folder in sorted(place.glob(f"{PREFIX}*")):
            with suppress(OSError, Timeout):
                if _may_be_left(folder):
                    with FileLock(folder / LOCK, timeout=0, mode=FILE):
                        shutil.rmtree(folder, ignore_errors=True)


def _may_be_left(folder: Path) -> bool:
    """Return whether a folder is one of this user with a lock, and not a young one."""
    status, lock = folder.lstat(), folder / LOCK
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    young = time.time() - status.st_mtime < YOUNG_SECONDS
    return own and not young and not folder.is_symlink() and lock.is_file() and not lock.is_symlink()
