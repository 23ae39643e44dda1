"""Attribute values: the allowed list of an attribute."""

from bulkops_validators.model.cells import Text
from bulkops_validators.model.contract import Column, Contract, Limits, Mode, Route, Unique

IMPORT = "importAllowedList description"

CONTRACT = Contract(
    name="attribute-values",
    model_name="AttributeValues",
    title="Allowed attribute values",
    mode=Mode.REPLACE,
    effect="replaces the whole list of values allowed for an attribute",
    source=IMPORT,
    columns=(
        Column(
            name="item",
            cell=Text(min_length=1),
            required=True,
            about="One allowed value.",
            example="red",
            sources={"required": IMPORT, "min_length": IMPORT},
        ),
    ),
    unique=(Unique(columns=("item",), certain=False, source="how repeated values are stored is not documented"),),
    limits=Limits(max_records=500_000, source=f"{IMPORT}: at most 500,000 items"),
    routes=(Route(operation="importAllowedList", path="/v1/attributes/{attribute}/allowed_list/import"),),
    evidence=(
        "Nothing in the API reads an allowed list back. The file is the whole list, so a doubtful request is sent "
        "again; only the amount in the answer can be compared with the records sent."
    ),
)
