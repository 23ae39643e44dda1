"""`bulkops fix`: write a repaired copy of a file and say what changed."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from bulkops.cli.console import console, shown
from bulkops.cli.contract_options import contract_argument
from bulkops.cli.options import json_option, option
from bulkops.cli.outputs import refuse_existing, refuse_the_same
from bulkops.errors import UsageError
from bulkops_validators.model.contract import Contract

if TYPE_CHECKING:
    from bulkops.fixing.writer import Change, FixReport


@click.command("fix")
@contract_argument
@click.argument("file")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write; never FILE itself."
)
@option("--unsafe", is_flag=True, help="Make repairs too that could be wrong.")
@option("--time-zone", metavar="ZONE", help="Zone of dates without an offset, such as Europe/Berlin or UTC.")
@click.option("--diff", is_flag=True, help="Print each change as it was and as it is.")
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path), help="Where changes are listed [OUT.changes.jsonl]."
)
@click.option("--mask", is_flag=True, help="Hide values in --diff and in the list of changes.")
@click.option("--overwrite", is_flag=True, help="Replace the output file and the list of changes if they exist.")
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
    from bulkops.validation.context import masked

    options = FixOptions(unsafe=unsafe, zone=_zone(time_zone))
    sources = expand([file])
    if len(sources) != 1:
        raise UsageError(f"{file} names {len(sources)} files; fix takes one.")
    log_path = log_path or output.with_name(output.name + ".changes.jsonl")
    log_part = log_path.with_name(log_path.name + ".part")
    if log_path.exists() and not log_path.is_file():
        log_part = log_path  # a device: nothing there to keep
    part = output.with_name(output.name + ".part")
    _check_outputs((Path(file), Path(sources[0].path)), (output, part), (log_path, log_part), overwrite=overwrite)
    try:
        with part.open("wb") as out, log_part.open("w", encoding="utf-8") as log:

            def write(change: "Change") -> None:
                row = asdict(change)
                if mask:
                    row |= {name: masked(row[name]) for name in ("before", "after")}
                log.write(json.dumps(row, ensure_ascii=False) + "\n")
                if diff and not as_json:
                    _show(row)

            report = fix_file(contract, sources[0], out, options=options, log=write)
        if log_part != log_path:
            log_part.replace(log_path)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
        if log_part != log_path:
            log_part.unlink(missing_ok=True)
    _tell(report, output, log_path, as_json=as_json)
    return 0


def _check_outputs(
    inputs: tuple[Path, ...], outputs: tuple[Path, ...], logs: tuple[Path, ...], *, overwrite: bool
) -> None:
    """Raise UsageError unless the file read, the copy and the list of changes are three files, these two new."""
    for output in outputs:
        refuse_the_same(output, inputs, what="where the repaired copy goes")
    for log in logs:
        refuse_the_same(log, (*inputs, *outputs), what="where changes are listed")
    for path in (outputs[0], logs[0]):
        refuse_existing(path, overwrite=overwrite)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"There is no time zone {name!r}.", hint="Names look like Europe/Berlin.") from error


def _show(row: dict[str, object]) -> None:
    out, place = console(), f"line {row['line']}"
    column = f" {row['column']}" if row["column"] else ""
    out.result(f"@@ {place}{column} {row['code']} @@")
    colour = sys.stdout.isatty()
    for sign, text, shade in (("-", row["before"], "red"), ("+", row["after"], "green")):
        if text:
            line = shown(f"{sign}{text}")
            out.result(click.style(line, fg=shade) if colour else line, styled=True)


def _tell(report: "FixReport", output: Path, log_path: Path, *, as_json: bool) -> None:
    out = console()
    if as_json:
        out.emit_json(
            {
                "output": str(output),
                "changes": str(log_path),
                "records": report.records,
                "changed": report.changed,
                "removed": report.removed,
                "counts": dict(sorted(report.counts.items())),
            }
        )
        return
    for code, count in sorted(report.counts.items()):
        out.result(f"{code} {count:,}")
    out.result(
        f"{output}: {report.changed:,} of {report.records:,} records changed, {report.removed:,} removed; "
        f"every change is in {log_path}"
    )
