"""Upload complete files to remote addresses, and never over a file that must not be replaced."""

from pathlib import Path

from bulkops.checksums import sha256_of
from bulkops.errors import InputUnreadable, Unfinished, UsageError
from bulkops.journal import record
from bulkops.remote.addresses import Address
from bulkops.remote.failures import Cause, failure_of
from bulkops.remote.notices import say
from bulkops.remote.opening import store_for
from bulkops.remote.retries import retried, wait_after
from bulkops.remote.transfer import present_version, sha256_at
from bulkops.remote.versions import Version


class AddressTaken(UsageError):
    """A file exists that must not be replaced."""


def refuse_no_place(address: Address) -> None:
    """Raise UsageError if the bucket or the folder of a file does not exist, or cannot be written at all."""
    try:
        retried(lambda: store_for(address).check_place(address), address, "read")
    except InputUnreadable:
        where = address.kind.place if address.kind.keys_are_text else "folder"
        named = address.place if address.kind.keys_are_text else address.parent
        raise UsageError(
            f"{address} cannot be written: the {where} {named} does not exist.", hint="Create it, or choose another."
        ) from None


def existing_version(address: Address) -> Version | None:
    """Return the present version of a file; None if it does not exist. UsageError if the address is a folder."""
    try:
        return present_version(address)
    except InputUnreadable as error:
        if error.message.endswith("is a folder."):
            raise UsageError(error.message, hint="Name a file.") from None
        return None


def upload(local: Path, address: Address, *, replace: bool) -> Version:
    """Write a complete file to an address and return its version; the file appears only when it is complete.

    Without `replace`, UsageError if a file exists. Unfinished if the server cannot be reached after some retries, or
    has another number of bytes afterwards.
    """
    size = local.stat().st_size
    say(f"{address}: uploading {size:,} bytes.")
    attempt = 0
    while True:
        try:
            store_for(address).put(local, address, new=not replace)
            break
        except Exception as error:  # noqa: BLE001 - each library raises exceptions of its own
            if failure_of(error).cause is Cause.EXISTS:
                if attempt and _has_content(address, local):
                    break  # an attempt succeeded, and its response was lost
                raise AddressTaken(f"{address} exists.", hint="Choose another name, or add --overwrite.") from None
            wait_after(error, address, "written", attempt)
            attempt += 1
    version = present_version(address)
    if version.size not in (None, size):
        raise Unfinished(f"{address} has {version.size:,} bytes after an upload of {size:,} bytes.")
    record("remote_uploaded", address=str(address), bytes=size, version=version.to_json())
    return version


def delete(address: Address) -> None:
    """Remove a file."""
    retried(lambda: store_for(address).delete(address), address, "removed")


def _has_content(address: Address, local: Path) -> bool:
    return sha256_of(local) == sha256_at(address)
