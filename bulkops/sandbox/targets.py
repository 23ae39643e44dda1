"""Which importer an import's path and query lead to; an unknown target is refused with 404."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bulkops.sandbox.answers import ApiError
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import flag
from bulkops.sandbox.imports import codes, lists, members
from bulkops.sandbox.imports.engine import Importer, Run
from bulkops.sandbox.imports.points import Points
from bulkops.sandbox.parameters import ACTIONS, PERIODS
from bulkops.sandbox.world import Feature

Build = Callable[[Run], Importer]


def _campaign(call: Call, feature: Feature) -> dict[str, Any]:
    """Return the campaign's ids; a campaign without the feature is refused with 400."""
    found = call.state.campaign(call.path["applicationId"], call.path["campaignId"])
    if feature not in found.features:
        raise ApiError(400, f"The campaign {found.id} does not have the feature {feature}.")
    return {"application": found.application, "campaign": found.id}


def coupons(call: Call) -> Build:
    """Lead to coupons of a campaign."""
    return partial(codes.Coupons, **_campaign(call, "coupons"), skip_duplicates=flag(call, "skipDuplicates"))


def referrals(call: Call) -> Build:
    """Lead to referrals of a campaign."""
    return partial(codes.Referrals, **_campaign(call, "referrals"))


def giveaways(call: Call) -> Build:
    """Lead to a giveaway pool."""
    return partial(codes.Giveaways, pool=call.state.pool(call.path["poolId"]).id)


def _program(call: Call) -> int:
    return call.state.program(call.path["loyaltyProgramId"]).id


def points(call: Call) -> Build:
    """Lead to the points of a program; notifications have nobody to go to here."""
    return partial(Points, program=_program(call))


def cards(call: Call) -> Build:
    """Lead to the cards of a program."""
    return partial(members.Cards, program=_program(call))


def tiers(call: Call) -> Build:
    """Lead to the tiers of a program."""
    return partial(members.Tiers, program=_program(call))


def join_dates(call: Call) -> Build:
    """Lead to the join dates of a program."""
    return partial(members.JoinDates, program=_program(call))


def allowed_list(call: Call) -> Build:
    """Lead to the allowed list of an attribute."""
    return partial(lists.AllowedValues, owner=call.state.attribute(call.path["attributeId"]).id)


def audience(call: Call) -> Build:
    """Lead to the members of an audience."""
    return partial(lists.AudienceMembers, owner=call.state.audience(call.path["audienceId"]).id)


def account_collection(call: Call) -> Build:
    """Lead to a collection of the account."""
    return partial(lists.CollectionItems, owner=call.state.account_collection(call.path["collectionId"]).id)


def campaign_collection(call: Call) -> Build:
    """Lead to a collection of a campaign."""
    path = call.path
    found = call.state.campaign_collection(path["applicationId"], path["campaignId"], path["collectionId"])
    return partial(lists.CollectionItems, owner=found.id)


def _stores(call: Call) -> dict[str, Any]:
    found = call.state.campaign(call.path["applicationId"], call.path["campaignId"])
    return {"owner": found.id, "application": found.application}


def stores(call: Call) -> Build:
    """Lead to the stores of a campaign."""
    return partial(lists.CampaignStores, **_stores(call))


def budgets(call: Call) -> Build:
    """Lead to the store budgets of a campaign, by default its overall discount budget."""
    action = call.query.get("action", ACTIONS[0])
    period = call.query.get("period", PERIODS[0])
    return partial(lists.StoreBudgets, **_stores(call), action=action, period=period)
