"""`bulkops contracts`: what each import's file must look like, for people and for programs."""

import click

from bulkops.cli.console import console
from bulkops.cli.contract_options import ContractType
from bulkops.cli.environment import own_option
from bulkops.cli.options import json_option
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

FORMATS = ("table", "json", "markdown", "header", "table-schema", "json-schema")


@click.command("contracts")
@click.argument("contract", type=ContractType(), required=False)
@own_option("--format", "form", type=click.Choice(FORMATS), default="table", help="How to show it.")
@json_option
def command(contract: Contract | None, form: str, *, as_json: bool) -> None:
    """List the contracts, or show one: columns, limits, mode, endpoint, evidence."""
    from bulkops_validators.model import describe

    form = "json" if as_json else form
    if form == "table" and contract is None:
        rows = [(c.name, c.mode, f"{len(c.columns)}", c.effect) for c in CONTRACTS.values()]
        console().table(("contract", "mode", "columns", "what the import does"), rows)
    elif form == "table" and contract is not None:
        _show(contract)
    elif form == "markdown":
        chosen = [contract] if contract else list(CONTRACTS.values())
        console().several("\n".join(describe.markdown(c) for c in chosen).rstrip())
    elif form == "header":
        for c in [contract] if contract else CONTRACTS.values():
            header = ",".join(c.column_names)
            console().result(header if contract else f"{c.name}: {header}")
    else:
        make = {"json": describe.as_json, "table-schema": describe.table_schema, "json-schema": describe.json_schema}[
            form
        ]
        console().emit_json(make(contract) if contract else {c.name: make(c) for c in CONTRACTS.values()})


def _show(contract: Contract) -> None:
    from bulkops_validators.model import describe

    out = console()
    out.result(f"{contract.title} ({contract.name}): {contract.effect}.")
    out.result(f"Mode: {contract.mode}. {'May' if contract.mode.splittable else 'Must never'} go in several requests.")
    rows = [
        (c.name, "yes" if c.required else "", describe.cell_text(c), c.default or "", c.about) for c in contract.columns
    ]
    out.table(("column", "required", "a cell", "blank means", "about"), rows)
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
