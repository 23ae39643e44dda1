"""`bulkops plan` and `bulkops split`: the same chunks, printed and written."""

import gzip
import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.errors import DataError, InputUnreadable
from tests.cli.documents import check_document

FILE = 'value,attributes\nCODE-1,"{""a"": ""x\ny""}"\nCODE-2,\nCODE-3,'


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(words))
    check_document(words, result.stdout)
    return result.exit_code, result.output


def test_plan_prints_chunks_requests_and_minimum_time(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\n" + "".join(f"CODE-{n}\n" for n in range(10)))
    code, out = run("plan", "coupons", str(file), "--max-rows", "1", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["records"], document["requests"], document["least_seconds"]) == (10, 10, 3.0)
    assert document["chunks"][1] == {"number": 2, "first_record": 2, "records": 1, "bytes": 13}


def test_a_plan_of_another_contracts_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "stores.csv"
    file.write_text("store_integration_id\nS1\n")
    result = CliRunner().invoke(cli, ["plan", "coupons", str(file)])
    assert isinstance(result.exception, DataError)
    assert "looks like a stores file" in str(result.exception)
    assert f"bulkops validate coupons {file}" in str(result.exception)


def test_split_writes_the_bytes_that_would_be_sent(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(FILE)
    code, out = run("split", "coupons", str(file), "--into", str(tmp_path / "out"), "--max-rows", "1", "--json")
    chunks = json.loads(out)["chunks"]
    assert code == 0
    assert [Path(c["path"]).read_text() for c in chunks] == [
        'value,attributes\nCODE-1,"{""a"": ""x\ny""}"\n',
        "value,attributes\nCODE-2,\n",
        "value,attributes\nCODE-3,",
    ]
    assert [hashlib.sha256(Path(c["path"]).read_bytes()).hexdigest() for c in chunks] == [c["sha256"] for c in chunks]


def test_split_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(FILE)
    words = ("split", "coupons", str(file), "--into", str(tmp_path / "out"))
    assert run(*words)[0] == 0
    result = CliRunner().invoke(cli, list(words))
    assert result.exception is not None
    assert "exists already" in str(result.exception)


def test_a_replacement_is_never_split(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\n" + "".join(f"{n}\n" for n in range(50)))
    code, out = run("plan", "collections", str(file), "--max-rows", "3", "--json")
    assert (code, json.loads(out)["requests"]) == (0, 1)


@pytest.mark.parametrize("words", [("plan",), ("split", "--into", "out"), ("import",)])
def test_a_named_pipe_is_refused_as_input(words: tuple[str, ...], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    result = CliRunner().invoke(cli, [words[0], "coupons", str(pipe), *words[1:], "--json", *ids(words[0])])
    assert isinstance(result.exception, InputUnreadable)
    assert "not a regular file" in str(result.exception)


@pytest.mark.parametrize("command", ["plan", "split", "import"])
def test_a_name_that_is_not_utf_8_is_refused(command: str, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff.csv"
    Path(os.fsdecode(odd)).write_text("value\nCODE-1\n")
    into = ["--into", str(tmp_path / "out")] if command == "split" else []
    result = CliRunner().invoke(cli, [command, "coupons", os.fsdecode(odd), *into, "--json", *ids(command)])
    assert isinstance(result.exception, InputUnreadable)
    assert r"\xff.csv: the name of this file is not UTF-8" in str(result.exception)


@pytest.mark.parametrize("command", ["plan", "split", "import"])
@pytest.mark.parametrize("name", ["f.csv.gz", "f.csv", "f.csv.zst"])
def test_a_compressed_file_is_refused_before_anything_is_read(command: str, name: str, tmp_path: Path) -> None:
    content = b"value\nCODE-1\n"
    file = tmp_path / name
    file.write_bytes(zstandard.compress(content) if name.endswith("zst") else gzip.compress(content))
    into = ["--into", str(tmp_path / "out")] if command == "split" else []
    result = CliRunner().invoke(cli, [command, "coupons", str(file), *into, "--json", *ids(command)])
    assert isinstance(result.exception, DataError)
    assert "is compressed" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["plan", "split", "import"])
def test_a_workbook_with_the_suffix_csv_is_refused_as_a_workbook(command: str, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    into = ["--into", str(tmp_path / "out")] if command == "split" else []
    result = CliRunner().invoke(cli, [command, "coupons", str(file), *into, "--json", *ids(command)])
    assert isinstance(result.exception, InputUnreadable)
    assert "Excel workbook" in str(result.exception)


def ids(command: str) -> list[str]:
    return ["--application", "1", "--campaign", "1", "--base-url", "http://127.0.0.1:1"] if command == "import" else []
