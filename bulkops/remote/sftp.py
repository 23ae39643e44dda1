"""Files on SFTP servers, by asyncssh. The key of a host must be known; it is never accepted silently."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from asyncssh import SFTPError
from fsspec.asyn import sync
from sshfs import SSHFileSystem

from bulkops.errors import BulkopsError
from bulkops.remote.addresses import Address
from bulkops.remote.notices import say
from bulkops.remote.parts import left_parts, part_name, recorded
from bulkops.remote.stores import BLOCK, CONNECT_SECONDS, READ_SECONDS, Entry
from bulkops.remote.versions import Version

KEEPALIVE_SECONDS = 15


class SftpStore:
    """The files of one host. User, keys and known hosts come from the agent, ~/.ssh and its configuration."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._opened: Any = None

    @property
    def _files(self) -> Any:
        """The connection; it is opened again after it broke off."""
        if self._opened is None:
            parts = urlsplit(f"sftp://{self._place}")
            options: dict[str, Any] = {"known_hosts": (), "keepalive_interval": KEEPALIVE_SECONDS}
            if parts.port:
                options["port"] = parts.port
            if parts.username:
                options["username"] = unquote(parts.username)
            self._opened = SSHFileSystem(
                parts.hostname,
                skip_instance_cache=True,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
                **options,
            )
        return self._opened

    def _call(self, name: str, *arguments: Any, seconds: float | None = READ_SECONDS, **options: Any) -> Any:
        """Return the result of a method of the library, which has no time limits of its own."""
        files = self._files
        try:
            return sync(files.loop, getattr(files, name), *arguments, timeout=seconds, **options)
        except (FileNotFoundError, FileExistsError, PermissionError):
            raise
        except Exception:
            self.close()
            raise

    def version(self, address: Address) -> Version:
        """Return the present version of a file: its size and the time of its last change, in seconds."""
        info = self._call("_info", _path(address))
        if info["type"] == "directory":
            raise IsADirectoryError(str(address))
        return Version.of_info(info)

    def blocks(self, address: Address, pinned: Version, start: int) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        files = self._files
        try:
            file = sync(files.loop, self._open, _path(address), "rb", timeout=READ_SECONDS)
            try:
                left = (pinned.size or 0) - start
                sync(files.loop, file.seek, start, timeout=READ_SECONDS)
                while left > 0 and (block := sync(files.loop, file.read, min(BLOCK, left), timeout=READ_SECONDS)):
                    left -= len(block)
                    yield block
            finally:
                with suppress(Exception):
                    sync(files.loop, file.close, timeout=CONNECT_SECONDS)
        except (FileNotFoundError, PermissionError, BulkopsError):
            raise
        except Exception:
            self.close()
            raise

    async def _open(self, path: str, mode: str) -> Any:
        async with self._files._pool.get() as channel:  # noqa: SLF001 - the file of sshfs has no time limits
            return await channel.open(path, mode)

    def find(self, pattern: Address) -> Iterator[Entry]:
        """Yield the files that match a pattern; links are followed."""
        found = self._call("_glob", _path(pattern), detail=True, seconds=None)
        for name, info in sorted(found.items()):
            address = Address(pattern.scheme, pattern.place, name.lstrip("/"))
            if info["type"] == "link":
                with suppress(FileNotFoundError, IsADirectoryError):
                    yield Entry(address, self.version(address))
            elif info["type"] == "file":
                yield Entry(address, Version.of_info(info))

    def check_place(self, address: Address) -> None:
        """Raise FileNotFoundError if the folder of a file does not exist."""
        info = self._call("_info", _path(address.parent) or "/")
        if info["type"] != "directory":
            raise FileNotFoundError(str(address.parent))

    def put(self, local: Path, address: Address, *, new: bool) -> None:
        """Write a file under a temporary name, and rename it when it is complete."""
        self.check_place(address)
        self._remove_left_parts()
        part = address.sibling(part_name())
        with recorded(part) as forget:
            try:
                self._call("_put_file", str(local), _path(part), seconds=None)
                self._rename(part, address, new=new)
            except BaseException:
                with suppress(Exception):
                    self._remove_part(part)
                    forget()
                raise
            forget()

    def _remove_left_parts(self) -> None:
        """Remove the temporary files that killed processes left; after a failure the next upload tries again."""
        for part, forget in left_parts("sftp", self._place):
            with suppress(Exception):
                if self._remove_part(part):
                    say(f"{part}: removed this incomplete file of an earlier upload.")
                forget()

    def _remove_part(self, part: Address) -> bool:
        """Remove a temporary file; return whether it existed."""
        try:
            self._call("_rm_file", _path(part))
        except FileNotFoundError:
            return False
        return True

    def make_folder(self, folder: Address) -> None:
        """Create a folder, with its parents."""
        self._call("_makedirs", _path(folder), exist_ok=True)

    def rename(self, source: Address, target: Address) -> None:
        """Rename a file; FileExistsError if the name is taken."""
        self._rename(source, target, new=True)

    def _rename(self, source: Address, target: Address, *, new: bool) -> None:
        """Rename a file; the plain rename of SFTP does not replace a file, the extension of OpenSSH does."""

        async def rename() -> None:
            async with self._files._pool.get() as channel:  # noqa: SLF001 - sshfs has only the replacing rename
                await (channel.rename if new else channel.posix_rename)(_path(source), _path(target))

        if new:
            self._refuse_existing(target)
        try:
            sync(self._files.loop, rename, timeout=READ_SECONDS)
        except SFTPError:
            if new:
                self._refuse_existing(target)  # servers report a taken name as a failure without a reason
            raise

    def _refuse_existing(self, address: Address) -> None:
        with suppress(FileNotFoundError):
            self.version(address)
            raise FileExistsError(str(address))

    def delete(self, address: Address) -> None:
        """Remove a file."""
        self._call("_rm_file", _path(address))

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        files, self._opened = self._opened, None
        if files is not None:
            with suppress(Exception):
                sync(files.loop, self._closed, files, timeout=CONNECT_SECONDS)

    @staticmethod
    async def _closed(files: Any) -> None:
        await files._pool.close()  # noqa: SLF001 - sshfs closes a connection only when it is collected
        await files._stack.aclose()  # noqa: SLF001 - as above


def _path(address: Address) -> str:
    return f"/{address.path}"
