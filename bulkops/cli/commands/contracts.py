"""`bulkops contracts`: show the file format, endpoint and mode of each import."""

from pathlib import Path

import click

from bulkops.cli.options.common import json_option
from bulkops.cli.options.contract import ContractType
from bulkops.cli.options.environment import own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.errors import DataError, UsageError
from bulkops.wording import counted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

FORMATS = ("table", "json", "markdown", "header", "table-schema", "json-schema")


@click.command("contracts")
@click.argument("contract", type=ContractType(), required=False)
@own_option("--format", "form", type=click.Choice(FORMATS), default="table", help="Output format.")
@own_option(
    "--diff",
    "described",
    type=FilePath(local="descriptions of the API are read from this machine"),
    metavar="FILE|DIR",
    help="Compare all contracts and exports with a description of the API: OpenAPI (YAML or JSON), or the Markdown "
    "pages of an SDK. The exit code is 1 if they differ.",
)
@json_option
def command(contract: Contract | None, form: str, described: Path | None, *, as_json: bool) -> int:
    """List the contracts, or show one: columns, limits, mode, endpoint, evidence."""
    if described is not None:
        if contract is not None or form != "table":
            raise UsageError("--diff compares all contracts. Remove the contract and --format.")
        return _show_differences(described, as_json=as_json)
    _show_contracts(contract, "json" if as_json else form)
    return 0


def _show_differences(described: Path, *, as_json: bool) -> int:
    """Print the differences between bulkops and an API description, and return the exit code."""
    from bulkops.description.comparing import compare_with
    from bulkops.description.reading import read_description

    found = compare_with(read_description(described))
    out = console()
    if as_json:
        out.emit_json(found.to_json())
        return DataError.exit_code if found.differences else 0
    for each in found.differences:
        out.result(f"{each.where}: {each.kind}: {each.message} [{each.operation}]")
    for text in found.unchecked:
        out.note(f"Not compared: {text}")
    version = f" (version {found.version})" if found.version else ""
    summary = f"{counted(len(found.differences), 'difference')} in {counted(found.compared, 'operation')}"
    out.result(f"{found.source}{version}: {summary} of {found.described:,} described.")
    return DataError.exit_code if found.differences else 0


def _show_contracts(contract: Contract | None, form: str) -> None:
    from bulkops_validators.model import describe

    if form == "table" and contract is None:
        rows = [(c.name, c.mode, f"{len(c.columns)}", c.effect) for c in CONTRACTS.values()]
        console().table(("contract", "mode", "columns", "effect of the import"), rows, drop=["columns"])
        console().next_step = "bulkops contracts CONTRACT"
    elif form == "table" and contract is not None:
        _show(contract)
    elif form == "markdown":
        chosen = [contract] if contract else list(CONTRACTS.values())
        console().lines("\n".join(describe.markdown(c) for c in chosen).rstrip())
    elif form == "header":
        for c in [contract] if contract else CONTRACTS.values():
            header = ",".join(c.column_names)
            console().result(header if contract else f"{c.name}: {header}")
    else:
        make = {"json": describe.as_json, "table-schema": describe.table_schema, "json-schema": describe.json_schema}[
            form
        ]
        console().emit_json(make(contract) if contract else {c.name: make(c) for c in CONTRACTS.values()})
    if contract is not None:
        console().next_step = f"bulkops validate {contract.name} FILE"


def _show(contract: Contract) -> None:
    from bulkops_validators.model import describe

    out = console()
    out.result(f"{contract.title} ({contract.name}): {contract.effect}.")
    split = "can" if contract.mode.splittable else "must not"
    out.result(f"Mode: {contract.mode}. The file {split} be split into several requests.")
    rows = [
        (c.name, "yes" if c.required else "", describe.cell_text(c), c.default or "", c.about) for c in contract.columns
    ]
    out.table(("column", "required", "a cell", "blank means", "about"), rows, drop=["blank means", "about"])
    for line in (*describe.limit_lines(contract), *describe.rule_lines(contract)):
        out.result(f"- {line}")
    for route in contract.routes:
        out.result(f"- POST {route.path} -> {route.success}; needs {', '.join('--' + name for name in route.ids)}")
    for chosen in contract.options:
        out.result(f"- --{chosen.name}: {chosen.about}")
    for line in describe.key_lines(contract):
        out.result(f"- {line}")
    out.result(f"- Evidence: {contract.evidence}")
    for note in contract.notes:
        out.result(f"- {note}")
