"""Whether bytes are UTF-8: long data is judged by polars, short data by Python, with the same result."""

import io
from functools import partial

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS

VALID = (b"a", "é".encode(), "名".encode(), "\U0001f600".encode(), b"\0", b"\xef\xbb\xbf", b"\xf4\x8f\xbf\xbf")
INVALID = (
    b"\x80", b"\xc3", b"\xe9t", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe0\x80\xaf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xe2\x82", b"\xf0\x9f\x98", b"\xff\xfe",
)  # fmt: skip


@pytest.mark.parametrize("size", [0, 10_000])
@pytest.mark.parametrize("piece", [*VALID, *INVALID])
def test_long_and_short_data_are_judged_alike(piece: bytes, size: int) -> None:
    data = "ä".encode() * size + piece + b"\n" * size
    assert is_utf8(data) == (piece in VALID)
    assert is_utf8(data[: len(data) - size]) == (piece in VALID)


@pytest.mark.parametrize("byte", range(0x80, 0x100))
def test_a_byte_that_is_not_utf8_has_one_cause_whatever_sign_it_is_in_windows_1252(byte: int) -> None:
    for cell in (b"AB%cCD", b"%cABCD", b"ABCD%c"):
        stream = partial(io.BytesIO, b"item\n" + cell % byte + b"\n")
        report = validate_files(CONTRACTS["collections"], [Source("m", stream)]).files[0]
        assert set(report.counts) <= {"FIL102", "FIL104"}
        assert (report.errors, report.warnings) == (1, 0)


def test_cell_with_several_bytes_that_are_not_utf8_has_one_finding() -> None:
    data = b"value,limitval\nC\xc9AF\x811,1\n\x81AF\xc91,1\n\xc9A1,\x81\nCAF\xc9,1\n"
    report = validate_files(CONTRACTS["coupons"], [Source("m", partial(io.BytesIO, data))]).files[0]
    found = [(finding.code, finding.record, finding.column) for finding in report.findings]
    assert [one for one in found if one[0].startswith("FIL")] == [
        ("FIL102", 1, "value"),
        ("FIL102", 2, "value"),
        ("FIL104", 3, "value"),
        ("FIL102", 3, "limitval"),
        ("FIL104", 4, "value"),
    ]
