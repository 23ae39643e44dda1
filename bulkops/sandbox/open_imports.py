"""The open questions of the API documentation about imports."""

import dataclasses

from bulkops.sandbox.open_questions import question


@dataclasses.dataclass(frozen=True)
class OpenImports:
    """How files are read, checked and imported; all fields are text."""

    atomicity: str = question(
        "whole_file",
        values="whole_file|until_error|good_rows",
        decides="Rows of a refused file that are imported: none, those before the first invalid row, or all valid rows",
        source="Stated for join dates only (400 for the import)",
    )
    errors_reported: str = question(
        "first",
        values="first|all",
        decides="Whether a refusal names the first bad line or up to 100 of them",
        source="No error body for a CSV file is published",
    )
    error_line: str = question(
        "physical",
        values="physical|record",
        decides="Whether `source.line` counts physical lines or records",
        source="`source.line`: the line number in the uploaded file",
    )
    error_line_header: str = question(
        "counted", values="counted|not_counted", decides="Whether the header is line 1", source="Not stated"
    )
    duplicate_status: str = question(
        "400",
        values="400|409",
        decides="The status of a file with a code that exists, without `skipDuplicates`",
        source="Coupon values should be unique; no status is declared",
    )
    duplicates_in_file: str = question(
        "skip",
        values="skip|error",
        decides="Effect of `skipDuplicates=true` on a code that is twice in the same file",
        source="Not stated",
    )
    amount_counts: str = question(
        "created",
        values="created|rows",
        decides="Whether `amount` leaves out skipped duplicates",
        source="`amount`: the number of values imported",
    )
    uniqueness: str = question(
        "application",
        values="campaign|application|account",
        decides="Where a coupon or referral code must be unique",
        source="Old help centre: never reused in another campaign",
    )
    referral_case: str = question(
        "as_application",
        values="as_application|as_sent",
        decides="Whether referral codes follow the Application's case setting",
        source="The setting speaks of codes in general",
    )
    coupon_batch: str = question(
        "one",
        values="one|none",
        decides="Whether a coupon import gives its coupons a batch id",
        source="The batch id is found through List coupons or the UI",
    )
    join_date_column: str = question(
        "either",
        values="either|joindate|newjoindate",
        decides="Which column of a join dates file holds the date",
        source="`newjoindate` until release 26.19, `joindate` since; a deployment accepts the name of its release",
    )
    unknown_columns: str = question(
        "error",
        values="error|ignore",
        decides="Effect of an undocumented column (always an error if only one column is allowed)",
        source="Not stated",
    )
    header_case: str = question(
        "exact", values="exact|ignore", decides="Whether `Value` names the column `value`", source="Not stated"
    )
    bom: str = question(
        "refuse",
        values="refuse|strip",
        decides="Effect of a byte order mark; `refuse` makes it part of the first column's name",
        source="Not stated",
    )
    blank_lines: str = question(
        "skip", values="skip|error", decides="Effect of an empty line", source="Error texts match Go's CSV reader"
    )
    bare_quotes: str = question(
        "error",
        values="error|keep",
        decides="Effect of a quote inside an unquoted cell",
        source="Read CSV error parse error on line 2",
    )
    header_only: str = question(
        "empties",
        values="empties|error",
        decides="Whether a file with a header alone empties the target of a replacing import",
        source="Not stated",
    )
    list_duplicates: str = question(
        "drop",
        values="drop|keep|error",
        decides="Effect of a repeated line in collections, audiences, stores, budgets and allowed lists",
        source="Not stated",
    )
    empty_items: str = question(
        "error", values="error|skip", decides="Effect of an empty cell in those files", source="Not stated"
    )
    unchanged_collection: str = question(
        "accept",
        values="accept|error",
        decides="Effect of an import that repeats the content of a collection",
        source="Make sure the file differs; the consequence is not stated",
    )
    past_expiry: str = question(
        "accept",
        values="accept|error",
        decides="Effect of an expiry date in the past (coupons, referrals, points, tiers)",
        source="The points sample expires in 2009; tiers should expire in the future",
    )
    start_after_expiry: str = question(
        "error", values="error|accept", decides="Effect of a start after the end", source="Not stated"
    )
    fractional_seconds: str = question(
        "accept", values="accept|error", decides="Whether `10:00:00.5Z` is a time", source="RFC 3339 allows it"
    )
    date_only: str = question(
        "error", values="error|midnight", decides="Whether `2030-01-31` is a time", source="Cells are RFC 3339"
    )
    lower_case_tz: str = question(
        "error", values="error|accept", decides="Whether `t` and `z` are accepted for `T` and `Z`", source="Not stated"
    )
    mandatory_attributes: str = question(
        "ignored",
        values="ignored|enforced",
        decides="Whether the coupon import enforces the Application's mandatory attributes",
        source="attributesSettings.mandatory.coupons",
    )
    short_codes: str = question(
        "import_text",
        values="import_text|entity_schema",
        decides="Whether a coupon code needs 3 characters or 4",
        source="Import text: at least 3; Coupon.value.minLength: 4",
    )
    unknown_advocate: str = question(
        "refuse",
        values="refuse|accept",
        decides="Effect of an unknown advocate in a referral file",
        source="Profiles are not created for unknown advocates",
    )
    unknown_recipient: str = question(
        "accept",
        values="accept|refuse",
        decides="Effect of an unknown recipient in a coupon file",
        source="Not stated",
    )
    unknown_member: str = question(
        "accept",
        values="accept|refuse|skip",
        decides="Effect of an unknown profile in an audience file",
        source="Not stated",
    )
    unknown_card_holder: str = question(
        "accept", values="accept|refuse", decides="Effect of an unknown profile in a card file", source="Not stated"
    )
    existing_card: str = question(
        "refuse",
        values="refuse|update|skip",
        decides="Effect of an import of an existing card",
        source="Not stated",
    )
    negative_amounts: str = question(
        "error",
        values="error|accept",
        decides="Whether points of zero or less are accepted",
        source="add_points: more than 0",
    )
    extra_decimals: str = question(
        "error",
        values="error|accept",
        decides="Whether points with more than two decimals are accepted",
        source="Maximum 999999999999.99",
    )
    both_keys: str = question(
        "error",
        values="error|ignore_other",
        decides="Effect of a points row with a profile and a card",
        source="Not stated",
    )
    unknown_subledger: str = question(
        "create",
        values="create|error",
        decides="Effect of points for a new subledger, if subledgers are allowed",
        source="The JSON endpoint creates it",
    )
    inactive_card: str = question(
        "error",
        values="error|accept",
        decides="Whether points can go to an inactive card",
        source="Guides: points go to active cards",
    )
    budget_scope: str = question(
        "action_period",
        values="action_period|all",
        decides="Which store budgets an import replaces",
        source="Replaces the previous list of store budgets",
    )
    budget_store_linked: str = question(
        "not_needed",
        values="not_needed|needed",
        decides="Whether a budget's store must be linked to the campaign",
        source="Not stated",
    )
