"""`bulkops fix`: a repaired copy, a list of changes, the file itself untouched."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from tempfile import gettempdir

import pytest
import zstandard
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError
from bulkops.reading.sources import expand
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from tests.cli.documents import check_document
from tests.cli.running import Shell

SPOILT = (
    b"\xef\xbb\xbfsep=;\r\n Value;EXPIRYDATE;limitval;discountlimit;attributes;\r\n"
    b"ABC1;31/12/2030;1.0;12,50;;\r\n"
    b'CAF\xe92;01/02/2031;2;3;"{"k": "v"}";\n'
    b";;;;;\r\n"
    b"CODE,3 ;2030-01-01 00:00:00Z;1;;;\r\n\r\n"
)


def fix(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, ["fix", *map(str, arguments)], standalone_mode=False)
    check_document(["fix", *map(str, arguments)], result.stdout)
    return result


def test_fix_of_a_broken_file_writes_a_clean_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(SPOILT)
    decided = ("--time-zone", "Europe/Berlin", "--encoding", "cp1252", "--start-of-day")
    result = fix("coupons", source, "-o", target, *decided, "--json")
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


def test_uncertain_repairs_are_made_only_with_unsafe(tmp_path: Path) -> None:
    source, safe, unsafe = (tmp_path / name for name in ("in.csv", "safe.csv", "unsafe.csv"))
    content = b'value,limitval\nCO\xe2\x80\x8bDE1,1\nCODE2,"1,500"\nCODE1,5\n'
    source.write_bytes(content)
    fix("coupons", source, "-o", safe)
    fix("coupons", source, "-o", unsafe, "--unsafe")
    assert safe.read_bytes() == content
    assert unsafe.read_bytes() == b"value,limitval\nCODE1,1\nCODE2,1500\n"


def test_fix_never_overwrites_its_input(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"value\nCODE1 \n")
    assert "is the same file as" in str(fix("coupons", source, "-o", source, "--overwrite").exception)
    assert source.read_bytes() == b"value\nCODE1 \n"


@pytest.mark.parametrize("content", [b"", b"CODE1,1\nCODE2,2\n"])
def test_fix_of_a_file_without_header_is_refused(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)
    assert "has no usable header" in str(fix("coupons", source, "-o", tmp_path / "out.csv").exception)
    assert not (tmp_path / "out.csv").exists()


def test_fix_refuses_an_output_that_is_also_an_input(tmp_path: Path) -> None:
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


MANY = b"value,limitval\n" + b"".join(b"CODE%d,1.0\n" % n for n in range(20_000))


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in.csv", MANY)
    return path.read_bytes()


def spoilt(data: bytes, *places: int) -> bytes:
    """Return the data with some bytes changed."""
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 1
    return bytes(changed)


def test_damaged_compressed_input_is_reported_and_leaves_no_file(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip")
    encrypted = spoilt(whole, 6, whole.rindex(b"PK\x01\x02") + 8)
    unknown = spoilt(whole, 8 + 1, whole.rindex(b"PK\x01\x02") + 10 + 1)
    packed, small = gzip.compress(MANY), zstandard.compress(MANY)
    for name, content, said in (
        ("in.csv.gz", packed[:-9], "is damaged"),
        ("in.csv.gz", spoilt(packed, -5), "is damaged"),
        ("in.csv.zst", small[:-9], "is damaged"),
        ("in.zip", spoilt(whole, len(whole) // 2), "is damaged"),
        ("in.zip", encrypted, "Unpack the archive"),
        ("in.zip", unknown, "Unpack the archive"),
    ):
        (tmp_path / name).write_bytes(content)
        for more in ((), ("--unsafe",)):
            error = fix("coupons", tmp_path / name, "-o", tmp_path / "out.csv", *more).exception
            assert isinstance(error, UsageError)
            assert said in str(error)
        assert not list(tmp_path.glob("out.csv*"))


@pytest.mark.parametrize(("suffix", "mark"), [("gz", b"\x1f\x8b"), ("ZST", b"\x28\xb5\x2f\xfd"), ("csv", b"value")])
def test_the_name_of_the_copy_selects_its_compression(tmp_path: Path, suffix: str, mark: bytes) -> None:
    source, target = tmp_path / "in.csv", tmp_path / f"out.{suffix}"
    source.write_bytes(MANY)
    assert fix("coupons", source, "-o", target).return_value == 0
    assert target.read_bytes().startswith(mark)
    (copy,) = expand([str(target)])
    with copy.open() as stream:
        assert stream.read() == MANY.replace(b",1.0", b",1")


def test_fix_to_a_zip_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(MANY)
    assert "cannot write" in str(fix("coupons", tmp_path / "in.csv", "-o", tmp_path / "out.zip").exception)
    assert not (tmp_path / "out.zip").exists()


def test_stdout_contains_only_the_copy_if_it_is_the_output(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"value,limitval\nCODE1,1.0\n")
    shell = Shell(tmp_path.with_name(f"{tmp_path.name}-state"))
    log = tmp_path / "changes.jsonl"
    ended = shell.run("fix", "coupons", str(tmp_path / "in.csv"), "-o", "-", "--diff", "--log", str(log))
    assert (ended.code, ended.out) == (0, "value,limitval\nCODE1,1\n")
    assert ended.err.splitlines()[:4] == ["@@ line 2 limitval XLS110 @@", "-1.0", "+1", "XLS110 1"]
    assert json.loads(log.read_text(encoding="utf-8"))["code"] == "XLS110"
    ended = shell.run("fix", "coupons", str(tmp_path / "in.csv"), "-o", "-", "--json")
    assert (ended.code, "error" in ended.json) == (2, True)
    assert "both write to stdout" in ended.err
    assert shell.run("fix", "coupons", str(tmp_path / "gone.csv"), "-o", "-").out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changes.jsonl", "in.csv"]


def test_a_list_of_changes_needs_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(MANY)
    assert "needs a file name" in str(
        fix("coupons", tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--log", "-").exception
    )


def test_a_device_as_output_is_written_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"value\nCODE1 \n")
    assert fix("coupons", tmp_path / "in.csv", "-o", "/dev/null", "--log", "/dev/null").return_value == 0
    assert Path("/dev/null").is_char_device()
    error = fix("coupons", tmp_path / "in.csv", "-o", "/dev/full", "--log", "/dev/null").exception
    assert "cannot be written: No space left" in str(error)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_a_full_disk_leaves_no_half_a_copy(tmp_path: Path, name: str) -> None:
    (tmp_path / "in.csv").write_bytes(MANY.replace(b",1.0", b",1") + b"CODE,1.0\n")
    (tmp_path / name).write_bytes(b"kept")
    shell = Shell(tmp_path)
    words = ("fix", "coupons", str(tmp_path / "in.csv"), "-o", str(tmp_path / name), "--overwrite")
    ended = shell.ended(shell.start(*words, "--log", "/dev/null", largest_file=20_000))
    # The limit also holds for the temporary copy, which is written first.
    assert (ended.code, f"{gettempdir()} cannot be written: File too large" in ended.err) == (2, True)
    assert (tmp_path / name).read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", name]


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_stopped_leaves_no_half_a_copy(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(MANY + b"".join(b"MORE%d,1.0\n" % n for n in range(200_000)))
    target.write_bytes(b"kept")
    shell = Shell(tmp_path)
    process = shell.start("fix", "coupons", str(source), "-o", str(target), "--overwrite")
    part = tmp_path / "out.csv.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
    os.kill(process.pid, sign)
    assert shell.ended(process).code == code
    assert target.read_bytes() == b"kept"
    assert not (tmp_path / "out.csv.changes.jsonl").exists()
    assert part.exists() == (sign is signal.SIGKILL)


def test_the_copy_is_written_though_the_reader_of_the_difference_stops(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(MANY)
    line = '"$0" -m bulkops fix coupons "$1/in.csv" -o "$1/out.csv" --diff | head -1'
    command = ["bash", "-o", "pipefail", "-c", line, sys.executable, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "@@ line 2 limitval XLS110 @@\n")
    assert (tmp_path / "out.csv").read_bytes() == MANY.replace(b",1.0", b",1")


def test_control_characters_cannot_disturb_the_difference(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"value,limitval\nCO\x1bDE,1\rCODE2,2\n")
    lines = fix("coupons", tmp_path / "in.csv", "-o", tmp_path / "o.csv", "--diff").stdout.splitlines()
    assert lines[:3] == ["@@ line 2 FIL108 @@", r"-CO\x1bDE,1\x0dCODE2,2\n", r"+CO\x1bDE,1\nCODE2,2\n"]


@pytest.mark.parametrize("first", [b'"CODE1","{""a"": 1}"', b"CODE1,"])
def test_records_separated_by_a_lone_carriage_return_remain_two(tmp_path: Path, first: bytes) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"value,attributes\n" + first + b'\r"CODE2","{""a"": 2}"\nCODE3,\n')
    fix("coupons", source, "-o", target)
    assert target.read_bytes() == b"value,attributes\n" + first + b'\n"CODE2","{""a"": 2}"\nCODE3,\n'


def test_fix_never_joins_two_records_into_one_cell(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    content = b'attributes,value\nx,CODE1\n"{"a": 1}"\r"CODE2",CODE3\n'
    source.write_bytes(content)
    fix("coupons", source, "-o", target)
    assert target.read_bytes() == content


def test_remaining_findings_are_printed_with_the_command_that_repairs_them(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"value,expirydate\nCAF\xe91,2030-12-31\nCODE2,03/04/2030\nCODE3\n")
    again = f"bulkops fix coupons {source} -o {target} --time-zone UTC --overwrite"
    lines = fix("coupons", source, "-o", target, "--time-zone", "UTC").stdout.splitlines()
    assert "findings that remain in the copy: 4 errors, 1 warning" in lines
    assert any(line.startswith("  FIL104 1: line 2: the byte 0xE9 is not UTF-8") for line in lines)
    for option in ("--encoding NAME", "--unsafe", "--end-of-day", "--start-of-day", "--date-order month-first"):
        assert f"    {again} {option}" in lines
    decided = ("--time-zone", "UTC", "--encoding", "cp1252", "--date-order", "month-first", "--end-of-day", "--unsafe")
    result = fix("coupons", source, "-o", target, "--overwrite", *decided)
    assert result.stdout.splitlines()[-1] == "no findings remain: the copy is valid"
    assert target.read_text(encoding="utf-8") == (
        "value,expirydate\nCAFé1,2030-12-31T23:59:59Z\nCODE2,2030-03-04T23:59:59Z\nCODE3,\n"
    )


def test_a_document_counts_the_remaining_findings(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"Code,Value\nBLOOM-AA11,-10.0\n")
    report = json.loads(fix("coupons", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--json").stdout)
    assert report["left"] == {"errors": 1, "warnings": 0, "counts": {"HDR116": 1}}


def test_commands_that_rename_columns_have_the_names_of_the_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"Coupon Code,Usage Limit,expirydate (UTC)\nABCDE,1,2030-01-01T00:00:00Z\n")
    names = ("Coupon Code=value", "Usage Limit=limitval", "expirydate (UTC)=expirydate")
    checked = Shell(tmp_path).run("validate", "coupons", str(source))
    assert all(f"`bulkops fix --rename '{name}'`" in checked.out for name in names)
    lines = fix("coupons", source, "-o", target).stdout.splitlines()
    again = f"    bulkops fix coupons {source} -o {target} --overwrite"
    assert f"{again} --rename '{names[0]}' --rename '{names[1]}'" in lines
    assert f"{again} --rename '{names[2]}'" in lines
    result = fix(
        "coupons", source, "-o", target, "--overwrite", *(word for name in names for word in ("--rename", name))
    )
    assert result.stdout.splitlines()[-1] == "no findings remain: the copy is valid"


def test_remaining_findings_of_a_copy_on_stdout_are_printed_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"value\nCAF\xe91\n")
    ended = Shell(tmp_path).run("validate", "coupons", str(tmp_path / "in.csv"))
    assert "in cp1252" in ended.out
    ended = Shell(tmp_path).run("fix", "coupons", str(tmp_path / "in.csv"), "-o", "-", "--encoding", "cp1252")
    assert (ended.code, ended.out) == (0, "value\nCAFé1\n")
    assert "no findings remain" in ended.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--rename", "Code"), "'Code' is not OLD=NEW"),
        (("--rename", "Code=value", "--rename", "Code=limitval"), "gives 'Code' two names"),
        (("--rename", "Nope=value"), "line 1: the header has no column 'Nope'"),
        (("--encoding", "rot13"), "is not an encoding of text files"),
    ],
)
def test_an_option_that_decides_nothing_is_refused(tmp_path: Path, option: tuple[str, ...], said: str) -> None:
    (tmp_path / "in.csv").write_bytes(b"Code,Value\nBLOOM-AA11,-10.0\n")
    assert said in str(fix("coupons", tmp_path / "in.csv", "-o", tmp_path / "out.csv", *option).exception)
    assert not (tmp_path / "out.csv").exists()
