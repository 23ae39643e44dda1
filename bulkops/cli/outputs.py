"""Files that a command writes: never one that it reads, or writes for another purpose."""

from pathlib import Path

from bulkops.errors import UsageError
from bulkops.writing import refuse_the_same

__all__ = ["refuse_existing", "refuse_the_same"]


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file to be written exists and may not be replaced; devices are not replaced."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Choose another name.")
    if path.is_file() and not overwrite:
        raise UsageError(f"{path} exists already.", hint="Choose another name, or add --overwrite.")
