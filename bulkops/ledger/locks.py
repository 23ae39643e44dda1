"""Allow one process per job, and one job at a time per replaced target."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bulkops.clock import Clock
from bulkops.disk import ANOTHER_STATE, not_written
from bulkops.errors import BulkopsError, InUse
from bulkops.private import FILE, private_folder, write_private


@contextmanager
def exclusive(folder: Path, name: str, *, what: str, clock: Clock, patience: float = 0) -> Iterator[None]:
    """Hold the lock called `name`; InUse names the process that holds it after `patience` seconds.

    The kernel releases the lock when its owner ends, however it ended.
    """
    path = lock_path(folder, name)
    owner = path.with_suffix(".owner")
    try:
        private_folder(path.parent)
        lock = FileLock(path, timeout=patience, mode=FILE, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise InUse(f"{what} is in use by {_owner(owner)}.", hint="Wait until that process has ended.") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        me = {"pid": os.getpid(), "host": socket.gethostname(), "since": clock.now().isoformat()}
        try:
            write_private(owner, json.dumps(me))
        except OSError as error:
            raise _unwritable(owner, error) from None
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def _unwritable(path: Path, error: OSError) -> BulkopsError:
    return not_written(path, error, instead=ANOTHER_STATE, then="Nothing was sent.")


def lock_path(folder: Path, name: str) -> Path:
    """Return the path of the lock called `name`."""
    return folder / "locks" / f"{name}.lock"


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']} (since {owner['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
