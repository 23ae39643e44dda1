"""Files that cannot be read to their end: their readable part is checked, and the end of reading is reported."""

import gzip
import io
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from bulkops.reading.sources import Source, file_source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

RECORDS = 3000
CONTENT = b"value,limitval\nABCD,1.0\nABCD,1\n" + b"".join(
    f"CODE{sha256(str(n).encode()).hexdigest()[:20]},1\n".encode() for n in range(RECORDS)
)


def check(source: Source, block_bytes: int) -> FileReport:
    settings = ValidationSettings(block_bytes=block_bytes)
    return validate_files(CONTRACTS["coupons"], [source], settings=settings).files[0]


@pytest.mark.parametrize("block_bytes", [1 << 24, 4096])
def test_the_readable_part_of_a_cut_file_is_checked(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(CONTENT)[:-2000])
    report = check(file_source(path), block_bytes)
    assert report.unreadable is not None
    assert RECORDS // 2 < report.records < RECORDS
    assert [(f.code, f.record, f.line, f.column) for f in report.findings] == [
        ("XLS110", 1, 2, "limitval"),
        ("UNQ101", 2, 3, "value"),
        ("FIL110", None, report.records + 2, None),
    ]


def test_a_file_damaged_before_its_first_record_has_one_finding(tmp_path: Path) -> None:
    path = tmp_path / "f.csv.zst"
    path.write_bytes(zstandard.compress(CONTENT)[:-20])  # nothing comes of a block that is not whole
    report = check(file_source(path), 1 << 24)
    assert [(f.code, f.line) for f in report.findings] == [("FIL110", None)]


class _Failing(io.BytesIO):
    """Content behind which the disk fails."""

    def read1(self, size: int | None = -1) -> bytes:
        data = super().read1(size)
        if not data:
            raise OSError(5, "Input/output error")
        return data


@pytest.mark.parametrize("block_bytes", [1 << 24, 4096])
def test_records_read_before_the_disk_failed_are_checked(block_bytes: int) -> None:
    report = check(Source("f.csv", lambda: _Failing(CONTENT)), block_bytes)
    assert report.unreadable == "f.csv cannot be read to the end: Input/output error."
    assert report.records == RECORDS + 2
    assert [f.code for f in report.findings] == ["XLS110", "UNQ101"]


def test_a_header_that_is_cut_off_causes_no_finding_about_columns(tmp_path: Path) -> None:
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(b"value,startdate,attributes\n")[:-12])
    report = check(file_source(path), 1 << 24)
    assert [f.code for f in report.findings] == ["FIL110"]
