"""Reconcile a file or a job, check balances, and store the result with the job."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.proof import Circumstances, SavedExport, keep_result
from bulkops.readback.compare.canonical import Fold
from bulkops.reconciling.balances import SubledgerBalance, check_balances
from bulkops.reconciling.jobs import known_from_ledger
from bulkops.reconciling.outputs import Tables, refuse_unfit
from bulkops.reconciling.result import Reconciliation
from bulkops.reconciling.run import reconcile
from bulkops.reconciling.sides import EvidenceSource, ImportFacts
from bulkops.settings import Target
from bulkops.upload.input_file import JobFile
from bulkops.upload.options import SETTLE_SECONDS
from bulkops.upload.start import contract_of, refuse_undo_job, target_of, with_file
from bulkops.writing import OWN_ONLY, Permit
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.cluster import DaskClient


@dataclass(frozen=True, kw_only=True)
class ReconcileRequest:
    """The parameters of a reconciliation.

    `target` is the identity of a job's target. `balances` are exports from before and after the import. `original` is
    the job's file, if a job is reconciled. `cluster` is a dask cluster for the comparison with a saved export.
    """

    contract: Contract
    file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    known: ImportFacts = field(default_factory=ImportFacts)
    job: str | None = None
    target: Mapping[str, Any] | None = None
    original: JobFile | None = None
    output: Path | None = None
    spreadsheet_safe: bool = False
    repair: Path | None = None
    without_import_ids: bool = False
    balances: tuple[Path, Path] | None = None
    settle: float = SETTLE_SECONDS
    permit: Permit = OWN_ONLY
    tables: Tables = ()
    cluster: "str | DaskClient | None" = None

    def accepting(self, rules: Collection[str]) -> Self:
        """Return the same request with more accepted rules."""
        return replace(self, known=replace(self.known, accept=frozenset(self.known.accept) | frozenset(rules)))


def request_of_job(
    ledger: Ledger, name: str, *, file: Path | None = None, where: Target | None = None
) -> ReconcileRequest:
    """Return the request for a job; GuardRefused for another file or target than the job's."""
    job = ledger.job(name)
    refuse_undo_job(job, "reconciled", hint=f"`bulkops jobs show {name}` prints the last reading of the target.")
    contract = contract_of(job)
    if file is not None:
        job = with_file(job, file)
    original = JobFile(job, chunks=lambda: ledger.chunks(name))
    original.refuse_change()
    if where is not None and target_of(contract, where) != job.target:
        raise GuardRefused(f"Job {name} has another target.", hint="Name the target of the job.")
    known = known_from_ledger(ledger, job, ledger.chunks(name), contract)
    return ReconcileRequest(
        contract=contract,
        file=file or job.file_path,
        options=job.options,
        known=known,
        job=name,
        target=job.target,
        original=original,
    )


def prove(
    asked: ReconcileRequest,
    evidence: EvidenceSource,
    *,
    clock: Clock,
    ledger: Ledger | None,
    observer: Callable[[str], None] | None,
) -> Reconciliation:
    """Compare, check the balances if requested, and store the result with the job, as `import --reconcile` does.

    FileChanged if the file of a job changed during the comparison; the job then keeps no result.
    """
    inputs = [asked.file, *(asked.balances or ())]
    refuse_unfit(asked.output, asked.repair, inputs, asked.permit, tables=asked.tables)
    if asked.target is not None and evidence.export is not None:
        evidence = replace(evidence, ids=asked.target["ids"], address=asked.target["base_url"])
    began, saved = clock.now(), SavedExport.at(evidence.export if asked.job else None)
    balances: tuple[SubledgerBalance, ...] = ()
    if asked.balances:
        before, after = asked.balances
        balances = check_balances(asked.contract, asked.file, before=before, after=after, ids=evidence.ids)
    found = reconcile(
        asked.contract, asked.file, evidence, known=asked.known, settle=asked.settle, clock=clock,
        output=asked.output, spreadsheet_safe=asked.spreadsheet_safe, repair=asked.repair,
        without_import_ids=asked.without_import_ids, permit=asked.permit, tables=asked.tables, observer=observer,
        cluster=asked.cluster,
    )  # fmt: skip
    result = replace(found, balances=balances)
    if asked.original is not None:
        asked.original.refuse_change()
    if asked.job and ledger is not None:
        how = _circumstances(evidence, saved, began=began, ended=clock.now())
        keep_result(ledger, ledger.job(asked.job), result, how)
    return result


def _circumstances(
    evidence: EvidenceSource, saved: SavedExport | None, *, began: datetime, ended: datetime
) -> Circumstances:
    if evidence.client is not None:
        return Circumstances.of_target(evidence.client.target, began=began, ended=ended)
    return Circumstances(began=began, ended=ended, export=saved.identity() if saved else None)


def fold_named(case: Fold | str | None) -> Fold | None:
    """Return a treatment of case in codes by its name; UsageError for an unknown name."""
    try:
        return Fold(case) if case is not None else None
    except ValueError:
        raise UsageError(f"{case!r} is not a valid case.", hint=f"Valid:  {', '.join(Fold)}.") from None
