"""Write a repaired copy of a file, with a log of every change."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from bulkops.errors import DataError
from bulkops.fixing.options import FixOptions
from bulkops.fixing.repairs.collisions import colliding_keys
from bulkops.fixing.repairs.header import refuse_renames
from bulkops.fixing.repairs.transcoding import UTF8, Encoding, line_of_utf8, refuse_undecodable, transcoded
from bulkops.fixing.rewriting import BLOCK_BYTES, rewrite
from bulkops.fixing.scan import Survey, survey
from bulkops.fixing.second_pass import has_late_defects, rewrite_late
from bulkops.fixing.writer import Change, FixReport, Origins, Writer
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
    """Write a repaired copy of a file to `out` and tell `log` every change; the source is read twice.

    DataError if there is no header to go by, InputUnreadable if the file cannot be read to its end. Records without
    a repair keep their bytes.
    """
    report = FixReport()
    source, options, decoded_from = _as_utf8(source, options)
    known = survey(contract, source, renames=options.renames, decoded_from=decoded_from)
    _refuse_garbled(source, known)
    refuse_renames(source.path, known.opening, contract, options.renames)
    if options.unsafe and any(notice.code == "HDR112" for notice in known.opening.notices):
        options, known = _of_export(contract, source, known, options)
    again = _reads_otherwise(known) or known.unread or (options.unsafe and known.short)
    kept = colliding_keys(contract, source, known, options)
    if not options.unsafe and not known.withheld and not again:
        rewrite(contract, source, known, Writer(out, log, report), options, kept=kept)
        return report
    with tempfile.TemporaryFile() as copy:
        origins = Origins()
        rewrite(contract, source, known, Writer(copy, log, report, origins), options, kept=kept)
        options = replace(options, renames={})
        _go_on(contract, copy, origins, Writer(out, log, report), options, again=again)
    return report


def _of_export(contract: Contract, source: Source, known: Survey, options: FixOptions) -> tuple[FixOptions, Survey]:
    """Return the options that rename the columns of an export, and the survey without those that no import has.

    A column that may mean one of the import stays.
    """
    header = known.opening.header
    assert header is not None
    options = replace(options, renames={**export_names(header, contract), **options.renames})
    known = survey(contract, source, renames=options.renames, decoded_from=known.knowledge.decoded_from)
    header = known.opening.header or header
    unknown = [place for place, column in enumerate(header.columns) if column is None]
    dropped = frozenset(place for place in unknown if synonym(header.names[place], contract) is None)
    return options, replace(known, dropped=dropped - known.surplus)


def _as_utf8(source: Source, options: FixOptions) -> tuple[Source, FixOptions, Encoding | None]:
    """Return the source decoded as asked, the remaining options, and the encoding it was decoded from.

    DataError if the encoding is not that of the file, or of all lines of it.
    """
    if options.encoding is None:
        return source, options, None
    utf8 = line_of_utf8(source, options.encoding)
    if utf8 is None:
        known = None if options.encoding.name == UTF8 else options.encoding
        return transcoded(source, options.encoding), replace(options, encoding=None), known
    if not options.unsafe:
        raise DataError(
            f"{source.path} is {options.encoding.name} only in part: {utf8} is UTF-8 already.",
            hint="With --unsafe too, lines of UTF-8 stay as they are and the others are decoded.",
        )
    return source, options, None


def _refuse_garbled(source: Source, known: Survey) -> None:
    """Raise DataError if a file was decoded from an encoding in which it makes no sense, or loses characters."""
    header, encoding = known.opening.header, known.knowledge.decoded_from
    readable = header is not None and header.present and all(fault.code != "HDR107" for fault in header.faults)
    if encoding is not None and not encoding.lines and not readable:
        first = header.names[:1] if header else ()
        raise DataError(
            f"{source.path} is not {encoding.name}: its first line would be {''.join(first)[:60]!r}.",
            hint="`bulkops validate` shows the likeliest readings.",
        )
    if known.opening.form.encoding is not None:
        refuse_undecodable(source, Encoding(known.opening.form.encoding, lines=False))


def _reads_otherwise(known: Survey) -> bool:
    """Tell whether what cannot be read in a file may be read in its repaired copy, since that has another form."""
    header = known.opening.header
    return known.misread and header is not None and (header.separator != ord(",") or bool(known.surplus))


def _go_on(
    contract: Contract, copy: BinaryIO, origins: Origins, writer: Writer, options: FixOptions, *, again: bool
) -> None:
    """Write a copy to its end, once all is done that could be done only in a copy; one repair may call for another."""
    source = stream_source("The repaired copy", copy)
    known = survey(contract, source)
    again = again or bool(known.surplus)
    if not again and not (options.unsafe and has_late_defects(known)):
        copy.seek(0)
        shutil.copyfileobj(copy, writer.out, BLOCK_BYTES)
        return
    with tempfile.TemporaryFile() as following:
        later, before = Origins(), writer.report.counts.total()
        target = Writer(following, writer.log, writer.report, later)
        if again:
            kept = colliding_keys(contract, source, known, options)
            rewrite(contract, source, known, target, options, earlier=origins, kept=kept)
        else:
            rewrite_late(contract, source, known, target, origins)
        again = again and _reads_otherwise(known)
        # Repaired records are new evidence of how first cells look, so that more short records may be filled up.
        again = again or (options.unsafe and known.short and writer.report.counts.total() > before)
        _go_on(contract, following, later, writer, options, again=again)
