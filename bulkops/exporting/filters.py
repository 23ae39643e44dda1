"""The filters that exports share, and the longer lists of single ones. Data only."""

from dataclasses import replace

from bulkops.exporting.definition import Filter, Kind, Window

CREATED_AFTER = Filter(
    name="created-after", parameter="createdAfter", kind=Kind.INSTANT, about="Only rows created after this instant."
)
CREATED_BEFORE = Filter(
    name="created-before", parameter="createdBefore", kind=Kind.INSTANT, about="Only rows created before this instant."
)
CREATED = (CREATED_AFTER, CREATED_BEFORE)
BY_CREATION = Window(after="created-after", before="created-before", column="created")
RANGE = (
    Filter(
        name="range-start", parameter="rangeStart", kind=Kind.INSTANT, required=True, about="Rows from this instant on."
    ),
    Filter(name="range-end", parameter="rangeEnd", kind=Kind.INSTANT, required=True, about="Rows until this instant."),
)
BY_RANGE = Window(after="range-start", before="range-end", column="created")
DATES = Filter(
    name="date-format",
    parameter="dateFormat",
    kind=Kind.CHOICE,
    choices=("ISO8601", "excel"),
    default="ISO8601",
    about="How dates are written; the form of `excel` is not documented, ISO8601 is UTC.",
)
VALID = Filter(
    name="valid",
    parameter="valid",
    kind=Kind.CHOICE,
    choices=("expired", "validNow", "validFuture"),
    about="Only codes that are expired, valid now, or valid in the future.",
)
USABLE = Filter(
    name="usable",
    parameter="usable",
    kind=Kind.CHOICE,
    choices=("true", "false"),
    about="Only codes with redemptions left (true) or without (false).",
)
BATCH = Filter(name="batch", parameter="batchId", about="Only rows of this batch.")
BALANCE_END = Filter(
    name="end-date",
    parameter="endDate",
    kind=Kind.INSTANT,
    about="Balances just before this instant, past or future; the current tier is always today's.",
)
CARD_BALANCES = Filter(
    name="balances",
    parameter="balances",
    kind=Kind.LIST,
    known=("currentBalance", "pendingBalance", "expiredBalance", "spentBalance"),
    about="Balances to compute; the others are blank. currentBalance is always exported.",
)
BALANCES = replace(CARD_BALANCES, known=(*CARD_BALANCES.known, "negativeBalance"))
SUBLEDGERS = Filter(name="subledgers", parameter="subledgerIds", kind=Kind.LIST, about="Only these subledgers.")
LEDGERS = replace(
    SUBLEDGERS,
    blank_item=True,
    about="Only these subledgers; a blank is the main ledger, as in ',travel'. "
    "Deployments before release 26.19 ignore it.",
)
OF_COUPONS = (
    Filter(
        name="value",
        parameter="value",
        about="Only codes like this; case and punctuation are ignored on both sides.",
    ),
    Filter(
        name="exact-match",
        parameter="exactMatch",
        kind=Kind.SWITCH,
        about="Let --value match whole codes only, case still ignored.",
    ),
    Filter(name="recipient", parameter="recipientIntegrationId", about="Only codes of this customer profile."),
    Filter(name="referral", parameter="referralId", kind=Kind.INTEGER, about="Only codes of this referral id."),
    Filter(
        name="campaign-state",
        parameter="campaignState",
        kind=Kind.CHOICE,
        choices=("enabled", "disabled", "archived", "scheduled", "running", "expired", "staged"),
        about="Only codes of campaigns in this state.",
    ),
    Filter(
        name="deleted-after",
        parameter="deletedAfter",
        kind=Kind.INSTANT,
        about="Only coupons deleted after this instant, at most 7 days back.",
    ),
    Filter(
        name="deleted-before",
        parameter="deletedBefore",
        kind=Kind.INSTANT,
        about="Only coupons deleted before this instant, at most 7 days back.",
    ),
    Filter(name="values-only", parameter="valuesOnly", kind=Kind.SWITCH, about="Only the codes, one column."),
    Filter(name="sort", parameter="sort", about="Column to sort by; a leading - turns the order round."),
)
OF_TRANSACTIONS = (
    Filter(
        name="type",
        parameter="loyaltyTransactionType",
        kind=Kind.CHOICE,
        choices=("manual", "session", "import"),
        about="Only transactions of this origin.",
    ),
    Filter(name="subledger", parameter="subledgerId", about="Only transactions of this subledger."),
    Filter(
        name="session",
        parameter="customerSessionIDs",
        kind=Kind.REPEATED,
        about="Only transactions of this customer session.",
    ),
    Filter(
        name="transaction",
        parameter="transactionUUIDs",
        kind=Kind.REPEATED,
        about="Only the transaction with this UUID.",
    ),
    Filter(
        name="created-after",
        parameter="startDate",
        kind=Kind.INSTANT,
        about="Only transactions created from this instant on.",
    ),
    Filter(
        name="created-before",
        parameter="endDate",
        kind=Kind.INSTANT,
        about="Only transactions created until this instant.",
    ),
    Filter(
        name="awaiting-activation",
        parameter="awaitsActivation",
        kind=Kind.CHOICE,
        choices=("true",),
        about="Only points that await activation.",
    ),
)
OF_SESSIONS = (
    Filter(
        name="updated-after",
        parameter="updatedAfter",
        kind=Kind.INSTANT,
        about="Only sessions updated after this instant.",
    ),
    Filter(
        name="updated-before",
        parameter="updatedBefore",
        kind=Kind.INSTANT,
        about="Only sessions updated before this instant.",
    ),
    Filter(
        name="profile-of",
        parameter="profileIntegrationId",
        about="Only sessions of this customer profile.",
    ),
    Filter(
        name="session-state",
        parameter="customerSessionState",
        kind=Kind.CHOICE,
        choices=("open", "closed", "partially_returned", "cancelled"),
        about="Only sessions in this state.",
    ),
)
