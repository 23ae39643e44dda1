"""`--log-file`, `--log-format`, `--metrics` and `--mask`: records of unattended runs."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bulkops.cli.options.environment import option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.process.run_figures import RunFigures
from bulkops.disk import not_written
from bulkops.errors import BulkopsError, UsageError
from bulkops.escaping import one_line
from bulkops.journal import LOGGER, TEXTS, fields_of, record
from bulkops.private import private
from bulkops.version import __version__
from bulkops.writing import refuse_no_file, refuse_no_folder, refuse_the_same

FORMATS = ("text", "json")
MASKED = "(masked)"
FIRST_LINE = re.compile(rb'(\d{4}-\d\d-\d\dT[\d:.]+Z [a-z])|(\{"time": ")')
FIRST_METRIC = re.compile(rb"# HELP bulkops_")
META = "bulkops.run_log"


@dataclass
class RunLog:
    """The files that record a run. `masked` hides texts that may contain values of records."""

    file: Path | None = None
    form: str = "text"
    metrics: Path | None = None
    masked: bool = False
    _command: str = ""
    _collector: RunFigures | None = None
    _began: float = field(default_factory=time.monotonic)
    _exits: ExitStack = field(default_factory=ExitStack)

    def open(self, command: str) -> None:
        """Start to record. UsageError if a file cannot be written, or if bulkops does not own it."""
        self._exits.callback(LOGGER.setLevel, LOGGER.level)
        if self.metrics is not None:
            _refuse_unfit_metrics(self.metrics, self.file)
            collector = RunFigures()
            self._attach(collector)
            self._command, self._collector = command, collector
            self._exits.callback(_write_metrics, collector, self.metrics, command)
        if self.file is not None:
            self._attach(_FileHandler(self.file, self))
        LOGGER.setLevel(logging.INFO)
        record("started", command=command, version=__version__)

    def close(self, code: int) -> None:
        """Record the exit code of the process, and close the files. A file that cannot be written is reported."""
        record("ended", exit=code, seconds=round(time.monotonic() - self._began, 3))
        self._exits.close()

    def write_metrics(self, code: int) -> None:
        """Write the metrics now, for a command that runs for a long time; the counts go on."""
        if self.metrics is not None and self._collector is not None:
            self._collector.exit = code
            self._collector.seconds = round(time.monotonic() - self._began, 3)
            _write_metrics(self._collector, self.metrics, self._command)

    def _attach(self, handler: logging.Handler) -> None:
        LOGGER.addHandler(handler)
        self._exits.callback(handler.close)
        self._exits.callback(LOGGER.removeHandler, handler)


def _write_metrics(collector: RunFigures, path: Path, command: str) -> None:
    """Write the metrics; report a failure, because the command itself has ended with its own exit code."""
    from bulkops.cli.process.metrics import write_metrics

    try:
        write_metrics(collector, path, command)
    except (BulkopsError, OSError) as error:
        known = error if isinstance(error, BulkopsError) else not_written(path, error)
        console().complain(f"--metrics was not written: {known.message}", known.hint)


class _FileHandler(logging.StreamHandler[Any]):
    """Appends records to a file, one line each."""

    def __init__(self, path: Path, log: RunLog) -> None:
        self._log = log
        try:
            _refuse_foreign(path, FIRST_LINE, "--log-file")
            super().__init__(open(path, "a", encoding="utf-8", opener=private))  # noqa: SIM115 - closed in `close`
        except OSError as error:
            raise not_written(f"--log-file {path}", error) from None

    def format(self, entry: logging.LogRecord) -> str:
        """Return a record as a line: `TIME EVENT name=value …`, or a JSON object."""
        fields = fields_of(entry)
        if self._log.masked:
            fields = {name: MASKED if name in TEXTS and value else value for name, value in fields.items()}
        moment = datetime.fromtimestamp(entry.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._log.form == "json":
            return json.dumps({"time": moment, "event": entry.getMessage(), **fields}, ensure_ascii=False, default=str)
        listed = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if value is not None)
        return one_line(f"{moment} {entry.getMessage()} {listed}".rstrip())

    def handleError(self, entry: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Report once that the log cannot be written, and continue the run without it."""
        LOGGER.removeHandler(self)
        error = sys.exception()
        cause = not_written(
            f"--log-file {self._log.file}", error if isinstance(error, OSError) else OSError(str(error))
        )
        console().complain(f"{cause.message} The run continues without it.", cause.hint)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # a full disk was reported when a record was written
            self.stream.close()
        super().close()


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[\s\"=]", text) or not text else text


def _refuse_foreign(path: Path, first: re.Pattern[bytes], what: str) -> None:
    """Raise UsageError for a pipe, and for a file with content that does not match `first`."""
    if path.is_fifo():
        raise UsageError(f"{what} {path} is a named pipe.", hint="Name a file.")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not first.match(file.read(40)):
                raise UsageError(f"{what} {path} exists, and bulkops did not write it.", hint="Choose another name.")


def _refuse_unfit_metrics(path: Path, log: Path | None) -> None:
    """Raise UsageError if the metrics cannot replace what `path` names."""
    refuse_no_file(path)
    refuse_no_folder(path)
    refuse_the_same(path, [] if log is None else [log], what="the file of --metrics")
    _refuse_foreign(path, FIRST_METRIC, "--metrics")


def with_run_log(command: click.Command) -> click.Command:
    """Add the options to a command, or to each command of a group."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            if (child := command.get_command(click.Context(command), name)) is not None:
                with_run_log(child)
    elif command.callback is not None and not any(parameter.name == "log_file" for parameter in command.params):
        own = any("--mask" in parameter.opts for parameter in command.params)
        for declare in (_log_file, _log_format, _metrics, *([] if own else [_mask])):
            declare(command)
        command.callback = _logged(command.callback)
    return command


def _keep(name: str) -> Any:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        log = ctx.meta.setdefault(META, RunLog())
        if value is not None:
            setattr(log, name, value)

    return callback


_log_file = option(
    "--log-file",
    type=FilePath(local="a log file grows line by line, and object stores cannot append", dir_okay=False),
    expose_value=False,
    callback=_keep("file"),
    metavar="FILE",
    help="Append requests, waits, chunks and findings to FILE. It never contains a key.",
)
_log_format = option(
    "--log-format",
    type=click.Choice(FORMATS),
    expose_value=False,
    callback=_keep("form"),
    help="Format of the log: text (default), or json with one object a line.",
)
_metrics = option(
    "--metrics",
    type=FilePath(local="a collector reads the metrics on this machine", dir_okay=False),
    expose_value=False,
    callback=_keep("metrics"),
    metavar="FILE",
    help="Write counts and durations of the run to FILE in the Prometheus text format.",
)
_mask = option(
    "--mask",
    is_flag=True,
    expose_value=False,
    callback=_keep("masked"),
    help="Hide texts in the log, and for [on_end], that may contain values of records.",
)


def masks(ctx: click.Context) -> bool:
    """Return whether the command hides values of records."""
    log: RunLog | None = ctx.meta.get(META)
    return bool(ctx.params.get("mask") or (log and log.masked))


def _logged(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command's function that records its run as the options say; the process records its end."""

    @wraps(callback)
    def run(*args: Any, **values: Any) -> Any:
        ctx = click.get_current_context()
        log: RunLog | None = ctx.meta.get(META)
        if log is None or (log.file is None and log.metrics is None):
            return callback(*args, **values)
        log.masked = masks(ctx)
        log.open(ctx.command_path.partition(" ")[2])
        console().at_exit.append(log.close)
        try:
            return callback(*args, **values)
        except BaseException as error:
            record("error", message=str(error))
            raise

    return run
