"""Files and folders for customer data and state, readable only by their owner under any umask."""

import os
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700


def make_private(folder: Path) -> None:
    """Create a folder and its missing parents; an existing folder keeps its permissions."""
    if folder.is_dir():
        return
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(mode=FOLDER, exist_ok=True)
        path.chmod(FOLDER)  # a umask can take rights from the owner, too


def private_folder(folder: Path) -> Path:
    """Create a folder of bulkops, or remove the permissions of other users, and return it."""
    make_private(folder)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # of another user, who decides
            folder.chmod(FOLDER)
    return folder


def private(path: str, flags: int) -> int:
    """Open a file without permissions for other users; use it as `opener` of `open`."""
    handle = os.open(path, flags, FILE)
    if hasattr(os, "fchmod"):
        with suppress(PermissionError):
            os.fchmod(handle, FILE)
    return handle


def write_private(path: Path, text: str) -> None:
    """Write a text to a private file in UTF-8."""
    try:
        with open(path, "w", encoding="utf-8", opener=private) as file:
            file.write(text)
    except OSError as error:
        error.filename = str(path)  # an error of a write names no file
        raise
