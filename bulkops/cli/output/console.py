"""What people and programs see: results to stdout, everything else to stderr."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from bulkops.cli.output.json_text import json_text
from bulkops.escaping import escaped, escaped_json, one_line
from bulkops.redaction import found, redacted, redacted_document

PIPE = 200
"""Columns of a table in a pipe, if nothing in it is wider."""
NARROW = 60
"""Columns of a terminal below which a table that does not fit is shown as a block for each row."""


def line(text: str) -> str:
    """Return a text as it may be printed: on one line, without keys, with nothing that a terminal or a CI acts on."""
    return one_line(redacted(text))


class Console:
    """Where a command speaks. `quiet` keeps notes back; results and errors are always shown.

    Every text goes through `line` here, so a line feed in the data never begins a line of its own.
    `about_jobs` says that the result is about jobs, which the ledger shows again.
    """

    def __init__(self, *, quiet: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug
        self.emitted = False
        self.json_asked = False
        self.about_jobs = False

    def emit_json(self, document: Any, *, objects: int = 0) -> None:
        """Print the one JSON document of a command to stdout; it holds about so many `objects`, if they are many."""
        text = json_text(document, objects=objects)
        if found(text):
            document = redacted_document(document)
            text = json_text(document, objects=objects)
        try:
            text.encode(sys.stdout.encoding or "utf-8", "surrogatepass")
        except (UnicodeEncodeError, LookupError):  # an encoding that does not have all characters
            text = json_text(document, ascii_only=True)
        self.emitted = True  # also where writing it ends half way: nothing may follow it
        click.echo(escaped_json(text))

    def document(self, text: str) -> None:
        """Print a whole document of its own form to stdout, as it is: its writer has escaped what is in it."""
        click.echo(text.rstrip("\n"))
        self.emitted = True

    def result(self, text: str = "", *, styled: bool = False) -> None:
        """Print a line of the result to stdout; `styled` says that it has colours or commands, its data escaped."""
        click.echo(redacted(text) if styled else line(text))

    def several(self, text: str) -> None:
        """Print a result of several lines to stdout."""
        click.echo(escaped(redacted(text)))

    def note(self, text: str) -> None:
        """Print something worth knowing to stderr."""
        if not self.quiet:
            click.echo(line(text), err=True)

    def complain(self, text: str, hint: str | None = None) -> None:
        """Print an error to stderr, and what to do next on a second line."""
        click.echo(f"bulkops: {line(text)}" + (f"\n  {line(hint)}" if hint else ""), err=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
        """Print a table to stdout, as wide as the terminal or, in a pipe, as wide as it must be."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        cells = [[line(str(value)) for value in row] for row in rows]
        most = max(PIPE, _needed(columns, cells) + 2 * len(columns))
        out = RichConsole(file=sys.stdout, width=None if sys.stdout.isatty() else most, highlight=False)
        if out.width < NARROW and _needed(columns, cells) > out.width:
            self._blocks(columns, cells, title)
            return
        table = Table(
            title=title and Text(line(title)),
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
        )
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))
        out.print(table)

    def _blocks(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
        """Print the rows one below the other, each cell on a line with the name of its column."""
        blocks = ["\n".join(f"{name}: {cell}" for name, cell in zip(columns, row, strict=True) if cell) for row in rows]
        self.several("\n\n".join([*([line(title)] if title else []), *blocks]))


def _needed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is if nothing in it is folded."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return sum(widths) + 2 * len(widths)


def console() -> Console:
    """Return the console of the command that is running."""
    context = click.get_current_context(silent=True)
    known = context.find_object(Console) if context else None
    return known or Console()
