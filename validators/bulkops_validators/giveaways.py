"""Giveaways: codes added to a giveaway pool, each copy handed out once."""

from bulkops_validators.model.cells import JsonObject, Text, Timestamp
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    Limits,
    Mode,
    Ordered,
    Readback,
    ReadColumn,
    Route,
    Unique,
)

IMPORT = "importPoolGiveaways description"

READBACK = Readback(
    operation="exportPoolGiveaways",
    path="/v1/giveaways/pools/{pool}/export",
    key=("code", "startdate", "enddate", "attributes"),
    multiset=True,
    columns=(
        ReadColumn(column="code", found=("code",)),
        ReadColumn(column="startdate", found=("startdate",), compare=Comparison.INSTANT),
        ReadColumn(column="enddate", found=("enddate",), compare=Comparison.INSTANT),
        ReadColumn(
            column="attributes",
            found=("attributes",),
            compare=Comparison.JSON,
            blank_equals=("", "{}", "null"),
        ),
    ),
    import_id="importid",
    created="created",
    after="createdAfter",
    before="createdBefore",
    own_columns=("id", "poolid", "used", "importid", "created", "profileintegrationid", "profileid"),
    shown_ids={"pool": "poolid"},
    spent="used",
)

CONTRACT = Contract(
    name="giveaways",
    model_name="Giveaways",
    title="Giveaway codes",
    mode=Mode.APPEND,
    effect="adds codes to a pool; a code sent twice is two codes and is handed out twice",
    source=IMPORT,
    columns=(
        Column(
            name="code",
            cell=Text(min_length=1, code=True),
            required=True,
            about="The giveaway code, for example the number of a gift card.",
            example="GIVEAWAY-8K2L",
            sources={"required": IMPORT, "min_length": IMPORT, "code": f"{IMPORT}: the giveaway code"},
        ),
        Column(
            name="startdate",
            cell=Timestamp(),
            about="The first moment at which the code may be awarded (not when it becomes valid); blank: immediately.",
            default="at once",
            example="2026-12-01T00:00:00Z",
            sources={"type": IMPORT},
        ),
        Column(
            name="enddate",
            cell=Timestamp(expected_future=True),
            about="The last moment at which the code may be awarded; blank: no end.",
            default="without end",
            example="2030-12-31T23:59:59Z",
            sources={"type": IMPORT},
        ),
        Column(
            name="attributes",
            cell=JsonObject(entity="Giveaway"),
            about="Custom attributes of the giveaway as one JSON object, inner quotes doubled.",
            default="none",
            example='{"category": "gift card"}',
            sources={"type": IMPORT, "names": "attribute name pattern of the Attribute schema"},
        ),
    ),
    unique=(
        Unique(
            columns=("code",),
            certain=False,
            source=f"{IMPORT}: each copy is distributed as a code of its own",
            code="UNQ102",
        ),
    ),
    ordered=(Ordered(start="startdate", end="enddate", source="not documented; such a code can never be awarded"),),
    no_undo="The API cannot delete giveaways. Codes that were given out stay valid.",
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(Route(operation="importPoolGiveaways", path="/v1/giveaways/pools/{pool}/import", readback=READBACK),),
    evidence=(
        "The pool export shows each code with its import id. Codes created since the request left are grouped by "
        "import id and compared with the chunk as multisets. An exact match means accepted. If nothing new appears "
        "within the settle time, the chunk is resent. Anything else needs a manual decision."
    ),
)
