"""The report as Markdown, for a ticket or a pull request. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bulkops.reporting.facts import JobFacts
from bulkops.reporting.tables import Table, books, facts_list, moment, summary, tables
from bulkops.version import __version__

MOST_ROWS = 200


def markdown(all_facts: Sequence[JobFacts], *, title: str, made: datetime) -> str:
    """Return the report for one or several jobs; longer tables are cut, which they say."""
    lines = [f"# {title}", "", f"Made {moment(made.isoformat())} by bulkops {__version__}.", ""]
    if len(all_facts) > 1:
        lines += _table(summary(all_facts), level=2)
    for facts in all_facts:
        said = ", ".join(word.replace("_", " ") for word in (facts.state, facts.verdict) if word)
        lines += [f"## {facts.title}: {said}", ""]
        lines += [f"{note}\n" for note in facts.notes]
        lines += [f"- {term}: {text}" for term, text in facts_list(facts)] + [""]
        for table in (books(facts), *tables(facts)):
            lines += _table(table, level=3)
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table, *, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {table.heading}", "")
    if table.text:
        yield from (_cell(table.text), "")
    if not table.rows:
        return
    yield _row(table.columns)
    yield _row("--:" if place in table.numbers else "---" for place in range(len(table.columns)))
    shown = table.rows if len(table.rows) <= MOST_ROWS else (*table.rows[:MOST_ROWS],)
    yield from (_row(row) for row in shown)
    if len(shown) < len(table.rows):
        yield from ("", f"… and {len(table.rows) - len(shown):,} more rows: see the JSON.")
    yield ""


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ").replace("<", "&lt;")
