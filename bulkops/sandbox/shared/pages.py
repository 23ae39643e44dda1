"""Pages of lists whose items are all in memory, as JSON."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.answers import json_response
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import flag, page

MADE = "2026-01-01T00:00:00Z"


def counted(call: Call, items: Iterable[Any], *, default: int = 1000) -> Response:
    """Answer one page of items with `totalResultSize`."""
    size, skip = page(call, default)
    found = list(items)
    return json_response({"totalResultSize": len(found), "data": found[skip : skip + size]})


def paged(call: Call, items: Iterable[Any]) -> Response:
    """Answer one page of items with `hasMore`, or with the total where it is asked for."""
    size, skip = page(call)
    found = list(items)
    body: dict[str, Any] = {"data": found[skip : skip + size]}
    if flag(call, "withTotalResultSize"):
        return json_response({"totalResultSize": len(found), **body})
    return json_response({"hasMore": len(found) > skip + size, **body})
