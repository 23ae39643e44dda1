"""Collections: the items of an account-level or campaign-level collection."""

from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import (
    Column,
    Contract,
    Limits,
    Mode,
    Readback,
    ReadColumn,
    Route,
    Unique,
)

IMPORT = "importAccountCollection and importCollection descriptions"
ITEM = (ReadColumn(column="item", found=("item",)),)

CONTRACT = Contract(
    name="collections",
    model_name="Collections",
    title="Collection items",
    mode=Mode.REPLACE,
    effect="replaces the whole content of a collection; account level, or campaign level when a campaign is given",
    source=IMPORT,
    columns=(
        Column(
            name="item",
            cell=Text(min_length=1),
            required=True,
            about="One item of the collection.",
            example="SKU-1234",
            sources={"required": IMPORT, "min_length": IMPORT},
        ),
    ),
    unique=(Unique(columns=("item",), certain=False, source="how repeated items are stored is not documented"),),
    limits=Limits(max_records=500_000, source=f"{IMPORT}: a collection holds at most 500,000 items"),
    routes=(
        Route(
            operation="importAccountCollection",
            path="/v1/collections/{collection}/import",
            readback=Readback(
                operation="exportAccountCollectionItems",
                path="/v1/collections/{collection}/export",
                key=("item",),
                columns=ITEM,
            ),
        ),
        Route(
            operation="importCollection",
            path="/v1/applications/{application}/campaigns/{campaign}/collections/{collection}/import",
            readback=Readback(
                operation="exportCollectionItems",
                path="/v1/applications/{application}/campaigns/{campaign}/collections/{collection}/export",
                key=("item",),
                columns=ITEM,
            ),
        ),
    ),
    evidence="The file is the whole content, so a doubtful request is sent again; the export proves the items.",
    notes=("The documentation asks that the file differ from the current content: equal content is not sent.",),
)
