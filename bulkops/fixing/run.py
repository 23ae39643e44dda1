"""Write a repaired copy of a file, with a log of every change."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from bulkops.disk import temporary_file
from bulkops.errors import DataError
from bulkops.fixing.catalogue import DIVIDING
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
    if not options.unsafe and not scan.withheld and not scan.extra and not _may_read_otherwise(scan, options):
        rewrite_without_collisions(contract, source, scan, RepairWriter(out, log, report), options)
        return report
    with temporary_file() as copy:
        origins = Origins()
        first = RepairWriter(copy, log, report, origins)
        scan_of_copy = rewrite_without_collisions(contract, source, scan, first, options)
        options = replace(options, renames={})
        target = RepairWriter(out, log, report)
        left = _finish_copy(contract, copy, origins, target, options, earlier=scan, scan=scan_of_copy)
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


def _may_read_otherwise(scan: FileScan, options: FixOptions) -> bool:
    """Return whether a repaired copy may have records that this scan could not read, or could not complete."""
    completed = options.unsafe and scan.short
    return _readable_after_rewrite(scan) or scan.unread or _loses_columns(scan) or completed


def _loses_columns(scan: FileScan) -> bool:
    """Return whether columns without a name are removed, now or after other records, and records may then fit.

    In a file without findings about records, no record is removed and all fit already; but if the first column is
    removed, a byte order mark in the next name begins the file.
    """
    header = scan.file_start.header
    nameless = header is not None and not all(name.strip() for name in header.names)
    return nameless and (bool(scan.touched) or 0 in scan.surplus)


def _shows_more(scan: FileScan, earlier: FileScan) -> bool:
    """Return whether a copy shows what to repair, and the file from which it was made did not."""
    # Once other records are removed, all remaining ones may have surplus fields. Repaired records are new evidence of
    # the form of first cells, so more records may lose surplus fields, or be completed.
    resembling = scan.extra and scan.evidence.first != earlier.evidence.first
    return bool(scan.surplus) or scan.evidence.all_surplus or resembling or _begins_otherwise(scan, earlier)


def _begins_otherwise(scan: FileScan, earlier: FileScan) -> bool:
    """Return whether the start of a copy has defects that the file did not have, such as a line above the header.

    A carriage return in the header line of a file ends a line of its copy.
    """
    before, now = earlier.file_start, scan.file_start
    codes = {notice.code for notice in now.notices} - {notice.code for notice in before.notices}
    return bool(codes) or now.preamble not in (b"", before.preamble)


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


def _refuse_other_lines(scan: FileScan) -> None:
    """Raise DataError if carriage returns alone end the lines of a copy, because quotes enclose all its line feeds."""
    if scan.file_start.form.returns_only:
        raise DataError(
            "After the repair, invalid quotes would enclose all line feeds, and carriage returns would end the lines.",
            hint="Correct the quotes that `bulkops validate` reports, then run the command again.",
        )


def _finish_copy(
    contract: Contract,
    copy: BinaryIO,
    origins: Origins,
    writer: RepairWriter,
    options: FixOptions,
    *,
    earlier: FileScan,
    scan: FileScan | None = None,
) -> FileScan:
    """Repair a copy until no repair is left that only a copy allows, and return the scan of the result.

    One repair may make another possible; a pass that changes nothing is the last one.

    `earlier` is the scan of the file from which this copy was made, and `scan` that of the copy, if it is known.
    """
    source = stream_source("The repaired copy", copy)
    scan = scan or scan_file(contract, source)
    _refuse_other_lines(scan)
    changed = scan.sha256 != earlier.sha256
    again = changed and (_may_read_otherwise(earlier, options) or _shows_more(scan, earlier))
    if not again and not (options.unsafe and needs_second_pass(scan)):
        copy.seek(0)
        shutil.copyfileobj(copy, writer.out, BLOCK_BYTES)
        return scan
    with temporary_file() as following:
        later = Origins()
        target = RepairWriter(following, writer.log, writer.report, later)
        if again:
            kept = colliding_keys(contract, source, scan, options)
            rewrite(contract, source, scan, target, options, earlier=origins, kept=kept)
        else:
            write_second_pass(contract, source, scan, target, origins)
        return _finish_copy(contract, following, later, writer, options, earlier=scan)
