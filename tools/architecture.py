"""Draw the packages and their imports; `make docs` writes the picture.

Boxes are packages, with the first line of their docstring. An arrow goes from a package to one that it imports. An
arrow is left out where a longer path of arrows leads to the same package, so the picture shows the order.
"""

import ast
import textwrap
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from tools.measure import imports, modules, reachable
from tools.wording import ROOT

# All modules directly in `bulkops` that packages build on are one box.
COMMON = "common modules"
SKIPPED = {"bulkops", "bulkops.__main__"}
WIDTH, HEIGHT, BEND = 250, 60, 20
GAP_X, GAP_Y, MARGIN = 30, 44, 20
LETTERS = 36
STYLE = (
    "text{font:12px sans-serif;fill:#3c4650;text-anchor:middle}.name{font:bold 14px sans-serif;fill:#10202e}"
    "rect{fill:#eef4fa;stroke:#5b87ab}path{fill:none;stroke:#7c8a96;stroke-width:1.3}"
)
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8Z" style="fill:#7c8a96;stroke:none"/></marker>'
)


@dataclass(frozen=True)
class Place:
    """The place of a box, or of the bend of an arrow that passes its row."""

    x: float
    y: float
    width: int

    @property
    def middle(self) -> float:
        """Return the horizontal middle."""
        return self.x + self.width / 2


def packages(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return which packages each package imports."""
    found: dict[str, set[str]] = defaultdict(set)
    inside = {".".join(name.split(".")[:2]) for name in graph if name.count(".") > 1}
    folders = {name for name in inside if name.startswith("bulkops.")}
    below = {name: reachable(graph, name) for name in graph if name not in SKIPPED and name.count(".") == 1}
    alone = {
        name
        for name, targets in below.items()
        if not any(f"{t}.".startswith(f"{f}.") for t in targets for f in folders)
    }

    def box(module: str) -> str:
        name = ".".join(module.split(".")[:2])
        if module.startswith("bulkops_validators"):
            return "bulkops_validators"
        return COMMON if name in alone - folders else name

    for module, targets in graph.items():
        if module not in SKIPPED:
            found[box(module)] |= {box(target) for target in targets - SKIPPED} - {box(module)}
    return dict(found)


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the graph without each arrow that a longer path replaces; the graph has no cycle."""
    below = {name: reachable(graph, name) for name in graph}
    return {
        name: {target for target in targets if not any(target in below[other] for other in targets - {target})}
        for name, targets in graph.items()
    }


def about(name: str) -> str:
    """Return the first line of a package's docstring, without its full stop."""
    if name == COMMON:
        return "settings, errors, limits, files, recipes: each one module"
    folder = ROOT / "validators" if name == "bulkops_validators" else ROOT
    path = folder.joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").partition("\n")[0].rstrip(".")


def rows(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the packages row by row, from the top: each is above all that it imports."""
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = 1 + max((height(target) for target in graph[name]), default=-1)
        return heights[name]

    for name in graph:
        height(name)
    return [sorted(n for n in graph if heights[n] == level) for level in range(max(heights.values()), -1, -1)]


def with_bends(graph: Mapping[str, set[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows with a bend in each row that an arrow crosses, and each arrow as its stations from the top."""
    lines = rows(graph)
    level = {name: number for number, line in enumerate(lines) for name in line}
    arrows = []
    for name in sorted(graph):
        for target in sorted(graph[name]):
            between = range(level[name] + 1, level[target])
            bends = [f"{name}>{target}" for _ in between]
            for number in between:
                lines[number].append(f"{name}>{target}")
            arrows.append([name, *bends, target])
    return lines, arrows


def placed(lines: list[list[str]], arrows: list[list[str]]) -> dict[tuple[int, str], Place]:
    """Return the place of each box and bend, by row and name; each is near the ones above it that lead to it."""
    found: dict[tuple[int, str], Place] = {}
    widths = [[_width(name) for name in line] for line in lines]
    widest = max(sum(line) + GAP_X * (len(line) - 1) for line in widths)
    above = {(start, end) for arrow in arrows for start, end in pairwise(arrow)}
    for number, line in enumerate(lines):
        order = {name: _middle(name, number, above, found, widest / 2) for name in line}
        left = MARGIN + (widest - sum(widths[number]) - GAP_X * (len(line) - 1)) / 2
        for name in sorted(line, key=lambda n: (order[n], n)):
            found[number, name] = Place(left, MARGIN + number * (HEIGHT + GAP_Y), _width(name))
            left += _width(name) + GAP_X
    return found


def _width(name: str) -> int:
    return BEND if ">" in name else WIDTH


def _middle(
    name: str, row: int, above: set[tuple[str, str]], found: Mapping[tuple[int, str], Place], default: float
) -> float:
    """Return the mean position of the places in the row above that lead to a name."""
    xs = [place.middle for (number, start), place in found.items() if number == row - 1 and (start, name) in above]
    return sum(xs) / len(xs) if xs else default


def picture(graph: Mapping[str, set[str]]) -> str:
    """Return the picture as SVG."""
    lines, arrows = with_bends(reduced(graph))
    places = placed(lines, arrows)
    right = max(place.x + place.width for place in places.values()) + MARGIN
    bottom = max(place.y for place in places.values()) + HEIGHT + MARGIN
    first = {name: number for number, line in reversed(list(enumerate(lines))) for name in line}
    paths = [_arrow([places[first[arrow[0]] + i, name] for i, name in enumerate(arrow)]) for arrow in arrows]
    boxes = [_box(name, place) for (_, name), place in places.items() if ">" not in name]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:g} {bottom:g}" role="img">',
        "<title>Packages of bulkops and their imports</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{TIP}</defs>",
        f'<rect width="{right:g}" height="{bottom:g}" style="fill:#fff;stroke:none"/>',
    )
    return "\n".join([*head, *paths, *boxes, "</svg>\n"])


def _box(name: str, place: Place) -> str:
    lines = textwrap.wrap(about(name), LETTERS, max_lines=2, placeholder=" …")
    text = "".join(
        f'<text x="{place.middle:g}" y="{place.y + 36 + 15 * number:g}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{place.width}" height="{HEIGHT}" rx="6"/>'
        f'<text class="name" x="{place.middle:g}" y="{place.y + 18:g}">{escape(name)}</text>{text}'
    )


def _arrow(stations: list[Place]) -> str:
    """Draw an arrow from the bottom of a box, through the bends of the rows between, to the top of another box."""
    first, *bends, last = stations
    path = f"M{first.middle:g} {first.y + HEIGHT:g}"
    x, y = first.middle, first.y + HEIGHT
    for place in [*bends, last]:
        path += f" C{x:g} {y + GAP_Y / 2:g} {place.middle:g} {place.y - GAP_Y / 2:g} {place.middle:g} {place.y:g}"
        if place is not last:
            path += f" L{place.middle:g} {place.y + HEIGHT:g}"
        x, y = place.middle, place.y + HEIGHT
    return f'<path d="{path}" marker-end="url(#tip)"/>'


def current() -> str:
    """Return the picture of this checkout."""
    return picture(packages(imports(modules(ROOT))))
