"""Explain why a file or an export was misread, with the findings of `validate` that are the likely cause.

The rules are imported inside the functions, because most comparisons need none of them.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.readback.parse.lenient import split_cells
from bulkops.readback.parse.warnings import Notes
from bulkops.reading.sources import Source
from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Column, Contract, Readback

if TYPE_CHECKING:
    from bulkops.validation.findings import FileReport

FILES = ("FIL", "HDR", "STR")
CELLS = ("XLS", "DAT103", "DAT104", "DAT107")
NOT_OF_EXPORTS = frozenset(
    {"HDR101", "HDR131", "HDR102", "HDR103", "HDR104", "HDR105", "HDR106", "HDR107", "HDR112", "HDR113", "HDR115",
     "STR108", "STR109", "STR110",
     "FIL105", "FIL107", "FIL109"}
)  # fmt: skip
"""Findings that are normal in an export, or that follow from another cause."""
RAW = frozenset({"STR101", "STR102", "STR104", "STR105", "STR106", "STR107"})
"""Findings for lists and objects without CSV quotes, which exports contain; harmless if every record is complete."""
SHOWN = 3
SEARCHED = 1 << 16


def export_form(contract: Contract, readback: Readback) -> Contract:
    """Return a contract that describes the export instead of the import file, so that `validate` can check it."""
    read = {column.found[0]: contract.column(column.column) for column in readback.columns}
    shown = {name: replace(column, name=name, required=False) for name, column in read.items()}
    own = {name: Column(name=name, cell=Text(), about="") for name in readback.own_columns}
    return replace(contract, columns=tuple({**own, **shown}.values()), unique=(), ordered=(), exclusive=(), options=())


def header_cause(contract: Contract, source: Source) -> str | None:
    """Return why a header was not recognised, with the message of `validate`; None if no cause is found."""
    from bulkops.reading.blocks import ContentReader
    from bulkops.validation.preamble import open_content

    with source.open() as stream:
        opening = open_content(ContentReader(stream), contract)
    if any(notice.code == "FIL111" for notice in opening.notices):
        return "it begins like an error or a web page, not like CSV"
    for notice in opening.notices:
        if notice.code not in NOT_OF_EXPORTS:
            return f"{notice.message} ({notice.code})"
    return _header_below(contract, source)


def _header_below(contract: Contract, source: Source) -> str | None:
    """Return on which line the header is if other lines precede it."""
    names = {name.lower() for name in contract.header_names}
    with source.open() as stream:
        head = stream.read(SEARCHED)
    for number, line in enumerate(head.decode("utf-8", "replace").splitlines(), start=1):
        found = {cell.strip().lower() for cell in split_cells(line, 0)} & names
        if number > 1 and len(found) > len(names) // 2:
            return f"the header is on line {number:,}, after other lines"
    return None


def explained(contract: Contract, readback: Readback, export: Source, notes: Notes, *, file: Path) -> str:
    """Return a sentence with the findings of `validate` in an export with different rows; blank without findings.

    `notes` are the problems of the export. Findings in cells that `file`, the sent file, has as well are ignored. Call
    this only after a mismatch, because it reads both files again.
    """
    from bulkops.validation.engine import validate_files
    from bulkops.validation.settings import ValidationSettings

    name, form = export.path, export_form(contract, readback)
    settings = ValidationSettings(select=(*FILES, *CELLS), max_findings=1)
    report = validate_files(form, [export], settings=settings).files[0]
    codes = set(report.counts) - NOT_OF_EXPORTS - (frozenset() if notes.uncertain() else RAW)
    if any(code.startswith(CELLS) for code in codes):
        codes -= set(validate_files(contract, [file], settings=ValidationSettings(select=CELLS)).files[0].counts)
    if not codes:
        return ""
    sentence = "; ".join(_sentence(report, code) for code in sorted(codes, key=lambda c: -report.counts[c])[:SHOWN])
    return f"{name} is not in the form that the server writes, so it proves nothing: {sentence}."


def _sentence(report: "FileReport", code: str) -> str:
    from bulkops_validators.model.rules_registry import RULES

    example = next((finding for finding in report.findings if finding.code == code), None)
    count = report.counts[code]
    where = f", line {example.line:,}" if example and example.line else ""
    often = f", {count:,} times" if count > 1 else ""
    return f"{example.message if example else RULES[code].summary} ({code}{where}{often})"
