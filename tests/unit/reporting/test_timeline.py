"""The timeline of chunks: one bar from request to response, and few bars for many chunks."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from bulkops.reporting.timeline import LEFT, MOST_BARS, timeline

BEGUN = datetime(2026, 11, 22, tzinfo=UTC)


def chunk(number: int, start: float | None, end: float | None, state: str = "accepted") -> dict[str, Any]:
    sent, ended = ((BEGUN + timedelta(seconds=s)).isoformat() if s is not None else None for s in (start, end))
    return {"number": number, "records": 10, "state": state, "sent": sent, "ended": ended}


def bars(svg: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)" height="\d+"><title>', svg)
    return [(state, float(x), float(width)) for state, x, width in found]


def test_bars_start_and_end_with_their_requests() -> None:
    svg = timeline([chunk(1, 0, 5), chunk(2, 5, 10, "rejected"), chunk(3, None, None, "pending")], label="x")
    ET.fromstring(svg)
    (one, x1, w1), (two, x2, w2) = bars(svg)
    assert (one, two) == ("accepted", "rejected")
    assert (x1, w1) == (LEFT, w2)
    assert x2 == LEFT + w1


def test_bar_of_a_request_without_a_response_ends_at_the_right() -> None:
    (_, _, w1), (state, x2, w2) = bars(timeline([chunk(1, 0, 10), chunk(2, 5, None, "in doubt")], label="x"))
    assert state == "in_doubt"
    assert x2 + w2 == LEFT + w1


def test_many_chunks_share_bars_that_show_the_worst_state() -> None:
    many = [chunk(n, n, n + 1, "rejected" if n == 500 else "accepted") for n in range(1, 5001)]
    svg = timeline(many, label="x")
    assert len(bars(svg)) == MOST_BARS
    assert [state for state, _, _ in bars(svg)].count("rejected") == 1
    assert "1 rejected, 124 accepted" in svg
    assert timeline([chunk(1, None, None)], label="x") == ""
