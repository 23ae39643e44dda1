"""Applications: their list."""

from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.parameters import PAGE
from bulkops.sandbox.resource import APPLICATION, Operation, Resource
from bulkops.sandbox.resources.programs import program_json
from bulkops.sandbox.responses import json_response
from bulkops.sandbox.shared.pages import MADE, counted
from bulkops.sandbox.state import ACCOUNT
from bulkops.sandbox.world import Application


def list_applications(call: Call) -> Response:
    """Respond to `getApplications`."""
    return counted(call, (application_json(call, each) for each in call.state.world.applications))


def get_application(call: Call) -> Response:
    """Respond to `getApplication`."""
    return json_response(application_json(call, call.state.application(call.path["applicationId"])))


def application_json(call: Call, held: Application) -> dict[str, Any]:
    """Return an Application as the API shows it."""
    programs = [each for each in call.state.world.programs if held.id in each.applications]
    return {
        "id": held.id,
        "created": MADE,
        "modified": MADE,
        "accountId": ACCOUNT,
        "name": held.name,
        "timezone": held.timezone,
        "currency": held.currency,
        "caseSensitivity": held.case_sensitivity,
        "attributesSettings": {"mandatory": {"campaigns": [], "coupons": list(held.mandatory_coupon_attributes)}},
        "sandbox": held.sandbox,
        "loyaltyPrograms": [program_json(each) for each in programs],
    }


RESOURCE = Resource(
    reads=(
        Operation("getApplications", "/v1/applications", list_applications, parameters=PAGE),
        Operation("getApplication", APPLICATION, get_application),
    ),
)
