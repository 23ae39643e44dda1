"""Loyalty programs: their lists."""

from typing import Any

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.resource import PROGRAM, Operation, Resource
from bulkops.sandbox.responses import ApiError, json_response
from bulkops.sandbox.shared.pages import MADE
from bulkops.sandbox.state import ACCOUNT
from bulkops.sandbox.world import Program


def list_programs(call: Call) -> Response:
    """Respond to `getLoyaltyPrograms`, which has no pages."""
    found = [program_json(each) for each in call.state.world.programs]
    return json_response({"totalResultSize": len(found), "data": found})


def get_program(call: Call) -> Response:
    """Respond to `getLoyaltyProgram`."""
    return json_response(program_json(call.state.program(call.path["loyaltyProgramId"])))


def program_json(held: Program) -> dict[str, Any]:
    """Return a loyalty program as the API shows it."""
    origin = {"created": MADE, "programID": held.id, "programName": held.name, "programTitle": held.title}
    tiers = [
        {"id": held.id * 100 + place, **origin, "name": name, "minPoints": 100.0 * place}
        for place, name in enumerate(held.tiers)
    ]
    advanced: dict[str, Any] = {}
    if tiers:
        advanced = {
            "tiersExpirationPolicy": "tier_start_date",
            "tiersExpireIn": "1Y",
            "tiersDowngradePolicy": "one_down",
            "programJoinPolicy": "points_earned",
        }
    return {
        "id": held.id,
        "created": MADE,
        "accountID": ACCOUNT,
        "name": held.name,
        "title": held.title,
        "description": "",
        "subscribedApplications": list(held.applications),
        "defaultValidity": "unlimited",
        "defaultPending": "immediate",
        "allowSubledger": held.allow_subledger,
        "usersPerCardLimit": held.users_per_card,
        "sandbox": True,
        "timezone": held.timezone,
        "cardBased": held.card_based,
        "tiers": tiers,
        **advanced,
    }


def program_of_kind(call: Call, *, card_based: bool) -> Program:
    """Return the program of a path; one of the other kind is refused with 400."""
    found = call.state.program(call.path["loyaltyProgramId"])
    if found.card_based != card_based:
        raise ApiError(400, f"The loyalty program {found.id} is {'not ' if card_based else ''}card-based.")
    return found


RESOURCE = Resource(
    reads=(
        Operation("getLoyaltyPrograms", "/v1/loyalty_programs", list_programs),
        Operation("getLoyaltyProgram", PROGRAM, get_program),
    ),
)
