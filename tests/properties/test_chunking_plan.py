"""Any CSV, any limits: chunks are whole records, in order, each within its limits, and together the file."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.chunking import plan as planning
from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import plan_file

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
)
def test_chunks_are_whole_records_and_add_up_to_the_file(
    rows: list[tuple[str, str]],
    end: str,
    quoting: Literal[0, 1],
    last_newline: bool,
    most: int,
    most_bytes: int,
    block: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "BLOCK", block)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerows([("one", "two"), *rows])
    data = text.getvalue().encode()
    data = data if last_newline else data.removesuffix(end.encode())
    file = tmp_path / "f.csv"
    file.write_bytes(data)
    plan = plan_file(file, ChunkLimits(max_records=most, max_bytes=most_bytes, whole=False))
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
