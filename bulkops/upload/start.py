"""From a plan to a job in the ledger, and from a job in the ledger to one that can be run."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulkops.chunking.plan import FilePlan
from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError
from bulkops.ledger.models import ADDRESS, SENT_HEADER, ChunkEntry, JobEntry
from bulkops.ledger.reader import Questions
from bulkops.ledger.store import Ledger
from bulkops.settings import Target
from bulkops.transport.client import Client
from bulkops.upload.body import Stamp, file_sha256
from bulkops.upload.context import JobContext
from bulkops.upload.input_file import Original
from bulkops.upload.options import MAX_REMOVALS, RunOptions, share_of
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract


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
    """Return a job for a plan. Its target is the address and the ids of the route, and no others.

    `max_removals` is None where a job is undone that nobody has changed the target after; UsageError if
    it cannot be read. `options` may have those of columns, which the plan has applied. `accept` are the rules whose
    findings the caller accepted: proofs of the job accept them too.
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
    if plan.sent_header is not None:
        settings[SENT_HEADER] = plan.sent_header.decode()
    return JobEntry(
        id=f"{contract.name}-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
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
    """Return what identifies the place where a contract's rows go at a target."""
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
    job: JobEntry, target: Target, *, client: Client, ledger: Ledger, clock: Clock, stamp: Stamp | None = None
) -> JobContext:
    """Return a job ready to run; GuardRefused on another target, UsageError for a contract that is gone.

    `stamp` is that of the file, taken right before its bytes were hashed.
    """
    contract = contract_of(job)
    here = target_of(contract, target)
    if here != job.target:
        raise GuardRefused(
            f"Job {job.id} was begun on {_shown(job.target)}, not on {_shown(here)}.",
            hint="Resume it on its own target.",
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
        original=Original(job, chunks=lambda: ledger.chunks(job.id), stamp=stamp),
    )


def contract_of(job: JobEntry) -> Contract:
    """Return the contract of a job; UsageError if this bulkops does not have it."""
    if job.contract not in CONTRACTS:
        raise UsageError(f"Job {job.id} is of contract {job.contract!r}, which this bulkops does not have.")
    return CONTRACTS[job.contract]


def refuse_changed_file(job: JobEntry, ledger: Questions) -> None:
    """Refuse to go on with a file that is not the one the job was begun with."""
    Original(job, chunks=lambda: ledger.chunks(job.id)).refuse_change()


def with_file(job: JobEntry, file: Path) -> JobEntry:
    """Return a job whose file is at another path now; GuardRefused unless it has the job's bytes."""
    if file_sha256(file) != job.file_sha256:
        raise GuardRefused(
            f"{file} is not the file that job {job.id} sent.",
            hint=f"Name a file with SHA-256 {job.file_sha256} ({job.file_bytes:,} bytes).",
        )
    return replace(job, file_path=file.absolute())


def _shown(target: Mapping[str, Any]) -> str:
    ids = " ".join(f"--{name} {value}" for name, value in target["ids"].items())
    return f"{target['base_url']} {ids}".strip()
