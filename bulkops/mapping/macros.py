"""The helper functions that expressions may use besides those of DuckDB.

Each is a macro. A blank cell is NULL; the helpers return NULL for it. A value that a helper cannot read is an error.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Macro:
    """A helper: its name, its parameters, its SQL, and its description for the documentation."""

    name: str
    parameters: str
    sql: str
    about: str


_SPACES = "' \t\r\n\f\u00a0\u200b\ufeff'"
_NUMBER = r"'^-?[0-9]+(\.[0-9]+)?$'"
_SIGNS = r"'[\s\x{00A0}\x{202F}\x{2019}''_A-Za-z$€£¥%]'"
RFC3339 = "'%Y-%m-%dT%H:%M:%SZ'"

MACROS = (
    Macro("clean", "x", f"nullif(trim(x::VARCHAR, {_SPACES}), '')",
          "text without surrounding blanks; NULL if nothing is left"),
    Macro("number_checked", "x, was",
          f"CASE WHEN clean(was) IS NULL THEN NULL WHEN regexp_full_match(x, {_NUMBER}) THEN x "
          "ELSE error('not a number: ' || was) END", ""),
    Macro("decimal_point", "x",
          f"CASE WHEN regexp_full_match(x::VARCHAR, {_NUMBER}) THEN x::VARCHAR ELSE "
          f"number_checked(regexp_replace(replace(x::VARCHAR, ',', ''), {_SIGNS}, '', 'g'), x::VARCHAR) END",
          "number written as 1,234.50, without currency and groups: 1234.50"),
    Macro("decimal_comma", "x",
          "number_checked(replace(regexp_replace(replace(x::VARCHAR, '.', ''), "
          f"{_SIGNS}, '', 'g'), ',', '.'), x::VARCHAR)",
          "number written as 1.234,50: 1234.50"),
    Macro("cents", "x", "(decimal_point(x)::DECIMAL(38, 0) / 100)::DECIMAL(38, 2)::VARCHAR",
          "amount in the smallest unit of a currency with two decimals: 1250 becomes 12.50"),
    Macro("instant", "x, format, zone := 'UTC'",
          f"strftime(timezone(zone, strptime(clean(x), format)) AT TIME ZONE 'UTC', {RFC3339})",
          "date or time in a strptime format and a time zone, as RFC 3339 in UTC"),
    Macro("end_of_day", "x, format, zone := 'UTC'",
          "strftime(timezone(zone, date_trunc('day', strptime(clean(x), format)) + INTERVAL 86399 SECOND) "
          f"AT TIME ZONE 'UTC', {RFC3339})",
          "the last second of a date, as RFC 3339 in UTC"),
    Macro("iso_instant", "x, zone := 'UTC'",
          "CASE WHEN clean(x) IS NULL THEN NULL "
          r"WHEN regexp_matches(clean(x), '(Z|UTC|[+-][0-9]{2}:?[0-9]{2})$') "
          f"THEN strftime(replace(clean(x), ' UTC', 'Z')::TIMESTAMPTZ AT TIME ZONE 'UTC', {RFC3339}) "
          f"ELSE strftime(timezone(zone, clean(x)::TIMESTAMP) AT TIME ZONE 'UTC', {RFC3339}) END",
          "ISO 8601 date or time, with or without an offset, as RFC 3339 in UTC"),
    Macro("unix_instant", "x", f"strftime(to_timestamp(clean(x)::BIGINT) AT TIME ZONE 'UTC', {RFC3339})",
          "seconds since 1970, as RFC 3339 in UTC"),
    Macro("split_list", "x, separator := ','",
          "list_filter(list_transform(string_split(x::VARCHAR, separator), lambda part: clean(part)), "
          "lambda part: part IS NOT NULL)",
          "the parts of a text as a list, without blank ones"),
    Macro("json_texts", "x", "from_json(x::VARCHAR, '[\"VARCHAR\"]')", "JSON list as a list of texts"),
    Macro("yes", "x", "lower(clean(x)) IN ('1', 'true', 't', 'yes', 'y', 'on', 'enabled', 'active')",
          "whether a text means yes"),
)  # fmt: skip
"""In the order of their definition: a helper uses only helpers in front of it."""


def definitions() -> list[str]:
    """Return the SQL statements that define the helpers."""
    return [f"CREATE TEMP MACRO {macro.name}({macro.parameters}) AS {macro.sql}" for macro in MACROS]
