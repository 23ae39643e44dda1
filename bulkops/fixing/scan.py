"""Scan a file with the validator and collect everything that its repair needs to know."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO, cast

import numpy as np

from bulkops.fixing.forms import RecordForms, collect_forms
from bulkops.fixing.options import FileEvidence
from bulkops.fixing.repairs.encoding import holds_multibyte
from bulkops.fixing.repairs.header import spelled_names
from bulkops.fixing.source import opened
from bulkops.fixing.transcoding import Encoding
from bulkops.reading.blocks import ContentReader
from bulkops.reading.records.malformed import QUOTE_DEFECTS
from bulkops.reading.records.structural_index import Offsets
from bulkops.reading.sources import Source
from bulkops.validation.block import BlockResult
from bulkops.validation.checks.column_profile import (
    ColumnProfile,
    columns_with_decimal_ids,
    day_first,
    decimal_commas,
    mixed_dates,
    too_short,
    unclear_numbers,
)
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.checks.keys import KeyStore
from bulkops.validation.checks.likely_encodings import reads_best_in
from bulkops.validation.engine import check_content
from bulkops.validation.findings import FileReport
from bulkops.validation.preamble import FileStart
from bulkops.validation.report_builder import ReportBuilder
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract, Unique

EXAMPLES = 20
"""Examples of each rule in the report: the first one is shown, and all columns to rename are named."""
_SAMPLE = 4096
"""Bytes of lines that are not UTF-8, used to guess their encoding."""
_MISREAD = {"STR101", "STR102", "STR104", "STR105", "STR106", "STR107", "STR116", "FIL108"}
"""Rules of records in which cells may not belong to the columns at their positions."""
_STRUCTURE = ("FIL", "STR", "HDR", "IMP", "UNQ")
"""Families of rules that no repair of a cell affects."""
_OF_FORM = {"STR101", "STR102", "STR116", "XLS109", "XLS111"}
"""Rules with a repair that depends on the form of other records, or of other numbers in the column."""


_ODD_LINES = {"STR117", "STR118", "STR119"}
"""Rules of lines that may be records once commas separate the fields of the file."""


@dataclass(frozen=True)
class FileScan:
    """The result of a scan. `touched` are the parts with findings: start and end, in bytes from the first record.

    `repeats` are the records (from 0) with a key that certainly appeared earlier, `sharing` those with any key that
    other records have too. `codes` are the rules with a finding. `surplus` are the positions of nameless, blank
    columns. `misread`: some records may have other cells once the file has commas, or fewer columns. `cells`: some
    cells are invalid. `lost_zeros` maps each column and length of a number that lost zeros to the length it should
    have. `decimal_ids` are the columns of ids that became numbers, such as 100200.0. `last_record` is the last record
    with a value, from 1. `dropped` are the positions of columns to remove although they contain values. `records` is
    the number of records. `by_comma`: commas separate the cells of all records, but another sign separates the names of
    the header. `report` is the validation report of a file without repeated keys.
    """

    file_start: FileStart
    evidence: FileEvidence
    sha256: str
    touched: tuple[tuple[int, int], ...]
    repeats: Offsets
    sharing: Offsets
    codes: frozenset[str]
    surplus: frozenset[int]
    misread: bool
    cells: bool
    lost_zeros: Mapping[tuple[str, int], int]
    decimal_ids: frozenset[str]
    last_record: int = 0
    dropped: frozenset[int] = frozenset()
    by_comma: bool = False
    records: int = 0
    report: FileReport | None = None


@dataclass
class _BlockCollector:
    """Collects the blocks with findings, the broken rules, and the keys that must be unique."""

    contract: Contract
    stores: dict[Unique, KeyStore] = field(default_factory=dict)
    touched: list[tuple[int, int]] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    count: int = 0
    length: int = 0
    repeated: bool = False

    def begin(self, builder: ReportBuilder) -> None:
        """Start the only file."""

    def add(self, result: BlockResult, uniques: tuple[Unique, ...]) -> None:
        """Add the result of a block."""
        if result.counts or result.blank_tail:
            self.touched.append((self.length, self.length + result.length))
        self.length += result.length
        self.codes |= set(result.counts)
        for unique, keys in zip(uniques, result.keys, strict=True):
            self.stores.setdefault(unique, KeyStore(ValidationSettings().keys_in_memory)).add(self.count, keys)
        self.count += result.records

    def repeats(self) -> tuple[Offsets, Offsets]:
        """Return the records with a key that certainly appeared earlier, and those that share any key, in order.

        Set `repeated` if any keys are equal, or differ only in case.
        """
        repeats, sharing = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for unique, store in self.stores.items():
            for positions, firsts, case_only in store.repetitions():
                self.repeated |= len(positions) > 0
                sharing += [positions[~case_only], firsts[~case_only]]
                repeats += [positions[~case_only]] if unique.certain else []
            store.close()
        return np.unique(np.concatenate(repeats)), np.unique(np.concatenate(sharing))


class _EncodingWatcher:
    """A stream that detects valid UTF-8 characters of several bytes; a byte order mark at its start does not count.

    `sample` are its first lines that are not UTF-8.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tail = b""
        self._at_start = True
        self.multibyte = False
        self.sample = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._stream.read(size)
        if not self.multibyte and data:
            known = data.removeprefix(codecs.BOM_UTF8) if self._at_start else data
            self._at_start = False
            self.multibyte = holds_multibyte(known) or holds_multibyte(self._tail + known[:3])
            self._tail = (self._tail + known[-3:])[-3:]
        if len(self.sample) < _SAMPLE and not is_utf8(data):
            lines = (line for line in data.splitlines(keepends=True) if not is_utf8(line))
            self.sample = (self.sample + b"".join(islice(lines, _SAMPLE)))[:_SAMPLE]
        return data


def scan_file(
    contract: Contract,
    source: Source,
    *,
    renames: Mapping[str, str] = MappingProxyType({}),
    decoded_from: Encoding | None = None,
    now: datetime | None = None,
) -> FileScan:
    """Read a file once and return its scan; InputUnreadable if it cannot be read.

    `renames` maps header names to the new column names. `decoded_from` is the encoding from which the source was
    decoded. `now` is the present time for a validation report; without it there is none, and dates in the past are
    accepted.
    """
    settings = ValidationSettings(max_findings=0 if now is None else EXAMPLES, renames=renames, now=now)
    builder = ReportBuilder(contract, source, settings, None)
    collector = _BlockCollector(contract)
    with opened(source) as stream:
        watcher = _EncodingWatcher(stream)
        reader = ContentReader(cast("BinaryIO", watcher))
        check_content(reader, builder, collector)
    assert builder.file_start is not None
    blank = _nameless(builder)
    misread = bool(collector.codes & _MISREAD)
    header = builder.file_start.header
    width = len(header.columns) if header else 0
    odd = _OF_FORM if header is None or header.separator == ord(",") else _OF_FORM | _ODD_LINES
    forms = collect_forms(contract, source, renames) if collector.codes & odd else RecordForms()
    surplus = _at_end(blank, builder.file_start) if misread else blank
    if width - len(surplus) == 1 and "STR101" in collector.codes and set(forms.fields) != {1}:
        # A note that has only its first cell would become a record.
        surplus = frozenset()
    repeats, sharing = collector.repeats()
    codes = frozenset(collector.codes | set(builder.findings.nonzero_counts()))
    complete = now is not None and not collector.repeated
    return FileScan(
        file_start=builder.file_start,
        evidence=_evidence(builder, collector.codes, watcher, forms, decoded_from),
        sha256=reader.sha256,
        touched=tuple(collector.touched),
        repeats=repeats,
        sharing=sharing,
        codes=codes,
        surplus=surplus,
        misread=misread,
        cells=any(not code.startswith(_STRUCTURE) for code in collector.codes),
        lost_zeros=_lost_zeros(builder.profile),
        decimal_ids=frozenset(columns_with_decimal_ids(builder.profile)),
        last_record=_last_record(builder.profile),
        by_comma=forms.all_by_comma,
        records=collector.count,
        report=builder.report(size=reader.size, sha256=reader.sha256) if complete else None,
    )


def _evidence(
    builder: ReportBuilder,
    codes: set[str],
    watcher: _EncodingWatcher,
    forms: RecordForms,
    decoded_from: Encoding | None,
) -> FileEvidence:
    """Return the evidence of the whole file."""
    width = len(builder.file_start.header.columns) if builder.file_start and builder.file_start.header else 0
    return FileEvidence(
        day_first=day_first(builder.profile),
        mixed_dates=mixed_dates(builder.profile),
        comma_decimals=forms.comma_decimals,
        mixed_decimals=forms.mixed_decimals,
        unclear_numbers=unclear_numbers(builder.profile),
        decimal_commas=decimal_commas(builder.profile),
        multibyte=watcher.multibyte,
        windows=reads_best_in(watcher.sample, "cp1252"),
        decoded_from=decoded_from,
        first=forms.first,
        all_surplus=min(forms.fields, default=0) > width,
        all_wrapped="STR101" not in codes and set(forms.fields) == {1},
    )


def _last_record(profile: ColumnProfile) -> int:
    """Return the number of the last record with a value, from 1; 0 if there is none."""
    return 0 if profile.last is None or profile.last.number is None else profile.last.number + 1


def _lost_zeros(profile: ColumnProfile) -> dict[tuple[str, int], int]:
    """Return each length of numbers that lost zeros, by column, with the usual length in that column."""
    found: dict[tuple[str, int], int] = {}
    for name in profile.lengths:
        common, lengths = too_short(name, profile)
        found |= {(name, length): common for length in lengths}
    return found


def _nameless(builder: ReportBuilder) -> frozenset[int]:
    """Return the positions of columns that have no name and no filled cell; a misplaced quote may belong to a name."""
    file_start = builder.file_start
    if file_start is None or file_start.header is None:
        return frozenset()
    header = file_start.header
    nameless = {fault.field - 1 for fault in header.faults if fault.code == "HDR104" and fault.field is not None}
    quoted = set[int]()
    if any(fault.code in QUOTE_DEFECTS for fault in header.faults):
        names = spelled_names(file_start.header_line.rstrip(b"\r\n"), header)
        quoted = {place for place, name in enumerate(names) if b'"' in name}
    blank = frozenset(nameless - quoted - builder.profile.filled_unknown)
    # A file without any column would not be a table.
    return blank if len(blank) < len(header.columns) else frozenset()


def _at_end(blank: frozenset[int], file_start: FileStart) -> frozenset[int]:
    """Return the blank columns at the end: removing any other could make a short record look complete."""
    width = last = len(file_start.header.columns) if file_start.header else 0
    while last - 1 in blank:
        last -= 1
    return frozenset(range(last, width))
