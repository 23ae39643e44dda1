"""Store budgets: spending limits of a campaign's stores."""

from bulkops_validators.model.cells import Number, Text
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    CreatedBy,
    Limits,
    Mode,
    QueryOption,
    Readback,
    ReadColumn,
    Reference,
    Route,
    Unique,
)

IMPORT = "importCampaignStoreBudget description"

CONTRACT = Contract(
    name="store-budgets",
    model_name="StoreBudgets",
    title="Campaign store budgets",
    mode=Mode.REPLACE,
    effect="replaces the store budgets of a campaign for an action and a period",
    source=IMPORT,
    columns=(
        Column(
            name="store_integration_id",
            cell=Text(min_length=1, max_length=1000),
            required=True,
            about="A store of the same application; it must exist.",
            example="STORE-001",
            sources={
                "required": IMPORT,
                "min_length": "Store schema: integrationId.minLength",
                "max_length": "Store schema: integrationId.maxLength",
            },
            names=Reference.STORE,
            created_by=CreatedBy(contract="stores", column="store_integration_id", ids=("application", "campaign")),
        ),
        Column(
            name="limit",
            cell=Number(minimum=0, recommended_decimals=0),
            required=True,
            about="Maximum amount that may be spent in the store.",
            example="500",
            sources={
                "required": IMPORT,
                "type": IMPORT,
                "minimum": "limit configuration schema: 0 or more",
                "recommended_decimals": "listCampaignStoreBudgetLimits returns the limit as an integer",
            },
        ),
    ),
    unique=(
        Unique(
            columns=("store_integration_id",),
            certain=True,
            source="one limit per store; which of two rows would win is not documented",
        ),
    ),
    options=(
        QueryOption(
            name="action",
            parameter="action",
            about="The action the budgets limit.",
            choices=("setDiscount",),
            default="setDiscount",
            source=IMPORT,
        ),
        QueryOption(
            name="period",
            parameter="period",
            about="The period of the budgets; overall means no period.",
            choices=("overall", "daily", "weekly", "monthly", "yearly"),
            default="overall",
            source=IMPORT,
        ),
    ),
    follows=("stores",),
    limits=Limits(source="no limit of size or records is documented"),
    routes=(
        Route(
            operation="importCampaignStoreBudget",
            path="/v1/applications/{application}/campaigns/{campaign}/stores/budgets/import",
            success=201,
            readback=Readback(
                operation="exportCampaignStoreBudgets",
                path="/v1/applications/{application}/campaigns/{campaign}/stores/budgets/export",
                query={"action": "{action}", "period": "{period}"},
                key=("store_integration_id",),
                columns=(
                    ReadColumn(column="store_integration_id", found=("store_integration_id",)),
                    ReadColumn(column="limit", found=("limit",), compare=Comparison.DECIMAL),
                ),
            ),
        ),
    ),
    evidence="The file is the whole list, so a doubtful request is sent again; the export proves the limits.",
    notes=("Whether only the given action and period are replaced, or all budgets, is not documented.",),
)
