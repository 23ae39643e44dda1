"""Where content comes from: files, compressed files, members of archives, standard input."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO

from bulkops.errors import InputUnreadable

_FOUND = ("*.csv", "*.csv.gz", "*.csv.zst", "*.csv.zip", "*.tsv", "*.txt")


@dataclass(frozen=True)
class Source:
    """Something that can be read from its start, any number of times. `path` is how people call it."""

    path: str
    opener: Callable[[], BinaryIO]

    def open(self) -> BinaryIO:
        """Return the content as a stream of bytes; InputUnreadable says why it cannot be read."""
        try:
            return self.opener()
        except IsADirectoryError as error:
            raise InputUnreadable(f"{self.path} is a folder.", hint="Name files, or add --recursive.") from error
        except FileNotFoundError as error:
            raise InputUnreadable(f"{self.path}: there is no such file.") from error
        except OSError as error:
            raise InputUnreadable(f"{self.path} cannot be read: {error.strerror or error}.") from error


def file_source(path: Path) -> Source:
    """Return a plain file as a source."""
    return Source(str(path), lambda: path.open("rb", buffering=0))


def expand(words: Iterable[str], *, recursive: bool = False) -> list[Source]:
    """Return the sources that paths, patterns and folders name, each once, in the order given."""
    seen: dict[str, Source] = {}
    for word in words:
        for path in _paths(word, recursive=recursive):
            seen.setdefault(str(path), file_source(path))
    return list(seen.values())


def _paths(word: str, *, recursive: bool) -> list[Path]:
    path = Path(word)
    if path.is_dir() and recursive:
        return sorted({found for pattern in _FOUND for found in path.rglob(pattern) if found.is_file()})
    if has_magic(word) and not path.exists():
        return [Path(found) for found in sorted(glob(word, recursive=True))] or [path]  # noqa: PTH207 - absolute patterns too
    return [path]
