"""Handle files that repeat records of earlier files: refuse them, or send only their new records."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import FilePlan, plan_file, read_header
from bulkops.disk import ANOTHER_STATE, not_written
from bulkops.errors import DataError, GuardRefused, InputUnreadable, InUse, LedgerUnusable, UsageError
from bulkops.ledger.digests import keep_digests
from bulkops.ledger.models import SOURCE, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.store import Ledger
from bulkops.pipeline.at_target import RecordsAtTarget
from bulkops.pipeline.running import NewJob
from bulkops.private import private, private_folder
from bulkops.reading.records.boundaries import counted_blocks, inside_quotes, record_ends
from bulkops.temporary import temporary_folder
from bulkops.transport.notices import Notify
from bulkops.upload.body import settled_stamp
from bulkops.upload.guards import clear_unless_known, refuse_same_file
from bulkops.upload.job_files import new_records_path
from bulkops.upload.sent_before import (
    KnownJobs,
    Mask,
    SentBefore,
    jobs_to_compare,
    known_jobs,
    sent_before,
    sent_by_earlier,
)
from bulkops.upload.workflow import Guards
from bulkops.validation.digests import Digests
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import ImportDocument, Mode, SourceDocument, TargetDocument

NO_DIGESTS = "--only-new compares the records of the file with those of earlier jobs"
SHOWN = 3
"""Maximum number of earlier jobs that a message names."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The share of repeated records from which a file counts as a repetition.

    `share` refers to the file. From `least` repeated records on, `share_of_job` of the records of one earlier job is
    sufficient, too.
    """

    share: float
    share_of_job: float
    least: int


IDENTIFIED = Threshold(share=0.1, share_of_job=0.1, least=1)
"""For records with a unique code: equal records are rare."""
ALIKE = Threshold(share=0.5, share_of_job=0.9, least=10)
"""For records such as points, where a customer may validly get the same amount again."""


@dataclass(frozen=True, kw_only=True)
class SendingPlan:
    """The job to send; None if the file contains no new record. `document` is added to the document of the outcome."""

    new: NewJob | None
    document: Mapping[str, Any] = field(default_factory=dict)


def refuse_pointless(contract: Contract, guards: Guards, *, digests: bool) -> None:
    """Raise UsageError if only new records are requested but records are not compared."""
    if guards.only_new and contract.mode.resend_is_safe:
        raise UsageError(f"{NO_DIGESTS}; {contract.name} overwrites existing rows, so all records are sent.")
    if guards.only_new and not digests:
        raise UsageError(f"{NO_DIGESTS}, which --no-digests turns off.", hint="Give only one of them.")


@contextmanager
def without_repeats(
    new: NewJob,
    digests: Digests | None,
    ledger: Ledger,
    *,
    running: Collection[str],
    at_target: RecordsAtTarget | None = None,
    limits: ChunkLimits,
    notify: Notify,
) -> Iterator[SendingPlan]:
    """Yield the job to send for a file, given the digests of its records; None if it has no digests.

    GuardRefused if the file repeats records of earlier jobs, or all of its own; `running` are jobs that another process
    is sending. With `only_new`, or if it is known which records are `at_target`, the records to send become the file of
    the job. That file is removed again unless the ledger contains the job in the end.
    """
    job, guards, path = new.job, new.guards, new.plan.path
    if digests is None or len(digests) != new.plan.records:
        if guards.only_new:
            raise DataError(f"The records of {path} cannot be compared. Nothing was sent.", hint="Validate the file.")
        if at_target is None:
            yield SendingPlan(new=new)
            return
        chosen = LeftOut(at_target=at_target)
        with part_of(new, chosen, ledger, limits=limits, notify=notify) as sending:
            yield sending
        return
    if not guards.again and not new.contract.unique:
        _refuse_copies(path, digests)
    known = known_jobs(ledger, job.target_key)
    earlier = jobs_to_compare(ledger, job.target_key, known, digests)
    found = sent_by_earlier(ledger, earlier, digests, running=running)
    keep = _Keep(ledger=ledger, contract=new.contract, known=known, guards=guards)
    if guards.only_new:
        _refuse_unknown(ledger, new, earlier.unknown, notify)
    elif at_target is None:
        refuse_same_file(ledger, job, again=guards.again)
    chosen = LeftOut(sent=None if guards.again else found, at_target=at_target)
    if at_target is not None or (found is not None and guards.only_new):
        with part_of(new, chosen, ledger, limits=limits, notify=notify) as sending:
            yield _keeping(sending, keep, digests[~chosen.mask])
    elif found is None:
        yield SendingPlan(new=replace(new, keep=lambda: keep(job, digests)))
    else:
        if not guards.again and not _skips_duplicates(new) and is_repetition(new.contract, found):
            refuse_repetition(path, found)
        notify(f"{path.name}: {counts_of(found)}. All of them are sent.")
        yield SendingPlan(new=replace(new, keep=lambda: keep(job, digests)))


def _refuse_copies(path: Path, digests: Digests) -> None:
    """Raise GuardRefused if a file contains each of its records several times, as two copies joined do."""
    halves = digests[:, 0]
    if np.count_nonzero(halves == halves[0]) < 2:  # much faster than sorting, and true of nearly all files
        return
    times = np.unique(halves, return_counts=True)[1]
    if times.min() < 2 or len(halves) - len(times) < ALIKE.least:
        return
    raise GuardRefused(
        f"{path}: each record occurs at least {int(times.min())} times; {len(times):,} of "
        f"{counted(len(halves), 'record')} differ. Nothing was sent.",
        hint="Remove the copies, or give --again to send all of them.",
    )


@dataclass(frozen=True, kw_only=True)
class _Keep:
    """Checks for repetitions again right before the ledger contains a job, then writes the digests of its records."""

    ledger: Ledger
    contract: Contract
    known: KnownJobs
    guards: Guards

    def __call__(self, job: JobEntry, digests: Digests) -> Path:
        if not self.guards.again:
            part = self.guards.sends_part
            refuse_meanwhile(self.ledger, job, self.contract, digests, known=self.known, part=part)
        return keep_digests(self.ledger, job, digests)


def _refuse_unknown(ledger: Ledger, new: NewJob, unknown: Collection[str], notify: Notify) -> None:
    """Raise GuardRefused for a file of a job without digests; report how many earlier jobs have none."""
    if any(job.id in unknown for job in ledger.jobs_with_file(new.job.file_sha256, new.job.target_key)):
        refuse_same_file(ledger, new.job, again=False)
    if unknown:
        jobs = counted(len(unknown), "earlier job")
        notify(f"The ledger has no digests of {jobs} to this target: records of these jobs count as new.")


def _skips_duplicates(new: NewJob) -> bool:
    """Return whether the server skips records that already exist, so that none can be imported twice."""
    option = new.contract.duplicate_option
    return option is not None and new.job.options.get(option) == "true"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """The records of a file that are not sent: those that earlier jobs sent, and those that the target has."""

    sent: SentBefore | None = None
    at_target: RecordsAtTarget | None = None

    @cached_property
    def mask(self) -> Mask:
        """The records to leave out."""
        masks = [self.sent.mask] if self.sent else []
        masks += [self.at_target.left_out] if self.at_target else []
        return np.asarray(np.any(masks, axis=0))

    def summary(self, plan: FilePlan, contract: Contract) -> Iterator[str]:
        """Yield the counts as sentences."""
        if self.at_target is not None:
            yield f"{plan.path.name}: {self.at_target.summary(contract)}"
        if self.sent is not None:
            yield f"{plan.path.name}: {counts_of(self.sent)}."

    def source(self, plan: FilePlan) -> "SourceDocument":
        """Return the description of the given file that a job with a part of its records stores."""
        found, by_jobs = self.sent, self.sent.jobs if self.sent else ()
        document: SourceDocument = {
            "path": str(plan.path.absolute()),
            "sha256": plan.sha256,
            "bytes": plan.bytes,
            "records": plan.records,
            "sent_before": found.records if found else 0,
            "sent_by": {each.job.id: each.records for each in by_jobs},
        }
        if self.at_target is not None:
            document["at_target"] = int(self.at_target.same.sum())
            document["different_at_target"] = int((self.at_target.left_out & self.at_target.different).sum())
        return document


def _keeping(sending: SendingPlan, keep: _Keep, digests: Digests) -> SendingPlan:
    """Return a plan whose job stores the digests of its records."""
    new = sending.new
    return sending if new is None else replace(sending, new=replace(new, keep=lambda: keep(new.job, digests)))


@contextmanager
def part_of(
    new: NewJob, left_out: LeftOut, ledger: Ledger, *, limits: ChunkLimits, notify: Notify
) -> Iterator[SendingPlan]:
    """Yield the job for the records of a file that are not left out; they become the file of the job.

    That file is removed again unless the ledger contains the job in the end.
    """
    for text in left_out.summary(new.plan, new.contract):
        notify(text)
    source = left_out.source(new.plan)
    job, plan = new.job, new.plan
    if left_out.mask.all():
        yield SendingPlan(new=None, document=nothing_new(job, source))
        return
    path = new_records_path(ledger, job.id, plan.path.name)
    with ExitStack() as stack:
        written = path
        if new.dry_run:
            written = stack.enter_context(temporary_folder()) / path.name
        else:
            stack.callback(clear_unless_known, ledger, job.id)
        write_new_records(plan, left_out.mask, written)
        stamp = settled_stamp(written)
        part = plan_file(written, limits, names=plan.names)
        entry = replace(
            job,
            file_path=written,
            file_sha256=part.sha256,
            file_bytes=part.bytes,
            records=part.records,
            header_end=part.header_end,
            settings={**job.settings, SOURCE: source},
        )
        notify(f"The records to send {'would be' if new.dry_run else 'are'} in {path}.")
        file = {"path": str(path), "sha256": part.sha256, "bytes": part.bytes, "records": part.records}
        sending = replace(new, job=entry, plan=part, stamp=stamp)
        yield SendingPlan(new=sending, document={"file": file} if new.dry_run else {})


def is_repetition(contract: Contract, found: SentBefore) -> bool:
    """Return whether a file repeats an earlier one with additions or corrections, not only some equal records."""
    limit = IDENTIFIED if contract.unique else ALIKE
    share = found.records / len(found.mask)
    of_job = any(each.records >= limit.least and each.records >= limit.share_of_job * each.sent for each in found.jobs)
    return share >= limit.share or of_job


def counts_of(found: SentBefore) -> str:
    """Return a clause with the counts: how many records were sent by which job, and how many are new."""
    whole = len(found.mask)
    jobs = [f"job {each.job.id} on {each.job.created:%Y-%m-%d} ({each.records:,})" for each in found.jobs[:SHOWN]]
    if len(found.jobs) == 1:
        (only,) = found.jobs
        jobs = [f"job {only.job.id} on {only.job.created:%Y-%m-%d}"]
    elif len(found.jobs) > SHOWN:
        jobs.append(counted(len(found.jobs) - SHOWN, "other job"))
    new = whole - found.records
    were = "was" if found.records == 1 else "were"
    sent = "sent before, or will be sent," if any(each.running for each in found.jobs) else "already sent"
    return (
        f"{found.records:,} of {counted(whole, 'record')} {were} {sent} to the same target by {', '.join(jobs)}; "
        f"{new:,} {'is' if new == 1 else 'are'} new"
    )


def refuse_repetition(path: Path, found: SentBefore) -> None:
    """Raise GuardRefused with the counts."""
    hint = "Give --again to send all of them once more."
    if found.records < len(found.mask):
        hint = (
            "Give --only-new to send the new records only, or --again to send all of them. "
            "A corrected record counts as new; the record sent before stays."
        )
    raise GuardRefused(f"{path}: {counts_of(found)}. Nothing was sent.", hint=hint)


def refuse_meanwhile(
    ledger: LedgerReader, job: JobEntry, contract: Contract, digests: Digests, *, known: KnownJobs, part: bool
) -> None:
    """Raise InUse if another job sent these records since; `known` are the jobs when the ledger was read.

    If they are only a `part` of a file, a single repeated record is enough.
    """
    new = [ledger.job(each) for each in known.newer(ledger, job.target_key) if each != job.id]
    found = sent_before(ledger, new, digests, running=[each.id for each in new]) if new else None
    if found is not None and (part or is_repetition(contract, found)):
        raise InUse(
            f"Another import of the same records has begun meanwhile: {counts_of(found)}. Nothing was sent.",
            hint="Run the command again.",
        )


def nothing_new(job: JobEntry, source: "SourceDocument") -> "ImportDocument":
    """Return the document for a file without new records; no job is created."""
    return {
        "job": None,
        "contract": job.contract,
        "mode": cast("Mode", job.mode),
        "state": "done",
        "target": cast("TargetDocument", dict(job.target)),
        "options": dict(job.options),
        "file": {
            "path": str(job.file_path),
            "sha256": job.file_sha256,
            "bytes": job.file_bytes,
            "records": job.records,
        },
        "records": {
            "input": job.records,
            "accepted": 0,
            "skipped": job.records,
            "rejected": 0,
            "in_doubt": 0,
            "pending": 0,
        },
        "chunks": [],
        "reconciliation": None,
        "source": source,
    }


def write_new_records(plan: FilePlan, sent: Mask, out: Path) -> None:
    """Write the header and the records that were not sent before, with unchanged bytes.

    DataError if the file differs from the planned one; LedgerUnusable if the new file cannot be written.
    """
    try:
        private_folder(out.parent)
        with open(out, "wb", opener=private) as file:
            digest = _copy(plan, sent, file.write)
    except InputUnreadable:
        raise
    except OSError as error:
        raise not_written(out, error, instead=ANOTHER_STATE, then="Nothing was sent.", kind=LedgerUnusable) from None
    if digest != plan.sha256:
        raise DataError(
            f"{plan.path} has changed since it was validated. Nothing was sent.",
            hint="Wait until the file is complete, then run the command again.",
        )


def _copy(plan: FilePlan, sent: Mask, write: Callable[[bytes], object]) -> str:
    """Copy the header and the new records; return the SHA-256 of the whole file."""
    digest, number = hashlib.sha256(), 0
    try:
        file = plan.path.open("rb", buffering=0)
    except OSError as error:
        raise InputUnreadable(f"{plan.path} cannot be read: {error.strerror}.") from None
    with file:
        header = read_header(file, plan.path)
        digest.update(header)
        write(header)
        for block in counted_blocks(lambda size: file.read(size) or b""):
            data = block.data
            digest.update(data)
            ends = record_ends(data)
            if not block.whole and not inside_quotes(data) and data[ends[-1] if ends else 0 :].strip(b"\r\n"):
                ends.append(len(data))
            number += _write_chosen(data, ends, ~sent[number : number + len(ends)], write)
    return digest.hexdigest()


def _write_chosen(data: bytes, ends: list[int], chosen: Mask, write: Callable[[bytes], object]) -> int:
    """Write the chosen records of a block, run by run; return how many records it has."""
    starts = [0, *ends]
    bounds = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])))).tolist()
    for first, behind in zip(bounds[::2], bounds[1::2], strict=True):
        write(data[starts[first] : starts[behind]])
    return len(ends)
