"""Write a repaired copy of a file, with a log of every change."""

import shutil
import tempfile
from collections.abc import Callable
from typing import BinaryIO

from bulkops.fixing.late import has_late_defects, rewrite_late
from bulkops.fixing.options import FixOptions
from bulkops.fixing.rewriting import BLOCK_BYTES, rewrite
from bulkops.fixing.survey import Survey, survey
from bulkops.fixing.writer import Change, FixReport, Origins, Writer
from bulkops.reading.sources import Source, stream_source
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
    known = survey(contract, source)
    if not options.unsafe and not known.withheld and not _reads_otherwise(known):
        rewrite(contract, source, known, Writer(out, log, report), options)
        return report
    with tempfile.TemporaryFile() as copy:
        origins = Origins()
        rewrite(contract, source, known, Writer(copy, log, report, origins), options)
        _go_on(contract, copy, origins, Writer(out, log, report), options, again=_reads_otherwise(known))
    return report


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
        later = Origins()
        target = Writer(following, writer.log, writer.report, later)
        if again:
            rewrite(contract, source, known, target, options, earlier=origins)
        else:
            rewrite_late(contract, source, known, target, origins)
        _go_on(contract, following, later, writer, options, again=again and _reads_otherwise(known))
