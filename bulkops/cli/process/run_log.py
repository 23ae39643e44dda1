"""`--log-file`, `--log-format` and `--metrics`: what a run did, for those who were not watching."""

import json
import logging
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bulkops.cli.options.environment import option
from bulkops.cli.process.run_figures import Collector
from bulkops.errors import BulkopsError, Interrupted, UsageError
from bulkops.escaping import one_line
from bulkops.journal import LOGGER, TEXTS, fields_of, record
from bulkops.private import private
from bulkops.version import __version__

FORMATS = ("text", "json")
MASKED = "(masked)"
FIRST_LINE = re.compile(rb'(\d{4}-\d\d-\d\dT[\d:.]+Z [a-z])|(\{"time": ")')
META = "bulkops.run_log"


@dataclass
class RunLog:
    """Where the events of a run go. `masked` hides texts that may contain values of records."""

    file: Path | None = None
    form: str = "text"
    metrics: Path | None = None
    masked: bool = False
    _exits: ExitStack = field(default_factory=ExitStack)

    def open(self, command: str) -> None:
        """Begin to write. UsageError if a file cannot be written, or if it belongs to somebody else."""
        if self.file is not None:
            handler = _FileHandler(self.file, self)
            self._exits.callback(_detach, handler)
            LOGGER.addHandler(handler)
        if self.metrics is not None:
            _refuse_foreign_metrics(self.metrics)
            collector = Collector()
            LOGGER.addHandler(collector)
            self._exits.callback(_detach, collector)
            self._exits.callback(self._write_metrics, collector, self.metrics, command)
        if self.file is not None or self.metrics is not None:
            LOGGER.setLevel(logging.INFO)
            record("started", command=command, version=__version__)

    def close(self, code: int, seconds: float) -> None:
        """Record the end of the run and close the files."""
        record("ended", exit=code, seconds=round(seconds, 3))
        self._exits.close()

    @staticmethod
    def _write_metrics(collector: "Collector", path: Path, command: str) -> None:
        from bulkops.cli.process.metrics import write_metrics

        write_metrics(collector, path, command)


def _detach(handler: logging.Handler) -> None:
    LOGGER.removeHandler(handler)
    handler.close()


class _FileHandler(logging.StreamHandler[Any]):
    """Appends records to a file, one line each."""

    def __init__(self, path: Path, log: RunLog) -> None:
        self._log = log
        try:
            _refuse_foreign_log(path)
            super().__init__(open(path, "a", encoding="utf-8", opener=private))  # noqa: SIM115 - closed in `close`
        except OSError as error:
            raise UsageError(f"--log-file {path} cannot be written: {error.strerror}.") from None

    def format(self, entry: logging.LogRecord) -> str:
        """Return a record as a line: `TIME EVENT name=value …`, or a JSON object."""
        fields = fields_of(entry)
        if self._log.masked:
            fields = {name: MASKED if name in TEXTS and value else value for name, value in fields.items()}
        moment = datetime.fromtimestamp(entry.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._log.form == "json":
            return json.dumps({"time": moment, "event": entry.getMessage(), **fields}, ensure_ascii=False, default=str)
        told = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if value is not None)
        return one_line(f"{moment} {entry.getMessage()} {told}".rstrip())

    def handleError(self, entry: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Let a log that cannot be written end no run; the last message says so."""
        click.echo("The log file cannot be written.", err=True)
        LOGGER.removeHandler(self)

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        super().close()


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[\s\"=]", text) or not text else text


def _refuse_foreign_log(path: Path) -> None:
    """Raise UsageError for a file that is not empty and does not begin like a log of bulkops."""
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not FIRST_LINE.match(file.read(40)):
                raise UsageError(
                    f"--log-file {path} exists and is not a log of bulkops.", hint="Choose another name for the log."
                )


def _refuse_foreign_metrics(path: Path) -> None:
    """Raise UsageError for a file that is not empty and does not begin like metrics of bulkops."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--metrics {path} cannot be written: its folder is missing, or it is a folder itself.")
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if not file.read(16).startswith(b"# HELP bulkops_"):
                raise UsageError(
                    f"--metrics {path} exists and contains no metrics of bulkops.", hint="Choose another name."
                )


def with_run_log(command: click.Command) -> click.Command:
    """Add the options to a command, or to each command of a group."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            if (child := command.get_command(click.Context(command), name)) is not None:
                with_run_log(child)
    elif command.callback is not None and not any(parameter.name == "log_file" for parameter in command.params):
        for declare in (_log_file, _log_format, _metrics):
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
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    callback=_keep("file"),
    metavar="FILE",
    help="Append what happens to FILE: requests, waits, chunks, findings. Never contains a key.",
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
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    callback=_keep("metrics"),
    metavar="FILE",
    help="Write the figures of the run to FILE in the Prometheus text format.",
)


def _logged(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command's function that logs its run as the options say."""

    @wraps(callback)
    def run(*args: Any, **values: Any) -> Any:
        ctx = click.get_current_context()
        log: RunLog | None = ctx.meta.get(META)
        if log is None or (log.file is None and log.metrics is None):
            return callback(*args, **values)
        log.masked = bool(ctx.params.get("mask"))
        began, code = time.monotonic(), 0
        log.open(ctx.command_path.partition(" ")[2])
        try:
            value = callback(*args, **values)
            code = value if isinstance(value, int) else 0
        except BaseException as error:
            code = _code_of(error)
            record("error", message=str(error))
            raise
        else:
            return value
        finally:
            log.close(code, time.monotonic() - began)

    return run


def _code_of(error: BaseException) -> int:
    if isinstance(error, BulkopsError | click.exceptions.Exit):
        return error.exit_code
    return Interrupted.exit_code if isinstance(error, KeyboardInterrupt) else UsageError.exit_code
