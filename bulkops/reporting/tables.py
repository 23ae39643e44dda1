"""The tables of a report, as plain cells: HTML and Markdown differ only in how they write them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bulkops.reporting.facts import STATES, WORDS, JobFacts
from bulkops.reporting.plots import duration
from bulkops_validators.model.rules_registry import RULES

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A heading, what stands under it, columns and rows; `numbers` are the places of columns that hold numbers."""

    heading: str
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: Rows = ()
    numbers: frozenset[int] = frozenset()
    total: bool = False


def facts_list(facts: JobFacts) -> tuple[tuple[str, str], ...]:
    """Return what was asked, as terms and what they are."""
    document = facts.document
    file, target = document["file"], document["target"]
    ids = ", ".join(f"{name} {value}" for name, value in target["ids"].items())
    chosen = {**document["options"], **facts.settings}
    options = ", ".join(f"{n.replace('_', '-')} {_value(v)}" for n, v in chosen.items() if v is not None)
    length = facts.progress[-1][0] if facts.progress else 0
    return (
        ("Job", _code(facts.name)),
        ("Import", f"{facts.title} ({document['contract']}, {document['mode']}): {facts.effect}"),
        ("File", _code(file["path"])),
        ("SHA-256", _code(file["sha256"])),
        ("Size", f"{file['records']:,} records, {file['bytes']:,} bytes"),
        ("Target", _code(target["base_url"]) + (f", {ids}" if ids else "")),
        *((("Options", options),) if options else ()),
        ("Begun", moment(document["created"])),
        *((("Ended", moment(facts.ended.isoformat())),) if facts.ended else ()),
        *((("Sending took", duration(length)),) if length else ()),
    )


def _code(text: str) -> str:
    """Return a text as code; a backtick in it would end it."""
    return f"`{text.replace('`', chr(39))}`"


def _value(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def books(facts: JobFacts) -> Table:
    """Return the books: records in, and where they are now."""
    rows = [(WORDS.get(state, state).capitalize(), f"{facts.records[state]:,}") for state in STATES]
    ends = "The books balance." if facts.balanced else "THE BOOKS DO NOT BALANCE."
    return Table(
        heading="Books",
        text=ends,
        columns=("Records", "Number"),
        rows=(*rows, ("Input", f"{facts.records['input']:,}")),
        numbers=frozenset({1}),
        total=True,
    )


def tables(facts: JobFacts) -> Iterator[Table]:
    """Yield the tables below the books; those without rows say why in their text, or are left out."""
    yield from _reconciliation(facts)
    if facts.sums:
        yield Table(
            heading="Amounts by subledger",
            columns=("Subledger", "Sum of the file"),
            rows=tuple((name or "(main ledger)", _thousands(total)) for name, total in facts.sums.items()),
            numbers=frozenset({1}),
        )
    yield _doubts(facts)
    if facts.rejected:
        yield Table(
            heading="Refused by the server",
            columns=("Line", "Records", "Message"),
            rows=facts.rejected,
            numbers=frozenset({0, 1}),
        )
    yield _findings(facts)
    yield _chunks(facts)


def _reconciliation(facts: JobFacts) -> Iterator[Table]:
    found = facts.reconciliation
    if found is None:
        yield Table(heading="Reconciliation", text="The rows were not read back: nothing is proved yet.")
        return
    counts = tuple((n.capitalize(), f"{found[n]:,}") for n in ("matched", "missing", "different", "unexpected"))
    how = f"Read back by {found['evidence']}. " if found.get("readings") else ""
    if found.get("export"):
        how = f"Compared with a saved export, {found['export']}. " + _unchecked(found.get("unchecked") or {})
    yield Table(
        heading="Reconciliation",
        text=f"{how}{found['reason']}" + "".join(f" {note}" for note in found.get("notes", ())),
        columns=("Rows", "Number"),
        rows=counts if found.get("readings") else (),
        numbers=frozenset({1}),
    )
    if found.get("balances"):
        yield _balances(found["balances"])
    compared, columns = found.get("compared") or [], found.get("columns") or {}
    if compared:
        yield Table(
            heading="Differences by column",
            columns=("Column", "Differences"),
            rows=tuple((name, f"{columns.get(name, 0):,}") for name in compared),
            numbers=frozenset({1}),
        )
    if found["examples"]:
        yield Table(
            heading="Examples of differences",
            columns=("What", "Line", "Key", "Column", "Sent", "Found"),
            rows=tuple(_example(e) for e in found["examples"]),
            numbers=frozenset({1}),
        )


def _unchecked(reasons: Mapping[str, str]) -> str:
    """Return the sentence about ids of the target that the export did not confirm; blank if it confirmed all."""
    listed = "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
    return f"Not checked: of which target it is. {listed}. " if listed else ""


def _balances(balances: Sequence[Mapping[str, Any]]) -> Table:
    wrong = sum(not balance["agrees"] for balance in balances)
    ends = f"{wrong:,} subledgers did not grow by what was sent." if wrong else "Each grew by what was sent."
    rows = tuple(
        (
            b["subledger"] or "(main ledger)", _thousands(b["before"]), _thousands(b["after"]),
            _thousands(f"{Decimal(b['after']) - Decimal(b['before']):f}"), _thousands(b["sent"]),
            "yes" if b["agrees"] else "NO",
        )
        for b in balances
    )  # fmt: skip
    columns = ("Subledger", "Before", "After", "Grew by", "Sent", "Agrees")
    return Table(
        heading="Balances before and after", text=ends, columns=columns, rows=rows, numbers=frozenset(range(1, 5))
    )


def _example(example: dict[str, Any]) -> tuple[str, ...]:
    names = ("class", "line", "key", "column", "sent", "found")
    return tuple("" if example.get(name) is None else str(example[name]) for name in names)


def _doubts(facts: JobFacts) -> Table:
    rows = (
        (
            moment(s.at.isoformat()), "" if s.chunk is None else str(s.chunk), s.what,
            ": ".join(part for part in (s.detail, s.said) if part),
        )
        for s in facts.doubts
    )  # fmt: skip
    return Table(
        heading="Doubts, and the evidence that settled them",
        text="" if facts.doubts else "There were none.",
        columns=("When", "Chunk", "What", "Evidence"),
        rows=tuple(rows),
        numbers=frozenset({1}),
    )


def _findings(facts: JobFacts) -> Table:
    if facts.findings is None:
        return Table(heading="Findings by rule", text="The file was not checked again for this report.")
    return Table(
        heading="Findings by rule",
        text="" if facts.findings else "The file breaks no rule.",
        columns=("Rule", "Name", "Severity", "Findings", "What to do"),
        rows=tuple(_finding(code, count) for code, count in facts.findings),
        numbers=frozenset({3}),
    )


def _finding(code: str, count: int) -> tuple[str, ...]:
    rule = RULES[code]
    return code, rule.name, rule.severity.value, f"{count:,}", rule.fix


def _chunks(facts: JobFacts) -> Table:
    columns = ("Chunk", "First record", "Records", "State", "Import id", "Attempts", "Sent", "Took", "SHA-256")
    rows = tuple(
        (
            str(c["number"]), f"{c['first_record']:,}", f"{c['records']:,}", str(c["state"]),
            "" if c["import_id"] is None else str(c["import_id"]), str(c["attempts"]),
            moment(c["sent"]) if c["sent"] else "", "" if c["seconds"] is None else duration(c["seconds"]),
            str(c["sha256"])[:12],
        )
        for c in facts.chunks
    )  # fmt: skip
    return Table(heading="Time line of chunks", columns=columns, rows=rows, numbers=frozenset({0, 1, 2, 4, 5}))


def moment(text: str) -> str:
    """Return an instant for people: UTC, to the second."""
    return text.replace("T", " ")[:19] + " UTC"


def _thousands(total: str) -> str:
    sign, digits = ("-", total[1:]) if total.startswith("-") else ("", total)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"


def summary(all_facts: Sequence[JobFacts]) -> Table:
    """Return one row a job, and the sum of all."""
    rows = [
        (
            f.name, str(f.document["contract"]), f.state.replace("_", " "),
            f.verdict or "not read back",
            *(f"{f.records[s]:,}" for s in ("input", *STATES)),
        )
        for f in all_facts
    ]  # fmt: skip
    totals = [f"{sum(f.records[s] for f in all_facts):,}" for s in ("input", *STATES)]
    return Table(
        heading="Jobs",
        columns=("Job", "Contract", "State", "Verdict", "Input", *(WORDS.get(s, s).capitalize() for s in STATES)),
        rows=(*rows, ("Sum", "", "", "", *totals)),
        numbers=frozenset(range(4, 10)),
        total=True,
    )
