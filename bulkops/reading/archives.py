"""Find the CSV files in zip archives, and decompress their content in small pieces."""

import bz2
import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from bulkops.errors import InputUnreadable, LimitExceeded
from bulkops.limits import MAX_FILES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

try:
    import lzma
except ImportError:  # Python may be built without it.
    lzma = None  # type: ignore[assignment]

ZIP_ERRORS = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError, EOFError,
    struct.error,
)  # fmt: skip
"""Exceptions that zipfile raises for a damaged archive, or for a feature that it does not support."""
_ENCRYPTED, _HAS_END_MARK = 1, 2
_CHUNK = 1 << 16
_LOCAL_HEADER = struct.Struct("<26xHH")


def csv_members(path: Path) -> list[zipfile.ZipInfo]:
    """Return the CSV files in an archive, by name; InputUnreadable if the archive is unreadable or ambiguous."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except ZIP_ERRORS as error:
        raise InputUnreadable(
            f"{path} is not a readable zip archive: {_reason(error)}.", hint="Unpack it, or pack it again."
        ) from error
    if len(infos) > MAX_FILES:
        raise LimitExceeded(f"{path} contains {len(infos):,} files; at most {MAX_FILES:,} are read.", hint="Unpack it.")
    wanted = [info for info in infos if _is_wanted(info.filename)]
    if not wanted:
        raise InputUnreadable(
            f"{path} contains no .csv file.", hint="bulkops does not open archives inside archives: unpack it."
        )
    _refuse_ambiguous(path, wanted)
    return sorted(wanted, key=lambda info: info.filename)


def _is_wanted(name: str) -> bool:
    """Return whether a member is a CSV file; the files that macOS adds to each file are not."""
    last = name.rpartition("/")[2]
    return last.lower().endswith(".csv") and not last.startswith("._") and not name.startswith("__MACOSX/")


def _refuse_ambiguous(path: Path, infos: Iterable[zipfile.ZipInfo]) -> None:
    """Raise InputUnreadable if two members share a name or bytes: it would be unclear which one counts."""
    counts = Counter(info.filename for info in infos)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InputUnreadable(
            f"{path} contains {counts[twice[0]]} files named {twice[0]}: it is unclear which one counts.",
            hint="Unpack the archive and name the right file.",
        )
    placed = sorted(infos, key=lambda info: info.header_offset)
    for one, other in pairwise(placed):
        if one.header_offset + one.compress_size > other.header_offset:
            raise InputUnreadable(
                f"{path}: the files {one.filename} and {other.filename} in it overlap.", hint="Pack the archive again."
            )


def open_member(path: Path, info: zipfile.ZipInfo) -> BinaryIO:
    """Return the content of a member as a stream; InputUnreadable if Python cannot read it."""
    called = f"{path}/{info.filename}"
    if info.flag_bits & _ENCRYPTED:
        raise InputUnreadable(
            f"{called} cannot be read: it is encrypted.", hint="Unpack the archive with its password."
        )
    try:
        if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # The file stays open until the member is closed.
            with zipfile.ZipFile(path) as archive:
                return cast("BinaryIO", archive.open(info))
        if info.compress_type == zipfile.ZIP_BZIP2 or (info.compress_type == zipfile.ZIP_LZMA and lzma):
            return cast("BinaryIO", io.BufferedReader(_Packed(path, info), _CHUNK))
    except ZIP_ERRORS as error:
        raise InputUnreadable(f"{called} cannot be read: {_reason(error)}.", hint="Unpack the archive.") from error
    raise InputUnreadable(
        f"{called} cannot be read: it is compressed by method {info.compress_type}, which Python does not know.",
        hint="Unpack the archive.",
    )


def _reason(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__


class _Decompressor(Protocol):
    """The common interface of the decompressors of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


class _Packed(io.RawIOBase):
    """The content of a member compressed with bzip2 or LZMA.

    Zipfile would decompress all input that it has read at once.
    """

    def __init__(self, path: Path, info: zipfile.ZipInfo) -> None:
        self._raw = path.open("rb")
        self._info = info
        try:
            self._left = self._find()
            self._decompressor, self._input = self._start()
        except BaseException:
            self._raw.close()
            raise
        self._crc = 0

    def _find(self) -> int:
        """Seek to the compressed bytes and return their number."""
        self._raw.seek(self._info.header_offset)
        name, extra = _LOCAL_HEADER.unpack(self._raw.read(_LOCAL_HEADER.size))
        self._raw.seek(name + extra, io.SEEK_CUR)
        return self._info.compress_size

    def _start(self) -> tuple[_Decompressor, bytes]:
        """Return a decompressor, and the input that it needs before the following bytes."""
        if self._info.compress_type == zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor(), b""
        # A version, and the number of bytes of properties that follow (APPNOTE §5.8.8).
        head = self._read(4)
        properties = self._read(int.from_bytes(head[2:], "little"))
        size = 2**64 - 1 if self._info.flag_bits & _HAS_END_MARK else self._info.file_size
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE), properties + size.to_bytes(8, "little")

    def _read(self, size: int) -> bytes:
        data = self._raw.read(min(size, self._left))
        self._left -= len(data)
        return data

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with content; EOFError or BadZipFile if the content is incomplete."""
        target = memoryview(buffer).cast("B")
        while not self._decompressor.eof:
            if self._decompressor.needs_input and not self._input:
                self._input = self._read(_CHUNK)
                if not self._input:
                    raise EOFError("the file ends inside compressed content")
            data, self._input = self._decompressor.decompress(self._input, len(target)), b""
            if data:
                target[: len(data)] = data
                self._crc = zlib.crc32(data, self._crc)
                return len(data)
        if self._crc != self._info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {self._info.filename!r}")
        return 0

    def close(self) -> None:
        """Close the archive too."""
        self._raw.close()
        super().close()
