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
_UNIT = (
    r"(?:\p{Lu}{0,2}\p{Sc}|[A-Z]{3}|zł|Kč|kr\.?|Ft|Fr\.|lei|%|"
    r"(?i:pts\.?|points?|punkte?|puntos?|punti|punto|pontos?|ponto|punten|punt|punkty|punktów))"
)
"""A currency or a unit beside a number. Other letters are an error: `12k` is not 12."""
_SPACE = r"[ \x{00A0}\x{202F}\x{2009}]"


def _written(group: str, point: str) -> str:
    """Return the pattern of numbers with this group sign and this decimal sign.

    Groups have three digits and one sign throughout; blanks and apostrophes may separate them too. A sign that the
    pattern does not accept in its place is never removed, so that `1,234.50` is not read as 1.2345.
    """
    groups = "|".join(f"[1-9][0-9]{{0,2}}(?:{each}[0-9]{{3}})+" for each in (group, _SPACE, r"['\x{2019}]"))
    number = rf"({groups}|[0-9]+)(?:{point}([0-9]+))?"
    unit = f"(?:{_UNIT}{_SPACE}?)?"
    return f"'^{unit}(-?){unit}{number}(?:{_SPACE}?{_UNIT})?$'".replace("['", "[''")


def _number(written: str, point: str, like: str) -> str:
    """Return the SQL of a number: its sign, its digits without groups, and its decimals.

    Most numbers are plain: digits, perhaps with a decimal sign. They take the short way, which is far faster and gives
    the same result.
    """
    # `;` marks the decimal sign while everything between the digits is removed; no number contains it.
    marked = rf"regexp_replace(regexp_replace(clean(x), {written}, '\1\2;\3'), '[^-0-9;]', '', 'g')"
    return (
        f"CASE WHEN regexp_full_match(clean(x), '-?[0-9]+([{point}][0-9]+)?') THEN replace(clean(x), '{point}', '.') "
        "WHEN clean(x) IS NULL THEN NULL "
        f"WHEN NOT regexp_matches(clean(x), {written}) THEN error('not a number written as {like}: ' || x::VARCHAR) "
        f"ELSE rtrim(replace({marked}, ';', '.'), '.') END"
    )


RFC3339 = "'%Y-%m-%dT%H:%M:%SZ'"

MACROS = (
    Macro("clean", "x", f"nullif(trim(x::VARCHAR, {_SPACES}), '')",
          "text without surrounding blanks; NULL if nothing is left"),
    Macro("decimal_point", "x", _number(_written(",", r"\."), ".", "1,234.50"),
          "number written as 1,234.50, also with a currency: 1234.50"),
    Macro("decimal_comma", "x", _number(_written(r"\.", ","), ",", "1.234,50"),
          "number written as 1.234,50, also with a currency: 1234.50"),
    Macro("cents", "x",
          "CASE WHEN contains(decimal_point(x), '.') THEN error('not a whole number of cents: ' || x::VARCHAR) "
          "ELSE (decimal_point(x)::DECIMAL(18, 0) * 0.01::DECIMAL(3, 2))::DECIMAL(20, 2)::VARCHAR END",
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
          "THEN strftime(replace(replace(replace(clean(x), ' UTC', 'Z'), ' +', '+'), ' -', '-')::TIMESTAMPTZ "
          f"AT TIME ZONE 'UTC', {RFC3339}) "
          f"ELSE strftime(timezone(zone, clean(x)::TIMESTAMP) AT TIME ZONE 'UTC', {RFC3339}) END",
          "ISO 8601 date or time, with or without an offset, as RFC 3339 in UTC"),
    Macro("unix_instant", "x", f"strftime(to_timestamp(clean(x)::BIGINT) AT TIME ZONE 'UTC', {RFC3339})",
          "seconds since 1970, as RFC 3339 in UTC"),
    Macro("split_list", "x, separator := ','",
          "list_filter(list_transform(string_split(x::VARCHAR, separator), lambda part: clean(part)), "
          "lambda part: part IS NOT NULL)",
          "the parts of a text as a list, without blank ones"),
    Macro("json_texts", "x", "from_json(x::VARCHAR, '[\"VARCHAR\"]')", "JSON list as a list of texts"),
    Macro("yes", "x",
          "CASE WHEN lower(clean(x)) IN ('1', 'true', 't', 'yes', 'y', 'on', 'enabled', 'active') THEN true "
          "WHEN lower(clean(x)) IN ('0', 'false', 'f', 'no', 'n', 'off', 'disabled', 'inactive') THEN false "
          "WHEN clean(x) IS NOT NULL THEN error('neither yes nor no: ' || x::VARCHAR) END",
          "true for 1, true, t, yes, y, on, enabled, active; false for their opposites; else an error"),
)  # fmt: skip
"""In the order of their definition: a helper uses only helpers in front of it."""


def definitions() -> list[str]:
    """Return the SQL statements that define the helpers."""
    return [f"CREATE TEMP MACRO {macro.name}({macro.parameters}) AS {macro.sql}" for macro in MACROS]
