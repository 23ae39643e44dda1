"""The bytes of a chunk as they leave: the planned ones, or not a whole request."""

import os
from pathlib import Path

import pytest

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import plan_file
from bulkops.errors import GuardRefused
from bulkops.upload import body as bodies
from bulkops.upload.body import ChunkBody
from bulkops.upload.start import new_chunks

TEXT = "value\n" + "".join(f"CODE-{n:04}\n" for n in range(100))


@pytest.fixture(params=["small", "large"])
def body(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChunkBody:
    """A chunk's body; as `large` it is checked before it leaves, the file having lain still for an hour."""
    monkeypatch.setattr(bodies, "LARGE", 10 if request.param == "large" else 10**9)
    monkeypatch.setattr(bodies, "SETTLED_NS", -1)
    monkeypatch.setattr(bodies, "BLOCK", 64)
    file = tmp_path / "f.csv"
    file.write_text(TEXT)
    plan = plan_file(file, ChunkLimits(max_records=1000, max_bytes=10**6, whole=False))
    made = ChunkBody(file, plan.header_end, new_chunks(plan)[0])
    made.check()
    return made


def test_chunk_body_yields_the_bytes_of_the_file(body: ChunkBody) -> None:
    assert b"".join(body) == TEXT.encode()
    assert body.length == len(TEXT)


def test_chunk_body_changed_before_the_request_is_refused(body: ChunkBody, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(TEXT.replace("CODE-0099", "CODE-9999"))
    with pytest.raises(GuardRefused, match="chunk 1 differ"):
        list(body)


def test_chunk_body_changed_during_the_request_is_refused(body: ChunkBody, tmp_path: Path) -> None:
    blocks = iter(body)
    next(blocks)
    (tmp_path / "f.csv").write_text(TEXT.replace("CODE-0099", "CODE-9999"))
    with pytest.raises(GuardRefused):
        list(blocks)


def test_chunk_body_of_a_shortened_file_is_refused(body: ChunkBody, tmp_path: Path) -> None:
    os.truncate(tmp_path / "f.csv", 300)
    with pytest.raises(GuardRefused):
        list(body)


def test_chunk_body_of_a_recently_written_file_is_hashed_while_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LARGE", 10)
    file = tmp_path / "f.csv"
    file.write_text(TEXT)
    plan = plan_file(file, ChunkLimits(max_records=1000, max_bytes=10**6, whole=False))
    body = ChunkBody(file, plan.header_end, new_chunks(plan)[0])
    body.check()
    times = file.stat()
    file.write_text(TEXT.replace("CODE-0099", "CODE-9999"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(GuardRefused):
        list(body)
