"""The open questions of the API documentation about exports, lists and the rate limit."""

import dataclasses

from bulkops.sandbox.open_questions import SECONDS, question


@dataclasses.dataclass(frozen=True)
class OpenReads:
    """Open questions about the content and form of reads, and about the rate limit; all fields are text."""

    transaction_order: str = question(
        "newest_first",
        values="newest_first|oldest_first",
        decides="The order of the transactions list",
        source="Without a filter the last 50 are returned",
    )
    search_shows_imported: str = question(
        "yes",
        values="yes|no",
        decides="Whether the customer search finds profiles that a points import created",
        source="They stay invisible in Applications until an update",
    )
    created_bounds: str = question(
        "exclusive",
        values="exclusive|inclusive",
        decides="Whether before/after filters include the instant itself",
        source="Not stated",
    )
    unfiltered_transactions: str = question(
        "last_50",
        values="last_50|all",
        decides="Which transactions of a program are listed without a filter",
        source="If no filters are applied, the last 50 are returned",
    )
    deleted_mark: str = question(
        "blank",
        values="blank|false|zero_time",
        decides="Value of `deleted` in the coupon export for a coupon that is not deleted",
        source="The column is blank in the samples; it says whether the coupon is deleted",
    )
    deleted_coupons: str = question(
        "hidden", values="hidden|shown", decides="Whether a plain coupon export shows deleted ones", source="Not stated"
    )
    default_date_format: str = question(
        "as_samples",
        values="as_samples|ISO8601|excel",
        decides="The dates of an export called without `dateFormat`",
        source="The samples differ from export to export",
    )
    excel_dates: str = question(
        "dashes",
        values="dashes|slashes",
        decides="The excel form: `2021-09-10 09:21:06` or `09/10/2021 09:21:06`",
        source="Samples of referrals and transaction logs",
    )
    no_discount_limit: str = question(
        "empty",
        values="empty|0",
        decides="Value of the discount limit in the coupon export for a coupon without one",
        source="Not stated",
    )
    card_cells: str = question(
        "quoted",
        values="quoted|raw",
        decides="Whether the card export quotes cells that contain commas and quotes",
        source="The sample shows them unquoted",
    )
    card_balance_fields: str = question(
        "9",
        values="9|8",
        decides="Number of fields of a card balance row; the header has 8",
        source="The sample row has 9 fields",
    )
    tier_dates: str = question(
        "rfc3339",
        values="rfc3339|sample",
        decides="Whether tier dates end in `Z` or, as the sample's, in `Z00:00`",
        source="Sample `2023-08-02T15:04:05Z07:00`",
    )
    error_media: str = question(
        "declared",
        values="declared|json",
        decides="The media type of an export's error: `application/csv` or `application/json`",
        source="Declared as application/csv with a JSON schema",
    )
    entity_name: str = question(
        "own",
        values="own|example",
        decides="`entity` of an import's response: a name of its own or `AttributeAllowedList`",
        source="Every endpoint has the same example",
    )
    export_lag: str = question(
        "0",
        values=SECONDS,
        decides="Number of seconds until reads show the effect of an import",
        source="Third parties poll after an import",
    )
    rate_unit: str = question(
        "endpoint",
        values="endpoint|key",
        decides="Whether the limit counts each endpoint or all of a key's requests",
        source="3 requests per second for each endpoint",
    )
    rate_window: str = question(
        "sliding",
        values="sliding|fixed",
        decides="Whether the second slides or starts with the clock's",
        source="Not stated",
    )
    retry_after: str = question(
        "seconds", values="none|seconds|date", decides="The `Retry-After` of a 429", source="No such header is declared"
    )
