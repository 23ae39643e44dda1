"""Check the files of all steps against their contracts and a snapshot of an account, without a request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bulkops.account.checks import KnownNames, facts_of
from bulkops.account.model import Account
from bulkops.account.preflight import FAMILY, SHOWN_FINDINGS, Preflight, sentence
from bulkops.errors import BulkopsError, DataError, GuardRefused, InputUnreadable, UsageError
from bulkops.pipeline.importing import NO_RECORDS
from bulkops.recipe import Step
from bulkops.upload.guards import accepted_rules, refuse_unaccepted_warnings
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops.wording import counted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.rules import Severity


@dataclass(frozen=True, kw_only=True)
class OfflineCheck:
    """The comparison of steps with a snapshot; `now` is the present time."""

    account: Account
    now: datetime

    def findings(self, step: Step, file: Path, ids: Mapping[str, int]) -> Preflight:
        """Return the findings of all rules in the file of a step; `ids` are all or some ids of its target.

        InputUnreadable if the file cannot be read.
        """
        contract = CONTRACTS[step.contract]
        used = {name for route in contract.routes for name in route.ids}
        known = {name: number for name, number in ids.items() if name in used}
        ignored = accepted_rules(step.accept) | ({NO_RECORDS} if step.allow_empty else set())
        settings = ValidationSettings(
            now=self.now,
            ignore=tuple(sorted(ignored)),
            max_findings=SHOWN_FINDINGS,
            named=KnownNames(self.account, contract, known),
        )
        (report,) = validate_files(contract, [file], settings=settings).files
        if report.unreadable:
            raise InputUnreadable(report.unreadable)
        return Preflight(facts=facts_of(self.account, known), report=report, not_checked=(), requests=0)


def offline_error(found: Preflight) -> BulkopsError | None:
    """Return the error for a file or a target that an import would refuse; None if there is none."""
    report = found.report
    if not report.errors:
        return _refused_warnings(report)
    errors = [each for each in report.findings if each.severity is Severity.ERROR]
    of_target = next((each for each in errors if each.record is None and each.code.startswith(FAMILY)), None)
    if of_target is not None:
        message = f"{sentence(of_target.message)} Nothing was sent."
        return UsageError(message, hint="Correct the ids, or write a new snapshot with `bulkops snapshot`.")
    return DataError(
        f"{report.path}: {counted(report.errors, 'error')}. Nothing was sent.",
        hint="Correct the source or the mapping. If the snapshot is old, write a new one with `bulkops snapshot`.",
    )


def _refused_warnings(report: FileReport) -> GuardRefused | None:
    """Return the error for warnings that stop an import; warnings about the account do not."""
    counts = {code: count for code, count in report.counts.items() if not code.startswith(FAMILY)}
    try:
        refuse_unaccepted_warnings(replace(report, counts=counts))
    except GuardRefused as error:
        return error
    return None
