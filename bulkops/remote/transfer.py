"""Read the bytes of one version of a remote file; a transfer that broke off continues where it stopped."""

import hashlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from bulkops.remote.addresses import Address
from bulkops.remote.failures import PartialRead
from bulkops.remote.opening import store_for
from bulkops.remote.retries import retried, wait_after
from bulkops.remote.stores import BLOCK
from bulkops.remote.versions import Version

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def present_version(address: Address) -> Version:
    """Return the present version of a file; InputUnreadable if it does not exist."""
    return retried(lambda: store_for(address).version(address), address, "read")


def blocks_of(address: Address, version: Version) -> Iterator[bytes]:
    """Yield the bytes of a version; the errors name the address. Progress resets the number of retries."""
    start = attempt = 0
    while True:
        began = start
        try:
            for block in store_for(address).blocks(address, version, start):
                start += len(block)
                yield block
            _refuse_part(start, version)
        except Exception as error:  # noqa: BLE001 - each library raises exceptions of its own
            attempt = 0 if start > began else attempt
            wait_after(error, address, "read", attempt)
            attempt += 1
        else:
            return


def _refuse_part(read: int, version: Version) -> None:
    if version.size is not None and read != version.size:
        raise PartialRead(f"{read} of {version.size} bytes")


def sha256_at(address: Address) -> str:
    """Return the SHA-256 of the present version of a remote file, which is read for this."""
    digest = hashlib.sha256()
    for block in blocks_of(address, present_version(address)):
        digest.update(block)
    return digest.hexdigest()


def stream_of(address: Address, version: Version) -> BinaryIO:
    """Return the bytes of a version as a stream that can be read once."""
    return cast("BinaryIO", io.BufferedReader(_Blocks(blocks_of(address, version)), BLOCK))


class _Blocks(io.RawIOBase):
    """A stream of blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with bytes, as far as available."""
        while not self._ready:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._ready = memoryview(block)
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
