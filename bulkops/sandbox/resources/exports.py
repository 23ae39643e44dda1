"""Exports that were made: their list."""

import json

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    Where,
)
from bulkops.sandbox.parameters import (
    EXPORTED,
    SLICE,
    choice,
    decimal,
    integer,
)
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.shared.pages import counted
from bulkops.sandbox.state import ACCOUNT, USER


def list_exports(call: Call) -> Response:
    """Respond to `getExports`: the exports made here, newest first."""
    where = Where(call).equal("entity", "entity")
    where.number("applicationId", "application").number("campaignId", "campaign")
    rows = call.state.database.stream(f"SELECT * FROM export WHERE {where} ORDER BY id DESC", where.values)  # noqa: S608
    return counted(
        call,
        (
            {
                "id": row["id"],
                "created": row["created"],
                "accountId": ACCOUNT,
                "userId": USER,
                "entity": row["entity"],
                "filter": json.loads(row["filter"]),
            }
            for row in rows
        ),
    )


RESOURCE = Resource(
    reads=(
        Operation(
            "getExports",
            "/v1/exports",
            list_exports,
            parameters={**SLICE, "applicationId": decimal, "campaignId": integer, "entity": choice(*EXPORTED)},
        ),
    ),
)
