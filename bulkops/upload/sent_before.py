"""Find which records of a file were sent before, by the digests that the ledger keeps of earlier jobs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bulkops.ledger.digests import kept_digests
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.validation.digests import Digests

Mask = npt.NDArray[np.bool_]

SENT = frozenset({ChunkState.ACCEPTED, ChunkState.RESENT, ChunkState.SENDING, ChunkState.IN_DOUBT, ChunkState.REFUSED})
"""States of chunks with records that are, or may be, at the target."""
BLOCK = 1 << 20
"""Number of digests of an earlier job that are compared at once."""
MANY = 100
"""Maximum number of earlier jobs that a first import compares one by one; with more, it fills the filter."""
LATEST = 1 << 13
"""Maximum number of digests of the last jobs that are kept apart from the others."""
MOST_FILTERED = 1 << 24
"""Maximum number of digests in a filter, of 8 bytes each; further jobs are compared one by one."""
PLACE = np.uint64((1 << 20) - 1)
"""The bits of a number in a filter for the place of a job; jobs with a higher place are compared one by one."""
MOST_HELD = 1 << 20
"""Maximum number of records, counted for each earlier job that has them; with more, all earlier jobs are compared."""


@dataclass(frozen=True, kw_only=True)
class RepeatedJob:
    """An earlier job: how many records of the file it sent, and how many records it sent in all.

    If it is `running`, it may still have to send some of them.
    """

    job: JobEntry
    records: int
    sent: int
    running: bool = False


@dataclass(frozen=True, kw_only=True)
class SentBefore:
    """The records of a file that earlier jobs sent; `mask` marks them. Equal records are counted, not only found."""

    mask: Mask
    jobs: Sequence[RepeatedJob]

    @property
    def records(self) -> int:
        """The number of records that were sent before."""
        return int(self.mask.sum())


def sent_before(
    ledger: LedgerReader, jobs: Iterable[JobEntry], digests: Digests, *, running: Collection[str] = ()
) -> SentBefore | None:
    """Return which records of a file the given jobs sent before; None if they sent none of them.

    `digests` are those of the file. For jobs that are `running`, pending records count as well.
    """
    found = _RepeatCount(ledger, digests, running)
    for job in jobs:
        found.add(job)
    return found.result()


def sent_by_earlier(
    ledger: LedgerReader, earlier: "EarlierJobs", digests: Digests, *, running: Collection[str] = ()
) -> SentBefore | None:
    """Return the same as `sent_before` for earlier jobs, without reading those that can add nothing.

    A record that is in every earlier job would otherwise let each of them be read. After 1, 2, 4 … jobs, those are left
    out that can only have records that are counted already.
    """
    found = _RepeatCount(ledger, digests, running)
    places, many = earlier.places(), 1
    while len(places):
        batch = places[:many].tolist()
        for place in batch:
            found.add(ledger.job(earlier.known.names[place]))
        places, many = earlier.places(found.not_sent(), after=batch[-1]), many * 2
    return found.result()


class _RepeatCount:
    """Adds one earlier job after the other to the comparison with a file."""

    def __init__(self, ledger: LedgerReader, digests: Digests, running: Collection[str]) -> None:
        self._ledger, self._digests, self._running = ledger, digests, running
        self._index: _DigestIndex | None = None
        self._repeated: list[RepeatedJob] = []

    def add(self, job: JobEntry) -> None:
        """Add a job; one without digests adds nothing."""
        earlier = kept_digests(self._ledger, job.id, job.records)
        if earlier is None:
            return
        self._index = self._index or _DigestIndex(self._digests)
        is_running = job.id in self._running
        states = SENT | {ChunkState.PENDING} if is_running else SENT
        counts = records_in(self._ledger, job, states)
        if records := self._index.add(earlier, counts):
            sent = int(counts.sum())
            self._repeated.append(RepeatedJob(job=job, records=records, sent=sent, running=is_running))

    def not_sent(self) -> Mask:
        """Return which records of the file have digests that another job could still add to."""
        return np.ones(len(self._digests), np.bool_) if self._index is None else self._index.not_sent()

    def result(self) -> SentBefore | None:
        """Return the records that the added jobs sent; None if they sent none."""
        if self._index is None or not self._repeated:
            return None
        return SentBefore(mask=self._index.mask(), jobs=self._repeated)


@dataclass(frozen=True, kw_only=True)
class KnownJobs:
    """The jobs to one target, the oldest first, as of the event `last`: the first `count` of `names`.

    `names` and `places`, the position of each name, are shared: later jobs are added at the end. `last` is None if the
    ledger cannot tell which jobs are newer.
    """

    names: list[str]
    places: dict[str, int]
    count: int
    last: int | None = None

    @classmethod
    def of(cls, names: Iterable[str], last: int | None = None) -> "KnownJobs":
        """Return known jobs with these ids."""
        found = list(dict.fromkeys(names))
        return cls(names=found, places={name: place for place, name in enumerate(found)}, count=len(found), last=last)

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the jobs."""
        return self.names[: self.count]

    def newer(self, ledger: LedgerReader, target_key: str) -> list[str]:
        """Return the ids of the jobs that began since."""
        found = ledger.job_ids_at(target_key) if self.last is None else ledger.job_ids_since(target_key, self.last)
        return [each for each in found if self.places.get(each, self.count) >= self.count]

    def with_newer(self, newer: Iterable[str], last: int | None) -> "KnownJobs":
        """Return these jobs with newer ones, as of another event."""
        for name in newer:
            if name not in self.places:
                self.places[name] = len(self.names)
                self.names.append(name)
        return replace(self, count=len(self.names), last=last)


_TURN = Lock()
"""One thread at a time changes what this process knows about jobs."""
_KNOWN_JOBS: WeakKeyDictionary[LedgerReader, dict[str, KnownJobs]] = WeakKeyDictionary()
"""The known jobs of a ledger by target, so that many imports in one process do not read all of them again."""


def known_jobs(ledger: LedgerReader, target_key: str) -> KnownJobs:
    """Return the present jobs to a target."""
    with _TURN:
        known = _KNOWN_JOBS.setdefault(ledger, {})
        last = ledger.last_event()  # read first: a job that begins meanwhile is then found twice, never missed
        before = known.get(target_key)
        if before is None or before.last is None:
            found = KnownJobs.of(ledger.job_ids_at(target_key), last)
        else:
            found = before.with_newer(before.newer(ledger, target_key), last)
        known[target_key] = found
        return found


@dataclass(frozen=True, kw_only=True)
class EarlierJobs:
    """The earlier jobs that may have sent records of a file; jobs are numbered by their place in `known`.

    `rows` and `holders` are equally long: the job `holders[i]` may have sent the record `rows[i]`, counted from 0. Each
    of the `others` may have sent any record. `unknown` are the ids of jobs without digests.
    """

    known: KnownJobs
    rows: npt.NDArray[np.int64]
    holders: npt.NDArray[np.int64]
    others: Sequence[int]
    unknown: frozenset[str]

    def places(self, wanted: Mask | None = None, *, after: int = -1) -> npt.NDArray[np.int64]:
        """Return the places after `after` of the jobs that may have sent one of the wanted records, in order."""
        holders = self.holders if wanted is None else self.holders[wanted[self.rows]]
        found = np.union1d(holders, np.array(self.others, np.int64))
        return found[found > after]


@dataclass
class _DigestFilter:
    """The digests of the jobs to one target that cannot change any more.

    A number of the filter is the first half of a digest with the place of its job in the last bits. `first` are those
    numbers, sorted, and `latest` those of the last jobs, sorted, too: adding a small job then does not sort all again.
    The first `count` of the known jobs in `names` are in the filter, except the places in `left`. `without` are those
    without digests, and `room` is the number of digests that may still be added. The filter is used if it was `asked`
    before in this process: a single import costs less without it.
    """

    count: int = 0
    names: list[str] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    first: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    latest: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    room: int = field(default_factory=lambda: MOST_FILTERED)
    asked: bool = False

    def fits(self, known: KnownJobs) -> bool:
        """Return whether the known jobs begin with those of the filter, in the same order."""
        if known.count < self.count:
            return False
        return known.names is self.names or known.names[: self.count] == self.names[: self.count]

    def add(self, jobs: Mapping[int, npt.NDArray[np.uint64] | None], known: KnownJobs, left: list[int]) -> None:
        """Add jobs with all chunks in a final state: the first halves of their digests, or None without digests."""
        numbers = [half & ~PLACE | np.uint64(place) for place, half in jobs.items() if half is not None]
        merged = np.concatenate([self.latest, *numbers])
        many = len(merged) > LATEST
        if many:
            merged = np.concatenate([self.first, merged])
        merged.sort()
        self.first, self.latest = (merged, merged[:0]) if many else (self.first, merged)
        self.room -= sum(map(len, numbers))
        self.without |= {known.names[place] for place, half in jobs.items() if half is None}
        self.count, self.names, self.left = known.count, known.names, left

    def holders(self, digests: Digests) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
        """Return rows of a file, and for each the place of a job that may have sent it; a row can have several jobs.

        None if they are more than `MOST_HELD`. A digest with only almost the same first half is found, too.
        """
        rows, places = [], []
        lowest = digests[:, 0] & ~PLACE
        for numbers in (self.first, self.latest):
            if not len(numbers):
                continue
            start = np.searchsorted(numbers, lowest)
            held = np.flatnonzero(numbers[np.minimum(start, len(numbers) - 1)] & ~PLACE == lowest)
            start = start[held]
            found = np.searchsorted(numbers, lowest[held] | PLACE, side="right") - start
            if found.sum() > MOST_HELD:
                return None
            at = np.arange(found.sum()) + np.repeat(start - (np.cumsum(found) - found), found)
            rows.append(np.repeat(held, found))
            places.append((numbers[at] & PLACE).astype(np.int64))
        none = np.zeros(0, np.int64)
        return np.concatenate([none, *rows]), np.concatenate([none, *places])


_DIGEST_FILTERS: WeakKeyDictionary[LedgerReader, dict[str, _DigestFilter]] = WeakKeyDictionary()
"""The filters of a ledger by target, so that many imports in one process do not read all earlier digests again."""


def jobs_to_compare(ledger: LedgerReader, target_key: str, known: KnownJobs, digests: Digests) -> EarlierJobs:
    """Return the jobs with digests to compare with those of a file; `known` are all earlier jobs.

    From the second call in a process on, or with many earlier jobs, those are left out that are complete and have no
    record of the file.
    """
    with _TURN:
        filters = _DIGEST_FILTERS.setdefault(ledger, {})
        chosen = filters.setdefault(target_key, _DigestFilter(asked=known.count > MANY))
        if not chosen.fits(known):
            chosen = filters[target_key] = _DigestFilter(asked=True)
        others, unknown = _add_fresh(ledger, target_key, chosen, known)
        held = chosen.holders(digests)
        unknown |= chosen.without
    if held is None:
        nothing = np.zeros(0, np.int64)
        held, others = (nothing, nothing), list(range(known.count))
    return EarlierJobs(known=known, rows=held[0], holders=held[1], others=others, unknown=frozenset(unknown))


def _add_fresh(
    ledger: LedgerReader, target_key: str, chosen: _DigestFilter, known: KnownJobs
) -> tuple[list[int], set[str]]:
    """Add the complete jobs that a filter lacks; return the places of the others, and the ids without digests.

    A job stays out of the filter if it is open, or if the filter has no room for it.
    """
    others, added, unknown = list[int](), dict[int, npt.NDArray[np.uint64] | None](), set[str]()
    room = chosen.room if chosen.asked else -1
    fresh = [*chosen.left, *range(chosen.count, known.count)]
    records = ledger.job_records(target_key) if len(fresh) > MANY else {}
    open_jobs = ledger.open_job_ids()
    for place in fresh:
        name = known.names[place]
        found = kept_digests(ledger, name, records[name] if name in records else ledger.job(name).records)
        size = 0 if found is None else len(found)
        if name in open_jobs or size > room or place > PLACE:
            others.append(place)
            unknown |= {name} if found is None else set()
            continue
        room -= size
        added[place] = None if found is None else np.array(found[:, 0])  # a copy: the file is closed
    chosen.add(added, known, others)  # all at once: after an error above, no job counts as covered without its digests
    chosen.asked = True
    return others, unknown


class _DigestIndex:
    """The digests of a file in order, and how many records of each digest earlier jobs sent.

    Equal digests form a group. The position of its first digest in the order identifies the group.
    """

    def __init__(self, digests: Digests) -> None:
        self._order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: equal records keep the order of the file
        self._first = digests[self._order, 0]
        self._second = digests[self._order, 1]
        begins = np.ones(len(digests), np.bool_)
        begins[1:] = (self._first[1:] != self._first[:-1]) | (self._second[1:] != self._second[:-1])
        starts = np.flatnonzero(begins)
        self._group = np.repeat(starts, np.diff(np.append(starts, len(digests))))
        self._here = np.bincount(self._group, minlength=len(digests))
        self._sent = np.zeros(len(digests), np.int64)

    def add(self, earlier: Digests, counts: Mask) -> int:
        """Add the counted records of a job; return how many of the file's records only this job sent so far."""
        before = int(np.minimum(self._sent, self._here).sum())
        for start in range(0, len(earlier), BLOCK):
            block = np.asarray(earlier[start : start + BLOCK])[counts[start : start + BLOCK]]
            np.add.at(self._sent, self._groups_of(block), 1)
        return int(np.minimum(self._sent, self._here).sum()) - before

    def _groups_of(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Return the groups of those digests that the file contains."""
        places: npt.NDArray[np.int64] = np.searchsorted(self._first, digests[:, 0])
        while True:  # repeats only if different digests share their first half
            inside = places < len(self._first)
            digests, places = digests[inside], places[inside]
            same = self._first[places] == digests[:, 0]
            digests, places = digests[same], places[same]
            other = self._second[places] != digests[:, 1]
            if not other.any():
                return places
            places = places + other

    def not_sent(self) -> Mask:
        """Return the records of the groups with more records in the file than earlier jobs sent."""
        found = np.zeros(len(self._order), np.bool_)
        found[self._order] = self._sent[self._group] < self._here[self._group]
        return found

    def mask(self) -> Mask:
        """Return which records of the file were sent before; within a group, the first ones."""
        found = np.zeros(len(self._order), np.bool_)
        place = np.arange(len(self._order)) - self._group
        found[self._order] = place < self._sent[self._group]
        return found


def records_in(ledger: LedgerReader, job: JobEntry, states: Collection[ChunkState]) -> Mask:
    """Return which records of a job are in chunks of these states."""
    found = np.zeros(job.records, np.bool_)
    parts = record_runs(ledger, job)
    for chunk in ledger.chunks(job.id):
        if chunk.state in states:
            for first, count in parts.get(chunk.number) or _contiguous(chunk):
                found[first - 1 : first - 1 + count] = True
    return found


def _contiguous(chunk: ChunkEntry) -> list[tuple[int, int]]:
    return [(chunk.first_record, chunk.records)]


def record_runs(ledger: LedgerReader, job: JobEntry) -> dict[int, list[tuple[int, int]]]:
    """Return the record runs (first number and count) of chunks with gaps in their record numbers."""
    found: dict[int, list[tuple[int, int]]] = {}
    for event in ledger.events(job.id):
        found.update(event.runs)
    return found
