"""Output of `bulkops inbox`: the progress of each file, the summary of a pass, and the files that wait."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bulkops.account.preflight import Preflight
from bulkops.cli.options.on_end import Ending, announce
from bulkops.cli.options.run_log import MASKED, META, RunLog
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit
from bulkops.cli.output.jobs_view import open_ledger
from bulkops.cli.output.progress import JobProgress, signals_handled
from bulkops.cli.process.targets import TargetChoice
from bulkops.clock import Clock, SystemClock
from bulkops.cluster import Cluster, opened_cluster
from bulkops.configuration import Configuration, checked, read_config
from bulkops.configuration_tables import INBOX_NAME, LENGTH, InboxTable
from bulkops.documents import toml_line
from bulkops.errors import BulkopsError, Interrupted, Unreachable, UsageError
from bulkops.inbox.decisions import exit_of, seconds_of
from bulkops.inbox.inboxes import STATES, Inbox, check_inbox, figures_of
from bulkops.inbox.passes import PassResult, PassSettings, run_pass
from bulkops.inbox.rendering import render
from bulkops.inbox.status import look
from bulkops.inbox.storage import file_error
from bulkops.journal import record
from bulkops.json_documents.endings import Complaint
from bulkops.json_documents.inboxes import InboxDocument, InboxFileDocument, InboxStatusDocument
from bulkops.redaction import redacted, redacted_document
from bulkops.tabular import parse_output, require_workbooks
from bulkops.upload.options import RunOptions
from bulkops.upload.stop import Stop, StoppableClock
from bulkops.wording import counted, guess
from bulkops.writing import Permit, whole_file

FORMS = ("json", "md", "html")
COLUMNS = ("inbox", "file", "state", "records", "accepted", "skipped", "rejected", "quarantined", "job", "reason")
DROP = ("skipped", "job", "inbox", "accepted", "records", "quarantined", "rejected")
"""Columns that a narrow terminal hides, the least important first."""


@dataclass(frozen=True, kw_only=True)
class InboxChoices:
    """The options of `bulkops inbox`; `config` is the given configuration file."""

    config: Path | None
    name: str | None
    every: str | None
    dry_run: bool
    outputs: tuple[str, ...]
    overwrite: bool
    settle: float
    response_timeout: float | None
    ledger: str | None
    cluster: str | None
    as_json: bool


class InboxProgress(JobProgress):
    """Prints the progress of the files; findings go to the summary."""

    def checked(self, preflight: Preflight) -> None:
        """Print nothing: the account is read once for all files."""


def chosen_inboxes(config: Configuration, name: str | None) -> list[Inbox]:
    """Return the inboxes of the configuration, or one of them; UsageError for an unknown or invalid one."""
    tables = config.tables.get("inbox", {})
    if not tables:
        raise UsageError(
            "The configuration has no inbox.",
            hint="Add a table [inbox.NAME] to bulkops.toml; see docs/how-to/inbox.md.",
        )
    if name is not None and name not in tables:
        raise UsageError(f"The configuration has no inbox {name!r}.", hint=guess(name, tables))
    found = []
    for each in [name] if name is not None else tables:
        if not re.match(INBOX_NAME, each):
            raise UsageError(
                f"{config.called(f'inbox.{each}')} must have a name of letters, digits, - and _, other than status."
            )
        table = checked(InboxTable, tables[each], config, ("inbox", each))
        line = toml_line(config.text, (*config.prefix, "inbox", each))
        called = config.called(f"inbox.{each}", line)
        found.append(Inbox(name=each, table=table, root=config.folder, called=called))
        check_inbox(found[-1])
        if "xlsx" in table.result:
            require_workbooks()
    return found


def run_passes(choices: InboxChoices) -> int:
    """Run one pass, or passes until a signal; return the exit code of the last one."""
    ending = None if choices.dry_run else announce()
    config = read_config(choices.config)
    inboxes = chosen_inboxes(config, choices.name)
    outputs = [parse_output(text, FORMS) for text in choices.outputs]
    permit = output_permit(overwrite=choices.overwrite, ledger=choices.ledger)
    for _, path in outputs:
        permit.check(path)
    pause = None if choices.every is None else _pause(choices.every)
    stop, progress = Stop(), InboxProgress(choices.ledger)
    stop.begun = True  # a signal lets the current step finish: every file is then at a known step
    clock = SystemClock()
    with signals_handled(stop, progress, as_json=choices.as_json):
        while True:
            if ending is not None:
                ending.begin_pass()
            document = _one_pass(inboxes, choices, stop, progress, clock)
            end_of_pass(document, outputs, permit, as_json=choices.as_json and pause is None)
            if ending is not None:
                _announce_pass(ending, document, inboxes, stop, now=pause is not None)
            permit = replace(permit, overwrite=permit.overwrite or pause is not None)
            if pause is None or stop.requested:
                name = choices.name or ""
                following = f"bulkops inbox {name}" if choices.dry_run else f"bulkops inbox status {name}"
                console().next_step = following.strip()
                return document["exit"]
            try:
                StoppableClock(clock, stop).sleep(pause)
            except Interrupted:
                console().note("Stopped between two passes.")
                return 0


def _pause(every: str) -> float:
    if not re.match(LENGTH, every) or not seconds_of(every):
        raise UsageError(f"--every {every[:40]!r} is not a duration.", hint="Write it like 5m.")
    return seconds_of(every)


def _one_pass(
    inboxes: Sequence[Inbox], choices: InboxChoices, stop: Stop, progress: JobProgress, clock: Clock
) -> InboxDocument:
    """Run one pass over each inbox and return the document."""
    began = clock.now()
    settings = PassSettings(
        clock=clock,
        run=RunOptions(settle=choices.settle, response_timeout=choices.response_timeout),
        observe=lambda _: progress,
        notify=console().note,
        stop=stop,
        dry_run=choices.dry_run,
    )
    notes: list[str] = []
    with ExitStack() as stack:
        if choices.cluster is not None:
            settings = replace(settings, cluster=_cluster(choices.cluster, stack, notes))
        results = _results(inboxes, choices, settings)
    return _document(results, choices, began=began, ended=clock.now(), interrupted=stop.requested, notes=notes)


def _cluster(address: str, stack: ExitStack, notes: list[str]) -> Cluster | None:
    """Open a cluster for a pass; None, and a note, if it does not respond: the files can be imported without it."""
    try:
        return stack.enter_context(opened_cluster(address))
    except Unreachable as error:
        notes.append(f"The cluster was not used. {error.message} This machine validated the files. {error.hint or ''}")
        return None


def _results(inboxes: Sequence[Inbox], choices: InboxChoices, settings: PassSettings) -> list[PassResult]:
    """Run one pass over each inbox; an error of one inbox does not stop the others."""
    results = []
    for inbox in inboxes:
        if settings.stop.requested:
            break
        try:
            with ExitStack() as stack:
                ledger = stack.enter_context(open_ledger(choices.ledger))
                choice = TargetChoice(name=inbox.table.target, config=choices.config)
                target = stack.enter_context(choice.open())
                results.append(run_pass(inbox, ledger, target, settings))
        except BulkopsError as error:
            results.append(_not_run(inbox, error))
        except OSError as error:
            results.append(_not_run(inbox, file_error(error, f"The inbox {inbox.name} cannot be opened")))
    return results


def _not_run(inbox: Inbox, error: BulkopsError) -> PassResult:
    """Report an error that ended a pass before its first file, and return its result."""
    console().complain(f"{inbox.name}: {error.message}", error.hint)
    figures = figures_of(inbox.name, [], error.exit_code)
    figures["error"] = error.to_json()
    return PassResult(figures=figures, files=[], expectations=[], notes=[])


def _document(
    results: Sequence[PassResult],
    choices: InboxChoices,
    *,
    began: datetime,
    ended: datetime,
    interrupted: bool,
    notes: Sequence[str],
) -> InboxDocument:
    code = exit_of([*(result.exit for result in results), *([Interrupted.exit_code] if interrupted else [])])
    states = [result.figures["state"] for result in results]
    document: InboxDocument = {
        "inbox": results[0].figures["inbox"] if len(results) == 1 else None,
        "began": began.isoformat(),
        "ended": ended.isoformat(),
        "inboxes": [result.figures for result in results],
        "files": [file for result in results for file in result.files],
        "expectations": [each for result in results for each in result.expectations],
        "notes": [*notes, *(note for result in results for note in result.notes)],
        "state": "busy" if code == 0 and states and set(states) == {"busy"} else STATES.get(code, "failed"),
        "exit": code,
    }
    if choices.dry_run:
        document["dry_run"] = True
    return document


def end_of_pass(document: InboxDocument, outputs: Sequence[tuple[str, Path]], permit: Permit, *, as_json: bool) -> None:
    """Report a pass in every way that was asked for: the log, the metrics, the console, and files.

    The one place that follows each pass, with its complete document.
    """
    for figures in document["inboxes"]:
        name = figures["inbox"]
        missed = [each for each in document["expectations"] if each["inbox"] == name and each["kind"] == "due"]
        overdue = sum(each["state"] == "missed" for each in missed)
        record("inbox_ended", inbox=name, state=figures["state"], exit=figures["exit"], overdue=overdue)
    log: RunLog | None = click.get_current_context().meta.get(META)
    if log is not None:
        log.write_metrics(document["exit"])
    for form, path in outputs:
        with whole_file(path, permit) as file:
            file.write(summary_text(document, form).encode())
    if as_json:
        console().emit_json(document)
    else:
        _show(document)


def _announce_pass(ending: Ending, document: InboxDocument, inboxes: Sequence[Inbox], stop: Stop, *, now: bool) -> None:
    """Give `[on_end]` the reasons of a pass; call the hooks `now`, or else at the end of the process."""
    masked = {inbox.name for inbox in inboxes if inbox.table.mask}
    idle = all(file["state"] == "waiting" for file in document["files"])
    ending.describe(list(_reasons(document, masked)), idle=idle)
    if now:
        stop.begun = False  # a signal ends the wait for a hook
        ending.call(document["exit"])
        stop.begun = True


def _reasons(document: InboxDocument, masked: Collection[str]) -> Iterator[Complaint]:
    """Yield why files and expectations changed the exit code of a pass; without texts of `masked` inboxes."""
    for file in document["files"]:
        if file["exit"]:
            hidden = file["inbox"] in masked
            reason = MASKED if hidden else file["reason"] or file["state"]
            hint = None if hidden else file.get("hint")
            yield {"message": f"{file['inbox']}: {_name(file)}: {reason}", "hint": hint}
    for each in document["expectations"]:
        if each["state"] == "missed" and each["fails"] and each["kind"] == "due":
            yield {"message": f"{each['inbox']}: {each['text']}", "hint": None}


def summary_text(document: InboxDocument, form: str) -> str:
    """Return the summary of a pass as json, md or html."""
    if form == "json":
        return json.dumps(redacted_document(dict(document)), ensure_ascii=False, indent=2) + "\n"
    return redacted(render(f"summary.{form}.jinja", document=document, columns=COLUMNS, rows=list(_rows(document))))


def _show(document: InboxDocument) -> None:
    out = console()
    out.about_jobs = True
    rows = list(_rows(document))
    if rows:
        out.table(COLUMNS, rows, drop=list(DROP))
    for each in document["expectations"]:
        if each["state"] != "met":
            out.result(f"{each['inbox']}: {each['text']}")
    for note in document["notes"]:
        out.note(note)
    for hint in dict.fromkeys(each["hint"] for each in document["files"] if "hint" in each):
        out.note(f"  {hint}")
    for figures in document["inboxes"]:
        states = ", ".join(f"{count:,} {state}" for state, count in figures["files"].items()) or "no files"
        out.result(f"{figures['inbox']}: {states}. State: {figures['state'].replace('_', ' ')}.")


def _rows(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for each in document["files"]:
        yield _row(each)


def _row(each: InboxFileDocument) -> tuple[str, ...]:
    books = each["records"]
    return (
        each["inbox"],
        _name(each),
        each["state"],
        f"{books['input']:,}",
        f"{books['accepted']:,}",
        f"{books['skipped']:,}",
        f"{books['rejected']:,}",
        f"{books['quarantined']:,}",
        each["job"] or "-",
        each["reason"] or "",
    )


def show_status(choices: InboxChoices) -> int:
    """Print the files of the inboxes that wait, are stuck or are overdue; return the exit code."""
    inboxes = chosen_inboxes(read_config(choices.config), choices.name)
    now = SystemClock().now()
    with open_ledger(choices.ledger) as ledger:
        found = [(inbox, look(inbox, ledger, now=now)) for inbox in inboxes]
    document: InboxStatusDocument = {
        "inbox": inboxes[0].name if len(inboxes) == 1 else None,
        "files": [file for _, status in found for file in status.files],
        "expectations": [each for _, status in found for each in status.expectations],
        "corrections": [each for _, status in found for each in status.corrections],
        "passes": [each for _, status in found for each in status.passes],
        "exit": exit_of(status.exit for _, status in found),
    }
    if choices.as_json:
        console().emit_json(document)
        return document["exit"]
    _show_status(document, [inbox.name for inbox in inboxes])
    console().next_step = " ".join(["bulkops", "inbox", *filter(None, [choices.name]), "--dry-run"])
    return document["exit"]


def _show_status(document: InboxStatusDocument, names: Sequence[str]) -> None:
    out = console()
    known = {each["inbox"]: each for each in document["passes"]}
    for name in names:
        last = known.get(name)
        if last is None:
            out.result(f"{name}: no pass yet.")
        elif last["ended"] is None:
            out.result(f"{name}: a pass began at {last['began']}; it is running, or it was killed.")
        else:
            out.result(f"{name}: the last pass ended at {last['ended']} with exit code {last['exit']}.")
    if document["files"]:
        out.table(
            ("inbox", "file", "state", "job", "reason"), [_short(each) for each in document["files"]], drop=["job"]
        )
    else:
        out.result("No file waits.")
    for each in document["expectations"]:
        out.result(f"{each['inbox']}: {each['text']}")
    for pending in document["corrections"]:
        records = counted(pending["records"], "rejected record")
        out.result(f"{pending['inbox']}: {pending['path']}: {records} not corrected yet ({pending['mark']}).")


def _short(each: InboxFileDocument) -> tuple[str, ...]:
    return each["inbox"], _name(each), each["state"], each["job"] or "-", each["reason"] or ""


def _name(file: InboxFileDocument) -> str:
    return file["path"].rpartition("/")[2]
