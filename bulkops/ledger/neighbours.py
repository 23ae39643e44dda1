"""Find ledgers of other users of this machine that sent to the same server: this ledger lacks their jobs.

Each user writes a small file to the folder of temporary files, with the addresses of its ledgers and a hash of the
servers they sent to. A file counts only if the user in its name owns it. Failures are ignored: if the folder cannot be
used, no ledger is found.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from bulkops.ledger.paths import user_name

FOLDER = "bulkops-ledgers"
MOST = 100
"""Maximum number of servers that are kept per user: the latest ones."""
MAX_BYTES = 200_000
"""Maximum number of bytes that are read from another user's file."""
_RECORDED: dict[tuple[str, str], tuple[str, str]] = {}
"""The ledger and the day that this process recorded last, by folder and server."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A ledger of another user that sent to the same server, and the date of its last job."""

    user: str
    ledger: str
    last: str

    @property
    def message(self) -> str:
        """A message about the ledger and what to do."""
        return (
            f"User {self.user} sends to the same server from this machine with another ledger, {self.ledger} "
            f"(last job {self.last}). Its jobs and sent records are unknown here, and the rate limit is not shared. "
            "If both belong together, use one ledger for both: --ledger or BULKOPS_LEDGER."
        )


def neighbours(server: str | None, ledger: str) -> list[Neighbour]:
    """Return the ledgers of other users that sent to a server, or to any server if None; never `ledger` itself."""
    if not hasattr(os, "getuid"):
        return []
    found = (each for each in _others(server and _key(server)) if each.ledger != ledger)
    return list({(each.user, each.ledger): each for each in found}.values())


def record_server_use(server: str, ledger: str, *, now: datetime) -> None:
    """Record that this user's ledger begins a job for a server; once a day is enough."""
    if not hasattr(os, "getuid"):
        return
    folder = Path(gettempdir()) / FOLDER
    place, entry = (f"{folder}", server), (ledger, f"{now:%Y-%m-%d}")
    with suppress(OSError):
        if _RECORDED.get(place) == entry and (folder / f"{os.getuid()}.json").exists():
            return
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(0o1777)  # every user writes only one file of its own
        path = folder / f"{os.getuid()}.json"
        known = _read(path, os.getuid())
        known.pop(_key(server), None)
        kept = dict([*known.items(), (_key(server), [ledger, f"{now:%Y-%m-%d}"])][-MOST:])
        part = folder / f"{os.getuid()}-{os.getpid()}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o644)
            json.dump(kept, file)
        part.replace(path)
        _RECORDED[place] = entry


def _others(key: str | None) -> Iterator[Neighbour]:
    folder, paths = Path(gettempdir()) / FOLDER, []
    with suppress(OSError):
        paths = sorted(folder.glob("*.json"))
    for path in paths:
        if not path.stem.isdecimal() or int(path.stem) == os.getuid():
            continue
        for server, found in _read(path, int(path.stem)).items():
            sound = isinstance(found, list) and len(found) == 2 and all(isinstance(part, str) for part in found)
            if sound and key in (None, server):
                yield Neighbour(user=user_name(int(path.stem)), ledger=found[0], last=found[1])


def _read(path: Path, owner: int) -> dict[str, Any]:
    """Return the entries of a user; empty if the file is missing, damaged, too large, or has another owner."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            text = file.read(MAX_BYTES) if os.fstat(handle).st_uid == owner else b""
        document = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _key(server: str) -> str:
    return sha256(server.encode()).hexdigest()[:16]
