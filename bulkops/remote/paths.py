"""Paths of remote files: they are shown as addresses, and open a local copy.

Commands pass paths; a `RemotePath` lets them treat a remote file as a local one. Its text is the address. The file
system sees a path in the state folder: the copy of the file once `fetch` has made it, otherwise the place where a
new file is written before it is uploaded.
"""

import hashlib
import os
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bulkops.errors import InputUnreadable
from bulkops.private import private_folder
from bulkops.remote.addresses import Address, is_remote, parsed
from bulkops.remote.copies import (
    OUTGOING,
    Copy,
    change_between,
    clear_outgoing,
    copied,
    copies_folder,
    kept_copy,
    release,
)
from bulkops.remote.transfer import present_version
from bulkops.remote.versions import Version

if TYPE_CHECKING:
    LocalPath = Path
else:
    LocalPath = type(Path())  # the class for this system: Path itself cannot be subclassed before Python 3.12

_COPIES: "weakref.WeakValueDictionary[Address, Copy]" = weakref.WeakValueDictionary()
"""The copies that this process uses, so that it reads one address once."""


class RemotePath(LocalPath):
    """The path of a remote file. `pinned` is the version that the file must have; None if any will do."""

    address: Address
    pinned: Version | None
    copy: Copy | None
    staged: Path | None

    def __new__(cls, address: Address, pinned: Version | None = None) -> Self:  # noqa: ARG004 - as __init__
        """Return a path with the parts of the address, so that names and suffixes work as for other paths."""
        return super().__new__(cls, f"{address.scheme}:", address.place, address.path)

    def __init__(self, address: Address, pinned: Version | None = None) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(f"{address.scheme}:", address.place, address.path)
        self.address = address
        self.pinned = pinned
        self.copy = None
        self.staged = None

    def fetch(self) -> None:
        """Copy the file to the state folder, unless this path has a copy or wrote the file; see `copied` for errors."""
        if self.copy is not None or self.staged is not None:
            return
        made = _COPIES.get(self.address)
        if made is None or (self.pinned is not None and not made.version.is_same(self.pinned)):
            made = copied(self.address, self.pinned)
        self.copy, self.pinned = made, made.version
        _COPIES[self.address] = made

    def keep_staged(self, staged: Path, version: Version) -> None:
        """Read the file from the place where it was written from now on; the place is cleared with this path."""
        self.copy, self.staged, self.pinned = None, staged, version
        weakref.finalize(self, staged.unlink, missing_ok=True)

    def __fspath__(self) -> str:
        """Return the path of the copy, or of the file that is to be uploaded."""
        return str(self.copy.path if self.copy else _outgoing(self.address))

    def __str__(self) -> str:
        """Return the address."""
        return str(self.address)

    def __repr__(self) -> str:
        return f"RemotePath({str(self.address)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __reduce__(self) -> Any:
        return RemotePath, (self.address, self.pinned)

    @property
    def name(self) -> str:
        """The last part of the address; blank for a folder."""
        return self.address.name

    @property
    def parent(self) -> "RemotePath":
        """The folder of the file, as an address."""
        return RemotePath(self.address.parent)

    def with_name(self, name: str) -> "RemotePath":
        """Return the path of another file in the same folder."""
        return RemotePath(self.address.sibling(name))

    def with_suffix(self, suffix: str) -> "RemotePath":
        """Return the path with another suffix."""
        return self.with_name(f"{self.stem}{suffix}")

    @property
    def parents(self) -> tuple["RemotePath", ...]:
        """The folders around the file, the nearest first."""
        found = [self.parent]
        while found[-1].address.path:
            found.append(found[-1].parent)
        return tuple(found)

    def joinpath(self, *names: str | os.PathLike[str]) -> "RemotePath":
        """Return the path of a name inside this folder."""
        return self / "/".join(os.fspath(name) for name in names)

    def __truediv__(self, name: str | os.PathLike[str]) -> "RemotePath":
        return RemotePath(self.address.child(os.fspath(name)))

    def absolute(self) -> Self:
        """Return the path itself: an address is complete."""
        return self

    def resolve(self, strict: bool = False) -> Self:  # noqa: ARG002, FBT001, FBT002 - the signature of Path
        """Return the path itself: an address is not a link."""
        return self


def path_of(text: str | os.PathLike[str], pinned: Mapping[str, Any] | None = None) -> Path:
    """Return the path in a text: a remote one for an address, with the version that was pinned, otherwise a local one.

    UsageError for an invalid address.
    """
    if isinstance(text, RemotePath):
        return text
    name = os.fspath(text)
    if not is_remote(name):
        return Path(name)
    return RemotePath(parsed(name), Version.of_json(pinned) if pinned else None)


def known_path(text: str) -> Path:
    """Return the path in a text; for an address, a path that only exists if this process has a copy of the file."""
    path = path_of(text)
    if isinstance(path, RemotePath) and path.address in _COPIES:
        path.fetch()
    return path


def fetch(path: Path) -> None:
    """Make sure that a path can be opened: copy a remote file to the state folder; do nothing for a local one."""
    if isinstance(path, RemotePath):
        path.fetch()


def pinned_version(path: Path) -> dict[str, Any] | None:
    """Return the version that a remote path is pinned to, as JSON values; None for a local path."""
    if isinstance(path, RemotePath) and path.pinned is not None:
        return path.pinned.to_json()
    return None


def hold(path: Path, job: str) -> None:
    """Keep the copy of a job's remote file after the end of the process, until `release_file`."""
    if isinstance(path, RemotePath) and path.copy is not None:
        path.copy.hold(job)


def release_file(path: Path, job: str) -> None:
    """Let the copies of a finished job's remote file be removed."""
    if isinstance(path, RemotePath):
        release(job)


def replaced(path: Path) -> str | None:
    """Return how a remote file differs from the pinned version, as the end of a sentence; None if it does not.

    Unfinished or UsageError if the server does not say; a file that is gone counts as a change.
    """
    if not isinstance(path, RemotePath) or path.pinned is None:
        return None
    try:
        now = present_version(path.address)
    except InputUnreadable:
        return "is gone"
    return None if now.is_same(path.pinned) else change_between(path.pinned, now)


def exists(path: Path) -> bool:
    """Return whether a path is a file, on this machine or at its address."""
    if not isinstance(path, RemotePath):
        return path.is_file()
    try:
        present_version(path.address)
    except InputUnreadable:
        return False
    return True


def copy_of(path: Path) -> Path | None:
    """Return the local copy of the pinned version, if this process or an earlier one made one."""
    if not isinstance(path, RemotePath) or path.pinned is None:
        return None
    return path.copy.path if path.copy else kept_copy(path.address, path.pinned)


def staging_place(path: Path) -> Path:
    """Return the local place where a file is written before it is uploaded; a local path is its own place."""
    if not isinstance(path, RemotePath):
        return path
    place = _outgoing(path.address)
    private_folder(place.parent)
    clear_outgoing()
    return place


def _outgoing(address: Address) -> Path:
    """Return the place of a file before it is uploaded: one folder for each remote folder."""
    digest = hashlib.sha256(str(address.parent).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return copies_folder() / OUTGOING / digest / (address.name or "folder")
