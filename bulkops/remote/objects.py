"""Object stores by fsspec: S3, Google Cloud Storage and Azure. An object appears only when it is complete."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from bulkops.redaction import remember
from bulkops.remote.addresses import Address
from bulkops.remote.stores import BLOCK, CONNECT_SECONDS, READ_SECONDS, Entry
from bulkops.remote.versions import Version

SECRETS = (
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_CLIENT_SECRET",
)  # fmt: skip
"""Variables of the libraries; no message may show their values."""


PINNING = frozenset({"s3", "gs"})
"""Schemes with a library that requests the version that was opened."""


class ObjectStore:
    """The objects of one bucket or container. The library finds its credentials itself."""

    def __init__(self, scheme: str, place: str) -> None:
        for name in SECRETS:
            remember(os.environ.get(name, ""))
        self._place = place
        self._pins = scheme in PINNING
        options = {"skip_instance_cache": True, "use_listings_cache": False, **_options(scheme, place)}
        try:
            self._files: Any = fsspec.filesystem(scheme, **options)
        except ValueError:  # the library for Azure requires an account, or a connection string
            raise CredentialsMissing(scheme) from None
        if scheme == "s3":
            self._files.retries = 1  # retries are bounded and announced by bulkops

    def _key(self, address: Address) -> str:
        return f"{self._place.partition('@')[0]}/{address.path}"

    def version(self, address: Address) -> Version:
        """Return the present version of an object."""
        return _version(self._files.info(self._key(address)), address)

    def blocks(self, address: Address, pinned: Version, start: int) -> Iterator[bytes]:
        """Yield the bytes of an object.

        The libraries for S3 and Google request the version that was opened; otherwise it is compared at the end.
        """
        if pinned.size == 0:
            return
        with self._files.open(self._key(address), "rb", block_size=BLOCK, cache_type="readahead") as file:
            version = _version(file.details, address)
            if not version.is_same(pinned):
                raise FileExpired
            if version.is_weak:
                file.read_kw = {}  # the library for S3 would use the ETag as a condition, which fails for a weak one
            file.seek(start)
            while block := file.read(BLOCK):
                yield block
        if (version.is_weak or not self._pins) and not self.version(address).is_same(pinned):
            raise FileExpired

    def find(self, pattern: Address) -> Iterator[Entry]:
        """Yield the objects that match a pattern."""
        found = self._files.glob(self._key(pattern), detail=True)
        start = self._place.partition("@")[0] + "/"
        for name, info in sorted(found.items()):
            if info.get("type") == "file" and not name.endswith("/"):
                path = name.removeprefix(start)
                yield Entry(Address(pattern.scheme, pattern.place, path), Version.of_info(info))

    def check_place(self, address: Address) -> None:
        """Raise FileNotFoundError if the bucket does not exist; a key that may only write may not see the bucket."""
        try:
            self._files.info(self._key(address).partition("/")[0])
        except PermissionError:
            return

    def put(self, local: Path, address: Address, *, new: bool) -> None:
        """Upload a file; the server refuses it if an object appeared that must not exist."""
        self._files.put_file(str(local), self._key(address), mode="create" if new else "overwrite")

    def make_folder(self, folder: Address) -> None:
        """Do nothing: a key may contain slashes."""

    def rename(self, source: Address, target: Address) -> None:
        """Refuse: object stores cannot rename an object."""
        raise NotImplementedError(f"{source} to {target}")

    def delete(self, address: Address) -> None:
        """Remove an object."""
        self._files.rm_file(self._key(address))

    def close(self) -> None:
        """Leave the connections to the library."""


class CredentialsMissing(OSError):
    """The library cannot be opened without an account."""


class FileExpired(OSError):
    """The object was replaced since its version was pinned."""


def _version(info: Any, address: Address) -> Version:
    if info.get("type") == "directory":
        raise IsADirectoryError(str(address))
    return Version.of_info(info)


def _options(scheme: str, place: str) -> dict[str, Any]:
    """Return the options of the library: limits on time, and for Azure the account in the address."""
    if scheme == "s3":
        config = {
            "connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retries": {"total_max_attempts": 1},
        }  # fmt: skip
        return {"config_kwargs": config}
    if scheme == "gs":
        return {"timeout": READ_SECONDS}
    account = place.partition("@")[2].partition(".")[0]
    limits = {"connection_timeout": int(CONNECT_SECONDS), "read_timeout": int(READ_SECONDS)}
    return limits | ({"account_name": account} if account else {})
