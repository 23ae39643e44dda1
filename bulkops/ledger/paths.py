"""Locate a ledger: its file, and the folder for the files beside its tables."""

import os
import re
from pathlib import Path

from bulkops.errors import LedgerUnusable

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


def ledger_exists(path: Path) -> bool:
    """Return whether the file of a ledger exists; LedgerUnusable if this user has no access to its folder."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise out_of_bounds(path, error.strerror or str(error)) from None
    return True


def out_of_bounds(path: Path, reason: str) -> LedgerUnusable:
    """Return the error for the file of a ledger that this user cannot read; it names the user that can."""
    owner = _owner_of(path)
    whose = f" It belongs to user {owner}." if owner else ""
    run = f"Run the command as user {owner}, or" if owner else "Allow this user to read it, or"
    return LedgerUnusable(
        f"The ledger {path} cannot be read: {reason}.{whose} Nothing was sent.",
        hint=f"{run} choose another ledger with --ledger, BULKOPS_LEDGER or BULKOPS_STATE. "
        "Another ledger does not know the jobs of this one.",
    )


def _owner_of(path: Path) -> str | None:
    """Return the name of the user that owns the ledger, or the nearest visible folder; None if it is this user."""
    visible = next((each for each in (path, *path.parents) if os.path.lexists(each)), None)
    if visible is None or not hasattr(os, "geteuid") or (user := visible.stat().st_uid) == os.geteuid():
        return None
    return user_name(user)


def user_name(user: int) -> str:
    """Return the name of a user, or its number if it has none."""
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


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
