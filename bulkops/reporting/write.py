"""A report from the ledger to its text: of one job or of several, for people or for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bulkops.errors import UsageError
from bulkops.ledger.store import Ledger
from bulkops.reporting.facts import masked
from bulkops.reporting.gather import gather
from bulkops.reporting.html import page
from bulkops.reporting.markdown import markdown


class ReportForm(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


BY_SUFFIX = {".html": ReportForm.HTML, ".htm": ReportForm.HTML, ".md": ReportForm.MARKDOWN, ".json": ReportForm.JSON}


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
    """Return the form that a file's suffix asks for; HTML where it asks for none."""
    return BY_SUFFIX.get(path.suffix.lower(), ReportForm.HTML) if path else ReportForm.HTML


def report_text(ledger: Ledger, wish: ReportWish, *, made: datetime) -> tuple[str, str]:
    """Return the name of the first job and the text of the report; UsageError for a job that is not there."""
    known = [job.id for job in ledger.jobs()]
    if not known:
        raise UsageError("The ledger knows no job yet.", hint="A job begins with `bulkops import`.")
    facts = [gather(ledger, name, check_file=wish.check_files) for name in wish.jobs or known[-1:]]
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
            document = {"title": title, "made": made.isoformat(), "jobs": [f.to_json() for f in facts]}
            text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return facts[0].name, text


def write_whole(text: str, output: Path) -> None:
    """Write a file that appears under its name only when all of it is there."""
    part = output.with_name(f"{output.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(output)
