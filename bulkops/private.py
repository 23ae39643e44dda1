"""Files and folders for customer data and state: only their owner can read them, whatever the umask is."""

import os
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and those above it, if they are missing; one that exists keeps its rights."""
    if folder.is_dir():
        return
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(mode=FOLDER, exist_ok=True)
        path.chmod(FOLDER)  # a umask can take rights from the owner, too


def private_folder(folder: Path) -> Path:
    """Make a folder that is bulkops' own, or close it to others, and return it."""
    make_private(folder)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # of another user, who decides
            folder.chmod(FOLDER)
    return folder


def private(path: str, flags: int) -> int:
    """Open a file, to be given to `open` as its opener, and close it to others."""
    handle = os.open(path, flags, FILE)
    if hasattr(os, "fchmod"):
        with suppress(PermissionError):
            os.fchmod(handle, FILE)
    return handle


def write_private(path: Path, text: str) -> None:
    """Write a text to a file, in UTF-8."""
    with open(path, "w", encoding="utf-8", opener=private) as file:
        file.write(text)
