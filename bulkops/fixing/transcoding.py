"""Decode a file that is not UTF-8, in the encoding that the user names.

The encoding applies to the whole file. Before anything is written, a first pass rejects a file that the encoding cannot
decode, and a file that is UTF-8 already, wholly or in some lines, because decoding it again would corrupt it.
"""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bulkops.errors import DataError, UsageError
from bulkops.fixing.source import opened
from bulkops.reading.blocks import FIRST_BYTES
from bulkops.reading.sources import Source
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.likely_encodings import describe_readings
from bulkops.validation.preamble import wide_encoding

_NOT_OF_FILES = frozenset(
    {"charmap", "idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Text codecs that are not file encodings: escapes, host names, machine settings."""
_STATEFUL = re.compile("iso2022|hz")
UTF8 = "utf-8"
_LINE_END = re.compile(rb"[\r\n]")
_SHOWN = 60
_NAME_IT = "Set --encoding to the encoding in which the file was written, or export the file again."


@dataclass(frozen=True)
class Encoding:
    """An encoding by its Python name; `lines`: ASCII bytes mean ASCII in it, so lines can be decoded one by one."""

    name: str
    lines: bool


def encoding_named(name: str) -> Encoding:
    """Return the encoding with that name; UsageError if it is unknown or not an encoding of files."""
    try:
        found = codecs.lookup(name.strip())
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"Unknown encoding {name!r}.", hint="Use a name that Python knows, such as cp1252 or mac_roman."
        ) from error
    canonical = found.name.replace("_", "-").removesuffix("-sig")
    if not getattr(found, "_is_text_encoding", True) or canonical in _NOT_OF_FILES:
        raise UsageError(
            f"{name} is not an encoding of text files.", hint="Use one such as cp1252, cp1251 or mac_roman."
        )
    try:
        plain = bytes(range(128)).decode(found.name) == "".join(map(chr, range(128)))
    except UnicodeError:
        plain = False
    return Encoding(found.name.removesuffix("-sig"), lines=plain and not _STATEFUL.match(canonical))


def transcoded(source: Source, encoding: Encoding) -> Source:
    """Return a source decoded to UTF-8."""
    return Source(source.path, lambda: io.BufferedReader(_Transcoded(source, encoding)))


def line_of_utf8(source: Source, encoding: Encoding) -> str | None:
    """Return the first line that is UTF-8 already while others are not; None if the whole file can be decoded.

    DataError names the first line that the encoding cannot decode, a file that is entirely UTF-8, and a file that is
    UTF-16 or UTF-32 although a single-byte encoding was requested.
    """
    with opened(source) as stream:
        first = stream.read(FIRST_BYTES)
    wide = wide_encoding(first)
    if wide is not None and encoding.lines:
        raise DataError(f"{source.path} is {wide.upper()}, not {encoding.name}.", hint="Remove --encoding.")
    utf8 = None if encoding.name == UTF8 or not encoding.lines else _first_of_utf8(source)
    if utf8 is None:
        refuse_undecodable(source, encoding)
    return utf8


def refuse_undecodable(source: Source, encoding: Encoding) -> None:
    """Raise DataError at the first bytes of a file that an encoding cannot decode."""
    with opened(transcoded(source, encoding)) as stream:
        while stream.read(FIRST_BYTES):
            pass


def _first_of_utf8(source: Source) -> str | None:
    """Return the first line of UTF-8 beyond ASCII; DataError if all such lines are UTF-8."""
    count, utf8, others = 0, None, False
    with opened(source) as stream:
        for data in _whole_lines(stream):
            lines = data.splitlines()
            for number, line in enumerate([] if data.isascii() else lines, start=count + 1):
                if not is_utf8(line):
                    others = True
                elif not line.isascii() and utf8 is None:
                    utf8 = f"line {number}: {line.decode()[:_SHOWN]!r}"
            count += len(lines)
    if utf8 is not None and not others:
        raise DataError(f"{source.path} is UTF-8 already ({utf8}).", hint="Remove --encoding.")
    return utf8


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream without its byte order mark, in pieces that each end with a line."""
    carry = stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    while data := stream.read(FIRST_BYTES):
        cut = (data.rfind(b"\n") if b"\n" in data else data.rfind(b"\r")) + 1
        if cut:
            yield carry + data[:cut]
            carry = data[cut:]
        else:
            carry += data
    if carry:
        yield carry


class _Transcoded(io.RawIOBase):
    """A stream decoded to UTF-8; DataError at bytes that the encoding cannot decode."""

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self._path, self._encoding = source.path, encoding
        self._stream = source.open()
        self._first = b""
        self._decoder = codecs.getincrementaldecoder(encoding.name)("strict")
        self._rest = self._mark() if encoding.lines else b""
        self._lines, self._offset, self._ended = 1, len(self._rest), False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io's own stubs are wider
        """Fill a buffer with the next bytes."""
        while not self._rest and not self._ended:
            data = self._first or self._stream.read(FIRST_BYTES)
            self._first = b""
            self._ended = not data
            self._rest = self._decode(data)
        piece = self._rest[: len(buffer)]
        buffer[: len(piece)] = piece
        self._rest = self._rest[len(piece) :]
        return len(piece)

    def _mark(self) -> bytes:
        """Return the UTF-8 byte order mark at the start, which is not decoded; keep any other bytes for decoding."""
        first = self._stream.read(len(codecs.BOM_UTF8))
        if first == codecs.BOM_UTF8:
            return first
        self._first = first
        return b""

    def _decode(self, data: bytes) -> bytes:
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._refusal(error, data) from error
        except UnicodeError as error:
            raise DataError(f"{self._path} is not {self._encoding.name}: {error}.", hint=_NAME_IT) from error
        self._lines += data.count(b"\n")
        self._offset += len(data)
        return text.encode()

    def _refusal(self, error: UnicodeDecodeError, data: bytes) -> DataError:
        """Return the error that names the location of the bytes.

        `error.object` begins with bytes kept from earlier reads.
        """
        whole = error.object
        at = self._offset - (len(whole) - len(data)) + error.start
        line = self._lines + whole.count(b"\n", 0, error.start)
        bytes_ = " ".join(f"0x{byte:02X}" for byte in whole[error.start : error.end][:4])
        start = max((end.end() for end in _LINE_END.finditer(whole, 0, error.start)), default=0)
        end = _LINE_END.search(whole, error.start)
        readings = describe_readings(whole[start : end.start() if end else len(whole)]) if self._encoding.lines else ""
        return DataError(
            f"{self._path}: line {line}, byte {at}: {bytes_} is not {self._encoding.name}{readings}.", hint=_NAME_IT
        )

    def close(self) -> None:
        """Close the underlying stream."""
        if not self.closed:
            self._stream.close()
        super().close()
