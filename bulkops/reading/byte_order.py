"""Keep a byte order mark at the start of a block: inside a file it is a character of the first cell."""

MARK = b"\xef\xbb\xbf"
"""U+FEFF in UTF-8."""


def keep_byte_order_mark(data: bytes) -> bytes:
    """Return the bytes for a reader that drops one leading byte order mark, such as `polars.read_csv`.

    If the data begins with a mark, another one is added in front, so that the reader keeps the mark of the data.
    """
    return MARK + data if data.startswith(MARK) else data


def ended(data: bytes, separator: int) -> bytes:
    """Return the bytes with a line end if a separator is their last byte.

    Without it, `polars.read_csv` ignores a surplus blank field at the end of the file.
    """
    return data + b"\n" if data.endswith(bytes((separator,))) else data
