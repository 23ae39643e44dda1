"""Count all findings of one file, and list examples of them."""

from collections import ChainMap, Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from bulkops.origins import SourceOrigin
from bulkops.validation.findings import Finding, ValidationObserver
from bulkops.validation.preamble import Notice
from bulkops.validation.rule_matches import ExampleBudget
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Mode
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES, chosen

LONGEST_VALUE = 500
"""Maximum number of characters of a value in a finding."""


class FindingList:
    """Counts the findings of one file exactly, and lists the first ones of each rule."""

    def __init__(
        self, contract: Contract, path: str, settings: ValidationSettings, observer: ValidationObserver | None = None
    ) -> None:
        self.codes = chosen(select=settings.select, ignore=settings.ignore)
        self.severities = _severities(contract, settings)
        self.counts: Counter[str] = Counter()
        self.suppressed = 0
        """Number of findings that the baseline accepts."""
        self._path = path
        self._settings = settings
        self._observer = observer
        self._listed: list[Finding] = []
        self._listed_counts: Counter[str] = Counter()
        self._causes: dict[str, frozenset[str]] = {}
        self._once: frozenset[str] = frozenset()
        """Rules that nearly all records break for the same reason: the first finding explains the others."""
        self._by_cause: dict[tuple[str, Hashable], Finding] = {}
        self._cause_counts: Counter[tuple[str, Hashable]] = Counter()

    def budget(self) -> ExampleBudget:
        """Return how many more examples of each rule are wanted; the counts go on changing while blocks are checked."""
        most, baseline = self._settings.max_findings, self._settings.baseline
        used = {code: most for explained in self._causes.values() for code in explained}
        used |= {code: most - self._room(code) for code in self._once}
        counts = ChainMap(used, self._listed_counts) if used else self._listed_counts
        return ExampleBudget(most, counts, baseline.codes if baseline else frozenset(), self.grouped)

    @property
    def grouped(self) -> bool:
        """Whether findings that follow from another one are only counted. A baseline names each finding."""
        return self._settings.grouped and self._settings.baseline is None

    def add_notices(self, notices: Sequence[Notice], *, once: frozenset[str] = frozenset()) -> None:
        """Count the notices of a file, and list those that follow from no other one.

        If the settings group findings, the findings that a notice explains are not listed any more, and a rule in
        `once` has one listed finding.
        """
        self._once = once if self.grouped else frozenset()
        judged = [notice for notice in notices if notice.code in self.codes]
        for notice in judged if self.grouped else ():
            if notice.explains:
                self._causes[notice.code] = notice.explains - frozenset().union(*self._causes.values())
        # A notice is a cause only if its own rule is checked.
        places = {(notice.code, notice.field) for notice in judged} if self.grouped else set()
        following = Counter(notice.cause for notice in judged if notice.cause in places)
        for notice in judged:
            self.counts[notice.code] += 1
            if notice.cause not in places:
                self.list(self._noticed(notice, explains=following[notice.code, notice.field]))

    def _noticed(self, notice: Notice, *, explains: int) -> Finding:
        """Return the finding of a notice."""
        return self.finding(
            notice.code,
            notice.message,
            line=notice.line,
            byte=notice.byte,
            column=notice.column,
            field=notice.field,
            rename=notice.rename,
            explains=explains,
        )

    def finding(
        self,
        code: str,
        message: str,
        *,
        record: int | None = None,
        line: int | None = None,
        byte: int | None = None,
        column: str | None = None,
        field: int | None = None,
        value: str | None = None,
        origin: SourceOrigin | None = None,
        rename: str | None = None,
        explains: int = 0,
    ) -> Finding:
        """Return a finding with the severity of its rule; a long message or value is shortened."""
        return Finding(
            code=code,
            severity=self.severities[code],
            message=_shortened(message),
            record=record,
            line=line,
            byte=byte,
            column=column,
            field=field,
            value=None if value is None else _shortened(value),
            origin=origin,
            rename=rename,
            explains=explains,
        )

    def add(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        byte: int | None = None,
    ) -> None:
        """Count and list a finding that belongs to no record."""
        if code in self.codes:
            self.counts[code] += 1
            self.list(self.finding(code, message, line=line, byte=byte))

    def add_causes(self, counts: Mapping[tuple[str, Hashable], int]) -> None:
        """Add the counts of a block after its examples were listed; causes that are not listed are ignored."""
        if counts:
            self._cause_counts.update({key: counts[key] for key in self._by_cause if key in counts})

    def list(self, finding: Finding, *, cause: Hashable = None) -> None:
        """List a counted finding as an example, or remove it from the counts if the baseline accepts it.

        If a finding of the same cause is listed already, the finding is not listed.
        """
        if self._settings.baseline is not None and self._settings.baseline.accepts(finding):
            self.counts[finding.code] -= 1
            self.suppressed += 1
            return
        if not self._room(finding.code) or self._is_explained(finding.code):
            return
        if cause is not None:
            if (finding.code, cause) in self._by_cause:
                return
            self._by_cause[finding.code, cause] = finding
        self._listed_counts[finding.code] += 1
        self._listed.append(finding)
        if self._observer is not None:
            self._observer.finding(self._path, finding)

    @property
    def errors(self) -> int:
        """The number of counted findings that are errors."""
        return sum(n for code, n in self.counts.items() if self.severities[code] is Severity.ERROR)

    @property
    def warnings(self) -> int:
        """The number of counted findings that are warnings."""
        return sum(self.counts.values()) - self.errors

    def nonzero_counts(self) -> Mapping[str, int]:
        """Return the number of findings of each broken rule, in the order of the rules."""
        return {code: self.counts[code] for code in RULES if self.counts[code]}

    def in_file_order(self) -> tuple[Finding, ...]:
        """Return the listed findings in file order, each with the number of findings that it causes."""
        same = {id(finding): self._cause_counts[key] - 1 for key, finding in self._by_cause.items()}
        found = [self._with_explained(each, same=same.get(id(each), 0)) for each in self._listed]
        return tuple(sorted(found, key=_location))

    def explained(self) -> Mapping[str, str]:
        """Return the rule of the cause for each rule with findings that it explains."""
        return {code: cause for cause, codes in self._causes.items() for code in codes if self.counts[code]}

    def _room(self, code: str) -> int:
        """Return how many more findings of a rule are listed."""
        most = self._settings.max_findings
        return max(0, (min(1, most) if code in self._once else most) - self._listed_counts[code])

    def _is_explained(self, code: str) -> bool:
        """Return whether the findings of a rule are caused by a listed finding."""
        return any(code in explained for explained in self._causes.values())

    def _with_explained(self, finding: Finding, *, same: int) -> Finding:
        """Return a finding with the number of findings that it causes; `same` others have the same cause."""
        if same:
            return replace(finding, explains=same)
        if finding.code in self._once:
            return replace(finding, explains=self.counts[finding.code] - 1)
        explained = self._causes.get(finding.code)
        return finding if not explained else replace(finding, explains=sum(self.counts[code] for code in explained))


def _severities(contract: Contract, settings: ValidationSettings) -> dict[str, Severity]:
    """Return the severity of each rule for this contract and these settings."""
    severities = {code: rule.severity for code, rule in RULES.items()}
    for unique in contract.unique:
        if not unique.certain:
            severities[unique.code] = Severity.WARNING
    if contract.mode is Mode.REPLACE:
        severities["STR110"] = Severity.WARNING
    if settings.insensitive:
        severities["UNQ103"] = Severity.ERROR
    return severities


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


_KINDS = ("HDR", "FIL", "STR")


def _location(finding: Finding) -> tuple[int, int, int, int, str]:
    """Return the place of a finding; at one place, defects of the header and of structure come first, then by rule.

    Where a block ends decides which of several defects of a record is found first.
    """
    kind = finding.code[:3]
    rank = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return (finding.line or 0, finding.field or 0, finding.byte or 0, rank, finding.code if rank else "")
