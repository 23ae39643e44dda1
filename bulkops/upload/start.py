"""Create a job from a plan, and open a stored job so that it can run."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError
from bulkops.ledger.models import ADDRESS, REMOTE, SENT_HEADER, ChunkEntry, JobEntry
from bulkops.ledger.reader import LedgerReader
from bulkops.ledger.store import Ledger
from bulkops.remote.paths import pinned_version
from bulkops.settings import Target
from bulkops.transport.client import ApiClient
from bulkops.upload.body import FileStamp, file_sha256
from bulkops.upload.context import JobContext
from bulkops.upload.input_file import JobFile
from bulkops.upload.options import MAX_REMOVALS, RunOptions, share_of
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

RANDOM_BYTES = 4
"""Random bytes of a job's id, which jobs of the same second need."""


def new_id(kind: str, now: datetime) -> str:
    """Return the id of a new job: its kind, the second in which it began, and random digits."""
    return f"{kind}-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(RANDOM_BYTES)}"


def new_job(
    contract: Contract,
    plan: FilePlan,
    target: Target,
    *,
    options: Mapping[str, str],
    run: RunOptions,
    now: datetime,
    max_removals: str | None = MAX_REMOVALS,
    accept: Collection[str] = (),
) -> JobEntry:
    """Return a job for a plan. Its target contains the address and the ids of the route, and no others.

    `max_removals` is None for a job that undoes another one; UsageError if the limit is invalid. `options` may contain
    column options, which the plan has already applied. `accept` are rules that the caller accepted; later
    reconciliations of the job accept them too.
    """
    if max_removals is not None:
        share_of(max_removals, 0, option="--max-removals")
    place = target_of(contract, target)
    elsewhere = target.known_as is None and target.base_url != place["base_url"]
    settings: dict[str, Any] = {**run.as_settings(), "max_removals": max_removals, "target_name": target.name}
    if elsewhere:
        settings[ADDRESS] = target.base_url
    if accept:
        settings["accept"] = sorted(accept)
    if (pinned := pinned_version(plan.path)) is not None:
        settings[REMOTE] = pinned
    if plan.sent_header is not None:
        settings[SENT_HEADER] = plan.sent_header.decode()
    return JobEntry(
        id=new_id(contract.name, now),
        created=now,
        contract=contract.name,
        mode=contract.mode.value,
        target=place,
        file_path=plan.path.absolute(),
        file_sha256=plan.sha256,
        file_bytes=plan.bytes,
        records=plan.records,
        header_end=plan.header_end,
        options={name: value for name, value in options.items() if name in contract.parameters},
        settings=settings,
    )


def target_of(contract: Contract, target: Target) -> dict[str, Any]:
    """Return the identity of the place at a target that receives the rows of a contract: base URL and ids."""
    identity = target.identity()
    return {"base_url": identity["base_url"], "ids": {n: target.ids[n] for n in contract.route(target.ids).ids}}


def new_chunks(plan: FilePlan) -> list[ChunkEntry]:
    """Return the chunks of a plan, pending."""
    return [
        ChunkEntry(
            number=chunk.number,
            first_record=chunk.first_record,
            records=chunk.records,
            pieces=((chunk.start, chunk.end),),
            bytes=chunk.bytes,
            sha256=chunk.sha256,
        )
        for chunk in plan.chunks
    ]


def open_job(
    job: JobEntry, target: Target, *, client: ApiClient, ledger: Ledger, clock: Clock, stamp: FileStamp | None = None
) -> JobContext:
    """Return a job ready to run; GuardRefused for another target, UsageError for an unknown contract.

    `stamp` is the stamp of the file from right before its bytes were hashed.
    """
    refuse_undo_job(job, "sent as an import", hint=f"`bulkops jobs show {job.id}` prints its state.")
    contract = contract_of(job)
    here = target_of(contract, target)
    if here != job.target:
        raise GuardRefused(
            f"Job {job.id} sends to {_shown(job.target)}, not to {_shown(here)}.",
            hint="Resume it with the target that it was created for.",
        )
    route = contract.route(here["ids"])
    return JobContext(
        job=job,
        contract=contract,
        route=route,
        ids=here["ids"],
        parameters={contract.parameters[name]: value for name, value in job.options.items()},
        options=RunOptions.from_settings(job.settings),
        client=client,
        ledger=ledger,
        clock=clock,
        job_file=JobFile(job, chunks=lambda: ledger.chunks(job.id), stamp=stamp),
    )


def refuse_undo_job(job: JobEntry, what: str, *, hint: str) -> None:
    """Raise UsageError for a job that removes what another one created; `what` it cannot be."""
    if job.undoes is not None:
        raise UsageError(f"Job {job.id} removes what job {job.undoes} created; it cannot be {what}.", hint=hint)


def contract_of(job: JobEntry) -> Contract:
    """Return the contract of a job; UsageError if this version of bulkops does not have it."""
    if job.contract not in CONTRACTS:
        raise UsageError(
            f"Job {job.id} uses the contract {job.contract!r}, which this version of bulkops does not have."
        )
    return CONTRACTS[job.contract]


def refuse_changed_file(job: JobEntry, ledger: LedgerReader) -> None:
    """Raise FileChanged if the job's file has other bytes than at the start of the job."""
    JobFile(job, chunks=lambda: ledger.chunks(job.id)).refuse_change()


def with_file(job: JobEntry, file: Path) -> JobEntry:
    """Return a job with the new path of its file; GuardRefused unless that file has the job's bytes."""
    if file_sha256(file) != job.file_sha256:
        raise GuardRefused(
            f"{file} is not the file that job {job.id} sent.",
            hint=f"Name a file with SHA-256 {job.file_sha256} ({job.file_bytes:,} bytes).",
        )
    settings = {name: value for name, value in job.settings.items() if name != REMOTE}
    if (pinned := pinned_version(file)) is not None:
        settings[REMOTE] = pinned
    return replace(job, file_path=file.absolute(), settings=settings)


def _shown(target: Mapping[str, Any]) -> str:
    ids = " ".join(f"--{name} {value}" for name, value in target["ids"].items())
    return f"{target['base_url']} {ids}".strip()
