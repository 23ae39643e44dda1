"""The byte order mark in front of bytes that are no start of a file: there it is a character of the first cell."""

MARK = b"\xef\xbb\xbf"
"""U+FEFF in UTF-8."""


def shielded(data: bytes) -> bytes:
    """Return the bytes for a reader that drops one byte order mark in front, such as `polars.read_csv`.

    Where there is one, another is put in front of it, so that the reader keeps the mark that the data has.
    """
    return MARK + data if data.startswith(MARK) else data
