"""What the command line does, as typed functions for notebooks and orchestrators; `import bulkops` offers them.

Errors are those of `bulkops.errors`. Nothing is printed: give an observer to follow a run.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.clock import SystemClock
from bulkops.embedded import fresh_sandbox
from bulkops.errors import UsageError
from bulkops.exporting.forms import Shape
from bulkops.exporting.request import Request
from bulkops.exporting.run import Exported, run_export
from bulkops.exporting.table import EXPORTS
from bulkops.ledger.store import Ledger
from bulkops.pipeline.importing import ImportRequest, Place, import_file
from bulkops.pipeline.observer import Observer
from bulkops.pipeline.recipes import query_texts
from bulkops.pipeline.resuming import resume_job
from bulkops.pipeline.running import Outcome
from bulkops.reconciling.result import Reconciliation
from bulkops.reconciling.run import Evidence
from bulkops.reconciling.run import reconcile as reconcile_rows
from bulkops.reporting.write import ReportWish, form_of, write_report
from bulkops.settings import Secret, Target, authorization_from_environment, checked_base_url, default_ledger_url
from bulkops.upload.options import RunOptions
from bulkops.upload.workflow import Guards, open_client
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import ValidationReport, ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

PathLike = str | os.PathLike[str]


def target(base_url: str, *, key: str | None = None, **ids: int) -> Target:
    """Return a target: an address, and ids by name (`application`, `campaign`, `program`, `pool`, …).

    `key` is a Management API key; without it the key comes from the environment, as for the command line.
    """
    authorization = Secret(f"ManagementKey-v1 {key}") if key else authorization_from_environment(os.environ)
    return Target(base_url=checked_base_url(base_url), ids=ids, authorization=authorization)


@contextmanager
def local_sandbox(*, world: PathLike | None = None, **ids: int) -> Iterator[Target]:
    """Yield a sandbox as a target; it begins and ends with the context and keeps nothing."""
    with fresh_sandbox(ids, world=Path(world) if world else None) as place:
        yield place


def validate(
    contract: str | Contract, *files: PathLike, settings: ValidationSettings | None = None
) -> ValidationReport:
    """Check files against a contract; no account, no network."""
    chosen = settings or ValidationSettings(now=SystemClock().now())
    return validate_files(_contract(contract), [Path(file) for file in files], settings=chosen)


def plan(
    contract: str | Contract, file: PathLike, *, max_rows: int | None = None, max_bytes: int = 50_000_000
) -> FilePlan:
    """Return the chunks a file would be cut into, as byte ranges with checksums."""
    return plan_file(Path(file), chunk_limits(_contract(contract), max_rows=max_rows, max_bytes=max_bytes))


def submit(
    contract: str | Contract,
    file: PathLike,
    where: Target,
    *,
    options: Mapping[str, object] | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    run: RunOptions | None = None,
    guards: Guards | None = None,
    reconcile: bool = False,
    ledger: str | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Validate a file, upload it and, if asked, prove every row.

    `options` are the contract's query options by name (`{"skip-duplicates": True}`); `guards` lifts guards one by
    one; `ledger` is the address of the ledger, None for the default one.
    """
    found = _contract(contract)
    request = ImportRequest(
        contract=found,
        file=Path(file),
        options=query_texts(found, options or {}, place=found.name),
        max_rows=max_rows,
        max_bytes=max_bytes,
        run=run or RunOptions(),
        guards=guards or Guards(),
        reconcile=reconcile,
    )
    _check_ids(found, where)
    place = Place(target=lambda: nullcontext(where), ledger=lambda: _open(ledger))
    return import_file(request, place, clock=SystemClock(), observer=observer)


def resume(
    job: str,
    where: Target,
    *,
    reconcile: bool = False,
    changes: Mapping[str, Any] | None = None,
    ledger: str | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Go on with a job where it was left; `changes` are run settings to change, such as `{"settle": 5.0}`."""
    with _open(ledger) as book:
        entry = book.job(job)
        place = Target(
            base_url=where.base_url,
            ids=entry.target["ids"],
            authorization=where.authorization,
            name=where.name,
            known_as=where.known_as,
        )
        return resume_job(
            entry,
            book,
            lambda: nullcontext(place),
            clock=SystemClock(),
            prove=reconcile,
            changes=changes,
            observer=observer,
        )


def export(
    what: str,
    out: PathLike,
    where: Target,
    *,
    filters: Mapping[str, str] | None = None,
    shape: Shape | None = None,
    ledger: str | None = None,
) -> Exported:
    """Save an export to a file, which appears only when all of it is there.

    `filters` are by option name, as `bulkops export WHAT --help` lists them.
    """
    if what not in EXPORTS:
        raise UsageError(f"There is no export {what!r}.", hint=f"Known: {', '.join(EXPORTS)}.")
    definition = EXPORTS[what]
    unknown = set(filters or {}) - {declared.name for declared in definition.filters}
    if unknown:
        raise UsageError(f"The export {what} has no filter {sorted(unknown)[0]!r}.")
    request = Request(export=definition, ids=where.ids, values=filters or {})
    with _open(ledger) as book, open_client(where, book, clock=SystemClock()) as client:
        return run_export(client, request, Path(out), shape=shape)


def reconcile(
    contract: str | Contract,
    file: PathLike,
    where: Target | None = None,
    *,
    saved: PathLike | None = None,
    options: Mapping[str, object] | None = None,
    settle: float = 60.0,
    output: PathLike | None = None,
    repair: PathLike | None = None,
    ledger: str | None = None,
) -> Reconciliation:
    """Compare a file with what a target holds, or with an export that was `saved` earlier."""
    found = _contract(contract)
    query = query_texts(found, options or {}, place=found.name)
    folder, missing = Path(output) if output else None, Path(repair) if repair else None
    if where is None:
        evidence = Evidence(export=Path(saved) if saved else None, options=query)
        return reconcile_rows(found, Path(file), evidence, settle=settle, output=folder, repair=missing)
    _check_ids(found, where)
    with _open(ledger) as book, open_client(where, book, clock=SystemClock()) as client:
        evidence = Evidence(client=client, ids=where.ids, options=query)
        return reconcile_rows(found, Path(file), evidence, settle=settle, output=folder, repair=missing)


def report(
    out: PathLike,
    *jobs: str,
    title: str | None = None,
    mask: bool = False,
    check_files: bool = True,
    ledger: str | None = None,
) -> Path:
    """Write a report of the jobs, or of the latest, to a `.html`, `.md` or `.json` file, and return its path."""
    path = Path(out)
    wish = ReportWish(jobs=jobs, form=form_of(path), title=title, mask=mask, check_files=check_files)
    with _open(ledger) as book:
        return write_report(book, wish, made=SystemClock().now(), output=path)


def _contract(contract: str | Contract) -> Contract:
    if isinstance(contract, Contract):
        return contract
    if contract not in CONTRACTS:
        raise UsageError(f"There is no contract {contract!r}.", hint=f"Known: {', '.join(CONTRACTS)}.")
    return CONTRACTS[contract]


def _check_ids(contract: Contract, where: Target) -> None:
    try:
        contract.route(where.ids)
    except LookupError as error:
        raise UsageError(f"{contract.name} needs the ids {', '.join(error.args)}.") from None


@contextmanager
def _open(ledger: str | None) -> Iterator[Ledger]:
    book = Ledger.open(ledger or default_ledger_url(), clock=SystemClock())
    try:
        yield book
    finally:
        book.close()
