"""Loyalty points: amounts added to the balances of profiles or cards."""

from bulkops_validators.loyalty_cards import CARD_BALANCES
from bulkops_validators.model.cells import Duration, Number, Text, Timestamp
from bulkops_validators.model.contract import (
    BalanceExport,
    Column,
    Comparison,
    Contract,
    CreatedBy,
    Deduction,
    Exclusive,
    Form,
    KeySearch,
    Limits,
    Mode,
    OpenAmounts,
    Ordered,
    OwnerDeduction,
    ProgramKind,
    QueryOption,
    Readback,
    ReadColumn,
    Reference,
    Route,
)

IMPORT = "importLoyaltyPoints description"
TRANSACTION = "LoyaltyProgramTransaction schema"
CARD = "LoyaltyCardIdentifier schema"
ADD_POINTS = "addLoyaltyPoints schema"

READBACK = Readback(
    operation="getLoyaltyProgramTransactions",
    path="/v1/loyalty_programs/{program}/transactions",
    query={"loyaltyTransactionType": "import"},
    form=Form.PAGES,
    key=(
        "customerprofileid",
        "identifier",
        "amount",
        "startdate",
        "expirydate",
        "subledgerid",
        "reason",
    ),
    multiset=True,
    columns=(
        ReadColumn(column="customerprofileid", found=("customerProfileId",)),
        ReadColumn(column="identifier", found=("cardIdentifier",)),
        ReadColumn(column="amount", found=("amount",), compare=Comparison.DECIMAL),
        ReadColumn(
            column="startdate",
            found=("startDate",),
            compare=Comparison.INSTANT,
            blank_equals=("immediate", ""),
        ),
        ReadColumn(
            column="expirydate",
            found=("expiryDate",),
            compare=Comparison.INSTANT,
            blank_equals=("unlimited", ""),
            unless_filled="validityDuration",
        ),
        ReadColumn(column="subledgerid", found=("subledgerId",)),
        ReadColumn(column="reason", found=("name",), optional=True, blank_unknown=True),
    ),
    import_id="importId",
    created="created",
    after="startDate",
    before="endDate",
    own_columns=("id", "transactionUUID", "programId", "created", "type", "name", "importId"),
    shown_ids={"program": "programId"},
    open_amounts=OpenAmounts(
        balances={
            ProgramKind.PROFILES: BalanceExport(
                operation="exportLoyaltyBalances",
                path="/v1/loyalty_programs/{program}/export_customer_balances",
                column="customerprofileid",
                owner="profileIntegrationID",
            ),
            ProgramKind.CARDS: CARD_BALANCES,
        }
    ),
)

CONTRACT = Contract(
    name="loyalty-points",
    model_name="LoyaltyPoints",
    title="Loyalty points",
    mode=Mode.APPEND,
    effect="adds points to balances; a file sent twice credits everyone twice",
    source=IMPORT,
    columns=(
        Column(
            name="customerprofileid",
            cell=Text(max_length=1000, recommended_max_length=255),
            about="The customer profile that gets the points, in a profile-based program.",
            example="customer-0001",
            sources={
                "max_length": "CustomerProfile schema: integrationId.maxLength",
                "recommended_max_length": f"{TRANSACTION}, a response: customerProfileId.maxLength",
            },
            codes={"recommended_max_length": "VAL130"},
            program=ProgramKind.PROFILES,
        ),
        Column(
            name="identifier",
            cell=Text(min_length=4, max_length=108, pattern=r"^[A-Za-z0-9._%+@-]+$"),
            about="The card that gets the points, in a card-based program.",
            example="CARD-0001",
            sources={"min_length": CARD, "max_length": CARD, "pattern": CARD},
            created_by=CreatedBy(contract="loyalty-cards", column="identifier", ids=("program",)),
            program=ProgramKind.CARDS,
        ),
        Column(
            name="amount",
            cell=Number(above=0, maximum=999_999_999_999.99, recommended_decimals=2),
            required=True,
            about="How many points.",
            example="125.50",
            sources={
                "required": IMPORT,
                "type": IMPORT,
                "above": f"{ADD_POINTS}: points greater than 0",
                "maximum": f"{ADD_POINTS}: points.maximum",
                "recommended_decimals": "balances are exported with two decimals; more are not documented",
            },
        ),
        Column(
            name="startdate",
            cell=Timestamp(literals=("immediate", "on_action")),
            about="When the points become active; `immediate`, or `on_action` to await activation.",
            default="immediate",
            example="2026-12-01T00:00:00Z",
            sources={"type": IMPORT, "literals": f"{IMPORT}; on_action since 2025-11-04", "default": IMPORT},
        ),
        Column(
            name="expirydate",
            cell=Timestamp(literals=("unlimited",), expected_future=True),
            about="When the points expire; `unlimited` for never. Not together with validityDuration.",
            default="unlimited",
            example="2030-12-31T23:59:59Z",
            sources={
                "type": IMPORT,
                "literals": IMPORT,
                "default": IMPORT,
                "expected_future": "points that are over are never active; the API's own sample has such a date",
            },
        ),
        Column(
            name="validityDuration",
            cell=Duration(),
            about="How long the points last once active, such as 30D, 6M or 1Y_U. Not together with expirydate.",
            example="12M",
            sources={"type": f"{IMPORT} since 2025-12-10"},
        ),
        Column(
            name="subledgerid",
            cell=Text(max_length=64),
            about="The subledger; blank: the main ledger.",
            default="main ledger",
            example="travel",
            sources={"max_length": f"{TRANSACTION}: subledgerId.maxLength"},
            names=Reference.SUBLEDGER,
        ),
        Column(
            name="reason",
            cell=Text(max_length=255),
            about="Why the points were given, shown in the transaction log.",
            example="Migration from the old program",
            sources={"max_length": f"{TRANSACTION}: name.maxLength"},
        ),
    ),
    exclusive=(
        Exclusive(
            columns=("customerprofileid", "identifier"),
            whole_file=True,
            source=f"{IMPORT}: one for profile-based, the other for card-based programs",
        ),
        Exclusive(columns=("expirydate", "validityDuration"), source=f"{IMPORT} since 2025-12-10"),
    ),
    ordered=(Ordered(start="startdate", end="expirydate", source="not documented; such points are never usable"),),
    options=(
        QueryOption(
            name="notifications",
            parameter="notificationsEnabled",
            about="Send notifications, for example of tier upgrades; use --no-notifications for a migration. "
            "Without the option the server decides; its default is to send them.",
            when_copied="false",
            source=f"{IMPORT}: notificationsEnabled, on by default",
        ),
    ),
    follows=("loyalty-cards",),
    undo=Deduction(
        owners={
            ProgramKind.PROFILES: OwnerDeduction(
                operation="removeLoyaltyPoints",
                path="/v1/loyalty_programs/{program}/profile/{owner}/deduct_points",
                history_operation="getLoyaltyProgramProfileLedgerTransactions",
                history="/v1/loyalty_programs/{program}/profile/{owner}/ledger_transactions",
            ),
            ProgramKind.CARDS: OwnerDeduction(
                operation="deductLoyaltyCardPoints",
                path="/v1/loyalty_programs/{program}/cards/{owner}/deduct_points",
                history_operation="getLoyaltyCardTransactionLogs",
                history="/v1/loyalty_programs/{program}/cards/{owner}/logs",
            ),
        },
        source="removeLoyaltyPoints and deductLoyaltyCardPoints: only active points can be deducted",
    ),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importLoyaltyPoints",
            path="/v1/loyalty_programs/{program}/import_points",
            readback=READBACK,
            search=KeySearch(
                what="identifiers among the cards of the program",
                operation="getLoyaltyCards",
                path="/v1/loyalty_programs/{program}/cards",
                column="identifier",
                shortest=4,
                must_exist=True,
            ),
        ),
    ),
    evidence=(
        "The program's transactions of type import carry the import id. Those created since the request left are "
        "grouped by import id and compared with the chunk as multisets: an exact match means accepted. If "
        "nothing new appears within the settle time, the chunk is resent. Anything else needs a manual decision."
    ),
    notes=(
        "Without a filter the transactions list returns the last 50 transactions only; bulkops always sets one.",
        "Unknown profiles are created; they stay invisible in every application until their first session.",
        "Expiry dates are not compared where validityDuration was used: the server computes them.",
    ),
)
