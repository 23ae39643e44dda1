"""What the documentation leaves open, each as a named setting with a default."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bulkops.errors import UsageError

NUMBER = "seconds"


def _open(default: str, *, values: str, decides: str, source: str) -> Any:
    """Declare one setting; `values` separates the choices by `|`, or is `seconds`."""
    return dataclasses.field(
        default=default,
        metadata={"values": tuple(values.split("|")), "decides": decides, "source": source},
    )


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """One answer for every question the documentation leaves open; all fields are text."""

    atomicity: str = _open(
        "whole_file",
        values="whole_file|until_error|good_rows",
        decides="What a refused file leaves behind: nothing, the rows before the first bad one, or every good row",
        source="Stated for join dates only (400 for the import)",
    )
    errors_reported: str = _open(
        "first",
        values="first|all",
        decides="Whether a refusal names the first bad line or up to 100 of them",
        source="No error body for a CSV file is published",
    )
    error_line: str = _open(
        "physical",
        values="physical|record",
        decides="Whether `source.line` counts physical lines or records",
        source="`source.line`: the line number in the uploaded file",
    )
    error_line_header: str = _open(
        "counted", values="counted|not_counted", decides="Whether the header is line 1", source="Not stated"
    )
    duplicate_status: str = _open(
        "400",
        values="400|409",
        decides="The status of a file with a code that exists, without `skipDuplicates`",
        source="Coupon values should be unique; no status is declared",
    )
    duplicates_in_file: str = _open(
        "skip",
        values="skip|error",
        decides="What `skipDuplicates=true` does with a code that the same file holds twice",
        source="Not stated",
    )
    amount_counts: str = _open(
        "created",
        values="created|rows",
        decides="Whether `amount` leaves out skipped duplicates",
        source="`amount`: the number of values imported",
    )
    uniqueness: str = _open(
        "application",
        values="campaign|application|account",
        decides="Where a coupon or referral code must be unique",
        source="Old help centre: never reused in another campaign",
    )
    referral_case: str = _open(
        "as_application",
        values="as_application|as_sent",
        decides="Whether referral codes follow the Application's case setting",
        source="The setting speaks of codes in general",
    )
    coupon_batch: str = _open(
        "one",
        values="one|none",
        decides="Whether a coupon import gives its coupons a batch id",
        source="The batch id is found through List coupons or the UI",
    )
    unknown_columns: str = _open(
        "error",
        values="error|ignore",
        decides="What an undocumented column does (where only one column is allowed it is always an error)",
        source="Not stated",
    )
    header_case: str = _open(
        "exact", values="exact|ignore", decides="Whether `Value` names the column `value`", source="Not stated"
    )
    bom: str = _open(
        "refuse",
        values="refuse|strip",
        decides="What a byte order mark does; `refuse` makes it part of the first column's name",
        source="Not stated",
    )
    blank_lines: str = _open(
        "skip", values="skip|error", decides="What an empty line does", source="Error texts match Go's CSV reader"
    )
    bare_quotes: str = _open(
        "error",
        values="error|keep",
        decides="What a quote inside an unquoted cell does",
        source="Read CSV error parse error on line 2",
    )
    header_only: str = _open(
        "empties",
        values="empties|error",
        decides="Whether a file with a header alone empties the target of a replacing import",
        source="Not stated",
    )
    list_duplicates: str = _open(
        "drop",
        values="drop|keep|error",
        decides="What a repeated line does in collections, audiences, stores, budgets and allowed lists",
        source="Not stated",
    )
    empty_items: str = _open(
        "error", values="error|skip", decides="What an empty cell does in those files", source="Not stated"
    )
    unchanged_collection: str = _open(
        "accept",
        values="accept|error",
        decides="What sending a collection its own content does",
        source="Make sure the file differs; the consequence is not stated",
    )
    past_expiry: str = _open(
        "accept",
        values="accept|error",
        decides="What an expiry date in the past does (coupons, referrals, points, tiers)",
        source="The points sample expires in 2009; tiers should expire in the future",
    )
    start_after_expiry: str = _open(
        "error", values="error|accept", decides="What a start after the end does", source="Not stated"
    )
    fractional_seconds: str = _open(
        "accept", values="accept|error", decides="Whether `10:00:00.5Z` is a time", source="RFC 3339 allows it"
    )
    date_only: str = _open(
        "error", values="error|midnight", decides="Whether `2030-01-31` is a time", source="Cells are RFC 3339"
    )
    lower_case_tz: str = _open(
        "error", values="error|accept", decides="Whether `t` and `z` do for `T` and `Z`", source="Not stated"
    )
    mandatory_attributes: str = _open(
        "ignored",
        values="ignored|enforced",
        decides="Whether the coupon import enforces the Application's mandatory attributes",
        source="attributesSettings.mandatory.coupons",
    )
    short_codes: str = _open(
        "import_text",
        values="import_text|entity_schema",
        decides="Whether a coupon code needs 3 characters or 4",
        source="Import text: at least 3; Coupon.value.minLength: 4",
    )
    unknown_advocate: str = _open(
        "refuse",
        values="refuse|accept",
        decides="What an unknown advocate does to a referral file",
        source="Profiles are not created for unknown advocates",
    )
    unknown_recipient: str = _open(
        "accept",
        values="accept|refuse",
        decides="What an unknown recipient does to a coupon file",
        source="Not stated",
    )
    unknown_member: str = _open(
        "accept",
        values="accept|refuse|skip",
        decides="What an unknown profile does in an audience file",
        source="Not stated",
    )
    unknown_card_holder: str = _open(
        "accept", values="accept|refuse", decides="What an unknown profile does in a card file", source="Not stated"
    )
    existing_card: str = _open(
        "refuse",
        values="refuse|update|skip",
        decides="What importing a card that exists does",
        source="Not stated",
    )
    negative_amounts: str = _open(
        "error",
        values="error|accept",
        decides="Whether points of zero or less are taken",
        source="add_points: more than 0",
    )
    extra_decimals: str = _open(
        "error",
        values="error|accept",
        decides="Whether points with more than two decimals are taken",
        source="Maximum 999999999999.99",
    )
    both_keys: str = _open(
        "error",
        values="error|ignore_other",
        decides="What a points row with a profile and a card does",
        source="Not stated",
    )
    unknown_subledger: str = _open(
        "create",
        values="create|error",
        decides="What points for a new subledger do, where subledgers are allowed",
        source="The JSON endpoint creates it",
    )
    inactive_card: str = _open(
        "error",
        values="error|accept",
        decides="Whether points can go to an inactive card",
        source="Guides: points go to active cards",
    )
    transaction_order: str = _open(
        "newest_first",
        values="newest_first|oldest_first",
        decides="The order of the transactions list",
        source="Without a filter the last 50 are returned",
    )
    search_shows_imported: str = _open(
        "yes",
        values="yes|no",
        decides="Whether the customer search finds profiles that a points import created",
        source="They stay invisible in Applications until an update",
    )
    budget_scope: str = _open(
        "action_period",
        values="action_period|all",
        decides="Which store budgets an import replaces",
        source="Replaces the previous list of store budgets",
    )
    budget_store_linked: str = _open(
        "not_needed",
        values="not_needed|needed",
        decides="Whether a budget's store must be linked to the campaign",
        source="Not stated",
    )
    created_bounds: str = _open(
        "exclusive",
        values="exclusive|inclusive",
        decides="Whether before/after filters include the instant itself",
        source="Not stated",
    )
    deleted_coupons: str = _open(
        "hidden", values="hidden|shown", decides="Whether a plain coupon export shows deleted ones", source="Not stated"
    )
    default_date_format: str = _open(
        "as_samples",
        values="as_samples|ISO8601|excel",
        decides="The dates of an export called without `dateFormat`",
        source="The samples differ from export to export",
    )
    excel_dates: str = _open(
        "dashes",
        values="dashes|slashes",
        decides="The excel form: `2021-09-10 09:21:06` or `09/10/2021 09:21:06`",
        source="Samples of referrals and transaction logs",
    )
    no_discount_limit: str = _open(
        "empty",
        values="empty|0",
        decides="What the coupon export prints for a coupon without a discount limit",
        source="Not stated",
    )
    card_cells: str = _open(
        "quoted",
        values="quoted|raw",
        decides="Whether the card export quotes cells that hold commas and quotes",
        source="The sample shows them unquoted",
    )
    card_balance_fields: str = _open(
        "9",
        values="9|8",
        decides="The fields of a card balance row, whose header has 8",
        source="The sample row has 9 fields",
    )
    tier_dates: str = _open(
        "rfc3339",
        values="rfc3339|sample",
        decides="Whether tier dates end in `Z` or, as the sample's, in `Z00:00`",
        source="Sample `2023-08-02T15:04:05Z07:00`",
    )
    error_media: str = _open(
        "declared",
        values="declared|json",
        decides="The media type of an export's error: `application/csv` or `application/json`",
        source="Declared as application/csv with a JSON schema",
    )
    entity_name: str = _open(
        "own",
        values="own|example",
        decides="`entity` of an import's answer: a name of its own or `AttributeAllowedList`",
        source="Every endpoint has the same example",
    )
    export_lag: str = _open(
        "0",
        values=NUMBER,
        decides="How many seconds pass before reads show what an import did",
        source="Third parties poll after an import",
    )
    rate_unit: str = _open(
        "endpoint",
        values="endpoint|key",
        decides="Whether the limit counts each endpoint or all of a key's requests",
        source="3 requests per second for each endpoint",
    )
    rate_window: str = _open(
        "sliding",
        values="sliding|fixed",
        decides="Whether the second slides or starts with the clock's",
        source="Not stated",
    )
    retry_after: str = _open(
        "seconds", values="none|seconds|date", decides="The `Retry-After` of a 429", source="No such header is declared"
    )

    @property
    def lag(self) -> float:
        """Seconds before reads show what an import did."""
        return float(self.export_lag)

    def with_values(self, pairs: Iterable[str]) -> "Assumptions":
        """Return a copy changed by `NAME=VALUE` texts; an unknown name or value raises `UsageError`."""
        changes: dict[str, str] = {}
        known = {field.name: field for field in dataclasses.fields(self)}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name not in known:
                raise UsageError(
                    f"The sandbox has no assumption {name!r}.", hint="docs/assumptions.md lists all of them."
                )
            changes[name] = _checked(name, value, known[name].metadata["values"])
        return dataclasses.replace(self, **changes)


def _checked(name: str, value: str, values: tuple[str, ...]) -> str:
    if values == (NUMBER,):
        if value.replace(".", "", 1).isdigit():
            return value
        raise UsageError(f"The assumption {name} takes a number of seconds, not {value!r}.")
    if value not in values:
        raise UsageError(f"The assumption {name} takes {' or '.join(values)}, not {value!r}.")
    return value


def table() -> str:
    """Return the settings as a Markdown table, one line each, in the order they are declared."""
    lines = ["| setting | values (default first) | decides | what the documentation says |", "|---|---|---|---|"]
    for field in dataclasses.fields(Assumptions):
        values = field.metadata["values"]
        default = str(field.default)
        shown = (f"`{default}` (seconds)",) if values == (NUMBER,) else _default_first(default, values)
        lines.append(
            f"| `{field.name}` | {', '.join(shown)} | {field.metadata['decides']} | {field.metadata['source']} |"
        )
    return "\n".join(lines) + "\n"


def _default_first(default: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return (f"`{default}`", *(f"`{value}`" for value in values if value != default))


BEGIN = "<!-- table: begin -->\n"
END = "<!-- table: end -->\n"


def refreshed(page: str) -> str:
    """Return the page `docs/assumptions.md` with its table replaced by the current one."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    path = Path("docs/assumptions.md")
    path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
