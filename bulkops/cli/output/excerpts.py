"""Excerpts of the lines with findings, with a mark under the location, as compilers print them."""

from pathlib import Path
from typing import BinaryIO

from bulkops.errors import InputUnreadable
from bulkops.reading.compressed import opened
from bulkops.reading.sources import open_regular
from bulkops.remote.paths import known_path

BEFORE, AFTER = 60, 40
"""Characters shown before and after the location."""


class Excerpts:
    """Reads excerpts from files; compressed files, pipes and devices have none."""

    def __init__(self) -> None:
        self._files: dict[str, BinaryIO | None] = {}

    def around(self, path: str, line: int | None, byte: int | None) -> list[str]:
        """Return the text around a byte offset of a file and the mark below it; empty if the file has no excerpts."""
        if byte is None or line is None or (file := self._file(path)) is None:
            return []
        file.seek(max(0, byte - 4 * BEFORE))
        before = file.read(min(byte, 4 * BEFORE))
        after = file.read(4 * AFTER)
        before = before[max(before.rfind(b"\n"), before.rfind(b"\r")) + 1 :]
        after = after.replace(b"\r", b"\n").partition(b"\n")[0]
        left, right = _shown(before, 4 * BEFORE)[-BEFORE:], _shown(after, 4 * AFTER)[:AFTER]
        number = f"{line:>6} | "
        return [f"{number}{left}{right}".rstrip(), f"{'':>6} | {' ' * len(left)}^"]

    def _file(self, path: str) -> BinaryIO | None:
        if path not in self._files:
            self._files[path] = _plain(known_path(path))
        return self._files[path]

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            if file is not None:
                file.close()


def _plain(path: Path) -> BinaryIO | None:
    """Return an open regular file, or None if it is compressed or unreadable."""
    try:
        if not path.is_file():
            return None
        raw = open_regular(path)
        content = opened(raw, path.name, str(path))
    except (OSError, InputUnreadable):
        return None
    if content is raw:
        return raw
    content.close()
    return None


def _shown(data: bytes, most: int) -> str:
    """Return the decoded text with a dot for each invisible character, so that the mark stays in its column."""
    text = data.decode("utf-8", "replace")
    if len(data) >= most:  # a character may have been cut at either end
        text = text.strip("\ufffd")
    return "".join(c if c.isprintable() else "·" for c in text)
