"""Open a file for repair: report damage as an error message, and detect changes between two readings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from bulkops.errors import InputUnreadable, LimitExceeded
from bulkops.limits import TooLarge
from bulkops.reading.sources import DAMAGED, ReadFailed, Source


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a source for one reading; InputUnreadable if it cannot be read to its end."""
    try:
        with source.open() as stream:
            yield stream
    except DAMAGED as error:
        raise InputUnreadable(
            f"{source.path} is damaged: {error}.", hint="Download or compress the file again; bulkops wrote nothing."
        ) from error
    except ReadFailed as error:
        raise InputUnreadable(f"{source.path} cannot be read to the end: {error.strerror or error}.") from error
    except TooLarge as error:
        raise LimitExceeded(f"{source.path}: {error}.", hint=error.hint) from error


def refuse_changed(source: Source, *, before: str, after: str) -> None:
    """Raise InputUnreadable if the hashes of two readings differ."""
    if before != after:
        raise InputUnreadable(
            f"{source.path} changed while it was read.",
            hint="Run the command again when no program writes to the file.",
        )
