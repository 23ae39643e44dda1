"""Value maps: the values of a campaign's value map by identifier."""

from bulkops_validators.model.cells import Number, Text
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    Limits,
    Mode,
    Readback,
    ReadColumn,
    Route,
    Unique,
)

IMPORT = "importCampaignValueMap description"
VALUE_MAP = "/v1/applications/{application}/campaigns/{campaign}/value_maps/{value-map}"

CONTRACT = Contract(
    name="value-maps",
    model_name="ValueMaps",
    title="Value map items",
    mode=Mode.REPLACE,
    effect="replaces all items of a value map",
    source=IMPORT,
    columns=(
        Column(
            name="identifier",
            cell=Text(min_length=1, max_length=100),
            required=True,
            about="The identifier, for example a product.",
            example="sku-123",
            sources={"required": IMPORT, "min_length": IMPORT, "max_length": IMPORT},
        ),
        Column(
            name="value",
            cell=Number(),
            required=True,
            about="The value of the identifier.",
            example="10.5",
            sources={"required": IMPORT, "type": IMPORT},
        ),
    ),
    unique=(Unique(columns=("identifier",), certain=True, source=IMPORT),),
    limits=Limits(max_records=10_000, source=IMPORT),
    routes=(
        Route(
            operation="importCampaignValueMap",
            path=f"{VALUE_MAP}/import",
            readback=Readback(
                operation="exportCampaignValueMap",
                path=f"{VALUE_MAP}/export",
                key=("identifier",),
                columns=(
                    ReadColumn(column="identifier", found=("identifier",)),
                    ReadColumn(column="value", found=("value",), compare=Comparison.DECIMAL),
                ),
            ),
        ),
    ),
    evidence="The file is the whole map, so a doubtful request is sent again; the export proves the items.",
)
