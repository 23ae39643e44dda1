"""Build the report of one file: add block results in order, and give each finding its location in the file."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bulkops.origins import SourceOrigin, SourceOrigins
from bulkops.reading.sources import Source
from bulkops.validation.blank_tail import PlacedExample
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.column_profile import ColumnProfile, whole_file_matches
from bulkops.validation.context import Context
from bulkops.validation.digests import Digests
from bulkops.validation.finding_list import FindingList
from bulkops.validation.findings import FileReport, Finding, ValidationObserver
from bulkops.validation.preamble import FileStart
from bulkops.validation.record_lookup import BlockIndex, FoundRecord, look_up_records
from bulkops.validation.rule_matches import Example, ExampleBudget, RuleMatches
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract

MOST_SEARCHES = 50
"""Maximum number of unknown names of one rule that get a suggestion: in a long list, a search takes milliseconds."""
_AT_THE_END = " at the end of the file"


class ReportBuilder:
    """Builds the report of one file; `findings` counts and lists, this class adds locations."""

    def __init__(
        self, contract: Contract, source: Source, settings: ValidationSettings, observer: ValidationObserver | None
    ) -> None:
        self.contract = contract
        self.source = source
        self.settings = settings
        self.findings = FindingList(contract, source.path, settings, observer)
        self.file_start: FileStart | None = None
        self.context: Context | None = None
        self.index = BlockIndex()
        self.profile = ColumnProfile()
        self.changed: str | None = None
        """The error message if the file has changed and cannot be read again."""
        self._observer = observer
        self._records = self._line = self._byte = 0
        self._has_values = False
        self._stopped = False
        self._digests: list[Digests] = []
        self._blank_tail: list[tuple[int, list[Finding]]] = []
        self._suggestions: dict[str, dict[str, str]] = {}

    def budget(self) -> ExampleBudget:
        """Return how many more examples of each rule are wanted; the counts go on changing while blocks are checked."""
        return self.findings.budget()

    @property
    def place(self) -> str:
        """The location after the checked records, as messages name it."""
        return f"line {self._line + 1:,}"

    def reached_max_errors(self) -> bool:
        """Return whether the maximum number of errors is reached."""
        most = self.settings.max_errors
        self._stopped = most is not None and self.findings.errors >= most
        return self._stopped

    def open(self, file_start: FileStart) -> None:
        """Add the header and everything in front of it."""
        self.file_start = file_start
        self._line, self._byte = file_start.lines, file_start.offset
        notices = [replace(each, byte=self._reported(each.byte)) for each in file_start.notices]
        self.findings.add_notices(notices, once=file_start.once)

    def add(self, result: BlockResult) -> None:
        """Add the result of the next block."""
        if result.filled:
            self._count_blank_tail("STR103")
            self._has_values = True
        self.findings.counts.update(result.counts)
        budget = self.budget()
        for place in result.places:
            if budget.left(place.code):
                self.findings.list(self._located(place), cause=place.example.cause)
        self.findings.add_causes(result.causes)
        self.profile.add(result.profile, base=self._records, budget=budget)
        if result.blank_tail:
            self._blank_tail.append((result.blank_tail, [self._located(place) for place in result.blank_tail_places]))
        self.index.add(result, record=self._records, line=self._line, offset=self._byte)
        if result.digests is not None:
            self._digests.append(result.digests)
        self._records += result.records
        self._line += result.lines
        self._byte += result.length
        if self._observer is not None:
            self._observer.advanced(self.source.path, self._byte)

    def close(self) -> None:
        """Check the rules that need the whole file, except uniqueness."""
        assert self.context is not None
        self._count_blank_tail("STR108")
        if not self._has_values and not self.findings.counts["FIL101"]:
            self.findings.add("STR110", "the file has a header but no record with a value", line=self._line + 1)
        self.add_matches(whole_file_matches(self.profile, self.context, grouped=self.findings.grouped))
        self._check_limits()
        for fault in self.settings.named.of_file(self.context.present) if self.settings.named else ():
            self.findings.add(fault.code, fault.text)

    def end_early(self, code: str | None, message: str = "") -> None:
        """Check the part of a file that could be read; the finding of a rule points at the end of that part."""
        line = byte = None
        if self.context is not None and self.file_start is not None:
            self._count_blank_tail("STR103")
            self.add_matches(whole_file_matches(self.profile, self.context, grouped=self.findings.grouped))
            line, byte = self._line + 1, self._reported(self._byte)
        if code is not None:
            self.findings.add(code, message, line=line, byte=byte)

    def add_matches(self, matches: Iterable[RuleMatches], records: Mapping[int, FoundRecord] | None = None) -> None:
        """Add matches with record numbers of the file; without `records`, the records are read again."""
        wanted = [match for match in matches if match.code in self.findings.codes]
        budget = self.budget()
        shown = [(match.code, example) for match in wanted for example in match.examples[: budget.left(match.code)]]
        if records is None:
            records = self.look_up([example.number for _, example in shown if example.number is not None])
        for match in wanted:
            self.findings.counts[match.code] += match.total
        for code, example in shown:
            if example.number is not None:
                self.findings.list(self._found(code, example, example.number, records[example.number]))

    def look_up(self, numbers: Iterable[int]) -> dict[int, FoundRecord]:
        """Read records again and return them by number in the file, from 0; InputUnreadable if the file has changed."""
        assert self.context is not None and self.file_start is not None  # noqa: PT018 - called after close()
        wanted = list(numbers)
        if not wanted:
            return {}
        return look_up_records(self.source, self.file_start.form, self.context, self.index, wanted)

    def report(self, *, size: int, sha256: str, unreadable: str | None = None) -> FileReport:
        """Return the finished report."""
        header = self.file_start.header if self.file_start is not None else None
        return FileReport(
            path=self.source.path,
            contract=self.contract.name,
            records=self._records,
            bytes=size,
            sha256=sha256,
            errors=self.findings.errors,
            warnings=self.findings.warnings,
            counts=self.findings.nonzero_counts(),
            findings=self.findings.in_file_order(),
            severities={code: self.findings.severities[code] for code in self.findings.counts},
            unreadable=unreadable or self.changed,
            suppressed=self.findings.suppressed,
            stopped=self._stopped,
            explained=self.findings.explained(),
            digests=np.concatenate(self._digests) if self._digests else None,
            columns=header.present if header is not None else None,
        )

    def _reported(self, byte: int | None) -> int | None:
        """Return an offset as findings report it: None if the content was recoded."""
        assert self.file_start is not None
        return byte if self.file_start.form.faithful else None

    @cached_property
    def _origins(self) -> SourceOrigins | None:
        """The origins of the records, if the file was mapped."""
        return SourceOrigins.of_content(Path(self.source.path))

    def _origin(self, record: int | None) -> SourceOrigin | None:
        """Return the legacy row of a record, if the file was mapped."""
        return None if record is None or self._origins is None else self._origins.of_record(record)

    def _located(self, place: PlacedExample) -> Finding:
        """Return the finding of an example in the block that follows the records so far."""
        example = place.example
        record = None if example.number is None else self._records + example.number + 1
        return self.findings.finding(
            place.code,
            example.message + self._suggestion(place.code, example.unknown),
            record=record,
            origin=self._origin(record),
            line=self._line + place.line + 1,
            byte=self._reported(self._byte + place.byte),
            column=example.column,
            field=place.field,
            value=example.value,
            explains=example.explains,
        )

    def _suggestion(self, code: str, unknown: str | None) -> str:
        """Return a sentence with names that may be meant by an unknown one.

        It depends on the listed examples before it only, not on the order in which blocks are checked.
        """
        if unknown is None or self.settings.named is None:
            return ""
        known = self._suggestions.setdefault(code, {})
        if unknown not in known:
            searched = len(known) < MOST_SEARCHES
            known[unknown] = self.settings.named.suggestion(code, unknown, searched=searched)
        return known[unknown]

    def _found(self, code: str, example: Example, number: int, record: FoundRecord) -> Finding:
        """Return the finding of an example in a record that was read again."""
        assert self.context is not None
        column = example.column or ""
        position = self.context.positions.get(column)
        return self.findings.finding(
            code,
            example.message,
            record=number + 1,
            origin=self._origin(number + 1),
            line=record.line + 1,
            byte=self._reported(record.cells[column][0] if column in record.cells else record.byte),
            column=example.column,
            field=None if position is None else position + 1,
            value=example.value,
            explains=example.explains,
        )

    def _count_blank_tail(self, code: str) -> None:
        """Count blank lines; their rule depends on whether a record follows them."""
        for count, findings in self._blank_tail:
            if code in self.findings.codes:
                self.findings.counts[code] += count
                for finding in findings:
                    message = finding.message.removesuffix("" if code == "STR108" else _AT_THE_END)
                    severity = self.findings.severities[code]
                    self.findings.list(replace(finding, code=code, severity=severity, message=message))
        self._blank_tail.clear()

    def _check_limits(self) -> None:
        """Add findings for a file that exceeds the limits of one request."""
        limits, splittable = self.contract.limits, self.contract.mode.splittable
        if self._byte > limits.max_bytes:
            code = "IMP103" if splittable else "IMP101"
            most = "the documentation recommends at most" if limits.recommended_bytes else "bulkops sends at most"
            self.findings.add(code, f"{self._byte:,} bytes; {most} {limits.max_bytes:,} in one request")
        if limits.max_records is not None and self._records > limits.max_records:
            code = "IMP103" if splittable else "IMP102"
            self.findings.add(code, f"{self._records:,} records; the maximum in one request is {limits.max_records:,}")
