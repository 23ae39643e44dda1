"""`bulkops fix`: write a repaired copy of a file and list the changes."""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from bulkops.cli.options.common import json_option, limit_options
from bulkops.cli.options.contract import contract_argument
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath, FileWord
from bulkops.cli.output.console import console, line
from bulkops.cli.output.files import is_device, output_permit, refuse_archive, refuse_existing, whole_files
from bulkops.cli.output.remaining_findings import (
    print_remaining,
    report_of_copy,
    typed_options,
    validate_copy,
)
from bulkops.cli.process.processors import keep_freed_memory
from bulkops.errors import UsageError
from bulkops.remote.paths import path_of
from bulkops.writing import NOT_CSV, Permit, part_of, refuse_other_form, refuse_the_same
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.fixing.options import FixOptions
    from bulkops.fixing.writer import Change, FixReport
    from bulkops.json_documents.findings import FixDocument
    from bulkops.reading.sources import Source
    from bulkops.validation.findings import FileReport

STDOUT = Path("-")
_JSON_LINE = '{"code": %s, "record": %s, "line": %s, "column": %s, "before": %s, "after": %s}\n'
"""A line of the list of changes."""


@click.command("fix")
@contract_argument
@click.argument("file", type=FileWord())
@own_option(
    "-o",
    "--output",
    required=True,
    type=FilePath(),
    help="File to write, other than FILE; .gz and .zst are compressed; - is stdout.",
)
@own_option("--unsafe", is_flag=True, help="Also make repairs that could be wrong.")
@option("--time-zone", metavar="ZONE", help="Time zone of dates without an offset, such as Europe/Berlin or UTC.")
@option(
    "--date-order",
    type=click.Choice(("day-first", "month-first")),
    help="Order of dates such as 03/04/2030, if the other dates of the column do not show it.",
)
@option(
    "--end-of-day/--start-of-day",
    "end_of_day",
    default=None,
    help="Time of an end date without a time: 23:59:59 or 00:00:00 of that day.",
)
@own_option(
    "--encoding", metavar="NAME", help="Encoding of a file that is not UTF-8, such as cp1252, cp1251, mac_roman."
)
@own_option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename a header column to its documented name; repeatable.",
)
@option("--diff", is_flag=True, help="Print each change: the text before and after it.")
@own_option(
    "--log",
    "log_path",
    type=FilePath(),
    help="File for the list of changes [OUT.changes.jsonl; none with -o -].",
)
@option("--mask", is_flag=True, help="Hide values in --diff and in the list of changes.")
@own_option("--overwrite", is_flag=True, help="Replace the output file and the list of changes if they exist.")
@limit_options
@json_option
def command(
    contract: Contract,
    file: str,
    *,
    output: Path,
    diff: bool,
    log_path: Path | None,
    mask: bool,
    overwrite: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Write a repaired copy of FILE: line ends, delimiter, header, quotes, blanks, numbers, dates.

    FILE is not changed, and records without a repair keep their bytes. By default only unambiguous repairs are made;
    options decide the ambiguous ones. At the end the remaining findings are listed, with commands that fix them.
    """
    from bulkops.reading.sources import expand

    keep_freed_memory()
    options = _options(mask=mask, **chosen)
    if output == STDOUT and as_json:
        raise UsageError("--json and -o - cannot both write to stdout.", hint="Name a file with -o.")
    sources = expand([file])
    if len(sources) != 1:
        raise UsageError(f"{file} names {len(sources)} files. Give one file.")
    if log_path is None and output != STDOUT:
        log_path = output.with_name(output.name + ".changes.jsonl")
    permit = output_permit(overwrite=overwrite)
    _check_outputs((path_of(file), path_of(sources[0].path)), output, log_path, permit)
    refuse_other_form(output, NOT_CSV, instead=".csv, .csv.gz or .csv.zst")
    view = _ChangeView(mask=mask, diff=diff and not as_json)
    report, left = _write(contract, sources[0], output, log_path, options=options, view=view, permit=permit)
    if as_json:
        console().emit_json(_document(report, left, output, log_path))
        return 0
    _print_summary(report, output, log_path)
    given = typed_options(chosen)
    again = ["bulkops", "fix", contract.name, file, "-o", str(output), *given]
    if output != STDOUT and not is_device(output):
        again.append("--overwrite")
    if output != STDOUT:
        following = "validate" if left.errors else "plan"
        console().next_step = shlex.join(["bulkops", following, contract.name, str(output)])
    print_remaining(left, again, given, lambda text: click.echo(line(text), err=output == STDOUT))
    return 0


def _options(
    *,
    mask: bool,
    unsafe: bool,
    time_zone: str | None,
    date_order: str | None,
    end_of_day: bool | None,
    encoding: str | None,
    renames: tuple[str, ...],
) -> "FixOptions":
    """Return the repair options; UsageError for an unknown time zone or encoding, or an invalid rename."""
    from bulkops.clock import SystemClock
    from bulkops.fixing.options import FixOptions
    from bulkops.fixing.transcoding import encoding_named

    return FixOptions(
        unsafe=unsafe,
        zone=_zone(time_zone),
        day_first=None if date_order is None else date_order == "day-first",
        end_of_day=end_of_day,
        encoding=encoding_named(encoding) if encoding else None,
        renames=_renames(renames),
        now=None if mask else SystemClock().now(),
    )


@dataclass(frozen=True)
class _ChangeView:
    """How changes are shown: with masked values, and printed or not."""

    mask: bool
    diff: bool


def _write(
    contract: Contract,
    source: "Source",
    output: Path,
    log_path: Path | None,
    *,
    options: "FixOptions",
    view: _ChangeView,
    permit: Permit,
) -> tuple["FixReport", "FileReport"]:
    """Write the copy and the list of changes; return the report of the repairs and the findings left in the copy."""
    from bulkops.fixing.run import fix_file
    from bulkops.reading.sources import file_source, stream_source

    left, spooled = None, output == STDOUT or is_device(output)
    targets = [*([log_path] if log_path else []), None if output == STDOUT else output]
    with whole_files(targets, permit) as (*listed, out):
        log = _ChangeLog(listed[0] if listed else None, mask=view.mask, diff=view.diff, err=output == STDOUT)
        report = fix_file(contract, source, out, options=options, log=log)
        if spooled and report.left is None:
            left = validate_copy(contract, stream_source(str(output), out), mask=view.mask)
    if report.left is not None:
        left = report_of_copy(report.left, str(output))
    return report, left or validate_copy(contract, file_source(output), mask=view.mask)


class _ChangeLog:
    """Writes each change as one JSON line, and prints it with --diff."""

    def __init__(self, out: BinaryIO | None, *, mask: bool, diff: bool, err: bool) -> None:
        self._out = out
        self._mask = mask
        self._diff = diff
        self._err = err
        self._text = json.JSONEncoder(ensure_ascii=False).encode

    def __call__(self, change: "Change") -> None:
        """Write a change to the list, and print it if requested."""
        if self._mask:
            change = _masked(change)
        if self._out is not None:
            self._out.write(self._json(change).encode())
        if self._diff:
            _show(change, err=self._err)

    def _json(self, change: "Change") -> str:
        """Return a change as a line of JSON; encoding only its texts is fast, and there may be millions of changes."""
        values = [
            "null" if value is None else self._text(value) if isinstance(value, str) else value for value in change
        ]
        return _JSON_LINE % tuple(values)


def _masked(change: "Change") -> "Change":
    """Return a change with its texts hidden."""
    from bulkops.validation.context import masked

    return change._replace(before=masked(change.before), after=masked(change.after))


def _check_outputs(inputs: tuple[Path, ...], output: Path, log: Path | None, permit: Permit) -> None:
    """Raise UsageError if an output is an input, another output, an archive, or an existing file."""
    if log == STDOUT:
        raise UsageError("--log needs a file name; - is not one.", hint="To print the changes, use --diff.")
    written: list[Path] = []
    for path, what in ((output, "where the repaired copy goes"), (log, "where changes are listed")):
        if path is None or path == STDOUT or is_device(path):
            continue
        refuse_archive(path)
        for name in (path, part_of(path)):
            refuse_the_same(name, (*inputs, *written), what=what)
        refuse_existing(path, overwrite=permit.overwrite)
        permit.check(path)
        written += [path, part_of(path)]


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"The time zone {name!r} is unknown.", hint="Use a name such as Europe/Berlin.") from error


def _renames(given: tuple[str, ...]) -> dict[str, str]:
    """Return the new column names by old name; UsageError for a text that is not OLD=NEW."""
    found: dict[str, str] = {}
    for text in given:
        old, sign, new = text.rpartition("=")
        if not sign or not old or not new:
            raise UsageError(f"--rename {text!r} is not OLD=NEW.", hint="For example: --rename 'Coupon Code=value'.")
        if found.setdefault(old, new) != new:
            raise UsageError(f"--rename gives {old!r} two names: {found[old]!r} and {new!r}.")
    return found


def _show(change: "Change", *, err: bool) -> None:
    """Print a change to stdout or stderr, each text on one line."""
    column = f" {change.column}" if change.column else ""
    click.echo(line(f"@@ line {change.line}{column} {change.code} @@"), err=err)
    colour = (sys.stderr if err else sys.stdout).isatty()
    for sign, text, shade in (("-", change.before, "red"), ("+", change.after, "green")):
        if text:
            shown = sign + line(text)
            click.echo(click.style(shown, fg=shade) if colour else shown, err=err)


def _document(report: "FixReport", left: "FileReport", output: Path, log_path: Path | None) -> "FixDocument":
    return {
        "output": str(output),
        "changes": str(log_path),
        "records": report.records,
        "changed": report.changed,
        "removed": report.removed,
        "counts": dict(sorted(report.counts.items())),
        "left": {"errors": left.errors, "warnings": left.warnings, "counts": dict(left.counts)},
    }


def _print_summary(report: "FixReport", output: Path, log_path: Path | None) -> None:
    to_stdout = output == STDOUT
    for code, count in sorted(report.counts.items()):
        click.echo(f"{code} {count:,}", err=to_stdout)
    listed = "" if log_path is None else f"; the changes are listed in {log_path}"
    where = "stdout" if to_stdout else output
    figures = f"{report.changed:,} of {report.records:,} records changed, {report.removed:,} removed"
    text = f"{where}: {figures}{listed}"
    if to_stdout:
        console().state(text)
    else:
        console().result(text)
