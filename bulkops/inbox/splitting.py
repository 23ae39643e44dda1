"""Divide a file into the records that may be sent and those that go to quarantine, with unchanged bytes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bulkops.chunking.plan import read_header
from bulkops.inbox.storage import work_file, work_writes
from bulkops.inbox.taking import DRAFT, WorkFiles
from bulkops.private import private_folder, write_private
from bulkops.reading.records.boundaries import counted_blocks, inside_quotes, record_ends
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, Finding
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity
from bulkops_validators.model.rules_registry import RULES

BLANK_LINES = frozenset({"STR103", "STR108"})
"""Rules about blank lines. These lines are not records, so both parts leave them out."""
MOST_FINDINGS = 100_000
"""Maximum findings of one rule in a file that is divided; a file with more goes to quarantine as a whole."""


@dataclass(frozen=True, kw_only=True)
class Division:
    """The findings that keep records from being sent, and the numbers of these records, from 1."""

    findings: Sequence[Finding]
    bad: frozenset[int]


def stops(finding: Finding, accept: frozenset[str]) -> bool:
    """Return whether a finding keeps a record from being sent."""
    if finding.code in accept:
        return False
    return finding.severity is Severity.ERROR or RULES[finding.code].acceptable


def divide(contract: Contract, path: Path, settings: ValidationSettings, accept: frozenset[str]) -> Division | str:
    """Return how to divide a file; a text with the reason if it cannot be divided.

    Every finding that stops an import must be about one record. The remaining records must be validated again.
    """
    (found,) = validate_files(contract, [path], settings=settings).files
    if found.unreadable is not None:
        return found.unreadable
    stopping = [each for each in found.findings if stops(each, accept) and each.code not in BLANK_LINES]
    for each in stopping:
        if each.record is None:
            return f"{each.code} {each.name}: {each.message}"
    codes = {each.code for each in stopping}
    if sum(found.counts[code] for code in codes) != len(stopping) or _others(found, codes, accept):
        return f"more than {MOST_FINDINGS:,} findings of one rule"
    if number_of_records(path) != found.records:
        return "its records cannot be separated"
    return Division(findings=stopping, bad=frozenset(each.record or 0 for each in stopping))


def _others(found: FileReport, codes: set[str], accept: frozenset[str]) -> bool:
    """Return whether the validation counted findings that stop an import but listed no example of them."""
    errors = {code for code in found.counts if found.severities[code] is Severity.ERROR or RULES[code].acceptable}
    return bool(errors - codes - accept - BLANK_LINES)


def write_findings(files: WorkFiles, findings: Sequence[Mapping[str, Any]]) -> None:
    """Store the findings of the records that go to quarantine."""
    private_folder(files.bad.parent)
    draft = files.findings.with_name("findings.part")
    write_private(draft, json.dumps(list(findings)))
    draft.replace(files.findings)


def read_findings(files: WorkFiles) -> list[dict[str, Any]]:
    """Return the stored findings."""
    found: list[dict[str, Any]] = json.loads(files.findings.read_text(encoding="utf-8"))
    return found


def records_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the records of a file after its header, with their line ends; blank lines belong to the next record."""
    for block in counted_blocks(lambda size: file.read(size) or b""):
        yield from _pieces(block.data, whole=block.whole)


def _pieces(data: bytes, *, whole: bool) -> Iterator[bytes]:
    ends = record_ends(data)
    if not whole and not inside_quotes(data) and data[ends[-1] if ends else 0 :].strip(b"\r\n"):
        ends.append(len(data))
    start = 0
    for end in ends:
        yield data[start:end]
        start = end


def number_of_records(path: Path) -> int:
    """Return the number of records of a file."""
    with path.open("rb", buffering=0) as file:
        read_header(file, path)
        return sum(1 for _ in records_of(file))


def write_parts(path: Path, bad: frozenset[int], *, good_to: Path, bad_to: Path) -> int:
    """Write the good and the bad records of a file to two files with its header; return the number of good ones.

    The bytes of a record stay; blank lines between records are left out.
    """
    drafts = []
    for target in (good_to, bad_to):
        private_folder(target.parent)
        drafts.append(target.with_name(DRAFT))
    count = 0
    with (
        work_file(drafts[0]) as good_out,
        work_file(drafts[1]) as bad_out,
        work_writes(good_to.parent),
        path.open("rb", buffering=0) as file,
    ):
        header = read_header(file, path)
        for out in (good_out, bad_out):
            out.write(header)
        for number, record in enumerate(records_of(file), start=1):
            # Only the last record of a file may lack its line end, and it stays the last one.
            (bad_out if number in bad else good_out).write(record.lstrip(b"\r\n"))
            count += number not in bad
    for draft, target in zip(drafts, (good_to, bad_to), strict=True):
        draft.replace(target)
    return count
