"""Build the tables of a report as plain text cells, for HTML and Markdown. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bulkops.ledger.states import job_word
from bulkops.reporting.facts import STATES, WORDS, JobFacts
from bulkops.reporting.plots import duration
from bulkops.reporting.rejections import LONGEST
from bulkops.reporting.verdict import Sign, verdict_of
from bulkops_validators.model.rules_registry import RULES

Rows = tuple[tuple[str, ...], ...]
EMPTY = ("", "0")
MAIN_LEDGER = "(main ledger)"
"""The page's name for the subledger without a name."""
MEANINGS = {
    "accepted": "confirmed by the server or by evidence",
    "skipped": "not sent, or not changed: the target had them",
    "rejected": "the server refused them; this import did not add them",
    "in_doubt": "sent, but it is unknown whether the target has them",
    "pending": "not sent",
}
SHORT = {Sign.YES: "sign", Sign.RESERVED: "with reservations", Sign.NO: "not yet"}


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A heading, a text below it, columns and rows.

    `numbers` are the 0-based indexes of columns with numbers, and `data` those of columns with text from files,
    servers or people. `total`: the last row is a sum.
    """

    heading: str
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: Rows = ()
    numbers: frozenset[int] = frozenset()
    data: frozenset[int] = frozenset()
    total: bool = False

    def trimmed(self) -> "ReportTable":
        """Return the table without columns that contain only blanks or zeros; the first column always stays."""
        kept = [n for n in range(len(self.columns)) if n == 0 or any(row[n] not in EMPTY for row in self.rows)]
        return replace(
            self,
            columns=tuple(self.columns[n] for n in kept),
            rows=tuple(tuple(row[n] for n in kept) for row in self.rows),
            numbers=frozenset(new for new, n in enumerate(kept) if n in self.numbers),
            data=frozenset(new for new, n in enumerate(kept) if n in self.data),
        )


def summary(all_facts: Sequence[JobFacts]) -> ReportTable:
    """Return a table with one row for each job, and the sum of all jobs."""
    rows = [
        (
            f.name, str(f.document["contract"]), job_word(f.state, rejected=f.records["rejected"]), f.verdict or "not read back",
            *(f"{f.records[s]:,}" for s in ("input", "accepted")), *(_nonzero(f.records[s]) for s in STATES[1:]),
            SHORT[verdict_of(f).sign],
        )
        for f in all_facts
    ]  # fmt: skip
    totals = [f"{sum(f.records[s] for f in all_facts):,}" for s in ("input", *STATES)]
    states = (WORDS.get(s, s).capitalize() for s in STATES)
    return ReportTable(
        heading="Jobs",
        columns=("Job", "Contract", "State", "Verdict", "Input", *states, "Sign"),
        rows=(*rows, ("Sum", "", "", "", *totals, "")),
        numbers=frozenset(range(4, 5 + len(STATES))),
        total=True,
    ).trimmed()


def _nonzero(number: int) -> str:
    return f"{number:,}" if number else ""


def books(facts: JobFacts) -> ReportTable:
    """Return the books: the number of records in the input and in each state."""
    states = [state for state in STATES if facts.records[state]]
    rows = [(WORDS.get(s, s).capitalize(), f"{facts.records[s]:,}", MEANINGS[s]) for s in states]
    ends = "The books balance." if facts.balanced else "THE BOOKS DO NOT BALANCE."
    return ReportTable(
        heading="Books",
        text=ends,
        columns=("Records", "Number", "Meaning"),
        rows=(*rows, ("Input", f"{facts.records['input']:,}", "records of the file")),
        numbers=frozenset({1}),
        total=True,
    )


def rejected(facts: JobFacts) -> ReportTable | None:
    """Return the rejected records by reason; None if there are none."""
    if not facts.reasons:
        return None
    together = any(reason.together for reason in facts.reasons)
    rows = tuple(
        (reason.message, f"{reason.records:,}", _places(reason.places, reason.more)) for reason in facts.reasons
    )
    return ReportTable(
        heading="Rejected by the server",
        text="Some were rejected with others of their request and may be valid." if together else "",
        columns=("Reason", "Records", "First ones"),
        rows=rows,
        numbers=frozenset({1}),
        data=frozenset({0}),
    )


def _places(places: Sequence[str], more: int) -> str:
    return ", ".join(places) + (f" and {more:,} more" if more else "")


def compared(found: Mapping[str, Any]) -> ReportTable | None:
    """Return the records of a reconciliation by result; None if there are fewer than two kinds."""
    names = ("matched", "missing", "different", "unexpected")
    rows = tuple((name.capitalize(), f"{found[name]:,}") for name in names if found.get(name))
    if not found.get("readings") or len(rows) < 2:
        return None
    return ReportTable(heading="Records compared", columns=("Records", "Number"), rows=rows, numbers=frozenset({1}))


def differences(found: Mapping[str, Any]) -> ReportTable | None:
    """Return the number of differences for each column; None without differences."""
    rows = tuple((name, f"{count:,}") for name, count in found.get("columns", {}).items() if count)
    if not rows:
        return None
    return ReportTable(
        heading="Differences by column", columns=("Column", "Differences"), rows=rows, numbers=frozenset({1})
    )


def examples(found: Mapping[str, Any]) -> ReportTable | None:
    """Return examples of differences; None without differences."""
    names = ("class", "line", "key", "column", "sent", "found")
    rows = tuple(
        (*(_cell(example.get(name)) for name in names), _legacy_row(example.get("origin")))
        for example in found.get("examples", [])
    )
    if not rows:
        return None
    return ReportTable(
        heading="Examples of differences",
        columns=("What", "Line", "Key", "Column", "Sent", "Found", "Legacy row"),
        rows=rows,
        numbers=frozenset({1}),
        data=frozenset({2, 4, 5}),
    ).trimmed()


def _legacy_row(origin: Mapping[str, Any] | None) -> str:
    """Return the place of a legacy row; blank for a record of a file that was not mapped."""
    if origin is None:
        return ""
    sheet = f", sheet {origin['sheet']}" if origin["sheet"] else ""
    return f"{origin['file']}{sheet}, {origin['unit']} {origin['line']}"


def balances(found: Mapping[str, Any]) -> ReportTable | None:
    """Return the balances before and after; None if they were not compared."""
    listed = found.get("balances") or []
    if not listed:
        return None
    wrong = sum(not balance["agrees"] for balance in listed)
    ends = f"{wrong:,} subledgers did not grow by the amount sent." if wrong else "Each grew by the amount sent."
    rows = tuple(
        (
            b["subledger"] or MAIN_LEDGER, _thousands(b["before"]), _thousands(b["after"]),
            _thousands(f"{Decimal(b['after']) - Decimal(b['before']):f}"), _thousands(b["sent"]),
            "yes" if b["agrees"] else "NO",
        )
        for b in listed
    )  # fmt: skip
    columns = ("Subledger", "Before", "After", "Grew by", "Sent", "Agrees")
    return ReportTable(
        heading="Balances before and after", text=ends, columns=columns, rows=rows,
        numbers=frozenset(range(1, 5)), data=frozenset({0}),
    )  # fmt: skip


def sums(facts: JobFacts) -> ReportTable | None:
    """Return the amounts of the file by subledger; None if the contract has no amounts."""
    rows = tuple((name or MAIN_LEDGER, _thousands(total)) for name, total in facts.sums.items())
    if not rows:
        return None
    columns = ("Subledger", "Sum of the file")
    return ReportTable(
        heading="Amounts by subledger", columns=columns, rows=rows, numbers=frozenset({1}), data=frozenset({0})
    )


def doubts(facts: JobFacts) -> ReportTable | None:
    """Return the unusual events; None if there were none."""
    rows = tuple(
        (moment(s.at.isoformat()), "" if s.chunk is None else str(s.chunk), s.what, s.detail, s.said)
        for s in facts.doubts
    )
    if not rows:
        return None
    return ReportTable(
        heading="Doubts, and the evidence that settled them",
        columns=("When", "Chunk", "What", "Evidence", "Message"),
        rows=rows,
        numbers=frozenset({1}),
        data=frozenset({4}),
    ).trimmed()


def findings(facts: JobFacts) -> ReportTable | None:
    """Return the findings of the file by rule; None if it was not checked or has no findings."""
    if not facts.findings:
        return None
    return ReportTable(
        heading="Findings by rule",
        columns=("Rule", "Name", "Severity", "Findings", "What to do"),
        rows=tuple(_finding(code, count) for code, count in facts.findings),
        numbers=frozenset({3}),
    )


def _finding(code: str, count: int) -> tuple[str, ...]:
    rule = RULES[code]
    return code, rule.name, rule.severity.value, f"{count:,}", rule.fix


def chunks(facts: JobFacts) -> ReportTable | None:
    """Return the chunks in the order of the file; None if there are none."""
    if not facts.chunks:
        return None
    columns = (
        "Chunk",
        "First record",
        "Records",
        "State",
        "Import id",
        "Attempts",
        "Sent",
        "Took",
        "Message",
        "SHA-256",
    )
    rows = tuple(
        (
            str(c["number"]), f"{c['first_record']:,}", f"{c['records']:,}", str(c["state"]),
            "" if c["import_id"] is None else str(c["import_id"]), str(c["attempts"]),
            moment(c["sent"]) if c["sent"] else "", "" if c["seconds"] is None else duration(c["seconds"]),
            cut(c["message"]), str(c["sha256"])[:12],
        )
        for c in facts.chunks
    )  # fmt: skip
    return ReportTable(
        heading="Chunks", columns=columns, rows=rows, numbers=frozenset({0, 1, 2, 4, 5}), data=frozenset({8})
    ).trimmed()


def cut(text: str) -> str:
    """Return a text shortened for a page; the JSON document contains the full text."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def moment(text: str) -> str:
    """Return an instant for people: UTC, whole seconds."""
    return text.replace("T", " ")[:19] + " UTC"


def _cell(value: object) -> str:
    return "" if value is None else cut(str(value))


def _thousands(total: str) -> str:
    sign, digits = ("-", total[1:]) if total.startswith("-") else ("", total)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"
