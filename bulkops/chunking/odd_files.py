"""Reject files that cannot be planned, before they are read in full."""

import os
import stat
from pathlib import Path

from bulkops.errors import DataError, InputUnreadable
from bulkops.reading.compressed import opened
from bulkops.reading.sources import open_regular
from bulkops.remote.paths import fetch


def refuse_odd_file(path: Path) -> None:
    """Raise an error for a file that cannot be planned.

    InputUnreadable if the file cannot be read twice, or its name cannot be written to a ledger or to JSON, or it is not
    CSV; DataError if it is compressed.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise InputUnreadable(f"{shown}: the name of this file is not UTF-8.", hint="Rename it.") from None
    fetch(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    if stat.S_ISDIR(mode):
        raise InputUnreadable(f"{path} is a folder.")
    if not stat.S_ISREG(mode):
        raise InputUnreadable(
            f"{path} is not a regular file: it can be read only once, but bulkops must read it again to send it.",
            hint="Write it to a file first.",
        )
    _refuse_compressed(path)


def _refuse_compressed(path: Path) -> None:
    try:
        with open_regular(path) as raw, opened(raw, path.name, str(path)) as content:
            compressed = content is not raw
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    if compressed:
        raise DataError(
            f"{path} is compressed, but an import sends the bytes of a file unchanged.",
            hint="Decompress it, and name the decompressed file.",
        )
