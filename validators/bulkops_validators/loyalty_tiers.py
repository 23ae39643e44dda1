"""Loyalty tiers: customers placed in the tiers of a program."""

from bulkops_validators.model.cells import Text, Timestamp
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    CreatedBy,
    Limits,
    Mode,
    ProgramKind,
    Readback,
    ReadColumn,
    Reference,
    Requires,
    Route,
    Unique,
)

IMPORT = "importLoyaltyCustomersTiers description"

READBACK = Readback(
    operation="exportCustomersTiers",
    path="/v1/loyalty_programs/{program}/export_customers_tiers",
    key=("subledgerid", "customerprofileid"),
    columns=(
        ReadColumn(column="subledgerid", found=("subledgerid",)),
        ReadColumn(column="customerprofileid", found=("customerprofileid",)),
        ReadColumn(column="tiername", found=("tiername",)),
        # A program's expiration policy may set an end of its own where the file names none.
        ReadColumn(column="expirydate", found=("expirydate",), compare=Comparison.INSTANT, blank_unknown=True),
    ),
    own_columns=("programid", "startdate"),
    shown_ids={"program": "programid"},
)

CONTRACT = Contract(
    name="loyalty-tiers",
    model_name="LoyaltyTiers",
    title="Customers in loyalty tiers",
    mode=Mode.UPSERT,
    effect="assigns tiers to existing customers, or changes the end date of their tier",
    source=IMPORT,
    columns=(
        Column(
            name="subledgerid",
            cell=Text(max_length=64),
            about="The subledger; blank: the main ledger.",
            default="main ledger",
            example="travel",
            sources={"max_length": "LoyaltyProgramTransaction schema: subledgerId.maxLength"},
            names=Reference.SUBLEDGER,
        ),
        Column(
            name="customerprofileid",
            cell=Text(max_length=1000),
            required=True,
            about="The customer profile; it must exist.",
            example="customer-0001",
            sources={"required": IMPORT, "max_length": "CustomerProfile schema: integrationId.maxLength"},
            names=Reference.PROFILE,
            created_by=CreatedBy(contract="loyalty-points", column="customerprofileid"),
        ),
        Column(
            name="tiername",
            cell=Text(min_length=1),
            required=True,
            about="The name of a tier of the program.",
            example="Gold",
            sources={"required": IMPORT, "min_length": IMPORT},
            names=Reference.TIER,
        ),
        Column(
            name="expirydate",
            cell=Timestamp(expected_future=True),
            recommended=True,
            about="When the tier ends; it should lie in the future. The effect of a blank cell is not documented.",
            example="2030-12-31T23:59:59Z",
            sources={
                "type": IMPORT,
                "expected_future": IMPORT,
                "recommended": f"{IMPORT}: only subledgerid is called optional",
            },
        ),
    ),
    unique=(
        Unique(
            columns=("subledgerid", "customerprofileid"),
            certain=True,
            source="one tier per customer and ledger; which of two rows would win is not documented",
        ),
    ),
    requires=Requires(program=ProgramKind.PROFILES, source="not stated; the only key column is a profile id"),
    follows=("loyalty-points",),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importLoyaltyCustomersTiers",
            path="/v1/loyalty_programs/{program}/import_customers_tiers",
            readback=READBACK,
        ),
    ),
    evidence=(
        "Sending the same rows again leaves the same end state, so a doubtful chunk is sent again. The tiers export "
        "proves the rows; read it at once, since the next session or points update may move a customer."
    ),
    notes=(
        "Works only in programs with advanced tiers (an expiration and a downgrade policy).",
        "Advice since 2026-05-28: import each customer into the tier that matches the balance.",
        "The next session or points update moves a customer up from a lower tier.",
        "To change the tier of a customer, add or deduct points.",
    ),
)
