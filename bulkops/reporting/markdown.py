"""The report as Markdown, for a ticket or a pull request. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from bulkops.escaping import escaped, one_line
from bulkops.reporting.facts import JobFacts
from bulkops.reporting.tables import Table, books, facts_list, moment, summary, tables
from bulkops.version import __version__

MOST_ROWS = 200
MARKS = re.compile(r"[\\|\[\]`]")


def markdown(all_facts: Sequence[JobFacts], *, title: str, made: datetime) -> str:
    """Return the report for one or several jobs; longer tables are cut, which they say."""
    lines = [f"# {_plain(title)}", "", f"Made {moment(made.isoformat())} by bulkops {__version__}.", ""]
    if len(all_facts) > 1:
        lines += _table(summary(all_facts), level=2)
    for facts in all_facts:
        said = ", ".join(word.replace("_", " ") for word in (facts.state, facts.verdict) if word)
        lines += [f"## {_plain(facts.title)}: {said}", ""]
        lines += [f"{_plain(note)}\n" for note in facts.notes]
        lines += [f"- {term}: {_with_code(text)}" for term, text in facts_list(facts)] + [""]
        for table in (books(facts), *tables(facts)):
            lines += _table(table, level=3)
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table, *, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {table.heading}", "")
    if table.text:
        yield from (_plain(table.text), "")
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
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Return a text on one line, of which nothing is taken for Markdown or HTML: no link, picture, tag or code."""
    flat = escaped(text.replace("\r", " ").replace("\n", " "))
    return MARKS.sub(r"\\\g<0>", flat).replace("<", "&lt;")


def _with_code(text: str) -> str:
    """Return a text with code between backticks, where nothing else is Markdown."""
    parts = text.split("`")
    return "`".join(one_line(part) if number % 2 else _plain(part) for number, part in enumerate(parts))
