"""One cause is one finding: other content, lines above the header, exports, other imports, encodings, footers."""

import gzip
import io
import json
from pathlib import Path

import pytest

from bulkops.errors import DataError
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.baseline import load, save
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
SEVERAL = [contract for contract in CONTRACTS.values() if len(contract.columns) > 1]
EXPORTED = [
    (contract, route.readback)
    for contract in CONTRACTS.values()
    for route in contract.routes
    if route.readback and route.readback.own_columns
]


def check(contract: Contract | str, data: bytes, **chosen: object) -> FileReport:
    settings = ValidationSettings(**chosen)  # type: ignore[arg-type] # by name
    known = CONTRACTS[contract] if isinstance(contract, str) else contract
    return validate_files(known, [Source("memory.csv", lambda: io.BytesIO(data))], settings=settings).files[0]


def repaired(contract: Contract, data: bytes, options: FixOptions) -> bytes:
    """Return the repaired copy of a file."""
    source, out = Source("memory.csv", lambda: io.BytesIO(data)), io.BytesIO()
    fix_file(contract, source, out, options=options, log=lambda _: None)
    return out.getvalue()


def file_of(contract: Contract, count: int = 12) -> str:
    """Return a valid file with its required and recommended columns, and one column of each exclusive group."""
    names = [exclusive.columns[0] for exclusive in contract.exclusive if exclusive.whole_file]
    names += contract.required_names
    names += [column.name for column in contract.columns if column.recommended]
    columns = [contract.column(name) for name in names]
    rows = [",".join([f"{columns[0].example}{n:03d}", *(c.example for c in columns[1:])]) for n in range(count)]
    return "\n".join([",".join(names), *rows, ""])


def listed(report: FileReport) -> list[str]:
    return [finding.code for finding in report.findings]


OTHER = {
    "a page": b"<!DOCTYPE html>\n<html><body><h1>404</h1>\nvalue,limitval\n</body></html>\n",
    "a page without type": b"\xef\xbb\xbf\n<html>\n<body>no</body></html>",
    "an XML document": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n',
    "JSON lines": b'{"value": "CODE1", "limitval": 1}\n' * 1000,
    "a JSON array": json.dumps([{"value": "CODE1"}, {"value": "CODE2"}], indent=2).encode(),
    "a JSON array in lines": b'[{"value": "CODE1"},\n{"value": "CODE2"}]\n',
    "a JSON array in one long line": json.dumps([{"value": f"CODE{n}"} for n in range(100_000)]).encode(),
    "a JSON array of arrays": b'[["value"],\n["CODE1"]]\n',
    "compressed a second time": gzip.compress(b"value\nCODE1\n"),
    "an SQLite database": b"SQLite format 3\0\x10\0\x01\x01",
    "a Parquet file": b"PAR1\x15\x04\x15",
    "a JSON object": json.dumps({"data": [{"value": "CODE1"}]}, indent=2).encode(),
}


@ALL
@pytest.mark.parametrize("data", OTHER.values(), ids=list(OTHER))
def test_a_file_that_is_not_csv_is_one_finding(contract: Contract, data: bytes) -> None:
    report = check(contract, data)
    assert {code: n for code, n in report.counts.items() if code not in {"FIL105", "STR103"}} == {"FIL111": 1}
    assert (report.records, report.bytes) == (0, len(data))


@ALL
def test_a_header_below_other_lines_is_one_finding_and_is_read(contract: Contract) -> None:
    above = "Report of 2030\n\n# made by hand\n"
    report = check(contract, (above + file_of(contract)).encode())
    (finding,) = report.findings
    assert (finding.code, finding.line, finding.byte) == ("HDR111", 1, 0)
    assert "the header is on line 4; 3 lines precede it" in finding.message
    assert (report.counts, report.records) == ({"HDR111": 1}, 12)


def test_names_behind_a_carriage_return_make_no_header_of_a_lower_line() -> None:
    assert "HDR111" not in check("coupons", b"Report\nx\r,value,limitval\nABCD,1,1\n").counts


@ALL
def test_a_misnamed_required_column_is_one_finding_with_the_command(contract: Contract) -> None:
    header, rest = file_of(contract).split("\n", 1)
    for name in header.split(","):
        if not contract.column(name).required and contract.exclusive:
            continue
        wrong = f"{name}s"
        data = f"{header.replace(name, wrong)}\n{rest}".encode()
        report = check(contract, data)
        (finding,) = [one for one in report.findings if one.code.startswith("HDR")]
        assert (finding.field, finding.explains) == (header.split(",").index(name) + 1, 1)
        assert (repr(wrong) in finding.message, repr(name) in finding.message) == (True, True)
        assert f"`bulkops fix --rename {wrong}={name}`" in finding.help
        assert finding.to_json()["repair"] == "option"
        assert sum(n for code, n in report.counts.items() if code.startswith("HDR")) == 2
        everything = check(contract, data, grouped=False)
        assert {code for code in listed(everything) if code.startswith("HDR")} == {c for c in report.counts if c < "I"}


@pytest.mark.parametrize(
    ("header", "contract", "found"),
    [
        ("code,expirydates,limitval", "coupons", [("HDR101", 1, 1), ("HDR102", 2, 0)]),
        ("store_id,limits", "store-budgets", [("HDR101", 1, 1), ("HDR101", 2, 1)]),
        ("value,expirydates", "coupons", [("HDR102", 2, 0)]),
        ("customerprofileid,tiername,expirydates", "loyalty-tiers", [("HDR102", 3, 1)]),
        ("customerprofileid,tiername,Odd", "loyalty-tiers", [("HDR131", None, 0), ("HDR102", 3, 0)]),
        ("value,Odd,Odd,Odd", "coupons", [("HDR102", 2, 0), ("HDR103", 3, 1), ("HDR103", 4, 1)]),
        ("limitval,Odd", "coupons", [("HDR101", None, 0), ("HDR102", 2, 0)]),
        (" Value,limitval", "coupons", [("HDR106", 1, 1)]),
        ("card,amounts", "loyalty-points", [("HDR101", 1, 1), ("HDR101", 2, 1)]),
    ],
)
def test_a_column_name_has_one_finding_for_one_cause(
    header: str, contract: str, found: list[tuple[str, int | None, int]]
) -> None:
    report = check(contract, f"{header}\n".encode(), ignore=("STR110",))
    assert [(f.code, f.field, f.explains) for f in report.findings] == found
    assert sum(report.counts.values()) == len(found) + sum(explains for _, _, explains in found)


@pytest.mark.parametrize(("ignored", "left"), [("HDR101", "HDR102"), ("HDR102", "HDR101")])
def test_a_finding_about_a_column_name_is_listed_if_the_rule_of_its_cause_is_ignored(ignored: str, left: str) -> None:
    (finding,) = check("coupons", b"code\nABCD\n", ignore=(ignored,)).findings
    assert (finding.code, finding.explains, finding.rename) == (left, 0, "code=value")


@pytest.mark.parametrize("contract", SEVERAL, ids=[contract.name for contract in SEVERAL])
def test_records_that_are_all_quoted_as_a_whole_are_one_finding(contract: Contract) -> None:
    header, *records = file_of(contract, 40).splitlines()
    if len(header.split(",")) == 1:
        other = next(column.name for column in contract.columns if column.name != header)
        header, records = f"{header},{other}", [f"{record}," for record in records]
    wrapped = ['"' + record.replace('"', '""') + '"' for record in records]
    data = "\n".join([header, *wrapped[:35], *records[35:], ""]).encode()
    for size in (64, 1 << 20):
        report = check(contract, data, block_bytes=size)
        (finding,) = [one for one in report.findings if one.code == "STR116"]
        assert (finding.record, finding.explains, report.counts["STR116"]) == (1, 34, 35)
    assert listed(check(contract, data, grouped=False)).count("STR116") == 35
    assert check(contract, data, max_findings=0).counts == report.counts
    few = check(contract, "\n".join([header, *records[:30], *wrapped[30:]]).encode())
    assert listed(few).count("STR116") == 10
    header = '"' + header + '"'
    whole = check(contract, "\n".join([header, *wrapped]).encode())
    (finding,) = [one for one in whole.findings if one.code == "STR116"]
    assert (finding.record, finding.explains) == (None, 40)


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_ids_that_were_made_numbers_are_one_finding_for_each_column(size: int) -> None:
    cells = [f"{number}.0" for number in range(100200, 100240)]
    data = "".join(
        ["customerprofileid,amount,subledgerid\n", *(f"{one},5,{one}\n" for one in cells), "anna,5,\n"]
    ).encode()
    report = check("loyalty-points", data, block_bytes=size)
    found = [(f.column, f.record, f.value, f.explains) for f in report.findings]
    assert found == [("customerprofileid", 1, "100200.0", 39), ("subledgerid", 1, "100200.0", 39)]
    assert "like 40 of the 41 values in the column" in report.findings[0].message
    assert (report.counts, report.repairs["unsafe"]) == ({"XLS115": 80}, 80)
    everything = check("loyalty-points", data, block_bytes=size, grouped=False)
    assert (len(everything.findings), everything.counts) == (80, report.counts)


@pytest.mark.parametrize("column", ["customerprofileid", "record"])
def test_a_baseline_accepts_each_finding_that_would_be_listed_once(column: str, tmp_path: Path) -> None:
    cells = [f"{number}.0,5" if column != "record" else f'"c-{number},5"' for number in range(100200, 100220)]
    data = "\n".join(["customerprofileid,amount", *cells, ""]).encode()
    everything = check("loyalty-points", data, grouped=False)
    save(tmp_path / "baseline.json", everything.findings)
    accepted = check("loyalty-points", data, baseline=load(tmp_path / "baseline.json"))
    assert (accepted.counts, accepted.suppressed, len(everything.findings)) == ({}, 20, 20)


def test_lines_above_a_header_with_as_many_fields_may_be_records() -> None:
    points = b"customerprofileid,amount\nc-1,10\n"
    (named,) = check("loyalty-points", b"Customer,Points\n" + points).findings
    assert named.message == "the header is on line 2; 1 line precedes it and may be a record"
    (noted,) = check("loyalty-points", b"Report\n" + points).findings
    assert noted.message == "the header is on line 2; 1 line precedes it"


@pytest.mark.parametrize(
    ("data", "contract", "repairs"),
    [
        # Renaming the columns of another import repairs nothing.
        (b"identifier,state,customerprofileids\nCARD1,active,\n", "coupons", (0, 0, 0)),
        (b"id,created,campaignid,value,usagelimit,usagecounter\n1,,1,CODE1,1,0\n", "coupons", (0, 0, 6)),
        (b"item\n" + b"Caf\xe9 one\n" * 12, "collections", (0, 13, 11)),
        (b"item;note\nA;x\n", "collections", (1, 1, 0)),
    ],
)
def test_findings_that_follow_from_a_cause_count_as_repaired_like_the_cause(
    data: bytes, contract: str, repairs: tuple[int, int, int]
) -> None:
    assert tuple(check(contract, data).repairs.values()) == repairs


@ALL
def test_a_low_header_may_have_blank_names_behind_it(contract: Contract) -> None:
    lines = file_of(contract).splitlines()
    data = "".join([f"{text}\n" for text in ("# made by a tool", *(f"{line},,," for line in lines))]).encode()
    report = check(contract, data)
    assert (report.counts, report.records) == ({"HDR111": 1, "HDR104": 3}, 12)
    assert repaired(contract, data, FixOptions()).decode().splitlines() == lines


def test_records_below_a_low_header_keep_their_lines() -> None:
    report = check("coupons", b"Report\n\nvalue,limitval\nCODE1,1\nCODE2,x\n")
    assert [(f.code, f.record, f.line, f.byte) for f in report.findings] == [
        ("HDR111", None, 1, 0),
        ("TYP101", 2, 5, 37),
    ]


@pytest.mark.parametrize(("contract", "readback"), EXPORTED, ids=[c.name for c, _ in EXPORTED])
def test_a_deployment_export_given_as_an_import_file_is_one_finding(contract: Contract, readback: object) -> None:
    names = [*readback.own_columns, *(column.found[0] for column in readback.columns)]  # type: ignore[attr-defined]
    names = list(dict.fromkeys(names))
    data = ",".join(names).encode() + b"\n"
    report = check(contract, data, ignore=("STR110",))
    assert listed(report) == ["HDR112"]
    assert f"an export of {contract.name}" in report.findings[0].message
    assert report.findings[0].explains == sum(report.counts.values()) - 1 > 0
    for other in CONTRACTS.values():
        assert "HDR112" in listed(check(other, data))


def test_export_of_points_is_named_although_it_shows_customers_only() -> None:
    head = b"id,transactionUUID,programId,created,type,amount,name,startDate,expiryDate,subledgerId,customerProfileId\n"
    report = check("loyalty-points", head, ignore=("STR110",))
    assert listed(report) == ["HDR112"]
    assert "an export of loyalty-points" in report.findings[0].message


@ALL
def test_the_header_of_another_import_is_one_finding(contract: Contract) -> None:
    for other in CONTRACTS.values():
        report = check(other, file_of(contract).encode())
        if other is contract:
            assert listed(report) == []
        elif "HDR113" in report.counts:
            assert listed(report) == ["HDR113"]
            assert contract.name in report.findings[0].message
            assert report.errors > 1 or not report.findings[0].explains
            assert report.findings[0].to_json().get("explains", 0) == report.errors + report.warnings - 1
    strange = {"loyalty-cards", "loyalty-tiers", "store-budgets"} - {contract.name}
    for name in strange:
        assert listed(check(contract, file_of(CONTRACTS[name]).encode())) == ["HDR113"]


SIGNS = ("^", "~", ":", "#", "\x01", "\x1f", "::", "   ", "\uff0c", "¦")
WIDE = [contract for contract in SEVERAL if "," in file_of(contract)]


@pytest.mark.parametrize(("number", "sign"), list(enumerate(SIGNS)))
def test_a_separator_that_no_reader_knows_is_one_finding(number: int, sign: str) -> None:
    contract = WIDE[number % len(WIDE)]
    lines = file_of(contract, 100).splitlines()
    for quote in ("", '"'):
        rows = [sign.join(f"{quote}{cell}{quote}" for cell in line.split(",")) for line in lines]
        data = "\n".join([*rows, ""]).encode()
        report = check(contract, data)
        assert listed(report) == ["HDR117"]
        assert report.findings[0].explains == sum(report.counts.values()) - 1 > 0
        with pytest.raises(DataError, match="no usable header"):
            repaired(contract, data, FixOptions(unsafe=True))


@pytest.mark.parametrize(
    "data",
    [b"start date of limit\nCODE1\n", b"value amount mine\nCODE1 1\n", b"value^mine^yours\nCODE1^1^1\n",
     b"value^limitval\nCODE1\n", b"customer profile id\nu 1\n"],
)  # fmt: skip
def test_a_sign_that_separates_no_documented_names_is_no_separator(data: bytes) -> None:
    assert "HDR117" not in check("coupons", data).counts


@pytest.mark.parametrize("contract", SEVERAL, ids=lambda contract: contract.name)
def test_records_unlike_the_header_are_one_finding(contract: Contract) -> None:
    header, *records = file_of(contract, 1000).splitlines()
    if "," not in header:
        header, records = f"{header},attributes", [f"{record},{{}}" for record in records]
    if header.endswith("attributes") and "attributes" not in contract.column_names:
        pytest.skip("no second column")
    data = "\n".join([header, *(record.replace(",", ";") for record in records), ""])
    report = check(contract, data.encode(), max_findings=5)
    assert listed(report) == ["HDR114"]
    assert report.counts == {"STR101": 1000, "HDR114": 1}
    assert report.findings[0].explains == 1000
    assert "a semicolon separates the fields of the records" in report.findings[0].message
    longer = "\n".join([header, *(f"{record},more" for record in records), ""])
    assert check(contract, longer.encode()).counts == {"STR102": 1000, "HDR114": 1}


def test_nine_short_records_are_listed_one_by_one() -> None:
    report = check("coupons", b"value,limitval\n" + b"CODE\n" * 9, ignore=("UNQ101",))
    assert listed(report) == ["STR101"] * 9


@ALL
def test_another_encoding_is_one_finding(contract: Contract) -> None:
    header, *records = file_of(contract, 50).splitlines()
    text = "\n".join([header, *(f"Ж{record[1:]}" for record in records), ""])
    report = check(contract, text.encode("cp1251"), select=("FIL",))
    assert listed(report) == ["FIL112"]
    assert report.findings[0].explains == report.counts["FIL104"] + report.counts.get("FIL102", 0) == 50
    mixed = text.encode("cp1251") + text.split("\n", 1)[1].encode()
    assert "FIL112" not in check(contract, header.encode() + b"\n\xc3\xa9\n" + mixed, select=("FIL",)).counts


FOOTERS = {
    "Exportiert am 30.11.2026": "STR118", "Generated on 2026-11-30 by x": "STR118", "Page 1 of 3": "STR118",
    "*** End of report ***": "STR118", "(2 rows)": "STR118", "(2 rows affected)": "STR118",
    "3 rows selected.": "STR118", "Rows: 12": "STR118",
    "5 rows in set (0.01 sec)": "STR118", "Query OK, 2 rows affected": "STR118", "Total,5000": "STR118",
    "Grand Total,350": "STR118", "2026-11-30 10:00:01.123 INFO export finished": "STR118",
    "[ERROR] connection lost": "STR118", "PHP Warning: too slow": "STR118", "<br />": "STR118",
    "<<<<<<< HEAD": "STR119", "=======": "STR119", ">>>>>>> main": "STR119", "-----": "STR117",
    "--- ---": "STR117", "# made by hand": "STR117", "-- made by hand": "STR117",
}  # fmt: skip


@ALL
@pytest.mark.parametrize("footer", FOOTERS)
def test_a_footer_line_is_one_finding_of_its_own_rule(contract: Contract, footer: str) -> None:
    data = f"{file_of(contract)}{footer}\n".encode()
    report = check(contract, data)
    if "," in footer and file_of(contract, 0).count(",") == 1:  # its cells are those of a record, too
        assert FOOTERS[footer] in report.counts
        return
    assert report.counts == {FOOTERS[footer]: 1}
    assert report.findings[0].line == 14
    for size in (16, 64, 100):
        assert check(contract, data, block_bytes=size).findings == report.findings


@pytest.mark.parametrize("cell", ["#\tnote", "//\tnote", "--\tnote", '"\t---"', '";---"', '",---"'])
@pytest.mark.parametrize("other", ["ABCD", "AB CD"])
def test_a_comment_without_a_blank_is_found_whatever_the_other_cells_contain(cell: str, other: str) -> None:
    report = check("coupons", f"value\n{cell}\n{other}\n".encode(), select=("STR",))
    assert [(finding.code, finding.line) for finding in report.findings] == [("STR117", 2)]


def test_a_rule_below_the_header_is_one_finding() -> None:
    assert check("coupons", b"value,limitval\n-----,-----\nCODE1,1\n").counts == {"STR117": 1}
    assert check("coupons", b"value,limitval\n-----,-1\nCODE1,1\n").counts["VAL103"] == 1


@ALL
def test_a_total_counts_in_the_last_record_alone(contract: Contract) -> None:
    names = file_of(contract, 0).strip().split(",")
    row = ["Total", *(contract.column(name).example for name in names[1:])]
    data = f"{file_of(contract)}{','.join(row)}\n"
    for size in (16, 1 << 20):
        assert "STR118" in check(contract, data.encode(), block_bytes=size).counts
        later = data + file_of(contract, 1).splitlines()[1].replace("000", "999") + "\n"
        assert "STR118" not in check(contract, later.encode(), block_bytes=size).counts


VALID = {
    "collections": b"item\n#sale\nTOTAL\n--\nRows of houses\n(2)\n- - -x\n<3\n2030-01-01\nsum\n",
    "coupons": b"value,limitval\nTOTAL1,1\nROWS-2,1\nSUMMARY,1\nCODE-1,1\n",
    "audiences": b"profileintegrationid\n+4915112345678\n+43 660 1234567\nauth0|5f7c8ec7c33c6c004bbafe82\nTotals-4\n",
    "stores": b"store_integration_id\nTotal\nINFO-DESK\nERROR\nSTORE 1\n",
    "loyalty-cards": b"identifier,state,customerprofileids\nC-1,active,auth0|5f7c;google-oauth2|117\nC-2,active,\n",
}


@pytest.mark.parametrize("name", VALID)
def test_unusual_values_are_not_reported_as_footer_lines(name: str) -> None:
    assert {code for code in check(name, VALID[name]).counts if code.startswith(("STR", "HDR", "FIL"))} == set()
    if name != "collections":
        assert check(name, VALID[name], select=("VAL112", "VAL113", "XLS114", "COD110")).counts == {}


def test_a_repeated_header_has_no_findings_about_its_cells() -> None:
    assert check("coupons", b"value,limitval\nCODE1,1\nvalue,limitval\n").counts == {"HDR110": 1}
    twice = b"value,limitval\nCODE1,1\nvalue,limitval\nvalue,limitval\n-----,-----\n-----,-----\n"
    assert check("coupons", twice).counts == {"HDR110": 2, "UNQ101": 1, "STR117": 2}


def test_the_separator_is_that_of_header_and_records() -> None:
    data = b"value (max 30, Pflicht);limitval (Zahl)\nCODE1;1\nCODE2;x\n"
    report = check("coupons", data)
    assert report.counts == {"HDR108": 1, "HDR115": 2, "TYP101": 1}
    assert check("coupons", b"kode, id;wert\n" + b"CODE1;1\n" * 3, select=("HDR108",)).counts == {"HDR108": 1}


def test_explained_findings_are_counted_and_not_listed_with_every_limit() -> None:
    data = "\n".join(["value,limitval", *(f"CODE{n};1" for n in range(500)), ""]).encode()
    for most in (0, 1, 5, 1000):
        report = check("coupons", data, max_findings=most)
        assert (report.counts, len(report.findings)) == ({"STR101": 500, "HDR114": 1}, min(most, 1))
    assert check("coupons", data, ignore=("HDR114",), max_findings=5).counts == {"STR101": 500}
    assert len(check("coupons", data, ignore=("HDR114",), max_findings=5).findings) == 5
