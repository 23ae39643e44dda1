"""The routes: every operation the sandbox answers, by the names and paths of the API's description."""

import json
import re
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from bulkops.sandbox import targets
from bulkops.sandbox.access import close_session, open_session
from bulkops.sandbox.answers import ApiError, error_response, json_response
from bulkops.sandbox.endpoint import Call, Endpoint, Handler, Service, importing
from bulkops.sandbox.exports import activity, codes, loyalty
from bulkops.sandbox.exports import lists as list_exports
from bulkops.sandbox.lists import catalogue, members
from bulkops.sandbox.lists import codes as code_lists
from bulkops.sandbox.lists import loyalty as loyalty_lists
from bulkops.sandbox.parameters import PARAMETERS, shortened

APPLICATION = "/v1/applications/{applicationId}"
CAMPAIGN = APPLICATION + "/campaigns/{campaignId}"
PROGRAM = "/v1/loyalty_programs/{loyaltyProgramId}"
CARD = PROGRAM + "/cards/{loyaltyCardId}"
PROFILE = PROGRAM + "/profile/{integrationId}"

# Path parameters that are text; an integration id may hold slashes.
TEXTS = {"loyaltyCardId": "", "integrationId": ":path"}


class Operation(NamedTuple):
    """One operation; `plain_errors` are the statuses whose body is `ErrorResponse`, `json_errors` see `Endpoint`."""

    name: str
    path: str
    handler: Handler
    plain_errors: tuple[int, ...] = ()
    method: str = "GET"
    json_errors: tuple[int, ...] = ()


IMPORTS = (
    Operation(
        "importAllowedList", "/v1/attributes/{attributeId}/allowed_list/import", importing(targets.allowed_list), (400,)
    ),
    Operation(
        "importAudiencesMemberships",
        "/v1/audiences/{audienceId}/memberships/import",
        importing(targets.audience),
        (400,),
    ),
    Operation(
        "importAccountCollection", "/v1/collections/{collectionId}/import", importing(targets.account_collection)
    ),
    Operation(
        "importCollection", CAMPAIGN + "/collections/{collectionId}/import", importing(targets.campaign_collection)
    ),
    Operation("importCoupons", CAMPAIGN + "/import_coupons", importing(targets.coupons)),
    Operation("importReferrals", CAMPAIGN + "/import_referrals", importing(targets.referrals)),
    Operation("importPoolGiveaways", "/v1/giveaways/pools/{poolId}/import", importing(targets.giveaways)),
    Operation("importLoyaltyPoints", PROGRAM + "/import_points", importing(targets.points)),
    Operation("importLoyaltyCards", PROGRAM + "/import_cards", importing(targets.cards)),
    Operation("importLoyaltyCustomersTiers", PROGRAM + "/import_customers_tiers", importing(targets.tiers)),
    Operation("importLoyaltyJoinDates", PROGRAM + "/import_join_dates", importing(targets.join_dates)),
    Operation("importCampaignStores", CAMPAIGN + "/stores/import", importing(targets.stores), (400,)),
    Operation(
        "importCampaignStoreBudget", CAMPAIGN + "/stores/budgets/import", importing(targets.budgets, 201), (400,)
    ),
)

EXPORTS = (
    Operation("exportCoupons", APPLICATION + "/export_coupons", codes.coupons),
    Operation("exportReferrals", APPLICATION + "/export_referrals", codes.referrals),
    Operation("exportPoolGiveaways", "/v1/giveaways/pools/{poolId}/export", codes.giveaways),
    Operation("exportLoyaltyCards", PROGRAM + "/cards/export", loyalty.cards),
    Operation("exportLoyaltyCardBalances", PROGRAM + "/export_card_balances", loyalty.card_balances),
    Operation("exportLoyaltyCardLedger", CARD + "/export_log", loyalty.card_log),
    Operation("exportLoyaltyBalances", PROGRAM + "/export_customer_balances", loyalty.customer_balances),
    Operation("exportLoyaltyBalance", PROGRAM + "/export_customer_balance", loyalty.customer_balances),
    Operation("exportLoyaltyLedger", PROFILE + "/export_log", loyalty.customer_log),
    Operation("exportCustomersTiers", PROGRAM + "/export_customers_tiers", loyalty.tiers),
    Operation("exportLoyaltyJoinDates", PROGRAM + "/export_join_dates", loyalty.join_dates),
    Operation(
        "exportAudiencesMemberships", "/v1/audiences/{audienceId}/memberships/export", list_exports.audience, (400,)
    ),
    Operation("exportAccountCollectionItems", "/v1/collections/{collectionId}/export", list_exports.account_collection),
    Operation(
        "exportCollectionItems", CAMPAIGN + "/collections/{collectionId}/export", list_exports.campaign_collection
    ),
    Operation("exportCampaignStores", CAMPAIGN + "/stores/export", list_exports.stores, (400,)),
    Operation("exportCampaignStoreBudgets", CAMPAIGN + "/stores/budgets/export", list_exports.budgets, (400, 401, 404)),
    Operation(
        "exportCampaignValueMap",
        CAMPAIGN + "/value_maps/{valueMapId}/export",
        list_exports.value_map,
        json_errors=(404,),
    ),
    Operation("exportAchievements", CAMPAIGN + "/achievements/{achievementId}/export", activity.achievements),
    Operation("exportAchievementV2", "/v2/achievements/{achievementId}/export", activity.achievements_of_account),
    Operation("exportEffects", APPLICATION + "/export_effects", activity.effects),
    Operation("exportCustomerSessions", APPLICATION + "/export_customer_sessions", activity.customer_sessions),
    Operation(
        "exportApplicationCampaignAnalytics", APPLICATION + "/campaign_analytics/export", activity.campaign_analytics
    ),
)


def _log_in(call: Call) -> Response:
    return json_response(open_session(call.state, call.body, call.service.key), 201)


def _log_out(call: Call) -> Response:
    close_session(call.state, call.credential)
    return Response(status_code=204)


READS = (
    Operation("getExports", "/v1/exports", catalogue.exports),
    Operation("getLoyaltyProgramTransactions", PROGRAM + "/transactions", loyalty_lists.transactions),
    Operation(
        "getLoyaltyProgramProfileLedgerTransactions",
        PROFILE + "/ledger_transactions",
        loyalty_lists.profile_transactions,
    ),
    Operation("getLoyaltyCards", PROGRAM + "/cards", loyalty_lists.cards),
    Operation("getLoyaltyCardTransactionLogs", CARD + "/logs", loyalty_lists.card_transactions),
    Operation("getLoyaltyCard", CARD, loyalty_lists.card),
    Operation("getLoyaltyPrograms", "/v1/loyalty_programs", catalogue.programs),
    Operation("getLoyaltyProgram", PROGRAM, catalogue.program),
    Operation("getApplications", "/v1/applications", catalogue.applications),
    Operation("getApplication", APPLICATION, catalogue.application),
    Operation("getCampaigns", APPLICATION + "/campaigns", catalogue.campaigns),
    Operation("getCampaign", CAMPAIGN, catalogue.campaign),
    Operation("getAttributes", "/v1/attributes", catalogue.attributes),
    Operation("getAttribute", "/v1/attributes/{attributeId}", catalogue.attribute),
    Operation("getAudiences", "/v1/audiences", members.audiences),
    Operation("getAudienceMemberships", "/v1/audiences/{audienceId}/memberships", members.audience_members),
    Operation("listAccountCollections", "/v1/collections", members.account_collections),
    Operation("listCollectionsInApplication", APPLICATION + "/collections", members.application_collections),
    Operation("listCollections", CAMPAIGN + "/collections", members.campaign_collections),
    Operation("getAccountCollection", "/v1/collections/{collectionId}", members.account_collection),
    Operation("getCollection", CAMPAIGN + "/collections/{collectionId}", members.campaign_collection),
    Operation("getCollectionItems", "/v1/collections/{collectionId}/items", members.collection_items),
    Operation("listStores", APPLICATION + "/stores", members.stores),
    Operation("getCouponsWithoutTotalCount", CAMPAIGN + "/coupons/no_total", code_lists.coupons),
    Operation("getReferralsWithoutTotalCount", CAMPAIGN + "/referrals/no_total", code_lists.referrals),
    Operation("getCustomersByAttributes", "/v1/customer_search/no_total", members.search_customers, (), "POST"),
    Operation("listCampaignStoreBudgetLimits", CAMPAIGN + "/stores/budgets", members.budgets, (400, 401, 404)),
    Operation(
        "summarizeCampaignStoreBudget", CAMPAIGN + "/stores/budgets/summary", members.budget_summary, (400, 401, 404)
    ),
)

ACTIONS = (
    Operation("disconnectCampaignStores", CAMPAIGN + "/stores", members.disconnect_stores, (400,), "DELETE"),
    Operation("deleteCampaignStoreBudgets", CAMPAIGN + "/stores/budgets", members.delete_budgets, (400,), "DELETE"),
    Operation("createCouponsDeletionJob", CAMPAIGN + "/coupons_deletion_jobs", code_lists.delete_coupons, (), "POST"),
    Operation("createSession", "/v1/sessions", _log_in, (), "POST"),
    Operation("destroySession", "/v1/sessions", _log_out, (), "DELETE"),
)

KINDS: tuple[tuple[str, tuple[Operation, ...]], ...] = (
    ("imports", tuple(each._replace(method="POST") for each in IMPORTS)),
    ("exports", EXPORTS),
    ("reads", READS),
    ("actions", ACTIONS),
)

OPERATIONS = frozenset(each.name for _, operations in KINDS for each in operations)


def build_app(service: Service) -> Starlette:
    """Return the application of one sandbox."""
    routes = [_route(service, kind, each) for kind, operations in KINDS for each in operations]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted, 500: _broken})
    # A redirect to the path without its last slash is no response of the API.
    app.router.redirect_slashes = False
    return app


def _route(service: Service, kind: str, operation: Operation) -> Route:
    endpoint = Endpoint(
        service=service,
        operation=operation.name,
        kind=kind,
        method=operation.method,
        template=operation.path,
        handler=operation.handler,
        plain_errors=frozenset(operation.plain_errors),
        json_errors=frozenset(operation.json_errors),
        parameters=PARAMETERS.get(operation.name, {}),
        texts=frozenset(TEXTS),
        public=operation.name == "createSession",
    )
    path = re.sub(r"\{(\w+)\}", lambda found: "{" + found[1] + TEXTS.get(found[1], "") + "}", operation.path)
    return Route(path, endpoint=endpoint, methods=[operation.method])


def _unrouted(request: Request, _problem: Exception) -> Response:
    """Answer a path or a method that no operation has."""
    methods = _methods(request) - {request.method}
    if methods:
        allow = {"allow": ", ".join(sorted(methods))}
        return error_response(ApiError(405, "Method not allowed", headers=allow), with_status=True)
    message = f"Not found: {request.method} {shortened(request.scope['path'])}"
    return error_response(ApiError(404, message), with_status=True)


def _methods(request: Request) -> set[str]:
    """Return the methods of all operations with the path of a request."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set().union(*found)


def _broken(request: Request, problem: Exception) -> Response:
    """Answer a mistake in the sandbox itself."""
    message = f"The sandbox failed at {request.method} {request.scope['path']}: {problem!r}"
    return Response(json.dumps({"message": message}), status_code=500, media_type="application/json")
