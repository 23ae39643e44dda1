"""Changes of a job's file, and the advice about them."""

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bulkops.errors import FileChanged, InputUnreadable
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.body import settled_stamp
from bulkops.upload.chunk_records import ChunkRecords
from bulkops.upload.input_file import JobFile, change_of
from tests.unit.ledger.test_store import CHUNK, JOB

CONTENT = b"code\nA\nB\n"


def job(file: Path, content: bytes = CONTENT, **changes: object) -> JobEntry:
    return replace(
        JOB,
        file_path=file,
        file_sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        records=2,
        header_end=5,
        **changes,  # type: ignore[arg-type] # names of fields
    )


@pytest.mark.parametrize(
    ("before", "after", "said", "start"),
    [
        (CONTENT, CONTENT + b"C\nD\n", "4 new bytes (2 records)", 9),
        (CONTENT, CONTENT + b"C", "1 new byte (1 record)", 9),
        (CONTENT, CONTENT + b"\n\n", "2 new bytes (0 records)", 9),
        (CONTENT, CONTENT + b'"C\nC"\n', "6 new bytes (1 record)", 9),
        (CONTENT[:-1], CONTENT + b"C\n", "3 new bytes (1 record)", 9),
        (CONTENT[:-1], CONTENT[:-1] + b"\r\nC\n", "4 new bytes (1 record)", 10),
        (CONTENT[:-1], CONTENT[:-1] + b"B\nC\n", "4 new bytes (1 record); the last record of the job was cut off", 8),
        (CONTENT, CONTENT[:-2], "7 of its 9 bytes remain", None),
        (CONTENT, b"", "0 of its 9 bytes remain", None),
        (CONTENT, b"code\nA\nX\n", "its bytes differ", None),
        (CONTENT, b"code\nA\nX\nY\n", "its bytes differ", None),
    ],
)
def test_file_change_is_described(before: bytes, after: bytes, said: str, start: int | None, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(after)
    found = change_of(file, sha256=hashlib.sha256(before).hexdigest(), size=len(before))
    assert found is not None
    assert (said in found.description, found.grown_from) == (True, start), found


def test_file_with_equal_bytes_is_unchanged_and_a_missing_one_unreadable(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert change_of(tmp_path / "f.csv", sha256=sha256, size=len(CONTENT)) is None
    with pytest.raises(InputUnreadable):
        change_of(tmp_path / "none.csv", sha256=sha256, size=1)


PENDING = replace(CHUNK, state=ChunkState.PENDING, attempts=0)
SENT = replace(CHUNK, number=2, state=ChunkState.ACCEPTED, attempts=1)
CANCELLING = "cancel the job and import the new file"


@pytest.mark.parametrize(
    ("mode", "chunks", "after", "advice", "never"),
    [
        ("append", [PENDING], b"code\nX\nY\n", CANCELLING, "head -c"),
        ("append", [PENDING, SENT], b"code\nX\nY\n", "Put the original file back", CANCELLING),
        ("create", [PENDING, SENT], CONTENT + b"C\n", "head -c 9", CANCELLING),
        ("append", [SENT], CONTENT + b"C\n", "tail -c +10", "resume"),
        ("append", [SENT], b"code\nX\nY\n", "Import only new records", "resume"),
        ("upsert", [PENDING, SENT], b"code\nX\nY\n", CANCELLING, "twice"),
        ("replace", [SENT], CONTENT + b"C\n", "Import the file again", "twice"),
        ("append", [], CONTENT + b"C\n", "Nothing was sent", "resume"),
    ],
)
def test_hint_about_a_changed_file_never_sends_a_record_twice(
    mode: str, chunks: list[ChunkEntry], after: bytes, advice: str, never: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(after)
    found = JobFile(job(file, mode=mode), chunks=lambda: chunks).change()
    assert found is not None
    assert found.hint is not None
    assert (advice in found.hint, never in found.hint) == (True, False), found.hint


@pytest.mark.parametrize("mode", ["append", "create", "upsert", "replace"])
@pytest.mark.parametrize("chunks", [[SENT], [PENDING, SENT]], ids=["sent", "unfinished"])
def test_hint_about_a_missing_file_names_the_option_for_its_new_path(
    mode: str, chunks: list[ChunkEntry], tmp_path: Path
) -> None:
    found = JobFile(job(tmp_path / "none.csv", mode=mode), chunks=lambda: chunks).change()
    assert found is not None
    assert found.hint is not None
    assert ("--file PATH" in found.hint, "new records" in found.hint) == (True, False), found.hint


def test_bytes_are_read_only_where_the_file_system_shows_a_change(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(CONTENT)
    assert settled_stamp(file) is None  # written just now: another write might not show
    time.sleep(2.1)
    stamp = settled_stamp(file)
    assert stamp is not None
    wrong = replace(job(file), file_sha256="0" * 64)
    JobFile(wrong, chunks=list, stamp=stamp).refuse_change()
    os.utime(file)
    with pytest.raises(FileChanged):
        JobFile(wrong, chunks=list, stamp=stamp).refuse_change()
    JobFile(job(file), chunks=list, stamp=stamp).refuse_change()


def test_chunk_records_of_a_changed_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(CONTENT)
    chunk = replace(CHUNK, records=2, pieces=((5, 9),), bytes=9, sha256=hashlib.sha256(CONTENT).hexdigest())
    assert ChunkRecords(file, 5, chunk).part([1]).sha256 == hashlib.sha256(b"code\nB\n").hexdigest()
    file.write_bytes(b"code\nA\nX\n")
    with pytest.raises(FileChanged, match="chunk 1 differ"):
        ChunkRecords(file, 5, chunk)
