"""What people and programs see: results to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


class Console:
    """Where a command speaks. `quiet` keeps notes back; results and errors are always shown."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.emitted = False

    def emit_json(self, document: Any) -> None:
        """Print the one JSON document of a command to stdout."""
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))
        self.emitted = True

    def result(self, text: str = "") -> None:
        """Print a line of the result to stdout."""
        click.echo(text)

    def note(self, text: str) -> None:
        """Print something worth knowing to stderr."""
        if not self.quiet:
            click.echo(text, err=True)

    def complain(self, text: str) -> None:
        """Print an error to stderr."""
        click.echo(f"bulkops: {text}", err=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
        """Print a table to stdout, as wide as the terminal or, in a pipe, as wide as it must be."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1))
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(str(value)) for value in row))
        width = None if sys.stdout.isatty() else 200
        RichConsole(file=sys.stdout, width=width, highlight=False).print(table)


def console() -> Console:
    """Return the console of the command that is running."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Console) if context else None
    return found or Console()
