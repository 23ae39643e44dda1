"""Files that a command writes: never one that it reads, or writes for another purpose."""

from pathlib import Path

from bulkops.errors import UsageError
from bulkops.writing import Permit, refuse_the_same

__all__ = ["permit_of", "refuse_existing", "refuse_the_same"]


def permit_of(*, overwrite: bool, ledger: str | None = None) -> Permit:
    """Return what a command may write over: never the file of a job that a ledger knows."""
    from bulkops.ledger.inputs import inputs_guard

    return Permit(overwrite=overwrite, refuse_input=inputs_guard(ledger))


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a file to be written exists and may not be replaced; devices are not replaced."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Choose another name.")
    if path.is_file() and not overwrite:
        raise UsageError(f"{path} exists already.", hint="Choose another name, or add --overwrite.")
