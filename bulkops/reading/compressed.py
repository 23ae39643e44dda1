"""Detect the type of a file from its first bytes: decompress compressed content, reject workbooks and pictures."""

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from bulkops.compression import zstd_content
from bulkops.errors import InputUnreadable
from bulkops.limits import FREE_EXPANSION, TooLarge, adjustable
from bulkops.reading.archives import ZIP_ERRORS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP, ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SAVE_AS_CSV = "Open it there and save it as “CSV UTF-8 (comma delimited)”."
_NO_TABLES = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook (or another old Office file)", _SAVE_AS_CSV),
    b"\x89PNG\r\n\x1a\n": ("a picture", "Name a CSV file."),
    b"\xff\xd8\xff": ("a picture", "Name a CSV file."),
    b"%PDF-": ("a PDF document", "Name a CSV file."),
}
_CHUNK = 1 << 16


def opened(raw: BinaryIO, name: str, path: str) -> BinaryIO:
    """Return the content of `raw`, which must be at its start, as a stream; the name or first bytes show its type.

    InputUnreadable, with the displayed `path`, if it cannot be a table.
    """
    first = raw.read(8)
    raw.seek(0)
    suffix = name.lower().rpartition(".")[2]
    if first.startswith(GZIP) or suffix == "gz":
        return expanded(_Gzip(raw), raw.tell)
    if first.startswith(ZSTD) or suffix == "zst":
        return expanded(_Frames(raw), raw.tell)
    try:
        _refuse_no_table(raw, first, path)
    except InputUnreadable:
        with raw:
            raise
    return raw


class Expanded(io.RawIOBase):
    """Decompressed content with a size limit in proportion to its compressed bytes.

    `compressed` returns the number of compressed bytes read so far; reading raises TooLarge beyond the limit.
    """

    def __init__(self, content: BinaryIO, compressed: Callable[[], int]) -> None:
        self._content = content
        # `read1` returns the data available before a failure.
        self._read = getattr(content, "read1", content.read)
        self._compressed = compressed
        self._size = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with content, as far as available."""
        target = memoryview(buffer).cast("B")
        data = self._read(min(len(target), _CHUNK))
        target[: len(data)] = data
        self._size += len(data)
        if self._size > FREE_EXPANSION and self._size > adjustable().expansion * self._compressed():
            raise TooLarge(
                f"{self._compressed():,} compressed bytes expand to more than {self._size:,} bytes",
                hint="If that is intended, raise --max-expansion, or decompress the file first.",
            )
        return len(data)

    def close(self) -> None:
        """Close the underlying stream too."""
        if not self.closed:
            with self._content:
                super().close()


def expanded(content: object, compressed: Callable[[], int]) -> BinaryIO:
    """Return decompressed content as a stream that raises TooLarge beyond the limit; closing it closes the content."""
    limited = Expanded(cast("BinaryIO", content), compressed)
    return cast("BinaryIO", io.BufferedReader(limited, 1 << 20))


class _Gzip(gzip.GzipFile):
    """A gzip stream that closes its underlying stream."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._below = raw

    def close(self) -> None:
        """Close both streams."""
        with self._below:
            super().close()


def _refuse_no_table(raw: BinaryIO, first: bytes, path: str) -> None:
    for magic, (what, hint) in _NO_TABLES.items():
        if first.startswith(magic):
            raise InputUnreadable(f"{path} is {what}, not CSV.", hint=hint)
    if not first.startswith(_ZIP):
        return
    try:
        with zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
    except ZIP_ERRORS as error:
        raise InputUnreadable(f"{path} is a damaged zip archive or workbook, not CSV.") from error
    if "[Content_Types].xml" in names:
        raise InputUnreadable(f"{path} is an Excel workbook (or another Office file), not CSV.", hint=_SAVE_AS_CSV)
    if "mimetype" in names:
        raise InputUnreadable(f"{path} is a spreadsheet (OpenDocument), not CSV.", hint=_SAVE_AS_CSV)
    raise InputUnreadable(f"{path} is a zip archive.", hint="Unpack it, or give it a name that ends in .zip.")


class _Frames(io.RawIOBase):
    """The content of Zstandard frames; EOFError if the last frame is incomplete."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._content = zstd_content(io.BufferedReader(_Unbuffered(raw), _CHUNK).read)
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with content, as far as available."""
        self._ready = self._ready or memoryview(next(self._content, b""))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        """Close the underlying stream too."""
        if not self.closed:
            # A borrowed stream stays open.
            with self._raw:
                super().close()


class _Unbuffered(io.RawIOBase):
    """A stream to be read through a buffer; closing this object does not close the stream."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with bytes, as far as available."""
        target = memoryview(buffer).cast("B")
        data = self._raw.read(len(target))
        target[: len(data)] = data
        return len(data)
