"""Write the pages that are derived from the code: `python -m tests.docs.generate` (or `make docs`)."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bulkops import errors
from bulkops.account.reading import LISTS, SEARCH, SINGLES
from bulkops.cli.main import COMMANDS, cli
from bulkops.exporting.catalog import EXPORTS
from bulkops.schemas import SCHEMAS
from bulkops_validators import CONTRACTS
from bulkops_validators.model import describe, rules_docs
from bulkops_validators.model.operations import operations_of
from tests.docs import transcripts
from tools import architecture

DOCS = Path(__file__).parents[2] / "docs"
NOTICE = "<!-- Written by `make docs`; do not edit. -->\n\n"


def command_reference() -> str:
    """Return the help text of every command."""
    names = cli.context_settings["help_option_names"]
    context = click.Context(
        cli, info_name="bulkops", max_content_width=110, terminal_width=110, help_option_names=names
    )
    parts = ["# Command reference\n", _fenced(cli.get_help(context))]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            msg = f"no command {name}"
            raise LookupError(msg)
        parts += _sections(command, context, name, level=2)
    return NOTICE + "\n".join(parts)


def _sections(command: click.Command, parent: click.Context, name: str, *, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=110, terminal_width=110)
    parts = [f"{'#' * level} {context.command_path}\n", _fenced(command.get_help(context))]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                parts += _sections(found, context, child, level=level + 1)
    return parts


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```\n"


def contract_reference() -> str:
    """Return a section a contract: columns, limits, rules, endpoint, evidence, each with its source."""
    head = "# Contracts\n\nThe required format of each import file; also `bulkops contracts NAME`.\n\n"
    return NOTICE + head + "\n".join(describe.markdown(contract) for contract in CONTRACTS.values())


def _account_reads() -> str:
    """Return the operations that read an account, as Markdown."""
    routes = (route for contract in CONTRACTS.values() for route in contract.routes)
    searched = {route.search.path for route in routes if route.search}
    paths = {each.path for each in LISTS.values()} | {path for _, path in SINGLES.values()} | searched
    reads = [f"`GET {path}`" for path in sorted(paths)]
    return ", ".join([*reads, f"`POST {SEARCH}`"])


def permissions() -> str:
    """Return the operations that a key must grant, by command."""
    head = (
        "# Rights of a key\n\n"
        "A Management API key grants single operations. Each command below requests those beside it and no others; "
        "`jobs resume`\nrequests the same as `import`, `jobs undo` too unless it has a row of its own, and `run` the "
        "same as its steps. "
        "A command with several paths takes the one that its ids choose.\n"
        "`bulkops contracts NAME` lists the operations of one contract. `export NAME --for-import` requests "
        "those of `copy` that read.\n\n"
        "An import, and each step of a recipe, also tries to read the account first "
        "([the account](../how-to/account.md)). A key without these operations is reported; the import goes on:\n"
        f"{_account_reads()}.\n\n"
    )
    rows = ["| command | operations |", "|---|---|"]
    for contract in CONTRACTS.values():
        for command, operations in operations_of(contract).items():
            listed = "<br>".join(f"`{o.method} {o.path}` {o.name}" for o in operations)
            rows.append(f"| `{command} {contract.name}` | {listed or 'none: nothing can be read back'} |")
    paths = {export.name: "<br>".join(f"`GET {path}`" for path in export.paths) for export in EXPORTS.values()}
    rows += [f"| `export {name}` | {listed} |" for name, listed in paths.items()]
    return NOTICE + head + "\n".join(rows) + "\n"


def exit_codes() -> str:
    """Return the table of exit codes, from the error classes."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BulkopsError)]
    rows = [
        (c.exit_code, c.__name__, (c.__doc__ or "").splitlines()[0])
        for c in classes
        if c.__base__ is errors.BulkopsError
    ]
    lines = ["# Exit codes\n", "| code | error | meaning |", "|---|---|---|", "| 0 | | done, and true |"]
    lines += [f"| {code} | `{name}` | {text} |" for code, name, text in sorted(rows)]
    return NOTICE + "\n".join(lines) + "\n"


def schema_reference() -> str:
    """Return the table of JSON Schemas."""
    lines = ["# JSON Schemas\n", "Print one with `bulkops schema NAME`; see [how to use them](../how-to/schemas.md).\n"]
    lines += ["| name | describes |", "|---|---|"]
    lines += [f"| `{name}` | {described.about} |" for name, described in SCHEMAS.items()]
    return NOTICE + "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": command_reference,
    "reference/contracts.md": contract_reference,
    "reference/exit-codes.md": exit_codes,
    "reference/permissions.md": permissions,
    "reference/rules.md": rules_docs.markdown,
    "reference/schemas.md": schema_reference,
    "explanation/architecture.svg": architecture.current,
}


def write_transcripts() -> None:
    """Run the transcripts of all pages and write their output."""
    for page in transcripts.PAGES:
        path = transcripts.ROOT / page
        with TemporaryDirectory() as folder:
            path.write_text(transcripts.rerun(path.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
        print(f"ran {path}")  # noqa: T201 - the script's result


if __name__ == "__main__":
    # Click keeps a command's help option once it is made, so the tests have each page made in a process of its own.
    if len(sys.argv) == 2:
        sys.stdout.write(PAGES[sys.argv[1]]())
        sys.exit()
    for page, make in PAGES.items():
        path = DOCS / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201 - the script's result
    write_transcripts()
