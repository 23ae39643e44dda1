"""The commands of the command line as typed functions for notebooks and orchestrators; `import bulkops` offers them.

All errors are classes of `bulkops.errors`. Nothing is printed: give an observer to follow a run.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from bulkops.catalog import find_recipe
from bulkops.chunking.cluster_plan import plan_on_cluster
from bulkops.chunking.limits import chunk_limits
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.clock import SystemClock
from bulkops.cluster import DaskClient, opened_cluster
from bulkops.embedded import fresh_sandbox
from bulkops.errors import InputUnreadable, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.output_formats import Shape
from bulkops.exporting.request import request_of
from bulkops.exporting.run import Exported, Fetching, run_export
from bulkops.exporting.time_slices import steps_of
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change, FixReport
from bulkops.frames import Input, input_path, is_frame, kept_path
from bulkops.ledger.inputs import inputs_guard
from bulkops.ledger.store import Ledger, opened_ledger
from bulkops.mapping.mapped import MappedFile
from bulkops.pipeline.importing import Destination, ImportRequest, import_file
from bulkops.pipeline.mapping import map_into, workspace_of
from bulkops.pipeline.observer import Observer, Silent
from bulkops.pipeline.recipes import RecipeRun, StepResult, check_recipe
from bulkops.pipeline.reconcile_job import ReconcileRequest, fold_named, prove, request_of_job
from bulkops.pipeline.resuming import resume_job
from bulkops.pipeline.running import Outcome
from bulkops.queries import query_texts
from bulkops.readback.compare.canonical import Fold
from bulkops.reading.sources import file_source
from bulkops.recipe import at_target, load_recipe
from bulkops.reconciling.result import Reconciliation
from bulkops.reconciling.sides import EvidenceSource, ImportFacts
from bulkops.redaction import remember_keys
from bulkops.remote.paths import RemotePath, path_of
from bulkops.reporting.write import ReportOptions, form_of, write_report
from bulkops.settings import (
    Target,
    authorization_from_environment,
    authorization_value,
    checked_base_url,
)
from bulkops.transport.client import ApiClient
from bulkops.transport.notices import discard_notice
from bulkops.upload.guards import accepted_rules
from bulkops.upload.options import SETTLE_SECONDS, RunOptions
from bulkops.upload.workflow import Guards, open_client
from bulkops.validation.engine import HERE, validate_files
from bulkops.validation.findings import ValidationReport
from bulkops.validation.on_cluster import cluster_executor
from bulkops.validation.settings import ValidationSettings
from bulkops.writing import Permit, refuse_the_same, whole_file
from bulkops_validators import CONTRACTS, ID_NAMES
from bulkops_validators.model.contract import Contract

PathLike = str | os.PathLike[str]

FIX_CHANGES = 10_000
"""Maximum number of changes of a repaired copy that are kept as objects; the report counts all of them."""


def target(base_url: str, *, key: str | None = None, **ids: int) -> Target:
    """Return a target: an address, and ids by name (`application`, `campaign`, `program`, `pool`, …).

    `key` is a Management API key; without it the key comes from the environment, as for the command line. UsageError
    for an unknown id, an invalid address, and a key that an HTTP header cannot contain. Give other names in the path
    of an export, such as the name of a card, to `export`.
    """
    ids = _checked_ids(ids)
    if key is not None:
        secret = authorization_value("ManagementKey-v1", key, name="key of the calling program")
        return Target(base_url=base_url, ids=ids, authorization=secret)
    remember_keys(os.environ)
    checked_base_url(base_url)  # report a wrong address before a missing key
    return Target(base_url=base_url, ids=ids, authorization=authorization_from_environment(os.environ))


@contextmanager
def local_sandbox(*, world: PathLike | None = None, **ids: int) -> Iterator[Target]:
    """Yield a sandbox as a target; the end of the context stops it and removes its data."""
    with fresh_sandbox(_checked_ids(ids), world=Path(world) if world else None) as place:
        yield place


def validate(
    contract: str | Contract,
    *files: Input,
    settings: ValidationSettings | None = None,
    cluster: str | DaskClient | None = None,
) -> ValidationReport:
    """Check files or DataFrames against a contract; no account, no network.

    `cluster` is the address of a dask cluster whose workers check the files, or a `distributed.Client`. InputUnreadable
    if a file cannot be read.
    """
    chosen = settings or ValidationSettings(now=SystemClock().now())
    with ExitStack() as stack:
        paths = [stack.enter_context(input_path(file)) for file in files]
        executor = HERE if cluster is None else stack.enter_context(cluster_executor(cluster))
        report = validate_files(_contract(contract), paths, settings=chosen, executor=executor)
    if unreadable := next((file.unreadable for file in report.files if file.unreadable), None):
        raise InputUnreadable(unreadable)
    return report


def plan(
    contract: str | Contract,
    file: Input,
    *,
    options: Mapping[str, object] | None = None,
    max_rows: int | None = None,
    max_bytes: int = 50_000_000,
    cluster: str | DaskClient | None = None,
) -> FilePlan:
    """Return the chunks of a file or a DataFrame, as byte ranges with checksums; nothing is sent.

    `options` are as in `submit`, and `cluster` is as in `validate`.
    """
    found = _contract(contract)
    names = found.sent_names(query_texts(found, options or {}, place=found.name))
    with input_path(file) as path:
        limits = chunk_limits(found, max_rows=max_rows, max_bytes=max_bytes)
        if cluster is None:
            return plan_file(path, limits, names=names)
        return plan_on_cluster(path, limits, cluster, names=names)


@dataclass(frozen=True, kw_only=True, repr=False)
class Fixed:
    """A repaired copy: its path, the report, the changes (at most `FIX_CHANGES`), and the validation of the copy."""

    path: Path
    report: FixReport
    changes: tuple[Change, ...]
    left: ValidationReport

    def to_frame(self) -> pl.DataFrame:
        """Return the changes as a polars frame, one row per change."""
        columns = {name: pl.Int64 if name in {"record", "line"} else pl.String for name in Change.__annotations__}
        return pl.DataFrame([change._asdict() for change in self.changes], schema=columns)

    def __repr__(self) -> str:
        report, left = self.report, self.left
        done = f"{report.changed:,} of {report.records:,} records changed, {report.removed:,} removed"
        return f"Fixed({str(self.path)!r}: {done}; {left.errors:,} errors, {left.warnings:,} warnings left)"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.to_frame()._repr_html_()}"


def fix(
    contract: str | Contract,
    file: Input,
    out: PathLike,
    *,
    options: FixOptions | None = None,
    overwrite: bool = False,
) -> Fixed:
    """Write a repaired copy of a file or a DataFrame, and validate the copy.

    DataError if the header is missing, InputUnreadable if the file cannot be read. `overwrite` is as for `export`; the
    file itself is never overwritten.
    """
    found, target = _contract(contract), _path(out)
    report, changes = FixReport(), list[Change]()

    def keep(change: Change) -> None:
        if len(changes) < FIX_CHANGES:
            changes.append(change)

    with input_path(file) as path:
        refuse_the_same(target, [path], what="the repaired copy")
        with whole_file(target, _permit(None, overwrite)) as copy:
            report = fix_file(found, file_source(path), copy, options=options or FixOptions(), log=keep)
    return Fixed(path=target, report=report, changes=tuple(changes), left=validate(found, target))


def submit(
    contract: str | Contract,
    file: Input,
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
    """Validate a file or a DataFrame, upload it and, with `reconcile`, prove every row.

    `options` are the contract's query options by name (`{"skip-duplicates": True}`). `guards` lifts single guards.
    `ledger` is the address of the ledger; None for the default ledger.
    """
    found = _contract(contract)
    if is_frame(file):
        with opened_ledger(ledger) as book:
            file = kept_path(file, book.folder / "frames")
    request = ImportRequest(
        contract=found,
        file=_path(file),
        options=query_texts(found, options or {}, place=found.name),
        max_rows=max_rows,
        max_bytes=max_bytes,
        run=run or RunOptions(),
        guards=guards or Guards(),
        reconcile=reconcile,
    )
    _check_ids(found, where)
    place = Destination(target=lambda: nullcontext(where), ledger=lambda: opened_ledger(ledger))
    return import_file(request, place, clock=SystemClock(), observer=observer)


def resume(
    job: str,
    where: Target,
    *,
    reconcile: bool = False,
    changes: Mapping[str, Any] | None = None,
    file: PathLike | None = None,
    ledger: str | None = None,
    observer: Observer | None = None,
) -> Outcome:
    """Continue an unfinished job; `changes` are run settings to change, such as `{"settle": 5.0}`.

    `file` is the new path of the job's file, if it was moved.
    """
    with opened_ledger(ledger) as book:
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
            file=_path(file) if file else None,
            observer=observer,
        )


def export(
    what: str,
    out: PathLike,
    where: Target,
    *,
    filters: Mapping[str, object] | None = None,
    names: Mapping[str, int | str] | None = None,
    shape: Shape | None = None,
    window: str | None = None,
    window_by: str | None = None,
    settle: float = 0.0,
    overwrite: bool = False,
    ledger: str | None = None,
    observer: Callable[[str], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Save an export to a file, which appears only when it is complete.

    `filters` have the option names of `bulkops export WHAT --help`; values are text, numbers, booleans, lists or dates.
    `names` are the parts of the path besides ids: `{"card": "CARD-1"}`, `{"profile": "customer-1"}`,
    `{"achievement": 3}`, `{"value-map": 4}`. `window` (`"1d"`) fetches the export in time windows of this length, and
    continues after a kill. A file that bulkops did not write is replaced only with `overwrite`; the file of a job is
    never replaced. `observer` receives messages, and `progress` the number of bytes of each block.
    """
    if what not in EXPORTS:
        raise UsageError(f"Unknown export {what!r}.", hint=f"Known: {', '.join(EXPORTS)}.")
    request = request_of(EXPORTS[what], where.ids, names or {}, filters or {})
    fetching = Fetching(
        steps=steps_of(EXPORTS[what], window, window_by), settle=settle, progress=progress, say=observer
    )
    with (
        opened_ledger(ledger) as book,
        open_client(where, book, clock=SystemClock(), notify=observer or discard_notice) as client,
    ):
        return run_export(
            client, request, _path(out), shape=shape, fetching=fetching, permit=_permit(ledger, overwrite)
        )


def reconcile(
    contract: str | Contract,
    file: Input,
    where: Target | None = None,
    *,
    saved: PathLike | None = None,
    job: str | None = None,
    import_ids: Collection[int] | None = None,
    case: Fold | str | None = None,
    options: Mapping[str, object] | None = None,
    settle: float = SETTLE_SECONDS,
    output: PathLike | None = None,
    spreadsheet_safe: bool = False,
    repair: PathLike | None = None,
    without_import_ids: bool = False,
    ids: Mapping[str, int] | None = None,
    overwrite: bool = False,
    balances: tuple[PathLike, PathLike] | None = None,
    accept: Collection[str] = (),
    ledger: str | None = None,
    observer: Callable[[str], None] | None = None,
    cluster: str | DaskClient | None = None,
) -> Reconciliation:
    """Compare a file or a DataFrame with the rows of a target, or with an export that was `saved` earlier.

    `job` is the job that sent the file: it provides import ids and times, the file must be the sent one (GuardRefused),
    and the result is stored with the job. `import_ids` are the imports of a file without a job. `case` says how the
    application folds codes. `output` is a folder for files with every difference; with `spreadsheet_safe`, no cell of
    them is a formula. `repair` is the path of an import file with the missing records; `without_import_ids` writes it
    for points or giveaways although the found rows show no import ids. `ids` are the ids of the target that a saved
    export must belong to, if its rows show ids. `overwrite` is as for `export`. `balances` are balances exports from
    before and after the import (points). `accept` are rules that would stop an import and that you accept. `observer`
    receives the reason for each further read-back. `cluster` is as in `validate`; it compares files with saved exports,
    and this process compares them with a target.
    """
    found = _contract(contract)
    if where is not None and saved is not None:
        raise UsageError("Give either a target or a saved export to compare with, not both.")
    with ExitStack() as stack:
        path = stack.enter_context(input_path(file))
        book = stack.enter_context(opened_ledger(ledger)) if where is not None or job else None
        if job and book is not None:
            asked = _asked_of_job(book, job, found, path, where, import_ids)
        else:
            asked = _asked_of_file(found, path, options, import_ids)
        asked = replace(
            asked,
            settle=settle,
            output=_path(output) if output else None,
            spreadsheet_safe=spreadsheet_safe,
            repair=_path(repair) if repair else None,
            without_import_ids=without_import_ids,
            permit=_permit(ledger, overwrite),
            balances=(_path(balances[0]), _path(balances[1])) if balances else None,
            cluster=cluster,
        ).accepting(accepted_rules(accept))
        ids = _checked_ids(ids or {})
        evidence = EvidenceSource(ids=ids, options=asked.options, fold=fold_named(case))
        if where is not None and book is not None:
            client = stack.enter_context(_client_for(found, where, book, observer))
            evidence = replace(evidence, client=client, ids=where.ids)
        elif saved:
            evidence = replace(evidence, export=_path(saved))
        return prove(asked, evidence, clock=SystemClock(), ledger=book, observer=observer)


def _asked_of_job(
    book: Ledger, job: str, contract: Contract, file: Path, where: Target | None, import_ids: Collection[int] | None
) -> ReconcileRequest:
    """Return the request to compare the file of a job; UsageError if the contract or import ids contradict the job."""
    asked = request_of_job(book, job, file=file, where=where)
    if asked.contract != contract or import_ids is not None:
        raise UsageError(
            f"Job {job} already has its contract, {asked.contract.name}, and its import ids.",
            hint="Give the contract of the job, and no import ids.",
        )
    return asked


def _asked_of_file(
    contract: Contract, file: Path, options: Mapping[str, object] | None, import_ids: Collection[int] | None
) -> ReconcileRequest:
    """Return the request to compare a file without a job."""
    query = query_texts(contract, options or {}, place=contract.name)
    return ReconcileRequest(contract=contract, file=file, options=query, known=ImportFacts(import_ids=import_ids))


def _client_for(
    contract: Contract, where: Target, book: Ledger, observer: Callable[[str], None] | None
) -> AbstractContextManager[ApiClient]:
    """Return a client of the target; UsageError if the target lacks an id that the contract needs."""
    _check_ids(contract, where)
    return open_client(where, book, clock=SystemClock(), notify=observer or discard_notice)


def run(
    recipe: PathLike,
    where: Target | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    settings: RunOptions | None = None,
    first: int = 1,
    dry_run: bool = False,
    ledger: str | None = None,
    observer: Observer | None = None,
) -> list[StepResult]:
    """Run a recipe (a path, or the name of a shipped one) and return a result for each step that ran.

    The run stops after the first result that differs from the recipe's expectation. `first` is the 1-based number of
    the first step to run. A recipe with a sandbox of its own accepts no target. UsageError if the recipe is invalid.
    """
    loaded = load_recipe(find_recipe(os.fspath(recipe)), variables or {})
    with ExitStack() as stack:
        if loaded.sandbox is not None:
            if where is not None:
                raise UsageError(
                    f"{loaded.name} runs against a sandbox of its own, so it accepts no target.",
                    hint="Omit the target.",
                )
            where = stack.enter_context(fresh_sandbox({}, world=loaded.sandbox.world))
        if where is None:
            raise UsageError(f"{loaded.name} needs a target.")
        loaded = at_target(loaded, where.name)
        check_recipe(loaded, where.ids)
        steps = RecipeRun(
            recipe=loaded,
            target=where,
            ledger=stack.enter_context(opened_ledger(ledger)),
            clock=SystemClock(),
            settings=settings or RunOptions(),
            observe=lambda _: observer or Silent(),
            dry_run=dry_run,
            first=first,
        )
        return list(steps.results())


def map_recipe(
    recipe: PathLike,
    into: PathLike,
    *,
    variables: Mapping[str, str] | None = None,
    overwrite: bool = False,
    cluster: str | DaskClient | None = None,
) -> list[MappedFile]:
    """Map the sources of a recipe (a path, or the name of a shipped one) to files in a folder; nothing is sent.

    `cluster` is as in `validate`; its workers must also be able to write to the folder. DataError names the source row
    that cannot be mapped; UsageError if the recipe is invalid or a foreign file would be replaced.
    """
    loaded = load_recipe(find_recipe(os.fspath(recipe)), variables or {})
    folder = _path(into)
    if not isinstance(folder, RemotePath):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        workers = None if cluster is None else stack.enter_context(opened_cluster(cluster))
        space = stack.enter_context(workspace_of(loaded))
        return [found for *_, found in map_into(loaded, folder, space, Permit(overwrite=overwrite), workers)]


def report(
    out: PathLike,
    *jobs: str,
    title: str | None = None,
    mask: bool = False,
    check_files: bool = True,
    overwrite: bool = False,
    ledger: str | None = None,
) -> Path:
    """Write a report about the jobs, or about the latest job, to a `.html`, `.md` or `.json` file; return its path.

    `overwrite` is as for `export`.
    """
    path = Path(out)
    form = form_of(path)
    choices = ReportOptions(jobs=jobs, form=form, title=title, mask=mask, check_files=check_files, ledger=ledger)
    with opened_ledger(ledger) as book:
        return write_report(book, choices, made=SystemClock().now(), output=path, permit=_permit(ledger, overwrite))


def _contract(contract: str | Contract) -> Contract:
    if isinstance(contract, Contract):
        return contract
    if contract not in CONTRACTS:
        raise UsageError(f"Unknown contract {contract!r}.", hint=f"Known: {', '.join(CONTRACTS)}.")
    return CONTRACTS[contract]


def _permit(ledger: str | None, overwrite: bool) -> Permit:  # noqa: FBT001 - the one flag of a private function
    return Permit(overwrite=overwrite, refuse_input=inputs_guard(ledger))


def _path(given: object) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise UsageError(f"{given!r} is not a path.")
    return path_of(given)


def _checked_ids(given: Mapping[str, int]) -> dict[str, int]:
    """Return ids by their names: `value_map` means `value-map`. UsageError for an unknown name or an invalid id."""
    ids = {name.replace("_", "-"): value for name, value in given.items()}
    for name, value in ids.items():
        if name not in ID_NAMES:
            raise UsageError(f"Unknown id {name!r}.", hint=f"Known: {', '.join(ID_NAMES)}.")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UsageError(f"The id {name} must be a whole number of at least 1; it is {value!r}.")
    return ids


def _check_ids(contract: Contract, where: Target) -> None:
    try:
        contract.route(where.ids)
    except LookupError as error:
        raise UsageError(f"{contract.name} needs the ids {', '.join(error.args)}.") from None
