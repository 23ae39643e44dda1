"""Refusals of a plan, and their reasons."""

from pathlib import Path

import pytest

from bulkops.chunking.limits import ChunkLimits, chunk_limits
from bulkops.chunking.plan import plan_file
from bulkops.chunking.schedule import least_seconds
from bulkops.errors import DataError, InputUnreadable, UsageError
from bulkops_validators import CONTRACTS

SMALL = ChunkLimits(max_records=10, max_bytes=40, whole=False)


def test_requested_chunk_limits_stay_within_the_limits_of_the_contract() -> None:
    cards, coupons, audiences = CONTRACTS["loyalty-cards"], CONTRACTS["coupons"], CONTRACTS["audiences"]
    assert chunk_limits(cards, max_rows=2_000_000).max_records == 499_999
    assert chunk_limits(cards).max_records == 20_000
    assert chunk_limits(coupons).max_records == 100_000
    assert chunk_limits(audiences, max_rows=5, max_bytes=10).whole
    with pytest.raises(UsageError, match="500 MB"):
        chunk_limits(coupons, max_bytes=500_000_001)


def test_a_record_over_the_limit_is_named(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("value\nshort\n" + "x" * 60 + "\nshort\n")
    with pytest.raises(DataError, match=r"record 2 \(byte 12\) has 61 bytes"):
        plan_file(file, SMALL)


def test_a_quote_never_closed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text('value\nshort\n"open\nand on\n')
    with pytest.raises(DataError, match=r"record 2 \(byte 12\) is never closed"):
        plan_file(file, SMALL)


def test_a_replacement_too_large_for_one_request_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\n" + "a\n" * 11)
    with pytest.raises(DataError, match="only the last part would remain"):
        plan_file(file, ChunkLimits(max_records=10, max_bytes=1000, whole=True))


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_a_header_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text(text)
    with pytest.raises(DataError, match="empty"):
        plan_file(file, SMALL)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable):
        plan_file(tmp_path / "none.csv", SMALL)


def test_a_header_alone_is_one_empty_chunk_only_for_a_replacement(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("item\n")
    assert plan_file(file, SMALL).chunks == ()
    assert [c.records for c in plan_file(file, ChunkLimits(max_records=9, max_bytes=99, whole=True)).chunks] == [0]


@pytest.mark.parametrize(("requests", "seconds"), [(0, 0), (1, 0), (3, 0), (4, 1), (180, 59), (181, 60)])
def test_three_requests_go_in_a_second(requests: int, seconds: float) -> None:
    assert least_seconds(requests) == seconds
