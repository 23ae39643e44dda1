"""Draw plots as inline SVG, without a library, because a page without network must contain everything. Pure functions.

Each plot has its numbers in a `title` element, so that no fact depends on colour alone.
"""

from collections.abc import Mapping, Sequence
from html import escape

from bulkops.escaping import escaped

WIDTH = 640
BAR_ROW = 48
PADDING = 120
"""Minimum width of a piece of a stacked bar that shows its name, also with the larger letters of a phone."""


def markup(text: str) -> str:
    """Return a text escaped for HTML or SVG, for element content or a quoted attribute."""
    return escape(escaped(text))


def stacked_bar(parts: Mapping[str, int], *, label: str) -> str:
    """Return one bar with proportional pieces; each part's name is its CSS class, and each piece is visible."""
    total = sum(parts.values())
    if not total:
        return ""
    shown = {name: number for name, number in parts.items() if number}
    widths = {name: max(4.0, number / total * WIDTH) for name, number in shown.items()}
    scale = WIDTH / sum(widths.values())
    left, pieces = 0.0, []
    for name, number in shown.items():
        width = widths[name] * scale
        said = f"{name.replace('_', ' ')}: {number:,} of {total:,}"
        pieces.append(
            f'<rect class="{markup(name)}" x="{left:.1f}" y="0" width="{width:.1f}" height="28">'
            f"<title>{markup(said)}</title></rect>"
        )
        if width > PADDING:
            pieces.append(f'<text x="{left + 8:.1f}" y="19" class="in-bar">{markup(name.replace("_", " "))}</text>')
        left += width
    return svg("".join(pieces), height=28, label=label)


def bars(values: Mapping[str, float], texts: Mapping[str, str], *, label: str) -> str:
    """Return a horizontal bar for each value, with its name above and its text after it."""
    if not values:
        return ""
    most = max((abs(v) for v in values.values()), default=0) or 1
    rows = []
    for number, (name, value) in enumerate(values.items()):
        top = number * BAR_ROW
        width = abs(value) / most * (WIDTH - 200)
        rows.append(
            f'<text x="0" y="{top + 16}" class="soft">{markup(_short(name))}</text>'
            f'<rect class="bar" x="0" y="{top + 22}" width="{max(width, 1):.1f}" height="18">'
            f"<title>{markup(name)}: {markup(texts[name])}</title></rect>"
            f'<text x="{6 + width:.1f}" y="{top + 37}">{markup(texts[name])}</text>'
        )
    return svg("".join(rows), height=BAR_ROW * len(values), label=label)


def steps(points: Sequence[tuple[float, int]], *, most: int, label: str) -> str:
    """Return records over seconds as a step line; empty for fewer than three points."""
    if len(points) < 3 or points[-1][0] <= 0 or most <= 0:
        return ""
    height, left, bottom = 190, 120, 160
    longest = points[-1][0]

    def x(seconds: float) -> float:
        return left + seconds / longest * (WIDTH - left - 20)

    def y(records: float) -> float:
        return bottom - records / most * (bottom - 14)

    path = [f"M{x(0):.1f},{y(0):.1f}"]
    for seconds, records in _thinned(points)[1:]:
        path.append(f"H{x(seconds):.1f}V{y(records):.1f}")
    grid = "".join(
        f'<line class="grid" x1="{left}" x2="{WIDTH - 20}" y1="{y(part * most):.1f}" y2="{y(part * most):.1f}"/>'
        f'<text class="name" x="{left - 6}" y="{y(part * most) + 4:.1f}">{round(part * most):,}</text>'
        for part in (0, 0.5, 1)
    )
    times = "".join(
        f'<text class="soft" text-anchor="{anchor}" x="{x(part * longest):.1f}" y="{bottom + 22}">'
        f"{duration(round(part * longest, 1))}</text>"
        for part, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    return svg(f'{grid}{times}<path class="line" d="{" ".join(path)}"/>', height=height, label=label)


def duration(seconds: float) -> str:
    """Return a duration for people, such as `2.5 s`, `3 min 05 s` or `1 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _thinned(points: Sequence[tuple[float, int]], most: int = 400) -> Sequence[tuple[float, int]]:
    if len(points) <= most:
        return points
    step = len(points) / most
    return [*(points[int(n * step)] for n in range(most)), points[-1]]


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def svg(content: str, *, height: int, label: str) -> str:
    """Return an SVG element of the common width."""
    return (
        f'<svg role="img" aria-label="{markup(label)}" viewBox="0 0 {WIDTH} {height}" '
        f'xmlns="http://www.w3.org/2000/svg">{content}</svg>'
    )
