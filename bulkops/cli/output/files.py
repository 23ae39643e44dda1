"""Output files of commands: permission to replace files, and several files written together or not at all."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from bulkops.disk import naming_errors, temporary_file
from bulkops.errors import UsageError
from bulkops.writing import Permit, keep, part_file

_BLOCK = 1 << 20


def output_permit(*, overwrite: bool, ledger: str | None = None) -> Permit:
    """Return the permission to write files: never over the file of a job in the ledger."""

    def refuse_input(path: Path) -> None:
        from bulkops.ledger.inputs import inputs_guard  # imported only if a file exists, so that commands start faster

        inputs_guard(ledger)(path)

    return Permit(overwrite=overwrite, refuse_input=refuse_input)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError for a folder, and for an existing file unless `overwrite`; devices are allowed."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Choose another name.")
    if path.is_file() and not overwrite:
        raise UsageError(f"{path} exists already.", hint="Choose another name, or add --overwrite.")


def is_device(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which stores no content that could be lost."""
    return path.exists() and not path.is_file() and not path.is_dir()


def refuse_archive(path: Path) -> None:
    """Raise UsageError for the name of a zip archive: bulkops cannot write one."""
    if path.suffix.lower() == ".zip":
        raise UsageError(
            f"{path}: bulkops reads zip archives but cannot write them.", hint="Choose .csv, .csv.gz or .csv.zst."
        )


@contextmanager
def whole_files(paths: Sequence[Path | None], permit: Permit) -> Iterator[list[BinaryIO]]:
    """Yield open files for writing, None for stdout; compressed if their names end in .gz or .zst.

    At the end all files are renamed to their final names, in order. Then stdout, devices and pipes receive their
    content.
    """
    from bulkops.compression import compressing  # imported only to write, so that validating starts faster

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
    """Yield a temporary file that is copied to stdout or to a device at the end."""
    with temporary_file() as file:
        yield file
        file.seek(0)
        if path is not None:
            with naming_errors(path), path.open("wb") as device:
                shutil.copyfileobj(file, device, _BLOCK)
            return
        shutil.copyfileobj(file, sys.stdout.buffer, _BLOCK)
        sys.stdout.buffer.flush()
