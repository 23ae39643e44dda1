"""Copy a remote file once into the state folder, with its checksum, so that it can be read any number of times."""

import hashlib
import json
import os
import secrets
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bulkops.checksums import sha256_of
from bulkops.errors import FileChanged, LimitExceeded, UsageError
from bulkops.journal import record
from bulkops.private import FILE, private, private_folder, write_private
from bulkops.remote.addresses import Address
from bulkops.remote.notices import say
from bulkops.remote.transfer import blocks_of, present_version
from bulkops.remote.versions import Version

if TYPE_CHECKING:
    from filelock import BaseFileLock

SPARE_BYTES = 200_000_000
"""Bytes of the disk that a copy must leave free."""
KEPT_DAYS = 30
"""Days for which the copy of an unfinished job is kept."""
HELD = "held"
"""The name of the file that contains the name of the unfinished job for which a copy is kept."""
FACTS = "facts.json"
OUTGOING = "out"
"""The folder of files that are written before they are uploaded."""
_CHECKED_EVERY = 64 << 20


@dataclass(eq=False)
class Copy:
    """A complete copy of one version of a remote file. It is removed when the process ends, unless it is held."""

    path: Path
    version: Version
    sha256: str
    lock: "BaseFileLock" = field(repr=False)

    def hold(self, job: str) -> None:
        """Keep the copy after the end of the process: a job that is not finished needs it."""
        write_private(self.path.parent / HELD, job)


def copies_folder() -> Path:
    """Return the folder of all copies."""
    from bulkops.settings import state_folder  # here: a check of local files does not need it

    return private_folder(state_folder() / "remote")


def release(job: str) -> None:
    """Let the copies of a job be removed: those of this process at its end, others before the next copy is made."""
    for held in copies_folder().glob(f"*/{HELD}"):
        with suppress(OSError):
            if held.read_text(encoding="utf-8") == job:
                held.unlink()


def copied(address: Address, pinned: Version | None = None) -> Copy:
    """Return a copy of the present version of a file; errors name the address.

    FileChanged if `pinned` is another version, or if the file is replaced while it is read. LimitExceeded if the disk
    has no room. Unfinished if the server cannot be reached after some retries.
    """
    version = present_version(address)
    if pinned is not None and not version.is_same(pinned):
        raise FileChanged(f"{address} {change_between(pinned, version)}.")
    _clear()
    made = _reused(address, version) or _filled(address, version)
    weakref.finalize(made, _leave, made.path.parent, made.lock)
    return made


def change_between(before: Version, now: Version) -> str:
    """Return how a file has changed, as the end of a sentence."""
    return f"was replaced: it was {before}; it is now {now}"


def kept_copy(address: Address, version: Version) -> Path | None:
    """Return the complete copy of a version that an earlier process left; None without one."""
    return next((path for path, _ in _complete(address, version)), None)


def _folder_name(address: Address, version: Version) -> str:
    text = json.dumps([str(address), version.size, version.id or version.etag or version.modified])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _local_name(address: Address) -> str:
    """Return the file name of a copy: the last part of the address, so that its suffix is the same."""
    name = address.name
    return name if len(os.fsencode(name)) <= 200 else f"{hashlib.sha256(name.encode()).hexdigest()[:16]}{name[-100:]}"


def _new_folder(address: Address, version: Version) -> "tuple[Path, BaseFileLock]":
    """Return a new folder for a copy, and its lock, which this process holds."""
    from filelock import FileLock  # only where a remote file is read: validating starts without it

    folder = copies_folder() / f"{_folder_name(address, version)}-{secrets.token_hex(4)}"
    lock = FileLock(f"{folder}.lock", mode=FILE)
    lock.acquire()
    folder.mkdir(mode=0o700)
    return folder, lock


def _complete(address: Address, version: Version) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the complete copies of a version, with their facts."""
    for folder in sorted(copies_folder().glob(f"{_folder_name(address, version)}-*/")):
        path = folder / _local_name(address)
        with suppress(OSError, ValueError, KeyError):
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            if facts["address"] == str(address) and path.stat().st_size == facts["bytes"]:
                yield path, facts


def _reused(address: Address, version: Version) -> Copy | None:
    """Return a copy that shares the bytes of an earlier copy, if there is one with the right checksum."""
    if not (version.id or version.etag):
        return None  # time and size alone could hide a change
    for earlier, facts in _complete(address, version):
        with suppress(OSError):
            if sha256_of(earlier) != facts["sha256"]:
                continue
            folder, lock = _new_folder(address, version)
            path = folder / earlier.name
            os.link(earlier, path)
            write_private(folder / FACTS, json.dumps(facts))
            say(f"{address}: {facts['bytes']:,} bytes, from the copy in the state folder.")
            return Copy(path=path, version=version, sha256=facts["sha256"], lock=lock)
    return None


def _filled(address: Address, version: Version) -> Copy:
    """Return a new copy, read from the server."""
    _refuse_full_disk(address, version.size or 0)
    size = f"{version.size:,} bytes" if version.size is not None else "a file of unknown size"
    say(f"{address}: copying {size} to the state folder.")
    folder, lock = _new_folder(address, version)
    path = folder / _local_name(address)
    try:
        with open(folder / "part", "wb", opener=private) as part:
            sha256, written = _received(address, version, part)
            part.flush()
            os.fsync(part.fileno())
        _refuse_replaced(address, version)
        (folder / "part").rename(path)
        facts = {"address": str(address), "version": version.to_json(), "bytes": written, "sha256": sha256}
        write_private(folder / FACTS, json.dumps(facts))
    except BaseException as error:
        _leave(folder, lock)
        if isinstance(error, OSError) and error.strerror:
            raise UsageError(f"{address} cannot be copied to {folder.parent}: {error.strerror}.") from None
        raise
    record("remote_copied", address=str(address), bytes=written, sha256=sha256, version=version.to_json())
    return Copy(path=path, version=version, sha256=sha256, lock=lock)


def _received(address: Address, version: Version, part: IO[bytes]) -> tuple[str, int]:
    """Write the bytes of a version to a file, and return their SHA-256 and number."""
    digest, checked = hashlib.sha256(), 0
    for block in blocks_of(address, version):
        digest.update(block)
        part.write(block)
        if part.tell() - checked >= _CHECKED_EVERY:
            checked = part.tell()
            _refuse_full_disk(address, 0)
    return digest.hexdigest(), part.tell()


def _refuse_replaced(address: Address, version: Version) -> None:
    now = present_version(address)
    if not now.is_same(version):
        raise FileChanged(
            f"{address} {change_between(version, now)}. This happened while it was read.",
            hint="Run the command again when the file is complete.",
        )


def _refuse_full_disk(address: Address, size: int) -> None:
    """Raise LimitExceeded if the disk has no room for more bytes."""
    folder = copies_folder()
    free = shutil.disk_usage(folder).free - SPARE_BYTES
    if size > free:
        raise LimitExceeded(
            f"{address}: its copy needs {size:,} bytes, and {folder} has {max(0, free):,} bytes free "
            f"(besides {SPARE_BYTES:,} spare bytes).",
            hint="Free some space, or set BULKOPS_STATE to a folder on a larger disk.",
        )


def _clear() -> None:
    """Remove copies that no process uses: those not held, and held ones after `KEPT_DAYS`."""
    from filelock import FileLock, Timeout

    oldest = time.time() - KEPT_DAYS * 86_400
    for lock in copies_folder().glob("*.lock"):
        folder = lock.with_suffix("")
        with suppress(OSError, Timeout):
            held = folder / HELD
            if not held.exists() or held.stat().st_mtime < oldest:
                with FileLock(lock, timeout=0, mode=FILE):
                    shutil.rmtree(folder, ignore_errors=True)
                    lock.unlink(missing_ok=True)


def clear_outgoing() -> None:
    """Remove the outputs that killed processes did not upload, or left after it, after `KEPT_DAYS`."""
    oldest = time.time() - KEPT_DAYS * 86_400
    for path in (copies_folder() / OUTGOING).glob("*/*"):
        with suppress(OSError):
            if path.lstat().st_mtime >= oldest:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _leave(folder: Path, lock: "BaseFileLock") -> None:
    """End the use of a copy: remove it unless it is held."""
    with suppress(OSError):
        if not (folder / HELD).exists():
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
