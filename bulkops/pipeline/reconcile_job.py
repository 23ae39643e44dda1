"""A reconciliation as people ask for it: of a file or of a job, with balances, and kept with the job."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from bulkops.clock import Clock
from bulkops.errors import GuardRefused, UsageError
from bulkops.ledger.store import Ledger
from bulkops.pipeline.proof import Circumstances, SavedExport, keep_result
from bulkops.readback.compare.canonical import Fold
from bulkops.reconciling.balances import SubledgerBalance, check_balances
from bulkops.reconciling.jobs import known_from_ledger
from bulkops.reconciling.outputs import refuse_unfit
from bulkops.reconciling.result import Reconciliation
from bulkops.reconciling.run import reconcile
from bulkops.reconciling.sides import EvidenceSource, ImportFacts
from bulkops.settings import Target
from bulkops.upload.input_file import Original
from bulkops.upload.start import contract_of, target_of, with_file
from bulkops.writing import OWN_ONLY, Permit
from bulkops_validators.model.contract import Contract


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is compared, and what becomes of it.

    `target` is the identity of the target of a job; `balances` are exports from before and after the import, `original`
    is the file where it is that of a job.
    """

    contract: Contract
    file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    known: ImportFacts = field(default_factory=ImportFacts)
    job: str | None = None
    target: Mapping[str, Any] | None = None
    original: Original | None = None
    output: Path | None = None
    spreadsheet_safe: bool = False
    repair: Path | None = None
    without_import_ids: bool = False
    balances: tuple[Path, Path] | None = None
    settle: float = 60.0
    permit: Permit = OWN_ONLY

    def accepting(self, rules: Collection[str]) -> Self:
        """Return the same with more rules accepted."""
        return replace(self, known=replace(self.known, accept=frozenset(self.known.accept) | frozenset(rules)))


def asked_of_job(ledger: Ledger, name: str, *, file: Path | None = None, where: Target | None = None) -> Asked:
    """Return what a job knows of itself; GuardRefused for another file, or another target, than it was begun with."""
    job = ledger.job(name)
    contract = contract_of(job)
    if file is not None:
        job = with_file(job, file)
    original = Original(job, chunks=lambda: ledger.chunks(name))
    original.refuse_change()
    if where is not None and target_of(contract, where) != job.target:
        raise GuardRefused(f"Job {name} was begun on another target.", hint="Name the target it was begun on.")
    known = known_from_ledger(ledger, job, ledger.chunks(name), contract)
    return Asked(
        contract=contract,
        file=file or job.file_path,
        options=job.options,
        known=known,
        job=name,
        target=job.target,
        original=original,
    )


def prove(
    asked: Asked,
    evidence: EvidenceSource,
    *,
    clock: Clock,
    ledger: Ledger | None,
    observer: Callable[[str], None] | None,
) -> Reconciliation:
    """Compare, check the balances if asked, and let the job know what was found, as `import --reconcile` does.

    FileChanged if the file of a job changed while it was compared; the job then keeps no result.
    """
    refuse_unfit(asked.output, asked.repair, [asked.file, *(asked.balances or ())], asked.permit)
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
        without_import_ids=asked.without_import_ids, permit=asked.permit, observer=observer,
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
    """Return a way of folding codes by its name; UsageError if there is none."""
    try:
        return Fold(case) if case is not None else None
    except ValueError:
        raise UsageError(f"There is no case {case!r}.", hint=f"Known: {', '.join(Fold)}.") from None
