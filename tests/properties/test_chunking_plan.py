"""Any CSV, any limits: chunks are whole records, in order, each within its limits, and together the file."""

import csv
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.chunking import plan as planning
from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import plan_file
from bulkops.limits import TooLarge, adjustable, limited_by
from bulkops.reading.records import boundaries
from bulkops.reading.records.boundaries import RecordBlock, counted_blocks

CELL = st.text(alphabet='ab"\n,é;', max_size=8).map(lambda text: text + "z")
ROWS = st.lists(st.tuples(CELL, CELL), max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    last_newline=st.booleans(),
    most=st.integers(1, 12),
    most_bytes=st.sampled_from([90, 200, 10_000]),
    block=st.sampled_from([5, 40, 1 << 20]),
    indexed=st.sampled_from([1, 1 << 16]),
)
def test_chunks_are_whole_records_and_add_up_to_the_file(
    rows: list[tuple[str, str]],
    end: str,
    quoting: Literal[0, 1],
    last_newline: bool,
    most: int,
    most_bytes: int,
    block: int,
    indexed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "BLOCK", block)
    monkeypatch.setattr(boundaries, "INDEXED", indexed)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerows([("one", "two"), *rows])
    data = text.getvalue().encode()
    data = data if last_newline else data.removesuffix(end.encode())
    file = tmp_path / "f.csv"
    file.write_bytes(data)
    limits = ChunkLimits(max_records=most, max_bytes=most_bytes, whole=False)
    plan = plan_file(file, limits)
    assert (plan.records, plan.bytes, plan.sha256) == (len(rows), len(data), hashlib.sha256(data).hexdigest())
    header = data[: plan.header_end]
    read: list[list[str]] = []
    position = plan.header_end
    for number, chunk in enumerate(plan.chunks, start=1):
        sent = header + data[chunk.start : chunk.end]
        assert (chunk.number, chunk.start, chunk.first_record) == (number, position, len(read) + 1)
        assert 1 <= chunk.records <= most
        assert chunk.bytes == len(sent) <= most_bytes
        assert chunk.sha256 == hashlib.sha256(sent).hexdigest()
        read += list(csv.reader(io.StringIO(sent.decode(), newline="")))[1:]
        position = chunk.end
    assert read == [list(row) for row in rows]
    assert position == len(data) or not rows
    bare = tuple(replace(chunk, sha256="") for chunk in plan.chunks)
    assert plan_file(file, limits, checksums=False) == replace(plan, chunks=bare)


def blocks_of(data: bytes, size: int) -> list[RecordBlock] | str:
    """Return the blocks of some data, or the error instead."""
    try:
        return list(counted_blocks(io.BytesIO(data).read, size=size))
    except TooLarge as error:
        return str(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.sampled_from(["a", '"', '""', ",", "\n", "\n\n", "\r\n", "\r", '"x\ny"', '"\n\n"', "bbbb"]), max_size=60
    ),
    size=st.sampled_from([1, 3, 7, 20, 64, 1000]),
    most=st.sampled_from([10, 25, 1 << 20]),
)
def test_structural_index_finds_the_same_blocks_in_any_bytes(
    parts: list[str], size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, found = "".join(parts).encode(), []
    with limited_by(replace(adjustable(), record_bytes=most)):
        for indexed in (1, 1 << 16):
            monkeypatch.setattr(boundaries, "INDEXED", indexed)
            found.append(blocks_of(data, size))
    assert found[0] == found[1]
