"""`[on_end]` of the configuration: call a command, a web hook or Apprise when a job or a recipe ends."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any

import click

from bulkops.cli.options.run_log import MASKED, masks
from bulkops.cli.output.console import MANY_ERRORS, Console, console, json_text
from bulkops.clock import SystemClock
from bulkops.configuration import EndHooks, end_hooks, read_config
from bulkops.errors import BulkopsError, UsageError
from bulkops.journal import LOGGER, fields_of, record
from bulkops.redaction import KEY_VARIABLES, found, redacted_document
from bulkops.version import __version__
from bulkops.wording import counted

if TYPE_CHECKING:
    from bulkops.json_documents.endings import Complaint, EndDocument, EndedJob, EndState
    from bulkops.json_documents.jobs import BooksDocument

COMMAND_SECONDS = 60.0
SILENT_SECONDS = 5.0
"""After this time the wait for a command is reported."""
STATES: "Mapping[int, EndState]" = {
    0: "done", 1: "problems", 2: "failed", 3: "unfinished", 4: "in_doubt", 5: "refused", 130: "interrupted",
}  # fmt: skip
SHOWN_JOBS = 10


def announced(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command call `[on_end]` of the configuration when it ends; a dry run calls nothing.

    The table is read before the command does anything, so that a mistake in it ends the command.
    """

    @wraps(callback)
    def run(*args: Any, **values: Any) -> Any:
        if not values.get("dry_run"):
            announce(recipe=values.get("recipe"))
        return callback(*args, **values)

    return run


def announce(*, recipe: str | None = None) -> "Ending | None":
    """Call `[on_end]` of the configuration when the command ends; return None if there is no such table."""
    ctx = click.get_current_context()
    hooks = end_hooks(read_config(ctx.meta.get("bulkops.config")), os.environ)
    if hooks is None:
        return None
    _check(hooks)
    ending = Ending(hooks, ctx, recipe=recipe)
    ending.start(console())
    return ending


def _check(hooks: EndHooks) -> None:
    """Raise UsageError for a web hook or an Apprise URL that can never be called."""
    if hooks.url:
        from bulkops.transport.webhook import host_of_hook

        host_of_hook(hooks.url)
    if hooks.command and which(hooks.command[0]) is None:
        raise UsageError("The program of the command of [on_end] was not found.", hint="Give its complete path.")
    if hooks.apprise and find_spec("apprise") is None:  # loading it takes longer than most commands
        raise UsageError(
            "[on_end] names Apprise URLs, which need the package apprise.",
            hint="Install it: pip install 'bulkops[apprise]'",
        )


class Ending(logging.Handler):
    """Collects the jobs of a command from the journal, and calls the hooks at its end.

    A command that repeats passes calls the hooks after each pass: `begin_pass`, `describe`, `call`.
    """

    def __init__(self, hooks: EndHooks, ctx: click.Context, *, recipe: str | None) -> None:
        super().__init__()
        self._hooks = hooks
        self._command = ctx.command_path.partition(" ")[2]
        self._masked = masks(ctx)
        self._recipe = recipe
        self._jobs: dict[str, EndedJob] = {}
        self._level = LOGGER.level
        self._idle = False
        self._reasons: list[Complaint] = []
        self._called = False

    def start(self, out: Console) -> None:
        """Collect from now on, until the console ends the command."""
        LOGGER.addHandler(self)
        LOGGER.setLevel(logging.INFO)
        self._console = out
        self._began = out.started
        out.at_exit.append(self.end)

    def begin_pass(self) -> None:
        """Collect the jobs and errors of the next pass only."""
        self._jobs.clear()
        self._console.complaints.clear()
        self._began = time.monotonic()
        self._called = False

    def describe(self, reasons: "list[Complaint]", *, idle: bool) -> None:
        """Add the reasons of a result to the errors that were printed; an `idle` pass calls no hook if it succeeds."""
        self._reasons, self._idle = reasons[:MANY_ERRORS], idle

    def emit(self, entry: logging.LogRecord) -> None:
        """Store a job that ended."""
        if entry.getMessage() != "job_ended":
            return
        fields = fields_of(entry)
        self._jobs[fields["job"]] = {
            "job": fields["job"],
            "contract": fields["contract"],
            "state": fields["state"],
            "file": fields["file"],
            "records": fields["records"],
            "verdict": fields["verdict"],
        }

    def end(self, code: int) -> None:
        """End the collection, and call the hooks unless the last pass has called them."""
        LOGGER.removeHandler(self)
        LOGGER.setLevel(self._level)
        if not self._called:
            self.call(code)

    def call(self, code: int) -> None:
        """Call the hooks, unless nothing happened that they should know; a failed hook is reported."""
        self._called = True
        idle = self._idle or (self._command == "jobs resume" and not self._jobs)
        if code == 0 and (self._hooks.only_problems or idle):
            return
        document: EndDocument = redacted_document(self._document(code))
        calls = (("command", self._hooks.command, _run), ("url", self._hooks.url, _post))
        for name, given, call in (*calls, ("apprise", self._hooks.apprise, _notify)):
            if not given:
                continue
            try:
                call(self._hooks, document)
                record("on_end", hook=name, error=None)
            except Exception as error:  # noqa: BLE001 - no hook may change how a command ends
                self._report(name, str(error) if isinstance(error, BulkopsError) else type(error).__name__)
            except KeyboardInterrupt:
                self._report(name, "interrupted by a signal")

    def _report(self, name: str, why: str) -> None:
        record("on_end", hook=name, error=why)
        self._console.complain(f"The {name} of [on_end] failed: {why.removesuffix('.')}. The exit code stays the same.")

    def _document(self, code: int) -> "EndDocument":
        jobs = list(self._jobs.values())
        state = STATES.get(code, "failed")
        errors = [*self._console.complaints, *self._reasons]
        if self._masked:
            errors = [{"message": MASKED, "hint": None} for _ in errors]
        document: EndDocument = {
            "text": _text(self._recipe or self._command, state, jobs, [each["message"] for each in errors]),
            "command": self._command,
            "state": state,
            "exit": code,
            "ended": SystemClock().now().isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._began, 3),
            "host": socket.gethostname(),
            "bulkops": __version__,
            "records": _sums(jobs),
            "jobs": jobs,
            "errors": errors,
        }
        if self._recipe is not None:
            document["recipe"] = self._recipe
        return document


def _sums(jobs: "list[EndedJob]") -> "BooksDocument":
    names = ("input", "accepted", "skipped", "rejected", "in_doubt", "pending")
    return {name: sum(job["records"][name] for job in jobs) for name in names}  # type: ignore[literal-required,return-value]


def _text(what: str, state: str, jobs: "list[EndedJob]", errors: list[str]) -> str:
    """Return the result as text, a line for each job."""
    lines = [f"bulkops {what}: {state.replace('_', ' ')}"]
    for job in jobs[:SHOWN_JOBS]:
        parts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in job["records"].items() if n)
        proof = f"; {job['verdict']}" if job["verdict"] else ""
        lines.append(f"{job['job']}: {job['state'].replace('_', ' ')} ({parts}){proof}")
    if (others := len(jobs) - SHOWN_JOBS) > 0:
        lines.append(f"and {counted(others, 'other job')}")
    return "\n".join([*lines, *errors[:1]])


def _run(hooks: EndHooks, document: "EndDocument") -> None:
    """Run the command with the document on its stdin. It gets no variable with a key; its output goes to stderr.

    If it is stopped, all processes that it started end with it.
    """
    environment = {n: v for n, v in os.environ.items() if n not in KEY_VARIABLES and not found(v)}
    with subprocess.Popen(  # noqa: S603 - the user's own command, from the configuration
        hooks.command, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), env=environment, start_new_session=True
    ) as process:
        try:
            _wait_for(process, json_text(document).encode())
        except subprocess.TimeoutExpired:
            _stop(process)
            raise UsageError(f"it did not end within {COMMAND_SECONDS:.0f} s") from None
        except BaseException:
            _stop(process)
            raise
    if process.returncode:
        raise UsageError(f"its exit code was {process.returncode}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a command and the processes of its group: a shell that is killed alone leaves its children running."""
    if not hasattr(os, "killpg"):  # Windows has no groups of processes
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _wait_for(process: subprocess.Popen[bytes], text: bytes) -> None:
    """Pass the text on and wait for the end, with a notice of a long wait; subprocess.TimeoutExpired at the limit."""
    with suppress(subprocess.TimeoutExpired):
        process.communicate(text, timeout=SILENT_SECONDS)
        return
    left = COMMAND_SECONDS - SILENT_SECONDS
    console().note(f"Waiting up to {left:.0f} s for the command of [on_end].")
    process.communicate(timeout=left)


def _post(hooks: EndHooks, document: "EndDocument") -> None:
    from bulkops.transport.webhook import post_json

    post_json(hooks.url, document)


def _notify(hooks: EndHooks, document: "EndDocument") -> None:
    title = f"bulkops {document.get('recipe', document['command'])}: {document['state'].replace('_', ' ')}"
    if not _apprise(hooks).notify(title=title, body=document["text"]):
        raise UsageError("a service did not accept the notice")


def _apprise(hooks: EndHooks) -> Any:
    """Return the services of the Apprise URLs; UsageError for a URL that Apprise does not know."""
    from apprise import Apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its messages may contain a URL
    services = Apprise()
    for number, url in enumerate(hooks.apprise, start=1):
        if not services.add(url):
            raise UsageError(f"Apprise does not know the URL {number} of [on_end]")
    return services
