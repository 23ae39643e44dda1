"""A report from the ledger to its text: of one job or of several, for people or for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.errors import UsageError
from bulkops.escaping import escaped_json
from bulkops.ledger.store import Ledger
from bulkops.readback.compare.values import writable
from bulkops.redaction import redacted, redacted_document
from bulkops.reporting.facts import masked
from bulkops.reporting.gather import gather
from bulkops.reporting.html import page
from bulkops.reporting.markdown import markdown
from bulkops.version import __version__
from bulkops.writing import (
    NOT_CSV,
    OWN_ONLY,
    Permit,
    refuse_no_file,
    refuse_other_form,
    refuse_the_same,
    whole_file,
)

if TYPE_CHECKING:
    from bulkops.json_documents.reports import ReportDocument


class ReportForm(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


BY_SUFFIX = {".html": ReportForm.HTML, ".htm": ReportForm.HTML, ".md": ReportForm.MARKDOWN, ".json": ReportForm.JSON}


NOT_REPORT = {**{suffix: form for suffix, form in NOT_CSV.items() if suffix not in BY_SUFFIX}, ".csv": "a CSV file"}


@dataclass(frozen=True, kw_only=True)
class ReportWish:
    """What is asked of a report.

    No `jobs` means the latest; `check_files` reads the files again for findings and sums.
    """

    jobs: Sequence[str] = ()
    form: ReportForm = ReportForm.HTML
    title: str | None = None
    mask: bool = False
    check_files: bool = True


def form_of(path: Path | None) -> ReportForm:
    """Return the form that a file's suffix asks for; HTML where it asks for none, UsageError for PDF."""
    if path and path.suffix.lower() == ".pdf":
        raise UsageError(f"{path}: a report is not written as PDF.", hint="Write .html and print it from a browser.")
    if path is None:
        return ReportForm.HTML
    refuse_other_form(path, NOT_REPORT, instead=", ".join(BY_SUFFIX))
    return BY_SUFFIX.get(path.suffix.lower(), ReportForm.HTML)


def report_text(ledger: Ledger, wish: ReportWish, *, made: datetime) -> tuple[str, str]:
    """Return the name of the first job and the text of the report; UsageError for a job that is not there."""
    facts = [gather(ledger, name, check_file=wish.check_files) for name in _names(ledger, wish)]
    if wish.mask:
        facts = [masked(f) for f in facts]
    several = f"Report of {len(facts)} jobs"
    title = wish.title or (f"Import of {facts[0].title.lower()}" if len(facts) == 1 else several)
    match wish.form:
        case ReportForm.HTML:
            text = page(facts, title=title, made=made)
        case ReportForm.MARKDOWN:
            text = markdown(facts, title=title, made=made)
        case ReportForm.JSON:
            document: ReportDocument = {
                "title": title,
                "made": made.isoformat(),
                "version": __version__,
                "jobs": [f.to_json() for f in facts],
            }
            text = escaped_json(json.dumps(redacted_document(document), ensure_ascii=False, indent=2)) + "\n"
    return facts[0].name, writable(redacted(text))


def write_report(
    ledger: Ledger, wish: ReportWish, *, made: datetime, output: Path | None, permit: Permit = OWN_ONLY
) -> Path:
    """Write a report to a file, NAME-OF-THE-JOB.FORM unless one is named, and return it.

    UsageError where the file is one of a job, or no file, or if `permit` protects it. It appears under its name only
    when all of it is there.
    """
    names = _names(ledger, wish)
    path = output or Path(f"{names[0]}.{wish.form}")
    refuse_no_file(path)
    refuse_the_same(path, [ledger.job(name).file_path for name in names], what="where the report goes")
    permit.check(path)
    _, text = report_text(ledger, wish, made=made)
    with whole_file(path, permit) as file:
        file.write(text.encode())
    return path


def _names(ledger: Ledger, wish: ReportWish) -> Sequence[str]:
    """Return the jobs that are asked for, or the latest."""
    known = [job.id for job in ledger.jobs()]
    if not known:
        raise UsageError("The ledger knows no job yet.", hint="A job begins with `bulkops import`.")
    return wish.jobs or known[-1:]
