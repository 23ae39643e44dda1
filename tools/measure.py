"""Measure how readable this repository is, or another checkout: `python -m tools.measure [--root FOLDER]`.

Only parsed source is read, so that older commits can be measured, too:

    git worktree add /tmp/old COMMIT && python -m tools.measure --root /tmp/old
"""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.texts import Kind, Text, texts
from tools.wording import ROOT, Group, groups

PACKAGES = ("bulkops", "validators/bulkops_validators")
HELP_RUNS = 9
STEPS = re.compile(r"^\d+\. `([^`]+)`", flags=re.MULTILINE)


def modules(root: Path) -> dict[str, Path]:
    """Return the modules of the program by dotted name."""
    found = {}
    for package in PACKAGES:
        source = (root / package).parent
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(source).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(found: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the modules of the program that each module imports, also inside functions and for types only."""
    graph: dict[str, set[str]] = {}
    for name, path in found.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[name] = {target for node in ast.walk(tree) for target in _targets(node, found)} - {name}
    return graph


def _targets(node: ast.AST, found: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in found)
    if isinstance(node, ast.ImportFrom) and node.module and node.module in found:
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            yield module if module in found else node.module


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return each group of modules that import each other, directly or through others."""
    reach = {name: reachable(graph, name) for name in graph}
    groups_of = {tuple(sorted(m for m in reach[name] if name in reach[m])) for name in graph}
    return sorted(list(group) for group in groups_of if group)


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Return all that `start` leads to, directly or through others."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def siblings(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the cycles between the parts of each package, where a sub-package counts as one part."""
    found = []
    for package in sorted({name.rpartition(".")[0] for name in graph} - {""}):
        inside = package + "."
        parts: dict[str, set[str]] = defaultdict(set)
        for name in (n for n in graph if n.startswith(inside)):
            part = inside + name.removeprefix(inside).split(".")[0]
            others = (t for t in graph[name] if t.startswith(inside))
            parts[part] |= {inside + t.removeprefix(inside).split(".")[0] for t in others} - {part}
        found += cycles(parts)
    return found


def type_names(found: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of classes that several modules define, each with these modules."""
    owners: dict[str, list[str]] = defaultdict(list)
    for module, path in found.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                owners[node.name.lstrip("_")].append(module)
    return {name: where for name, where in sorted(owners.items()) if len(set(where)) > 1}


def bodies(found: Mapping[str, Path]) -> dict[str, int]:
    """Return the lines of each function's body, without its docstring, by dotted name."""
    sizes = {}
    for module, path in found.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                sizes[f"{module}.{node.name}:{node.lineno}"] = (
                    (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                )
    return sizes


def rate(found: list[Text], group: Group) -> float:
    """Return the matches of a group per 1,000 words."""
    words = sum(text.words for text in found)
    return round(1000 * sum(1 for text in found for _ in group.matches(text)) / words, 2) if words else 0.0


def files_of_an_import(root: Path) -> list[str]:
    """Return the files that CONTRIBUTING names for a new import; none if it has no such list."""
    page = root / "CONTRIBUTING.md"
    if not page.exists():
        return []
    _, _, section = page.read_text(encoding="utf-8").partition("## Add an import\n")
    return STEPS.findall(section.partition("\n## ")[0])


def help_seconds(root: Path) -> float:
    """Return the median duration of `bulkops --help`, in seconds."""
    paths = os.pathsep.join([str(root), str(root / "validators")])
    command = [sys.executable, "-m", "bulkops", "--help"]
    taken = []
    for _ in range(HELP_RUNS):
        begin = time.perf_counter()
        subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, check=True)
        taken.append(time.perf_counter() - begin)
    return round(statistics.median(taken), 3)


def measure(root: Path) -> dict[str, object]:
    """Return all figures of a checkout."""
    found = modules(root)
    graph = imports(found)
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in found.values()]
    everything = list(texts(root))
    docstrings = [t for t in everything if t.kind is Kind.DOCSTRING and t.part not in {"tests", "tools"}]
    pages = [t for t in everything if t.kind is Kind.PAGE]
    messages = [t for t in everything if t.kind is Kind.MESSAGE and t.part.startswith(("bulkops", "validators"))]
    kinds = {"docstrings": docstrings, "docs": pages, "messages": messages}
    shared = type_names(found)
    return {
        "modules": len(found),
        "median_lines": statistics.median(lines),
        "lines": sum(lines),
        "longest_body": max(bodies(found).values()),
        "import_cycles": cycles(graph),
        "sibling_cycles": siblings(graph),
        "shared_type_names": {name: len(set(where)) for name, where in shared.items()},
        "per_1000_words": {
            group.name: {kind: rate(found_texts, group) for kind, found_texts in kinds.items()} for group in groups()
        },
        "files_to_add_an_import": files_of_an_import(root),
        "help_seconds": help_seconds(root),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the figures as JSON."""
    parser = ArgumentParser(prog="python -m tools.measure", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to measure; default: this one")
    chosen = parser.parse_args(arguments)
    print(json.dumps(measure(chosen.root.resolve()), indent=2))


if __name__ == "__main__":
    main()
