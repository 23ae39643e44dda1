"""Fetch the rows of a JSON list page by page, as frames of text columns.

No order is documented, so new rows can shift the pages during the reading. They only move rows to later pages, so no
row is missed. A row that appears on two pages is kept once.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from bulkops.errors import OutcomeUnknown, ServerRefused
from bulkops.readback.compare.values import writable
from bulkops.readback.parse.warnings import Notes
from bulkops.transport.client import ApiClient, Params, path_of

SMALLER_PAGES = (50,)  # the largest page of the transactions list until 2025
SHIFTED = "on two pages, kept once"


def read_pages(
    client: ApiClient,
    path: str,
    ids: Mapping[str, int | str],
    params: Params,
    *,
    page_size: int,
    notes: Notes | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield one frame a page, at least one. Values are text; a field that an item lacks is null.

    JSON null becomes a blank. If the server rejects the page size, a smaller one is used. If a page does not say
    whether more pages follow, the list ends with an empty page.
    """
    with client.notifier.transfer("reading back", unit=" rows") as amount:
        for frame in _pages(client, path, ids, params, page_size=page_size, notes=notes or Notes()):
            amount.update(frame.height)
            yield frame


def _pages(
    client: ApiClient, path: str, ids: Mapping[str, int | str], params: Params, *, page_size: int, notes: Notes
) -> Iterator[pl.DataFrame]:
    seen: set[tuple[str, str]] = set()
    last: list[dict[str, Any]] = []
    skip = 0
    sizes = [page_size, *(s for s in SMALLER_PAGES if s < page_size)]
    while True:
        page = _page(client, path, ids, {**params, "skip": str(skip)}, sizes)
        items = page["data"]
        fresh = [item for item in items if _unseen(item, seen)]
        if items and items == last and not fresh:  # the server ignores `skip`, so the list would never end
            return
        last = items
        if len(fresh) < len(items):
            notes.add(SHIFTED, skip + 1, len(items) - len(fresh))
        yield page_frame(fresh)
        skip += len(items)
        if not items or not page.get("hasMore", True):
            return


def page_frame(items: list[dict[str, Any]]) -> pl.DataFrame:
    """Return JSON objects as a frame of text columns."""
    names = list(dict.fromkeys(name for item in items for name in item))
    columns = {name: [_text(item[name]) if name in item else None for item in items] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _page(
    client: ApiClient, path: str, ids: Mapping[str, int | str], params: Params, sizes: list[int]
) -> dict[str, Any]:
    """Return one page, and remove rejected page sizes from `sizes`."""
    while True:
        try:
            page = client.get_json(path, ids, {**params, "pageSize": str(sizes[0])})
        except ServerRefused:
            if len(sizes) == 1:
                raise
            del sizes[0]
            continue
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            raise OutcomeUnknown(f"The response to GET {path_of(path, ids)} is not a list page: it has no `data`.")
        return page


def _unseen(item: dict[str, Any], seen: set[tuple[str, str]]) -> bool:
    """Return whether an item is new, and add its id to `seen`; an item without an id is always new."""
    name = (str(item.get("id", "")), str(item.get("transactionUUID", "")))
    if name == ("", ""):
        return True
    if name in seen:
        return False
    seen.add(name)
    return True


def _text(value: Any) -> str:
    if value is None:
        return ""
    return writable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
