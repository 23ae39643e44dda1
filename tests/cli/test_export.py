"""The export command: the names and filters of all exports, and the refusals before any request."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.cli.process.targets import TargetChoice
from bulkops.errors import UsageError
from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.definition import Export
from bulkops.exporting.request import Request, request_of
from bulkops.sandbox.serve import SandboxServer
from bulkops_validators import CONTRACTS, ID_NAMES
from bulkops_validators.model.contract import Contract, Form
from tests.cli.documents import check_document

ENVIRONMENT = {"BULKOPS_MANAGEMENT_KEY": "k"}
KEY = {"Authorization": "ManagementKey-v1 k"}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["export", *arguments], standalone_mode=False, env=ENVIRONMENT)
    check_document(["export", *arguments], result.stdout)
    return result


@pytest.mark.parametrize("export", EXPORTS.values(), ids=lambda e: e.name)
def test_help_of_each_export_lists_its_filters(export: Export) -> None:
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


def test_an_unknown_export_is_an_error_that_lists_the_exports() -> None:
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
def test_a_missing_or_impossible_value_is_an_error_that_names_its_option(
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


def test_all_22_csv_exports_of_the_api_are_offered() -> None:
    paths = {path for export in EXPORTS.values() if export.form is Form.CSV for path in export.paths}
    assert len(paths) == 22
    ids: dict[str, int | str] = {"achievement": 3}
    assert Request(export=EXPORTS["achievements"], ids=ids).question().path == "/v2/achievements/{achievement}/export"


@pytest.mark.parametrize(
    ("given", "sent"),
    [("travel, air", "travel,air"), (",travel", ",travel"), ("", ""), ("travel,", "travel,")],
)
def test_blank_among_the_subledgers_of_balances_is_the_main_ledger(given: str, sent: str) -> None:
    request = request_of(EXPORTS["customer-balances"], {"program": 1}, {}, {"subledgers": given})
    assert request.question().params == {"subledgerIds": sent}


def test_balance_that_cards_do_not_have_is_refused_before_any_request(tmp_path: Path) -> None:
    words = ("--program", "2", "--balances", "negativeBalance", "-o", str(tmp_path / "x.csv"))
    result = run("card-balances", *words, "--base-url", "http://127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert "not 'negativeBalance'" in str(result.exception)
    request = request_of(EXPORTS["customer-balances"], {"program": 1}, {}, {"balances": "negativeBalance"})
    assert request.question().params == {"balances": "negativeBalance"}


def test_sessions_and_transactions_are_sent_as_repeated_parameters(tmp_path: Path) -> None:
    with SandboxServer(rate_limit=0) as server:
        words = ("--session", "s 1,2", "--session", "s3", "--transaction", "0d9b6b0e-6a4f-4ea3-9a32-e9a8a1b0e000")
        out = tmp_path / "x.csv"
        result = run("loyalty-points", "--program", "1", *words, "-o", str(out), "--base-url", server.base_url)
        assert result.exception is None
    request = request_of(EXPORTS["loyalty-points"], {"program": 1}, {}, {"session": ["s 1,2", "s3"]})
    assert request.question().params == {"customerSessionIDs": ("s 1,2", "s3")}
    assert httpx.QueryParams(request.question().params).get_list("customerSessionIDs") == ["s 1,2", "s3"]
    with pytest.raises(UsageError, match="must not be blank"):
        request_of(EXPORTS["loyalty-points"], {"program": 1}, {}, {"session": [" "]}).question()


def test_all_transactions_are_exported_without_a_filter(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("customerprofileid,amount\n" + "".join(f"customer-{n:04},1\n" for n in range(1, 121)))
    with SandboxServer(rate_limit=0) as server, httpx.Client(base_url=server.base_url, headers=KEY) as client:
        path = "/v1/loyalty_programs/1"
        assert client.post(f"{path}/import_points", files={"upFile": ("f.csv", file.read_bytes())}).status_code == 200
        listed = client.get(f"{path}/transactions", params={"pageSize": 1000}).json()
        assert (len(listed["data"]), listed["hasMore"]) == (50, False)
        out = tmp_path / "x.csv"
        result = run("loyalty-points", "--program", "1", "-o", str(out), "--base-url", server.base_url)
        assert result.exception is None
        assert out.read_bytes().count(b"\n") == 121
        server.set_assumptions("unfiltered_transactions=all")
        assert len(client.get(f"{path}/transactions", params={"pageSize": 1000}).json()["data"]) == 120


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("coupons", "--application", "1", "--program", "2"), "--program 2"),
        (("giveaways", "--pool", "1", "--campaign", "3"), "--campaign 3"),
        (("collections", "--collection", "1", "--application", "4"), "--application 4"),
        (("achievements", "--achievement", "1", "--application", "5"), "--application 5"),
        (("stores", "--application", "1", "--campaign", "1", "--audience", "6"), "--audience 6"),
    ],
)
def test_id_that_an_export_does_not_take_is_refused_by_its_option(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments, "-o", "x.csv", "--base-url", "http://127.0.0.1:9")
    assert isinstance(result.exception, UsageError)
    assert f"does not use {said} here" in str(result.exception)


@pytest.mark.parametrize("export", EXPORTS.values(), ids=lambda e: e.name)
def test_every_export_refuses_ids_that_it_does_not_use(export: Export) -> None:
    needed = [word for name in export.ids for word in (f"--{name}", "1")]
    needed += [word for name in export.path_names for word in (f"--{name.name}", "1")]
    for name in set(ID_NAMES) - set(export.ids):
        result = run(export.name, *needed, f"--{name}", "9", "-o", "x.csv", "--base-url", "http://127.0.0.1:9")
        assert isinstance(result.exception, UsageError)
        assert f"does not use --{name} 9 here" in str(result.exception)


@pytest.mark.parametrize("command", ["import", "reconcile"])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda c: c.name)
def test_every_contract_refuses_ids_that_it_does_not_use(command: str, contract: Contract, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("x\n")
    ids = max((route.ids for route in contract.routes), key=len)
    needed = [word for name in ids for word in (f"--{name}", "1")]
    for name in set(ID_NAMES) - set(ids):
        words = [command, contract.name, str(file), *needed, f"--{name}", "9", "--base-url", "http://127.0.0.1:9"]
        result = CliRunner().invoke(cli, words, standalone_mode=False, env=ENVIRONMENT)
        assert isinstance(result.exception, UsageError)
        assert f"does not use --{name} 9 here" in str(result.exception)


def test_ids_of_the_environment_may_be_for_other_commands(tmp_path: Path) -> None:
    with SandboxServer(rate_limit=0) as server:
        words = ["export", "giveaways", "--pool", "1", "-o", str(tmp_path / "x.csv"), "--base-url", server.base_url]
        result = CliRunner().invoke(cli, words, standalone_mode=False, env={**ENVIRONMENT, "BULKOPS_PROGRAM": "3"})
        assert result.exception is None


def test_id_that_no_step_of_a_recipe_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("item\na\n")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: r\nsteps:\n  - {contract: collections, file: f.csv, ids: {collection: 1}}\n")
    words = ["run", str(recipe), "--dry-run", "--collection", "2", "--base-url", "http://127.0.0.1:9"]
    result = CliRunner().invoke(cli, words, standalone_mode=False, env=ENVIRONMENT)
    assert isinstance(result.exception, UsageError)
    assert "does not use --collection 2 here" in str(result.exception)


def test_id_that_a_job_does_not_have_is_refused() -> None:
    choice = TargetChoice(ids={"program": 3})
    with pytest.raises(UsageError, match="does not use --program 3 here"):
        choice.reopen({"ids": {"pool": 1}, "base_url": "x"}, address="http://127.0.0.1:9")
    replace(choice, ambient=frozenset({"id_program"})).reopen({"ids": {"pool": 1}, "base_url": "x"}, address="x")
