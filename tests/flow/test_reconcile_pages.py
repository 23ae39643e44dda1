"""Lists read page by page: small pages, rejected page sizes, shifting pages, and responses that are not pages."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bulkops.errors import OutcomeUnknown, ServerRefused
from bulkops.readback.compare.canonical import found_frame
from bulkops.readback.fetch.rows import read_back
from bulkops.readback.parse.warnings import Notes
from bulkops_validators import CONTRACTS
from tests.flow.answering import client, send, serving

ITEMS = [
    {
        "id": n,
        "amount": n + 0.5,
        "name": None,
        "customerProfileId": f"c{n}",
        "importId": 3,
        "created": "2026-01-01T00:00:00Z",
    }
    for n in range(130)
]
READBACK = CONTRACTS["loyalty-points"].routes[0].readback
assert READBACK is not None
Pages = Callable[[int, int], dict[str, Any]]


def pages(largest: int, *, has_more: bool = True) -> Pages:
    def page(size: int, skip: int) -> dict[str, Any]:
        if size > largest:
            return {"message": "pageSize is too large"}
        shown = ITEMS[skip : skip + size]
        return {"data": shown, **({"hasMore": skip + size < len(ITEMS)} if has_more else {})}

    return page


def read(page: Pages, notes: Notes | None = None) -> list[str]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        assert query["loyaltyTransactionType"] == ["import"]
        assert "endDate" in query
        body = page(int(query["pageSize"][0]), int(query["skip"][0]))
        send(handler, json.dumps(body).encode(), status=400 if "message" in body else 200)

    assert READBACK is not None
    with serving(answer) as url, client(url) as one:
        frames = list(read_back(one, READBACK, {"program": 1}, {}, notes=notes))
        found = [found_frame(READBACK, frame) for frame in frames]
    return [profile for frame in found for profile in frame["customerprofileid"]]


@pytest.mark.parametrize(("largest", "has_more"), [(1000, True), (50, True), (50, False)])
def test_every_item_is_read_once_for_any_page_size(largest: int, has_more: bool) -> None:
    assert read(pages(largest, has_more=has_more)) == [f"c{n}" for n in range(130)]


@pytest.mark.parametrize("has_more", [True, False])
def test_server_with_smaller_pages_than_requested_is_read_completely(*, has_more: bool) -> None:
    def stingy(size: int, skip: int) -> dict[str, Any]:
        shown = ITEMS[skip : skip + 7]
        return {"data": shown, **({"hasMore": skip + 7 < len(ITEMS)} if has_more else {})}

    assert read(stingy) == [f"c{n}" for n in range(130)]


def test_item_on_two_pages_counts_once_and_is_noted() -> None:
    def shifting(size: int, skip: int) -> dict[str, Any]:
        first = max(0, skip - 2) if skip else 0
        return {"data": ITEMS[first : first + 50], "hasMore": first + 50 < len(ITEMS)}

    notes = Notes()
    assert read(shifting, notes) == [f"c{n}" for n in range(130)]
    assert "two pages" in notes.lines()[0]


def test_server_that_ignores_skip_is_not_read_forever() -> None:
    assert read(lambda *_: {"data": ITEMS[:50]}) == [f"c{n}" for n in range(50)]


def test_an_empty_list_is_one_empty_frame() -> None:
    assert read(lambda *_: {"data": [], "hasMore": False}) == []


def test_page_size_that_is_always_rejected_is_an_error() -> None:
    with pytest.raises(ServerRefused, match="too large"):
        read(pages(10))


def test_response_that_is_not_a_page_is_an_error() -> None:
    with pytest.raises(OutcomeUnknown, match="no `data`"):
        read(lambda *_: {"items": []})
