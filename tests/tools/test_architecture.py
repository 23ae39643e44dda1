"""The picture of the architecture shows each package and the imports between them."""

import re
from pathlib import Path

from tools import architecture
from tools.measure import imports, modules
from tools.wording import ROOT

GRAPH = {
    "bulkops": {"bulkops.top"},
    "bulkops.top.run": {"bulkops.middle.work", "bulkops.low.read", "bulkops.errors"},
    "bulkops.middle.work": {"bulkops.low.read", "bulkops.settings"},
    "bulkops.low.read": {"bulkops.errors"},
    "bulkops.settings": {"bulkops.errors"},
    "bulkops.errors": set[str](),
}


def test_picture_contains_every_package_of_the_program() -> None:
    names = set(re.findall(r'class="name"[^>]*>([^<]+)<', architecture.current()))
    folders = {f"bulkops.{path.parent.name}" for path in Path(ROOT, "bulkops").glob("*/__init__.py")}
    assert folders | {"bulkops_validators", architecture.COMMON} <= names


def test_packages_join_modules_and_keep_modules_without_packages_together() -> None:
    assert architecture.packages(GRAPH) == {
        "bulkops.top": {"bulkops.middle", "bulkops.low", architecture.COMMON},
        "bulkops.middle": {"bulkops.low", architecture.COMMON},
        "bulkops.low": {architecture.COMMON},
        architecture.COMMON: set(),
    }


def test_reduced_leaves_out_an_arrow_that_a_path_replaces() -> None:
    assert architecture.reduced(architecture.packages(GRAPH)) == {
        "bulkops.top": {"bulkops.middle"},
        "bulkops.middle": {"bulkops.low"},
        "bulkops.low": {architecture.COMMON},
        architecture.COMMON: set(),
    }


def test_rows_put_each_package_above_its_imports() -> None:
    graph = architecture.packages(imports(modules(ROOT)))
    level = {name: number for number, line in enumerate(architecture.rows(graph)) for name in line}
    assert all(level[name] < level[target] for name, targets in graph.items() for target in targets)
