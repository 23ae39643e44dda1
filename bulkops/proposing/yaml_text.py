"""Write a proposal as a recipe: certain mappings as YAML, everything else as comments with candidates and counts."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from bulkops.proposing.model import MappingState, ProfiledTable, Proposal, ProposedColumn, ProposedStep
from bulkops.proposing.profile import control_character
from bulkops.proposing.sql import ZONE, undecided
from bulkops.proposing.words import words
from bulkops.recipe_source import SourceSpec
from bulkops.recipe_text import VARIABLE
from bulkops.remote.paths import RemotePath
from bulkops.wording import counted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Number

DECIDE = "DECIDE"
_PLAIN = re.compile(r"[A-Za-z][\w ./-]*(?<! )")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
ADDRESS = "LEGACY_DATABASE"
"""Environment variable with the address of a database; its password must not be in a recipe."""


def recipe_text(proposal: Proposal, *, folder: Path, name: str, following: str) -> str:
    """Return the recipe; its paths are relative to `folder`, and `following` is the command to run next."""
    return "\n".join(_lines(proposal, folder, name, following)) + "\n"


def _lines(proposal: Proposal, folder: Path, name: str, following: str) -> Iterator[str]:
    decisions = proposal.decisions
    yield "# Proposed by `bulkops init`. Nothing was sent."
    if decisions:
        yield f"# {counted(decisions, 'line')} marked {DECIDE} {'needs' if decisions == 1 else 'need'} a decision."
    yield f"# Next: {_comment(following)}"
    yield f"name: {scalar(name)}"
    if any(ZONE in (each.sql or "") for step in proposal.steps for each in step.fields):
        yield "variables:"
        yield "  # Assumed: the files do not show the time zone of these dates. Write a name such as Europe/Berlin."
        yield "  zone: UTC"
    yield "steps:"
    for step in proposal.steps:
        yield from _step(step, folder)
    for table in proposal.unknown:
        yield f"  # {_comment(table.name)} fits no contract. Its columns: {_comment(', '.join(table.columns))}"


def _step(step: ProposedStep, folder: Path) -> Iterator[str]:
    yield from (f"  # {_comment(text)}" for text in _about(step))
    yield f"  - contract: {step.contract}"
    if step.ready and step.table.spec.file is not None:
        yield f"    file: {scalar(_relative(step.table.spec.file, folder))}"
    else:
        yield from (f"    {line}" for line in _source(step.table.spec, folder))
        yield from (f"    {line}" for line in _mapping(step))
    targets = words().contracts.get(step.contract)
    if targets is not None and targets.options:
        yield f"    options: {json.dumps(dict(targets.options))}".replace('"', "")
    ids = ", ".join(f"{name}: 1" for name in CONTRACTS[step.contract].routes[0].ids)
    yield f"    # ids: {{{ids}}}  # or in the target, or as options of `bulkops run`"


def _about(step: ProposedStep) -> Iterator[str]:
    """Yield the facts about the table, and the decisions about the whole step."""
    table = step.table
    yield facts(table)
    if table.uncertain_encoding is not None:
        yield f"{DECIDE} the encoding: {table.uncertain_encoding}"
    if table.profile.problem is not None:
        yield f"Correct the file first: {table.profile.problem}"
    if not step.certain:
        yield f"{DECIDE} the contract: {step.contract}, or {', '.join(step.others)}"
    elif step.others:
        yield f"Less likely: {', '.join(step.others)}"


def facts(table: ProfiledTable) -> str:
    """Return the facts about a table in one sentence."""
    rows = counted(table.profile.rows, "row")
    found = [rows if table.profile.complete else f"the first {rows}", *table.notes]
    if table.tool is not None:
        found.append(f"headers as in {table.tool.about}")
    if table.profile.footer is not None:
        found.append(f"the last row has totals ({table.profile.footer.word})")
    return f"{table.name}: {'; '.join(found)}."


def _source(spec: SourceSpec, folder: Path) -> Iterator[str]:
    if spec.file is None:
        yield "source:"
        if urlsplit(spec.database or "").password:
            yield f"  # The address has a password: set {ADDRESS} to it."
            yield f"  database_env: {ADDRESS}"
        else:
            yield f"  database: {scalar(_address(spec.database or '', folder))}"
        yield f"  table: {scalar(spec.table or '')}"
        return
    path = scalar(_relative(spec.file, folder))
    others = {key: str(value) for key in ("format", "sheet", "encoding") if (value := getattr(spec, key)) is not None}
    if not others:
        yield f"source: {path}"
        return
    yield "source:"
    yield f"  file: {path}"
    yield from (f"  {key}: {scalar(value)}" for key, value in others.items())


def _relative(path: Path, folder: Path) -> str:
    """Return a path from the folder of the recipe; an absolute one if they share no folder below the root.

    An address stays.
    """
    if isinstance(path, RemotePath):
        return str(path)
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _address(address: str, folder: Path) -> str:
    match = re.fullmatch(r"((?:duckdb|sqlite):///)(.+)", address)
    return f"{match[1]}{_relative(Path(match[2]), folder)}" if match and not match[2].startswith("/") else address


def _mapping(step: ProposedStep) -> Iterator[str]:
    yield "columns:"
    for each in step.fields:
        yield from (f"  {line}" for line in _field(each))
    if step.where is not None:
        yield f"where: {scalar(step.where)}"
    if totals := dict(_totals(step)):
        yield "# The totals in the last row of the file:"
        yield "expect:"
        yield from (f"  {key}: {value}" for key, value in totals.items())
    yield from (f"# {_comment(hint)}" for hint in step.hints)
    yield from _unused(step)


def _field(each: ProposedColumn) -> Iterator[str]:
    if each.state is MappingState.CERTAIN:
        assumed = f"; assumed: {each.assumed}" if each.assumed else ""
        yield f"# {_comment(each.why)}{assumed}"
        yield f"{each.column}: {scalar(each.sql or '')}"
        return
    yield f"# {DECIDE} {each.column}: {_comment(each.why)}"
    for candidate in each.candidates:
        yield f"# {each.column}: {_comment(scalar(candidate.sql))}  # {_comment(candidate.why)}"
    if each.required:
        yield f"{each.column}: {scalar(undecided(f'decide what fills {each.column}'))}"


def _totals(step: ProposedStep) -> Iterator[tuple[str, str]]:
    """Yield the control totals of a step from the totals in its file."""
    for column, written in step.totals.items():
        source = next(each.source for each in step.fields if each.column == column)
        decision = step.table.profile.columns[source or ""].numbers
        if not isinstance(CONTRACTS[step.contract].column(column).cell, Number) or not decision.readings:
            continue
        text = re.sub(r"[^\d.,-]", "", written)
        text = text.replace(".", "").replace(",", ".") if decision.reading.form == "comma" else text.replace(",", "")
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            yield f"sum({column})", text


def _unused(step: ProposedStep) -> Iterator[str]:
    if not step.unused and not step.open_sources:
        return
    yield "unused:" if step.unused else "unused: []"
    for name, about in step.unused.items():
        yield f"  - {scalar(_pattern(name, step.table.columns))}" + (f"  # {_comment(about)}" if about else "")
    for name in step.open_sources:
        yield f"  # - {_comment(scalar(name))}  # {DECIDE}: use it above, or list it here"


def _pattern(name: str, columns: Sequence[str]) -> str:
    """Return the name of an unused column; a name that contains a variable becomes a pattern, if it fits no other."""
    if not VARIABLE.search(name):
        return name
    pattern = re.sub(r"[\[\]?$]", "*", name)
    return pattern if [each for each in columns if fnmatchcase(each, pattern)] == [name] else name


def scalar(text: str) -> str:
    """Return a text as a YAML value that is read as the same text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text) if control_character(text) else "'" + text.replace("'", "''") + "'"


def _comment(text: str) -> str:
    """Return a text on one line, without control characters, for a comment."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def undecided_lines(steps: Sequence[ProposedStep]) -> Iterator[str]:
    """Yield each decision in one sentence, for the summary."""
    for step in steps:
        if not step.certain:
            yield f"{step.table.name}: the contract: {step.contract}, or {', '.join(step.others)}."
        if step.table.uncertain_encoding is not None:
            yield f"{step.table.name}: the encoding: {step.table.uncertain_encoding}."
        for each in step.undecided_columns:
            if each.required or each.sources:
                yield f"{step.table.name}: {step.contract}.{each.column}: {each.why}."
