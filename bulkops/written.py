"""Remember the files that bulkops wrote, so that a rerun can replace its own output.

The state folder contains a record for each path. Errors with records never fail a command: without a writable state
folder, the next run does not recognise the file.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bulkops.checksums import sha256_of
from bulkops.errors import UsageError
from bulkops.remote.paths import RemotePath
from bulkops.remote.transfer import sha256_at
from bulkops.remote.uploads import existing_version
from bulkops.remote.versions import Version

HASHED = 16 << 20
"""Maximum bytes of a file that is recognised by its SHA-256; reading a larger one again would slow exports."""
KEPT = 2
"""Contents in a record: if a process is killed before the rename, the file still has the previous content."""

WriteLog = dict[str, Any]


def is_ours(path: Path) -> bool:
    """Return whether bulkops wrote a file and it has not changed since.

    Files up to `HASHED` bytes are compared by SHA-256, larger ones by device, inode, size and modification time; remote
    files are compared by version.
    """
    if isinstance(path, RemotePath):
        return _is_our_upload(path)
    try:
        known = _read(path)["files"]
        found = _described(path.stat())
        same_size = [each for each in known if each["bytes"] == found["bytes"]]
        if any(each["sha256"] is None and {**each, **found} == each for each in same_size):
            return True
        digests = {each["sha256"] for each in same_size} - {None}
        return bool(digests) and sha256_of(path) in digests
    except (OSError, UsageError, KeyError, TypeError):
        return False


def remember(path: Path, part: Path) -> None:
    """Record that `part` is about to be renamed to `path`."""

    def change(record: WriteLog) -> None:
        status = part.stat()
        sha256 = sha256_of(part) if status.st_size <= HASHED else None
        record["files"] = [{**_described(status), "sha256": sha256}, *record["files"]][:KEPT]

    _change(path, change)


def remember_version(path: Path, version: Mapping[str, Any]) -> None:
    """Record the version that the server gave to the file just recorded by `remember`."""

    def change(record: WriteLog) -> None:
        record["files"][0]["version"] = dict(version)

    _change(path, change)


def _is_our_upload(path: RemotePath) -> bool:
    """Return whether bulkops uploaded a file: by version, or by SHA-256 if a process ended before it had one."""
    try:
        known = _read(path)["files"]
        version = existing_version(path.address)
        if version is None:
            return False
        if any(version.is_same(Version.of_json(each["version"])) for each in known if "version" in each):
            return True
        waiting = {each["sha256"] for each in known if "version" not in each and each["bytes"] == version.size}
        waiting -= {None}
        return bool(waiting) and sha256_at(path.address) in waiting
    except (KeyError, TypeError):
        return False


def remember_temporary(path: Path, others: Sequence[Path], *, more: bool = False) -> None:
    """Record the files and folders that exist only while `path` is being written.

    They replace the recorded ones, or with `more` are added to them.
    """

    def change(record: WriteLog) -> None:
        statuses = [(str(other.absolute()), other.lstat()) for other in others]
        found = [{"path": name, "device": status.st_dev, "inode": status.st_ino} for name, status in statuses]
        record["temporary"] = [*(record["temporary"] if more else []), *found]

    _change(path, change)


def leftovers(path: Path) -> list[Path]:
    """Return the absolute paths of files that a killed process left while writing `path`.

    Only recorded files that have not been replaced since are returned.
    """
    found = []
    with suppress(OSError, UsageError, KeyError, TypeError):
        for each in _read(path)["temporary"]:
            with suppress(OSError):
                status = Path(each["path"]).lstat()
                if (status.st_dev, status.st_ino) == (each["device"], each["inode"]):
                    found.append(Path(each["path"]))
    return found


def _change(path: Path, change: Callable[[WriteLog], None]) -> None:
    with suppress(OSError, UsageError):
        record = _read(path)
        change(record)
        name = _name(path)
        if not record["files"] and not record["temporary"]:
            name.unlink(missing_ok=True)
            name.parent.rmdir()  # if it is empty
            return
        name.parent.mkdir(mode=0o700, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=name.parent, prefix=name.stem, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(record, file)
            Path(draft).replace(name)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _read(path: Path) -> WriteLog:
    """Return the record of a path; an empty one if it is missing or unreadable."""
    empty: WriteLog = {"path": str(path.resolve()), "files": [], "temporary": []}
    try:
        found = json.loads(_name(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return empty
    return empty | found if isinstance(found, dict) else empty


def _name(path: Path) -> Path:
    from bulkops.settings import state_folder  # only where something is written: validating starts without it

    digest = hashlib.sha256(os.fsencode(str(path.resolve()))).hexdigest()
    return state_folder() / "written" / f"{digest[:32]}.json"


def _described(status: os.stat_result) -> WriteLog:
    return {
        "device": status.st_dev,
        "inode": status.st_ino,
        "bytes": status.st_size,
        "written": status.st_mtime_ns,
    }
