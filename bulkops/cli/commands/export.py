"""`bulkops export WHAT`: save an export; each export is a command with options made from the catalog."""

import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkops.cli.options.common import CountType, SecondsType, json_option, ledger_option, overwrite_option
from bulkops.cli.options.environment import Reach, option, own_option
from bulkops.cli.options.paths import FilePath, FileWord
from bulkops.cli.options.target import target_options
from bulkops.cli.output.console import MOMENT, console
from bulkops.cli.output.files import output_permit
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.definition import Export, Filter, Kind, PathName, placeholders
from bulkops.remote.paths import path_of
from bulkops.wording import guess
from bulkops.writing import refuse_no_file, refuse_no_folder
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.exporting.run import Exported

UNITS = {
    Kind.INSTANT: "RFC 3339 or a date, UTC",
    Kind.INTEGER: "a whole number",
    Kind.LIST: "comma-separated",
    Kind.TEXT: "text",
}


class ExportGroup(click.Group):
    """A group with one command for each export of the catalog."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the catalog."""
        return list(EXPORTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of an export, or None for an unknown name."""
        return _command(cmd_name) if cmd_name in EXPORTS else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command; UsageError suggests a name if the given one is unknown."""
        if args and args[0] in CONTRACTS and args[0] not in EXPORTS:
            from bulkops.exporting.readbacks import unreadable

            raise unreadable(CONTRACTS[args[0]])
        if args and not ctx.resilient_parsing and args[0] not in EXPORTS and not args[0].startswith("-"):
            raise UsageError(f"Unknown export {args[0]!r}.", hint=guess(args[0], EXPORTS))
        return super().resolve_command(ctx, args)


@click.group("export", cls=ExportGroup, subcommand_metavar="WHAT [OPTIONS]")
def command() -> None:
    """Save data of a deployment to a file. The file appears only when it is complete.

    `bulkops export WHAT --help` lists the filters of each.
    """


@cache
def _command(what: str) -> click.Command:
    """Return the command of an export; always the same one, to which the options of the log were added."""
    export = EXPORTS[what]

    def run(**options: Any) -> int:
        return _run(export, options)

    run.__doc__ = "\n\n".join([f"{export.title}.", *export.notes])
    function = json_option(target_options(ledger_option(run)))
    for declared in reversed(export.filters):
        function = _filter_option(declared)(function)
    for name in reversed(export.path_names):
        kind = CountType() if name.numeric else click.STRING
        function = own_option(f"--{name.name}", _key(name.name), type=kind, help=name.about)(function)
    if export.windows:
        ways = [window.by for window in export.windows]
        function = option(
            "--window-by",
            reach=Reach.COMMAND,
            type=click.Choice(ways),
            default=ways[0],
            show_default=True,
            help="The time that --window splits by.",
        )(function)
        function = own_option(
            "--window", metavar="LENGTH",
            help="Export in time spans of this length (12h, 1d, 2w); a killed run continues where it stopped.",
        )(function)  # fmt: skip
    return click.command(export.name)(_output_options(function))


def _output_options(function: Any) -> Any:
    function = own_option(
        "--saved", type=FilePath(), metavar="EXPORT",
        help="With --for-import: convert an export that was saved before, without a request.",
    )(function)  # fmt: skip
    function = own_option(
        "--used", type=click.Choice(["remaining", "keep"]), default="remaining", show_default=True,
        help="With --for-import: write the remaining part of partly used limits, or the limits as they are.",
    )(function)  # fmt: skip
    function = own_option(
        "--for-import", is_flag=True, default=False, help="Write a file that `bulkops import` accepts."
    )(function)
    function = option(
        "--settle", type=SecondsType(), default=0.0,
        help="Export again until two results this many seconds apart are equal; exports may lag behind imports.",
    )(function)  # fmt: skip
    function = own_option(
        "--tidy",
        is_flag=True,
        default=False,
        help="Write malformed rows as valid CSV: quoted, with as many fields as the header.",
    )(function)
    function = own_option(
        "--split-records", type=CountType(), help="Maximum records in each file: NAME-00001-of-00007.csv."
    )(function)
    function = own_option(
        "--format", "form", type=click.Choice(["csv", "parquet"]), help="Default: parquet for NAME.parquet, else csv."
    )(function)
    function = overwrite_option(function)
    return own_option(
        "-o", "--output", required=True, type=FileWord(), metavar="FILE",
        help="File to write; .gz and .zst are compressed; - is stdout.",
    )(function)  # fmt: skip


def _filter_option(declared: Filter) -> Any:
    name = _key(declared.name)
    about = declared.about + (f" [{UNITS[declared.kind]}]" if declared.kind in UNITS else "")
    match declared.kind:
        case Kind.CHOICE:
            kind = click.Choice(declared.choices)
            return own_option(f"--{declared.name}", name, type=kind, default=declared.default, help=about)
        case Kind.SWITCH:
            return own_option(f"--{declared.name}/--no-{declared.name}", name, default=None, help=about)
        case Kind.REPEATED:
            return own_option(f"--{declared.name}", name, multiple=True, help=f"{about} Repeatable.")
        case Kind.INTEGER:
            return own_option(f"--{declared.name}", name, type=int, metavar="N", help=about)
        case _:
            return own_option(f"--{declared.name}", name, help=about)


def _key(name: str) -> str:
    return "f_" + name.replace("-", "_")


def _run(export: Export, options: dict[str, Any]) -> int:
    from bulkops.cli.process.connect import connect
    from bulkops.clock import SystemClock
    from bulkops.exporting.output_formats import Shape
    from bulkops.exporting.run import run_export

    target: TargetChoice = options["target"]
    target.refuse_unused(export.used_ids(target.default_ids()), f"export {export.name}", ids_of_paths(export))
    to_stdout = options["output"] == "-"
    permit = output_permit(overwrite=options["overwrite"], ledger=options["ledger"])
    output = None if to_stdout else path_of(options["output"])
    if output is not None:
        refuse_no_file(output)
        refuse_no_folder(output)
        if not options["split_records"]:
            permit.check(output)
    if to_stdout and options["as_json"]:
        raise UsageError("--json and -o - cannot both write to stdout.")
    if options["for_import"]:
        from bulkops.cli.views.for_import_view import export_for_import

        return export_for_import(export, options, output, permit)
    if options["saved"] is not None:
        raise UsageError("--saved needs --for-import.")
    wished = Shape(form=options["form"], split=options["split_records"], tidy=options["tidy"])
    shape = wished.checked(output)
    clock = SystemClock()
    with (
        target.open() as opened,
        connect(opened, ledger=options["ledger"], clock=clock) as client,
        _progress(export) as bar,
    ):
        request = _request(export, options, opened.ids)
        fetching = _fetching(export, options, bar)
        out: Any = output or sys.stdout.buffer
        result = run_export(client, request, out, shape=shape, fetching=fetching, permit=permit)
    _print(result, export.name, as_json=options["as_json"])
    if len(result.files) == 1:
        console().next_step = _next_command(export, result.files[0])
    return 0


def _next_command(export: Export, file: Path) -> str:
    """Return the command that compares an export with the file of an import; empty if no import is read back by it."""
    from bulkops_validators import CONTRACTS

    routes = ((contract.name, route.readback) for contract in CONTRACTS.values() for route in contract.routes)
    contract = next((name for name, readback in routes if readback and readback.path in export.paths), None)
    return shlex.join(["bulkops", "reconcile", contract, "FILE", "--export", str(file)]) if contract else ""


def _print(result: "Exported", name: str, *, as_json: bool) -> None:
    """Print the notes of an export, and its size and files, or one JSON document."""
    for note in result.notes:
        console().note(f"Note: {note}")
    if as_json:
        console().emit_json(result.to_json())
    else:
        several = f"{len(result.files)} files"
        files = several if len(result.files) > 1 else str(result.files[0] if result.files else "stdout")
        console().note(f"{name}: {result.bytes:,} bytes to {files}.")


def ids_of_paths(export: Export) -> list[list[str]]:
    """Return for each path of an export the ids of the target that it accepts."""
    optional = list(export.id_filters.values())
    return [[n for n in dict.fromkeys([*placeholders(path), *optional]) if n in export.ids] for path in export.paths]


def _request(export: Export, options: dict[str, Any], ids: Any) -> Any:
    from bulkops.exporting.request import request_of

    def given(declared: Sequence[Filter | PathName]) -> dict[str, Any]:
        return {d.name: value for d in declared if (value := options[_key(d.name)]) not in (None, ())}

    return request_of(export, ids, given(export.path_names), given(export.filters))


def _fetching(export: Export, options: dict[str, Any], bar: Any) -> Any:
    from bulkops.exporting.run import Fetching
    from bulkops.exporting.time_slices import steps_of

    return Fetching(
        steps=steps_of(export, options.get("window"), options.get("window_by")),
        settle=options["settle"], progress=bar.update, say=console().note, count=options["as_json"],
    )  # fmt: skip


def _progress(export: Export) -> Any:
    return console().bar(unit="B", desc=export.name, delay=MOMENT)
