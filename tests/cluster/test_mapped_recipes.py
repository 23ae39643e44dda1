"""`bulkops map` on a cluster prints and writes what it does on one machine, and uses complete files again."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bulkops
from bulkops.catalog import shipped_recipes
from bulkops.cluster import Cluster, opened_cluster
from bulkops.mapping.mapped import MappedFile, workspace
from bulkops.mapping.on_cluster import map_step_on_cluster
from bulkops.recipe import Step
from bulkops.validation import on_cluster
from tests.cli.running import Ended, Inside
from tests.cluster.clusters import threaded_cluster

GROUPED = {"products-collection"}
"""Recipes with steps that need all rows at a time."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with threaded_cluster(2) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_cluster, "_LEAST_BYTES", 600)
        yield found


def mapped(inside: Inside, *words: str) -> tuple[Ended, Mapping[str, bytes]]:
    """Return how `bulkops map` into the folder `mapped` ended, and the files of that folder, which is removed."""
    ended = inside.run("map", *words, "--into", "mapped")
    files = {path.name: path.read_bytes() for path in Path("mapped").iterdir()}
    shutil.rmtree("mapped")
    return ended, files


@pytest.mark.parametrize("recipe", sorted(set(shipped_recipes()) - {"demo"}))
def test_output_and_files_of_a_shipped_recipe_are_identical(
    recipe: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: set[str] = set()
    submit = Cluster.submit

    def noting(self: Cluster, name: str, *arguments: Any, first: bool = False) -> Any:
        submitted.add(name)
        return submit(self, name, *arguments, first=first)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Cluster, "submit", noting)
    inside = Inside(tmp_path / "state")
    there = mapped(inside, recipe, "--json", "--cluster", address)
    assert there == mapped(inside, recipe, "--json")
    assert (there[0].code, len(there[1]) > 1) == (0, True)
    assert ("map-range" in submitted) == (recipe not in GROUPED)


def test_function_of_python_returns_the_mapped_files_of_one_machine(address: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
        here = bulkops.map_recipe("gift-cards", tmp_path / "here")
        there = bulkops.map_recipe("gift-cards", tmp_path / "there", cluster=address)
    assert [replace(each, path=tmp_path / "here" / each.path.name) for each in there] == here
    assert [each.path.read_bytes() for each in there] == [each.path.read_bytes() for each in here]


def test_second_run_on_a_cluster_uses_the_complete_files_of_the_first(address: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("a,b\n" + "".join(f"C-{number},{number}\n" for number in range(200)))
    keys = {"contract": "coupons", "columns": {"value": "a"}, "unused": ["b"], "expect": {"source_rows": 200}}
    step = Step.model_validate({**keys, "source": tmp_path / "s.csv"})

    def run() -> MappedFile:
        with workspace(tmp_path / "state" / "work") as space, opened_cluster(address) as cluster:
            return map_step_on_cluster(step, tmp_path / "out.csv", space, cluster)

    first, again = run(), run()
    assert (first.reused, again.reused) == (False, True)
    assert replace(again, reused=False) == first
    (tmp_path / "s.csv").write_text("a,b\n" + "".join(f"D-{number},{number}\n" for number in range(200)))
    changed = run()
    assert (changed.reused, changed.records, changed.sha256 != first.sha256) == (False, 200, True)
