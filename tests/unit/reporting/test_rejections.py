"""Rejected records are counted by reason; values in the messages do not make new reasons."""

from pathlib import Path

from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.reporting.gather import _rejections
from bulkops.reporting.rejections import EXAMPLES, Rejection, by_reason
from bulkops.upload.refusals.rejects import TOGETHER


def rejected(message: str, record: int, records: int = 1) -> Rejection:
    return Rejection(record=record, records=records, message=message, line=str(record + 1))


def test_reasons_are_counted_the_most_frequent_first_with_a_few_places() -> None:
    duplicates = [rejected(f"the code 'C{n}' exists (400)", n) for n in range(1, 9)]
    common, rare = by_reason([rejected("no campaign", 99), *duplicates])
    assert (common.message, common.records) == ("the code … exists (400)", 8)
    assert common.places == tuple(f"line {n}" for n in range(2, 2 + EXAMPLES))
    assert common.more == 3
    assert (rare.message, rare.records, rare.more) == ("no campaign", 1, 0)


def test_reason_with_records_rejected_together_is_marked() -> None:
    (reason,) = by_reason([rejected(f"bad row {TOGETHER}", 1, records=20)])
    assert (reason.message, reason.records, reason.together) == ("bad row", 20, True)


def test_long_message_is_truncated() -> None:
    (reason,) = by_reason([rejected("x" * 5000, 1)])
    assert len(reason.message) == 300


def test_incomplete_or_damaged_file_of_reasons_is_not_trusted(tmp_path: Path) -> None:
    chunk = ChunkEntry(
        number=7, first_record=41, records=2, pieces=(), bytes=1, sha256="", state=ChunkState.REJECTED, message="why"
    )
    expected = [Rejection(record=41, records=2, message="why")]
    path = tmp_path / "reasons.csv"
    assert _rejections(path, [chunk]) == expected
    for content in ("file,line,record,records,chunk,code,message\nf,9,41,1,7,c,old\n", "a,b\n1,2\n", "line\n\x00"):
        path.write_text(content)
        assert _rejections(path, [chunk]) == expected
    path.write_text("file,line,record,records,chunk,code,message\nf,55,41,2,7,c,why\n")
    assert _rejections(path, [chunk]) == [Rejection(record=41, records=2, message="why", line="55")]
    assert expected[0].place == "record 41"
