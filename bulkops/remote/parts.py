"""Remember the incomplete files on servers while they are uploaded, so that those of killed processes are removed.

The state folder has a record of each upload that needs a temporary name, and a lock that its process holds. A record
with a free lock belongs to a process that has ended. The next upload to the same server removes its file.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from bulkops.private import FILE, private_folder, write_private
from bulkops.remote.addresses import Address, parsed

FOLDER = "parts"


def part_name() -> str:
    """Return a new temporary name, which fits also beside a file with a very long name."""
    return f".bulkops-{secrets.token_hex(8)}.part"


@contextmanager
def recorded(part: Address) -> Iterator[Callable[[], None]]:
    """Record a temporary file for the time of the block; it is forgotten once the yielded function was called."""
    from filelock import FileLock  # only where a file is uploaded

    record = _folder() / f"{secrets.token_hex(8)}.json"
    gone = False

    def forget() -> None:
        nonlocal gone
        gone = True

    with FileLock(record.with_suffix(".lock"), mode=FILE):
        write_private(record, json.dumps({"address": str(part)}))
        try:
            yield forget
        finally:
            if gone:
                _forget(record)


def left_parts(scheme: str, place: str) -> Iterator[tuple[Address, Callable[[], None]]]:
    """Yield the temporary files that ended processes left at a server, each with a function that forgets it.

    The caller removes the file and then calls the function; otherwise the file is yielded again next time.
    """
    from filelock import FileLock, Timeout  # only where a file is uploaded

    for record in sorted(_folder().glob("*.json")):
        with suppress(OSError, Timeout, ValueError, KeyError):
            address = parsed(json.loads(record.read_text(encoding="utf-8"))["address"])
            if (address.scheme, address.place) != (scheme, place):
                continue
            with FileLock(record.with_suffix(".lock"), timeout=0, mode=FILE):
                if record.exists():
                    yield address, partial(_forget, record)


def _forget(record: Path) -> None:
    """Remove a record and its lock, which the caller holds."""
    record.unlink(missing_ok=True)
    record.with_suffix(".lock").unlink(missing_ok=True)


def _folder() -> Path:
    from bulkops.settings import state_folder  # here: a check of local files does not need it

    return private_folder(private_folder(state_folder() / "remote") / FOLDER)
