"""Define the states of a chunk and of a job, and the table of allowed transitions.

`tests/protocol/model.py` searches through every order in which jobs can take these transitions.
"""

from collections.abc import Mapping
from enum import StrEnum


class ChunkState(StrEnum):
    """The state of a chunk."""

    PENDING = "pending"  # to be sent; the server has none of it, as far as is known
    SENDING = "sending"  # the intent is written; the request leaves, or has left
    RESENT = "resent"  # accepted after a resend, because no trace was found; a final check is due
    ACCEPTED = "accepted"  # confirmed by the server, by evidence or by a person
    REFUSED = "refused"  # refused by the server; it may have imported a part
    REJECTED = "rejected"  # refused by the server, and none of it was imported
    IN_DOUBT = "in_doubt"  # the request left, and its outcome is unknown
    DIVIDED = "divided"  # other chunks contain its records now
    SKIPPED = "skipped"  # not sent, because the target already equals it


class JobState(StrEnum):
    """The state of a job, derived from its chunks."""

    DONE = "done"
    UNFINISHED = "unfinished"
    IN_DOUBT = "in_doubt"
    REFUSED = "refused"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[ChunkState, frozenset[ChunkState]] = {
    ChunkState.PENDING: frozenset(
        {ChunkState.SENDING, ChunkState.DIVIDED, ChunkState.SKIPPED, ChunkState.ACCEPTED, ChunkState.IN_DOUBT},
    ),
    ChunkState.SENDING: frozenset(
        {ChunkState.ACCEPTED, ChunkState.RESENT, ChunkState.REFUSED, ChunkState.PENDING, ChunkState.IN_DOUBT},
    ),
    ChunkState.IN_DOUBT: frozenset(
        {ChunkState.ACCEPTED, ChunkState.RESENT, ChunkState.PENDING, ChunkState.DIVIDED},
    ),
    ChunkState.REFUSED: frozenset(
        {ChunkState.REJECTED, ChunkState.DIVIDED, ChunkState.ACCEPTED, ChunkState.RESENT, ChunkState.IN_DOUBT},
    ),
    ChunkState.RESENT: frozenset({ChunkState.ACCEPTED}),
    ChunkState.ACCEPTED: frozenset(),
    ChunkState.REJECTED: frozenset(),
    ChunkState.DIVIDED: frozenset(),
    ChunkState.SKIPPED: frozenset(),
}

OPEN = frozenset(state for state, following in TRANSITIONS.items() if following)
UNSETTLED = frozenset({ChunkState.SENDING, ChunkState.IN_DOUBT, ChunkState.REFUSED})
DOUBTFUL = UNSETTLED | {ChunkState.RESENT}
IMPORTED = frozenset({ChunkState.ACCEPTED, ChunkState.RESENT})


def may_follow(before: ChunkState, after: ChunkState) -> bool:
    """Return whether a chunk may go from one state to the other."""
    return after in TRANSITIONS[before]


# JSON keeps the names of the states. In messages each word has one meaning: a guard refuses an import, validation finds
# a file invalid, the server declines a request, and a record that is not sent again is rejected.
JOB_WORDS: Mapping[str, str] = {JobState.IN_DOUBT: "in doubt", JobState.REFUSED: "done"}
CHUNK_WORDS: Mapping[str, str] = {ChunkState.IN_DOUBT: "in doubt", ChunkState.REFUSED: "declined"}


def job_word(state: str, *, rejected: int = 0) -> str:
    """Return the word for a job's state in messages; a job with rejected records is done, with their number."""
    word = JOB_WORDS.get(state, state)
    return f"{word} with {rejected:,} rejected" if state == JobState.REFUSED and rejected else word


def chunk_word(state: str) -> str:
    """Return the word for a chunk's state in messages."""
    return CHUNK_WORDS.get(state, state)
