"""Draw the timeline of chunks as inline SVG: one bar from request to response; many chunks share bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bulkops.reporting.plots import WIDTH, duration, markup, svg

MOST_BARS = 40
ROW, LEFT, TOP, FOOT = 20, 100, 4, 56
NARROWEST = 3.0
# Ordered by urgency: a bar of several chunks shows the first of these states that occurs.
SEVERITY = ("in doubt", "sending", "refused", "rejected", "pending", "skipped", "accepted")


@dataclass(frozen=True, kw_only=True)
class _Bar:
    name: str
    start: float
    end: float
    state: str
    said: str


def timeline(chunks: Sequence[Mapping[str, Any]], *, label: str) -> str:
    """Return the timeline as SVG; empty if no chunk was sent. The bar of a chunk without a response ends at the right.

    `label` is the accessible name of the drawing.
    """
    sent = [chunk for chunk in chunks if chunk["sent"]]
    if not sent:
        return ""
    begun = min(_moment(chunk["sent"]) for chunk in sent)
    longest = max((_moment(c["ended"] or c["sent"]) - begun).total_seconds() for c in sent) or 1.0
    size = -(-len(sent) // MOST_BARS)
    bars = [_bar(sent[place : place + size], begun, longest) for place in range(0, len(sent), size)]
    rows = "".join(_drawn(bar, number, longest) for number, bar in enumerate(bars))
    bottom = TOP + ROW * len(bars)
    return svg(f"{_axis(longest, bottom)}{rows}{_legend(bars, bottom)}", height=bottom + FOOT, label=label)


def _bar(chunks: Sequence[Mapping[str, Any]], begun: datetime, longest: float) -> _Bar:
    starts = [(_moment(c["sent"]) - begun).total_seconds() for c in chunks]
    ends = [(_moment(c["ended"]) - begun).total_seconds() if c["ended"] else longest for c in chunks]
    states = [str(c["state"]) for c in chunks]
    first, last = chunks[0]["number"], chunks[-1]["number"]
    name = f"{first}" if len(chunks) == 1 else f"{first}-{last}"
    counted = ", ".join(f"{states.count(s):,} {s}" for s in SEVERITY if s in states)
    records = sum(int(c["records"]) for c in chunks)
    took = duration(round(max(ends) - min(starts), 1))
    what = f"chunk {name}: {states[0]}" if len(chunks) == 1 else f"chunks {name}: {counted}"
    worst = next((state for state in SEVERITY if state in states), states[0])
    return _Bar(name=name, start=min(starts), end=max(ends), state=worst, said=f"{what}, {records:,} records, {took}")


def _drawn(bar: _Bar, number: int, longest: float) -> str:
    top = TOP + ROW * number
    left, right = _x(bar.start, longest), _x(bar.end, longest)
    width = max(NARROWEST, right - left)
    left = min(left, WIDTH - width)
    return (
        f'<text class="name" x="{LEFT - 8}" y="{top + 15}">{markup(bar.name)}</text>'
        f'<rect class="{_class(bar.state)}" x="{left:.1f}" y="{top + 3}" width="{width:.1f}" height="{ROW - 6}">'
        f"<title>{markup(bar.said)}</title></rect>"
    )


def _axis(longest: float, bottom: int) -> str:
    marks = []
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = _x(part * longest, longest)
        marks.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
            f'<text class="soft" text-anchor="{anchor}" x="{x:.1f}" y="{bottom + 18}">'
            f"{duration(round(part * longest, 1))}</text>"
        )
    return "".join(marks)


def _legend(bars: Sequence[_Bar], bottom: int) -> str:
    parts, x = [], float(LEFT)
    for state in (s for s in SEVERITY if any(bar.state == s for bar in bars)):
        parts.append(
            f'<rect class="{_class(state)}" x="{x:.0f}" y="{bottom + 30}" width="14" height="14"/>'
            f'<text x="{x + 20:.0f}" y="{bottom + 42}">{markup(state)}</text>'
        )
        x += 40 + 10 * len(state)
    return "".join(parts)


def _x(seconds: float, longest: float) -> float:
    return LEFT + seconds / longest * (WIDTH - LEFT)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _class(state: str) -> str:
    return state.replace(" ", "_")
