"""Custom attributes: the import of their allowed values, and their list. No operation shows the values."""

from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import listed
from bulkops.sandbox.parameters import PAGE, choice, free, named
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.responses import bad_parameter, json_response
from bulkops.sandbox.shared.items import ITEM_LIMIT, Replacing
from bulkops.sandbox.shared.pages import MADE, counted
from bulkops.sandbox.state import ACCOUNT
from bulkops.sandbox.world import Attribute


class AllowedValues(Replacing):
    """The allowed list of one attribute."""

    entity = "AttributeAllowedList"
    table = "allowed_item"
    required = ("item",)
    most = ITEM_LIMIT


def list_attributes(call: Call) -> Response:
    """Respond to `getAttributes`; the filters entity, type, kind, applicationIds, search and loyaltyProgramIds work."""
    query = call.query
    kind = query.get("kind")
    applications_wanted = listed(call, "applicationIds")
    programs_wanted = listed(call, "loyaltyProgramIds")
    if applications_wanted and not all(each.isdigit() for each in applications_wanted):
        raise bad_parameter("applicationIds", "numbers are needed")
    if programs_wanted and query.get("entity") != "LoyaltyCard":
        raise bad_parameter("loyaltyProgramIds", "it goes with the entity LoyaltyCard only")
    shown = [
        each
        for each in call.state.world.attributes
        if kind != "builtin"
        and query.get("entity", each.entity) == each.entity
        and query.get("type", each.type) == each.type
        and query.get("search", "").lower() in each.name.lower()
        and (not programs_wanted or not each.programs or {str(number) for number in each.programs} & {*programs_wanted})
    ]
    return counted(call, (_attribute(call, each) for each in shown))


def get_attribute(call: Call) -> Response:
    """Respond to `getAttribute`, which never shows the allowed list."""
    return json_response(_attribute(call, call.state.attribute(call.path["attributeId"])))


def _attribute(call: Call, held: Attribute) -> dict[str, Any]:
    return {
        "id": held.id,
        "created": MADE,
        "accountId": ACCOUNT,
        "entity": held.entity,
        "name": held.name,
        "title": held.name.replace("_", " ").capitalize(),
        "type": held.type,
        "description": "",
        "suggestions": list(held.suggestions),
        "hasAllowedList": held.allowed_list,
        "restrictedBySuggestions": held.restricted,
        "editable": True,
        "subscribedApplicationsIds": list(held.applications) or [each.id for each in call.state.world.applications],
        "subscribedCatalogsIds": [],
    }


def importer(call: Call) -> Build:
    """Return the builder of the importer of an attribute's allowed values."""
    return partial(AllowedValues, owner=call.state.attribute(call.path["attributeId"]).id)


ATTRIBUTE = "/v1/attributes/{attributeId}"

RESOURCE = Resource(
    imports=(
        Operation("importAllowedList", ATTRIBUTE + "/allowed_list/import", importing(importer), plain_errors=(400,)),
    ),
    reads=(
        Operation(
            "getAttributes",
            "/v1/attributes",
            list_attributes,
            parameters={
                **PAGE,
                **named(free, "entity", "applicationIds", "type", "search", "loyaltyProgramIds"),
                "kind": choice("builtin", "custom"),
            },
        ),
        Operation("getAttribute", ATTRIBUTE, get_attribute),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS allowed_item (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, item TEXT, since REAL,
  until REAL);
CREATE INDEX IF NOT EXISTS allowed_item_by_owner ON allowed_item (owner);
""",
)
