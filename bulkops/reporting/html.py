"""The report as one self-contained page: no network, no script, fit for a phone and for paper. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files

from bulkops.reporting.facts import STATES, JobFacts
from bulkops.reporting.markup import markup
from bulkops.reporting.plots import bars, stacked_bar, steps
from bulkops.reporting.tables import Table, books, facts_list, moment, summary, tables
from bulkops.reporting.timeline import timeline
from bulkops.version import __version__

FOLD = 12
UNFOLDED_ON_PAPER = 100


def page(all_facts: Sequence[JobFacts], *, title: str, made: datetime) -> str:
    """Return the page for one or several jobs."""
    style = files("bulkops.reporting").joinpath("style.css").read_text(encoding="utf-8")
    parts = [_head(all_facts, title, made)]
    if len(all_facts) > 1:
        parts.append(f'<section class="sheet">{_table(summary(all_facts))}</section>')
    parts += [_job(facts) for facts in all_facts]
    parts.append(
        '<section class="sheet"><div class="sign"><div>Name and role</div><div>Date and signature</div></div></section>'
    )
    # The policy lets the page load nothing at all, from nowhere.
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{markup(title)}</title>\n<style>\n{style}</style></head>\n<body><main>\n{chr(10).join(parts)}\n"
        "</main></body></html>\n"
    )


def _head(all_facts: Sequence[JobFacts], title: str, made: datetime) -> str:
    unbalanced = [facts.name for facts in all_facts if not facts.balanced]
    verdicts = [facts.verdict or facts.state for facts in all_facts]
    said = ", ".join(f"{verdicts.count(v)} {v.replace('_', ' ')}" for v in dict.fromkeys(verdicts))
    text = f"<h1>{markup(title)}</h1><p class='soft'>Made {moment(made.isoformat())} by bulkops {__version__}"
    text += f"; {len(all_facts)} jobs: {markup(said)}.</p>" if len(all_facts) > 1 else ".</p>"
    if unbalanced:
        text += f"<p class='verdict mismatch'>Books that do not balance: {markup(', '.join(unbalanced))}</p>"
    return text


def _job(facts: JobFacts) -> str:
    terms = "".join(f"<dt>{markup(term)}</dt><dd>{_inline(text)}</dd>" for term, text in facts_list(facts))
    states = {state: facts.records[state] for state in STATES}
    badges = " ".join(_badge(word) for word in (facts.state, facts.verdict) if word)
    parts = [
        f"<h2>{markup(facts.title)} {badges}</h2>",
        *(f"<p>{markup(note)}</p>" for note in facts.notes),
        f"<dl>{terms}</dl>",
        _table(books(facts), before=stacked_bar(states, label="Records by state")),
        *_progress(facts),
        *(_table(table, before=_plot(table, facts)) for table in tables(facts)),
    ]
    return f'<section class="job" id="{markup(facts.name)}">{"".join(parts)}</section>'


def _badge(word: str) -> str:
    return f'<span class="verdict {markup(word.replace("_", "-"))}">{markup(word.replace("_", " "))}</span>'


def _progress(facts: JobFacts) -> list[str]:
    plot = steps(facts.progress, most=facts.records["input"], label="Records accepted over time")
    return [f"<h3>Progress</h3>{plot}"] if plot else []


def _plot(table: Table, facts: JobFacts) -> str:
    """Return the plot that goes with a table, where looking beats reading."""
    found = facts.reconciliation or {}
    if table.heading == "Reconciliation" and found.get("records"):
        parts = {name: int(found[name]) for name in ("matched", "missing", "different")}
        return stacked_bar(parts, label="Records by what was found")
    if table.heading == "Differences by column" and found.get("columns"):
        columns: dict[str, int] = found["columns"]
        return bars(
            {n: float(v) for n, v in columns.items()}, {n: f"{v:,}" for n, v in columns.items()}, label=table.heading
        )
    if table.heading == "Time line of chunks":
        return timeline(facts.chunks, label="Chunks from sent to answered")
    if table.heading == "Amounts by subledger":
        names = {row[0]: row[1] for row in table.rows}
        return bars({n: float(v.replace(",", "")) for n, v in names.items()}, names, label=table.heading)
    return ""


def _table(table: Table, *, before: str = "") -> str:
    parts = [f"<h3>{markup(table.heading)}</h3>"]
    if table.text:
        parts.append(f"<p>{markup(table.text)}</p>")
    parts.append(before)
    if table.rows:
        content = f'<div class="scroll"><table>{_header(table)}{_rows(table)}</table></div>'
        if len(table.rows) > FOLD:
            short = ' class="short"' if len(table.rows) <= UNFOLDED_ON_PAPER else ""
            content = f"<details{short}><summary>{len(table.rows):,} rows</summary>{content}</details>"
        parts.append(content)
    return "".join(parts)


def _header(table: Table) -> str:
    cells = "".join(f"<th{_class(table, place)}>{markup(name)}</th>" for place, name in enumerate(table.columns))
    return f"<thead><tr>{cells}</tr></thead>"


def _rows(table: Table) -> str:
    lines = []
    for number, row in enumerate(table.rows, start=1):
        cells = "".join(f"<td{_class(table, place)}>{markup(cell)}</td>" for place, cell in enumerate(row))
        last = ' class="total"' if table.total and number == len(table.rows) else ""
        lines.append(f"<tr{last}>{cells}</tr>")
    return f"<tbody>{''.join(lines)}</tbody>"


def _class(table: Table, place: int) -> str:
    return ' class="n"' if place in table.numbers else ""


def _inline(text: str) -> str:
    """Return text with what stands between backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", markup(text))
