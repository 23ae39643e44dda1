"""Unfinished jobs that a new import would leave behind: of the same file name, or of the same place."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.errors import GuardRefused
from bulkops.ledger.job_summary import job_state, record_figures
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import OPEN, JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.running import NewJob
from bulkops.transport.notices import Say
from bulkops.wording import counted
from bulkops_validators.model.contract import Mode

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import BooksDocument

SHOWN = 3
"""How many unfinished jobs are named one by one."""


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """A job with records left to send or to settle; `running` says that another process is working on it."""

    job: JobEntry
    figures: "BooksDocument"
    running: bool

    @property
    def said(self) -> str:
        """How far the job came, for a message that names it."""
        job, left = self.job, self.figures["pending"]
        doubt = f", {counted(self.figures['in_doubt'], 'record')} in doubt" if self.figures["in_doubt"] else ""
        return (
            f"job {job.id} of {job.created:%Y-%m-%d} ({job.file_path}): "
            f"{left:,} of {counted(job.records, 'record')} not sent{doubt}"
        )


def name_unfinished(new: NewJob, ledger: Ledger, *, say: Say) -> list[str]:
    """Name the unfinished jobs that a new job would leave behind; return those that another process works on.

    GuardRefused if one of them had a file of the same path, with other bytes, for the same place, and the import is
    one that no later import overwrites. With `only_new` the same bytes are refused as well: what is left of them is
    the other job's. A job that another process is working on is only named.
    """
    job, guards = new.job, new.guards
    found = [*_unfinished(ledger, job)]
    for each in found:
        if not guards.leave_unfinished and not each.running and _superseded(each.job, job, only_new=guards.only_new):
            raise _refusal(each, job)
    for each in found[:SHOWN]:
        say(_note(each, job))
    if len(found) > SHOWN:
        say(f"And {counted(len(found) - SHOWN, 'other unfinished job')}: `bulkops jobs list` shows them.")
    return [each.job.id for each in found if each.running]


def _unfinished(ledger: Ledger, job: JobEntry) -> Iterator[OpenJob]:
    """Yield the unfinished jobs of the same place or the same path, the latest first."""
    path = _path_key(job.file_path)
    sums = ledger.sums()
    for other in reversed(ledger.jobs()):
        related = other.contract == job.contract and (
            other.target_key == job.target_key or _path_key(other.given_path) == path
        )
        if not related or other.cancelled or not any(state in OPEN for state in sums.get(other.id, {})):
            continue
        if (found := _looked_at(ledger, other)) is not None:
            yield found


def _looked_at(ledger: Ledger, job: JobEntry) -> OpenJob | None:
    """Return an unfinished job as it is while nobody works on it; None if it has ended meanwhile."""
    running = False
    try:
        with ledger.exclusive(job.id, what=f"Job {job.id}"):
            job, chunks = ledger.job(job.id), ledger.chunks(job.id)
    except GuardRefused:
        running, chunks = True, ledger.chunks(job.id)
    if job_state(job, chunks) not in (JobState.UNFINISHED, JobState.IN_DOUBT):
        return None
    return OpenJob(job=job, figures=record_figures(job, chunks), running=running)


def _superseded(other: JobEntry, job: JobEntry, *, only_new: bool) -> bool:
    """Return whether the file of an unfinished job was replaced by that of a job whose records only add to it."""
    return (
        not Mode(job.mode).resend_is_safe
        and other.target_key == job.target_key
        and (only_new or other.given_sha256 != job.file_sha256)
        and _path_key(other.given_path) == _path_key(job.file_path)
    )


def _refusal(found: OpenJob, new: JobEntry) -> GuardRefused:
    job = found.job
    resume = f"`bulkops jobs resume {job.id}`"
    if job.source is None and job.file_sha256 != new.file_sha256:
        resume = f"`bulkops jobs resume {job.id} --file PATH`, where PATH is a copy of that file"
    return GuardRefused(
        f"An earlier file of this name was not imported to its end: {found.said}. Nothing was sent.",
        hint=f"Go on with it: {resume}. Otherwise give "
        f"the job up with `bulkops jobs cancel {job.id}`, or import this file all the same with --leave-unfinished.",
    )


def _note(found: OpenJob, job: JobEntry) -> str:
    other = found.job
    if found.running:
        return f"Another process is working on {found.said}."
    moved = _path_key(other.file_path) == _path_key(job.file_path) and other.file_sha256 != job.file_sha256
    resume = f"`bulkops jobs resume {other.id}{' --file PATH' if moved else ''}`"
    where = "for this place" if other.target_key == job.target_key else f"for {_place(other)}"
    order = (
        " If it is resumed after this import, it overwrites newer values with its own."
        if Mode(job.mode).resend_is_safe and other.target_key == job.target_key
        else ""
    )
    return f"Unfinished {where}: {found.said}. {resume} or `bulkops jobs cancel {other.id}`.{order}"


def _place(job: JobEntry) -> str:
    ids = " ".join(f"--{name} {value}" for name, value in job.target["ids"].items())
    return shlex.quote(str(job.target["base_url"])) + (f" {ids}" if ids else "")


def _path_key(path: Path) -> str:
    """Return what names a file by its path, also through a link to its folder; the file need not exist."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - realpath returns text
