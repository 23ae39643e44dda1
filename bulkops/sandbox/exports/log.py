"""The log of past exports that `GET /v1/exports` lists."""

import json

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.times import iso_micro


def remember(call: Call, entity: str) -> None:
    """Note an export of an entity that the log knows."""
    campaign = call.path.get("campaignId") or call.query.get("campaignId")
    values = (
        iso_micro(call.state.now()),
        entity,
        call.path.get("applicationId"),
        int(float(campaign)) if campaign else None,
        json.dumps(dict(call.query)),
    )
    with call.state.database.writing() as connection:
        connection.execute(
            "INSERT INTO export (created, entity, application, campaign, filter) VALUES (?, ?, ?, ?, ?)", values
        )
