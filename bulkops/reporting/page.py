"""Build the page of a report: its sections in reading order, ready for the templates. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bulkops.ledger.job_documents import left_out_text
from bulkops.ledger.models import ADDRESS, SOURCE
from bulkops.ledger.states import job_word
from bulkops.reporting import tables
from bulkops.reporting.decisions import OpenDecision, open_decisions
from bulkops.reporting.facts import STATES, JobFacts
from bulkops.reporting.plots import duration
from bulkops.reporting.tables import ReportTable, moment
from bulkops.reporting.verdict import SignOff, verdict_of, verdict_of_all
from bulkops.version import __version__

NOT_RECORDED = "not recorded: an older version of bulkops made the proof"
PROGRESS_SECONDS = 30
"""Minimum seconds of sending for a progress plot; the speed of a shorter run is meaningless."""
NO_OPTION = frozenset({"target_name", ADDRESS, SOURCE})
"""Settings of a job that are not options of the run; the page shows them elsewhere or not at all."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A term and its value: `code` is shown as code, followed by `text`."""

    term: str
    text: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot: parts of a whole, amounts, progress over time, or a timeline."""

    kind: Literal["stack", "bars", "steps", "timeline"]
    label: str
    values: Mapping[str, float]
    texts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table, and the plot above it; None without a plot."""

    table: ReportTable
    plot: Plot | None = None


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """The part of a page about one job: verdict, books, proof, open decisions, rejected records, details."""

    name: str
    title: str
    state: str
    verdict: SignOff
    notes: tuple[str, ...]
    books: Section
    proof: tuple[Fact, ...]
    decisions: tuple[OpenDecision, ...]
    rejected: ReportTable | None
    rejected_file: str | None
    facts: tuple[Fact, ...]
    progress: Plot | None
    details: tuple[Section, ...]
    source: JobFacts


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page of a report about one or several jobs."""

    title: str
    made: str
    version: str
    verdict: SignOff
    summary: ReportTable | None
    jobs: tuple[JobPage, ...]


def page_of(all_facts: Sequence[JobFacts], *, title: str, made: datetime) -> Page:
    """Return the page of a report about one or several jobs; `made` is the time of the report."""
    return Page(
        title=title,
        made=moment(made.isoformat()),
        version=__version__,
        verdict=verdict_of_all(all_facts),
        summary=tables.summary(all_facts) if len(all_facts) > 1 else None,
        jobs=tuple(_job(facts) for facts in all_facts),
    )


def _job(facts: JobFacts) -> JobPage:
    states = {state: facts.records[state] for state in STATES if facts.records[state]}
    books = Section(table=tables.books(facts), plot=_stack(states, "Records by state"))
    return JobPage(
        name=facts.name,
        title=facts.title,
        state=job_word(facts.state, rejected=facts.records["rejected"]),
        verdict=verdict_of(facts),
        notes=facts.notes,
        books=books,
        proof=tuple(_proof(facts)),
        decisions=open_decisions(facts),
        rejected=tables.rejected(facts),
        rejected_file=facts.rejected_file,
        facts=tuple(_asked(facts)),
        progress=_progress(facts),
        details=tuple(_details(facts)),
        source=facts,
    )


def _proof(facts: JobFacts) -> Iterator[Fact]:
    """Yield the facts of the proof: result, time, place, method and notes of the read-back."""
    found = facts.reconciliation
    if found is None:
        yield Fact(term="Result", text="none: the records were not read back, so nothing is proved")
        return
    proof = found.get("proof") or {}
    yield Fact(term="Result", text=f"{found['verdict']}. {found['reason']}")
    if at := proof.get("at") or (facts.reconciled and facts.reconciled.isoformat()):
        outdated = "; the job has changed since" if facts.outdated else ""
        yield Fact(term="Compared at", text=f"{moment(at)}{outdated}")
    if not proof:
        yield Fact(term="Version, host and key", text=NOT_RECORDED)
    else:
        yield Fact(term="Version", text=f"bulkops {proof['bulkops']}")
        yield Fact(term="Host", code=proof["host"])
    if proof.get("key"):
        yield Fact(term="Name of the key", code=proof["key"])
    yield from _other_side(found, proof)
    if found.get("compared"):
        yield Fact(term="Columns compared", text=", ".join(found["compared"]))
    if unchecked := found.get("unchecked"):
        yield Fact(term="Not confirmed", text="; ".join(f"{name} ({why})" for name, why in unchecked.items()))
    for note in found.get("notes", ()):
        yield Fact(term="Note", text=note)


def _other_side(found: Mapping[str, Any], proof: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield the other side of the comparison: the target, or the identity of a saved export."""
    if export := proof.get("export"):
        yield Fact(term="Compared with", text="a saved export", code=export["path"])
        yield Fact(term="Export SHA-256", code=export["sha256"] or "", text="" if export["sha256"] else "it changed")
        yield Fact(term="Export size", text=f"{export['bytes']:,} bytes, written {moment(export['modified'])}")
        if saved := export.get("saved_from"):
            yield Fact(
                term="Export saved from", code=saved["address"], text=_named({**saved["ids"], **saved["filters"]})
            )
        else:
            yield Fact(term="Export saved from", text="unknown: bulkops did not save it on this machine")
    elif found.get("export"):
        yield Fact(term="Compared with", text="a saved export", code=found["export"])
    elif found.get("readings"):
        times = "once" if found["readings"] == 1 else f"{found['readings']:,} times"
        said = f"read back by {found['evidence']}, {times}; {found['found']:,} rows"
        yield Fact(term="Compared with", text=said, code=proof.get("address", ""))


def _asked(facts: JobFacts) -> Iterator[Fact]:
    """Yield the facts of the import: job, file, target, options and times."""
    document = facts.document
    file, target = document["file"], document["target"]
    chosen = {**document["options"], **{n: v for n, v in facts.settings.items() if n not in NO_OPTION}}
    options = {n.replace("_", "-"): _value(v) for n, v in chosen.items() if v is not None}
    length = facts.progress[-1][0] if facts.progress else 0
    yield Fact(term="Job", code=facts.name)
    yield Fact(term="Import", text=f"{facts.title} ({document['contract']}, {document['mode']}): {facts.effect}")
    yield Fact(term="File", code=str(file["path"]))
    yield Fact(term="SHA-256", code=str(file["sha256"]))
    yield Fact(term="Size", text=f"{file['records']:,} records, {file['bytes']:,} bytes")
    yield from _legacy(facts)
    if source := document.get("source"):
        said = f"of its {source['records']:,} records were not sent: {left_out_text(source)}"
        yield Fact(term="Part of", code=str(source["path"]), text=said)
    yield Fact(term="Target", code=str(target["base_url"]), text=_named(target["ids"]))
    if options:
        yield Fact(term="Options", text=_named(options))
    yield Fact(term="Begun", text=moment(document["created"]))
    if facts.ended:
        yield Fact(term="Ended", text=moment(facts.ended.isoformat()))
    if length:
        yield Fact(term="Sending took", text=duration(length))
    if facts.findings is not None and not facts.findings:
        yield Fact(term="Check", text="The file breaks no rule.")


def _legacy(facts: JobFacts) -> Iterator[Fact]:
    """Yield the legacy files behind a mapped file, and the books from their rows to the rows read back."""
    if (mapping := facts.mapping) is None:
        return
    for source in mapping["sources"]:
        sheet = f"sheet {source['sheet']}" if source["sheet"] else ""
        digest = f"SHA-256 {source['sha256']}" if source["sha256"] else ""
        yield Fact(term="Mapped from", code=source["file"], text=", ".join(part for part in (sheet, digest) if part))
    rows, found = mapping["rows"], facts.reconciliation
    text = f"{rows['source']:,} source rows = {rows['used']:,} used + {rows['left_out']:,} left out"
    text += f"; {mapping['records']:,} records mapped; {facts.records['accepted']:,} accepted"
    if found and "matched" in found:
        text += f"; {found['matched']:,} matched when they were read back"
    yield Fact(term="Books", text=text)


def _details(facts: JobFacts) -> Iterator[Section]:
    """Yield the tables below the facts, each with its plot; skip tables without rows."""
    found = facts.reconciliation or {}
    counts = {name: int(found.get(name, 0)) for name in ("matched", "missing", "different") if found.get(name)}
    columns = {name: count for name, count in found.get("columns", {}).items() if count}
    amounts = {name or tables.MAIN_LEDGER: float(total) for name, total in facts.sums.items()}
    for table, plot in (
        (tables.compared(found), _stack(counts, "Records by result")),
        (tables.differences(found), _bars(columns, "Differences by column")),
        (tables.examples(found), None),
        (tables.balances(found), None),
        (tables.sums(facts), _bars(amounts, "Amounts by subledger")),
        (tables.doubts(facts), None),
        (tables.findings(facts), None),
        (tables.chunks(facts), _timeline(facts)),
    ):
        if table is not None:
            yield Section(table=table, plot=plot)


def _progress(facts: JobFacts) -> Plot | None:
    """Return the plot of progress over time; None for a short run or for only two points."""
    worth = len(facts.progress) > 2 and facts.progress[-1][0] >= PROGRESS_SECONDS
    return _plain("steps", "Records accepted over time") if worth else None


def _timeline(facts: JobFacts) -> Plot | None:
    """Return the timeline of the requests; None if each was accepted at the first attempt, or if there is only one."""
    sent = [chunk for chunk in facts.chunks if chunk["sent"]]
    smooth = all(chunk["state"] == "accepted" and chunk["attempts"] == 1 for chunk in sent) and not facts.doubts
    return None if smooth or len(sent) < 2 else _plain("timeline", "Chunks from request to response")


def _stack(parts: Mapping[str, int], label: str) -> Plot | None:
    """Return the plot of the parts of a whole; None for fewer than two parts."""
    return Plot(kind="stack", label=label, values=parts, texts={}) if len(parts) > 1 else None


def _bars(values: Mapping[str, float], label: str) -> Plot | None:
    """Return the plot of amounts beside each other; None for fewer than two amounts."""
    texts = {name: f"{value:,.10g}" if value % 1 else f"{value:,.0f}" for name, value in values.items()}
    return Plot(kind="bars", label=label, values=values, texts=texts) if len(values) > 1 else None


def _plain(kind: Literal["steps", "timeline"], label: str) -> Plot:
    return Plot(kind=kind, label=label, values={}, texts={})


def _named(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _value(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
