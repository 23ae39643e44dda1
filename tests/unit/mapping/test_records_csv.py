"""polars writes the mapped records; the bytes are those of DuckDB's own CSV writer."""

import hashlib
from io import FileIO
from itertools import product
from pathlib import Path

import duckdb
import polars as pl
import pytest

from bulkops.mapping.records_csv import RecordsFile

MARKS = [*"\"#,\n\r\t ;'\\aéN={\x00\x0b", "\x85", "\u2028", "\ufeff"]
CELLS = [*MARKS, *map("".join, product(MARKS, MARKS)), *(f"{a}x{b}" for a, b in product(MARKS, MARKS)), "NULL", ""]


def by_duckdb(frame: pl.DataFrame, folder: Path) -> bytes:
    """Return a frame as CSV of DuckDB."""
    frame.write_parquet(folder / "rows.parquet")
    with duckdb.connect() as db:
        db.execute(
            f"COPY (FROM read_parquet('{folder / 'rows.parquet'}')) TO '{folder / 'rows.csv'}' "
            "(FORMAT csv, HEADER true, QUOTE '\"', ESCAPE '\"', NULLSTR '')"
        )
    return (folder / "rows.csv").read_bytes()


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("comments", [True, False])
def test_records_have_the_bytes_of_duckdb_and_their_digest(tmp_path: Path, width: int, comments: bool) -> None:
    cells = [cell for cell in CELLS if comments or "#" not in cell]
    columns = {"value": cells, "attributes": [None, *reversed(cells[1:])]}
    frame = pl.DataFrame(dict(list(columns.items())[:width]))
    assert frame.height > 600
    with FileIO(tmp_path / "out.csv", "w+") as file:
        records = RecordsFile(file)
        for piece in frame.iter_slices(100):
            records.append(piece)
    written = (tmp_path / "out.csv").read_bytes()
    assert written == by_duckdb(frame, tmp_path)
    assert records.sha256 == hashlib.sha256(written).hexdigest()
