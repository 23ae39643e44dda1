"""Every source of content yields the same bytes, and reports a problem in plain words."""

import gzip
import io
import os
import threading
import zipfile
from pathlib import Path

import pytest
import zstandard

from bulkops.errors import InputUnreadable
from bulkops.reading.sources import expand

CONTENT = b"value\nCODE1\n"


def read(word: Path | str) -> bytes:
    (source,) = expand([str(word)])
    with source.open() as stream:
        return stream.read()


def test_compressed_files_are_read_as_their_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CONTENT)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CONTENT))
    (tmp_path / "a.csv.zst").write_bytes(zstandard.compress(CONTENT))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.csv", CONTENT)
    assert {read(path) for path in tmp_path.iterdir()} == {CONTENT}


def test_patterns_and_folders_name_each_file_once(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "in/c.csv", "in/notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    named = expand([str(tmp_path / "*.csv"), str(tmp_path / "a.csv")])
    assert [Path(source.path).name for source in named] == ["a.csv", "b.csv"]
    found = expand([str(tmp_path)], recursive=True)
    assert [Path(source.path).name for source in found] == ["a.csv", "b.csv", "c.csv"]


def test_an_unreadable_source_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    for word, reason in (
        ("gone.csv", "does not exist"),
        ("", "is a folder"),
        ("bad.zip", "not a readable zip archive"),
    ):
        with pytest.raises(InputUnreadable, match=reason):
            read(tmp_path / word)


@pytest.mark.parametrize("name", ["a.csv.zst", "a.csv.gz"])
def test_a_compressed_file_that_was_cut_off_is_never_taken_for_whole(tmp_path: Path, name: str) -> None:
    content = b"value\n" + b"".join(b"%d\n" % n for n in range(50_000))
    whole = zstandard.compress(content) if name.endswith("zst") else gzip.compress(content)
    for missing in (1, 5, len(whole) // 2):
        (tmp_path / name).write_bytes(whole[:-missing])
        with pytest.raises(EOFError):
            read(tmp_path / name)
    (tmp_path / name).write_bytes(whole + whole)
    assert read(tmp_path / name) == content * 2


def test_a_pipe_can_be_read_again(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(CONTENT)))
    writer.start()
    (source,) = expand([str(pipe)])
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == CONTENT
    writer.join()


def test_the_format_of_content_is_recognised_by_its_first_bytes(tmp_path: Path) -> None:
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    for content in (gzip.compress(CONTENT), zstandard.compress(CONTENT)):
        (tmp_path / "a.csv").write_bytes(content)
        assert read(tmp_path / "a.csv") == CONTENT
    for content, reason in ((workbook.getvalue(), "Excel workbook"), (b"\x89PNG\r\n\x1a\n", "picture")):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(InputUnreadable, match=reason):
            read(tmp_path / "a.csv")


def test_only_csv_files_of_an_archive_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.CSV", "__MACOSX/._a.csv", "readme.txt"):
            archive.writestr(name, CONTENT)
    assert read(tmp_path / "a.zip") == CONTENT
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    with pytest.raises(InputUnreadable, match=r"contains no \.csv file"):
        read(tmp_path / "none.zip")


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_bytes(CONTENT)
    (tmp_path / "b.csv.GZ").write_bytes(gzip.compress(CONTENT))
    assert [Path(source.path).name for source in expand([str(tmp_path)], recursive=True)] == ["a.CSV", "b.csv.GZ"]
    assert read(tmp_path / "b.csv.GZ") == CONTENT


def test_a_file_that_has_become_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    (source,) = expand([str(path)])
    with source.open() as stream:
        assert stream.read() == CONTENT
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputUnreadable, match="is a pipe or a device, not a regular file"):
        source.open()
