"""`bulkops fix`: a repaired copy, a list of changes, the file itself untouched."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS

SPOILT = (
    b"\xef\xbb\xbfsep=;\r\n Value;EXPIRYDATE;limitval;discountlimit;attributes;\r\n"
    b"ABC1;31/12/2030;1.0;12,50;;\r\n"
    b'CAF\xe92;01/02/2031;2;3;"{"k": "v"}";\n'
    b";;;;;\r\n"
    b"CODE,3 ;2030-01-01 00:00:00Z;1;;;\r\n\r\n"
)


def fix(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["fix", *map(str, arguments)], standalone_mode=False)


def test_a_spoilt_file_becomes_clean(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(SPOILT)
    result = fix("coupons", source, "-o", target, "--time-zone", "Europe/Berlin", "--json")
    assert result.return_value == 0
    assert source.read_bytes() == SPOILT
    assert target.read_bytes().decode() == (
        "value,expirydate,limitval,discountlimit,attributes\r\n"
        "ABC1,2030-12-31T00:00:00+01:00,1,12.50,\r\n"
        'CAFé2,2031-02-01T00:00:00+01:00,2,3,"{""k"": ""v""}"\r\n'
        '"CODE,3",2030-01-01T00:00:00Z,1,,\r\n'
    )
    assert validate_files(CONTRACTS["coupons"], [target]).files[0].counts == {}
    report = json.loads(result.stdout)
    assert (report["records"], report["changed"], report["removed"]) == (4, 3, 2)


def test_every_change_is_listed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"value,limitval\nCODE1,1.0\nCODE2,2\nCODE3 ,3\n")
    fix("coupons", source, "-o", target)
    rows = [json.loads(line) for line in (tmp_path / "out.csv.changes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(r["code"], r["record"], r["line"], r["column"], r["before"], r["after"]) for r in rows] == [
        ("XLS110", 1, 2, "limitval", "1.0", "1"),
        ("COD101", 3, 4, "value", "CODE3 ", "CODE3"),
    ]


def test_the_difference_can_be_shown(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"value,limitval\nCODE1,1.0\n")
    lines = fix("coupons", source, "-o", tmp_path / "out.csv", "--diff").stdout.splitlines()
    assert lines[:3] == ["@@ line 2 limitval XLS110 @@", "-1.0", "+1"]


def test_repairs_that_could_be_wrong_wait_for_unsafe(tmp_path: Path) -> None:
    source, safe, unsafe = (tmp_path / name for name in ("in.csv", "safe.csv", "unsafe.csv"))
    content = b'value,limitval\nCO\xe2\x80\x8bDE1,1\nCODE2,"1,500"\nCODE1,5\n'
    source.write_bytes(content)
    fix("coupons", source, "-o", safe)
    fix("coupons", source, "-o", unsafe, "--unsafe")
    assert safe.read_bytes() == content
    assert unsafe.read_bytes() == b"value,limitval\nCODE1,1\nCODE2,1500\n"


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"value\nCODE1 \n")
    assert "is the file itself" in str(fix("coupons", source, "-o", source, "--overwrite").exception)
    assert source.read_bytes() == b"value\nCODE1 \n"


@pytest.mark.parametrize("content", [b"", b"CODE1,1\nCODE2,2\n"])
def test_without_a_header_there_is_nothing_to_go_by(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    assert "has no header to go by" in str(fix("coupons", source, "-o", tmp_path / "out.csv").exception)
    assert not (tmp_path / "out.csv").exists()


def test_no_file_that_is_read_is_written(tmp_path: Path) -> None:
    source, target, link, hard = (tmp_path / name for name in ("in.csv", "out.csv", "link.csv", "hard.csv"))
    source.write_bytes(SPOILT)
    link.symlink_to(source)
    hard.hardlink_to(source)
    half = tmp_path / "half.csv.part"
    half.write_bytes(SPOILT)
    for output, log in ((target, source), (target, link), (target, hard), (link, target), (target, target)):
        result = fix("coupons", source, "-o", output, "--log", log, "--overwrite")
        assert isinstance(result.exception, UsageError)
    assert isinstance(fix("coupons", half, "-o", tmp_path / "half.csv").exception, UsageError)
    assert source.read_bytes() == half.read_bytes() == SPOILT
    assert not target.exists()


def test_a_list_of_changes_is_replaced_only_when_asked(tmp_path: Path) -> None:
    source, target, log = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "out.csv.changes.jsonl"
    source.write_bytes(SPOILT)
    log.write_text("kept\n", encoding="utf-8")
    assert isinstance(fix("coupons", source, "-o", target).exception, UsageError)
    assert log.read_text(encoding="utf-8") == "kept\n"
    assert fix("coupons", source, "-o", target, "--overwrite").return_value == 0
    assert "kept" not in log.read_text(encoding="utf-8")


def test_a_repair_that_fails_leaves_nothing(tmp_path: Path) -> None:
    assert isinstance(fix("coupons", tmp_path / "gone.csv", "-o", tmp_path / "out.csv").exception, UsageError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [b'"CODE1","{""a"": 1}"', b"CODE1,"])
def test_records_that_a_lone_carriage_return_parts_stay_two(tmp_path: Path, first: bytes) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"value,attributes\n" + first + b'\r"CODE2","{""a"": 2}"\nCODE3,\n')
    fix("coupons", source, "-o", target)
    assert target.read_bytes() == b"value,attributes\n" + first + b'\n"CODE2","{""a"": 2}"\nCODE3,\n'


def test_no_cell_is_made_of_two_records(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    content = b'attributes,value\nx,CODE1\n"{"a": 1}"\r"CODE2",CODE3\n'
    source.write_bytes(content)
    fix("coupons", source, "-o", target)
    assert target.read_bytes() == content
