"""Expressions are one deterministic SQL expression each, and reach nothing but the rows."""

import re
from pathlib import Path

import duckdb
import pytest

from bulkops.mapping.engine import Engine
from bulkops.mapping.expressions import MappingError, parsed
from bulkops.mapping.macros import MACROS


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(tmp_path_factory.mktemp("engine"))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("random()", "random has another value in each run"),
        ("now()", "now has another value in each run"),
        ("code || current_date", "current_date has another value in each run"),
        ("uuid()", "uuid has another value in each run"),
        ("(SELECT max(code) FROM source)", "a query inside an expression is not allowed"),
        ("code IN (SELECT 1)", "a query inside an expression is not allowed"),
        ("*", "is not a single value"),
        ("?", "is not a single value"),
        ("code, note", "has several values"),
        ("code) FROM source; DROP TABLE source; --", "is not a SQL expression"),
        ("code AS other", "is not a SQL expression"),
        ("upper(code", "is not a SQL expression"),
    ],
)
def test_an_expression_that_is_not_one_deterministic_value_is_refused(sql: str, message: str) -> None:
    with pytest.raises(MappingError, match=re.escape(message)):
        parsed("columns.value", sql, ["code", "note"])


def test_a_column_with_the_name_of_a_clock_may_be_used() -> None:
    assert parsed("columns.value", "today", ["Today"]).names == {("today",)}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/bulkops-escaped.csv'",
        "ATTACH '/tmp/bulkops-escaped.duckdb'",
        "SELECT * FROM read_csv('https://127.0.0.1:1/a.csv')",
        "SET memory_limit = '10GB'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_the_engine_reaches_no_file_network_or_setting(engine: Engine, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        engine._connection.execute(sql)
    assert not Path("/tmp/bulkops-escaped.csv").exists()


@pytest.mark.parametrize(
    ("sql", "result"),
    [
        ("clean('\t A-02 u\u00a0')", "A-02 u"),
        ("clean('   ')", None),
        ("decimal_point('$1,234.50')", "1234.50"),
        ("decimal_point('12')", "12"),
        ("decimal_comma('1.234,50 €')", "1234.50"),
        ("decimal_comma('-5,5')", "-5.5"),
        ("decimal_comma(' -0012,50 ')", "-0012.50"),
        ("decimal_comma('-0012,50 kr')", "-0012.50"),
        ("decimal_point('CHF 1''234.50')", "1234.50"),
        ("decimal_point('-US$ 1 234')", "-1234"),
        ("decimal_point('1,250 points')", "1250"),
        ("decimal_comma('1.234')", "1234"),
        ("decimal_comma('')", None),
        ("cents('900719925474099301')", "9007199254740993.01"),
        ("cents('1250')", "12.50"),
        ("instant('31.12.2030 12:00', '%d.%m.%Y %H:%M', 'Europe/Berlin')", "2030-12-31T11:00:00Z"),
        ("instant('', '%d.%m.%Y')", None),
        ("end_of_day('31.12.2030', '%d.%m.%Y', 'Europe/Berlin')", "2030-12-31T22:59:59Z"),
        ("end_of_day('29.03.2026', '%d.%m.%Y', 'Europe/Berlin')", "2026-03-29T21:59:59Z"),
        ("iso_instant('2030-12-31')", "2030-12-31T00:00:00Z"),
        ("iso_instant('2030-12-31T10:00:00+02:00')", "2030-12-31T08:00:00Z"),
        ("iso_instant('2030-12-31 10:00:00 UTC')", "2030-12-31T10:00:00Z"),
        ("iso_instant('2030-12-31 10:00:00 +0200')", "2030-12-31T08:00:00Z"),
        ("iso_instant('2030-12-31 10:00:00 -02:30')", "2030-12-31T12:30:00Z"),
        ("iso_instant('2030-07-01T10:00:00', 'Europe/Berlin')", "2030-07-01T08:00:00Z"),
        ("unix_instant('1700000000')", "2023-11-14T22:13:20Z"),
        ("split_list('a, b,,c ')::VARCHAR", "[a, b, c]"),
        ('json_texts(\'["a","b"]\')::VARCHAR', "[a, b]"),
        ("yes(' Active ')::VARCHAR", "true"),
    ],
)
def test_a_helper_returns_the_import_form(engine: Engine, sql: str, result: str | None) -> None:
    assert engine.run(f"SELECT {sql}")[0][0] == result


UNREADABLE = [
    "decimal_point('abc')", "decimal_comma('1,2,3')", "instant('2030', '%d.%m.%Y')", "decimal_comma('1,234.50')",
    "decimal_point('1.234,50')", "decimal_comma('1.23')", "decimal_point('12,34')", "decimal_point('0,123')",
    "decimal_point('1,234 567')", "decimal_point('12k')", "decimal_point('1E5')", "decimal_point('12abc')",
    "decimal_point('--5')", "cents('12.5')", "yes('ja')",
]  # fmt: skip


@pytest.mark.parametrize("sql", UNREADABLE)
def test_a_helper_with_an_unreadable_value_is_an_error(engine: Engine, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        engine.run(f"SELECT {sql}")


def test_every_helper_is_documented() -> None:
    page = Path("docs/how-to/migrate.md").read_text(encoding="utf-8")
    assert [macro.name for macro in MACROS if macro.about and f"`{macro.name}(" not in page] == []
