"""The log of past exports that `GET /v1/exports` lists."""

import json

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    given_number,
)
from bulkops.sandbox.times import iso_micro


def remember(call: Call, entity: str) -> None:
    """Note an export of an entity that the log knows."""
    values = (
        iso_micro(call.state.now()),
        entity,
        call.path.get("applicationId"),
        call.path.get("campaignId", given_number(call, "campaignId")),
        json.dumps(dict(call.query)),
    )
    with call.state.database.writing() as connection:
        connection.execute(
            "INSERT INTO export (created, entity, application, campaign, filter) VALUES (?, ?, ?, ?, ?)", values
        )
