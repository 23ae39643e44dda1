"""Coupons: codes created in one campaign."""

from bulkops_validators.model.cells import Integer, JsonObject, Number, Text, Timestamp
from bulkops_validators.model.contract import (
    BatchDeletion,
    Column,
    Comparison,
    Contract,
    Deletion,
    KeySearch,
    Limits,
    Mode,
    Ordered,
    QueryOption,
    Readback,
    ReadColumn,
    Requires,
    Route,
    Unique,
    UsageLimit,
)

IMPORT = "importCoupons description"
ENTITY = "Coupon schema"

READBACK = Readback(
    operation="exportCoupons",
    path="/v1/applications/{application}/export_coupons",
    query={"campaignId": "{campaign}", "dateFormat": "ISO8601"},
    key=("value",),
    columns=(
        ReadColumn(column="value", found=("value",), compare=Comparison.CODE),
        ReadColumn(column="expirydate", found=("expirydate",), compare=Comparison.INSTANT),
        ReadColumn(column="startdate", found=("startdate",), compare=Comparison.INSTANT),
        ReadColumn(column="recipientintegrationid", found=("recipientintegrationid",)),
        ReadColumn(column="limitval", found=("limitval",), compare=Comparison.DECIMAL, blank_equals=("1", "")),
        ReadColumn(
            column="discountlimit",
            found=("discount_limitval", "discountlimit"),
            compare=Comparison.DECIMAL,
            blank_equals=("", "0"),
            optional=True,
        ),
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
    own_columns=("id", "created", "campaignid", "applicationid", "importid", "batchid", "counter"),
    other_columns=(
        "deleted",
        "deleted_changelogid",
        "accountid",
        "referralid",
        "reservation",
        "limits",
        "discount_counter",
        "is_reservation_mandatory",
        "reservation_counter",
        "reservation_limitval",
    ),
    shown_ids={"application": "applicationid", "campaign": "campaignid"},
    usage=(
        UsageLimit(column="limitval", used="counter", unlimited=("0",)),
        UsageLimit(column="discountlimit", used="discount_counter"),
    ),
    lost_columns=("referralid", "reservation", "limits", "is_reservation_mandatory", "reservation_limitval"),
)

CONTRACT = Contract(
    name="coupons",
    model_name="Coupons",
    title="Coupons",
    mode=Mode.CREATE,
    effect="creates coupon codes in a campaign; a code that exists already is an error unless duplicates are skipped",
    source=IMPORT,
    columns=(
        Column(
            name="value",
            cell=Text(min_length=3, recommended_min_length=4, recommended_max_length=30),
            required=True,
            about="The coupon code.",
            example="SPRING-7F3K",
            sources={
                "required": IMPORT,
                "min_length": f"{IMPORT} since 2026-02-28: at least 3 characters",
                "recommended_min_length": f"{ENTITY}: value.minLength 4, so strict clients cannot read back 3",
                "recommended_max_length": f"{IMPORT} since 2026-02-28: 30 or fewer are readable in the interface",
            },
            codes={
                "min_length": "COD203",
                "recommended_max_length": "COD204",
                "recommended_min_length": "COD205",
            },
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
            name="startdate",
            cell=Timestamp(),
            about="When the code starts working; blank: at once.",
            default="valid at once",
            example="2026-12-01T00:00:00+01:00",
            sources={"type": IMPORT},
        ),
        Column(
            name="recipientintegrationid",
            cell=Text(max_length=1000),
            about="The customer profile that may use the code; blank: any.",
            default="none",
            example="customer-0001",
            sources={"max_length": f"{ENTITY}: recipientIntegrationId.maxLength"},
        ),
        Column(
            name="limitval",
            cell=Integer(minimum=0, maximum=999_999),
            about="Maximum number of redemptions; 0: no limit; blank: one.",
            default="1",
            example="1",
            sources={
                "default": IMPORT,
                "minimum": f"{ENTITY}: usageLimit",
                "maximum": f"{ENTITY}: usageLimit",
                "type": IMPORT,
            },
        ),
        Column(
            name="discountlimit",
            cell=Number(minimum=0, maximum=1e15),
            about="Maximum total discount of the code.",
            default="none",
            example="150.50",
            sources={
                "minimum": f"{ENTITY}: discountLimit",
                "maximum": f"{ENTITY}: discountLimit (999999 until 2025)",
                "type": IMPORT,
            },
        ),
        Column(
            name="attributes",
            cell=JsonObject(entity="Coupon"),
            about="Custom attributes of the coupon as one JSON object, inner quotes doubled.",
            default="none",
            example='{"category": "10_off"}',
            sources={"type": IMPORT, "names": "attribute name pattern of the Attribute schema"},
        ),
    ),
    unique=(Unique(columns=("value",), certain=True, source=f"{IMPORT}: unique unless skipDuplicates"),),
    ordered=(Ordered(start="startdate", end="expirydate", source="not documented; such a code can never be used"),),
    options=(
        QueryOption(
            name="skip-duplicates",
            parameter="skipDuplicates",
            about="Let the server ignore codes that exist already instead of refusing the file.",
            source=IMPORT,
        ),
    ),
    duplicate_option="skip-duplicates",
    requires=Requires(feature="coupons", source="Campaign schema: features"),
    undo=Deletion(
        operation="deleteCoupon",
        path="/v1/applications/{application}/campaigns/{campaign}/coupons/{row}",
        row="id",
        used="counter",
        used_word="redeemed",
        batch=BatchDeletion(
            operation="createCouponsDeletionJob",
            path="/v1/applications/{application}/campaigns/{campaign}/coupons_deletion_jobs",
            column="batchid",
            parameter="batchId",
            unused={"redeemed": False},
        ),
        source="createCouponsDeletionJob: filters batchId and redeemed; deleteCoupon: one coupon by its id",
    ),
    limits=Limits(recommended_bytes=500_000_000, source=IMPORT),
    routes=(
        Route(
            operation="importCoupons",
            path="/v1/applications/{application}/campaigns/{campaign}/import_coupons",
            readback=READBACK,
            search=KeySearch(
                what="codes among the coupons of the campaign",
                operation="getCouponsWithoutTotalCount",
                path="/v1/applications/{application}/campaigns/{campaign}/coupons/no_total",
                column="value",
            ),
        ),
    ),
    evidence=(
        "The coupon export shows every code with its import id. If it contains all codes of a chunk, the chunk is "
        "accepted; if none, the chunk is resent; if some, only the missing codes are resent."
    ),
    notes=(
        "Letters and digits are recommended for codes (since 2026-02-28); other characters are not reported.",
        "The export shows coupons that were deleted for 7 days; they do not count as found.",
        "The application's code case setting rewrites codes on storage; codes that differ only by case collide.",
        "Whether a code must be unique in the campaign, the application or the account is not documented.",
    ),
)
