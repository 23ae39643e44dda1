"""Several files that a command writes together, whole or not at all."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from bulkops.compression import compressing
from bulkops.errors import UsageError
from bulkops.writing import Permit, keep, part_file, said

_BLOCK = 1 << 20


def is_device(path: Path) -> bool:
    """Tell whether a path is a device or a pipe: nothing is kept there that could be lost."""
    return path.exists() and not path.is_file() and not path.is_dir()


def refuse_archive(path: Path) -> None:
    """Raise UsageError if a name promises an archive, which is not written."""
    if path.suffix.lower() == ".zip":
        raise UsageError(f"{path}: zip archives are read, not written.", hint="Choose .csv, .csv.gz or .csv.zst.")


@contextmanager
def whole_files(paths: Sequence[Path | None], permit: Permit) -> Iterator[list[BinaryIO]]:
    """Open files for writing, None for stdout; compressed if their names end in .gz or .zst.

    They get their names together at the end, in order. Stdout, devices and pipes get their content after that.
    """
    with ExitStack() as stack:
        spools = {
            i: stack.enter_context(_spooled(path)) for i, path in enumerate(paths) if path is None or is_device(path)
        }
        parts = {
            i: (*stack.enter_context(part_file(path, permit)), path)
            for i, path in enumerate(paths)
            if path is not None and i not in spools
        }
        with ExitStack() as filling:
            filled = {i: filling.enter_context(compressing(file, path)) for i, (file, _, path) in parts.items()}
            yield [(spools | filled)[i] for i in range(len(paths))]
        for file, part, path in parts.values():
            keep(file, part, path, permit)


@contextmanager
def _spooled(path: Path | None) -> Iterator[BinaryIO]:
    """Open a temporary file whose content goes to stdout, or to a device, at the end."""
    with tempfile.TemporaryFile(prefix="bulkops-") as file:
        with said(Path(tempfile.gettempdir())):
            yield file
            file.seek(0)
        if path is not None:
            with said(path), path.open("wb") as device:
                shutil.copyfileobj(file, device, _BLOCK)
            return
        shutil.copyfileobj(file, sys.stdout.buffer, _BLOCK)
        sys.stdout.buffer.flush()
