"""Check the files of all steps against their contracts, each other and a snapshot of an account, without a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bulkops.account.checks import KnownNames, WrongValues, facts_of
from bulkops.account.earlier_steps import EarlierValues
from bulkops.account.model import Account
from bulkops.account.preflight import (
    FAMILY,
    SHOWN_FINDINGS,
    Preflight,
    columns_of,
    not_imported,
    sentence,
    sought_values,
)
from bulkops.errors import BulkopsError, DataError, GuardRefused, InputUnreadable, UsageError
from bulkops.pipeline.importing import NO_RECORDS
from bulkops.recipe import Step
from bulkops.upload.guards import accepted_rules, refuse_unaccepted_warnings
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops.wording import counted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract, KeySearch, Reference
from bulkops_validators.model.rules import Severity


@dataclass(frozen=True, kw_only=True)
class OfflineCheck:
    """The comparison of steps with a snapshot; `now` is the present time."""

    account: Account
    now: datetime

    def findings(
        self, step: Step, file: Path, ids: Mapping[str, int], earlier: Mapping[str, EarlierValues]
    ) -> Preflight:
        """Return the findings of all rules in the file of a step; `ids` are all or some ids of its target.

        `earlier` maps columns to the values that earlier steps create. The preflight with the account would search a
        few of the other values, so these are not judged, but listed as not checked. InputUnreadable if the file cannot
        be read.
        """
        contract = CONTRACTS[step.contract]
        used = {name for route in contract.routes for name in route.ids}
        known = {name: number for name, number in ids.items() if name in used}
        ignored = accepted_rules(step.accept) | ({NO_RECORDS} if step.allow_empty else set())
        fits = KnownNames(self.account, contract, known).fits
        found = _References(contract, file, known).compared(earlier) if fits else _Compared()
        settings = ValidationSettings(
            now=self.now,
            ignore=tuple(sorted(ignored)),
            max_findings=SHOWN_FINDINGS,
            named=KnownNames(self.account, contract, known, wrong=found.wrong),
        )
        (report,) = validate_files(contract, [file], settings=settings).files
        if report.unreadable:
            raise InputUnreadable(report.unreadable)
        facts = facts_of(self.account, known)
        return Preflight(facts=facts, report=report, not_checked=tuple(found.not_checked), requests=0)


@dataclass(frozen=True)
class _Compared:
    """Values that are wrong without any account, and sentences about those that only the account can decide."""

    wrong: list[WrongValues] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)


class _References:
    """The columns of a file that refer to profiles, codes or cards, which a snapshot does not contain."""

    def __init__(self, contract: Contract, file: Path, ids: Mapping[str, int]) -> None:
        self._file = file
        present = columns_of(file, contract)
        routes = [route for route in contract.routes if set(route.ids) <= set(ids)] or contract.routes
        self._search: KeySearch | None = next((route.search for route in routes if route.search), None)
        self._open = {
            column.name: "customer profiles"
            for column in contract.columns
            if column.name in present and column.names is Reference.PROFILE
        }
        if self._search is not None and self._search.column in present:
            self._open[self._search.column] = self._search.what

    def compared(self, earlier: Mapping[str, EarlierValues]) -> _Compared:
        """Return the result for the values that earlier steps create, and for all other references."""
        found = _Compared()
        for column, values in earlier.items():
            absent = values.absent(self._file, column)
            what = self._open.pop(column, "")
            left = self._left_open(column, what, absent)
            if len(absent) > len(left):
                found.wrong.append(not_imported(column, values, absent, besides=left))
            if left:
                count = counted(len(left), f"value of {column} is", f"values of {column} are")
                found.not_checked.append(f"{what}: {count} not in {values.place}, and a snapshot contains none")
        found.not_checked.extend(f"{what}: a snapshot contains none" for what in self._open.values())
        return found

    def _left_open(self, column: str, what: str, absent: Sequence[str]) -> Sequence[str]:
        """Return those absent values of a column that the account may have; all of customer profiles."""
        if what and (self._search is None or self._search.column != column):
            return absent
        return sought_values(column, absent, self._search)


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
    hint = "Correct the source or the mapping. If the snapshot is old, write a new one with `bulkops snapshot`."
    if "ACC134" in report.counts:
        hint += " If the account has the values already, add `accept: ACC134` to the step."
    return DataError(f"{report.path}: {counted(report.errors, 'error')}. Nothing was sent.", hint=hint)


def _refused_warnings(report: FileReport) -> GuardRefused | None:
    """Return the error for warnings that stop an import; warnings about the account do not."""
    counts = {code: count for code, count in report.counts.items() if not code.startswith(FAMILY)}
    try:
        refuse_unaccepted_warnings(replace(report, counts=counts))
    except GuardRefused as error:
        return error
    return None
