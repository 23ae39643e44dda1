"""Write a report about one or several jobs of a ledger, for people (HTML, Markdown) or for programs (JSON)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bulkops.errors import UsageError
from bulkops.escaping import escaped_json
from bulkops.ledger.reader import LedgerReader
from bulkops.readback.compare.values import writable
from bulkops.redaction import redacted, redacted_document
from bulkops.reporting.decisions import OpenDecision, open_decisions
from bulkops.reporting.facts import JobFacts, masked
from bulkops.reporting.gather import gather
from bulkops.reporting.page import page_of
from bulkops.reporting.rejections import Reason
from bulkops.reporting.render import html, markdown
from bulkops.reporting.verdict import SignOff, verdict_of, verdict_of_all
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
    from bulkops.json_documents.reports import DecisionDocument, RejectionReason, ReportDocument, SignDocument


class ReportForm(StrEnum):
    """The file format of a report."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


BY_SUFFIX = {".html": ReportForm.HTML, ".htm": ReportForm.HTML, ".md": ReportForm.MARKDOWN, ".json": ReportForm.JSON}


NOT_REPORT = {**{suffix: form for suffix, form in NOT_CSV.items() if suffix not in BY_SUFFIX}, ".csv": "a CSV file"}


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The options of a report.

    Without `jobs` the report is about the latest job. `check_files`: read the files again for findings and sums.
    `ledger` is the address of the ledger in the commands of the report; None for the default ledger.
    """

    jobs: Sequence[str] = ()
    form: ReportForm = ReportForm.HTML
    title: str | None = None
    mask: bool = False
    check_files: bool = True
    ledger: str | None = None


def form_of(path: Path | None) -> ReportForm:
    """Return the form of a file's suffix, HTML by default; UsageError for PDF and for suffixes of other files."""
    if path and path.suffix.lower() == ".pdf":
        raise UsageError(f"{path}: a report is not written as PDF.", hint="Write .html and print it from a browser.")
    if path is None:
        return ReportForm.HTML
    refuse_other_form(path, NOT_REPORT, instead=", ".join(BY_SUFFIX))
    return BY_SUFFIX.get(path.suffix.lower(), ReportForm.HTML)


def report_text(ledger: LedgerReader, options: ReportOptions, *, made: datetime) -> tuple[str, str]:
    """Return the id of the first job and the text of the report; UsageError for an unknown job."""
    facts = [
        gather(ledger, name, check_file=options.check_files, named=options.ledger) for name in _names(ledger, options)
    ]
    if options.mask:
        facts = [masked(f) for f in facts]
    several = f"Report of {len(facts)} jobs"
    title = options.title or (f"Import of {facts[0].title.lower()}" if len(facts) == 1 else several)
    match options.form:
        case ReportForm.HTML:
            return facts[0].name, writable(html(page_of(facts, title=title, made=made), clean=redacted))
        case ReportForm.MARKDOWN:
            text = markdown(page_of(facts, title=title, made=made))
        case ReportForm.JSON:
            document = redacted_document(_document(facts, title=title, made=made))
            text = escaped_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"
    return facts[0].name, writable(redacted(text))


def _document(all_facts: Sequence[JobFacts], *, title: str, made: datetime) -> "ReportDocument":
    """Return the report as a JSON document: everything that the page shows, without shortened texts."""
    return {
        "title": title,
        "made": made.isoformat(),
        "version": __version__,
        "sign": _signing(verdict_of_all(all_facts)),
        "jobs": [
            {
                **facts.to_json(),
                "sign": _signing(verdict_of(facts)),
                "decisions": [_decision(decision) for decision in open_decisions(facts)],
                "reasons": [_reason(reason) for reason in facts.reasons],
            }
            for facts in all_facts
        ],
    }


def _signing(verdict: SignOff) -> "SignDocument":
    return {
        "verdict": verdict.sign.value,
        "sentence": verdict.sentence,
        "objections": list(verdict.objections),
        "reservations": list(verdict.reservations),
    }


def _decision(decision: OpenDecision) -> "DecisionDocument":
    return {
        "what": decision.what,
        "choices": [{"when": choice.when, "command": choice.command} for choice in decision.choices],
        "said": decision.said,
    }


def _reason(reason: Reason) -> "RejectionReason":
    return {
        "message": reason.message,
        "records": reason.records,
        "places": list(reason.places),
        "more": reason.more,
        "together": reason.together,
    }


def write_report(
    ledger: LedgerReader, options: ReportOptions, *, made: datetime, output: Path | None, permit: Permit = OWN_ONLY
) -> Path:
    """Write a report to `output`, by default JOB.FORM, and return its path.

    UsageError if the output is the file of a job, is not a file, or if `permit` protects it. The file appears only
    when it is complete.
    """
    names = _names(ledger, options)
    path = output or Path(f"{names[0]}.{options.form}")
    refuse_no_file(path)
    refuse_the_same(path, [ledger.job(name).file_path for name in names], what="where the report goes")
    permit.check(path)
    _, text = report_text(ledger, options, made=made)
    with whole_file(path, permit) as file:
        file.write(text.encode())
    return path


def _names(ledger: LedgerReader, options: ReportOptions) -> Sequence[str]:
    """Return the requested jobs, or the latest job."""
    if options.jobs:
        return options.jobs
    if (latest := ledger.latest_job()) is None:
        raise UsageError("The ledger contains no jobs.", hint="Start a job with `bulkops import`.")
    return [latest]
