"""DataFrames of every library are written as the text that the import formats accept."""

import csv
import stat
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.errors import UsageError
from bulkops.frames import input_path, kept_path


class FromAnotherLibrary:
    """A table that exports Arrow data and has nothing else of polars."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def written(frame: object) -> str:
    with input_path(frame) as path:  # type: ignore[arg-type]
        return path.read_text(encoding="utf-8")


def test_values_become_the_text_of_the_import_formats() -> None:
    berlin = timezone(timedelta(hours=1))
    frame = pl.DataFrame({
        "value": ["A", "B"],
        "limitval": [1, None],
        "amount": [1.5, 2.25],
        "startdate": [datetime(2030, 1, 1, 1, tzinfo=berlin), None],
        "day": [date(2030, 1, 2), None],
        "active": [True, False],
        "attributes": [{"colour": "red"}, {"colour": 'say "no"'}],
    })  # fmt: skip
    assert written(frame).splitlines() == [
        "value,limitval,amount,startdate,day,active,attributes",
        'A,1,1.5,2030-01-01T00:00:00Z,2030-01-02,true,"{""colour"":""red""}"',
        'B,,2.25,,,false,"{""colour"":""say \\""no\\""""}"',
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_text_is_read_back_as_it_was(cells: list[str]) -> None:
    frame = pl.DataFrame({"item": cells, "other": "x"})
    with input_path(frame) as path, path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["item", "other"], *([cell, "x"] for cell in cells)]


def test_a_table_of_another_library_is_written_alike() -> None:
    frame = pl.DataFrame({"code": ["A", "B"]})
    assert written(FromAnotherLibrary(frame)) == written(frame) == "code\nA\nB\n"


@pytest.mark.parametrize("column", [
    pl.Series("at", [datetime(2030, 1, 1)]),  # noqa: DTZ001 - that is the point
    pl.Series("tags", [["a", "b"]]),
])  # fmt: skip
def test_a_column_without_one_text_form_is_refused_by_name(column: pl.Series) -> None:
    with pytest.raises(UsageError, match=f"'{column.name}'"):
        written(column.to_frame())


def test_input_that_is_neither_table_nor_path_is_refused() -> None:
    with pytest.raises(UsageError, match="int is neither a path nor a DataFrame"):
        written(3)


def test_a_kept_table_has_one_file_for_its_content_that_only_its_owner_reads(tmp_path: Path) -> None:
    frame = pl.DataFrame({"at": [datetime(2030, 1, 1, tzinfo=UTC)]})
    first = kept_path(frame, tmp_path / "frames")
    assert kept_path(frame.clone(), tmp_path / "frames") == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert kept_path("a.csv", tmp_path) == Path("a.csv")
