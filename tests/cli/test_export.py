"""The export command: the names and filters of all exports, and what it refuses before any request."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.definition import Export
from bulkops.exporting.request import Request
from bulkops_validators import CONTRACTS
from tests.cli.documents import check_document


def run(*arguments: str) -> Result:
    environment = {"BULKOPS_MANAGEMENT_KEY": "k"}
    result = CliRunner().invoke(cli, ["export", *arguments], standalone_mode=False, env=environment)
    check_document(["export", *arguments], result.stdout)
    return result


@pytest.mark.parametrize("export", EXPORTS.values(), ids=lambda e: e.name)
def test_each_export_tells_its_filters(export: Export) -> None:
    text = run(export.name, "--help").stdout
    assert all(f"--{f.name}" in text for f in export.filters)


def test_every_contract_with_a_csv_read_back_has_an_export_of_its_name() -> None:
    read_back = {
        contract.name: route.readback.path
        for contract in CONTRACTS.values()
        for route in contract.routes
        if route.readback is not None
    }
    for name, path in read_back.items():
        assert path in EXPORTS[name].paths


def test_an_unknown_export_names_those_there_are() -> None:
    result = run("vouchers", "-o", "x.csv")
    assert isinstance(result.exception, UsageError)
    assert "coupons" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("coupons",), "--application"),
        (("customer-ledger", "--program", "1", "--profile", "p"), "--range-start"),
        (("card-ledger", "--program", "1", "--range-start", "2026-01-01", "--range-end", "2026-02-01"), "--card"),
        (("coupons", "--application", "1", "--created-after", "yesterday"), "--created-after"),
        (("customer-balances", "--program", "1", "--balances", "currentBalance,wealth"), "wealth"),
        (("coupons", "--application", "1", "--window", "soon"), "--window"),
        (("coupons", "--application", "1", "--window", "1d"), "--created-after"),
    ],
)
def test_what_is_missing_or_cannot_be_is_said_with_its_option(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    result = run(*arguments, "-o", str(tmp_path / "x.csv"), "--base-url", "http://127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert not list(tmp_path.glob("x.csv*"))


@pytest.mark.parametrize(
    "arguments", [("-o", "-", "--json"), ("-o", "-", "--format", "parquet"), ("-o", "-", "--split-records", "5"),
                  ("-o", "x.csv.gz", "--format", "parquet")],
)  # fmt: skip
def test_outputs_that_contradict_each_other_are_refused(arguments: tuple[str, ...]) -> None:
    result = run("coupons", "--application", "1", "--base-url", "http://127.0.0.1:9", *arguments)
    assert isinstance(result.exception, UsageError)


def test_filters_become_parameters_as_the_api_takes_them() -> None:
    request = Request(
        export=EXPORTS["coupons"],
        ids={"application": 4, "campaign": 9},
        values={"created-after": "2026-01-01T00:00:00+02:00", "exact-match": "true", "deleted-before": "2026-11-20"},
    )
    question = request.question()
    assert question.path.format_map(question.ids) == "/v1/applications/4/export_coupons"
    assert question.params == {
        "campaignId": "9", "createdAfter": "2025-12-31T22:00:00Z", "exactMatch": "true",
        "deletedBefore": "2026-11-20T00:00:00Z", "dateFormat": "ISO8601",
    }  # fmt: skip


def test_lists_are_joined_with_commas_and_the_campaign_chooses_the_path() -> None:
    tiers = Request(export=EXPORTS["loyalty-tiers"], ids={"program": 1}, values={"tiers": "Gold, Silver ,"})
    assert tiers.question().params == {"tierNames": "Gold,Silver"}
    ids: dict[str, int | str] = {"application": 1, "campaign": 2, "collection": 3}
    campaign = Request(export=EXPORTS["collections"], ids=ids).question()
    assert campaign.path.startswith("/v1/applications/")
    account = Request(export=EXPORTS["collections"], ids={"collection": 3}).question()
    assert account.path == "/v1/collections/{collection}/export"
