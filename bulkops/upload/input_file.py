"""Check during a job whether its file still has the bytes that the job began with."""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import RawIOBase
from itertools import chain, count
from pathlib import Path

from bulkops.errors import FileChanged, InputUnreadable
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.states import DOUBTFUL, ChunkState
from bulkops.reading.records.boundaries import counted_blocks
from bulkops.remote.paths import copy_of, fetch, replaced
from bulkops.upload.body import BLOCK, FileStamp, settled_stamp
from bulkops.wording import counted
from bulkops_validators.model.contract import Mode

STILL_OPEN = DOUBTFUL | {ChunkState.PENDING}


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """The difference between a file and the bytes that a job began with.

    `description` completes the sentence "FILE …". If the file only has new bytes after the old ones, `grown_from` is
    the byte offset of the first new record, and `cut_off` is True if the last old record continues in the new bytes.
    `gone`: the file is missing or cannot be read, so nothing is known about its content.
    """

    description: str
    grown_from: int | None = None
    cut_off: bool = False
    gone: bool = False


class JobFile:
    """The file of a job. `stamp` is the file's stamp from right before its bytes were read and hashed.

    `chunks` returns the job's chunks when a message needs them; it returns none before the ledger contains the job.
    """

    def __init__(
        self, job: JobEntry, *, chunks: Callable[[], Sequence[ChunkEntry]], stamp: FileStamp | None = None
    ) -> None:
        self._job = job
        self._chunks = chunks
        self._stamp = stamp

    def refuse_change(self, *, at_server: bool = True) -> None:
        """Raise FileChanged unless the file has the job's bytes.

        The bytes are read only if size, times or inode differ, or if these could not show a change. A remote file must
        still have the version that was copied; its server is only asked with `at_server`.
        """
        if (error := self.change(at_server=at_server)) is not None:
            raise error

    def change(self, *, at_server: bool = True) -> FileChanged | None:
        """Return the error that describes how the file has changed; None if it has not changed.

        Unfinished or UsageError if the server of a remote file does not return its version.
        """
        job = self._job
        if at_server and (how := replaced(job.file_path)) is not None:
            return FileChanged(f"{job.file_path} {how}.", hint=_hint(job, self._chunks(), FileChange(description=how)))
        try:
            now = settled_stamp(job.file_path)
            if now is not None and now == self._stamp:
                return None
            found = change_of(job.file_path, sha256=job.file_sha256, size=job.file_bytes)
        except InputUnreadable as error:
            chunks = self._chunks()
            return FileChanged(error.message, hint=_hint(job, chunks, FileChange(description="is gone", gone=True)))
        if found is None:
            self._stamp = now
            return None
        return FileChanged(f"{job.file_path} {found.description}.", hint=_hint(job, self._chunks(), found))


def change_of(path: Path, *, sha256: str, size: int) -> FileChange | None:
    """Return how a file differs from `size` bytes with this SHA-256; None if it does not differ.

    InputUnreadable if the file cannot be read.
    """
    fetch(path)
    try:
        with path.open("rb", buffering=0) as file:
            digest, left, last = hashlib.sha256(), size, b""
            while left and (block := file.read(min(BLOCK, left))):
                digest.update(block)
                left -= len(block)
                last = block
            if left:
                return FileChange(
                    description=f"has changed since the job began: {size - left:,} of its {size:,} bytes remain"
                )
            if digest.hexdigest() != sha256:
                return FileChange(description="has changed since the job began: its bytes differ")
            return _growth(file, size, ended=last.endswith(b"\n"))
    except OSError as error:
        raise InputUnreadable(f"{path} cannot be read: {error.strerror or error}.") from None


def _growth(file: RawIOBase, size: int, *, ended: bool) -> FileChange | None:
    """Return the change if bytes follow the first `size` bytes of a file; None if none follow."""
    bytes_read = records = 0
    start = b""
    for block in counted_blocks(lambda length: file.read(length) or b""):
        start = start or block.data[:2]
        bytes_read += len(block.data)
        records += block.records + (not block.whole and bool(block.data.strip(b"\r\n")))
    if not bytes_read:
        return None
    line_end = next((end for end in (b"\r\n", b"\n") if start.startswith(end)), b"")
    cut_off = not ended and not line_end
    records -= cut_off and records > 0
    description = f"has grown since the job began: {counted(bytes_read, 'new byte')} ({counted(records, 'record')})"
    if cut_off:
        description += "; the last record of the job was cut off and continues in them"
    return FileChange(description=description, grown_from=size + (0 if ended else len(line_end)), cut_off=cut_off)


def _hint(job: JobEntry, chunks: Sequence[ChunkEntry], change: FileChange) -> str:
    """Return the next step after a change of the file. The advice never sends records twice."""
    if not chunks:
        return "Nothing was sent. Import the file again when it is complete."
    again = Mode(job.mode).resend_is_safe
    if any(chunk.state in STILL_OPEN for chunk in chunks) and not job.cancelled:
        nothing_sent = not any(chunk.attempts for chunk in chunks)
        return _hint_to_resume(job, change, may_cancel=again or nothing_sent)
    if change.gone:
        command = f"bulkops reconcile --job {job.id} --file PATH"
        return f"The job has sent its records. Put the file back, or name its new path: `{command}`."
    if again:
        return "The job sent the earlier content. Import the file again to send its present content."
    if change.cut_off:
        return (
            f"Record {job.records:,} was sent before it was complete: compare it with the target. "
            "Import only the new records: another import of the whole file would send the others twice."
        )
    if change.grown_from is not None:
        return (
            f"The job sent the first {counted(job.records, 'record')}. Import only the new ones, from a separate "
            f"file: {_rest_of(job, change.grown_from)}"
        )
    return "The job sent the earlier content. Import only new records: records in both versions would be sent twice."


def _hint_to_resume(job: JobEntry, change: FileChange, *, may_cancel: bool) -> str:
    cancelling = ", or cancel the job and import the new file" if may_cancel else ""
    path = shlex.quote(str(job.file_path))
    if change.grown_from is not None:
        copy = shlex.quote(str(_free_name(job.file_path, "first")))
        return (
            f"Resume with the bytes that the job began with: head -c {job.file_bytes} {path} > {copy} && "
            f"bulkops jobs resume {job.id} --file {copy}{cancelling}."
        )
    naming = f"bulkops jobs resume {job.id} --file PATH"
    if (kept := copy_of(job.file_path)) is not None:
        naming = f"bulkops jobs resume {job.id} --file {shlex.quote(str(kept))}"
        return f"Resume with the copy of the file that the job began with: {naming}{cancelling}."
    return f"Put the original file back and resume, or name it with `{naming}`{cancelling}."


def _rest_of(job: JobEntry, start: int) -> str:
    """Return the shell command that writes the header and the bytes from offset `start` on to a new file."""
    path = shlex.quote(str(job.file_path))
    rest = shlex.quote(str(_free_name(job.file_path, "rest")))
    return f"(head -c {job.header_end} {path}; tail -c +{start + 1} {path}) > {rest}"


def _free_name(path: Path, word: str) -> Path:
    """Return a path beside a file that does not exist yet."""
    numbered = (path.with_name(f"{path.stem}.{word}{number}{path.suffix}") for number in count(2))
    return next(
        name for name in chain([path.with_name(f"{path.stem}.{word}{path.suffix}")], numbered) if not name.exists()
    )
