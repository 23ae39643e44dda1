"""`bulkops init`: propose a recipe from legacy files, or a bulkops.toml for files in the import format."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkops.cli.options.common import json_option, limit_options, overwrite_option
from bulkops.cli.options.environment import option, own_option
from bulkops.cli.options.paths import FilePath
from bulkops.cli.output.console import console
from bulkops.cli.output.files import output_permit, whole_files
from bulkops.errors import UsageError
from bulkops.wording import counted
from bulkops.writing import refuse_no_file, refuse_no_folder, refuse_the_same
from bulkops_validators import CONTRACTS

if TYPE_CHECKING:
    from bulkops.json_documents.proposals import FieldDocument, ProposalDocument, ProposedStepDocument
    from bulkops.proposing.model import Proposal, ProposedColumn, ProposedStep


@click.command("init")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@option("--contract", type=click.Choice(list(CONTRACTS)), metavar="NAME", help="Propose this contract for all sources.")
@own_option(
    "-o",
    "--output",
    type=FilePath(local="a recipe is read from this machine"),
    metavar="RECIPE",
    help="File to write; default: stdout.",
)
@overwrite_option
@limit_options
@json_option
def command(
    sources: tuple[str, ...], contract: str | None, output: Path | None, *, overwrite: bool, as_json: bool
) -> int:
    """Propose a recipe from legacy files: CSV, workbooks, JSON lines, Parquet, tables of a database, or exports.

    Contracts and columns are recognised by the words of the headers and by the values. Everything uncertain is a
    comment marked DECIDE. A SOURCE is a file, a folder, or the address of a database. For several CSV files that have
    the import format already, a bulkops.toml for `bulkops check` is proposed instead. Nothing is sent.
    """
    from bulkops.proposing.configuration_text import configuration_text
    from bulkops.proposing.propose import propose
    from bulkops.proposing.yaml_text import recipe_text

    permit = output_permit(overwrite=overwrite)
    if output is not None:
        refuse_no_file(output)
        refuse_no_folder(output)
        refuse_the_same(output, [Path(each) for each in sources if Path(each).is_file()], what="the output")
        permit.check(output)
    proposal = propose(sources, contract)
    if not proposal.steps:
        raise UsageError(
            f"No contract was recognised in {', '.join(table.name for table in proposal.unknown)}.",
            hint="Name it with --contract; `bulkops contracts` lists the contracts.",
        )
    folder = output.parent if output is not None else Path()
    checks = _is_configuration(output, proposal, folders=any(Path(each).is_dir() for each in sources))
    following = _following(proposal, output, checks=checks)
    name = output.stem if output is not None else Path(proposal.steps[0].table.spec.file or "legacy").stem
    text = (
        configuration_text(proposal, folder=folder)
        if checks
        else recipe_text(proposal, folder=folder, name=name, following=following)
    )
    if output is not None:
        with whole_files([output], permit) as (file,):
            file.write(text.encode())
    elif not as_json:
        console().document(text)
    if as_json:
        console().emit_json(_document(proposal, text, output, following, checks=checks))
    _summarise(proposal, output, following, checks=checks)
    return int(any(step.table.profile.problem is not None for step in proposal.steps))


def _is_configuration(output: Path | None, proposal: "Proposal", *, folders: bool) -> bool:
    """Return whether to propose a bulkops.toml: the suffix of the output decides, else the files.

    UsageError if a bulkops.toml is asked for, but no file has the import format.
    """
    from bulkops.proposing.configuration_text import is_repository

    suffix = output.suffix.lower() if output is not None else ""
    if suffix in {".yaml", ".yml"}:
        return False
    if suffix == ".toml" and not any(step.whole_file for step in proposal.steps):
        raise UsageError(
            f"{output}: a configuration lists files in the import format, and the sources have other columns.",
            hint="Write a recipe instead: -o NAME.yaml.",
        )
    return suffix == ".toml" or is_repository(proposal, folders=folders)


def _following(proposal: "Proposal", output: Path | None, *, checks: bool) -> str:
    """Return the command to run after this one."""
    if checks:
        return "bulkops check" if output is not None else "bulkops init SOURCE... -o bulkops.toml, then bulkops check"
    recipe = shlex.quote(str(output)) if output is not None else "RECIPE"
    if all(step.ready for step in proposal.steps):
        return f"bulkops run {recipe} --dry-run"
    return f"bulkops map {recipe} --head 20"


def _summarise(proposal: "Proposal", output: Path | None, following: str, *, checks: bool) -> None:
    """Print the recognised columns, the open decisions and the next step to stderr."""
    from bulkops.proposing.yaml_text import facts, undecided_lines

    out = console()
    if checks:
        files = counted(sum(step.whole_file for step in proposal.steps), "file")
        out.note(f"{files} in the import format: this is a configuration for `bulkops check`, not a recipe.")
    for step in proposal.steps:
        certain = sum(each.state == "certain" for each in step.fields)
        columns = "in the import format" if step.ready else f"{counted(certain, 'column')} certain"
        unused = f" {counted(len(step.unused), 'source column')} not used." if step.unused else ""
        out.note(f"{facts(step.table)} {step.contract}: {columns}, {len(step.undecided_columns)} to decide.{unused}")
        if step.table.profile.problem is not None:
            out.complain(str(step.table.profile.problem), "Correct the file, and run the command again.")
    for table in proposal.unknown:
        out.note(f"{facts(table)} No contract was recognised.")
    for line in undecided_lines(proposal.steps):
        out.note(f"Decide: {line}")
    if output is not None:
        out.note(f"Wrote {output}.")
    out.note(f"Next: {following}")


def _document(
    proposal: "Proposal", text: str, output: Path | None, following: str, *, checks: bool
) -> "ProposalDocument":
    return {
        "kind": "configuration" if checks else "recipe",
        "text": text,
        "output": str(output) if output is not None else None,
        "steps": [_step_document(step) for step in proposal.steps],
        "unknown": [table.name for table in proposal.unknown],
        "decisions": proposal.decisions,
        "next": following,
    }


def _step_document(step: "ProposedStep") -> "ProposedStepDocument":
    table = step.table
    return {
        "table": table.name,
        "tool": table.tool.about if table.tool is not None else None,
        "rows": table.profile.rows,
        "complete": table.profile.complete,
        "notes": list(table.notes),
        "contract": step.contract,
        "certain": step.certain,
        "other_contracts": list(step.others),
        "import_format": step.ready,
        "fields": [_field_document(each) for each in step.fields],
        "unused": list(step.unused),
        "undecided_sources": list(step.open_sources),
        "where": step.where,
        "problem": str(table.profile.problem) if table.profile.problem is not None else None,
    }


def _field_document(each: "ProposedColumn") -> "FieldDocument":
    return {
        "column": each.column,
        "required": each.required,
        "state": each.state.value,
        "source": each.source,
        "sql": each.sql,
        "assumed": each.assumed,
        "why": each.why,
        "candidates": [{"source": one.source, "sql": one.sql, "why": one.why} for one in each.candidates],
    }
