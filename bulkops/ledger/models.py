"""Define the stored values of a job, a chunk and a known import."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bulkops.ledger.states import ChunkState
from bulkops.remote.paths import path_of

Piece = tuple[int, int]

SOURCE = "source"
"""A setting of a job with `--only-new`: the user's file, and the number of its records that were sent before."""

REMOTE = "remote"
"""The setting of a job with a remote file: the version of the file that the job began with."""

ADDRESS = "address"
"""The setting with a job's address, if it differs from the one in its target's identity."""

SENT_HEADER = "sent_header"
"""The setting of a job that replaces the header of its file: the new header as text, line end included."""


UNDOES = "undoes"
"""The part of a job's target that names the job that it undoes. Such a job owns no import at its target."""

UNDO = "undo"
"""The mode of a job that removes what another job created."""


@dataclass(frozen=True, kw_only=True)
class JobEntry:
    """One file, one contract, one target: immutable. `target` is the identity of the target, never a key.

    `address` is the address at which its server was reached; several addresses can share one identity.

    `options` are the contract's query options by option name; `settings` are the run options (settle, concurrency,
    isolation …). `undecided` means that the evidence was read and a manual decision is needed.
    """

    id: str
    created: datetime
    contract: str
    mode: str
    target: Mapping[str, Any]
    file_path: Path
    file_sha256: str
    file_bytes: int
    records: int
    header_end: int
    options: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    cancelled: bool = False
    reconciliation: Mapping[str, Any] | None = None

    @property
    def address(self) -> str:
        """The address to which the job's requests are sent unless another one is given."""
        return str(self.settings.get(ADDRESS) or self.target["base_url"])

    @property
    def undoes(self) -> str | None:
        """The name of the job that this one undoes by deletion or deduction; None for an import."""
        found: str | None = self.target.get(UNDOES)
        return found

    @property
    def sent_header(self) -> bytes | None:
        """The header that replaces the file's own; None if the file's own header is sent."""
        found: str | None = self.settings.get(SENT_HEADER)
        return None if found is None else found.encode()

    @property
    def source(self) -> Mapping[str, Any] | None:
        """The given file, if the job's file contains only its new records; None if the job sends the given file."""
        found: Mapping[str, Any] | None = self.settings.get(SOURCE)
        return found

    @property
    def given_path(self) -> Path:
        """The path of the file that was given to be imported."""
        return path_of(self.source["path"]) if self.source else self.file_path

    @property
    def given_sha256(self) -> str:
        """The SHA-256 of the file that was given to be imported."""
        return str(self.source["sha256"]) if self.source else self.file_sha256

    @property
    def target_key(self) -> str:
        """The key that is equal for all jobs that send to the same target with the same contract."""
        return target_key(self.contract, self.target, self.options)


@dataclass(frozen=True, kw_only=True)
class ChunkEntry:
    """A chunk and its state.

    `pieces` are byte ranges of whole records in the file. `first_sent`: time when its records first left, on this
    machine's clock. `clock_offset`: seconds by which the server's clock was ahead then; None if unknown. `created`:
    creation time of its import, by the row clock. `rows_ahead`: minimum seconds by which the row clock is ahead of the
    server's `Date`, from the response; 0 if the two may be equal. `runs`: its record numbers as first number and count,
    if they have gaps; only for a part that was just created.
    """

    number: int
    first_record: int
    records: int
    pieces: tuple[Piece, ...]
    bytes: int
    sha256: str
    state: ChunkState = ChunkState.PENDING
    attempts: int = 0
    import_id: int | None = None
    amount: int | None = None
    skipped: int = 0
    parent: int | None = None
    first_sent: datetime | None = None
    clock_offset: float | None = None
    undecided: bool = False
    message: str = ""
    lines: tuple[int, ...] = ()
    created: datetime | None = None
    rows_ahead: float | None = None
    runs: tuple[Piece, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KnownImport:
    """An import of an accepted chunk, the chunk, and the number of rows it created.

    `accepted`: time on this machine's clock until which it was not settled; `created` and `clock_offset` are the
    chunk's.
    """

    import_id: int
    job: str
    chunk: int
    sha256: str
    rows: int
    accepted: datetime
    created: datetime | None
    clock_offset: float | None


@dataclass(frozen=True, kw_only=True)
class ChunkSum:
    """The totals of a job's chunks in one state; `undecided` if one of them needs a manual decision."""

    chunks: int
    records: int
    skipped: int
    undecided: bool


def target_key(contract: str, target: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """Return the key of a target for a contract: contract, address, ids, and options that select the rows."""
    places = {name: value for name, value in options.items() if value not in ("true", "false")}
    text = json.dumps([contract, target, places], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def import_place(contract: str, target: str) -> str:
    """Return the key of the target and contract that share import ids; `target` is the text of the job's column."""
    return hashlib.sha256(f"{contract}\n{target}".encode()).hexdigest()
