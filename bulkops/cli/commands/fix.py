"""`bulkops fix`: write a repaired copy of a file and say what changed."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from bulkops.cli.options.common import json_option, limit_options
from bulkops.cli.options.contract import contract_argument
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.output.console import console, line
from bulkops.cli.output.outputs import permit_of, refuse_existing, refuse_the_same
from bulkops.cli.output.remaining_findings import tell_left, what_is_left, words_given
from bulkops.cli.output.whole_files import is_device, refuse_archive, whole_files
from bulkops.errors import UsageError
from bulkops.writing import NOT_CSV, Permit, part_of, refuse_other_form
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.fixing.options import FixOptions
    from bulkops.fixing.writer import Change, FixReport
    from bulkops.json_documents.findings import FixDocument
    from bulkops.reading.sources import Source
    from bulkops.validation.findings import FileReport

STDOUT = Path("-")


@click.command("fix")
@contract_argument
@click.argument("file")
@own_option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, never FILE itself; .gz and .zst are compressed; - is stdout.",
)
@own_option("--unsafe", is_flag=True, help="Make repairs too that could be wrong.")
@option("--time-zone", metavar="ZONE", help="Zone of dates without an offset, such as Europe/Berlin or UTC.")
@option(
    "--date-order",
    type=click.Choice(("day-first", "month-first")),
    help="What comes first in dates such as 03/04/2030, where their column does not show it.",
)
@option(
    "--end-of-day/--start-of-day",
    "end_of_day",
    default=None,
    help="Which moment an end without a time is: 23:59:59 of that day, or 00:00:00.",
)
@own_option(
    "--encoding", metavar="NAME", help="Encoding of a file that is not UTF-8, such as cp1252, cp1251, mac_roman."
)
@own_option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Give a column of the header its documented name; may be repeated.",
)
@option("--diff", is_flag=True, help="Print each change as it was and as it is.")
@own_option(
    "--log",
    "log_path",
    type=click.Path(path_type=Path),
    help="Where changes are listed [OUT.changes.jsonl; with -o - nowhere].",
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

    FILE stays as it is; records without a repair keep their bytes. By default only repairs with one possible
    reading of the file are made; options choose between several readings. At the end it lists the remaining findings
    and the commands for them.
    """
    from bulkops.reading.sources import expand

    options = _options(**chosen)
    if output == STDOUT and as_json:
        raise UsageError("--json and -o - would both write to stdout.", hint="Name a file with -o.")
    sources = expand([file])
    if len(sources) != 1:
        raise UsageError(f"{file} names {len(sources)} files; fix takes one.")
    if log_path is None and output != STDOUT:
        log_path = output.with_name(output.name + ".changes.jsonl")
    permit = permit_of(overwrite=overwrite)
    _check_outputs((Path(file), Path(sources[0].path)), output, log_path, permit)
    refuse_other_form(output, NOT_CSV, instead=".csv, .csv.gz or .csv.zst")
    seen = _Seen(mask=mask, diff=diff and not as_json)
    report, left = _write(contract, sources[0], output, log_path, options=options, seen=seen, permit=permit)
    if as_json:
        console().emit_json(_document(report, left, output, log_path))
        return 0
    _tell(report, output, log_path)
    given = words_given(chosen)
    again = ["bulkops", "fix", contract.name, file, "-o", str(output), *given]
    if output != STDOUT and not is_device(output):
        again.append("--overwrite")
    tell_left(left, again, given, lambda text: click.echo(line(text), err=output == STDOUT))
    return 0


def _options(
    *,
    unsafe: bool,
    time_zone: str | None,
    date_order: str | None,
    end_of_day: bool | None,
    encoding: str | None,
    renames: tuple[str, ...],
) -> "FixOptions":
    """Return the options of a run; UsageError for an unknown zone or encoding, or a rename without two names."""
    from bulkops.fixing.options import FixOptions
    from bulkops.fixing.repairs.transcoding import encoding_named

    return FixOptions(
        unsafe=unsafe,
        zone=_zone(time_zone),
        day_first=None if date_order is None else date_order == "day-first",
        end_of_day=end_of_day,
        encoding=encoding_named(encoding) if encoding else None,
        renames=_renames(renames),
    )


@dataclass(frozen=True)
class _Seen:
    """Whether values are masked, and whether each change is printed."""

    mask: bool
    diff: bool


def _write(
    contract: Contract,
    source: "Source",
    output: Path,
    log_path: Path | None,
    *,
    options: "FixOptions",
    seen: _Seen,
    permit: Permit,
) -> tuple["FixReport", "FileReport"]:
    """Write the copy and the list of changes; return the report and the findings that remain in the copy."""
    from bulkops.fixing.run import fix_file
    from bulkops.reading.sources import file_source, stream_source

    left, spooled = None, output == STDOUT or is_device(output)
    targets = [*([log_path] if log_path else []), None if output == STDOUT else output]
    with whole_files(targets, permit) as (*listed, out):
        log = _Log(listed[0] if listed else None, mask=seen.mask, diff=seen.diff, err=output == STDOUT)
        report = fix_file(contract, source, out, options=options, log=log)
        if spooled:
            left = what_is_left(contract, stream_source(str(output), out), mask=seen.mask)
    return report, left or what_is_left(contract, file_source(output), mask=seen.mask)


class _Log:
    """Lists changes, one JSON object a line, and shows them if that is asked for."""

    def __init__(self, out: BinaryIO | None, *, mask: bool, diff: bool, err: bool) -> None:
        self._out = out
        self._mask = mask
        self._diff = diff
        self._err = err

    def __call__(self, change: "Change") -> None:
        """Take in a change."""
        from bulkops.validation.context import masked

        row: dict[str, Any] = asdict(change)
        if self._mask:
            row |= {name: masked(row[name]) for name in ("before", "after")}
        if self._out is not None:
            self._out.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
        if self._diff:
            _show(row, err=self._err)


def _check_outputs(inputs: tuple[Path, ...], output: Path, log: Path | None, permit: Permit) -> None:
    """Raise UsageError unless the file read, the copy and the list of changes are three files, these two new."""
    if log == STDOUT:
        raise UsageError("--log names a file; - is none.", hint="--diff shows the changes.")
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
        raise UsageError(f"There is no time zone {name!r}.", hint="Names look like Europe/Berlin.") from error


def _renames(given: tuple[str, ...]) -> dict[str, str]:
    """Return the new names of columns by their old ones; UsageError for a text that names no two."""
    found: dict[str, str] = {}
    for text in given:
        old, sign, new = text.rpartition("=")
        if not sign or not old or not new:
            raise UsageError(f"--rename {text!r} is not OLD=NEW.", hint="For example: --rename 'Coupon Code=value'.")
        if found.setdefault(old, new) != new:
            raise UsageError(f"--rename gives {old!r} two names: {found[old]!r} and {new!r}.")
    return found


def _show(row: dict[str, Any], *, err: bool) -> None:
    """Print a change on stdout, or on stderr: each text in one line."""
    column = f" {row['column']}" if row["column"] else ""
    click.echo(line(f"@@ line {row['line']}{column} {row['code']} @@"), err=err)
    colour = (sys.stderr if err else sys.stdout).isatty()
    for sign, text, shade in (("-", row["before"], "red"), ("+", row["after"], "green")):
        if text:
            said = sign + line(text)
            click.echo(click.style(said, fg=shade) if colour else said, err=err)


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


def _tell(report: "FixReport", output: Path, log_path: Path | None) -> None:
    to_stdout = output == STDOUT
    for code, count in sorted(report.counts.items()):
        click.echo(f"{code} {count:,}", err=to_stdout)
    listed = "" if log_path is None else f"; every change is in {log_path}"
    where = "stdout" if to_stdout else output
    figures = f"{report.changed:,} of {report.records:,} records changed, {report.removed:,} removed"
    click.echo(line(f"{where}: {figures}{listed}"), err=to_stdout)
