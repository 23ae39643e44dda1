"""Locate a ledger: its file, and the folder for the files beside its tables."""

import re
from pathlib import Path

BOOK = "book.db"
"""The database in the folder of an inbox: the files that were taken, and the passes."""

BUSY_SECONDS = 30
INBOXES = "inboxes"
"""The folder beside a ledger with a folder for each inbox."""

SQLITE = "sqlite:///"


def plain_path(url: str) -> Path | None:
    """Return the path of an address that names a SQLite file and no options; None for every other address."""
    text = url.removeprefix(SQLITE)
    if "://" in text or text in ("", ":memory:") or (text != url and "?" in text):
        return None
    return Path(text).absolute()


def inbox_books(folder: Path) -> list[Path]:
    """Return the databases of all inboxes in the folder beside a ledger, sorted by the name of the inbox."""
    return sorted((folder / INBOXES).glob(f"*/{BOOK}"))


def without_password(url: str) -> str:
    """Return an address for messages, without the user's password and without passwords in options."""
    without = re.sub(r"(://[^/?#]*?:)[^/?#]*@", r"\1***@", url)
    return re.sub(r"([?&][a-z]*password=)[^&#]*", r"\1***", without, flags=re.IGNORECASE)


def folder_beside(path: Path) -> Path:
    """Return the folder of a ledger that is a file: job folders, locks, rate slots."""
    return path.with_suffix("") if path.suffix else path.with_name(f"{path.name}.files")
