"""Write DataFrames as files, each column as text in the import formats."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bulkops.disk import temporary_writes
from bulkops.errors import UsageError
from bulkops.private import private_folder
from bulkops.remote.paths import path_of
from bulkops.temporary import temporary_folder

if TYPE_CHECKING:
    import polars as pl


class Frame(Protocol):
    """A table of any library that exports Arrow data: polars, pandas, pyarrow, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the table as a stream of Arrow record batches."""


Input = str | os.PathLike[str] | Frame


def is_frame(given: object) -> bool:
    """Return whether a value is a table rather than a path."""
    return hasattr(given, "__arrow_c_stream__")


@contextmanager
def input_path(given: Input) -> Iterator[Path]:
    """Yield the path of an input; a table is written to a temporary file. UsageError for anything else."""
    if isinstance(given, str | os.PathLike):
        yield path_of(given)
        return
    with temporary_folder(prefix="bulkops-frame-") as folder:
        with temporary_writes():
            path = _written(given, folder)
        yield path


def kept_path(given: Input, folder: Path) -> Path:
    """Return the path of an input; a table is written to `folder`, named by its content, and stays there.

    A job needs its file again when it is resumed, reconciled or reported.
    """
    if isinstance(given, str | os.PathLike):
        return path_of(given)
    return _written(given, private_folder(folder))


def _written(given: Frame, folder: Path) -> Path:
    """Write a table as CSV, named by the SHA-256 of its bytes, and return the path."""
    if not is_frame(given):
        raise UsageError(
            f"{type(given).__name__} is neither a path nor a DataFrame.",
            hint="Pass a path, or a table with `__arrow_c_stream__` (polars, pandas 2.2 or later, pyarrow, DuckDB).",
        )
    columns = _text_columns(given)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:  # readable by its owner alone
        columns.write_csv(file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Path(file.name).replace(folder / f"frame-{digest[:16]}.csv")


def _text_columns(given: Frame) -> "pl.DataFrame":
    """Return a table as text: RFC 3339 in UTC for timestamps, JSON for structs, `true` and `false` for booleans.

    UsageError for a type without one textual form, such as a timestamp without a time zone.
    """
    import polars as pl

    frame = pl.DataFrame(given)
    return frame.select(_text(name, dtype) for name, dtype in frame.schema.items())


def _text(name: str, dtype: "pl.DataType") -> "pl.Expr":
    import polars as pl

    column = pl.col(name)
    if isinstance(dtype, pl.Struct):
        return column.struct.json_encode()
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise UsageError(
                f"The timestamps of column {name!r} have no time zone.",
                hint=f"Add one, for example with `pl.col({name!r}).dt.replace_time_zone('Europe/Berlin')`.",
            )
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
    if dtype.is_nested() or dtype == pl.Object:
        raise UsageError(
            f"Column {name!r} contains {dtype}, which has no documented text form.",
            hint="Convert the column to text before the import.",
        )
    return column.cast(pl.String)
