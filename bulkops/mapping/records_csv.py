"""Write records as CSV with polars, byte for byte as DuckDB writes them."""

import hashlib
import re
from io import FileIO

import polars as pl

COMMENT = "#"
"""Many programs read a line with this character as a comment, so DuckDB quotes every cell that contains it."""
SPECIAL = re.escape(f'",\r\n{COMMENT}')
READ = 1 << 20


class RecordsFile:
    """A new CSV file that frames of text are appended to; `file` must be open for reading and writing.

    The columns of the first frame are the header. A file without `header` is a part of another one: its bytes are not
    hashed. A null is an unquoted blank, a blank text a quoted one.
    """

    def __init__(self, file: FileIO, *, header: bool = True) -> None:
        self._file = file
        self._header = header
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of everything that was appended, in hexadecimal."""
        return self._hash.hexdigest()

    def append(self, frame: pl.DataFrame) -> None:
        """Append the rows of a frame; OSError or PolarsError if that fails."""
        start, before = self._file.tell(), self._hash.copy()
        header = self._header and start == 0
        frame.write_csv(self._file, include_header=header)
        if self._has_comment(start):  # rare, and a search in the written bytes costs less than one in every column
            self._file.seek(start)
            self._file.truncate()
            self._hash = before
            quoted = frame.select(_quoted(name) for name in frame.columns)
            quoted.write_csv(self._file, include_header=header, quote_style="never")
            self._has_comment(start)

    def _has_comment(self, start: int) -> bool:
        """Hash the bytes from an offset to the end; return whether a cell may contain COMMENT."""
        found, mark, buffer = False, COMMENT.encode(), bytearray(READ)
        self._file.seek(start)
        while size := self._file.readinto(buffer):
            found = found or buffer.find(mark, 0, size) >= 0
            if self._header:
                self._hash.update(memoryview(buffer)[:size])
        return found


def _quoted(name: str) -> pl.Expr:
    """Return the cells of a column with quotes where they are necessary."""
    cells = pl.col(name)
    special = cells.str.contains(f"[{SPECIAL}]") | (cells == "")
    doubled = cells.str.replace_all('"', '""', literal=True)
    return pl.when(special).then(pl.format('"{}"', doubled)).otherwise(cells).alias(name)
