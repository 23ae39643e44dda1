"""Saved exports with planted differences: each real one is found and named, each harmless one is not reported."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulkops.readback.compare.canonical import Fold
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.reconciling.run import EvidenceSource, ImportFacts, reconcile
from bulkops_validators import CONTRACTS

Row = dict[str, str]
COUPONS = [
    {
        "value": "SPRING-1",
        "expirydate": "2030-01-01T00:00:00+01:00",
        "limitval": "",
        "attributes": '{"a": 1, "b": "x"}',
    },
    {"value": "SPRING-2", "expirydate": "", "limitval": "5", "attributes": ""},
    {"value": "SPRING-3", "expirydate": "2031-06-01T12:00:00Z", "limitval": "0", "attributes": '{"c": [1, 2]}'},
]
GIVEAWAYS = [{"code": "G1"}, {"code": "G1"}, {"code": "G1"}, {"code": "G2"}]


def write(path: Path, rows: list[Row], *, end: str = "\n") -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator=end, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def coupons_export() -> list[Row]:
    return [
        {
            "id": str(n),
            "attributes": row["attributes"] or "{}",
            "value": row["value"],
            "startdate": "",
            "expirydate": {"SPRING-1": "2029-12-31T23:00:00Z", "SPRING-3": "2031-06-01T12:00:00Z"}.get(
                row["value"], ""
            ),
            "limitval": row["limitval"] or "1",
            "discount_limitval": "0",
            "recipientintegrationid": "",
            "importid": "77",
            "created": "2026-11-22T10:00:00.123456Z",
        }
        for n, row in enumerate(COUPONS)
    ]


def giveaways_export() -> list[Row]:
    return [{"id": str(n), "code": r["code"], "startdate": "", "enddate": "", "attributes": "{}", "importid": "5"}
            for n, r in enumerate(GIVEAWAYS)]  # fmt: skip


def compared(tmp_path: Path, contract: str, sent: list[Row], found: list[Row], **more: Any) -> Reconciliation:
    source, export = write(tmp_path / "sent.csv", sent), write(tmp_path / "export.csv", found, end="\r\n")
    evidence = EvidenceSource(export=export, fold=more.pop("fold", None))
    return reconcile(CONTRACTS[contract], source, evidence, **more)


def change(column: str, value: str) -> Callable[[list[Row]], None]:
    def apply(rows: list[Row]) -> None:
        rows[0][column] = value

    return apply


HARMLESS: dict[str, Callable[[list[Row]], None]] = {
    "nothing": lambda _: None,
    "another order": lambda rows: rows.reverse(),
    "JSON reordered": change("attributes", '{"b":"x","a":1.0}'),
    "the same instant in another zone": change("expirydate", "2030-01-01T01:00:00+02:00"),
    "an instant without a zone, in UTC": change("expirydate", "2029-12-31 23:00:00"),
    "fractions of a second": change("expirydate", "2029-12-31T23:00:00.999Z"),
    "1 for blank": change("limitval", "1"),
    "blank for blank": change("limitval", ""),
    "zeros behind the point": change("limitval", "1.00"),
    "blank for no discount limit": change("discount_limitval", ""),
    "an import of its own": change("importid", "78"),
    "rows of others": lambda rows: rows.append({**rows[0], "value": "OTHERS", "id": "99"}),
}
REAL: dict[str, tuple[Callable[[list[Row]], None], tuple[str, str | None]]] = {
    "a row gone": (lambda rows: rows.pop(0), ("missing", None)),  # type: ignore[dict-item]
    "a shifted time zone": (change("expirydate", "2030-01-01T00:00:00Z"), ("different", "expirydate")),
    "a changed limit": (change("limitval", "2"), ("different", "limitval")),
    "a date lost": (change("expirydate", ""), ("different", "expirydate")),
    "an attribute changed": (change("attributes", '{"a": "1", "b": "x"}'), ("different", "attributes")),
    "an attribute lost": (change("attributes", "{}"), ("different", "attributes")),
    "a recipient nobody named": (change("recipientintegrationid", "p"), ("different", "recipientintegrationid")),
    "another case, and it is not known whether case counts": (change("value", "Spring-1"), ("different", "value")),
    "a discount limit nobody set": (change("discount_limitval", "3"), ("different", "discountlimit")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_difference_is_not_reported(name: str, tmp_path: Path) -> None:
    found = coupons_export()
    HARMLESS[name](found)
    result = compared(tmp_path, "coupons", COUPONS, found)
    assert (result.verdict, result.matched, result.examples) == (Verdict.PROVED, 3, ())


@pytest.mark.parametrize("name", REAL)
def test_a_real_difference_is_found_and_named(name: str, tmp_path: Path) -> None:
    found = coupons_export()
    plant, (kind, column) = REAL[name]
    plant(found)
    result = compared(tmp_path, "coupons", COUPONS, found)
    assert result.verdict is Verdict.MISMATCH
    assert [(e.kind, e.key, e.column, e.record, e.line) for e in result.examples] == [(kind, "SPRING-1", column, 1, 2)]
    assert result.matched == 2


def test_codes_are_compared_in_the_letter_case_of_the_application(tmp_path: Path) -> None:
    sent = [{"value": "abc-é"}]
    found = [{**coupons_export()[1], "value": "ABC-É", "limitval": "1"}]
    assert compared(tmp_path, "coupons", sent, found).verdict is Verdict.MISMATCH
    assert compared(tmp_path, "coupons", sent, found, fold=Fold.UPPERCASE).verdict is Verdict.PROVED


def test_lost_duplicate_is_missing_and_a_surplus_one_is_unexpected(tmp_path: Path) -> None:
    found = giveaways_export()
    lost = compared(tmp_path, "giveaways", GIVEAWAYS, found[1:])
    assert (lost.verdict, lost.missing, lost.examples[0].key) == (Verdict.MISMATCH, 1, "G1")
    more = compared(tmp_path, "giveaways", GIVEAWAYS, [*found, {**found[0], "importid": "6"}])
    assert (more.verdict, more.unexpected) == (Verdict.PROVED, 1)
    assert "several imports: 5 (4 rows), 6 (1 rows)" in more.notes[-1]


def test_surplus_copy_under_one_import_id_is_a_mismatch(tmp_path: Path) -> None:
    found = giveaways_export()
    others = {**found[3], "importid": "6"}
    result = compared(tmp_path, "giveaways", GIVEAWAYS, [*found, found[3], others])
    assert (result.verdict, result.unexpected, result.matched) == (Verdict.MISMATCH, 2, 4)
    assert [(e.kind, e.key, e.column, e.found) for e in result.examples] == [("unexpected", "G2", "importid", "5")]


def test_only_rows_of_the_known_imports_count(tmp_path: Path) -> None:
    found = giveaways_export()
    found[0]["importid"] = "6"  # one of the three copies is of another import
    known = ImportFacts(import_ids=[5])
    mixed = compared(tmp_path, "giveaways", GIVEAWAYS, found, known=known)
    example = mixed.examples[0]
    assert (mixed.verdict, mixed.different) == (Verdict.MISMATCH, 1)
    assert (example.key, example.column, example.sent, example.found) == ("G1", "importid", "5", "6")
    of_another_job = ImportFacts(import_ids=[5], others=[6])
    assert compared(tmp_path, "giveaways", GIVEAWAYS, found, known=of_another_job).missing == 1
    both = ImportFacts(import_ids=[5, 6])
    assert compared(tmp_path, "giveaways", GIVEAWAYS, found, known=both).verdict is Verdict.PROVED
    extra = [*found, {**found[1], "code": "G9"}]
    result = compared(tmp_path, "giveaways", GIVEAWAYS, extra, known=both)
    assert (result.verdict, result.unexpected, result.examples[0].kind) == (Verdict.MISMATCH, 1, "unexpected")


def test_a_changed_cell_of_a_counted_row_is_named(tmp_path: Path) -> None:
    found = giveaways_export()
    found[3]["enddate"] = "2030-01-01T00:00:00Z"
    result = compared(tmp_path, "giveaways", GIVEAWAYS, found, known=ImportFacts(import_ids=[5]))
    example = result.examples[0]
    assert (result.missing, result.different, result.unexpected) == (0, 1, 0)
    assert (example.key, example.column, example.found) == ("G2", "enddate", "2030-01-01T00:00:00Z")


def test_row_that_a_replacing_import_did_not_remove_is_a_mismatch(tmp_path: Path) -> None:
    sent = [{"item": "a"}, {"item": "b"}]
    result = compared(tmp_path, "collections", sent, [*sent, {"item": "c"}])
    assert (result.verdict, result.unexpected, result.matched) == (Verdict.MISMATCH, 1, 2)


def test_card_lists_and_objects_without_quotes_are_compared(tmp_path: Path) -> None:
    sent = [
        {"identifier": "CARD-1", "state": "active", "customerprofileids": "b;a", "attributes": '{"x": 1, "y": "z"}'}
    ]
    source = write(tmp_path / "cards.csv", sent)
    export = tmp_path / "cards-export.csv"
    export.write_text(
        "identifier,created,status,userpercardlimit,customerprofileids,blockreason,generated,batchid,attributes\n"
        """CARD-1,2026-11-22T10:00:00.1Z,active,0,['a','b'],,false,,{"y": "z", "x": 1}\n"""
    )
    assert reconcile(CONTRACTS["loyalty-cards"], source, EvidenceSource(export=export)).verdict is Verdict.PROVED


def test_a_column_the_export_lacks_leaves_the_file_unproved(tmp_path: Path) -> None:
    found = [{k: v for k, v in row.items() if k != "attributes"} for row in coupons_export()]
    result = compared(tmp_path, "coupons", COUPONS, found)
    assert result.verdict is Verdict.UNPROVABLE
    assert "attributes" in result.reason


def test_differences_and_repair_go_to_files_that_name_the_lines(tmp_path: Path) -> None:
    sent = [*COUPONS, {"value": "LAST", "attributes": '{"n": "line\\nend"}'}]
    found = coupons_export()[1:]
    found[0]["limitval"] = "6"
    folder, repair = tmp_path / "out", tmp_path / "repair.csv"
    result = compared(tmp_path, "coupons", sent, found, output=folder, repair=repair)
    assert (result.missing, result.different) == (2, 1)
    with (folder / "missing.csv").open(newline="") as file:
        assert [(r["line"], r["key"]) for r in csv.DictReader(file)] == [("2", "SPRING-1"), ("5", "LAST")]
    with (folder / "different.csv").open(newline="") as file:
        assert [(r["line"], r["column"], r["sent"], r["found"]) for r in csv.DictReader(file)] == [
            ("3", "limitval", "5", "6")
        ]
    lines = (tmp_path / "sent.csv").read_bytes().splitlines(keepends=True)
    assert repair.read_bytes() == lines[0] + lines[1] + lines[4]
    assert not (folder / "unexpected.csv").exists()


def test_the_document_is_json_and_its_numbers_balance(tmp_path: Path) -> None:
    document = json.loads(json.dumps(compared(tmp_path, "coupons", COUPONS, coupons_export()[1:]).to_json()))
    assert document["records"] == document["matched"] + document["missing"] + document["different"] == 3
    assert document["examples"] == [
        {"class": "missing", "key": "SPRING-1", "column": None, "sent": None, "found": None, "record": 1, "line": 2}
    ]
