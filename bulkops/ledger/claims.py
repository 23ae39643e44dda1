"""Record which chunk an import belongs to: one import settles one chunk, over all jobs of a ledger.

A server identifies an import by an id, and evidence finds it by its rows. Two jobs that send equal records can both
find the same import. So each import is claimed, and the primary key of the table gives it to one chunk only. Every
other chunk then needs an import of its own.

A server that restarts without its data, such as a sandbox, assigns ids again. An id that was claimed before a chunk's
request left cannot belong to that request's import: the server used it again, and the new import gets its own turn.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, bindparam, func, insert, select

from bulkops.ledger.events import EventKind
from bulkops.ledger.models import ChunkEntry, import_place
from bulkops.ledger.postgres import wait_for_place
from bulkops.ledger.prepared import add_row, first_row
from bulkops.ledger.states import ChunkState
from bulkops.ledger.tables import CHUNKS, EVENTS, IMPORTS, JOBS

CLAIMING = frozenset({ChunkState.IN_DOUBT, ChunkState.ACCEPTED, ChunkState.RESENT})
COUNTED_MODE = "append"
# Built once: building a statement takes longer than executing it.
PLACE_OF = select(JOBS.c.contract, JOBS.c.mode, JOBS.c.target).where(JOBS.c.id == bindparam("of_job"))
ADD_CLAIM = insert(IMPORTS)
CLAIM_COLUMNS = ("import_id", "turn", "job", "root", "answered", "event")
LATEST_CLAIM = (
    select(*(IMPORTS.c[name] for name in CLAIM_COLUMNS))
    .where(IMPORTS.c.place == bindparam("at_place"), IMPORTS.c.import_id == bindparam("of_import"))
    .order_by(IMPORTS.c.turn.desc())
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An import and the chunk that it belongs to. `answered`: a response of the server contained it."""

    import_id: int
    turn: int
    job: str
    root: int
    answered: bool
    event: int


class ImportTaken(Exception):
    """The ledger records the import for another chunk."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"import {claim.import_id} belongs to chunk {claim.root} of job {claim.job}")
        self.claim = claim


def claim_import(connection: Connection, job: str, chunk: ChunkEntry, *, answered: bool, event: int) -> None:
    """Record that an import belongs to the chunk, in the transaction of `event`; ImportTaken if it has another owner.

    If records have keys, one import can contain records of several chunks of a job, so the job owns it as a whole.
    """
    if chunk.import_id is None or chunk.state not in CLAIMING:
        return
    found = first_row(connection, PLACE_OF, {"of_job": job})
    assert found is not None  # a chunk belongs to a job
    contract, mode, target = found
    place = import_place(contract, target)
    wait_for_place(connection, place)
    lineage = _lineage(connection, job, chunk)
    before = latest_claim(connection, place, chunk.import_id)
    if before is not None:
        if before.job == job and (mode != COUNTED_MODE or before.root == lineage[-1]):
            return
        given_again = answered and before.answered
        if not given_again and before.event > _departure(connection, job, chunk, lineage, answered=answered):
            raise ImportTaken(before)
    claim = {
        "place": place,
        "import_id": chunk.import_id,
        "turn": 0 if before is None else before.turn + 1,
        "job": job,
        "root": lineage[-1],
        "answered": answered,
        "event": event,
    }
    add_row(connection, ADD_CLAIM, claim)


def latest_claim(connection: Connection, place: str, import_id: int) -> Claim | None:
    """Return the latest claim of an import id at a place; None if it is not claimed."""
    found = first_row(connection, LATEST_CLAIM, {"at_place": place, "of_import": import_id})
    if found is None:
        return None
    claim = Claim(**dict(zip(CLAIM_COLUMNS, found, strict=True)))
    return replace(claim, answered=bool(claim.answered))


def _lineage(connection: Connection, job: str, chunk: ChunkEntry) -> list[int]:
    """Return the number of a chunk and the numbers of its ancestors, the planned chunk last."""
    numbers = [chunk.number]
    parent = chunk.parent
    while parent is not None:
        numbers.append(parent)
        which = and_(CHUNKS.c.job == job, CHUNKS.c.number == parent)
        parent = connection.execute(select(CHUNKS.c.parent).where(which)).scalar_one()
    return numbers


def _departure(connection: Connection, job: str, chunk: ChunkEntry, lineage: list[int], *, answered: bool) -> int:
    """Return the id of the event before which no import of the chunk can have existed.

    With a response, that is the request that got it. With evidence, it is the first request with these records, or the
    start of the job if this ledger has no such request.
    """
    sent = and_(EVENTS.c.job == job, EVENTS.c.kind == EventKind.SENT)
    if answered:
        last = select(func.max(EVENTS.c.id)).where(sent, EVENTS.c.chunk == chunk.number)
        found: int | None = connection.execute(last).scalar_one()
    else:
        first = select(func.min(EVENTS.c.id)).where(sent, EVENTS.c.chunk.in_(lineage))
        found = connection.execute(first).scalar_one()
    if found is None:
        found = connection.execute(select(func.min(EVENTS.c.id)).where(EVENTS.c.job == job)).scalar_one()
    return found or 0
