"""`bulkops fix`: write a repaired copy of a file and say what changed."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from bulkops.cli.console import console, one_line, shown
from bulkops.cli.contract_options import contract_argument
from bulkops.cli.environment import option, own_option
from bulkops.cli.options import json_option, limit_options
from bulkops.cli.outputs import refuse_existing, refuse_the_same
from bulkops.cli.whole_files import is_device, refuse_archive, whole_files
from bulkops.errors import UsageError
from bulkops.writing import part_of
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.fixing.writer import Change, FixReport

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
    unsafe: bool,
    time_zone: str | None,
    diff: bool,
    log_path: Path | None,
    mask: bool,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Write a repaired copy of FILE: encoding, line ends, delimiter, header, quotes, blanks, dates.

    FILE stays as it is; records without a repair keep their bytes. What is left is for `bulkops validate` to say.
    """
    from bulkops.fixing.options import FixOptions
    from bulkops.fixing.run import fix_file
    from bulkops.reading.sources import expand

    options = FixOptions(unsafe=unsafe, zone=_zone(time_zone))
    if output == STDOUT and as_json:
        raise UsageError("--json and -o - would both write to stdout.", hint="Name a file with -o.")
    sources = expand([file])
    if len(sources) != 1:
        raise UsageError(f"{file} names {len(sources)} files; fix takes one.")
    if log_path is None and output != STDOUT:
        log_path = output.with_name(output.name + ".changes.jsonl")
    _check_outputs((Path(file), Path(sources[0].path)), output, log_path, overwrite=overwrite)
    targets = [*([log_path] if log_path else []), None if output == STDOUT else output]
    with whole_files(targets) as (*listed, out):
        log = _Log(listed[0] if listed else None, mask=mask, diff=diff and not as_json, err=output == STDOUT)
        report = fix_file(contract, sources[0], out, options=options, log=log)
    if as_json:
        console().emit_json(_document(report, output, log_path))
    else:
        _tell(report, output, log_path)
    return 0


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
            self._show(row)

    def _show(self, row: dict[str, Any]) -> None:
        """Show a change; whoever looks may go away, but the copy is written all the same."""
        try:
            _show(row, err=self._err)
        except BrokenPipeError:
            self._diff = False
        except OSError as error:
            raise UsageError(f"The differences cannot be shown: {error.strerror or error}.") from error


def _check_outputs(inputs: tuple[Path, ...], output: Path, log: Path | None, *, overwrite: bool) -> None:
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
        refuse_existing(path, overwrite=overwrite)
        written += [path, part_of(path)]


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"There is no time zone {name!r}.", hint="Names look like Europe/Berlin.") from error


def _show(row: dict[str, Any], *, err: bool) -> None:
    """Print a change on stdout, or on stderr: each text in one line."""
    column = f" {row['column']}" if row["column"] else ""
    click.echo(f"@@ line {row['line']}{column} {row['code']} @@", err=err)
    colour = (sys.stderr if err else sys.stdout).isatty()
    for sign, text, shade in (("-", row["before"], "red"), ("+", row["after"], "green")):
        if text:
            line = sign + one_line(shown(text))
            click.echo(click.style(line, fg=shade) if colour else line, err=err)


def _document(report: "FixReport", output: Path, log_path: Path | None) -> dict[str, Any]:
    return {
        "output": str(output),
        "changes": str(log_path),
        "records": report.records,
        "changed": report.changed,
        "removed": report.removed,
        "counts": dict(sorted(report.counts.items())),
    }


def _tell(report: "FixReport", output: Path, log_path: Path | None) -> None:
    to_stdout = output == STDOUT
    for code, count in sorted(report.counts.items()):
        click.echo(f"{code} {count:,}", err=to_stdout)
    listed = "" if log_path is None else f"; every change is in {log_path}"
    where = "stdout" if to_stdout else output
    figures = f"{report.changed:,} of {report.records:,} records changed, {report.removed:,} removed"
    click.echo(shown(f"{where}: {figures}{listed}"), err=to_stdout)
