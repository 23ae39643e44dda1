"""Take a file from an inbox: copy it to a work folder, check that it did not change meanwhile, and decompress it."""

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bulkops.errors import DataError, InputUnreadable, LimitExceeded
from bulkops.inbox.book import Book, Drop
from bulkops.inbox.decisions import Manifest, Waiting, differs_from_manifest, parse_manifest
from bulkops.inbox.storage import BLOCK, Storage, copy_bytes, work_file
from bulkops.limits import TooLarge
from bulkops.names import COMPRESSED
from bulkops.private import private_folder
from bulkops.reading.compressed import opened
from bulkops.reading.sources import DAMAGED
from bulkops.remote.versions import StoredFile

DRAFT = ".part"
"""The name of a work file until it is complete; it is short, because names of partners can have the maximum length."""
MAX_MANIFEST = 1 << 20
"""Maximum bytes of a manifest."""


@dataclass(frozen=True, kw_only=True)
class WorkFiles:
    """The files of a drop on this machine.

    `original` has the bytes that the partner dropped, `plain` the same content decompressed. `good` has the records
    that are sent if others go to quarantine, `bad` those others.
    """

    folder: Path
    name: str

    @property
    def original(self) -> Path:
        """The copy of the dropped file."""
        return self.folder / "original" / self.name

    @property
    def plain(self) -> Path:
        """The content without compression: the same file if it has none."""
        return self.folder / "plain" / self.plain_name if self.compressed else self.original

    @property
    def plain_name(self) -> str:
        """The name without the suffix of a compression."""
        end = next((suffix for suffix in COMPRESSED if self.name.lower().endswith(suffix)), "")
        return self.name[: len(self.name) - len(end)] or self.name

    @property
    def compressed(self) -> bool:
        """Whether the name says that the content is compressed."""
        return self.plain_name != self.name

    @property
    def good(self) -> Path:
        """The records that are sent if others go to quarantine."""
        return self.folder / "good" / self.plain_name

    @property
    def bad(self) -> Path:
        """The records that go to quarantine."""
        return self.folder / "bad" / self.plain_name

    @property
    def findings(self) -> Path:
        """The findings of the records that go to quarantine."""
        return self.folder / "bad-findings.json"

    @property
    def evidence(self) -> Path:
        """The folder of the files that go beside the archived file."""
        return self.folder / "evidence"


def work_files(book: Book, drop: Drop) -> WorkFiles:
    """Return the work files of a drop."""
    return WorkFiles(folder=book.folder / "work" / drop.id, name=drop.name)


def take(
    book: Book,
    place: Storage,
    file: StoredFile,
    *,
    pattern: str,
    now: datetime,
    companion: StoredFile | None,
    corrects: str | None,
    early: Drop | None = None,
) -> Drop | Waiting:
    """Copy a file to its work folder and return it as a drop; Waiting if it changed while it was copied.

    The copy is complete when this returns, but no row of the book names it yet. An `early` copy is used if the file has
    not changed since.
    """
    if early is not None and early.file == file and _is_current(book, place, early):
        return replace(early, pattern=pattern, taken=now, companion=companion, corrects=corrects)
    drafts = book.folder / "work" / "drafts"
    private_folder(drafts.parent)
    private_folder(drafts)
    draft = drafts / "copy"
    with work_file(draft) as out, place.read(file.name) as source:
        sha256 = copy_bytes(source, out)
    after = place.find(file.name)
    if after is None or after.version != file.version or draft.stat().st_size != file.size:
        return Waiting(reason="it changed while it was read")
    if (local := place.local(file.name)) is not None:
        draft.chmod(local.stat().st_mode & 0o777 | 0o600)
    key = "\0".join((file.name, file.version, sha256))
    drop = Drop(
        id=hashlib.sha256(key.encode()).hexdigest()[:20],
        name=file.name,
        pattern=pattern,
        file=file,
        taken=now,
        sha256=sha256,
        companion=companion,
        corrects=corrects,
    )
    files = work_files(book, drop)
    private_folder(files.folder)
    private_folder(files.original.parent)
    draft.replace(files.original)
    return drop


def _is_current(book: Book, place: Storage, early: Drop) -> bool:
    """Return whether a copy is complete, and the file in the inbox still has the version that was copied."""
    after, copy = place.find(early.name), work_files(book, early).original
    if after is None or after.version != early.file.version:
        return False
    return copy.is_file() and copy.stat().st_size == early.file.size


def manifest_of(place: Storage, drop: Drop) -> Manifest:
    """Return the manifest of a drop; DataError if it is invalid."""
    assert drop.companion is not None
    name = drop.companion.name
    with place.read(name) as file:
        data = file.read(MAX_MANIFEST + 1)
    if len(data) > MAX_MANIFEST:
        raise DataError(f"The manifest {name} has more than {MAX_MANIFEST:,} bytes.", hint="Ask for it again.")
    try:
        return parse_manifest(data.decode("utf-8-sig"), drop.name)
    except (ValueError, RecursionError) as error:
        raise DataError(f"The manifest {name} is invalid: {error}.", hint="Ask the partner to send it again.") from None


def check_bytes(manifest: Manifest, drop: Drop) -> None:
    """Raise DataError if a file is not the one that its manifest describes."""
    if (how := differs_from_manifest(manifest, size=drop.file.size, sha256=drop.sha256)) is not None:
        raise DataError(f"{drop.name} is not the file of its manifest: {how}.", hint="Ask for the file again.")


def decompress(files: WorkFiles) -> Path:
    """Write the content of a file without compression and return its path; the original itself if it has none.

    InputUnreadable if the compressed content is damaged or not a table.
    """
    if not files.compressed:
        return files.original
    private_folder(files.plain.parent)
    draft = files.plain.with_name(DRAFT)
    try:
        with work_file(draft) as out, files.original.open("rb") as raw:
            shutil.copyfileobj(opened(raw, files.name, files.name), out, BLOCK)
            out.flush()
            os.fsync(out.fileno())
    except DAMAGED as error:
        raise InputUnreadable(f"{files.name} is damaged: {error}.") from None
    except TooLarge as error:
        raise LimitExceeded(f"{files.name}: {error}.", hint=error.hint) from None
    draft.replace(files.plain)
    return files.plain
