"""What the ledger holds of a job, a chunk and an event, as plain values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bulkops.ledger.states import ChunkState

Piece = tuple[int, int]

SOURCE = "source"
"""The setting of a job whose file has some records of another one: that file, and what was sent of it before."""

ADDRESS = "address"
"""The setting of a job that keeps the address, where it is not the one in its target's identity."""

SENT_HEADER = "sent_header"
"""The setting of a job that sends another header than its file has: the header as text, its line end included."""


@dataclass(frozen=True, kw_only=True)
class JobEntry:
    """One file, one contract, one target, frozen. `target` is the identity of the target, never a key.

    `address` is where its server was reached, which is one of the addresses that share the identity.

    `options` are the contract's query options by option name; `settings` how the run goes on
    (settle, concurrency, isolation …). `undecided` says that the evidence was read and a person must decide.
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
        """The address that requests of the job go to, if no other is given."""
        return str(self.settings.get(ADDRESS) or self.target["base_url"])

    @property
    def sent_header(self) -> bytes | None:
        """The header that is sent in place of the file's own; None where that is sent itself."""
        found: str | None = self.settings.get(SENT_HEADER)
        return None if found is None else found.encode()

    @property
    def source(self) -> Mapping[str, Any] | None:
        """The file that the job's file has the new records of; None if the job's file is the user's own."""
        found: Mapping[str, Any] | None = self.settings.get(SOURCE)
        return found

    @property
    def given_path(self) -> Path:
        """The path of the file that was given to be imported."""
        return Path(self.source["path"]) if self.source else self.file_path

    @property
    def given_sha256(self) -> str:
        """The SHA-256 of the file that was given to be imported."""
        return str(self.source["sha256"]) if self.source else self.file_sha256

    @property
    def target_key(self) -> str:
        """What two jobs share that send to the same place by the same contract."""
        return target_key(self.contract, self.target, self.options)


@dataclass(frozen=True, kw_only=True)
class ChunkEntry:
    """A chunk and what is known of it.

    `pieces` are byte ranges of whole records in the file. `first_sent` is when its records first left, on our
    clock; `clock_offset` are the seconds the server's clock was ahead of ours then, if it was known. `created` is when
    its import was made by the clock that dates rows, `rows_ahead` how many seconds that clock is ahead of the server's
    `Date`, at least, as the answer tells; 0 if the two may be one. `runs` are the numbers of its records, as first one
    and count, where they do not follow one another; only a part that was just made has them.
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
    """An import of an accepted chunk: which chunk that is, and how many rows it made.

    `accepted` is until when, on our clock, it was not settled yet; `created` and `clock_offset` are the chunk's.
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
    """What the chunks of a job in one state add up to; `undecided` if a person must decide about one of them."""

    chunks: int
    records: int
    skipped: int
    undecided: bool


def target_key(contract: str, target: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """Return what identifies the place where rows go: contract, address, ids, and options that select it."""
    places = {name: value for name, value in options.items() if value not in ("true", "false")}
    text = json.dumps([contract, target, places], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def place_of(contract: str, target: str) -> str:
    """Return what names the place that import ids are given for; `target` is the text of the job's column."""
    return hashlib.sha256(f"{contract}\n{target}".encode()).hexdigest()
