"""Customer profiles: the search for them."""

import json
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    Where,
    page,
)
from bulkops.sandbox.parameters import (
    SLICE,
    boolean,
)
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.responses import ApiError, bad_field, json_response
from bulkops.sandbox.state import ACCOUNT


def profile_json(number: int, name: str, created: str) -> dict[str, Any]:
    """Return a customer profile as the API shows it."""
    return {
        "id": number,
        "created": created,
        "integrationId": name,
        "attributes": {},
        "accountId": ACCOUNT,
        "closedSessions": 0,
        "totalSales": 0.0,
        "lastActivity": created,
        "sandbox": True,
    }


def search_customers(call: Call) -> Response:
    """Respond to `getCustomersByAttributes`: which of the integration ids exist; all profiles are sandbox ones."""
    if not isinstance(call.body, dict):
        raise ApiError(400, "The submitted data was invalid: a JSON object is required")
    if not isinstance(call.body.get("attributes", {}), dict):
        raise bad_field("/attributes", "an object is required")
    wanted, numbers = _listed(call.body, "integrationIDs", str), _listed(call.body, "profileIDs", int)
    where = Where(call)
    if wanted:
        where.also("integration_id IN (SELECT value FROM json_each(:wanted))", wanted=json.dumps(wanted))
    if numbers:
        where.also("id IN (SELECT value FROM json_each(:numbers))", numbers=json.dumps(numbers))
    if call.body.get("attributes"):
        where.also("0")  # no profile has attributes here
    if call.state.assumptions.search_shows_imported == "no":
        where.also("NOT imported")
    size, skip = page(call)
    query = f"SELECT * FROM profile WHERE {where} ORDER BY id LIMIT :size OFFSET :skip"  # noqa: S608
    rows = list(call.state.database.stream(query, {**where.values, "size": size + 1, "skip": skip}))
    found = [profile_json(row["id"], row["integration_id"], row["created"]) for row in rows[:size]]
    return json_response({"hasMore": len(rows) > size, "data": found})


def _listed(body: dict[str, Any], name: str, kind: type) -> list[Any]:
    """Return a list of a JSON body; refuse anything else, and an item of another type, with 400."""
    found = body.get(name, [])
    if not isinstance(found, list) or any(type(each) is not kind for each in found):
        raise bad_field(f"/{name}", f"a list of the type {kind.__name__} is required")
    return found


RESOURCE = Resource(
    reads=(
        Operation(
            "getCustomersByAttributes",
            "/v1/customer_search/no_total",
            search_customers,
            parameters={**SLICE, "sandbox": boolean},
            method="POST",
        ),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS profile (id INTEGER PRIMARY KEY AUTOINCREMENT, integration_id TEXT UNIQUE, created TEXT,
  imported INTEGER);
""",
)
