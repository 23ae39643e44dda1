"""Write the check table of bulkops.toml for CSV files that have the import format already."""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bulkops.proposing.model import Proposal, ProposedStep
from bulkops.remote.paths import RemotePath


def is_repository(proposal: Proposal, *, folders: bool) -> bool:
    """Return whether the files need only be checked: several in the import format, or some in a folder."""
    whole = [step for step in proposal.steps if step.whole_file]
    if any(isinstance(step.table.spec.file, RemotePath) for step in whole):
        return False  # a check reads files of this machine
    return bool(whole) and (folders or (len(whole) == len(proposal.steps) > 1 and not proposal.unknown))


def configuration_text(proposal: Proposal, *, folder: Path) -> str:
    """Return a configuration with patterns relative to `folder`."""
    files: dict[str, list[Path]] = defaultdict(list)
    unsure: list[ProposedStep] = []
    for step in proposal.steps:
        if step.whole_file and step.certain and step.table.spec.file is not None:
            files[step.contract].append(step.table.spec.file)
        elif step.whole_file:
            unsure.append(step)
    lines = ["# Proposed by `bulkops init`. Check the files with: bulkops check", "[check]"]
    lines += [f"{contract} = {json.dumps(_patterns(paths, folder))}" for contract, paths in files.items()]
    for step in unsure:
        path = _relative(step.table.spec.file or Path(), folder)
        others = ", ".join(step.others)
        lines.append(f"# DECIDE: {json.dumps(path)} fits {step.contract}, or {others}")
    other = [step.table for step in proposal.steps if not step.whole_file] + list(proposal.unknown)
    for table in dict.fromkeys(each.spec.file for each in other if each.spec.file is not None):
        lines.append(f"# Not in the import format: {json.dumps(_relative(table, folder))}")
    return "\n".join(lines) + "\n"


def _patterns(paths: Sequence[Path], folder: Path) -> list[str]:
    """Return the paths; a pattern replaces several files of a folder if it matches no other file."""
    found: list[str] = []
    for parent in dict.fromkeys(path.parent for path in paths):
        here = [path for path in paths if path.parent == parent]
        start = _common_start(here).rstrip("0123456789")
        pattern = parent / f"{start}*.csv"
        alone = set(parent.glob(pattern.name)) == set(here)
        found += (
            [_relative(pattern, folder)]
            if len(here) > 1 and start and alone
            else [_relative(path, folder) for path in here]
        )
    return found


def _common_start(paths: Sequence[Path]) -> str:
    """Return the beginning that the names of files have in common."""
    low, high = min(path.name for path in paths), max(path.name for path in paths)
    same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:same]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
