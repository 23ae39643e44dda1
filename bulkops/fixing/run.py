"""Write a repaired copy of a file, with a log of every change."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from bulkops.disk import temporary_file
from bulkops.errors import DataError
from bulkops.fixing.catalogue import DIVIDING, may_repair
from bulkops.fixing.collisions import colliding_keys, rewrite_without_collisions
from bulkops.fixing.options import FixOptions
from bulkops.fixing.origins import Origins
from bulkops.fixing.repairs.header import refuse_renames
from bulkops.fixing.rewriting import BLOCK_BYTES, rewrite
from bulkops.fixing.scan import FileScan, scan_file
from bulkops.fixing.second_pass import needs_second_pass, write_second_pass
from bulkops.fixing.transcoding import UTF8, Encoding, line_of_utf8, refuse_undecodable, transcoded
from bulkops.fixing.writer import Change, FixReport, RepairWriter
from bulkops.reading.sources import Source, stream_source
from bulkops.validation.column_names import synonym
from bulkops.validation.diagnosis import export_names
from bulkops.validation.header import SEPARATOR_NAMES
from bulkops_validators.model.contract import Contract


def fix_file(
    contract: Contract,
    source: Source,
    out: BinaryIO,
    *,
    options: FixOptions,
    log: Callable[[Change], None],
) -> FixReport:
    """Write a repaired copy of a file to `out` and report every change to `log`; the source is read twice.

    DataError if the file has no usable header, InputUnreadable if the file cannot be read to its end. Records without a
    repair keep their bytes.
    """
    report = FixReport()
    source, options, decoded_from = _as_utf8(source, options)
    scan = scan_file(contract, source, renames=options.renames, decoded_from=decoded_from)
    _refuse_garbled(source, scan)
    refuse_renames(source.path, scan.file_start, contract, options.renames)
    if options.unsafe and any(notice.code == "HDR112" for notice in scan.file_start.notices):
        options, scan = _as_import_file(contract, source, scan, options)
    with temporary_file() as copy:
        origins = Origins()
        first = RepairWriter(copy, log, report, origins)
        scan_of_copy = rewrite_without_collisions(contract, source, scan, first, options)
        unchanged = scan if not report.counts else None
        options = replace(options, renames={})
        target = RepairWriter(out, log, report)
        left = _finish_copy(contract, copy, origins, target, options, scan=scan_of_copy, unchanged=unchanged)
    report.left = left.report
    if _readable_after_rewrite(scan):
        _refuse_other_records(source.path, report, found=left.records)
    return report


def _as_import_file(
    contract: Contract, source: Source, scan: FileScan, options: FixOptions
) -> tuple[FixOptions, FileScan]:
    """Return options that rename the columns of an export, and the scan with columns to drop that no import has.

    A column that may mean a column of the import stays.
    """
    header = scan.file_start.header
    assert header is not None
    options = replace(options, renames={**export_names(header, contract), **options.renames})
    scan = scan_file(contract, source, renames=options.renames, decoded_from=scan.evidence.decoded_from)
    header = scan.file_start.header or header
    unknown = [place for place, column in enumerate(header.columns) if column is None]
    dropped = frozenset(place for place in unknown if synonym(header.names[place], contract) is None)
    return options, replace(scan, dropped=dropped - scan.surplus)


def _as_utf8(source: Source, options: FixOptions) -> tuple[Source, FixOptions, Encoding | None]:
    """Return the source decoded as requested, the remaining options, and the encoding of the original.

    DataError if the file, or any line of it, is not in the requested encoding.
    """
    if options.encoding is None:
        return source, options, None
    utf8 = line_of_utf8(source, options.encoding)
    if utf8 is None:
        decoded_from = None if options.encoding.name == UTF8 else options.encoding
        return transcoded(source, options.encoding), replace(options, encoding=None), decoded_from
    if not options.unsafe:
        raise DataError(
            f"{source.path} is only partly {options.encoding.name}: {utf8} is UTF-8 already.",
            hint="Add --unsafe to decode only the lines that are not UTF-8.",
        )
    return source, options, None


def _refuse_garbled(source: Source, scan: FileScan) -> None:
    """Raise DataError if decoding a file made its header unreadable, or would lose characters."""
    header, encoding = scan.file_start.header, scan.evidence.decoded_from
    readable = header is not None and header.present and all(fault.code != "HDR107" for fault in header.faults)
    if encoding is not None and not encoding.lines and not readable:
        first = header.names[:1] if header else ()
        raise DataError(
            f"{source.path} is not {encoding.name}: its first line would be {''.join(first)[:60]!r}.",
            hint="Run `bulkops validate` to see the most likely encodings.",
        )
    if scan.file_start.form.encoding is not None:
        refuse_undecodable(source, Encoding(scan.file_start.form.encoding, lines=False))


def _readable_after_rewrite(scan: FileScan) -> bool:
    """Return whether unreadable records may become readable in the repaired copy, because its format differs."""
    header = scan.file_start.header
    return scan.misread and header is not None and (header.separator != ord(",") or bool(scan.surplus))


def _refuse_other_records(path: str, report: FixReport, *, found: int) -> None:
    """Raise DataError if the copy does not have the records that were not removed, and no repair of quotes explains it.

    Quotes that are invalid in a file with tabs, or with blank columns, may be valid without them, and then join lines.
    """
    expected = report.records - report.removed + report.blank_lines
    if found != expected and not DIVIDING.intersection(report.counts):
        raise DataError(
            f"{path}: after the repair, invalid quotes would divide the records differently ({found:,} instead of "
            f"{expected:,}).",
            hint="Correct the quotes that `bulkops validate` reports, then run the command again.",
        )


def _refuse_other_form(scan: FileScan, opening: int) -> None:
    """Raise DataError if the lines of a copy end, or its columns are separated, otherwise than those written.

    Carriage returns alone end the lines if quotes enclose all line feeds. The header does not end after the bytes of
    `opening` if a repair leaves a quote open, or closes one around a line end. If no column is known, the records show
    what separates the columns.
    """
    if scan.file_start.header is not None and scan.file_start.offset != opening:
        raise DataError(
            "After the repair, invalid quotes would end the header in another place.",
            hint="Correct the header line; `bulkops validate` shows which quotes in it are invalid.",
        )
    if scan.file_start.form.returns_only:
        raise DataError(
            "After the repair, invalid quotes would enclose all line feeds, and carriage returns would end the lines.",
            hint="Correct the quotes that `bulkops validate` reports, then run the command again.",
        )
    header = scan.file_start.header
    if header is not None and header.separator != ord(","):
        separator = SEPARATOR_NAMES[bytes((header.separator,))]
        raise DataError(
            f"After the repair, no column of the header would be known, and {separator} would separate its names.",
            hint="Correct the header line; `bulkops contracts CONTRACT` lists the columns.",
        )


def _may_change(scan: FileScan, options: FixOptions) -> bool:
    """Return whether a pass over a file may change it; a file without findings stays as it is.

    The cells of records with findings of structure are not judged, and an unsafe repair may be that of another rule.
    """
    unjudged = options.unsafe or any(code.startswith(("FIL", "STR")) for code in scan.codes)
    return bool(scan.codes) and (unjudged or any(may_repair(code, options.given) for code in scan.codes))


def _finish_copy(
    contract: Contract,
    copy: BinaryIO,
    origins: Origins,
    writer: RepairWriter,
    options: FixOptions,
    *,
    scan: FileScan | None = None,
    unchanged: FileScan | None = None,
) -> FileScan:
    """Repair a copy until a pass over it would change nothing, and return the scan of the result.

    Records removed, joined, divided or completed are evidence for the repair of others, so one repair may make another
    possible.

    `scan` is the scan of the copy if it is known; `unchanged` too, if the last pass changed nothing.
    """
    source = stream_source("The repaired copy", copy)
    scan = unchanged or scan or scan_file(contract, source, now=options.now)
    if unchanged is None:
        _refuse_other_form(scan, origins.opening)
        if _may_change(scan, options):
            with temporary_file() as following:
                later, before = Origins(), writer.report.counts.total()
                target = RepairWriter(following, writer.log, writer.report, later)
                kept = colliding_keys(contract, source, scan, options)
                if kept is not None:
                    rewrite(contract, source, scan, target, options, earlier=origins, kept=kept)
                if writer.report.counts.total() > before:
                    return _finish_copy(contract, following, later, writer, options)
    if options.unsafe and needs_second_pass(scan):
        with temporary_file() as following:
            later = Origins(origins.moved)
            target = RepairWriter(following, writer.log, writer.report, later)
            write_second_pass(contract, source, scan, target, origins)
            return _finish_copy(contract, following, later, writer, options)
    copy.seek(0)
    shutil.copyfileobj(copy, writer.out, BLOCK_BYTES)
    return scan
