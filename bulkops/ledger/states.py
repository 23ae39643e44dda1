"""The states of a chunk and of a job, and which may follow which: the one table that everything obeys.

`tests/protocol/model.py` searches through every order in which jobs can take these steps.
"""

from collections.abc import Mapping
from enum import StrEnum


class ChunkState(StrEnum):
    """What is known of a chunk."""

    PENDING = "pending"  # to be sent; nothing of it is at the server as far as anyone knows
    SENDING = "sending"  # the intent is written; the request leaves, or has left
    RESENT = "resent"  # accepted after it was sent again for want of a trace; to be looked for once more
    ACCEPTED = "accepted"  # the server said so, or evidence or a person did
    REFUSED = "refused"  # the server said no; not settled yet whether anything of it was taken in
    REJECTED = "rejected"  # the server said no, and nothing of it was taken in
    IN_DOUBT = "in_doubt"  # the request left and its outcome is not known
    DIVIDED = "divided"  # its records go on in other chunks
    SKIPPED = "skipped"  # not sent, because the target holds the same already


class JobState(StrEnum):
    """What a job's chunks amount to."""

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
    """Tell whether a chunk may go from one state to the other."""
    return after in TRANSITIONS[before]


# JSON keeps the names of the states. In text each word has one meaning: a guard refuses, the validator finds a file
# invalid, the server declines a request, and a record that is given up is rejected.
JOB_WORDS: Mapping[str, str] = {JobState.IN_DOUBT: "in doubt", JobState.REFUSED: "done"}
CHUNK_WORDS: Mapping[str, str] = {ChunkState.IN_DOUBT: "in doubt", ChunkState.REFUSED: "declined"}


def job_word(state: str, *, rejected: int = 0) -> str:
    """Return how text names the state of a job; a job with rejected records is done, and says how many there are."""
    word = JOB_WORDS.get(state, state)
    return f"{word} with {rejected:,} rejected" if state == JobState.REFUSED and rejected else word


def chunk_word(state: str) -> str:
    """Return how text names the state of a chunk."""
    return CHUNK_WORDS.get(state, state)
