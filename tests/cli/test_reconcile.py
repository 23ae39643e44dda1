"""The reconcile command: its output, its exit codes and its refusals."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.errors import DataError, GuardRefused, InputUnreadable, UsageError
from tests.cli.documents import check_document


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["reconcile", *arguments], standalone_mode=False)
    check_document(["reconcile", *arguments], result.stdout)
    return result


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    path = tmp_path / "codes.csv"
    path.write_text("code,attributes\nA-1,\nA-1,\nB-2,\n")
    return path


def export(tmp_path: Path, *found: str) -> str:
    path = tmp_path / "export.csv"
    rows = "".join(f"{code},,,{{}},7\n" for code in found)
    path.write_text("code,startdate,enddate,attributes,importid\n" + rows)
    return str(path)


def test_a_proved_file_is_exit_0(codes: Path, tmp_path: Path) -> None:
    result = run("giveaways", str(codes), "--export", export(tmp_path, "B-2", "A-1", "A-1"))
    assert result.return_value == 0
    assert "giveaways: proved. All 3 records were found as they were sent." in result.stdout


def test_a_mismatch_is_exit_1_and_one_json_document(codes: Path, tmp_path: Path) -> None:
    result = run("giveaways", str(codes), "--export", export(tmp_path, "A-1", "B-2"), "--json")
    document = json.loads(result.stdout)
    assert result.return_value == 1
    assert (document["verdict"], document["matched"], document["missing"]) == ("mismatch", 2, 1)
    assert document["examples"][0] | {"class": "missing", "key": "A-1", "line": 3} == document["examples"][0]


def test_a_contract_without_read_back_is_unprovable_and_exit_0(tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text("item\nred\n")
    result = run("attribute-values", str(file), "--json")
    assert result.return_value == 0
    assert json.loads(result.stdout)["verdict"] == "unprovable"


def test_only_other_rows_of_the_target_are_reported_as_expected(codes: Path, tmp_path: Path) -> None:
    doubled = run("giveaways", str(codes), "--export", export(tmp_path, "A-1", "A-1", "B-2", "B-2"))
    assert "Of 3 records: 1 unexpected." in doubled.stdout
    assert "no fault" not in doubled.stdout
    both = run("giveaways", str(codes), "--export", export(tmp_path, "A-1", "A-1", "B-2", "B-2", "OTHER"))
    assert "The target also contains 1 other row; this is expected." in both.stdout


def test_the_repair_file_is_named(codes: Path, tmp_path: Path) -> None:
    repair = tmp_path / "again.csv"
    result = run("giveaways", str(codes), "--export", export(tmp_path, "A-1", "A-1"), "--repair", str(repair))
    assert repair.read_text() == "code,attributes\nB-2,\n"
    assert str(repair) in result.stderr


@pytest.mark.parametrize("arguments", [(), ("coupons",), ("coupons", "f.csv", "--job", "j")])
def test_a_call_without_two_sides_is_a_usage_error(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path))
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)


def test_a_missing_file_is_reported_with_its_name(tmp_path: Path) -> None:
    result = run("giveaways", str(tmp_path / "none.csv"), "--export", export(tmp_path))
    assert isinstance(result.exception, InputUnreadable)
    assert "none.csv" in result.exception.message


def test_an_export_of_another_contract_is_a_data_error(codes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("item\nx\n")
    coupons = tmp_path / "coupons.csv"
    coupons.write_text("value\nabcd\n")
    result = run("coupons", str(coupons), "--export", str(other))
    assert isinstance(result.exception, DataError)
    assert "'value'" in result.exception.message


def test_a_balance_that_differs_from_the_sent_points_is_reported_by_subledger(tmp_path: Path) -> None:
    points, export_file = tmp_path / "points.csv", tmp_path / "transactions.csv"
    points.write_text("customerprofileid,amount,subledgerid\na,10.10,\nb,20.20,\na,5,miles\n")
    export_file.write_text(
        "customerProfileId,amount,subledgerId,startDate,expiryDate,importId\n"
        "a,10.1,,immediate,unlimited,1\nb,20.2,,immediate,unlimited,1\na,5,miles,immediate,unlimited,1\n"
    )
    head = "loyaltyProgramID,loyaltySubledger,profileIntegrationID,currentBalance,pendingBalance\n"
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    before.write_text(f"{head}1,,a,1.00,0.00\n")
    after.write_text(f"{head}1,,a,11.10,0.00\n1,,b,20.00,0.20\n1,miles,a,4.00,0.00\n")
    result = run(
        "loyalty-points", str(points), "--export", str(export_file), "--json",
        "--balances-before", str(before), "--balances-after", str(after),
    )  # fmt: skip
    document = json.loads(result.stdout)
    assert document["verdict"] == "proved"
    assert document["balances"] == [
        {"subledger": "", "before": "1.00", "after": "31.30", "sent": "30.30", "agrees": True},
        {"subledger": "miles", "before": "0", "after": "4.00", "sent": "5", "agrees": False},
    ]
    assert result.return_value == 1


def test_reconcile_of_a_job_uses_its_file_target_and_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    codes = tmp_path / "codes.csv"
    codes.write_text("code\nJOB-1\nJOB-1\nJOB-2\n")
    runner = CliRunner()
    arguments = ["giveaways", str(codes), "--target", "sandbox", "--pool", "1", "--yes", "--json"]
    imported = [
        json.loads(runner.invoke(cli, ["import", *arguments, *more], standalone_mode=False).stdout)
        for more in ((), ("--again",))
    ]
    for job in imported:
        result = run("--job", job["job"], "--settle", "0", "--json")
        document = json.loads(result.stdout)
        assert (document["verdict"], document["found"], document["unexpected"]) == ("proved", 3, 0)
        assert result.return_value == 0


@pytest.fixture
def points_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    points = tmp_path / "points.csv"
    points.write_text("customerprofileid,amount\ncustomer-0001,5\n")
    arguments = ["import", "loyalty-points", str(points), "--target", "sandbox", "--program", "1", "--yes", "--json"]
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    return str(json.loads(result.stdout)["job"])


def test_the_proof_of_a_job_is_kept_with_its_balances(points_job: str, tmp_path: Path) -> None:
    head = "loyaltyProgramID,loyaltySubledger,profileIntegrationID,currentBalance,pendingBalance\n"
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    before.write_text(f"{head}1,,a,1.00,0.00\n")
    after.write_text(f"{head}1,,a,6.00,0.00\n")
    pair = ("--balances-before", str(before), "--balances-after", str(after))
    assert run("--job", points_job, "--settle", "0", *pair).return_value == 0
    assert run("--job", points_job, "--settle", "0").return_value == 0
    shown = CliRunner().invoke(cli, ["jobs", "show", points_job, "--json"], standalone_mode=False)
    kept = json.loads(shown.stdout)["reconciliation"]
    assert kept["verdict"] == "proved"
    assert kept["balances"] == [{"subledger": "", "before": "1.00", "after": "6.00", "sent": "5", "agrees": True}]
    page = CliRunner().invoke(cli, ["report", points_job, "-o", "-", "--format", "md"], standalone_mode=False)
    assert "nothing is proved" not in page.stdout
    assert "| (main ledger) | 1.00 | 6.00 | 5.00 | 5 | yes |" in page.stdout


def test_a_job_is_not_proved_by_another_file(points_job: str, tmp_path: Path) -> None:
    with (tmp_path / "points.csv").open("a") as file:
        file.write("customer-0002,5\n")
    result = run("--job", points_job, "--settle", "0")
    assert isinstance(result.exception, GuardRefused)
    assert "points.csv has grown since the job began" in result.exception.message


def test_only_rows_of_the_import_ids_given_count(codes: Path, tmp_path: Path) -> None:
    saved = export(tmp_path, "A-1", "A-1", "B-2", "B-2")
    assert run("giveaways", str(codes), "--export", saved, "--import-id", "7").return_value == 1
    assert run("giveaways", str(codes), "--export", saved, "--import-id", "7", "--import-id", "8").return_value == 1
    other = run("giveaways", str(codes), "--export", saved, "--import-id", "8", "--json")
    assert json.loads(other.stdout)["found"] == 0


def test_balances_are_not_written_over(codes: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.csv"
    before.write_text("loyaltySubledger,currentBalance\n")
    pair = ("--balances-before", str(before), "--balances-after", str(before))
    result = run("giveaways", str(codes), "--export", export(tmp_path), "--repair", str(before), *pair)
    assert isinstance(result.exception, UsageError)
    assert before.read_text() == "loyaltySubledger,currentBalance\n"


def test_data_reaches_the_terminal_with_its_controls_as_escapes(tmp_path: Path) -> None:
    hostile = ["\x1b[31mRED\x1b]0;pwn\x07", "\u202egnp.exe", "\x9b2J", "a\rb"]
    file = tmp_path / "codes.csv"
    file.write_text("code\n" + "".join(f'"{code}"\n' for code in hostile), encoding="utf-8", newline="")
    for more in ((), ("--json",)):
        text = run("giveaways", str(file), "--export", export(tmp_path), *more).stdout
        assert not any(character in text for character in "\x1b\x07\u202e\x9b\r")
        assert "202egnp.exe" in text
    document = json.loads(run("giveaways", str(file), "--export", export(tmp_path), "--json").stdout)
    assert [e["key"] for e in document["examples"]] == hostile


def cards(path: Path, *, limits: dict[int, int]) -> Path:
    """Write 40 coupons, with other limits for some."""
    path.write_text("value,limitval\n" + "".join(f"CODE-{n:02},{limits.get(n, 1)}\n" for n in range(40)))
    return path


def coupons_export(path: Path, records: range) -> str:
    path.write_text("value,limitval,importid\n" + "".join(f"CODE-{n:02},1,7\n" for n in records))
    return str(path)


def test_a_mismatch_shows_examples_of_each_class_counts_by_column_and_the_next_command(tmp_path: Path) -> None:
    file = cards(tmp_path / "f.csv", limits=dict.fromkeys(range(20, 27), 5))
    found = coupons_export(tmp_path / "export.csv", range(12, 40))
    result = run("coupons", str(file), "--export", found, "--case", "sensitive")
    assert result.return_value == 1
    assert "Different by column: limitval in 7 records." in result.stdout
    shown = [line.split()[0] for line in result.stdout.splitlines() if "CODE-" in line]
    assert (shown.count("missing"), shown.count("different")) == (5, 5)
    assert "Examples: 5 of 12 missing, 5 of 7 different values" in result.stdout
    assert "with --repair missing.csv writes the 12 missing rows to a file for import" in result.stderr


def test_a_repair_file_comes_with_the_command_that_imports_it(codes: Path, tmp_path: Path) -> None:
    repair = tmp_path / "again.csv"
    result = run("giveaways", str(codes), "--export", export(tmp_path, "A-1", "A-1"), "--repair", str(repair))
    assert f"Next: import the missing rows: bulkops import giveaways {repair}" in result.stderr


def test_a_proved_file_has_no_next_command(codes: Path, tmp_path: Path) -> None:
    assert "Next:" not in run("giveaways", str(codes), "--export", export(tmp_path, "B-2", "A-1", "A-1")).stderr


def test_a_replacement_that_does_not_agree_is_imported_again(tmp_path: Path) -> None:
    file, found = tmp_path / "f.csv", tmp_path / "export.csv"
    file.write_text("item\nred\ngreen\n")
    found.write_text("item\nred\nblue\n")
    result = run("collections", str(file), "--export", str(found), "--collection", "7")
    assert result.return_value == 1
    assert f"bulkops import collections {file} --collection 7" in result.stderr
