"""Find which records of a file were sent before, by the digests that the ledger keeps of earlier jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from bulkops.ledger.digests import kept_digests
from bulkops.ledger.models import ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.states import ChunkState
from bulkops.validation.digests import Digests, contained

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
    ledger: LedgerReader, jobs: Sequence[JobEntry], digests: Digests, *, running: Collection[str] = ()
) -> SentBefore | None:
    """Return which records of a file the given jobs sent before; None if they sent none of them.

    `digests` are those of the file. For jobs that are `running`, pending records count as well.
    """
    index: _DigestIndex | None = None
    repeated = []
    for job in jobs:
        earlier = kept_digests(ledger, job.id, job.records)
        if earlier is None:
            continue
        index = index or _DigestIndex(digests)
        is_running = job.id in running
        states = SENT | {ChunkState.PENDING} if is_running else SENT
        counts = records_in(ledger, job, states)
        if records := index.add(earlier, counts):
            repeated.append(RepeatedJob(job=job, records=records, sent=int(counts.sum()), running=is_running))
    return SentBefore(mask=index.mask(), jobs=repeated) if index is not None and repeated else None


@dataclass(frozen=True, kw_only=True)
class EarlierJobs:
    """The earlier jobs that may have sent records of a file, and the ids of the jobs without digests."""

    jobs: Sequence[JobEntry]
    unknown: frozenset[str]


@dataclass
class _DigestFilter:
    """The digests of the jobs to one target that cannot change any more.

    `first` are the first halves of their digests, sorted, and `latest` those of the last jobs, sorted, too: adding a
    small job then does not sort all again. `without` are the jobs without digests, and `room` is the number of digests
    that may still be added. The filter is used if it was `asked` before in this process: a single import costs less
    without it.
    """

    covered: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)
    first: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    latest: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    room: int = field(default_factory=lambda: MOST_FILTERED)
    asked: bool = False

    def add(self, jobs: Mapping[str, npt.NDArray[np.uint64] | None]) -> None:
        """Add jobs with all chunks in a final state: the first halves of their digests, or None without digests."""
        halves = [half for half in jobs.values() if half is not None]
        merged = np.concatenate([self.latest, *halves])
        many = len(merged) > LATEST
        if many:
            merged = np.concatenate([self.first, merged])
        merged.sort()
        self.first, self.latest = (merged, merged[:0]) if many else (self.first, merged)
        self.room -= sum(len(half) for half in halves)
        self.without |= {name for name, half in jobs.items() if half is None}
        self.covered |= jobs.keys()

    def knows(self, digests: Digests) -> bool:
        """Return whether a job may have sent one of these records."""
        return any(contained(part, digests[:, 0]).any() for part in (self.first, self.latest))


@dataclass(frozen=True, kw_only=True)
class KnownJobs:
    """The ids of the jobs to one target, the oldest first, as of the event `last`.

    `last` is None if the ledger cannot tell which jobs are newer.
    """

    ids: Mapping[str, None]
    last: int | None

    def newer(self, ledger: LedgerReader, target_key: str) -> list[str]:
        """Return the ids of the jobs that began since."""
        found = ledger.job_ids_at(target_key) if self.last is None else ledger.job_ids_since(target_key, self.last)
        return [each for each in found if each not in self.ids]


_KNOWN_JOBS: WeakKeyDictionary[LedgerReader, dict[str, KnownJobs]] = WeakKeyDictionary()
"""The known jobs of a ledger by target, so that many imports in one process do not read all of them again."""


def known_jobs(ledger: LedgerReader, target_key: str) -> KnownJobs:
    """Return the present jobs to a target."""
    known = _KNOWN_JOBS.setdefault(ledger, {})
    last = ledger.last_event()  # read first: a job that begins meanwhile is then found twice, never missed
    before = known.get(target_key)
    if before is None or before.last is None:
        found = KnownJobs(ids=dict.fromkeys(ledger.job_ids_at(target_key)), last=last)
    else:
        newer = dict.fromkeys(before.newer(ledger, target_key))
        found = KnownJobs(ids={**before.ids, **newer} if newer else before.ids, last=last)
    known[target_key] = found
    return found


_DIGEST_FILTERS: WeakKeyDictionary[LedgerReader, dict[str, _DigestFilter]] = WeakKeyDictionary()
"""The filters of a ledger by target, so that many imports in one process do not read all earlier digests again."""


def jobs_to_compare(ledger: LedgerReader, target_key: str, known: Collection[str], digests: Digests) -> EarlierJobs:
    """Return the jobs with digests to compare with those of a file; `known` are the ids of all earlier jobs.

    From the second call in a process on, or with many earlier jobs, those are left out that are complete and have no
    record of the file.
    """
    chosen = _DIGEST_FILTERS.setdefault(ledger, {}).setdefault(target_key, _DigestFilter(asked=len(known) > MANY))
    others, added, unknown = [], dict[str, npt.NDArray[np.uint64] | None](), set[str]()
    room = chosen.room if chosen.asked else -1
    fresh = [name for name in known if name not in chosen.covered]
    records = ledger.job_records(target_key) if len(fresh) > MANY else {}
    open_jobs = ledger.open_job_ids()
    for name in fresh:
        found = kept_digests(ledger, name, records[name] if name in records else ledger.job(name).records)
        size = 0 if found is None else len(found)
        if name in open_jobs or size > room:
            others.append(ledger.job(name))
            unknown |= {name} if found is None else set()
            continue
        room -= size
        added[name] = None if found is None else np.array(found[:, 0])  # a copy: the file is closed
    chosen.add(added)  # all at once: after an error above, no job counts as covered without its digests
    chosen.asked = True
    jobs = [ledger.job(name) for name in known] if chosen.knows(digests) else others
    return EarlierJobs(jobs=jobs, unknown=frozenset(unknown | {name for name in chosen.without if name in known}))


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
