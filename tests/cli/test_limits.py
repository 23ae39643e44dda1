"""Commands under inputs that would take all memory or time: a message, an exit code of 1 or 2, and little of both."""

import gzip
import os
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from bulkops.limits import MAX_RECORD_BYTES

MB = 1_000_000
MOST_MEMORY = 1_000 * MB
HEADER = b"profileintegrationid\n"


MEASURING = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_maxrss, used.ru_utime + used.ru_stime)
"""
"""Runs a command and prints its exit code, its peak of memory in KiB, and the seconds of processor time."""


@dataclass(frozen=True)
class Measured:
    """How a command ended, its peak of memory in bytes, and the seconds of processor time it took."""

    code: int
    err: str
    peak: int
    seconds: float


@pytest.fixture
def bulkops(tmp_path: Path) -> Callable[..., Measured]:
    def run(*words: object, **variables: str) -> Measured:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BULKOPS_")}
        environment |= {"BULKOPS_STATE": str(tmp_path / "state"), "BULKOPS_MANAGEMENT_KEY": "k" * 32, **variables}
        with (tmp_path / "err").open("w+b") as err:
            # A small process starts the command: the peak of a child begins with that of the process that started it.
            command = [sys.executable, "-c", MEASURING, sys.executable, "-m", "bulkops", *map(str, words)]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=err, env=environment, cwd=tmp_path, check=True, text=True
            )
            code, peak, seconds = done.stdout.split()
            err.seek(0)
            text = err.read().decode()
        assert "Traceback" not in text
        assert "This is a bug" not in text
        return Measured(int(code), text, int(peak) * 1024, float(seconds))

    return run


def runs(byte: bytes, blocks: int) -> bytes:
    """Return a Zstandard frame with blocks of four bytes that decompress to 128 KiB each."""
    head = b"\x28\xb5\x2f\xfd\x00\x38" + struct.pack("<I", len(HEADER) << 3)[:3] + HEADER
    size = 131_071
    block = [struct.pack("<I", size << 3 | 1 << 1 | last)[:3] + byte for last in (0, 1)]
    return head + block[0] * (blocks - 1) + block[1]


def endless_zstd(path: Path) -> Path:
    path.write_bytes(runs(b"a", 65_536))
    return path


def endless_gzip(path: Path) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEADER)
        for _ in range(300):
            file.write(b"a" * MB)
    return path


def endless_member(method: int) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        archive = path.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w", method) as file, file.open("a.csv", "w") as member:
            member.write(HEADER)
            for _ in range(100):
                member.write(b"a" * MB)
        return archive

    return make


def long_record(path: Path) -> Path:
    path.write_bytes(HEADER + b"a" * 80 * MB + b"\n")
    return path


BOMBS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "zstd-runs": ("a.csv.zst", endless_zstd),
    "gzip-line": ("a.csv.gz", endless_gzip),
    "zip-bzip2": ("a", endless_member(zipfile.ZIP_BZIP2)),
    "zip-lzma": ("a", endless_member(zipfile.ZIP_LZMA)),
    "zip-deflate": ("a", endless_member(zipfile.ZIP_DEFLATED)),
    "plain-line": ("a.csv", long_record),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_validate_refuses_a_record_without_end_within_bounded_memory(
    bulkops: Callable[..., Measured], tmp_path: Path, bomb: str
) -> None:
    name, make = BOMBS[bomb]
    ended = bulkops("validate", "audiences", make(tmp_path / name))
    assert ended.code == 2
    assert "line 2: the record that starts here (byte 21) has more than 32,000,000 bytes" in ended.err
    assert "--max-record-bytes" in ended.err
    assert ended.peak < MOST_MEMORY / 2


def test_fix_and_reconcile_refuse_a_record_without_end(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    bomb, good = endless_gzip(tmp_path / "a.csv.gz"), tmp_path / "good.csv"
    good.write_bytes(HEADER + b"a\n")
    for words in (("fix", "audiences", bomb, "-o", "out.csv"), ("reconcile", "audiences", good, "--export", bomb)):
        ended = bulkops(*words)
        assert (ended.code, "more than 32,000,000 bytes" in ended.err) == (2, True), ended.err
        assert ended.peak < MOST_MEMORY
    assert not (tmp_path / "out.csv").exists()


def test_plan_refuses_a_quote_that_never_closes_within_bounded_memory(
    bulkops: Callable[..., Measured], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(HEADER + b"a\n" + b'"' + b"\n" * 65 * MB)
    ended = bulkops("plan", "audiences", "a.csv")
    assert ended.code == 2
    assert "record 2 (byte 23): it has more than 32,000,000 bytes, or a quote in it is never closed" in ended.err
    assert ended.peak < MOST_MEMORY / 2


def test_max_record_bytes_changes_the_limit(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(HEADER + b"a" * 30 * MB + b"\n" + b"b\n")
    message = "has more than 20,000,000 bytes"
    assert message in bulkops("validate", "audiences", "a.csv", "--max-record-bytes", "20MB").err
    assert message in bulkops("validate", "audiences", "a.csv", BULKOPS_MAX_RECORD_BYTES="20MB").err
    assert "bytes" not in bulkops("validate", "audiences", "a.csv").err


LONG: dict[str, Callable[[], bytes]] = {
    "JSON text": lambda: b'"{""a"":""' + b"x" * 31 * MB + b'""}"',
    "JSON names": lambda: b'"{' + b",".join(b'""a%d"":1' % number for number in range(2_200_000)) + b'}"',
    "stray quotes": lambda: b'a"' * 15 * MB,
    "stray quote": lambda: b'a"' + b"b" * 30 * MB,
}


@pytest.mark.parametrize("cell", LONG)
def test_a_long_cell_is_judged_within_bounded_memory(
    bulkops: Callable[..., Measured], tmp_path: Path, cell: str
) -> None:
    record = b"ABCD," + LONG[cell]() + b"\n"
    assert len(record) < MAX_RECORD_BYTES
    (tmp_path / "a.csv").write_bytes(b"value,attributes\n" + 3 * record)
    ended = bulkops("validate", "coupons", "a.csv", "--max-errors", "1000")
    assert ended.code == 1
    assert ended.peak < MOST_MEMORY


def test_content_out_of_proportion_to_its_file_is_refused(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    short = b"a" * 99 + b"\n"
    (tmp_path / "a.csv.zst").write_bytes(zstandard.compress(HEADER + short * 2_600_000))
    ended = bulkops("validate", "audiences", "a.csv.zst", "--select", "HDR")
    assert ended.code == 2
    assert "raise --max-expansion" in ended.err
    assert ended.peak < MOST_MEMORY
    assert bulkops("validate", "audiences", "a.csv.zst", "--select", "HDR", "--max-expansion", "100000").code == 0


ODD = {"bare newlines": b"\n", "equal keys": b"a\n", "stray quotes": b'a"b"\n', "one stray quote": b'a"b\n'}


@pytest.mark.parametrize("odd", ODD)
def test_odd_lines_take_at_most_twice_the_memory_of_sound_ones(
    bulkops: Callable[..., Measured], tmp_path: Path, odd: str
) -> None:
    size = 24 * MB  # more than all blocks that are processed at a time
    (tmp_path / "sound.csv").write_bytes(HEADER + b"".join(b"CODE%08d\n" % n for n in range(size // 13)))
    (tmp_path / "odd.csv").write_bytes(HEADER + ODD[odd] * (size // len(ODD[odd])))
    sound = bulkops("validate", "audiences", "sound.csv", "--statistics")
    assert bulkops("validate", "audiences", "odd.csv", "--statistics").peak < 2 * sound.peak


WIDE = {
    "unknown names": b",".join(b"c%s" % bytes(97 + n // 26**k % 26 for k in range(4)) for n in range(20_000)),
    "equal names": b",".join([b"abc"] * 20_000),
    "blank names": b"," * 1_000_000,
    "blank lines": b"\n" * 1_000_000,
    "control characters": b"\0" * 1_000_000,
    "one long name": b"a" * 1_000_000,
}


@pytest.mark.parametrize("header", WIDE)
def test_an_odd_header_is_judged_within_seconds(bulkops: Callable[..., Measured], tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_bytes(WIDE[header] + b"\nx\n")
    for contract in ("coupons", "audiences"):
        ended = bulkops("validate", contract, "a.csv", "--mask")
        assert ended.code in (1, 2)
        assert ended.seconds < 2


def archive(path: Path, *names: str) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore")
        for name in names:
            file.writestr(name, HEADER + b"a\n")
    return path


def test_an_archive_with_two_members_of_one_name_is_refused(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    ended = bulkops("validate", "audiences", archive(tmp_path / "a.zip", "a.csv", "b.csv", "a.csv"))
    assert ended.code == 2
    assert "contains 2 files named a.csv: it is unclear which one counts" in ended.err


def test_an_encrypted_or_overlapping_or_unknown_member_is_refused(
    bulkops: Callable[..., Measured], tmp_path: Path
) -> None:
    whole = archive(tmp_path / "a.zip", "a.csv", "b.csv").read_bytes()
    first, second = (whole.index(b"PK\x01\x02"), whole.rindex(b"PK\x01\x02"))
    changes = {
        "is encrypted": (first + 8, b"\x01\x00"),
        "compressed by method 99": (first + 10, b"\x63\x00"),
        "overlap": (second + 42, b"\x00\x00\x00\x00"),
        "not a readable zip archive: zip file version 25.5": (first + 6, b"\xff\x00"),
    }
    for message, (at, data) in changes.items():
        (tmp_path / "a.zip").write_bytes(whole[:at] + data + whole[at + len(data) :])
        ended = bulkops("validate", "audiences", "a.zip")
        assert ended.code == 2
        assert message in ended.err


def test_a_device_is_refused_before_it_is_read(bulkops: Callable[..., Measured]) -> None:
    for words in (("validate", "audiences", "/dev/zero"), ("fix", "audiences", "/dev/zero", "-o", "out.csv")):
        ended = bulkops(*words)
        assert ended.code == 2
        assert "/dev/zero is a device" in ended.err


def test_standard_input_without_a_line_end_is_refused(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    command = f"{sys.executable} -m bulkops validate audiences - < /dev/zero"
    started = time.monotonic()
    ended = subprocess.run(command, shell=True, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.returncode == 2
    assert "contains a line of more than 32,000,000 bytes" in ended.stderr
    assert time.monotonic() - started < 60


def test_a_pattern_does_not_follow_a_loop_of_links(bulkops: Callable[..., Measured], tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a.csv").write_bytes(HEADER + b"a\n")
    assert bulkops("validate", "audiences", "**/*.csv").code == 0
    assert bulkops("validate", "audiences", "**/*.nothing").code == 2


NUMBER = "9" * 5000


@pytest.mark.parametrize("option", ["--max-rows", "--max-bytes", "--campaign", "--settle", "--max-errors"])
def test_a_number_of_5000_digits_is_refused_briefly(
    bulkops: Callable[..., Measured], tmp_path: Path, option: str
) -> None:
    (tmp_path / "a.csv").write_bytes(b"value\nAAAA\n")
    words = ("import", "coupons", "a.csv", "--base-url", "https://a.b", "--application", "1", "--yes")
    variable = "BULKOPS_IMPORT_" + option.removeprefix("--").upper().replace("-", "_")
    for ended in (bulkops(*words, option, NUMBER), bulkops(*words, **{variable: NUMBER})):
        assert ended.code == 2
        assert len(ended.err) < 1000
    assert not list((tmp_path / "state").rglob("*.db"))


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "coupons", "a.csv", "--max-rows"),
        ("plan", "coupons", "a.csv", "--max-bytes"),
        ("split", "coupons", "a.csv", "-d", "parts", "--max-bytes"),
        ("validate", "coupons", "a.csv", "--max-errors"),
        ("validate", "coupons", "a.csv", "--max-record-bytes"),
        ("validate", "coupons", "a.csv", "--max-expansion"),
        ("export", "coupons", "-o", "out.csv", "--base-url", "https://a.b", "--application", "1", "--campaign"),
        ("sandbox", "--port"),
        ("jobs", "show"),
    ],
)
def test_a_number_of_5000_digits_is_refused_briefly_by_each_command(
    bulkops: Callable[..., Measured], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"value\nAAAA\n")
    ended = bulkops(*words, NUMBER)
    assert (ended.code, len(ended.err) < 1000) == (2, True), ended.err
    assert not (tmp_path / "parts").exists()


def test_a_pipe_is_validated_and_one_without_a_line_end_is_refused(
    bulkops: Callable[..., Measured], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good.csv").write_bytes(HEADER + b"a\n")
    for content, code, message in (
        ("good.csv", 0, ""),
        ("/dev/zero", 2, "contains a line of more than 32,000,000 bytes"),
    ):
        with subprocess.Popen(["/bin/sh", "-c", f"cat {content} > pipe"], cwd=tmp_path, stderr=subprocess.DEVNULL):
            ended = bulkops("validate", "audiences", "good.csv", "pipe")
        assert (ended.code, message in ended.err) == (code, True), ended.err
        assert ended.peak < MOST_MEMORY / 2


def test_standard_input_that_is_empty_or_a_device_is_refused_without_traceback(tmp_path: Path) -> None:
    for name in (os.devnull, "/dev/zero"):
        with Path(name).open("rb") as stream:
            words = [sys.executable, "-m", "bulkops", "validate", "audiences", "-"]
            ended = subprocess.run(words, check=False, stdin=stream, capture_output=True, timeout=60, cwd=tmp_path)
        assert ended.returncode in (1, 2)
        assert b"Traceback" not in ended.stderr
