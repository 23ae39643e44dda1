"""Parameters that are files, folders or the addresses of remote files."""

from pathlib import Path
from typing import Any

import click

from bulkops.errors import UsageError
from bulkops.remote.addresses import is_remote, parsed


class FilePath(click.Path):
    """A path or an address. `local` is the reason for which an address is refused; blank if it is permitted."""

    def __init__(self, *, local: str = "", **attributes: Any) -> None:
        super().__init__(path_type=Path, **attributes)
        self.local = local

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path, or a `RemotePath` for an address; UsageError for an invalid address."""
        if not isinstance(value, str) or not is_remote(value):
            return super().convert(value, param, ctx)
        address = parsed(value)
        if self.local:
            raise UsageError(f"{address}: {self.local}.", hint="Name a file on this machine.")
        from bulkops.remote.paths import RemotePath

        return RemotePath(address)


class InputPath(FilePath):
    """The path or address of a file that is read more than once; UsageError for `-`, standard input."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path as `FilePath` does."""
        if value == "-":
            raise UsageError(
                "FILE cannot be standard input: the file is read more than once, also when its job is resumed.",
                hint="Write it to a file first, and name that file.",
            )
        return super().convert(value, param, ctx)


class FileWord(click.ParamType[str]):
    """A path, an address, a pattern or `-`, as text; UsageError for an invalid address."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the text."""
        if is_remote(str(value)):
            parsed(str(value))
        return str(value)
