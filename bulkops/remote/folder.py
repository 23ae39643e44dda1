"""A folder of a remote store as a place that files are taken from and archived in, without renames between places."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

from bulkops.checksums import sha256_of
from bulkops.errors import InputUnreadable, Unfinished
from bulkops.names import numbered
from bulkops.remote.addresses import Address
from bulkops.remote.opening import store_for
from bulkops.remote.retries import retried
from bulkops.remote.searching import listed
from bulkops.remote.transfer import present_version, sha256_at, stream_of
from bulkops.remote.uploads import AddressTaken, delete, existing_version, upload
from bulkops.remote.versions import StoredFile, Version, aside_name

MOST_NAMES = 1000
"""Maximum names that are tried for a copy if other files have them."""


class RemoteFolder:
    """A part of a bucket or container, or a folder of a server. Names are relative to it and may contain `/`."""

    def __init__(self, address: Address) -> None:
        self._folder = address

    @property
    def shown(self) -> str:
        """The address, for messages."""
        return str(self._folder)

    def files(self) -> list[StoredFile]:
        """Return the files directly in this folder, not those of folders in it; an error if the folder is missing."""
        pattern = self._folder.child("*")
        retried(lambda: store_for(pattern).check_place(pattern), self._folder, "listed")
        return [_stored(each.address.name, each.version) for each in listed(pattern)]

    def find(self, name: str) -> StoredFile | None:
        """Return a file in its present state; None if it does not exist."""
        try:
            return _stored(name, present_version(self._folder.child(name)))
        except InputUnreadable:
            return None

    @contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Yield the content of a file; Unfinished if it does not exist, FileChanged if it is replaced meanwhile."""
        address = self._folder.child(name)
        try:
            version = present_version(address)
        except InputUnreadable as error:
            raise Unfinished(error.message, hint=error.hint) from None
        with stream_of(address, version) as stream:
            yield stream

    def put(self, source: Path, name: str) -> str:
        """Store a copy of a local file, verify it by reading it back, and return its name; never replace a file.

        If a file with other content has this name, the copy gets another name: `NAME~2.csv`. Storing the same file
        twice stores it once. Unfinished if the copy differs from the file.
        """
        wanted = sha256_of(source)
        address = self._folder.child(name)
        retried(lambda: store_for(address).make_folder(address.parent), address.parent, "written")
        for number in range(1, MOST_NAMES):
            chosen = address.sibling(numbered(address.name, number))
            if existing_version(chosen) is None:
                _upload_new(source, chosen)
            if existing_version(chosen) is not None and sha256_at(chosen) == wanted:
                return str(chosen).removeprefix(str(self._folder.child("")))
        raise Unfinished(f"No free name was found for {address}.", hint="Clear the folder, and run the command again.")

    def sync(self) -> None:
        """Do nothing: a server has stored a file when it responds."""

    def remove(self, file: StoredFile) -> bool:
        """Remove a file if it is still in this version, or missing; return whether that is so.

        On an SFTP server the file is renamed first, so that a file that replaces it meanwhile is never lost. An object
        store compares and removes in two requests.
        """
        address = self._folder.child(file.name)
        if not address.kind.keys_are_text:
            self._settle(_aside(address), address, {file.version})  # a killed process may have left it
        found = self.find(file.name)
        if found is None:
            return True
        if found.version != file.version:
            return False
        if address.kind.keys_are_text:
            delete(address)
            return True
        return self._remove_aside(address, file)

    def _remove_aside(self, address: Address, file: StoredFile) -> bool:
        """Remove a file after a rename; give it its name back if it is another version."""
        aside = _aside(address)
        retried(lambda: store_for(address).rename(address, aside), address, "removed")
        return self._settle(aside, address, {file.version})

    def settle(self, aside: str, name: str, versions: Collection[str]) -> bool:
        """Remove a file that was set aside if it is in one of these versions, or missing; otherwise give it a name."""
        address = self._folder.child(aside)
        return existing_version(address) is None or self._settle(address, self._folder.child(name), versions)

    def _settle(self, aside: Address, address: Address, versions: Collection[str]) -> bool:
        """Remove a file that was set aside if it is in one of these versions; otherwise give it its name or a free one.

        Return whether it was removed.
        """
        if (version := existing_version(aside)) is None:
            return False
        if _stored(address.name, version).version in versions:
            delete(aside)
            return True
        for number in range(1, MOST_NAMES):
            chosen = address.sibling(numbered(address.name, number))
            with suppress(AddressTaken):
                _renamed(aside, chosen)
                return False
        raise Unfinished(f"No free name was found for {address}.", hint="Clear the folder, and run the command again.")

    def local(self, name: str) -> Path | None:  # noqa: ARG002 - every place has this
        """Return None: the files are not on this machine."""
        return None


def _aside(address: Address) -> Address:
    """Return the hidden name that a file has while it is removed."""
    return address.sibling(aside_name(address.name))


def _renamed(source: Address, target: Address) -> None:
    """Rename a file; AddressTaken if the name is taken."""

    def rename() -> None:
        try:
            store_for(target).rename(source, target)
        except FileExistsError:
            raise AddressTaken(f"{target} exists.") from None

    retried(rename, target, "renamed")


def _upload_new(source: Path, address: Address) -> None:
    """Upload a file to a free name; ignore that the name was taken meanwhile."""
    with suppress(AddressTaken):
        upload(source, address, replace=False)


def _stored(name: str, version: Version) -> StoredFile:
    identity = version.id or version.etag or version.modified
    return StoredFile(
        name=name, size=version.size or 0, modified=_seconds(version.modified), version=f"{identity}-{version.size}"
    )


def _seconds(moment: str | None) -> float:
    """Return a time as seconds since 1970; 0 if the server does not give it."""
    if not moment:
        return 0.0
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return parsedate_to_datetime(moment).timestamp()
