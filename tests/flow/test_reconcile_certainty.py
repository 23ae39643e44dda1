"""Reconcile distinguishes real differences from spreadsheet damage; repair files need reliable data on both sides."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bulkops.cli.main import cli
from bulkops.errors import BulkopsError
from bulkops.reconciling.run import EvidenceSource, ImportFacts, reconcile
from bulkops_validators import CONTRACTS

POOL = "id,poolid,code,startdate,enddate,attributes,used,importid,created\n"
COUPONS = "id,campaignid,applicationid,value,expirydate,limitval,discount_limitval,attributes,deleted,importid\n"
POINTS = "id,programId,customerProfileId,amount,startDate,expiryDate,subledgerId,name,importId\n"
TIERS = "programid,subledgerid,customerprofileid,tiername,startdate,expirydate\n"


@dataclass(frozen=True)
class Desk:
    """A folder with a file, an export of it, and a place for a repair file."""

    folder: Path

    @property
    def repair(self) -> Path:
        return self.folder / "repair.csv"

    def compare(self, contract: str, sent: str, found: str, *more: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the document of `reconcile --json`, or of its error."""
        (self.folder / "sent.csv").write_text(sent, encoding="utf-8")
        (self.folder / "export.csv").write_text(found, encoding="utf-8")
        words = ["reconcile", contract, str(self.folder / "sent.csv"), "--export", str(self.folder / "export.csv")]
        result = CliRunner().invoke(cli, [*words, "--json", "--repair", str(self.repair), *more], standalone_mode=False)
        if isinstance(result.exception, BulkopsError):
            return result.exception.exit_code, {"error": str(result.exception)}
        assert result.exception is None, result.exception
        return result.return_value, json.loads(result.stdout)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    return Desk(tmp_path)


RESAVED = {
    "zeros of a code": ("giveaways", "code\n00007936\nG-2\n", POOL + "1,1,7936,,,,false,7,\n2,1,G-2,,,,false,7,\n"),
    "digits of a code": ("giveaways", "code\n6037001234567890\n", POOL + "1,1,6.03700E+15,,,,false,7,\n"),
    "rounded digits": ("giveaways", "code\n6036999999999\n", POOL + "1,1,6.037E+12,,,,false,7,\n"),
    "digits behind the 15th": ("giveaways", "code\n1234567890123456789\n",
                               POOL + "1,1,1234567890123450000,,,,false,7,\n"),
    "case": ("giveaways", "code\nAbc\n", POOL + "1,1,ABC,,,,false,7,\n"),
    "decimals behind a number": ("giveaways", "code\n0012\n", POOL + "1,1,12.0,,,,false,7,\n"),
    "zeros of a coupon": ("coupons", "value\n00123456\n", COUPONS + "1,1,1,123456,,1,0,{},,7\n"),
    "zeros of a customer with points": ("loyalty-points", "customerprofileid,amount\n0012,5\n",
                                        POINTS + "1,1,12,5,immediate,unlimited,,x,7\n"),
    "zeros of a customer in a tier": ("loyalty-tiers", "subledgerid,customerprofileid,tiername\n,0012,Gold\n",
                                      TIERS + "1,,12,Gold,,\n"),
    "zeros of a referral": ("referrals", "code,advocateprofileintegrationid\n000123,p\n",
                            "id,campaignid,code,advocateprofileintegrationid,importid\n1,1,123,p,7\n"),
    "zeros of a card": ("loyalty-cards", "identifier,state\n000123,active\n",
                        "identifier,created,status\n123,,active\n"),
    "zeros of a member": ("audiences", "profileintegrationid\n000123\n", "profileintegrationid\n123\n"),
    "zeros of an item": ("collections", "item\n000123\n", "item\n123\n"),
    "zeros of a store": ("stores", "store_integration_id\n0123\n", "store_integration_id\n123\n"),
    "zeros of a budget": ("store-budgets", "store_integration_id,limit\n0123,5\n",
                          "store_integration_id,limit\n123,5\n"),
    "zeros of a join date": ("loyalty-join-dates", "customerprofileid,newjoindate\n0012,2024-05-29T15:04:05Z\n",
                             "loyaltyProgramID,profileIntegrationID,joinDate\n1,12,2024-05-29T15:04:05Z\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESAVED)
def test_missing_records_that_a_spreadsheet_rewrote_are_reported_once_without_a_repair(name: str, desk: Desk) -> None:
    contract, sent, found = RESAVED[name]
    code, document = desk.compare(contract, sent, found)
    assert (code, document["verdict"], document["missing"]) == (1, "mismatch", 1)
    assert document["reason"].count("with other zeros, digits or case") == 1
    assert not desk.repair.exists()
    words = CliRunner().invoke(
        cli, ["reconcile", contract, str(desk.folder / "sent.csv"), "--export", str(desk.folder / "export.csv")]
    ).stdout  # fmt: skip
    assert words.count("proves nothing") == 1
    assert "no fault" not in words
    assert "class" not in words


@pytest.mark.parametrize("other", ["7937", "17936", "79360", "G-3"])
def test_other_codes_that_only_resemble_a_missing_one_explain_nothing(other: str, desk: Desk) -> None:
    _, document = desk.compare("giveaways", "code\n00007936\nG-2\n", POOL + f"1,1,{other},,,,false,7,\n")
    assert "doubt" not in document
    assert desk.repair.read_text() == "code\n00007936\nG-2\n"


CELLS = {
    "US dates": (COUPONS + "1,1,1,CODE1,12/31/2029 23:00,1,1.5,{},,7\n", "DAT103"),
    "a decimal comma": (COUPONS + '1,1,1,CODE1,2029-12-31T23:00:00Z,1,"1,5",{},,7\n', "XLS109"),
    "serial dates": (COUPONS + "1,1,1,CODE1,47483.5,1,1.5,{},,7\n", "DAT107"),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_that_a_spreadsheet_rewrote_are_the_cause_of_a_mismatch(name: str, desk: Desk) -> None:
    found, rule = CELLS[name]
    code, document = desk.compare("coupons", "value,expirydate,discountlimit\nCODE1,2029-12-31T23:00:00Z,1.5\n", found)
    assert (code, document["different"], document["reason"].count(rule)) == (1, 1, 1)


def test_finding_in_both_files_is_not_a_damage_of_the_export(desk: Desk) -> None:
    _, document = desk.compare("coupons", "value\n12E45\nCODE2\n", COUPONS + "1,1,1,12E45,,1,0,{},,7\n")
    assert "doubt" not in document
    assert desk.repair.read_text() == "value\nCODE2\n"


LIVE = ["", " ", "false", "FALSE", "0", "0.0", "null", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00", "0000-00-00"]
GONE = ["true", "TRUE", "1", "2026-11-22T10:00:00Z", "1700000000", "yes"]


@pytest.mark.parametrize("mark", [*LIVE, *GONE])
def test_mark_of_deletion_counts_unless_it_is_blank_false_or_zero(mark: str, desk: Desk) -> None:
    code, document = desk.compare("coupons", "value\nCODE1\n", COUPONS + f"1,1,1,CODE1,,1,0,{{}},{mark},7\n")
    assert (code, document["missing"]) == ((1, 1) if mark in GONE else (0, 0))


@pytest.mark.parametrize("contract", ["giveaways", "loyalty-cards"])
@pytest.mark.parametrize(("mark", "missing"), [("false", 0), ("true", 1)])
def test_deleted_rows_of_any_contract_are_not_found(contract: str, mark: str, missing: int, desk: Desk) -> None:
    sent, found = {
        "giveaways": ("code\nG1\n", f"id,code,importid,deleted\n1,G1,7,{mark}\n"),
        "loyalty-cards": (
            "identifier,state\nCARD1,active\n",
            f"identifier,created,status,is_deleted\nCARD1,,active,{mark}\n",
        ),
    }[contract]
    assert desk.compare(contract, sent, found)[1]["missing"] == missing


def test_instants_as_the_documented_tier_sample_writes_them_are_utc(desk: Desk) -> None:
    found = TIERS + "1,,a,Gold,2023-03-21T03:45:12Z05:00,2026-03-21T03:45:12Z05:00\n"
    sent = "customerprofileid,tiername,expirydate\na,Gold,2026-03-21T03:45:12Z\n"
    assert desk.compare("loyalty-tiers", sent, found)[1]["verdict"] == "proved"


WIDE = COUPONS + "1,1,5,CODE1,,1,0,{},,7\n2,2,5,CODE2,,1,0,{},,7\n"


def test_rows_of_another_campaign_are_skipped_in_an_export_of_the_application(desk: Desk) -> None:
    _, document = desk.compare("coupons", "value\nCODE1\nCODE2\n", WIDE, "--campaign", "1")
    assert (document["matched"], document["missing"]) == (1, 1)
    assert "1 rows of another campaign were skipped" in document["notes"][0]
    _, without = desk.compare("coupons", "value\nCODE1\nCODE2\n", WIDE)
    assert any("several campaigns" in note for note in without["notes"])
    assert set(without["unchecked"]) == {"application", "campaign"}


@pytest.mark.parametrize("ids", [("--campaign", "3"), ("--campaign", "1", "--application", "4")])
def test_export_without_a_row_of_the_target_is_refused(ids: tuple[str, ...], desk: Desk) -> None:
    code, document = desk.compare("coupons", "value\nCODE1\nCODE2\n", WIDE, *ids)
    assert (code, ids[-2] in document["error"]) == (1, True)
    assert not desk.repair.exists()


def test_balances_of_another_program_and_balances_that_are_cut_are_refused(desk: Desk) -> None:
    head = "loyaltyProgramID,loyaltySubledger,profileIntegrationID,currentBalance\n"
    (desk.folder / "before.csv").write_text(f"{head}1,,a,1.00\n")
    (desk.folder / "after.csv").write_text(f"{head}1,,a,6.00\n")
    pair = [f"--balances-{name}={desk.folder / name}.csv" for name in ("before", "after")]
    sides = "loyalty-points", "customerprofileid,amount\na,5\n", POINTS + "1,1,a,5,immediate,unlimited,,x,7\n"
    assert desk.compare(*sides, *pair, "--program", "1")[0] == 0
    code, document = desk.compare(*sides, *pair, "--program", "2")
    assert (code, "belongs to another program" in document["error"]) == (1, True)
    (desk.folder / "after.csv").write_text(f"{head}1,,a,6.0")
    code, document = desk.compare(*sides, *pair, "--program", "1")
    assert (code, "after.csv is not a complete export" in document["error"]) == (1, True)


NO_IDS = {
    "giveaways": ("code\nG1\nG2\n", "id,code\n1,G1\n", "id,code,importid\n1,G1,\n"),
    "loyalty-points": (
        "customerprofileid,amount\nc1,5\nc2,5\n",
        "id,customerProfileId,amount,startDate,expiryDate,subledgerId\n1,c1,5,,,\n",
        "id,customerProfileId,amount,startDate,expiryDate,subledgerId,importId\n1,c1,5,,,,\n",
    ),
}


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("contract", NO_IDS)
def test_repair_of_an_adding_import_needs_import_ids_or_its_own_option(contract: str, which: int, desk: Desk) -> None:
    sent, found = NO_IDS[contract][0], NO_IDS[contract][which]
    code, document = desk.compare(contract, sent, found)
    assert (code, document["missing"], desk.repair.exists()) == (1, 1, False)
    assert "--repair-without-import-ids" in document["notes"][-1]
    code, document = desk.compare(contract, sent, found, "--repair-without-import-ids")
    text = desk.folder / "repair.csv.txt"
    assert (code, len(desk.repair.read_text().splitlines())) == (1, 2)
    assert "--repair-without-import-ids" in text.read_text()
    assert any("only once" in note for note in document["notes"])


@pytest.mark.parametrize("contract", NO_IDS)
def test_repair_with_import_ids_removes_the_text_beside_an_earlier_one(contract: str, desk: Desk) -> None:
    sent, found, _ = NO_IDS[contract]
    desk.compare(contract, sent, found, "--repair-without-import-ids")
    _, document = desk.compare(contract, sent, found.replace("id,", "importId,id,", 1).replace("\n1,", "\n7,1,"))
    assert document["files"] == {"repair": str(desk.repair)}
    assert not (desk.folder / "repair.csv.txt").exists()


def test_foreign_text_file_beside_the_repair_file_is_not_overwritten(desk: Desk) -> None:
    (desk.folder / "repair.csv.txt").write_text("notes of mine\n")
    code, _ = desk.compare("giveaways", "code\nG1\nG2\n", "id,code\n1,G1\n", "--repair-without-import-ids")
    assert (code, (desk.folder / "repair.csv.txt").read_text()) == (2, "notes of mine\n")


def test_import_id_that_no_row_has_writes_no_repair(desk: Desk) -> None:
    _, document = desk.compare("giveaways", "code\nG1\n", POOL + "1,1,OTHER,,,,false,7,\n", "--import-id", "8")
    assert "shows no row of import 8" in document["notes"][-1]
    assert not desk.repair.exists()


@pytest.mark.parametrize("side", ["file", "export"])
@pytest.mark.parametrize("contract", ["giveaways", "coupons"])
def test_record_read_unreliably_on_either_side_writes_no_repair(contract: str, side: str, desk: Desk) -> None:
    column = CONTRACTS[contract].required_names[0]
    sent, found = f"{column},attributes\nCODE1,\nCODE2,\n", f"id,{column},attributes,importid\n1,CODE1,,7\n"
    if side == "file":
        sent += "CODE3,,too many\nCODE4,\n"
    else:
        found = found.replace("1,CODE1,,7\n", "1,CODE1,,7\n2,CODE9\n3,CODE8,,7\n")
    _, document = desk.compare(contract, sent, found)
    assert document["missing"] > 0
    assert not desk.repair.exists()
    assert "No repair file was written" in document["notes"][-1]


def test_unsettled_records_of_a_job_are_not_written_to_a_repair_file(tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("value\nCODE1\nCODE2\n")
    (tmp_path / "export.csv").write_text(COUPONS + "1,1,1,CODE1,,1,0,{},,7\n")
    evidence, repair = EvidenceSource(export=tmp_path / "export.csv"), tmp_path / "repair.csv"
    known = ImportFacts(import_ids=[7], unsettled=1)
    result = reconcile(CONTRACTS["coupons"], tmp_path / "sent.csv", evidence, known=known, repair=repair)
    assert (result.missing, repair.exists()) == (1, False)
    assert "jobs resume" in result.notes[-1]


def test_export_that_is_older_than_the_import_writes_no_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    file, saved, repair = tmp_path / "codes.csv", tmp_path / "saved.csv", tmp_path / "repair.csv"
    file.write_text("code\nG1\nG2\n")

    def run(*words: object) -> Any:
        target = ["--target", "sandbox", "--pool", "1"]
        return CliRunner().invoke(cli, [str(w) for w in words] + target, standalone_mode=False)

    job = json.loads(run("import", "giveaways", file, "--yes", "--json").stdout)["job"]
    assert run("export", "giveaways", "-o", saved).exception is None
    saved.write_text(saved.read_text().rpartition("\n")[0].rpartition("\n")[0] + "\n")
    os.utime(saved, (1, 1))
    words = ["reconcile", "--job", job, "--export", str(saved), "--repair", str(repair)]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    assert (result.return_value, repair.exists()) == (1, False)
    assert "was saved before the last request" in result.stderr


def test_second_copies_without_import_ids_are_reported(desk: Desk) -> None:
    _, document = desk.compare("giveaways", "code\nG1\n", "id,code\n1,G1\n2,G1\n3,OTHER\n")
    assert document["verdict"] == "proved"
    assert any("1 other rows are equal to records of the file" in note for note in document["notes"])
