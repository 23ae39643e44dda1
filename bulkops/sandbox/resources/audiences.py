"""Audiences: the import and export of their members, and their lists."""

from functools import partial

from starlette.responses import Response

from bulkops.sandbox.cells import bad
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import page
from bulkops.sandbox.parameters import LIST, PAGE, free
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.resources.profiles import profile_json
from bulkops.sandbox.responses import json_response
from bulkops.sandbox.shared.items import Replacing, exported_items, listed_items
from bulkops.sandbox.shared.pages import MADE, paged
from bulkops.sandbox.state import ACCOUNT


class AudienceMembers(Replacing):
    """The members of one audience."""

    entity = "AudienceMembership"
    table = "audience_member"
    required = ("profileintegrationid",)

    def refusal(self, item: str) -> RowError | None:
        """Return why an item is refused."""
        if len(item) > 1000:
            return bad("profileintegrationid", "it is longer than 1000 characters")
        unknown = self.run.assumptions.unknown_member
        if unknown == "accept" or self.run.knows_profile(item):
            return None
        details = "" if unknown == "skip" else f"the profile {item!r} does not exist"
        return RowError("Invalid value", details)


def export_members(call: Call) -> Response:
    """Respond to `exportAudiencesMemberships`."""
    owner = call.state.audience(call.path["audienceId"]).id
    return exported_items(call, "audience_member", owner, "profileintegrationid")


def list_audiences(call: Call) -> Response:
    """Respond to `getAudiences`."""
    return paged(
        call,
        (
            {
                "accountId": ACCOUNT,
                "id": each.id,
                "created": MADE,
                "name": each.name,
                "sandbox": True,
                "description": "",
                "subscribedApplicationsIds": [],
                "createdIn3rdParty": False,
            }
            for each in call.state.world.audiences
        ),
    )


def list_members(call: Call) -> Response:
    """Respond to `getAudienceMemberships`."""
    held = call.state.audience(call.path["audienceId"])
    size, skip = page(call)
    found = listed_items(call, "audience_member", held.id, size + 1, skip)
    audience = [{"id": held.id, "name": held.name}]
    data = [
        profile_json(skip + place + 1, name, MADE) | {"audienceMemberships": audience}
        for place, name in enumerate(found)
    ]
    return json_response({"hasMore": len(found) > size, "data": data[:size]})


def importer(call: Call) -> Build:
    """Return the builder of the importer of an audience's members."""
    return partial(AudienceMembers, owner=call.state.audience(call.path["audienceId"]).id)


MEMBERSHIPS = "/v1/audiences/{audienceId}/memberships"

RESOURCE = Resource(
    imports=(
        Operation("importAudiencesMemberships", MEMBERSHIPS + "/import", importing(importer), plain_errors=(400,)),
    ),
    exports=(Operation("exportAudiencesMemberships", MEMBERSHIPS + "/export", export_members, plain_errors=(400,)),),
    reads=(
        Operation("getAudiences", "/v1/audiences", list_audiences, parameters=LIST),
        Operation("getAudienceMemberships", MEMBERSHIPS, list_members, parameters={**PAGE, "profileQuery": free}),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS audience_member (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX IF NOT EXISTS audience_member_by_owner ON audience_member (owner);
""",
)
