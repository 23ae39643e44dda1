"""The operations that every kind of remote storage offers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bulkops.remote.addresses import Address
from bulkops.remote.versions import Version

BLOCK = 4 << 20
"""Bytes of a block that is read from or written to a server."""
CONNECT_SECONDS = 15.0
"""Maximum seconds for a connection."""
READ_SECONDS = 60.0
"""Maximum seconds without a byte."""


@dataclass(frozen=True)
class Entry:
    """A file found in a store."""

    address: Address
    version: Version


class Store(Protocol):
    """The files of one bucket, container or host. Methods raise the exceptions of the library below."""

    def version(self, address: Address) -> Version:
        """Return the present version of a file; FileNotFoundError or IsADirectoryError if the address names none."""

    def blocks(self, address: Address, pinned: Version, start: int) -> Iterator[bytes]:
        """Yield the bytes of exactly this version from an offset on."""

    def find(self, pattern: Address) -> Iterator[Entry]:
        """Yield the files that match a pattern; in a folder's address `**` matches any number of folders."""

    def check_place(self, address: Address) -> None:
        """Raise FileNotFoundError if the bucket, or the folder of a file on a host, does not exist."""

    def make_folder(self, folder: Address) -> None:
        """Create a folder of a host, with its parents; an object store has no folders."""

    def put(self, local: Path, address: Address, *, new: bool) -> None:
        """Write a file; it appears only when it is complete. With `new`, FileExistsError if one exists."""

    def rename(self, source: Address, target: Address) -> None:
        """Rename a file of a host; FileExistsError if the name is taken. Object stores cannot do it."""

    def delete(self, address: Address) -> None:
        """Remove a file."""

    def close(self) -> None:
        """Close the connections."""
