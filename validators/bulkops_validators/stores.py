"""Stores: the stores linked to a campaign."""

from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import (
    Column,
    Contract,
    Limits,
    Mode,
    Readback,
    ReadColumn,
    Reference,
    Route,
    Unique,
)

IMPORT = "importCampaignStores description"

CONTRACT = Contract(
    name="stores",
    model_name="Stores",
    title="Campaign stores",
    mode=Mode.REPLACE,
    effect="replaces the list of stores linked to a campaign, which changes the campaign's scope at once",
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
        ),
    ),
    unique=(
        Unique(
            columns=("store_integration_id",),
            certain=False,
            source="how repeated stores are stored is not documented",
        ),
    ),
    limits=Limits(source="no limit of size or records is documented"),
    routes=(
        Route(
            operation="importCampaignStores",
            path="/v1/applications/{application}/campaigns/{campaign}/stores/import",
            readback=Readback(
                operation="exportCampaignStores",
                path="/v1/applications/{application}/campaigns/{campaign}/stores/export",
                key=("store_integration_id",),
                columns=(ReadColumn(column="store_integration_id", found=("store_integration_id",)),),
            ),
        ),
    ),
    evidence="The file is the whole list, so a doubtful request is sent again; the export proves the stores.",
)
