"""Referrals: codes that advocates hand to friends, created in one campaign."""

from bulkops_validators.model.cells import Integer, JsonObject, Text, Timestamp
from bulkops_validators.model.contract import (
    Column,
    Comparison,
    Contract,
    Deletion,
    KeySearch,
    Limits,
    Mode,
    Ordered,
    Readback,
    ReadColumn,
    Reference,
    Requires,
    Route,
    Unique,
    UsageLimit,
)

IMPORT = "importReferrals description"
ENTITY = "Referral schema"

READBACK = Readback(
    operation="exportReferrals",
    path="/v1/applications/{application}/export_referrals",
    query={"campaignId": "{campaign}", "dateFormat": "ISO8601"},
    key=("code",),
    columns=(
        ReadColumn(column="code", found=("code",), compare=Comparison.CODE),
        ReadColumn(column="advocateprofileintegrationid", found=("advocateprofileintegrationid",)),
        ReadColumn(column="startdate", found=("startdate",), compare=Comparison.INSTANT),
        ReadColumn(column="expirydate", found=("expirydate",), compare=Comparison.INSTANT),
        ReadColumn(column="limitval", found=("limitval",), compare=Comparison.DECIMAL, blank_equals=("1", "")),
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
    case_setting=("/v1/applications/{application}", "caseSensitivity"),
    case_operation="getApplication",
    own_columns=("id", "created", "campaignid", "friendprofileintegrationid", "importid", "batchid", "counter"),
    shown_ids={"campaign": "campaignid"},
    usage=(UsageLimit(column="limitval", used="counter", unlimited=("0",)),),
    lost_columns=("friendprofileintegrationid",),
)

CONTRACT = Contract(
    name="referrals",
    model_name="Referrals",
    title="Referrals",
    mode=Mode.CREATE,
    effect="creates referral codes in a campaign; advocates must exist, profiles are not created",
    source=IMPORT,
    columns=(
        Column(
            name="code",
            cell=Text(min_length=4),
            required=True,
            about="The referral code.",
            example="FRIEND-27G47Y54VH9L",
            sources={"required": IMPORT, "min_length": f"{ENTITY}: code.minLength"},
        ),
        Column(
            name="advocateprofileintegrationid",
            cell=Text(max_length=1000),
            required=True,
            about="The customer profile that hands the code out; it must exist.",
            example="customer-0001",
            sources={"required": IMPORT, "max_length": f"{ENTITY}: advocateProfileIntegrationId.maxLength"},
            names=Reference.PROFILE,
        ),
        Column(
            name="startdate",
            cell=Timestamp(),
            about="When the code starts working; blank: at once.",
            default="valid at once",
            example="2026-12-01T00:00:00Z",
            sources={"type": IMPORT},
        ),
        Column(
            name="expirydate",
            cell=Timestamp(expected_future=True),
            about="When the code stops working; blank: never.",
            default="never expires",
            example="2030-12-31T23:59:59Z",
            sources={"type": IMPORT},
        ),
        Column(
            name="limitval",
            cell=Integer(minimum=0, maximum=999_999),
            about="Maximum number of redemptions; 0: no limit; blank: one.",
            default="1",
            example="10",
            sources={
                "default": IMPORT,
                "minimum": f"{ENTITY}: usageLimit",
                "maximum": f"{ENTITY}: usageLimit",
                "type": IMPORT,
            },
        ),
        Column(
            name="attributes",
            cell=JsonObject(entity="Referral"),
            about="Custom attributes of the referral as one JSON object, inner quotes doubled.",
            default="none",
            example='{"category": "friends"}',
            sources={"type": IMPORT, "names": "attribute name pattern of the Attribute schema"},
        ),
    ),
    unique=(Unique(columns=("code",), certain=True, source="referral guide: the file must contain no duplicates"),),
    ordered=(Ordered(start="startdate", end="expirydate", source="not documented; such a code can never be used"),),
    requires=Requires(feature="referrals", source="Campaign schema: features"),
    undo=Deletion(
        operation="deleteReferral",
        path="/v1/applications/{application}/campaigns/{campaign}/referrals/{row}",
        row="id",
        used="counter",
        used_word="redeemed",
        source="deleteReferral: one referral by its id",
    ),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importReferrals",
            path="/v1/applications/{application}/campaigns/{campaign}/import_referrals",
            readback=READBACK,
            search=KeySearch(
                what="codes among the referral codes of the campaign",
                operation="getReferralsWithoutTotalCount",
                path="/v1/applications/{application}/campaigns/{campaign}/referrals/no_total",
                column="code",
            ),
        ),
    ),
    evidence=(
        "The referral export shows every code with its import id. If it contains all codes of a chunk, the chunk is "
        "accepted; if none, the chunk is resent; if some, only the missing codes are resent."
    ),
    notes=("Whether an unknown advocate fails its row or the whole file is not documented.",),
)
