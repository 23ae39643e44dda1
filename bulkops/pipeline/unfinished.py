"""Find unfinished jobs that a new import would leave behind: with the same file name, or the same target."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.errors import GuardRefused
from bulkops.ledger.job_documents import job_state, record_figures
from bulkops.ledger.models import JobEntry
from bulkops.ledger.states import JobState
from bulkops.ledger.store import Ledger
from bulkops.pipeline.running import NewJob
from bulkops.remote.paths import RemotePath
from bulkops.transport.notices import Notify
from bulkops.wording import counted
from bulkops_validators.model.contract import Mode

if TYPE_CHECKING:
    from bulkops.json_documents.jobs import BooksDocument

SHOWN = 3
"""Maximum number of unfinished jobs that are reported one by one."""


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """A job with records left to send or to settle; `running` means that another process is working on it."""

    job: JobEntry
    figures: "BooksDocument"
    running: bool

    @property
    def description(self) -> str:
        """A phrase with the name and the progress of the job."""
        job, left = self.job, self.figures["pending"]
        doubt = f", {counted(self.figures['in_doubt'], 'record')} in doubt" if self.figures["in_doubt"] else ""
        return (
            f"job {job.id} of {job.created:%Y-%m-%d} ({job.file_path}): "
            f"{left:,} of {counted(job.records, 'record')} not sent{doubt}"
        )


def name_unfinished(new: NewJob, ledger: Ledger, *, notify: Notify) -> list[OpenJob]:
    """Report the unfinished jobs that a new job would leave behind, and return them.

    GuardRefused if one of them had a file with the same path and other bytes for the same target, unless later imports
    overwrite earlier ones. If only a part of the file is sent, the same bytes are refused as well: their unsent records
    belong to the other job. A job that another process is working on is only reported.
    """
    job, guards = new.job, new.guards
    found = [*_unfinished(ledger, job)]
    for each in found:
        if not guards.leave_unfinished and not each.running and _superseded(each.job, job, part=guards.sends_part):
            raise _refusal(each, job)
    for each in found[:SHOWN]:
        notify(_note(each, job))
    if len(found) > SHOWN:
        notify(f"And {counted(len(found) - SHOWN, 'other unfinished job')}: `bulkops jobs list` shows them.")
    return found


def _unfinished(ledger: Ledger, job: JobEntry) -> Iterator[OpenJob]:
    """Yield the unfinished jobs with the same target or the same path, the latest first."""
    path = _path_key(job.file_path)
    for other in reversed(ledger.open_jobs(job.contract)):
        related = other.target_key == job.target_key or _path_key(other.given_path) == path
        if not related or other.cancelled:
            continue
        if (found := _locked_state(ledger, other)) is not None:
            yield found


def _locked_state(ledger: Ledger, job: JobEntry) -> OpenJob | None:
    """Return an unfinished job while no other process can change it; None if it has ended meanwhile."""
    running = False
    try:
        with ledger.exclusive(job.id, what=f"Job {job.id}"):
            job, chunks = ledger.job(job.id), ledger.chunks(job.id)
    except GuardRefused:
        running, chunks = True, ledger.chunks(job.id)
    if job_state(job, chunks) not in (JobState.UNFINISHED, JobState.IN_DOUBT):
        return None
    return OpenJob(job=job, figures=record_figures(job, chunks), running=running)


def _superseded(other: JobEntry, job: JobEntry, *, part: bool) -> bool:
    """Return whether a new file replaced the file of an unfinished job, and the import would only add its records."""
    return (
        not Mode(job.mode).resend_is_safe
        and other.target_key == job.target_key
        and (part or other.given_sha256 != job.file_sha256)
        and _path_key(other.given_path) == _path_key(job.file_path)
    )


def _refusal(found: OpenJob, new: JobEntry) -> GuardRefused:
    job = found.job
    resume = f"`bulkops jobs resume {job.id}`"
    if job.source is None and job.file_sha256 != new.file_sha256:
        resume = f"`bulkops jobs resume {job.id} --file PATH`, where PATH is a copy of that file"
    return GuardRefused(
        f"An earlier file with this name was not imported completely: {found.description}. Nothing was sent.",
        hint=f"Resume it with {resume}, or cancel it "
        f"with `bulkops jobs cancel {job.id}`. To import this file anyway, give --leave-unfinished.",
    )


def _note(found: OpenJob, job: JobEntry) -> str:
    other = found.job
    if found.running:
        return f"Another process is working on {found.description}."
    newer = other.file_sha256 != job.file_sha256
    moved = newer and _path_key(other.file_path) == _path_key(job.file_path)
    resume = f"`bulkops jobs resume {other.id}{' --file PATH' if moved else ''}`"
    where = "for this target" if other.target_key == job.target_key else f"for {_place(other)}"
    order = (
        " If it is resumed after this import, it overwrites newer values with its own."
        if newer and Mode(job.mode).resend_is_safe and other.target_key == job.target_key
        else ""
    )
    return f"Unfinished {where}: {found.description}. {resume} or `bulkops jobs cancel {other.id}`.{order}"


def _place(job: JobEntry) -> str:
    ids = " ".join(f"--{name} {value}" for name, value in job.target["ids"].items())
    return shlex.quote(str(job.target["base_url"])) + (f" {ids}" if ids else "")


def _path_key(path: Path) -> str:
    """Return a key for a file's path that is equal for links to its folder; the file need not exist."""
    if isinstance(path, RemotePath):
        return str(path)
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - realpath returns text
