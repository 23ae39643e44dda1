"""Plots are in proportion, and small parts are not lost."""

import re
from xml.etree import ElementTree as ET

import pytest

from bulkops.reporting.facts import mask
from bulkops.reporting.plots import WIDTH, bars, duration, stacked_bar, steps


def widths(svg: str) -> list[float]:
    return [float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]


def test_stacked_bar_is_as_wide_as_all_its_parts_and_shows_the_smallest() -> None:
    found = widths(stacked_bar({"accepted": 1_000_000, "rejected": 1, "pending": 0}, label="x"))
    assert len(found) == 2
    assert sum(found) == pytest.approx(WIDTH, abs=0.3)
    assert min(found) > 3


def test_bars_are_in_proportion() -> None:
    one, other = widths(bars({"a": 10, "b": 5}, {"a": "10", "b": "5"}, label="x"))
    assert one == pytest.approx(2 * other, rel=0.01)


def test_steps_never_fall_and_many_points_stay_a_small_picture() -> None:
    svg = steps([(n * 0.1, n) for n in range(50_000)], most=50_000, label="x")
    ET.fromstring(svg)
    assert len(svg) < 20_000
    heights = [float(v) for v in re.findall(r"V([\d.]+)", svg)]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("points", [[], [(0.0, 0)], [(0.0, 0), (0.0, 5), (0.0, 6)]])
def test_plot_without_values_is_empty(points: list[tuple[float, int]]) -> None:
    assert steps(points, most=6, label="x") == ""


def test_hostile_name_in_a_plot_is_escaped() -> None:
    ET.fromstring(bars({"<b>&": 1}, {"<b>&": "1 < 2"}, label='"<x>"'))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (2.5, "2.5 s"), (61, "1 min 01 s"), (3725, "1 h 02 min"), (119.6, "2 min 00 s")]
)
def test_duration_has_units_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_masked_value_hides_its_middle() -> None:
    assert mask("SPRING-7F3K") == "SP••••••••K"
    assert mask("abcd") == "••••"
