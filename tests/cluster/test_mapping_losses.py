"""A mapping on a cluster with failing parts: lost workers and killed commands change no byte and leave no file."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.cluster import opened_cluster
from bulkops.errors import InputUnreadable, UsageError
from bulkops.mapping.mapped import MappedFile, map_step, workspace
from bulkops.mapping.on_cluster import map_step_on_cluster
from bulkops.mapping.range_mapping import MappingBuild
from bulkops.origins import origins_path
from bulkops.recipe import Step
from bulkops.validation import on_cluster
from tests.cli.running import Inside
from tests.cluster.clusters import ProcessCluster, process_cluster, wait_until

RECIPE = """name: codes
about: Codes to coupons.
steps:
  - contract: coupons
    source: codes-*.csv
    columns: {value: "'C-' || code", attributes: "json_object('n', note)"}
    ids: {application: 1, campaign: 1}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    with process_cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        found.wait_for_workers(2)
        yield found


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 40_000)
    lines = (f'{number},"a, {number}"\n' for number in range(20_000))
    (tmp_path / "codes.csv").write_text("code,note\n" + "".join(lines))
    return Step.model_validate(
        {
            "contract": "coupons",
            "source": tmp_path / "codes.csv",
            "columns": {"value": "'C-' || code", "attributes": "json_object('n', note)"},
        }
    )


def on_one_machine(step: Step, path: Path) -> tuple[MappedFile, bytes, bytes]:
    """Return the result, the mapped file and its origins, and remove both files."""
    with workspace(path.parent / "here" / "work") as space:
        found = map_step(step, path, space)
    files = path.read_bytes(), origins_path(path).read_bytes()
    path.unlink()
    origins_path(path).unlink()
    return found, *files


def test_command_that_was_killed_is_repeated_and_leaves_no_parts(cluster: ProcessCluster, tmp_path: Path) -> None:
    recipe, into, shell = tmp_path / "codes.yaml", tmp_path / "into", Inside(tmp_path / "state")
    recipe.write_text(RECIPE)
    for number in range(16):
        (tmp_path / f"codes-{number}.csv").write_text(f"code,note\n{number},x\n")
    words = ("map", str(recipe), "--into", str(into), "--json")
    process = shell.start(*words, "--cluster", cluster.address)
    wait_until(lambda: any(into.glob(".*.parts/*.csv")))
    process.kill()
    process.communicate()
    assert any(into.glob(".*.parts"))
    ended = shell.run(*words, "--cluster", cluster.address)
    names = ["01-coupons.csv", "01-coupons.csv.origins.parquet"]
    assert (ended.code, ended.json["steps"][0]["mapping"]["records"]) == (0, 16)
    assert sorted(each.name for each in into.iterdir()) == names
    there = [(into / name).read_bytes() for name in names]
    shutil.rmtree(into)
    assert shell.run(*words) == ended
    assert [(into / name).read_bytes() for name in names] == there


def test_folder_that_workers_do_not_share_is_reported_with_the_worker(
    cluster: ProcessCluster, step: Step, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    opened_folder = os.open(tmp_path / "out", os.O_RDONLY)
    into = Path(f"/proc/self/fd/{opened_folder}")
    try:
        with (
            workspace(tmp_path / "state" / "work") as space,
            opened_cluster(cluster.address) as opened,
            pytest.raises(InputUnreadable, match=r"The worker tcp://\S+ reports: .*\.parts does not exist") as error,
        ):
            map_step_on_cluster(step, into / "out.csv", space, opened)
    finally:
        os.close(opened_folder)
    assert "that all machines share" in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_worker_with_another_duckdb_is_reported(
    cluster: ProcessCluster, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = MappingBuild(bulkops=MappingBuild.here().bulkops, duckdb="0.1")
    monkeypatch.setattr(MappingBuild, "here", lambda: other)
    with (
        workspace(tmp_path / "state" / "work") as space,
        opened_cluster(cluster.address) as opened,
        pytest.raises(UsageError, match=r"A worker has DuckDB \S+; this process has DuckDB 0\.1"),
    ):
        map_step_on_cluster(step, tmp_path / "out.csv", space, opened)


def test_ranges_of_a_killed_worker_are_mapped_again_with_the_same_bytes(
    cluster: ProcessCluster, step: Step, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "out.csv"
    killed: list[bool] = []
    path.parent.mkdir()
    found, records, origins = on_one_machine(step, path)

    def kill(_: int) -> None:
        if not killed:
            os.kill(cluster.processes[1].pid, signal.SIGKILL)
            killed.append(True)

    with (
        workspace(tmp_path / "state" / "work", progress=kill) as space,
        opened_cluster(cluster.address) as opened,
    ):
        assert map_step_on_cluster(step, path, space, opened) == found
    assert killed
    assert (path.read_bytes(), origins_path(path).read_bytes()) == (records, origins)
    assert sorted(each.name for each in path.parent.iterdir() if each.is_file()) == [
        "out.csv",
        "out.csv.origins.parquet",
    ]
