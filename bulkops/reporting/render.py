"""Render a page as HTML or Markdown with the templates of this package."""

import re
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bulkops.escaping import escaped
from bulkops.reporting import markdown_text
from bulkops.reporting.page import JobPage, Page, Plot
from bulkops.reporting.plots import bars, stacked_bar, steps
from bulkops.reporting.tables import MAIN_LEDGER, ReportTable
from bulkops.reporting.timeline import timeline

if TYPE_CHECKING:
    from jinja2 import Environment

FOLD = 12
"""A table with more rows is folded."""
UNFOLDED_ON_PAPER = 1000
"""A folded table with at most this number of rows, about 20 pages, is unfolded on paper."""
MOST_ROWS = 200
"""Maximum number of rows of a table in Markdown."""
STACKED = 4
"""The rows of a table with at least this number of columns become blocks on a phone."""
STYLE_TAG = "<style>"
_BLANK_LINES = re.compile(r"\n{3,}")


def html(page: Page, *, clean: Callable[[str], str] = str) -> str:
    """Return the page as one self-contained HTML document: no network, no script, for phones and for paper.

    `clean` receives the document without its style, which contains no data, and returns the text to publish.
    """
    from markupsafe import Markup

    environment = _environment("html")
    limits = {"fold": FOLD, "paper": UNFOLDED_ON_PAPER, "stacked": STACKED}
    text = environment.get_template("report.html.jinja").render(
        page=page,
        draw=lambda plot, job: Markup(_drawn(plot, job)),  # noqa: S704 - the plots escape their data
        **limits,
    )
    # All data is escaped, so the first tag of this name is that of the template.
    return clean(text).replace(STYLE_TAG, f"{STYLE_TAG}\n{_style()}", 1)


@lru_cache
def _style() -> str:
    return files("bulkops.reporting").joinpath("templates/style.css").read_text(encoding="utf-8")


def markdown(page: Page) -> str:
    """Return the page as Markdown for a ticket or a pull request; a long table is truncated and says so."""
    text = _environment("md").get_template("report.md.jinja").render(page=page, most=MOST_ROWS)
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


@lru_cache
def _environment(form: str) -> "Environment":
    """Return the template environment: it escapes every value for the form and rejects unknown names."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bulkops.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_for_html if form == "html" else _for_markdown,
    )
    if form == "md":
        environment.filters["code"] = _code
        environment.filters["cells"] = _cells
        environment.filters["heads"] = _heads
    return environment


def _for_html(value: Any) -> Any:
    """Return a value without control characters; Jinja escapes the result for HTML."""
    return escaped(value) if type(value) is str else value


def _for_markdown(value: Any) -> Any:
    """Return a value escaped for Markdown; a text of class Markup is already Markdown."""
    from markupsafe import Markup

    return Markup(markdown_text.plain(value)) if type(value) is str else value  # noqa: S704 - it was just escaped


def _code(text: str) -> Any:
    from markupsafe import Markup

    return Markup(markdown_text.code(text))  # noqa: S704 - a code span shows any text unchanged


def _cells(row: tuple[str, ...], table: ReportTable) -> Any:
    """Return a row of a table as Markdown, with data as code."""
    from markupsafe import Markup

    shown = (
        markdown_text.code(text) if place in table.data and text != MAIN_LEDGER else markdown_text.plain(text)
        for place, text in enumerate(row)
    )
    return Markup(" | ".join(shown))  # noqa: S704 - both functions escape


def _heads(table: ReportTable) -> Any:
    from markupsafe import Markup

    return Markup(" | ".join(markdown_text.plain(name) for name in table.columns))  # noqa: S704 - it is escaped


def _drawn(plot: Plot, job: JobPage) -> str:
    """Return a plot as SVG; empty if there is nothing to show."""
    facts = job.source
    match plot.kind:
        case "stack":
            return stacked_bar({name: int(value) for name, value in plot.values.items()}, label=plot.label)
        case "bars":
            return bars(plot.values, plot.texts, label=plot.label)
        case "steps":
            return steps(facts.progress, most=facts.records["input"], label=plot.label)
        case "timeline":
            return timeline(facts.chunks, label=plot.label)
