"""What a file is by its first bytes: compressed content is opened as what it holds, a workbook or picture refused."""

import gzip
import io
import zipfile
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

from bulkops.errors import InputUnreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_SAVE_AS_CSV = "Open it there and save it as “CSV UTF-8 (comma delimited)”."
_NO_TABLES = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook (or another old Office file)", _SAVE_AS_CSV),
    b"\x89PNG\r\n\x1a\n": ("a picture", "Name a CSV file."),
    b"\xff\xd8\xff": ("a picture", "Name a CSV file."),
    b"%PDF-": ("a PDF document", "Name a CSV file."),
}
_CHUNK = 1 << 16


def opened(raw: BinaryIO, name: str, path: str) -> BinaryIO:
    """Return a stream of the content of `raw`, which is at its start; its name or its first bytes say what it is.

    InputUnreadable, with the `path` people know it by, if it cannot be a table.
    """
    first = raw.read(8)
    raw.seek(0)
    suffix = name.lower().rpartition(".")[2]
    if first.startswith(_GZIP) or suffix == "gz":
        return cast("BinaryIO", _Gzip(raw))
    if first.startswith(_ZSTD) or suffix == "zst":
        return cast("BinaryIO", io.BufferedReader(_Frames(raw), 1 << 20))
    try:
        _refuse_no_table(raw, first, path)
    except InputUnreadable:
        with raw:
            raise
    return raw


class _Gzip(gzip.GzipFile):
    """A gzip stream that closes what it reads from."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._below = raw

    def close(self) -> None:
        """Close both; a lent stream stays open."""
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
    except zipfile.BadZipFile as error:
        raise InputUnreadable(f"{path} is a damaged zip archive or workbook, not CSV.") from error
    if "[Content_Types].xml" in names:
        raise InputUnreadable(f"{path} is an Excel workbook (or another Office file), not CSV.", hint=_SAVE_AS_CSV)
    if "mimetype" in names:
        raise InputUnreadable(f"{path} is a spreadsheet (OpenDocument), not CSV.", hint=_SAVE_AS_CSV)
    raise InputUnreadable(f"{path} is a zip archive.", hint="Unpack it, or give it a name that ends in .zip.")


class _Frames(io.RawIOBase):
    """The content of Zstandard frames, one behind the other; EOFError if the last is not whole."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decoder: zstandard.ZstdDecompressionObj | None = None
        self._compressed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer, as far as there is content."""
        while not self._ready:
            self._compressed = self._compressed or self._raw.read(_CHUNK)
            if not self._compressed:
                if self._decoder is not None:
                    raise EOFError("the file ends inside a compressed frame")
                return 0
            self._decompress()
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decompress(self) -> None:
        if self._decoder is None:
            self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(self._decoder.decompress(self._compressed))
        self._compressed = self._decoder.unused_data
        if self._decoder.eof:
            self._decoder = None

    def close(self) -> None:
        """Close what it reads from, too."""
        if not self.closed:
            with self._raw:  # lent streams stay open
                super().close()
