"""Results and files of a reconciliation: named columns, no duplicated records, no overwritten files."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from bulkops.errors import BulkopsError, DataError, InputUnreadable, UsageError
from bulkops.reconciling.balances import check_balances
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.reconciling.run import EvidenceSource, ImportFacts, reconcile
from bulkops_validators import CONTRACTS
from tests.flow.test_reconcile_planted import COUPONS, GIVEAWAYS, compared, coupons_export, giveaways_export, write

CODES = "code,startdate,enddate,attributes\n"
POOL = "id,code,startdate,enddate,attributes,importid,created\n"
POINTS = "customerprofileid,amount,startdate,expirydate,subledgerid,reason\n"
LEDGER = "id,customerProfileId,amount,startDate,expiryDate,subledgerId,name,importId\n"


def texts(tmp_path: Path, contract: str, sent: str, found: str, **more: Any) -> Reconciliation:
    source, export = tmp_path / "sent.csv", tmp_path / "found.csv"
    source.write_text(sent, encoding="utf-8")
    export.write_text(found, encoding="utf-8")
    return reconcile(CONTRACTS[contract], source, EvidenceSource(export=export), **more)


def named(result: Reconciliation) -> set[tuple[str, str | None]]:
    return {(e.kind, e.column) for e in result.examples}


def test_zone_shifted_on_both_dates_is_reported_and_not_resent(tmp_path: Path) -> None:
    repair = tmp_path / "repair.csv"
    sent = CODES + "A,2026-01-01T00:00:00+01:00,2027-01-01T00:00:00+01:00,\n"
    found = POOL + "1,A,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,,7,\n"
    result = texts(tmp_path, "giveaways", sent, found, repair=repair)
    assert (result.missing, result.different, result.unexpected) == (0, 1, 0)
    assert named(result) == {("different", "startdate"), ("different", "enddate")}
    assert not repair.exists()


def test_points_that_differ_in_several_columns_are_known_by_customer_and_amount(tmp_path: Path) -> None:
    sent = POINTS + "c1,5,2026-01-01T00:00:00+01:00,2027-01-01T00:00:00+01:00,,x\n"
    found = LEDGER + "1,c1,5,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,,y,7\n"
    result = texts(tmp_path, "loyalty-points", sent, found)
    assert named(result) == {("different", c) for c in ("startdate", "expirydate", "reason")}


COUPON_ROWS = "id,value,limitval,importid\n"


@pytest.mark.parametrize("extra", ["3,OTHER,1,7", "3,CODE1,1,7", "3,CODE1,4,7"])
def test_unsent_code_or_second_copy_under_our_import_id_is_a_mismatch_and_named(extra: str, tmp_path: Path) -> None:
    found = COUPON_ROWS + f"1,CODE1,1,7\n2,CODE2,1,7\n{extra}\n4,THEIRS,1,8\n"
    sent = "value\nCODE1\nCODE2\n"
    ours = texts(tmp_path, "coupons", sent, found, known=ImportFacts(import_ids=[7]))
    assert (ours.verdict, ours.matched, ours.reason) == (Verdict.MISMATCH, 2, "Of 2 records: 1 unexpected.")
    assert [(e.key, e.column, e.found) for e in ours.examples] == [(extra.split(",")[1], "importid", "7")]
    assert texts(tmp_path, "coupons", sent, found).verdict is Verdict.PROVED


def test_row_that_contradicts_a_record_in_replace_mode_is_unexpected(tmp_path: Path) -> None:
    sent, head = "store_integration_id,limit\nA,10\nB,5\n", "store_integration_id,limit\n"
    result = texts(tmp_path, "store-budgets", sent, head + "A,10\nB,6\nA,20\n")
    assert (result.verdict, result.matched, result.different, result.unexpected) == (Verdict.MISMATCH, 1, 1, 1)
    assert [(e.kind, e.key) for e in result.examples] == [("different", "B"), ("unexpected", "A")]
    assert texts(tmp_path, "store-budgets", sent, head + "B,5\nA,10\n").verdict is Verdict.PROVED


def test_stray_quote_in_the_file_leaves_the_records_of_the_repair_intact(tmp_path: Path) -> None:
    repair = tmp_path / "repair.csv"
    rows = [f'G{n},,,"{{""a"":\n""{n}""}}"\n' for n in range(30_000)]
    sent = CODES + '5" X,,,\n' + "".join(rows)
    found = POOL + '1,"5"" X",,,,7,\n' + "".join(f'1,G{n},,,"{{""a"":\n""{n}""}}",7,\n' for n in range(1, 29_999))
    result = texts(tmp_path, "giveaways", sent, found, repair=repair)
    assert (result.missing, result.different) == (2, 0)
    assert repair.read_text() == CODES + rows[0] + rows[-1]


def test_code_sent_twice_may_occur_twice_under_our_import_id(tmp_path: Path) -> None:
    found = COUPON_ROWS + "1,CODE1,1,7\n2,CODE1,1,7\n"
    result = texts(tmp_path, "coupons", "value\nCODE1\nCODE1\n", found, known=ImportFacts(import_ids=[7]))
    assert (result.verdict, result.unexpected) == (Verdict.PROVED, 0)


def test_row_of_another_record_is_not_matched_with_a_lost_code_in_another_case(tmp_path: Path) -> None:
    repair = tmp_path / "repair.csv"
    result = texts(tmp_path, "coupons", "value\nab12\nAB12\n", COUPON_ROWS + "1,AB12,1,7\n", repair=repair)
    assert (result.missing, result.different) == (1, 0)
    assert repair.read_bytes() == b"value\nab12\n"


def test_a_code_in_another_case_is_one_row_with_compared_cells(tmp_path: Path) -> None:
    result = texts(tmp_path, "coupons", "value,limitval\nab12,5\n", COUPON_ROWS + "1,AB12,6,7\n")
    assert named(result) == {("different", "value"), ("different", "limitval")}
    assert (result.missing, result.different, result.unexpected) == (0, 1, 0)


def test_difference_names_the_right_column(tmp_path: Path) -> None:
    sent = POINTS + "c5,5,,,,\nc6,1,,,,x\nc7,1,,,,z\n"
    found = LEDGER + "1,c5,50,immediate,unlimited,,,7\n2,c6,1,immediate,unlimited,,y,7\n3,c8,1,,,,z,7\n"
    result = texts(tmp_path, "loyalty-points", sent, found)
    differing = {(e.key.split(" ")[0], e.column, e.sent, e.found) for e in result.examples if e.kind == "different"}
    assert differing == {("c5", "amount", "5", "50"), ("c6", "reason", "x", "y")}
    assert [e.key.split(" ")[0] for e in result.examples if e.kind == "missing"] == ["c7"]


def test_most_similar_row_is_reported_as_different(tmp_path: Path) -> None:
    sent = CODES + "A,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,\nA,2026-02-01T00:00:00Z,,\n"
    found = (
        POOL + "1,A,2025-01-01T00:00:00Z,2025-06-01T00:00:00Z,,7,\n2,A,2026-01-01T00:00:00Z,2028-01-01T00:00:00Z,,7,\n"
    )
    result = texts(tmp_path, "giveaways", sent, found)
    assert [(e.line, e.column) for e in result.examples] == [(2, "enddate"), (3, "enddate"), (3, "startdate")]


OTHER = {
    "giveaways": (CODES + "A,,,\n", "id,value,startdate,expirydate,attributes\n1,A,,,\n"),
    "loyalty-points": (POINTS + "c1,5,,,,\n", "a,b\n1,2\n"),
    "coupons": ("value\nABCD\n", "item\nABCD\n"),
    "collections": ("item\nA\n", "{}\n"),
}


@pytest.mark.parametrize("contract", OTHER)
def test_an_export_of_something_else_is_refused(contract: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column"):
        texts(tmp_path, contract, *OTHER[contract])


@pytest.mark.parametrize(
    ("contract", "sent"),
    [("coupons", "value;limitval\nABCD;1\n"), ("coupons", "code\nABCD\n"), ("loyalty-points", "amount\n5\n"),
     ("attribute-values", "value\nred\n")],
)  # fmt: skip
def test_a_file_without_the_column_that_names_its_records_is_refused(contract: str, sent: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column"):
        texts(tmp_path, contract, sent, "value,amount,customerProfileId\nABCD,5,c\n")


def test_a_filled_column_that_the_export_lacks_leaves_it_unproved_though_it_is_optional(tmp_path: Path) -> None:
    sent = [{**COUPONS[1], "discountlimit": "5"}]
    found = [{k: v for k, v in row.items() if k != "discount_limitval"} for row in coupons_export()[1:2]]
    result = compared(tmp_path, "coupons", sent, found)
    assert (result.verdict, result.exit_code) == (Verdict.UNPROVABLE, 0)
    assert "discountlimit" in result.reason


def test_rows_counted_by_import_need_the_import_id_column(tmp_path: Path) -> None:
    found = [{k: v for k, v in row.items() if k != "importid"} for row in giveaways_export()]
    with pytest.raises(DataError, match="'importid'"):
        compared(tmp_path, "giveaways", GIVEAWAYS, found, known=ImportFacts(import_ids=[5]))
    plain = compared(tmp_path, "giveaways", GIVEAWAYS, found)
    assert plain.verdict is Verdict.PROVED


def test_named_rows_of_another_import_are_a_difference_unless_the_server_skipped_them(tmp_path: Path) -> None:
    found = coupons_export()
    found[0]["importid"] = "99"
    mixed = compared(tmp_path, "coupons", COUPONS, found, known=ImportFacts(import_ids=[77]))
    assert [(e.key, e.column, e.sent, e.found) for e in mixed.examples] == [("SPRING-1", "importid", "77", "99")]
    skipped = compared(tmp_path, "coupons", COUPONS, found, known=ImportFacts(import_ids=[77], held_before=1))
    assert skipped.verdict is Verdict.PROVED
    assert "another import id" in skipped.notes[0]
    assert compared(tmp_path, "coupons", COUPONS, found).notes[-1].startswith("The rows belong to several imports")


def test_import_ids_are_reported_missing_only_if_no_row_has_one(tmp_path: Path) -> None:
    ours = ImportFacts(import_ids=[7])
    theirs = texts(tmp_path, "giveaways", CODES + "A,,,\n", POOL + "1,A,,,,8,\n", known=ours)
    assert [(e.column, e.found) for e in theirs.examples] == [("importid", "8")]
    assert theirs.notes == ("1 rows equal to records of the file have other import ids: 8.",)
    nothing = texts(tmp_path, "coupons", "value\nCODE1\n", COUPON_ROWS, known=ours)
    assert (nothing.missing, nothing.notes) == (1, ())
    without = texts(tmp_path, "coupons", "value\nCODE1\n", "id,value\n1,CODE1\n", known=ours)
    assert without.notes[-1] == "The import of the rows was not compared: no row has an importid."


def test_imports_are_distinguished_although_a_column_is_missing_or_always_differs(tmp_path: Path) -> None:
    told = "The rows belong to several imports: 7 (1 rows), 8 (1 rows). --import-id ID counts only the rows of one."
    coupons = texts(tmp_path, "coupons", "value\nCODE1\nCODE2\n", "value,importid\nCODE1,7\nCODE2,8\n")
    assert (coupons.verdict, coupons.notes[-1]) == (Verdict.PROVED, told)
    sent = "customerprofileid,amount,validityDuration\nc1,5,30D\nc2,5,30D\n"
    found = LEDGER + "1,c1,5,,2027-01-01T00:00:00Z,,Import,7\n2,c2,5,,2027-01-01T00:00:00Z,,Import,8\n"
    points = texts(tmp_path, "loyalty-points", sent, found)
    assert (points.verdict, points.notes[-1]) == (Verdict.PROVED, told)
    ours = texts(tmp_path, "loyalty-points", sent, found + "3,c2,5,,,,Import,9\n", known=ImportFacts(import_ids=[7, 8]))
    assert ours.notes[-1] == "1 rows equal to records of the file have other import ids: 9."


def test_import_ids_with_a_decimal_zero_are_recognised(tmp_path: Path) -> None:
    found = [{**row, "importid": "5.0"} for row in giveaways_export()]
    assert (
        compared(tmp_path, "giveaways", GIVEAWAYS, found, known=ImportFacts(import_ids=[5])).verdict is Verdict.PROVED
    )


def test_code_in_another_case_is_not_resent(tmp_path: Path) -> None:
    found = coupons_export()
    found[0]["value"] = "spring-1"
    repair = tmp_path / "repair.csv"
    result = compared(tmp_path, "coupons", COUPONS, found, repair=repair)
    assert (result.missing, result.different) == (0, 1)
    assert "--case" in result.notes[-1]
    assert not repair.exists()


def test_a_deleted_coupon_does_not_count_as_found(tmp_path: Path) -> None:
    found = [{**row, "deleted": ""} for row in coupons_export()]
    found[0]["deleted"] = "2026-11-22T10:00:00Z"
    result = compared(tmp_path, "coupons", COUPONS, found)
    assert (result.missing, result.examples[0].key) == (1, "SPRING-1")
    assert "deleted" in result.notes[0]


SAME = {
    "a whole number and a float": ('{"a": 12345678901234567890}', '{"a": 1.2345678901234567e19}'),
    "half a surrogate pair": (r'{"a": "\ud800"}', r'{"a":"\ud800"}'),
}


@pytest.mark.parametrize("name", SAME)
def test_values_of_json_that_mean_the_same_are_the_same(name: str, tmp_path: Path) -> None:
    sent, found = SAME[name]
    result = compared(tmp_path, "coupons", [{**COUPONS[1], "attributes": sent}],
                      [{**coupons_export()[1], "attributes": found}])  # fmt: skip
    assert result.verdict is Verdict.PROVED


def test_an_instant_in_the_layout_of_go_is_read(tmp_path: Path) -> None:
    found = coupons_export()
    found[0]["expirydate"] = "2029-12-31T23:00:00Z00:00"
    assert compared(tmp_path, "coupons", COUPONS, found).verdict is Verdict.PROVED


def test_compressed_files_are_read_and_damaged_ones_are_reported(tmp_path: Path) -> None:
    source, export = write(tmp_path / "sent.csv", COUPONS), write(tmp_path / "export.csv", coupons_export()[1:])
    packed = [tmp_path / f"{path.name}.gz" for path in (source, export)]
    for path, to in zip((source, export), packed, strict=True):
        to.write_bytes(gzip.compress(path.read_bytes()))
    repair = tmp_path / "repair.csv"
    result = reconcile(CONTRACTS["coupons"], packed[0], EvidenceSource(export=packed[1]), repair=repair)
    assert result.missing == 1
    assert repair.read_bytes() == b"".join(source.read_bytes().splitlines(keepends=True)[:2])
    packed[1].write_bytes(packed[1].read_bytes()[:-9])
    with pytest.raises(InputUnreadable, match="damaged"):
        reconcile(CONTRACTS["coupons"], source, EvidenceSource(export=packed[1]))


@pytest.mark.parametrize("which", ["source", "export", "link", "out", "pipe", "folder"])
def test_input_or_folder_is_never_overwritten(which: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source = write(folder / "missing.csv", COUPONS) if which == "out" else write(tmp_path / "sent.csv", COUPONS)
    export = write(tmp_path / "export.csv", coupons_export()[1:])
    kept = source.read_bytes(), export.read_bytes()
    (tmp_path / "link").symlink_to(source)
    os.mkfifo(tmp_path / "pipe")
    paths = {"source": source, "export": export, "link": tmp_path / "link", "pipe": tmp_path / "pipe", "folder": folder}
    files: dict[str, Path] = {"output": folder} if which == "out" else {"repair": paths[which]}
    with pytest.raises(UsageError):
        reconcile(CONTRACTS["coupons"], source, EvidenceSource(export=export), **files)  # type: ignore[arg-type] # paths only
    assert (source.read_bytes(), export.read_bytes()) == kept
    assert (tmp_path / "pipe").is_fifo()


def test_one_file_is_not_written_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        compared(tmp_path, "coupons", COUPONS, coupons_export(), output=tmp_path, repair=tmp_path / "missing.csv")


def test_a_repair_file_of_an_earlier_run_does_not_outlive_the_proof(tmp_path: Path) -> None:
    repair = tmp_path / "repair.csv"
    assert compared(tmp_path, "coupons", COUPONS, coupons_export()[1:], repair=repair).files
    assert repair.exists()
    proved = compared(tmp_path, "coupons", COUPONS, coupons_export(), repair=repair)
    assert not repair.exists()
    assert "removed" in proved.notes[-1]


@pytest.mark.parametrize("place", ["file", "before", "after", "pending"])
def test_balances_that_cannot_be_added_up_are_an_error(place: str, tmp_path: Path) -> None:
    head = "loyaltySubledger,currentBalance,pendingBalance\n"
    good = {"file": "customerprofileid,amount\nc,10\n", "before": f"{head},1.00,\n", "after": f"{head},11.00,\n"}
    bad = {"file": "customerprofileid,amount\nc,1 0\n", "before": f'{head},"1,000.00",\n', "after": f"{head},?,\n"}
    for name, text in good.items():
        (tmp_path / name).write_text(bad[name] if name == place else text)
    if place == "pending":
        (tmp_path / "after").write_text(f"{head},11.00,0.00\n")
    with pytest.raises(BulkopsError):
        check_balances(
            CONTRACTS["loyalty-points"], tmp_path / "file", before=tmp_path / "before", after=tmp_path / "after"
        )


def test_full_temporary_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "no-folder"
    file.write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(file))
    with pytest.raises(UsageError, match="TMPDIR"):
        compared(tmp_path, "coupons", COUPONS, coupons_export())
