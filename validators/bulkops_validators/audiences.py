"""Audiences: the members of an audience."""

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

IMPORT = "importAudiencesMemberships description"

CONTRACT = Contract(
    name="audiences",
    model_name="Audiences",
    title="Audience members",
    mode=Mode.REPLACE,
    effect="replaces the whole membership of an audience; campaigns that use it change at once",
    source=IMPORT,
    columns=(
        Column(
            name="profileintegrationid",
            cell=Text(max_length=1000),
            required=True,
            about="A customer profile.",
            example="customer-0001",
            sources={"required": IMPORT, "max_length": "CustomerProfile schema: integrationId.maxLength"},
        ),
    ),
    unique=(
        Unique(
            columns=("profileintegrationid",),
            certain=False,
            source="how repeated members are stored is not documented",
        ),
    ),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importAudiencesMemberships",
            path="/v1/audiences/{audience}/memberships/import",
            readback=Readback(
                operation="exportAudiencesMemberships",
                path="/v1/audiences/{audience}/memberships/export",
                key=("profileintegrationid",),
                columns=(ReadColumn(column="profileintegrationid", found=("profileintegrationid",)),),
            ),
        ),
    ),
    evidence="The file is the whole membership, so a doubtful request is sent again; the export proves the members.",
    notes=("Whether unknown profiles are created, skipped or refused is not documented.",),
)
