"""The measurements of the repository: cycles, names and rates are those of the source tree."""

from pathlib import Path

import pytest

from tools import measure
from tools.wording import ROOT

SOURCES = {
    "bulkops/__init__.py": "",
    "bulkops/one/__init__.py": "",
    "bulkops/one/first.py": "from bulkops.two import second\nclass Place: ...\n",
    "bulkops/one/plain.py": "class Place: ...\n",
    "bulkops/two/__init__.py": "",
    "bulkops/two/second.py": "def use() -> None:\n    from bulkops.one.plain import Place\n",
    "bulkops/left.py": "import bulkops.right\n",
    "bulkops/long.py": 'def count() -> int:\n    """Return 3."""\n    one = 1\n    return (\n        one + 2\n    )\n',
    "bulkops/right.py": "from bulkops import left\n",
    "validators/bulkops_validators/__init__.py": "",
    "CONTRIBUTING.md": "## Add an import\n\n1. `a.py`: first\n2. `b.csv`: second\n\n## Other\n\n1. `c.py`: no\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def test_measure_finds_cycles_between_modules_and_between_packages(tree: Path) -> None:
    graph = measure.imports(measure.modules(tree))
    assert measure.cycles(graph) == [["bulkops.left", "bulkops.right"]]
    assert measure.siblings(graph) == [["bulkops.left", "bulkops.right"], ["bulkops.one", "bulkops.two"]]


def test_measure_finds_class_names_with_several_owners(tree: Path) -> None:
    assert measure.type_names(measure.modules(tree)) == {"Place": ["bulkops.one.first", "bulkops.one.plain"]}


def test_measure_counts_the_files_that_contributing_lists(tree: Path) -> None:
    assert measure.files_of_an_import(tree) == ["a.py", "b.csv"]


def test_measure_counts_the_lines_of_a_body_without_its_docstring(tree: Path) -> None:
    assert measure.bodies(measure.modules(tree)) == {"bulkops.long.count:1": 4, "bulkops.two.second.use:1": 1}


def test_no_function_has_a_body_of_more_than_40_lines() -> None:
    sizes = measure.bodies(measure.modules(ROOT))
    assert {name: lines for name, lines in sizes.items() if lines > 40} == {}


def test_the_program_has_no_import_cycle() -> None:
    assert measure.cycles(measure.imports(measure.modules(ROOT))) == []


TWO_LAYERS = {
    "a kind of object, as the client reads it from an account and as a world of the sandbox has it": {
        "Application", "Attribute", "Audience", "Campaign", "Collection", "Program",
    },
    "an operation of the API, as contracts and as the sandbox, which shares nothing with them, describe it": {
        "Operation",
    },
    "a value, and its part of a JSON document": {"Cost", "PlannedChunk"},
    "an outcome of a request, as an error and as an event of the ledger": {"NotDelivered", "OutcomeUnknown"},
}  # fmt: skip
"""The concepts that have one type name in two layers."""


def test_type_names_have_one_meaning_each() -> None:
    shared = measure.type_names(measure.modules(ROOT))
    assert set(shared) == set().union(*TWO_LAYERS.values())
    assert {name for name, owners in shared.items() if len(set(owners)) > 2} == set()
