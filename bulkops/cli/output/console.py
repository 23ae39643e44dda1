"""The console of a command: results and JSON go to stdout, everything else to stderr."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from bulkops.cli.output.tables import fit, is_numeric, is_prose, widths, wrapped
from bulkops.escaping import escaped, escaped_json, one_line
from bulkops.redaction import found, redacted, redacted_document

if TYPE_CHECKING:
    from tqdm import tqdm

    from bulkops.json_documents.endings import Complaint
    from bulkops.transport.notices import Amount, Notifier

MANY = 2000
"""Objects of a document from which on the faster encoder is worth its loading time."""

PIPE = 200
"""Minimum width of a table in a pipe, in characters."""
MANY_ERRORS = 20
SCALED = 1000
"""Total from which on a bar shows amounts with a prefix, such as 12.3k."""
MOMENT = 0.5
"""Seconds below which a failed command does not print its duration."""


def line(text: str) -> str:
    """Return a text that is safe to print: one line, no keys, no control sequences, no CI commands."""
    return one_line(redacted(text))


class Console:
    """Prints the results, notes and errors of a command. `quiet` hides notes, never results or errors.

    Every text passes through `line`, so a line feed in the data never starts a new line of output. `about_jobs` is
    true if the result describes jobs, which the ledger can show again. The functions in `at_exit` receive the exit code
    of the process; the last one is called first. `complaints` are the errors that were printed, at most `MANY_ERRORS`.
    """

    def __init__(self, *, quiet: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug
        self.emitted = False
        self.json_asked = False
        self.about_jobs = False
        self.next_step = ""
        self.at_exit: list[Callable[[int], None]] = []
        self.complaints: list[Complaint] = []
        self.started = time.monotonic()
        self._bar: tqdm[Any] | None = None
        self._wait: tqdm[Any] | None = None

    def emit_json(self, document: Any, *, objects: int = 0) -> None:
        """Print the JSON document of a command to stdout; `objects` is its approximate number of objects."""
        text = json_text(document, objects=objects)
        if found(text):
            document = redacted_document(document)
            text = json_text(document, objects=objects)
        try:
            text.encode(sys.stdout.encoding or "utf-8", "surrogatepass")
        except (UnicodeEncodeError, LookupError):  # an encoding that does not have all characters
            text = json_text(document, ascii_only=True)
        self.emitted = True  # also where writing it ends half way: nothing may follow it
        self._print(escaped_json(text))

    def document(self, text: str) -> None:
        """Print a document in another format to stdout without changes; its writer has escaped the data."""
        self._print(text.rstrip("\n"))
        self.emitted = True

    def result(self, text: str = "", *, styled: bool = False, wrap: bool = True) -> None:
        """Print a line of the result to stdout, wrapped on a terminal unless its columns matter.

        A `styled` text has colours or commands, and its data is escaped.
        """
        safe = redacted(text) if styled else line(text)
        self._print(wrapped(safe, _columns(sys.stdout)) if wrap else safe)

    def lines(self, text: str) -> None:
        """Print a result with several lines to stdout."""
        self._print(escaped(redacted(text)))

    def note(self, text: str) -> None:
        """Print a note to stderr."""
        if not self.quiet:
            self.state(text)

    def state(self, text: str) -> None:
        """Print a note to stderr, also with --quiet."""
        self._to_stderr(wrapped(line(text), _columns(sys.stderr)))

    def complain(self, text: str, hint: str | None = None) -> None:
        """Print an error to stderr, and the next step on a second line."""
        if len(self.complaints) < MANY_ERRORS:
            self.complaints.append({"message": redacted(text), "hint": hint and redacted(hint)})
        parts = [f"bulkops: {line(text)}", *([f"  {line(hint)}"] if hint else [])]
        self._to_stderr("\n".join(wrapped(part, _columns(sys.stderr)) for part in parts))

    @property
    def seconds(self) -> float:
        """The duration of the command so far."""
        return time.monotonic() - self.started

    def end(self, code: int) -> None:
        """Print to a terminal how long the command took, and the next command if it is known."""
        seconds = self.seconds
        if self.quiet or not sys.stderr.isatty() or (code and seconds < MOMENT and not self.next_step):
            return
        following = f" Next: {self.next_step}" if self.next_step else ""
        self.note(f"{'Ended' if code else 'Done'} in {duration(seconds)}.{following}")

    @contextmanager
    def bar(self, *, unit: str, total: int | None = None, scale: bool = True, **options: Any) -> "Iterator[Amount]":
        """Yield a progress bar on stderr, hidden without a terminal; notes appear above it."""
        if not self.watched:
            from bulkops.transport.notices import Uncounted

            yield Uncounted()
            return
        from tqdm import tqdm

        scale = scale and (total is None or total >= SCALED)  # below, it would print 40 records as 40.0
        with tqdm(total=total, unit=unit, unit_scale=scale, file=sys.stderr, **options) as bar:
            outer, self._bar = self._bar, bar
            try:
                yield bar
            finally:
                self._bar = outer

    @property
    def watched(self) -> bool:
        """Whether someone can see progress: stderr is a terminal, and notes are not hidden."""
        return not self.quiet and sys.stderr.isatty()

    def show_waits(self, notifier: "Notifier") -> None:
        """Let the notifier of a client show its waits and transfers on a terminal."""
        if self.watched:
            notifier.count, notifier.amount = self._count_down, self._amount

    def _count_down(self, text: str, left: float) -> None:  # noqa: ARG002 - a note has said it
        """Show the remaining seconds of a wait before the bar, or on a line of their own; 0 ends it."""
        if self._bar is None and left > 0:
            from tqdm import tqdm

            self._bar = self._wait = tqdm(total=0, bar_format="{desc}", file=sys.stderr, leave=False)
        if self._bar is not None:
            self._bar.set_description_str(f"waiting {left:,.0f} s" if left > 0 else "")
        if left <= 0 and self._wait is not None:
            self._wait.close()
            self._bar = self._wait = None

    @contextmanager
    def _amount(self, what: str, unit: str) -> "Iterator[Amount]":
        """Yield a bar that is removed at its end, once the transfer has taken a moment."""
        with self.bar(
            unit=unit, desc=what, leave=False, delay=MOMENT, position=None if self._bar is None else 1
        ) as bar:
            yield bar

    def _print(self, text: str) -> None:
        """Print to stdout, above the bars."""
        with self._above_bars(sys.stdout):
            click.echo(text)

    def _to_stderr(self, text: str) -> None:
        """Print to stderr, above the bars."""
        with self._above_bars(sys.stderr):
            click.echo(text, err=True)

    @contextmanager
    def _above_bars(self, stream: TextIO) -> Iterator[None]:
        """Remove all bars from a terminal that also shows the stream, and draw them again below the new text."""
        if self._bar is None or not stream.isatty():
            yield
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=stream):
            yield

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        title: str | None = None,
        drop: Sequence[str] = (),
    ) -> None:
        """Print a table to stdout: as wide as the terminal, or in a pipe as wide as its content.

        `drop` names the columns that a narrow terminal does not show, the least important first. If the others do not
        fit either, each row is printed as a block of lines.
        """
        cells = [[line(str(value)) for value in row] for row in rows]
        width = _terminal_width()
        layout = fit(columns, cells, width, drop) if width else fit(columns, cells, sys.maxsize, ())
        if layout is None:
            self._blocks(columns, cells, title)
            return
        kept = layout.kept
        shown = [[row[i] for i in kept] for row in cells]
        with self._above_bars(sys.stdout):
            _print_table([columns[i] for i in kept], shown, title, width=width)
        if layout.hidden:
            self.note(f"Columns hidden at this width: {', '.join(layout.hidden)}. --json prints all values.")

    def _blocks(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
        """Print the rows one below the other, each cell on its own line after the name of its column."""
        width = _columns(sys.stdout)
        blocks = [
            "\n".join(wrapped(f"{name}: {cell}", width) for name, cell in zip(columns, row, strict=True) if cell)
            for row in rows
        ]
        self.lines("\n\n".join([*([line(title)] if title else []), *blocks]))


def _columns(stream: TextIO) -> int:
    """Return the width of the terminal that shows a stream, in characters; 0 without a terminal."""
    if not stream.isatty():
        return 0
    if (given := os.environ.get("COLUMNS", "")).isdecimal():
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0


def _terminal_width() -> int:
    """Return the width of the terminal that shows stdout, in characters; 0 without a terminal."""
    from rich.console import Console as RichConsole

    return RichConsole(file=sys.stdout).width if sys.stdout.isatty() else 0


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None, *, width: int) -> None:
    """Print a table; columns of numbers are aligned to the right, and only sentences wrap."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    needed = sum(max(map(len, cells)) for cells in zip(columns, *rows, strict=True)) + 4 * len(columns)
    out = RichConsole(file=sys.stdout, width=width or max(PIPE, needed), highlight=False)
    table = Table(
        title=title and Text(line(title)),
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0) if width else (0, 1),
    )
    spans = widths(columns, rows, width) if width else [None] * len(columns)
    for i, (name, span) in enumerate(zip(columns, spans, strict=True)):
        cells = [row[i] for row in rows]
        table.add_column(
            name,
            overflow="fold",
            justify="right" if is_numeric(cells) else "left",
            no_wrap=not is_prose(cells),
            width=span,
        )
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def duration(seconds: float) -> str:
    """Return a duration for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def json_text(document: Any, *, objects: int = 0, ascii_only: bool = False) -> str:
    """Return a document as indented JSON; values of other types become text. `objects` is its approximate size."""
    if objects >= MANY and not ascii_only:
        from pydantic_core import to_json

        try:
            return to_json(document, indent=2, fallback=str).decode()
        except ValueError:  # an unpaired surrogate, which Python's own encoder can write
            pass
    return json.dumps(document, ensure_ascii=ascii_only, indent=2, default=str)


def console() -> Console:
    """Return the console of the running command."""
    context = click.get_current_context(silent=True)
    known = context.find_object(Console) if context else None
    return known or Console()
