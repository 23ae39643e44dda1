"""Imports whose response reports another amount than was sent: exit 0 only where every record is at the target."""

import json
from pathlib import Path

import pytest

from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.serve import SandboxServer
from bulkops.sandbox.world import Campaign
from tests.cli.running import KEY, Shell
from tests.crash.truth import CASES as SANDBOX_CASES
from tests.flow.test_foreign_server import CAMPAIGN, CASES, SAMPLES, bulkops, held_rows, ids, sent_rows
from tests.foreign.server import ForeignServer

READ_BACK = [case for case in CASES if case[0] != "attribute-values"]
KEYED = [CASES[5], CASES[7]]
REPLACED = [CASES[8], CASES[9], CASES[10], CASES[11], CASES[12]]
SETTLE = ("--settle", "0.3", "--yes")


@pytest.mark.parametrize(("contract", "sample", "names"), READ_BACK, ids=[case[1] for case in READ_BACK])
def test_a_wrong_amount_of_any_contract_is_accepted_after_the_rows_are_read_back(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = ["amount 1"]
    code, report = bulkops(server, tmp_path, "import", contract, str(SAMPLES / f"{sample}.csv"), *ids(names), *SETTLE)
    assert (code, report["state"]) == (0, "done"), report
    assert report["records"]["accepted"] == report["records"]["input"]
    assert [chunk["amount"] for chunk in report["chunks"]] == [1]
    assert len(server.world.uploads) == 1
    assert any("export" in path or path.endswith("/transactions") for path, _ in server.world.queries)


@pytest.mark.parametrize("fault", ["amount 999999", "amount 0", "no amount", 'amount "3"', "amount true", "amount -1"])
@pytest.mark.parametrize(("contract", "sample", "names"), [CASES[0], CASES[5], CASES[8]], ids=str)
def test_a_wrong_or_missing_amount_is_accepted_after_the_rows_are_read_back(
    fault: str, contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = [fault]
    path = str(SAMPLES / f"{sample}.csv")
    code, report = bulkops(server, tmp_path, "import", contract, path, *ids(names), *SETTLE)
    assert (code, report["state"]) == (0, "done"), report
    expected = json.loads(fault.removeprefix("amount ")) if fault in ("amount 999999", "amount 0") else None
    assert [chunk["amount"] for chunk in report["chunks"]] == [expected]
    assert any("export" in path for path, _ in server.world.queries)


@pytest.mark.parametrize(("contract", "sample", "names"), KEYED, ids=[case[1] for case in KEYED])
def test_records_missing_after_an_upsert_are_resent_once(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    server.world.faults = ["take half"]
    code, report = bulkops(server, tmp_path, "import", contract, str(path), *ids(names), *SETTLE)
    assert (code, report["state"]) == (0, "done"), report
    assert held_rows(server, contract) == sent_rows(path, upper=False)
    assert len(server.world.uploads) == 2


@pytest.mark.parametrize(("contract", "sample", "names"), KEYED, ids=[case[1] for case in KEYED])
def test_records_missing_after_two_upserts_are_in_doubt(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    server.world.faults = ["take half", "take half"]
    code, report = bulkops(server, tmp_path, "import", contract, str(path), *ids(names), *SETTLE)
    assert (code, report["state"]) == (4, "in_doubt"), report
    there, rest = report["chunks"]
    assert (there["state"], there["records"]) == ("accepted", report["records"]["input"] // 2)
    assert (rest["state"], rest["amount"]) == ("in_doubt", rest["records"] // 2)
    assert f"an amount of {rest['amount']}" in rest["message"]
    assert "missing" in rest["message"]
    again, shown = bulkops(server, tmp_path, "jobs", "resume", "--settle", "0.3")
    assert (again, len(server.world.uploads)) == (4, 2), shown
    words = ("--as", "resend", "--reason", "the customers exist now")
    assert (
        bulkops(server, tmp_path, "jobs", "resolve", report["job"], str(rest["number"]), *words, target=False)[0] == 0
    )
    assert bulkops(server, tmp_path, "jobs", "resume", "--settle", "0.3")[0] == 0
    assert held_rows(server, contract) == sent_rows(path, upper=False)


@pytest.mark.parametrize(("contract", "sample", "names"), REPLACED, ids=[case[1] for case in REPLACED])
def test_a_half_imported_replacement_is_in_doubt_and_not_resent(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    server.world.faults = ["take half"]
    code, report = bulkops(server, tmp_path, "import", contract, str(path), *ids(names), *SETTLE)
    assert (code, report["state"]) == (4, "in_doubt"), report
    records = report["records"]
    assert (records["accepted"], records["in_doubt"]) == (0, records["input"])
    assert report["chunks"][0]["amount"] == records["input"] // 2
    assert len(server.world.uploads) == 1
    words = ("--as", "resend", "--reason", "the server was repaired")
    assert bulkops(server, tmp_path, "jobs", "resolve", report["job"], "1", *words, target=False)[0] == 0
    code, report = bulkops(server, tmp_path, "jobs", "resume", "--max-removals", "100%")
    assert code == 0, report
    kind = sample if sample == "collections-campaign" else contract
    assert held_rows(server, kind) == sent_rows(path, upper=False)


@pytest.mark.parametrize("fault", ["take half", "amount 9999", "no amount", "amount null"])
def test_values_that_cannot_be_read_back_are_in_doubt_when_the_amount_differs(
    fault: str, server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = [fault]
    path = str(SAMPLES / "attribute-values.csv")
    code, report = bulkops(server, tmp_path, "import", "attribute-values", path, "--attribute", "9", "--yes")
    assert (code, report["state"]) == (4, "in_doubt"), report
    assert "the API cannot read its records back" in report["chunks"][0]["message"]
    words = ("--as", "accepted", "--reason", "the list in the interface is complete")
    assert bulkops(server, tmp_path, "jobs", "resolve", report["job"], "1", *words, target=False)[0] == 0
    assert len(server.world.uploads) == 1


def test_values_that_cannot_be_read_back_are_accepted_when_the_amount_counts_equal_ones_once(
    server: ForeignServer, tmp_path: Path
) -> None:
    file = tmp_path / "values.csv"
    file.write_text("item\nred\ngreen\nred\n")
    server.world.faults = ["amount 2"]
    code, report = bulkops(server, tmp_path, "import", "attribute-values", str(file), "--attribute", "9", "--yes")
    assert (code, report["records"]["accepted"], report["chunks"][0]["amount"]) == (0, 3, 2), report


def test_coupons_missing_after_an_import_are_resent(server: ForeignServer, tmp_path: Path) -> None:
    path = SAMPLES / "coupons.csv"
    server.world.faults = ["take half"]
    code, report = bulkops(server, tmp_path, "import", "coupons", str(path), *ids(CAMPAIGN), *SETTLE)
    assert (code, report["state"]) == (0, "done"), report
    assert held_rows(server, "coupons") == sent_rows(path, upper=True)


@pytest.mark.parametrize(("contract", "sample", "names"), [CASES[2], CASES[3]], ids=str)
def test_rows_missing_after_an_append_are_in_doubt(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = ["take half"]
    path = str(SAMPLES / f"{sample}.csv")
    code, report = bulkops(server, tmp_path, "import", contract, path, *ids(names), *SETTLE)
    assert (code, report["state"]) == (4, "in_doubt"), report
    assert report["chunks"][0]["amount"] == report["records"]["input"] // 2
    assert len(server.world.uploads) == 1


@pytest.mark.parametrize("fault", ["", "no amount", "amount 99"])
def test_codes_that_exist_are_skipped_and_counted(fault: str, server: ForeignServer, tmp_path: Path) -> None:
    first, both = tmp_path / "first.csv", tmp_path / "both.csv"
    first.write_text("value\n" + "".join(f"CODE-{n}\n" for n in range(4)))
    both.write_text("value\n" + "".join(f"CODE-{n}\n" for n in range(10)))
    assert bulkops(server, tmp_path, "import", "coupons", str(first), *ids(CAMPAIGN), "--yes")[0] == 0
    server.world.faults = [fault]
    words = (*ids(CAMPAIGN), "--skip-duplicates", *SETTLE)
    code, report = bulkops(server, tmp_path, "import", "coupons", str(both), *words)
    assert (code, report["records"]["accepted"], report["records"]["skipped"]) == (0, 6, 4), report
    assert len(server.world.rows["coupons"]) == 10


@pytest.mark.parametrize("halves", [1, 2])
def test_codes_that_exist_nowhere_are_not_counted_as_skipped(
    halves: int, server: ForeignServer, tmp_path: Path
) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("value\n" + "".join(f"CODE-{n}\n" for n in range(8)))
    server.world.faults = ["take half"] * halves
    words = (*ids(CAMPAIGN), "--skip-duplicates", *SETTLE)
    code, report = bulkops(server, tmp_path, "import", "coupons", str(file), *words)
    if halves == 1:
        assert (code, report["records"]["accepted"], report["records"]["skipped"]) == (0, 8, 0), report
        assert len(server.world.rows["coupons"]) == 8
        return
    assert (code, report["state"]) == (4, "in_doubt"), report
    assert (report["records"]["accepted"], report["records"]["in_doubt"]) == (4, 4)


def test_a_code_of_another_campaign_counts_as_skipped(tmp_path: Path) -> None:
    file = SANDBOX_CASES["coupons"].write(tmp_path / "f.csv", records=20, seed=1)
    world = DEFAULT.model_copy(update={"campaigns": (*DEFAULT.campaigns, Campaign(id=2, name="Spring"))})
    words = ("import", "coupons", str(file), "--application", "1", "--settle", "0.3", "--yes", "--json")
    with SandboxServer(key=KEY, world=world) as sandbox:
        shell = Shell(tmp_path / "state", sandbox.base_url)
        assert shell.run(*words, "--campaign", "1").code == 0
        again = shell.run(*words, "--campaign", "2", "--skip-duplicates")
        assert (again.code, again.json["records"]["skipped"]) == (0, 20), again.err
        assert again.json["chunks"][0]["amount"] == 0
        assert sandbox.state.count("coupon") == 20
