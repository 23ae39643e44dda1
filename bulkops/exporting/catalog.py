"""All exports of the API: those that contracts read back are derived, the others are listed here.

Source: the Management API's description of June 2026; of August 2026 for `deleted-*` and the second achievements path,
of September 2026 (release 26.19) for the subledgers of customer balances.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from bulkops.exporting import columns
from bulkops.exporting.definition import Export, ExportDetails, Filter, Kind, PathName, Window
from bulkops.exporting.filters import (
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
    RANGE,
    SUBLEDGERS,
    USABLE,
    VALID,
)
from bulkops.exporting.readbacks import export_of
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract, Form

CAMPAIGN_PATH = "/v1/applications/{application}/campaigns/{campaign}"
PROGRAM_PATH = "/v1/loyalty_programs/{program}"

DETAILS: dict[str, ExportDetails] = {
    "exportCoupons": ExportDetails(
        title="Coupons of an application, or of one campaign",
        windows=(Window(after="deleted-after", before="deleted-before", column="deleted", by="deleted"),),
        filters=(VALID, USABLE, BATCH, *OF_COUPONS),
        notes=(
            "Deleted coupons can be exported for 7 days. Not documented: whether other exports show them.",
            "The form of the column deleted is not documented: blank, false, 0 or the zero time is a live coupon.",
        ),
    ),
    "exportReferrals": ExportDetails(
        title="Referrals of an application, or of one campaign", filters=(VALID, USABLE, BATCH)
    ),
    "exportLoyaltyCards": ExportDetails(
        title="Cards of a card-based program",
        filters=(BATCH,),
        notes=("Lists and attributes are printed without CSV quotes; --tidy writes them quoted.",),
    ),
    "exportCustomersTiers": ExportDetails(
        title="Customers and their tiers in a program",
        filters=(
            SUBLEDGERS,
            Filter(
                name="tiers",
                parameter="tierNames",
                kind=Kind.LIST,
                about="Only these tiers, by name.",
            ),
        ),
    ),
    "getLoyaltyProgramTransactions": ExportDetails(
        title="Transactions of a program, page by page (the API has no export of them)",
        filters=OF_TRANSACTIONS,
        all_rows={"created-after": "1970-01-01T00:00:00Z"},
        notes=("Without a filter the API returns the last 50 transactions; bulkops then asks for all since 1970.",),
    ),
    "exportAccountCollectionItems": ExportDetails(
        title="Items of a collection: account level, or campaign level when a campaign is given"
    ),
}
"""The details of the exports of contracts, by the operation of the read-back."""

OTHERS = (
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
        notes=("Subledgers with only zero balances are left out. currentTier is today's tier.",),
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
            Filter(name="campaigns", parameter="campaignIds", kind=Kind.LIST, about="Only these ids."),
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
"""The exports that are not the read-back of a contract."""


def exports_of(
    contracts: Collection[Contract], others: Iterable[Export], details: Mapping[str, ExportDetails]
) -> dict[str, Export]:
    """Return all exports by name, in alphabetical order: those of the contracts, and the others.

    One of `others` that has become the read-back of a contract is left out: the derived export replaces it. A name in
    a path that has become an id of targets is given like every other id.
    """
    derived = [export for contract in contracts if (export := export_of(contract, details)) is not None]
    paths = {path for export in derived for path in export.paths}
    ids = {name for contract in contracts for route in contract.routes for name in route.ids}
    kept = [_with_ids(export, ids) for export in others if paths.isdisjoint(export.paths)]
    return {export.name: export for export in sorted((*derived, *kept), key=lambda export: export.name)}


def _with_ids(export: Export, ids: Collection[str]) -> Export:
    """Return an export without the names in its paths that are ids of targets."""
    return replace(export, path_names=tuple(each for each in export.path_names if each.name not in ids))


EXPORTS = exports_of(CONTRACTS.values(), OTHERS, DETAILS)
"""Every export by its name."""
