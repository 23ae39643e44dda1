"""One file's result in the making: partial results added in order, each finding given its place in the file."""

from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from bulkops.reading.sources import Source
from bulkops.validation.block import Partial
from bulkops.validation.checks.blank_tail import Place
from bulkops.validation.checks.column_profile import BlockFacts, whole_file_hits
from bulkops.validation.context import Context
from bulkops.validation.digests import Digests
from bulkops.validation.findings import FileReport, Finding
from bulkops.validation.observer import Observer
from bulkops.validation.preamble import Opening
from bulkops.validation.record_lookup import Index, RecordPlace, read_again
from bulkops.validation.rule_matches import Hits, Room
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Mode
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES, chosen

LONGEST_VALUE = 500
"""Characters of a value that a finding shows."""
_AT_THE_END = " at the end of the file"


class Tally:
    """The result of one file in the making."""

    def __init__(
        self, contract: Contract, source: Source, settings: ValidationSettings, observer: Observer | None
    ) -> None:
        self.contract = contract
        self.source = source
        self.settings = settings
        self.codes = chosen(select=settings.select, ignore=settings.ignore)
        self.severities = _severities(contract, settings)
        self.index = Index()
        self.records = 0
        self.opening: Opening | None = None
        self.context: Context | None = None
        self._observer = observer
        self._line = self._byte = 0
        self._counts: Counter[str] = Counter()
        self._shown: Counter[str] = Counter()
        self._suppressed = 0
        self._watched = settings.baseline.codes if settings.baseline else frozenset()
        self._findings: list[Finding] = []
        self._causes: dict[str, frozenset[str]] = {}
        self.facts = BlockFacts()
        self.stopped = False
        self.lost: str | None = None
        """Why the file cannot be read again, if it cannot."""
        self._filled = False
        self._digests: list[Digests] = []
        self._blank_tail: list[tuple[int, list[Finding]]] = []

    def room(self) -> Room:
        """Return how many examples of each rule are still wanted, now and as more are taken in."""
        used = {code: self.settings.max_findings for explained in self._causes.values() for code in explained}
        return Room(self.settings.max_findings, ChainMap(used, self._shown) if used else self._shown, self._watched)

    @property
    def place(self) -> str:
        """How messages name the place behind the records that were judged."""
        return f"line {self._line + 1:,}"

    def enough(self) -> bool:
        """Tell whether as many errors were found as were asked for."""
        most = self.settings.max_errors
        self.stopped = most is not None and self._errors() >= most
        return self.stopped

    def open(self, opening: Opening) -> None:
        """Take in what stands in front of the records."""
        self.opening = opening
        self._line, self._byte = opening.lines, opening.offset
        grouped = self.settings.grouped and self.settings.baseline is None
        for notice in opening.notices if grouped else ():
            if notice.explains and notice.code in self.codes:
                self._causes[notice.code] = notice.explains - frozenset().union(*self._causes.values())
        for notice in opening.notices:
            byte = notice.byte if opening.form.faithful else None
            self.add_finding(
                notice.code, notice.message, line=notice.line, byte=byte, column=notice.column, field=notice.field
            )

    def add(self, partial: Partial) -> None:
        """Take in the next block."""
        if partial.filled:
            self._settle_blank_tail("STR103")
            self._filled = True
        self._counts.update(partial.counts)
        room = self.room()
        for place in partial.places:
            if room.of(place.code):
                self._show(self._placed(place))
        self.facts.add(partial.facts, base=self.records, room=room)
        if partial.blank_tail:
            self._blank_tail.append((partial.blank_tail, [self._placed(p) for p in partial.blank_tail_places]))
        self.index.add(partial, record=self.records, line=self._line, offset=self._byte)
        if partial.digests is not None:
            self._digests.append(partial.digests)
        self.records += partial.records
        self._line += partial.lines
        self._byte += partial.length
        if self._observer is not None:
            self._observer.advanced(self.source.path, self._byte)

    def close(self) -> None:
        """Judge what only the whole file can show, but for uniqueness."""
        assert self.context is not None
        self._settle_blank_tail("STR108")
        if not self._filled and not self._counts["FIL101"]:
            self.add_finding("STR110", "there is a header and no record with a value", line=self._line + 1)
        self.add_late(whole_file_hits(self.facts, self.context))
        self._judge_limits()
        for fault in self.settings.named.of_file(self.context.present) if self.settings.named else ():
            self.add_finding(fault.code, fault.text)

    def break_off(self, code: str | None, message: str = "") -> None:
        """Judge what was read of a file that cannot be read to its end; a rule's finding points to where that is."""
        line = byte = None
        if self.context is not None and self.opening is not None:
            self._settle_blank_tail("STR103")
            self.add_late(whole_file_hits(self.facts, self.context))
            line, byte = self._line + 1, self._byte if self.opening.form.faithful else None
        if code is not None:
            self.add_finding(code, message, line=line, byte=byte)

    def add_late(self, hits: Iterable[Hits], places: Mapping[int, RecordPlace] | None = None) -> None:
        """Add hits whose records are numbered in the file; without `places`, the records are read again for them."""
        wanted = [hit for hit in hits if hit.code in self.codes]
        shown = [(hit.code, spot) for hit in wanted for spot in hit.spots[: self.room().of(hit.code)]]
        assert self.context is not None and self.opening is not None  # noqa: PT018 - called after close()
        if places is None:
            numbers = [spot.number for _, spot in shown if spot.number is not None]
            places = read_again(self.source, self.opening.form, self.context, self.index, numbers) if numbers else {}
        for hit in wanted:
            self._counts[hit.code] += hit.total
        for code, spot in shown:
            if spot.number is None:
                continue
            place = places[spot.number]
            column = spot.column or ""
            byte = place.cells[column][0] if column in place.cells else place.byte
            position = self.context.positions.get(column)
            self._show(
                self._finding(
                    code,
                    spot.message,
                    record=spot.number + 1,
                    line=place.line + 1,
                    byte=byte if self.opening.form.faithful else None,
                    column=spot.column,
                    field=None if position is None else position + 1,
                    value=spot.value,
                )
            )

    def add_finding(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        byte: int | None = None,
        column: str | None = None,
        field: int | None = None,
    ) -> None:
        """Count and show a finding that is about no record."""
        if code in self.codes:
            self._counts[code] += 1
            self._show(self._finding(code, message, line=line, byte=byte, column=column, field=field))

    def report(self, *, size: int, sha256: str, unreadable: str | None = None) -> FileReport:
        """Return the finished result."""
        order = sorted(map(self._with_explained, self._findings), key=_in_file_order)
        return FileReport(
            path=self.source.path,
            contract=self.contract.name,
            records=self.records,
            bytes=size,
            sha256=sha256,
            errors=self._errors(),
            warnings=sum(self._counts.values()) - self._errors(),
            counts={code: self._counts[code] for code in RULES if self._counts[code]},
            findings=tuple(order),
            severities={code: self.severities[code] for code in self._counts},
            unreadable=unreadable or self.lost,
            suppressed=self._suppressed,
            stopped=self.stopped,
            digests=np.concatenate(self._digests) if self._digests else None,
        )

    def _explained(self, code: str) -> bool:
        """Tell whether the findings of a rule follow from one that is listed."""
        return any(code in explained for explained in self._causes.values())

    def _with_explained(self, finding: Finding) -> Finding:
        """Return a finding with the number of others that follow from it."""
        explained = self._causes.get(finding.code)
        return finding if not explained else replace(finding, explains=sum(self._counts[code] for code in explained))

    def _errors(self) -> int:
        return sum(n for code, n in self._counts.items() if self.severities[code] is Severity.ERROR)

    def _show(self, finding: Finding) -> None:
        """Keep a counted finding as an example, or take it out of the counts if it is accepted."""
        if self.settings.baseline is not None and self.settings.baseline.accepts(finding):
            self._counts[finding.code] -= 1
            self._suppressed += 1
            return
        if self._shown[finding.code] >= self.settings.max_findings or self._explained(finding.code):
            return
        self._shown[finding.code] += 1
        self._findings.append(finding)
        if self._observer is not None:
            self._observer.finding(self.source.path, finding)

    def _placed(self, place: Place) -> Finding:
        assert self.opening is not None
        spot = place.spot
        return self._finding(
            place.code,
            spot.message,
            record=None if spot.number is None else self.records + spot.number + 1,
            line=self._line + place.line + 1,
            byte=self._byte + place.byte if self.opening.form.faithful else None,
            column=spot.column,
            field=place.field,
            value=spot.value,
        )

    def _finding(
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
    ) -> Finding:
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
        )

    def _settle_blank_tail(self, code: str) -> None:
        """Count blank lines whose rule depends on whether a record follows."""
        for count, findings in self._blank_tail:
            if code in self.codes:
                self._counts[code] += count
                for finding in findings:
                    self._show(
                        Finding(
                            code=code,
                            severity=self.severities[code],
                            message=finding.message.removesuffix("" if code == "STR108" else _AT_THE_END),
                            record=finding.record,
                            line=finding.line,
                            byte=finding.byte,
                        )
                    )
        self._blank_tail.clear()

    def _judge_limits(self) -> None:
        limits, splittable = self.contract.limits, self.contract.mode.splittable
        if self._byte > limits.max_bytes:
            code = "IMP103" if splittable else "IMP101"
            most = "the documentation recommends at most" if limits.recommended_bytes else "bulkops sends at most"
            self.add_finding(code, f"{self._byte:,} bytes; {most} {limits.max_bytes:,} in one request")
        if limits.max_records is not None and self.records > limits.max_records:
            code = "IMP103" if splittable else "IMP102"
            self.add_finding(code, f"{self.records:,} records; {limits.max_records:,} are the most for one request")


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


def _in_file_order(finding: Finding) -> tuple[int, int, int]:
    return (finding.line or 0, finding.field or 0, finding.byte or 0)
