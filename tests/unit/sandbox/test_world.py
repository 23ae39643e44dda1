"""Worlds from files."""

from pathlib import Path

import pytest

from bulkops.errors import BulkopsError
from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.world_file import load_world


def test_a_world_may_change_parts_of_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(
        "extends: default\nstores: {pattern: 'S-{:02d}', count: 2, names: [Köln]}\nprofiles:\n  - {names: ['0815']}\n",
        encoding="utf-8",
    )
    world = load_world(path)
    assert [name for series in world.stores for name in series.all()] == ["S-01", "S-02", "Köln"]
    assert [name for series in world.profiles for name in series.all()] == ["0815"]
    assert world.programs == DEFAULT.programs


def test_a_world_without_extends_starts_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{"pools": [{"id": 7, "name": "p"}]}', encoding="utf-8")
    world = load_world(str(path))
    assert [pool.id for pool in world.pools] == [7]
    assert world.applications == ()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "extends: other",
        "planets: []",
        "pools: [{id: one, name: p}]",
        "campaigns: [{id: 1, name: c, application: 9}]",
        "attributes: [{id: 1, entity: Coupon, name: a, type: text}]",
        "stores: {pattern: 'S-{:02d}', count: -1}",
        "profiles: {pattern: 'S-{x}', count: 1}",
        "applications: [{id: 1, name: a, timezone: Mars/Olympus}]",
    ],
)
def test_an_invalid_world_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BulkopsError, match="cannot be used"):
        load_world(path)


def test_a_missing_world_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BulkopsError, match="cannot be read"):
        load_world(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "series",
    [
        "pattern: 'S-{:0999999999d}', count: 1",
        "pattern: 'S-{:>1001}', count: 1",
        "pattern: 'S-{:.5000f}', count: 1",
        "pattern: 'S-{:{}}', count: 1",
        f"pattern: '{{}}{'x' * 1000}', count: 1",
        "count: 2000001",
        f"count: {'9' * 5000}",
    ],
)
def test_a_series_with_more_names_than_fit_in_memory_is_refused(tmp_path: Path, series: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(f"extends: default\nstores: {{{series}}}\n")
    with pytest.raises(BulkopsError, match="cannot be used"):
        load_world(path)


def test_the_widest_names_of_a_pattern_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text("extends: default\nstores: {pattern: 'S{:0999d}', count: 1}\n")
    assert [len(name) for name in load_world(path).stores[0].all()] == [1000]


def test_all_series_of_a_world_together_have_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text("extends: default\nprofiles:\n" + "  - {count: 2000000}\n" * 3)
    with pytest.raises(BulkopsError, match="at most 5,000,000"):
        load_world(path)
