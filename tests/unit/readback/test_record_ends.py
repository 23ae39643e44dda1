"""Responses split at record ends: the records do not depend on the size of the pieces, also with malformed quotes."""

from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.readback.parse.lenient import settled_length, split_records
from bulkops.readback.parse.malformed_quotes import note_malformed_records
from bulkops.readback.parse.tables import read_frames, record_batches
from bulkops.readback.parse.warnings import Notes

PIECES = [
    "a",
    "é",
    ",",
    "\n",
    "\r\n",
    '"',
    '""',
    '5" pipe',
    '"a\nb"',
    '"two\n""lines"""',
    '{"a": 1, "b": 2}',
    "['a','b']",
]
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def records(text: str) -> list[str]:
    return [record for record, _ in split_records(text)]


@given(texts, st.integers(1, 60))
@example('5" pipe,,5\nG,"{""a"":\n1}"\nH,"x\ny"\n', 12)
def test_records_are_the_same_in_batches_of_any_size(text: str, size: int) -> None:
    data = text.encode()
    blocks = [data[n : n + size] for n in range(0, len(data), size)]
    batches = [batch.decode() for batch in record_batches(blocks, size)]
    assert "".join(batches) == text
    assert [record for batch in batches for record in records(batch)] == records(text)


@given(texts, texts)
def test_settled_records_do_not_depend_on_the_bytes_that_follow(text: str, more: str) -> None:
    settled = settled_length(text.encode())
    first = records(text.encode()[:settled].decode())
    assert records(text + more)[: len(first)] == first


def test_records_after_a_stray_quote_are_read_correctly() -> None:
    rows = "".join(f'G{n},"{{""a"":\n""b""}}",{n}\n' for n in range(2000))
    data = f'code,attributes,limit\n5" pipe,,5\n{rows}'.encode()
    blocks = [data[n : n + 1000] for n in range(0, len(data), 1000)]
    notes = Notes()
    frames = list(read_frames(blocks, name="The answer", notes=notes, batch_bytes=4096))
    assert [code for frame in frames for code in frame["code"]] == ['5" pipe', *(f"G{n}" for n in range(2000))]
    assert notes.lines() == ("1 x quotes that are not valid CSV (first: record 1).",)


def test_scan_counts_the_same_records_as_the_reader() -> None:
    for text, number in (('v,w\nA,B"B\nC,D"D\nE,F\n', 3), ('v\n5" pipe\nA\nB\n', 3), ("v\n", 0), ("", 0), ("v\nA", 1)):
        assert note_malformed_records([text.encode()], Notes()).records == number, text
