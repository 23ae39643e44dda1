"""All exports of the API, one entry each: the only place that knows their paths and parameters.

Source: the Management API's description of June 2026; of August 2026 for `deleted-*` and the second achievements path,
of September 2026 (release 26.19) for the subledgers of customer balances.
"""

from bulkops.exporting import columns
from bulkops.exporting.definition import Export, Filter, Kind, PathName, Window
from bulkops.exporting.filters import (
    ACTION,
    BALANCE_END,
    BALANCES,
    BATCH,
    BY_CREATION,
    BY_RANGE,
    CARD_BALANCES,
    CREATED,
    DATES,
    LEDGERS,
    OF_COUPONS,
    OF_SESSIONS,
    OF_TRANSACTIONS,
    PERIOD,
    RANGE,
    SUBLEDGERS,
    USABLE,
    VALID,
)
from bulkops_validators.model.contract import Form

CAMPAIGN_PATH = "/v1/applications/{application}/campaigns/{campaign}"
PROGRAM_PATH = "/v1/loyalty_programs/{program}"

EXPORTS: dict[str, Export] = {
    export.name: export
    for export in (
        Export(
            name="coupons",
            title="Coupons of an application, or of one campaign",
            paths=("/v1/applications/{application}/export_coupons",),
            columns=columns.COUPONS,
            id_filters={"campaignId": "campaign"},
            windows=(
                BY_CREATION,
                Window(after="deleted-after", before="deleted-before", column="deleted", by="deleted"),
            ),
            filters=(
                *CREATED,
                VALID,
                USABLE,
                BATCH,
                *OF_COUPONS,
                DATES,
            ),
            notes=(
                "Deleted coupons can be exported for 7 days. Not documented: whether other exports show them.",
                "The form of the column deleted is not documented: blank, false, 0 or the zero time is a live coupon.",
            ),
        ),
        Export(
            name="referrals",
            title="Referrals of an application, or of one campaign",
            paths=("/v1/applications/{application}/export_referrals",),
            columns=columns.REFERRALS,
            id_filters={"campaignId": "campaign"},
            windows=(BY_CREATION,),
            filters=(*CREATED, VALID, USABLE, BATCH, DATES),
        ),
        Export(
            name="giveaways",
            title="Giveaway codes of a pool",
            paths=("/v1/giveaways/pools/{pool}/export",),
            columns=columns.GIVEAWAYS,
            windows=(BY_CREATION,),
            filters=CREATED,
        ),
        Export(
            name="loyalty-cards",
            title="Cards of a card-based program",
            paths=(f"{PROGRAM_PATH}/cards/export",),
            columns=columns.CARDS,
            windows=(BY_CREATION,),
            filters=(*CREATED, BATCH, DATES),
            notes=("Lists and attributes are printed without CSV quotes; --tidy writes them quoted.",),
        ),
        Export(
            name="card-balances",
            title="Point balances of all cards of a program",
            paths=(f"{PROGRAM_PATH}/export_card_balances",),
            columns=columns.CARD_BALANCES,
            filters=(BALANCE_END, CARD_BALANCES),
            notes=("negativeBalance is not supported here.",),
        ),
        Export(
            name="card-ledger",
            title="The transaction log of one card",
            paths=(f"{PROGRAM_PATH}/cards/{{card}}/export_log",),
            path_names=(PathName(name="card", about="The identifier of the card."),),
            windows=(BY_RANGE,),
            filters=(*RANGE, DATES),
            notes=("The columns of this export are not documented.",),
        ),
        Export(
            name="customer-balances",
            title="Point balances of all customers of a program",
            paths=(f"{PROGRAM_PATH}/export_customer_balances",),
            columns=columns.CUSTOMER_BALANCES,
            filters=(BALANCE_END, BALANCES, LEDGERS),
            notes=("Subledgers whose balances are all zero are left out. currentTier is that of today.",),
        ),
        Export(
            name="customer-balance",
            title="The same by the older, deprecated endpoint",
            paths=(f"{PROGRAM_PATH}/export_customer_balance",),
            deprecated=(f"{PROGRAM_PATH}/export_customer_balance",),
            filters=(BALANCE_END, BALANCES),
            notes=("Deprecated: use customer-balances.",),
        ),
        Export(
            name="customer-ledger",
            title="The transaction log of one customer",
            paths=(f"{PROGRAM_PATH}/profile/{{profile}}/export_log",),
            columns=columns.LEDGER,
            path_names=(PathName(name="profile", about="The integration id of the customer profile."),),
            windows=(BY_RANGE,),
            filters=(*RANGE, DATES),
            notes=("The rows show no import id. flags, transactionuuid and validityduration came in 2025.",),
        ),
        Export(
            name="loyalty-tiers",
            title="Customers and their tiers in a program",
            paths=(f"{PROGRAM_PATH}/export_customers_tiers",),
            columns=columns.TIERS,
            filters=(
                SUBLEDGERS,
                Filter(
                    name="tiers",
                    parameter="tierNames",
                    kind=Kind.LIST,
                    about="Only these tiers, by name, between commas.",
                ),
            ),
        ),
        Export(
            name="loyalty-join-dates",
            title="When customers joined a program",
            paths=(f"{PROGRAM_PATH}/export_join_dates",),
            columns=columns.JOIN_DATES,
        ),
        Export(
            name="loyalty-points",
            title="Transactions of a program, page by page (the API has no export of them)",
            paths=(f"{PROGRAM_PATH}/transactions",),
            form=Form.PAGES,
            filters=OF_TRANSACTIONS,
            all_rows={"created-after": "1970-01-01T00:00:00Z"},
            notes=("Without a filter the API returns the last 50 transactions; bulkops then asks for all since 1970.",),
        ),
        Export(
            name="audiences",
            title="Members of an audience",
            paths=("/v1/audiences/{audience}/memberships/export",),
            columns=columns.AUDIENCE,
        ),
        Export(
            name="collections",
            title="Items of a collection: account level, or campaign level when a campaign is given",
            paths=("/v1/collections/{collection}/export", f"{CAMPAIGN_PATH}/collections/{{collection}}/export"),
            columns=columns.COLLECTION,
        ),
        Export(
            name="stores",
            title="Stores linked to a campaign",
            paths=(f"{CAMPAIGN_PATH}/stores/export",),
            columns=columns.STORES,
        ),
        Export(
            name="store-budgets",
            title="Budgets of a campaign's stores",
            paths=(f"{CAMPAIGN_PATH}/stores/budgets/export",),
            columns=columns.BUDGETS,
            filters=(ACTION, PERIOD),
        ),
        Export(
            name="achievements",
            title="Customers' progress in an achievement; by the older, deprecated endpoint where a campaign is given",
            paths=(
                "/v2/achievements/{achievement}/export",
                f"{CAMPAIGN_PATH}/achievements/{{achievement}}/export",
            ),
            deprecated=(f"{CAMPAIGN_PATH}/achievements/{{achievement}}/export",),
            columns=columns.ACHIEVEMENTS,
            path_names=(PathName(name="achievement", about="The id of the achievement.", numeric=True),),
        ),
        Export(
            name="effects",
            title="Rule effects of an application, or of one campaign",
            paths=("/v1/applications/{application}/export_effects",),
            columns=columns.EFFECTS,
            id_filters={"campaignId": "campaign"},
            windows=(BY_CREATION,),
            filters=(*CREATED, DATES),
        ),
        Export(
            name="customer-sessions",
            title="Customer sessions of an application",
            paths=("/v1/applications/{application}/export_customer_sessions",),
            columns=columns.SESSIONS,
            windows=(
                BY_CREATION,
                Window(after="updated-after", before="updated-before", column="updated", by="updated"),
            ),
            filters=(
                *CREATED,
                *OF_SESSIONS,
                DATES,
            ),
            notes=(
                "Archived sessions cannot be exported.",
                "0001-01-01T00:00:00Z in closedat or cancelledat means not closed, not cancelled.",
            ),
        ),
        Export(
            name="campaign-analytics",
            title="Figures of an application's campaigns",
            paths=("/v1/applications/{application}/campaign_analytics/export",),
            columns=columns.ANALYTICS,
            filters=(
                *RANGE,
                Filter(
                    name="campaigns", parameter="campaignIds", kind=Kind.LIST, about="Only these ids, between commas."
                ),
            ),
            notes=("The first rows are labelled Total and Influenced.",),
        ),
        Export(
            name="value-maps",
            title="The current version of a campaign's value map",
            paths=(f"{CAMPAIGN_PATH}/value_maps/{{value-map}}/export",),
            columns=columns.VALUE_MAP,
            path_names=(PathName(name="value-map", about="The id of the value map.", numeric=True),),
        ),
        Export(
            name="exports",
            title="The log of past exports",
            paths=("/v1/exports",),
            form=Form.PAGES,
            id_filters={"applicationId": "application", "campaignId": "campaign"},
            filters=(
                Filter(
                    name="entity",
                    parameter="entity",
                    kind=Kind.CHOICE,
                    choices=(
                        "Coupon",
                        "Referral",
                        "Effect",
                        "CustomerSession",
                        "LoyaltyLedger",
                        "LoyaltyLedgerLog",
                        "Collection",
                        "AudienceMembership",
                    ),
                    about="Only exports of this kind.",
                ),
            ),
        ),
    )
}
