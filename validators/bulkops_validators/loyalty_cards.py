"""Loyalty cards: cards created in a card-based program."""

from bulkops_validators.model.cells import Choice, IdList, JsonObject, Text
from bulkops_validators.model.contract import (
    BalanceExport,
    Column,
    Comparison,
    Contract,
    Deletion,
    KeySearch,
    Limits,
    Mode,
    ProgramKind,
    Readback,
    ReadColumn,
    Requires,
    Route,
    Unique,
)

IMPORT = "importLoyaltyCards description"
CARD = "LoyaltyCardIdentifier schema"

READBACK = Readback(
    operation="exportLoyaltyCards",
    path="/v1/loyalty_programs/{program}/cards/export",
    query={"dateFormat": "ISO8601"},
    key=("identifier",),
    columns=(
        ReadColumn(column="identifier", found=("identifier",)),
        ReadColumn(column="state", found=("status", "state")),
        ReadColumn(
            column="customerprofileids",
            found=("customerprofileids",),
            compare=Comparison.ID_SET,
            blank_equals=("", "[]"),
        ),
        ReadColumn(
            column="attributes",
            found=("attributes",),
            compare=Comparison.JSON,
            blank_equals=("", "{}", "null"),
            optional=True,
        ),
    ),
    created="created",
    after="createdAfter",
    before="createdBefore",
    own_columns=("created", "status", "userpercardlimit", "blockreason", "generated", "batchid"),
    lost_columns=("blockreason",),
)

CARD_BALANCES = BalanceExport(
    operation="exportLoyaltyCardBalances",
    path="/v1/loyalty_programs/{program}/export_card_balances",
    column="identifier",
    owner="cardIdentifier",
)

CONTRACT = Contract(
    name="loyalty-cards",
    model_name="LoyaltyCards",
    title="Loyalty cards",
    mode=Mode.CREATE,
    effect="creates cards in a card-based program and links them to customer profiles",
    source=IMPORT,
    columns=(
        Column(
            name="identifier",
            cell=Text(min_length=4, max_length=108, pattern=r"^[A-Za-z0-9._%+@-]+$"),
            required=True,
            about="The card's identifier.",
            example="123-456-789AT",
            sources={
                "required": IMPORT,
                "min_length": f"{CARD} since 2025-10-23",
                "max_length": CARD,
                "pattern": f"{CARD} and {IMPORT} since 2026-03-19",
            },
        ),
        Column(
            name="state",
            cell=Choice(values=("active", "inactive")),
            required=True,
            about="Whether the card can be used.",
            example="active",
            sources={"required": IMPORT, "values": IMPORT},
        ),
        Column(
            name="customerprofileids",
            cell=IdList(separator=";", item_max_length=1000),
            about="The customer profiles linked to the card, separated by semicolons.",
            default="none",
            example="customer-0001;customer-0002",
            sources={"type": IMPORT, "item_max_length": "CustomerProfile schema: integrationId.maxLength"},
        ),
        Column(
            name="attributes",
            cell=JsonObject(entity="LoyaltyCard"),
            about="Custom attributes connected to the program, as one JSON object, inner quotes doubled.",
            default="none",
            example='{"category": "plastic"}',
            sources={
                "type": f"{IMPORT} since 2026-05-29",
                "names": "attribute name pattern of the Attribute schema",
            },
        ),
    ),
    unique=(
        Unique(
            columns=("identifier",),
            certain=True,
            source="an identifier names one card; re-import is not documented",
        ),
    ),
    requires=Requires(program=ProgramKind.CARDS, source=IMPORT),
    undo=Deletion(
        operation="deleteLoyaltyCard",
        path="/v1/loyalty_programs/{program}/cards/{row}",
        row="identifier",
        used_word="with points",
        balances=CARD_BALANCES,
        source="deleteLoyaltyCard: one card by its identifier",
    ),
    limits=Limits(
        max_records=499_999,
        chunk_records=20_000,
        source=f"{IMPORT} since 2026-05-28: fewer than 500,000 rows, and requests time out after 30 seconds",
    ),
    may_change=True,
    timeout_seconds=30,
    routes=(
        Route(
            operation="importLoyaltyCards",
            path="/v1/loyalty_programs/{program}/import_cards",
            readback=READBACK,
            search=KeySearch(
                what="identifiers among the cards of the program",
                operation="getLoyaltyCards",
                path="/v1/loyalty_programs/{program}/cards",
                column="identifier",
                shortest=4,
            ),
        ),
    ),
    evidence=(
        "The card export lists every identifier, without import ids. If it contains all cards of a chunk, the chunk is "
        "accepted; if none, the chunk is resent; if some, only the missing cards are resent."
    ),
    notes=(
        "An id that contains a semicolon cannot be linked by CSV.",
        "What happens to a card that exists already is not documented.",
    ),
)
