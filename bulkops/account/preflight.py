"""Check one import against the account of its target, before anything is sent."""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.account.checks import KnownNames, WrongValues, facts_of
from bulkops.account.earlier_steps import MOST_ABSENT, EarlierValues
from bulkops.account.model import Account, by_id
from bulkops.account.needs import Needs, needs_of
from bulkops.account.reading import MAX_REQUESTS, PAGE, AccountReader
from bulkops.errors import BulkopsError, DataError, InputUnreadable, UsageError
from bulkops.limits import TooLarge
from bulkops.readback.fetch.rows import read_file
from bulkops.reading.blocks import ContentReader
from bulkops.reading.sources import DAMAGED, ReadFailed, file_source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, Finding
from bulkops.validation.named_things import NameFault
from bulkops.validation.preamble import read_file_start
from bulkops.validation.settings import ValidationSettings
from bulkops.wording import counted
from bulkops_validators.model.contract import Contract, KeySearch
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

if TYPE_CHECKING:
    from bulkops.json_documents.findings import PreflightDocument

FAMILY = "ACC"
MAX_SEARCHES = 5
"""Maximum number of requests that search the profiles of one file; each searches PAGE profiles."""
MAX_KEYS = 3
"""Maximum number of codes or cards of one file that are searched, with one request each: they need no rate wait."""
SHOWN_FINDINGS = 20
"""Maximum number of examples of a rule with their location."""

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """The result of a preflight: facts about the target, and findings in the file.

    `facts` describes each id. `not_checked` lists the items that could not be read, with the reason. `requests` is the
    number of requests of the preflight.
    """

    facts: Mapping[str, str]
    report: FileReport
    not_checked: tuple[str, ...]
    requests: int

    @property
    def of_target(self) -> bool:
        """Whether an error concerns the ids of the target instead of records."""
        return any(each.severity is Severity.ERROR and each.record is None for each in self.report.findings)

    def error(self) -> BulkopsError | None:
        """Return the error for a target or file that does not fit the account; None if it fits."""
        if not self.report.errors:
            return None
        codes = ",".join(code for code in self.report.counts if RULES[code].severity is Severity.ERROR)
        hint = f"If the account is correct, give --accept {codes}."
        if self.of_target:
            first = next(each for each in self.report.findings if each.severity is Severity.ERROR and not each.record)
            return UsageError(f"{sentence(first.message)} Nothing was sent.", hint=f"Correct the ids. {hint}")
        does_not = "does not fit" if self.report.errors == 1 else "do not fit"
        cells = counted(self.report.errors, "cell")
        message = f"{self.report.path}: {cells} {does_not} the account. Nothing was sent."
        return DataError(message, hint=f"Correct the file, or the ids. {hint}")

    def to_json(self) -> "PreflightDocument":
        """Return the part of the JSON documents of `import` and `run` about the preflight."""
        return {
            "target": dict(self.facts),
            "requests": self.requests,
            "not_checked": list(self.not_checked),
            "errors": self.report.errors,
            "warnings": self.report.warnings,
            "counts": dict(self.report.counts),
            "findings": [finding.to_json() for finding in self.report.findings],
        }


def check_import(
    contract: Contract,
    file: Path,
    ids: Mapping[str, int],
    reader: AccountReader,
    *,
    accept: Collection[str] = (),
    search: bool = True,
    keys: bool = True,
    earlier: Mapping[str, EarlierValues] | None = None,
    columns: Collection[str] | None = None,
    say: Notify,
) -> Preflight:
    """Return how an import fits the account of its target; the file must be validated before.

    `accept` are rules to skip. `earlier` maps columns to the values that earlier steps create. Without `search`, only
    values that these steps lack are searched; without `keys`, only customer profiles are. `columns` are those that the
    validation found in the file, if they are known. At most MAX_REQUESTS
    requests, MAX_SEARCHES searches of profiles and MAX_KEYS searches of codes or cards are sent; `say` receives a
    message before them. AccessRefused if the key is not accepted.
    """
    before = reader.requests
    present = columns_of(file, contract) if columns is None else columns
    needs = needs_of(contract, ids, present)
    if needs.readable and search:
        say(f"Preflight: reading the target, with at most {MAX_REQUESTS} requests.")
    account = reader.needed(needs)
    known = KnownNames(account, contract, ids)
    names = _Collecting(known, needs.profiles if search and known.fits else None)
    report = _check_cells(contract, file, names, present, accept)
    searches = _Searches(file=file, ids=ids, reader=reader, account=account, needs=needs, say=say)
    by_key = contract.route(ids).search
    if names.collected:
        searches.profiles(list(names.collected))
    if search and keys and known.fits and by_key is not None and by_key.column in present:
        searches.sampled_keys(by_key)
    for column, values in (earlier or {}).items() if known.fits else ():
        if column in present:
            searches.absent_values(column, values, by_key)
    if searches.wrong:
        found = KnownNames(account, contract, ids, wrong=searches.wrong)
        report = _check_cells(contract, file, _Collecting(found, None), present, accept)
    return Preflight(
        facts=facts_of(account, needs.ids),
        report=report,
        not_checked=(*(f"{unread.what}: {unread.why}" for unread in account.unread), *searches.not_checked),
        requests=reader.requests - before,
    )


def merged(report: FileReport, found: FileReport) -> FileReport:
    """Return the validation report of a file together with the findings of its preflight."""
    return replace(
        report,
        errors=report.errors + found.errors,
        warnings=report.warnings + found.warnings,
        counts={**report.counts, **found.counts},
        findings=(*report.findings, *found.findings),
        severities={**report.severities, **found.severities},
    )


def sought_values(column: str, absent: Sequence[str], search: KeySearch | None) -> Sequence[str]:
    """Return the values of a column that are searched in the account because no earlier step creates them.

    They are none if there are too many of them.
    """
    if search is None or search.column != column or len(absent) > MAX_KEYS:
        return ()
    return [value for value in absent if len(value) >= search.shortest]


def not_imported(
    column: str, earlier: EarlierValues, absent: Sequence[str], *, besides: Collection[str] = ()
) -> WrongValues:
    """Return the values of a column that no earlier step creates as wrong, except those in `besides`."""
    if len(absent) > MOST_ABSENT:
        text = f"more than {MOST_ABSENT:,} values of {column} are not in {earlier.place}"
        return WrongValues(column=column, values=None, fault=NameFault("ACC134", text))
    fault = NameFault("ACC134", f"is not in {earlier.place}")
    return WrongValues(column=column, values=set(absent) - set(besides), fault=fault)


class _Collecting:
    """Check cells with KnownNames, and collect the distinct cells of one column, up to the maximum that is searched."""

    def __init__(self, names: KnownNames, column: str | None) -> None:
        self._names = names
        self._column = column
        self.collected: dict[str, None] = {}  # in the order of the file

    @property
    def columns(self) -> AbstractSet[str]:
        """The columns that are checked or collected."""
        return {*self._names.columns, *([self._column] if self._column else [])}

    def of_file(self, present: Collection[str]) -> Sequence[NameFault]:
        """Return the faults of the target and of missing columns."""
        return self._names.of_file(present)

    def suggestion(self, code: str, unknown: str, *, searched: bool) -> str:
        """Return a sentence with the names that may be meant by an unknown one."""
        return self._names.suggestion(code, unknown, searched=searched)

    def faults(self, column: str, value: str) -> Sequence[NameFault]:
        """Return the faults of a cell, and keep the cell if it belongs to the collected column."""
        if column == self._column and value and len(self.collected) <= MAX_SEARCHES * PAGE:
            self.collected[value] = None
        return self._names.faults(column, value) if column in self._names.columns else ()


def _check_cells(
    contract: Contract, file: Path, names: _Collecting, present: Collection[str], accept: Collection[str]
) -> FileReport:
    """Return the findings of the account rules; the file is read only if one of its columns can be checked."""
    if not names.columns & set(present):
        return _of_target(contract, file, [fault for fault in names.of_file(present) if fault.code not in accept])
    settings = ValidationSettings(
        select=(FAMILY,),
        ignore=tuple(code for code in sorted(accept) if code.startswith(FAMILY)),
        max_findings=SHOWN_FINDINGS,
        named=names,
    )
    (report,) = validate_files(contract, [file], settings=settings).files
    return report


def _of_target(contract: Contract, file: Path, faults: Sequence[NameFault]) -> FileReport:
    findings = tuple(
        Finding(code=fault.code, severity=RULES[fault.code].severity, message=fault.text) for fault in faults
    )
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    codes = [finding.code for finding in findings]
    return FileReport(
        path=str(file),
        contract=contract.name,
        records=0,
        bytes=0,
        sha256="",
        errors=errors,
        warnings=len(findings) - errors,
        counts={code: codes.count(code) for code in RULES if code in codes},
        findings=findings,
        severities={code: RULES[code].severity for code in codes},
    )


def columns_of(file: Path, contract: Contract) -> Collection[str]:
    """Return the contract's columns that a file has; none if it cannot be read, because validation reports that."""
    try:
        with file_source(file).open() as stream:
            header = read_file_start(ContentReader(stream), contract).header
    except (InputUnreadable, TooLarge, ReadFailed, *DAMAGED):
        return ()
    return header.present if header else ()


@dataclass(kw_only=True)
class _Searches:
    """Searches values of a file in the account; collects the wrong ones, and reasons why others were not searched."""

    file: Path
    ids: Mapping[str, int]
    reader: AccountReader
    account: Account
    needs: Needs
    say: Notify
    wrong: list[WrongValues] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def profiles(self, wanted: Sequence[str]) -> None:
        """Search customer profiles; those that are not found are wrong."""
        if len(wanted) > MAX_SEARCHES * PAGE:
            self.not_checked.append(f"customer profiles: the file names more than {MAX_SEARCHES * PAGE:,}")
            return
        requests = -(-len(wanted) // PAGE)
        many = counted(len(wanted), "customer profile")
        self.say(f"Preflight: searching {many}, with {counted(requests, 'request')}.")
        missing: set[str] = set()
        rest = iter(wanted)
        sandbox = _is_sandbox(self.account, self.needs)
        while batch := list(islice(rest, PAGE)):
            found = self.reader.search_profiles(batch, sandbox=sandbox)
            if found is None:
                why = "the search failed, or the key does not grant getCustomersByAttributes"
                self.not_checked.append(f"customer profiles: {why}")
                return
            missing |= set(batch) - found
        fault = NameFault("ACC131", "is not a customer profile that the search finds")
        self.wrong.append(WrongValues(column=self.needs.profiles or "", values=missing, fault=fault))

    def sampled_keys(self, search: KeySearch) -> None:
        """Search a few of the file's codes or cards; wrong are those that exist, or that do not if they must."""
        sample = [] if self.reader.broken else _sample(self.file, search.column)
        code, text = ("ACC133", "is not a card of the program") if search.must_exist else ("ACC132", "exists already")
        wrong = {value for value, exists in self._keys(search, sample) if exists is not search.must_exist}
        self.wrong.append(WrongValues(column=search.column, values=wrong, fault=NameFault(code, text)))

    def absent_values(self, column: str, earlier: EarlierValues, search: KeySearch | None) -> None:
        """Search the values that no earlier step creates, if they are few enough."""
        absent = earlier.absent(self.file, column)
        if not absent:
            return
        if column == self.needs.profiles:
            self.profiles(absent)
            return
        exist: set[str] = set()
        if (sought := sought_values(column, absent, search)) and search is not None and not self.reader.broken:
            exist = {value for value, exists in self._keys(search, sought) if exists}
        self.wrong.append(not_imported(column, earlier, absent, besides=exist))

    def _keys(self, search: KeySearch, values: Sequence[str]) -> Sequence[tuple[str, bool]]:
        """Return whether each code or card exists; nothing if they could not be searched."""
        sample = [value for value in values if len(value) >= search.shortest]
        if not sample:
            return ()
        self.say(
            f"Preflight: searching {len(sample)} of the file's {search.what}, with {counted(len(sample), 'request')}."
        )
        folded, found = _folds_codes(self.account, self.needs), []
        for value in sample:
            exists = self.reader.key_exists(search, self.ids, value, folded=folded)
            if exists is None:
                why = f"the search failed, or the key does not grant {search.operation}"
                self.not_checked.append(f"{search.what}: {why}")
                return ()
            found.append((value, exists))
        return found


def _sample(file: Path, column: str) -> list[str]:
    """Return up to MAX_KEYS different values of a column, from the first part of the file."""
    try:
        frame = next(read_file(file), None)
    except BulkopsError:  # validation reports it
        return []
    names = {} if frame is None else {name.strip().lower(): name for name in frame.columns}
    if frame is None or column not in names:
        return []
    values = [value for value in frame.get_column(names[column]).to_list() if value]
    places = (0, len(values) // 2, -1) if values else ()
    return list(dict.fromkeys(values[place] for place in places))[:MAX_KEYS]


def _folds_codes(account: Account, needs: Needs) -> bool:
    application = by_id(account.applications, needs.ids.get("application"))
    return bool(application and (application.case_sensitivity or "").startswith("insensitive"))


def _is_sandbox(account: Account, needs: Needs) -> bool:
    """Return whether the application or program of the target is a sandbox."""
    application = by_id(account.applications, needs.ids.get("application"))
    program = by_id(account.programs, needs.ids.get("program"))
    return bool((application and application.sandbox) or (program and program.sandbox))


def sentence(text: str) -> str:
    """Return the message of a finding as a complete sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")
