"""Where content comes from: every way in yields the same bytes, and says what is wrong in words."""

import gzip
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


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    for word, reason in (("gone.csv", "no such file"), ("", "is a folder"), ("bad.zip", "no zip archive")):
        with pytest.raises(InputUnreadable, match=reason):
            read(tmp_path / word)
