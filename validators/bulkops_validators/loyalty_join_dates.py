"""Loyalty join dates: when customers joined a profile-based program."""

from bulkops_validators.model.cells import Text, Timestamp
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    CreatedBy,
    Limits,
    Mode,
    ProgramKind,
    QueryOption,
    Readback,
    ReadColumn,
    Reference,
    Requires,
    Route,
    Unique,
)

IMPORT = "importLoyaltyJoinDates description"
EARLIER = ("newjoindate",)  # until release 26.18 of the platform

READBACK = Readback(
    operation="exportLoyaltyJoinDates",
    path="/v1/loyalty_programs/{program}/export_join_dates",
    key=("customerprofileid",),
    columns=(
        ReadColumn(column="customerprofileid", found=("profileIntegrationID", "profileintegrationid")),
        ReadColumn(column="joindate", earlier=EARLIER, found=("joinDate", "joindate"), compare=Comparison.INSTANT),
    ),
    own_columns=("loyaltyProgramID", "profileIntegrationID"),
    shown_ids={"program": "loyaltyProgramID"},
)

CONTRACT = Contract(
    name="loyalty-join-dates",
    model_name="LoyaltyJoinDates",
    title="Loyalty join dates",
    mode=Mode.UPSERT,
    effect="replaces the join date of existing customers, each on its own",
    source=IMPORT,
    columns=(
        Column(
            name="customerprofileid",
            cell=Text(max_length=1000),
            required=True,
            about="The customer profile; one that does not exist fails the whole import.",
            example="customer-0001",
            sources={"required": IMPORT, "max_length": "CustomerProfile schema: integrationId.maxLength"},
            names=Reference.PROFILE,
            created_by=CreatedBy(contract="loyalty-points", column="customerprofileid"),
        ),
        Column(
            name="joindate",
            earlier_names=EARLIER,
            cell=Timestamp(),
            required=True,
            about="When the customer joined. A file may call the column newjoindate, its name before release 26.19.",
            example="2024-05-29T15:04:05Z",
            sources={"required": IMPORT, "type": IMPORT, "name": f"{IMPORT} since release 26.19 (September 2026)"},
        ),
    ),
    options=(
        QueryOption(
            name="join-date-column",
            column="joindate",
            choices=("joindate", *EARLIER),
            default="joindate",
            about="Name of the date column in the request, whatever its name in the file. "
            "Deployments before release 26.19 expect newjoindate.",
            source=f"{IMPORT}: newjoindate until release 26.18, joindate since 26.19",
        ),
    ),
    unique=(
        Unique(
            columns=("customerprofileid",),
            certain=True,
            source="one join date per customer; which of two rows would win is not documented",
        ),
    ),
    requires=Requires(program=ProgramKind.PROFILES, source=IMPORT),
    follows=("loyalty-points", "loyalty-tiers"),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importLoyaltyJoinDates",
            path="/v1/loyalty_programs/{program}/import_join_dates",
            readback=READBACK,
        ),
    ),
    evidence=(
        "Sending the same rows again leaves the same end state, so a doubtful chunk is sent again. The join dates "
        "export proves the rows."
    ),
    notes=("Profile-based programs only. A single unknown profile fails the request with 400.",),
)
