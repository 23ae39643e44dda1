"""Activity of customers: exports of a small amount of plausible data, made from the world. No import changes it."""

import json
from collections.abc import Iterator

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    date_printer,
    given_number,
    listed,
    made_within,
    needed_moment,
)
from bulkops.sandbox.parameters import (
    DATES,
    SESSION_STATES,
    choice,
    decimal,
    free,
    named,
    window,
)
from bulkops.sandbox.parameters import instant as instant_parameter
from bulkops.sandbox.resource import APPLICATION, CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import bad_parameter, cell, csv_response, quoted
from bulkops.sandbox.shared.export_log import remember
from bulkops.sandbox.times import iso
from bulkops.sandbox.world import Achievement

EFFECT_HEADER = (
    "created,name,applicationid,campaignid,rulesetid,ruleindex,sessionintegrationid,profileintegrationid,"
    "sessionid,profileid,eventid,event_type,total_revenue,props,couponid,store_id,store_integration_id\n"
)
SESSION_HEADER = (
    "id,firstsession,integrationid,applicationid,profileid,profileintegrationid,created,state,cartitems,"
    "discounts,total,attributes,closedat,cancelledat,referral,identifiers,additional_costs,updated,"
    "store_integration_id,coupons\n"
)
ANALYTICS_HEADER = (
    "campaign_id,start_date,end_date,revenue,sessions,average_session_value,average_items_per_session,"
    "coupons,discounts\n"
)
NEVER = "0001-01-01T00:00:00Z"
MADE = "2026-01-15T10:00:00Z"
SESSIONS = ((1, "open"), (2, "closed"), (3, "cancelled"), (4, "partially_returned"))


def _profiles(call: Call) -> list[str]:
    return [name for series in call.state.world.profiles for name in series.all()[:4]][:4]


def export_effects(call: Call) -> Response:
    """Respond to `exportEffects`: one effect for each campaign of the Application."""
    application = call.state.application(call.path["applicationId"]).id
    shown = date_printer(call, sample="ISO8601")
    wanted = given_number(call, "campaignId")
    profiles = _profiles(call) if made_within(call, MADE, "created") else []
    remember(call, "Effect")

    def lines() -> Iterator[str]:
        yield EFFECT_HEADER
        props = quoted(json.dumps({"name": "10% off", "value": 11.0, "position": 1}))
        for campaign in call.state.world.campaigns if profiles else ():
            if campaign.application == application and wanted in (None, campaign.id):
                yield (
                    f"{shown(MADE)},setDiscount,{application},{campaign.id},{campaign.id},0,session-1,"
                    f"{cell(profiles[0])},1,1,1,talon_session_updated,405.00,{props},,,\n"
                )

    return csv_response(lines(), name="effects")


def export_customer_sessions(call: Call) -> Response:
    """Respond to `exportCustomerSessions`: one session in every state."""
    application = call.state.application(call.path["applicationId"]).id
    state = call.query.get("customerSessionState")
    shown = date_printer(call, sample="ISO8601")
    wanted = call.query.get("profileIntegrationId")
    profiles = _profiles(call) if made_within(call, MADE, "created", "updated") else []
    items = quoted(json.dumps([{"sku": "B00004TKVY", "name": 'Bike - "Aisle"', "price": 1800, "quantity": 1}]))
    remember(call, "CustomerSession")

    def lines() -> Iterator[str]:
        yield SESSION_HEADER
        for (place, name), profile in zip(SESSIONS, profiles, strict=False):
            if state in (None, name) and wanted in (None, "", profile):
                closed = shown(MADE) if name in ("closed", "partially_returned") else NEVER
                cancelled = shown(MADE) if name == "cancelled" else NEVER
                yield (
                    f"{place},true,session-{place},{application},{place},{cell(profile)},{shown(MADE)},{name},"
                    f'{items},"{{}}",1850.00,"{{}}",{closed},{cancelled},,"null","{{}}",{shown(MADE)},,"[]"\n'
                )

    return csv_response(lines(), name="customer_sessions")


def export_achievements(call: Call) -> Response:
    """Respond to `exportAchievements`: progress of four customers."""
    path = call.path
    found = call.state.campaign_achievement(path["applicationId"], path["campaignId"], path["achievementId"])
    return _progress(call, found)


def _progress(call: Call, found: Achievement) -> Response:
    lines = ["profileIntegrationID,title,target,progress,status,startDate,endDate,completionDate\n"]
    for position, profile in enumerate(_profiles(call)):
        done = position % 2 == 1
        progress = found.target if done else found.target // 2
        status, completed = ("completed", MADE) if done else ("inprogress", "")
        lines.append(
            f"{cell(profile)},{cell(found.title)},{found.target}.00,{progress},{status},"
            f"2026-01-01T00:00:00+01:00,2036-01-01T00:00:00+01:00,{completed}\n"
        )
    return csv_response(iter(lines), name="achievements")


def export_account_achievements(call: Call) -> Response:
    """Respond to `exportAchievementV2`; its path contains no campaign."""
    return _progress(call, call.state.achievement(call.path["achievementId"]))


def export_campaign_analytics(call: Call) -> Response:
    """Respond to `exportApplicationCampaignAnalytics`: two rows of totals, then one for each campaign."""
    application = call.state.application(call.path["applicationId"]).id
    start, end = needed_moment(call, "rangeStart"), needed_moment(call, "rangeEnd")
    if end < start:
        raise bad_parameter("rangeEnd", "rangeEnd is before rangeStart")
    wanted = listed(call, "campaignIds")
    known = [each.id for each in call.state.world.campaigns if each.application == application]
    shown = [number for number in known if wanted is None or str(number) in wanted]
    dates = f"{iso(start)[:-1]}+00:00,{iso(end)[:-1]}+00:00"
    lines = [ANALYTICS_HEADER]
    lines.append(f"Total,{dates},{100 * len(shown)}.00,{10 * len(shown)},10.00,2.50,N/A,N/A\n")
    lines.append(f"Influenced,{dates},{50 * len(shown)}.00,{5 * len(shown)},10.00,3.00,{len(shown)},5.00\n")
    lines += [f"{number},{dates},50.00,5,10.00,3.00,1,5.00\n" for number in shown]
    return csv_response(iter(lines), name="campaign_analytics")


RESOURCE = Resource(
    exports=(
        Operation("exportAchievements", CAMPAIGN + "/achievements/{achievementId}/export", export_achievements),
        Operation("exportAchievementV2", "/v2/achievements/{achievementId}/export", export_account_achievements),
        Operation(
            "exportEffects",
            APPLICATION + "/export_effects",
            export_effects,
            parameters={**DATES, **window("created"), "campaignId": decimal},
        ),
        Operation(
            "exportCustomerSessions",
            APPLICATION + "/export_customer_sessions",
            export_customer_sessions,
            parameters={
                **DATES,
                **window("created", "updated"),
                "profileIntegrationId": free,
                "customerSessionState": choice(*SESSION_STATES),
            },
        ),
        Operation(
            "exportApplicationCampaignAnalytics",
            APPLICATION + "/campaign_analytics/export",
            export_campaign_analytics,
            parameters={**named(instant_parameter, "rangeStart", "rangeEnd"), "campaignIds": free},
        ),
    ),
)
