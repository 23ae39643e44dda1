"""Access to the places that files are dropped into and archived in. Nothing here renames a file from place to place.

A file is copied, the copy is read back and compared, and only then is the original removed. This also works where no
rename exists, as in an object store, and where a process can be killed between any two steps.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from bulkops.checksums import sha256_of
from bulkops.disk import ANOTHER_STATE, FULL, naming_full_disk, next_step
from bulkops.errors import Unfinished, UsageError
from bulkops.names import numbered
from bulkops.private import private
from bulkops.remote.versions import StoredFile, aside_name

BLOCK = 1 << 20
MOST_NAMES = 1000
"""Maximum names that are tried for a file if other files have them."""
NOT_SUPPORTED = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP})
"""Errors of a file system without hard links."""
ANOTHER_FOLDER = "name another folder in the inbox"
OF_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of the operating system that every other file would meet, too."""


class FileTrouble(Unfinished):
    """A file of this machine cannot be read or written; other files can."""


class MachineTrouble(Unfinished):
    """This machine can write no file: its disk is full or fails, or too many files are open."""


def file_error(error: OSError, what: str, *, instead: str = ANOTHER_STATE) -> Unfinished:
    """Return the error for a file of this machine that failed; `what` is a clause.

    `instead` is the alternative to making room on a full disk.
    """
    kind = MachineTrouble if error.errno in OF_MACHINE else FileTrouble
    reason = error.strerror or type(error).__name__
    named = isinstance(error.filename, str | bytes) and os.fsdecode(error.filename) not in what
    path = f" ({os.fsdecode(error.filename)})" if named else ""
    no_room = error.errno in FULL or error.errno == errno.EFBIG
    todo = next_step(error, instead) if no_room else "Check the disk and the permissions."
    return kind(f"{what}: {reason}{path}.", hint=f"{todo} The next pass tries again.")


def work_writes(path: Path) -> AbstractContextManager[None]:
    """Return a context in which a full disk is reported as that of work files, which every other file would meet."""
    return naming_full_disk(path, kind=MachineTrouble)


@contextmanager
def work_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new work file; remove it after an error, because a part of a file would keep a full disk full."""
    try:
        with work_writes(path), open(path, "wb", opener=private) as out:
            yield out
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class Storage(Protocol):
    """A place of files: a folder, or a part of an object store. Names may contain `/`."""

    @property
    def shown(self) -> str:
        """The place, for messages."""

    def files(self) -> list[StoredFile]:
        """Return the files directly in this place, not those of folders in it."""

    def find(self, name: str) -> StoredFile | None:
        """Return a file in its present state; None if it does not exist."""

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a context manager with the content of a file."""

    def put(self, source: Path, name: str) -> str:
        """Store a copy of a local file, verify it, and return its name here; never replace a file.

        If a file with other content has this name, the copy gets another name. Storing the same file twice is safe.
        A power failure can lose the copy until `sync` returns.
        """

    def sync(self) -> None:
        """Make the stored copies durable."""

    def remove(self, file: StoredFile) -> bool:
        """Remove a file if it is still in this version, or missing; return whether that is so."""

    def settle(self, aside: str, name: str, versions: Collection[str]) -> bool:
        """Remove a file that was set aside if it is in one of these versions; return whether it is removed or missing.

        Any other version gets its name again, or a free one.
        """

    def local(self, name: str) -> Path | None:
        """Return the path of a file on this machine; None if it is elsewhere."""


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsynced: dict[Path, None] = {}

    @property
    def shown(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def files(self) -> list[StoredFile]:
        """Return the regular files in the folder; UsageError if it cannot be read."""
        try:
            with os.scandir(self.folder) as entries:
                found = [_stored(entry.name, status) for entry in entries if (status := _regular(entry)) is not None]
        except OSError as error:
            raise UsageError(
                f"The folder {self.folder} cannot be read: {error.strerror}.",
                hint="Create it, or correct `folder` of the inbox.",
            ) from None
        return found

    def find(self, name: str) -> StoredFile | None:
        """Return a file in its present state; None if it is missing or not a regular file."""
        try:
            status = (self.folder / name).lstat()
        except OSError:
            return None
        return _stored(name, status) if stat.S_ISREG(status.st_mode) else None

    @contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Yield the content of a file; Unfinished if it cannot be opened."""
        try:
            file = (self.folder / name).open("rb", buffering=0)
        except OSError as error:
            raise file_error(error, f"{self.folder / name} cannot be read") from None
        with file:
            yield file

    def put(self, source: Path, name: str) -> str:
        """Store a copy of a file and verify it; Unfinished if that fails."""
        try:
            return self._put(source, name)
        except OSError as error:
            raise file_error(error, f"{self.folder / name} cannot be written", instead=ANOTHER_FOLDER) from None

    def _put(self, source: Path, name: str) -> str:
        path = self.folder / name
        self._make_folder(path.parent)
        wanted = None
        draft = path.with_name(f".bulkops-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part")
        for number in range(1, MOST_NAMES):
            chosen = path.with_name(numbered(path.name, number))
            if os.path.lexists(chosen):
                wanted = wanted or sha256_of(source)
                if chosen.is_file() and sha256_of(chosen) == wanted:
                    break
                continue
            wanted = _copy(source, draft)
            if _link(draft, chosen):
                break
        draft.unlink(missing_ok=True)
        if sha256_of(chosen) != wanted:
            raise Unfinished(f"The copy {chosen} differs from {source.name}.", hint="Check the disk, and run again.")
        return str(chosen.relative_to(self.folder))

    def _make_folder(self, folder: Path) -> None:
        """Create a folder with its parents, and note which folders have a new entry."""
        self._unsynced[folder] = None
        missing = folder
        while not missing.is_dir() and missing != missing.parent:
            missing = missing.parent
            self._unsynced[missing] = None
        folder.mkdir(parents=True, exist_ok=True)

    def sync(self) -> None:
        """Write the entries of the folders to the disk."""
        for folder in self._unsynced:
            _sync_folder(folder)
        self._unsynced.clear()

    def remove(self, file: StoredFile) -> bool:
        """Remove a file in this version. It gets a hidden name first, so that a new file of its name is never lost."""
        path = self.folder / file.name
        aside = path.with_name(aside_name(file.name))
        try:
            if os.path.lexists(aside):  # a killed process left it
                self._settle(aside, path, {file.version})
            found = self.find(file.name)
            if found is None:
                return True
            if found.version != file.version:
                return False
            path.rename(aside)
            return self._settle(aside, path, {file.version})
        except OSError as error:
            raise file_error(error, f"{path} cannot be removed", instead=ANOTHER_FOLDER) from None

    def settle(self, aside: str, name: str, versions: Collection[str]) -> bool:
        """Remove a file that was set aside if it is in one of these versions, or missing; otherwise give it a name."""
        path = self.folder / aside
        try:
            return not os.path.lexists(path) or self._settle(path, self.folder / name, versions)
        except OSError as error:
            raise file_error(error, f"{path} cannot be removed", instead=ANOTHER_FOLDER) from None

    def _settle(self, aside: Path, path: Path, versions: Collection[str]) -> bool:
        """Remove a file that was set aside if it is in one of these versions; otherwise give it its name or a free one.

        Return whether it was removed.
        """
        status = aside.lstat()
        # A rename changes the time of the last change of the inode, which is a part of the version.
        if _content_version(status) in {version.rpartition("-")[0] for version in versions}:
            aside.unlink()
            return True
        for number in range(1, MOST_NAMES):
            chosen = path.with_name(numbered(path.name, number))
            if _link(aside, chosen) or (chosen.exists() and aside.samefile(chosen)):  # a killed pass left both names
                break
        else:
            raise Unfinished(f"No free name was found for {path}.", hint="Clear the folder, and run the command again.")
        aside.unlink(missing_ok=True)
        return False

    def local(self, name: str) -> Path | None:
        """Return the path of a file."""
        return self.folder / name


def _regular(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Return the status of a regular file; None for all else, and for a file that has just been removed."""
    with suppress(OSError):
        if entry.is_file(follow_symlinks=False):
            return entry.stat(follow_symlinks=False)
    return None


def _stored(name: str, status: os.stat_result) -> StoredFile:
    # The time of the last change of the inode cannot be set by a program, unlike that of the content.
    modified = max(status.st_mtime, status.st_ctime)
    return StoredFile(
        name=name,
        size=status.st_size,
        modified=modified,
        version=f"{_content_version(status)}-{status.st_ctime_ns}",
    )


def _content_version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _copy(source: Path, draft: Path) -> str:
    """Write a durable copy of a file with its permissions, and return the SHA-256 of the copied bytes."""
    with source.open("rb") as given, draft.open("wb") as out:
        os.fchmod(out.fileno(), stat.S_IMODE(os.fstat(given.fileno()).st_mode) | stat.S_IRUSR | stat.S_IWUSR)
        return copy_bytes(given, out)


def copy_bytes(source: BinaryIO, out: BinaryIO) -> str:
    """Copy bytes to the disk, and return their SHA-256."""
    digest = hashlib.sha256()
    while data := source.read(BLOCK):
        digest.update(data)
        out.write(data)
    out.flush()
    os.fsync(out.fileno())
    return digest.hexdigest()


def _link(draft: Path, path: Path) -> bool:
    """Give a complete file its name; False if the name is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        if os.path.lexists(path):
            return False
        draft.rename(path)  # the lock of the inbox keeps other passes away from this name
    return True


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
