"""An explicit-state model of the exactly-once protocol for counted rows, searched through in every order.

Jobs send chunks. The server imports requests, loses them, or responds. Processes are killed and started again. Jobs
read the target back and judge. Each step that can be interleaved with a step of another job is a separate action: a
read-back is one action, and the conclusion from it is another.

The words are those of `bulkops/ledger/states.py`. A request has three phases: `fresh` while its response is awaited,
`late` until the last read-back of a resent chunk, `over` after it. A request may be imported while it is fresh or late,
or never. The server's clock may be set back; then an import can be dated before its own request. `Rules` switches off
one protection at a time, and tests show the fault that it prevents."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bulkops.ledger.states import ChunkState, may_follow

FRESH, LATE, OVER = "fresh", "late", "over"
PENDING, SENDING, IN_DOUBT = ChunkState.PENDING, ChunkState.SENDING, ChunkState.IN_DOUBT
ACCEPTED, RESENT = ChunkState.ACCEPTED, ChunkState.RESENT


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The protections of the protocol, and how hard the world tries to get around them."""

    one_owner: bool = True  # an import settles one chunk, over all jobs
    wait_for_contenders: bool = True  # an import stays with another job's current request that may own it
    wait_for_response_time: bool = True  # "absent" is concluded only after the response time
    final_look: bool = True  # the target is read once more after a resend
    count_all_jobs: bool = True  # both waits cover requests with the same content in every job
    all_clocks: bool = True  # a read-back covers the departure by both clocks if one was set
    late_imports: bool = True  # the server may import after the response time
    kills: int = 0
    clock_sets: int = 0
    attempts: int = 2
    requests: int = 4


class Reading(NamedTuple):
    """The result of a read-back: `free` are the imports of the content that no chunk had claimed.

    `ripe`: no request with the content is fresh any more. `unproven`: an import is dated before the request, so it may
    be an older one.
    """

    free: frozenset[int]
    ripe: bool
    unproven: bool = False


class Chunk(NamedTuple):
    """A chunk: its job, its content, and its state in the ledger of the job.

    `found` is its import; `again`: it was resent because no import was found.
    """

    job: str
    content: str
    state: ChunkState = PENDING
    attempts: int = 0
    found: int | None = None
    again: bool = False
    undecided: bool = False
    reading: Reading | None = None


class Request(NamedTuple):
    """A request: its chunk, its phase, and whether the server imported it.

    `heard`: its process still waits for the response. `left_before`: the server's clock was set back since the request
    left. `dated_back`: its rows were dated after that.
    """

    chunk: int
    phase: str = FRESH
    imported: bool = False
    heard: bool = True
    left_before: bool = False
    dated_back: bool = False


class World(NamedTuple):
    """Everything: ledger, server, requests. The index of a request in the list is the id of its import."""

    chunks: tuple[Chunk, ...]
    requests: tuple[Request, ...] = ()
    kills: int = 0
    clock_sets: int = 0

    def with_chunk(self, place: int, **changes: Any) -> "World":
        """Return the world with one chunk changed, as the table of states allows it."""
        chunk = self.chunks[place]
        after = ChunkState(str(changes.get("state", chunk.state)))
        if after is not chunk.state and not may_follow(chunk.state, after):
            raise ValueError(f"A chunk cannot go from {chunk.state} to {after}.")
        changed = chunk._replace(**changes)
        return self._replace(chunks=(*self.chunks[:place], changed, *self.chunks[place + 1 :]))

    def with_request(self, number: int, **changes: Any) -> "World":
        """Return the world with one request changed."""
        changed = self.requests[number]._replace(**changes)
        return self._replace(requests=(*self.requests[:number], changed, *self.requests[number + 1 :]))

    def imports(self, content: str) -> frozenset[int]:
        """Return the imports of some content that the server contains."""
        return frozenset(
            n for n, r in enumerate(self.requests) if r.imported and self.chunks[r.chunk].content == content
        )

    def is_owned(self, number: int) -> bool:
        """Return whether an import is recorded for a chunk."""
        return any(chunk.found == number for chunk in self.chunks)


def steps(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    """Yield every action that is possible, with the world after it."""
    yield from _of_the_server(world, rules)
    yield from _kills(world, rules)
    if world.clock_sets < rules.clock_sets and world.requests:
        behind = tuple(request._replace(left_before=True) for request in world.requests)
        yield "the server's clock is set back", world._replace(requests=behind, clock_sets=world.clock_sets + 1)
    for place, chunk in enumerate(world.chunks):
        match chunk.state:
            case ChunkState.PENDING:
                yield from _send(world, place, chunk, rules)
            case ChunkState.IN_DOUBT if not chunk.undecided and not _is_sending(world, chunk.job):
                yield from _settle(world, place, chunk, rules)
            case ChunkState.RESENT:
                yield from _final_look(world, place, chunk, rules)


def _send(world: World, place: int, chunk: Chunk, rules: Rules) -> Iterator[tuple[str, World]]:
    """Send a chunk; a job sends one at a time, and settles chunks in doubt when nothing is left to send."""
    left = chunk.attempts < rules.attempts and len(world.requests) < rules.requests
    if left and not _is_sending(world, chunk.job):
        sent = world.with_chunk(place, state=SENDING, attempts=chunk.attempts + 1, reading=None)
        yield f"{chunk.job} sends chunk {place}", sent._replace(requests=(*world.requests, Request(chunk=place)))


def _of_the_server(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    """Import each request, respond to it, or do nothing, while time passes."""
    for number, request in enumerate(world.requests):
        may_import = request.phase == FRESH or (request.phase == LATE and rules.late_imports)
        if not request.imported and may_import:
            done = world.with_request(number, imported=True, dated_back=request.left_before)
            yield f"the server imports {number}", done
        if request.heard:
            if request.imported:
                yield f"the response names import {number}", _answered(world, number, request, rules)
            yield f"the response to {number} is lost", _doubt(world, number, request.chunk)
        elif not request.imported and request.phase != OVER:
            phase = LATE if request.phase == FRESH else OVER
            yield f"request {number} is {phase}", world.with_request(number, phase=phase)


def _doubt(world: World, number: int, place: int) -> World:
    return world.with_request(number, heard=False).with_chunk(place, state=IN_DOUBT, reading=None)


def _answered(world: World, number: int, request: Request, rules: Rules) -> World:
    """Record the import of a response; if another chunk owns it, this chunk needs its own import."""
    if rules.one_owner and world.is_owned(number):
        return _doubt(world, number, request.chunk)
    state = RESENT if world.chunks[request.chunk].again and rules.final_look else ACCEPTED
    return world.with_request(number, heard=False).with_chunk(request.chunk, state=state, found=number)


def _kills(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    """Kill a job: after that its current chunk is in doubt, and its read-backs are forgotten."""
    if world.kills >= rules.kills:
        return
    for job in sorted({chunk.job for chunk in world.chunks}):
        after = world
        for number, request in enumerate(world.requests):
            if request.heard and world.chunks[request.chunk].job == job:
                after = _doubt(after, number, request.chunk)
        for place, chunk in enumerate(after.chunks):
            if chunk.job == job and chunk.reading is not None:
                after = after.with_chunk(place, reading=None)
        if after is not world:
            yield f"{job} is killed", after._replace(kills=world.kills + 1)


def _settle(world: World, place: int, chunk: Chunk, rules: Rules) -> Iterator[tuple[str, World]]:
    """Read back, or act on the last read-back: accept an import, resend, or read once more."""
    unowned = frozenset(n for n in world.imports(chunk.content) if not world.is_owned(n))
    free = frozenset(n for n in unowned if not world.requests[n].dated_back)
    now = Reading(
        free=free,
        unproven=rules.all_clocks and unowned != free,
        ripe=all(r.imported or r.phase != FRESH for r in _relevant(world, place, chunk, rules)),
    )
    if now != chunk.reading:
        yield f"{chunk.job} reads for chunk {place}", world.with_chunk(place, reading=now)
    if chunk.reading is None:
        return
    if chunk.reading.free:
        if not (rules.wait_for_contenders and _flying(world, chunk)):
            yield f"chunk {place} is settled by evidence", _land(world, place, chunk, rules)
    elif chunk.reading.unproven:
        yield f"chunk {place} needs a decision", world.with_chunk(place, undecided=True, reading=None)
    elif chunk.reading.ripe or not rules.wait_for_response_time:
        yield f"chunk {place} counts as lost", world.with_chunk(place, state=PENDING, again=True, reading=None)


def _land(world: World, place: int, chunk: Chunk, rules: Rules) -> World:
    """Accept an import that was read; judge again if another chunk has claimed it since."""
    number = min(chunk.reading.free if chunk.reading else ())
    if rules.one_owner and world.is_owned(number):
        return world.with_chunk(place, reading=None)
    state = RESENT if chunk.again and rules.final_look else ACCEPTED
    return world.with_chunk(place, state=state, found=number, reading=None)


def _final_look(world: World, place: int, chunk: Chunk, rules: Rules) -> Iterator[tuple[str, World]]:
    """Accept a resent chunk, or require a manual decision if the target contains its content too often."""
    others = [c for n, c in enumerate(world.chunks) if c.job == chunk.job and n != place]
    if any(c.state in (PENDING, SENDING, IN_DOUBT) for c in others) or _flying(world, chunk):
        return
    if any(not r.imported and r.phase != OVER for r in _relevant(world, place, chunk, rules)):
        return
    seen = [n for n in world.imports(chunk.content) if rules.all_clocks or not world.requests[n].dated_back]
    free = [n for n in seen if not world.is_owned(n)]
    waiting = sum(c.job != chunk.job and c.content == chunk.content and c.state is IN_DOUBT for c in world.chunks)
    yield f"final look at chunk {place}", world.with_chunk(place, state=ACCEPTED, undecided=len(free) > waiting)


def _relevant(world: World, place: int, chunk: Chunk, rules: Rules) -> list[Request]:
    """Return the requests with an import that may belong to the chunk."""
    if rules.count_all_jobs:
        return [r for r in world.requests if world.chunks[r.chunk].content == chunk.content]
    return [r for r in world.requests if r.chunk == place]


def _is_sending(world: World, job: str) -> bool:
    return any(c.job == job and c.state is SENDING for c in world.chunks)


def _flying(world: World, chunk: Chunk) -> bool:
    """Return whether another job sends the same content and still waits for the response."""
    return any(c.job != chunk.job and c.content == chunk.content and c.state is SENDING for c in world.chunks)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A forbidden end, and the actions that lead to it."""

    what: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return self.what + "".join(f"\n  {action}" for action in self.path)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The result of a search: the number of worlds and of ends, and the first fault."""

    worlds: int
    ends: int
    fault: Fault | None


def search(contents: dict[str, str], rules: Rules) -> Search:
    """Visit every world that jobs with chunks of these contents (`{"A": "xy", "B": "x"}`) can reach."""
    start = World(chunks=tuple(Chunk(job=job, content=c) for job, text in contents.items() for c in text))
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    queue, ends = deque([start]), 0
    while queue:
        world = queue.popleft()
        following = list(steps(world, rules))
        ends += not following
        if what := wrong_with(world, at_end=not following):
            return Search(worlds=len(came_from), ends=ends, fault=Fault(what=what, path=_path(came_from, world)))
        for action, after in following:
            if after not in came_from:
                came_from[after] = (world, action)
                queue.append(after)
    return Search(worlds=len(came_from), ends=ends, fault=None)


def wrong_with(world: World, *, at_end: bool) -> str:
    """Return the fault of a world: records lost or doubled although all of their jobs ended with exit 0."""
    taken = Counter(chunk.found for chunk in world.chunks if chunk.found is not None)
    if any(count > 1 for count in taken.values()):
        return f"one import settled two chunks: {world.chunks}"
    if not at_end:
        return ""
    for content in {chunk.content for chunk in world.chunks}:
        chunks = [chunk for chunk in world.chunks if chunk.content == content]
        settled = [chunk for chunk in chunks if chunk.state is ACCEPTED and not chunk.undecided]
        held = len(world.imports(content))
        if held < len(settled):
            return f"{content} is lost: {world}"
        if held > len(chunks) and len(settled) == len(chunks):
            return f"{content} is doubled with exit 0: {world}"
    return ""


def _path(came_from: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    actions = []
    while (before := came_from[world]) is not None:
        world, action = before
        actions.append(action)
    return tuple(reversed(actions))


def without(rules: Rules, name: str) -> Rules:
    """Return the rules with one protection switched off."""
    return replace(rules, **{name: False})
