"""Return pages of lists as JSON; all items of these lists are in memory."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import flag, page
from bulkops.sandbox.responses import json_response

MADE = "2026-01-01T00:00:00Z"


def counted(call: Call, items: Iterable[Any], *, default: int = 1000) -> Response:
    """Return one page of items with `totalResultSize`."""
    size, skip = page(call, default)
    found = list(items)
    return json_response({"totalResultSize": len(found), "data": found[skip : skip + size]})


def paged(call: Call, items: Iterable[Any]) -> Response:
    """Return one page of items with `hasMore`, or with the total if the request asks for it."""
    size, skip = page(call)
    found = list(items)
    body: dict[str, Any] = {"data": found[skip : skip + size]}
    if flag(call, "withTotalResultSize"):
        return json_response({"totalResultSize": len(found), **body})
    return json_response({"hasMore": len(found) > skip + size, **body})
