"""Check a saved export before its rows are compared: right contract and target, not a part, not a copy of the file."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bulkops.errors import DataError, InputUnreadable, UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.receipts import Receipt, receipt_of
from bulkops.readback.fetch.saved import BLOCK, NEXT, read_saved
from bulkops.readback.parse.lenient import BOM, split_header
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.readback.parse.warnings import BLANK_RECORD, HEADER_AMONG_ROWS, Notes
from bulkops.reading.sources import DAMAGED, Source, file_source
from bulkops.reconciling.columns import refuse_other_file, refuse_other_rows
from bulkops.reconciling.diagnosis import export_form, header_cause
from bulkops.reconciling.sides import EvidenceSource
from bulkops.remote.paths import fetch
from bulkops_validators.model.contract import Contract, Form, Readback

PIECE = re.compile(r"-0*(\d+)-of-0*(\d+)(?:\.[a-z]+)*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class OpenedExport:
    """A saved export that passed the checks.

    If bulkops saved it, `confirmed` are the ids of its target, and `partial` are the filters; blank without filters.
    """

    source: Source
    confirmed: frozenset[str] = frozenset()
    partial: str = ""


def open_saved(
    contract: Contract, readback: Readback | None, evidence: EvidenceSource, *, file: Path, scoped: bool
) -> OpenedExport | None:
    """Return the checked saved export, before any row is read; None if the evidence is a target.

    UsageError if its name shows that it is only a part, or if it is `file` itself or a copy of it. DataError if its
    header or its receipt is not that of an export of this contract and target. `scoped`: its rows must show their
    import.
    """
    export = evidence.export
    if export is None:
        return None
    fetch(file)
    fetch(export)
    if file.is_file():
        _refuse_other_file(contract, file_source(file))
    if readback is None:
        raise UsageError(f"The API has no export of {contract.name}, so {export} cannot be one.", hint="Omit --export.")
    if export.exists() and file.exists() and export.samefile(file):
        raise UsageError(f"--export {export} is the compared file itself.", hint="Give an export of the target.")
    _refuse_piece(export)
    source = file_source(export)
    _refuse_other_header(contract, readback, source, scoped=scoped)
    receipt = receipt_of(export)
    if receipt is not None and receipt.what == contract.name:
        return _received(contract, readback, source, receipt, evidence)
    if not readback.own_columns and file.is_file() and _equal(source, file_source(file)):
        raise UsageError(
            f"{export} has the same content as {file}. An export of {contract.name} has the columns of an import "
            "file, and bulkops did not save this one here, so nothing shows that it is not a copy.",
            hint=f"Save it with `bulkops export {contract.name}`, or compare with the target itself without --export.",
        )
    return OpenedExport(source=source)


def _received(
    contract: Contract, readback: Readback, source: Source, receipt: Receipt, evidence: EvidenceSource
) -> OpenedExport:
    """Return an export that bulkops saved; DataError if it was saved from another target."""
    options = {option.name for option in contract.options}
    wanted: dict[str, object] = {**(evidence.ids or {}), **(evidence.options or {})}
    shown = {**receipt.ids, **{name: value for name, value in receipt.filters.items() if name in options}}
    for name, value in shown.items():
        if name in wanted and str(wanted[name]) != str(value):
            raise _elsewhere(source, f"with --{name} {value}, not --{name} {wanted[name]}")
    if evidence.address is not None and receipt.address != evidence.address:
        raise _elsewhere(source, f"from {receipt.address}, not from {evidence.address}")
    confirmed = frozenset(name for name in receipt.ids if name in (evidence.ids or {}))
    return OpenedExport(source=source, confirmed=confirmed, partial=_partial(receipt, readback, options))


def _partial(receipt: Receipt, readback: Readback, options: Collection[str]) -> str:
    """Return the filters that may exclude rows, as text; blank if there are none.

    The filters of the read-back itself exclude only rows that no import created, and filters for all rows exclude
    none. A list without any filter may show its last rows only.
    """
    if readback.form is Form.PAGES and not receipt.filters:
        return "no filter at all, which may show the last 50 rows only"
    export = EXPORTS[receipt.what]
    usual = {f.name for f in export.filters if f.parameter in readback.query}
    kept = {
        name: value
        for name, value in receipt.filters.items()
        if name not in options
        and export.all_rows.get(name) != value
        and not (name in usual and readback.query[export.filter(name).parameter] == value)
    }
    return " ".join(f"--{name} {value}" for name, value in kept.items())


def _elsewhere(source: Source, where: str) -> DataError:
    return DataError(
        f"{source.path} belongs to another target: it was saved {where}.", hint="Give the export of this target."
    )


def saved_frames(source: Source, readback: Readback, notes: Notes) -> Iterator[pl.DataFrame]:
    """Yield the rows of a saved export; DataError, after the last frame, if it may be incomplete.

    Repeated headers and blank records, which no server writes, are left out and noted.
    """
    try:
        for frame in read_saved(source, readback.found_names, notes=notes):
            yield without_edits(frame, notes)
    except OSError as error:
        raise InputUnreadable(f"{source.path} cannot be read: {error.strerror or error}.") from None


def without_edits(frame: pl.DataFrame, notes: Notes) -> pl.DataFrame:
    """Return a frame without repeated headers and blank records; in a single column both may be values."""
    first, *others = (name for name in frame.columns if name not in (RECORD, LINE))
    column = frame.get_column(first)
    if not others or not column.is_in([first, ""]).any():
        return frame
    header = pl.all_horizontal(pl.col(name) == name for name in (first, *others))
    blank = pl.all_horizontal(pl.col(name).str.strip_chars() == "" for name in (first, *others))
    for what, rows in ((HEADER_AMONG_ROWS, header), (BLANK_RECORD, blank)):
        records = frame.filter(rows).get_column(RECORD)
        if len(records):
            notes.add(what, int(records[0]), len(records))
    return frame.filter(~(header | blank))


def _refuse_piece(export: Path) -> None:
    if export.suffix == ".part":
        raise UsageError(f"{export} is an unfinished export.", hint=NEXT)
    found = PIECE.search(export.name)
    if found and int(found[2]) > 1:
        raise UsageError(
            f"{export} is file {found[1]} of {found[2]} of an export, so the others are missing.",
            hint="Save the export in one file, without --split-records.",
        )


def _refuse_other_file(contract: Contract, source: Source) -> None:
    hint = f"`bulkops validate {contract.name} {source.path}` lists all findings."
    names = _header(source, contract, hint=hint)
    try:
        refuse_other_file(contract, _empty(names), source.path)
    except DataError as error:
        raise _explained(error, contract, source, hint=hint) from None


def _refuse_other_header(contract: Contract, readback: Readback, source: Source, *, scoped: bool) -> None:
    form = export_form(contract, readback)
    names = _header(source, form, hint=NEXT)
    if any("\r" in name or "\n" in name for name in names):
        error = DataError(f"{source.path} has no header line of its own; its first record has {len(names):,} columns.")
        raise _explained(error, form, source, hint=NEXT)
    try:
        refuse_other_rows(contract, readback, _empty(names), source.path, scoped=scoped)
    except DataError as error:
        raise _explained(error, form, source, hint=NEXT) from None
    known = {name.strip().lower() for name in names}
    if readback.own_columns and known.isdisjoint(name.lower() for name in readback.own_columns):
        raise DataError(
            f"{source.path} looks like an import file, not an export of {contract.name}: it has none of the "
            f"columns {', '.join(readback.own_columns)}.",
            hint=f"Save an export with all its columns: `bulkops export {contract.name}`.",
        )


def _header(source: Source, form: Contract, *, hint: str) -> list[str]:
    """Return the column names; DataError with the cause if the header is missing."""
    try:
        with source.open() as stream:
            head = stream.read(BLOCK)
    except DAMAGED as error:
        raise InputUnreadable(f"{source.path} is damaged: {error}.") from None
    try:
        return split_header(head.removeprefix(BOM), source.path)[0]
    except DataError as error:
        raise _explained(error, form, source, hint=hint) from None


def _explained(error: DataError, form: Contract, source: Source, *, hint: str) -> DataError:
    """Return an error about a header; if a cause is found, it replaces the list of columns in the message."""
    cause = header_cause(form, source)
    if cause is None:
        return error
    return DataError(f"{error.message.partition(';')[0].removesuffix('.')}: {cause}.", hint=hint)


def _empty(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String))


def _equal(one: Source, other: Source) -> bool:
    """Return whether two files have the same content after decompression."""
    try:
        with one.open() as left, other.open() as right:
            while (block := left.read(BLOCK)) == right.read(BLOCK):
                if not block:
                    return True
    except DAMAGED:
        return False
    return False
