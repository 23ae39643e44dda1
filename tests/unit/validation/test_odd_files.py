"""Files made to hide their defects: each is found, with its place, and no defect hides another."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from bulkops.reading.sources import Source
from bulkops.validation import baseline
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

Place = tuple[str, int | None, int | None, int | None, str | None]


def check(contract: str, data: bytes, **chosen: object) -> FileReport:
    settings = ValidationSettings(**chosen)  # type: ignore[arg-type] # by name
    source = Source("memory.csv", lambda: io.BytesIO(data))
    return validate_files(CONTRACTS[contract], [source], settings=settings).files[0]


def places(report: FileReport) -> list[Place]:
    return [(f.code, f.record, f.line, f.byte, f.column) for f in report.findings]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_repeated_keys_are_found_in_files_of_every_encoding(encoding: str) -> None:
    report = check("coupons", "value\nABCD\nABCE\nABCD\n".encode(encoding))
    assert report.counts == {"FIL103": 1, "UNQ101": 1}
    assert (report.findings[-1].record, report.findings[-1].line) == (3, 4)
    assert encoding.upper()[:6] in report.findings[0].message


def test_nul_bytes_at_the_end_are_not_reported_as_utf_16() -> None:
    assert "FIL103" not in check("coupons", b"value\nABCD\n" + b"\0" * 100).counts


FOUND: dict[str, tuple[str, bytes, list[Place]]] = {
    "each cell with bad bytes": (
        "coupons",
        b"value,recipientintegrationid,limitval\nABC\xe9,a\xffb,1\nABCD\x07,b\0c\x01,1\n",
        [
            ("FIL104", 1, 2, 41, "value"),
            ("FIL102", 1, 2, 44, "recipientintegrationid"),
            ("FIL107", 2, 3, 53, "value"),
            ("FIL106", 2, 3, 56, "recipientintegrationid"),
            ("FIL107", 2, 3, 58, "recipientintegrationid"),
        ],
    ),
    "a bad byte behind a line end in a cell": (
        "coupons",
        b'recipientintegrationid,value\n"a\nb",AB\xe9D\n',
        [("FIL104", 1, 3, 37, "value")],
    ),
    "an overlong sequence": (
        "stores",
        b"store_integration_id\nS\xc0\xaf\n",
        [("FIL102", 1, 2, 22, "store_integration_id")],
    ),
    "a quote open in the header": ("coupons", b'"value","limitval\nABCD,1\n', [("STR105", None, 1, 8, None)]),
    "a stray quote in the header": ("coupons", b'val"ue,limitval\nABCD,1\n', [("STR104", None, 1, 3, None)]),
    "a return that ends the header": (
        "coupons",
        b"value,limitval\rABCD,1\nABCE,x\n",
        [("FIL108", None, 1, 14, None), ("TYP101", 2, 2, 27, "limitval")],
    ),
    "a NUL in the header": ("coupons", b"value,\0limitval\nABCD,1\n", [("FIL106", None, 1, 6, None)]),
    "a name padded and in another case": (
        "coupons",
        b"Value ,limitval\nABCD,1\n",
        [("HDR106", None, 1, 0, "Value "), ("HDR105", None, 1, 0, "Value ")],
    ),
    "no name in the header": (
        "coupons",
        b",\nABCD,1\n",
        [("HDR101", None, 1, 0, "value"), ("HDR104", None, 1, 0, ""), ("HDR104", None, 1, 1, "")],
    ),
    "returns end lines, a cell holds a line feed": (
        "coupons",
        b'value,recipientintegrationid\rABCD,"a\nb"\rABCE,x\rAB,x\r',
        [("FIL108", None, 1, 28, None), ("COD203", 3, 5, 47, "value")],
    ),
    "blank fields too many": (
        "coupons",
        b"value,limitval\r\nABCD,1,\r\nABCD,2\r\nAB,x,,\r\n",
        [
            ("STR102", 1, 2, 16, None),
            ("UNQ101", 2, 3, 25, "value"),
            ("STR102", 3, 4, 33, None),
            ("COD203", 3, 4, 33, "value"),
            ("TYP101", 3, 4, 36, "limitval"),
        ],
    ),
    "text behind JSON that is quoted as it should be": (
        "coupons",
        b'value,attributes\nABCD,"{""a"": 1}"x\n',
        [("STR106", 1, 2, 34, "attributes")],
    ),
    "a line of blanks": ("coupons", b"value,limitval\nABCD,1\n  \t\nABCE,2\n", [("STR103", 2, 3, 22, None)]),
    "lines between quotes that are far apart": (
        "coupons",
        b'value,recipientintegrationid,limitval\nABCD,"x\nABCE,y,2\nABCF,z",3\n',
        [("STR109", 1, 2, 38, None)],
    ),
    "ids swallowed by quotes": (
        "stores",
        b'store_integration_id\nS1\n"S2\nS3\nS4"\n',
        [("STR109", 2, 3, 24, "store_integration_id")],
    ),
    "an id of blanks": (
        "loyalty-points",
        b"customerprofileid,amount\n   ,5\n",
        [("COD101", 1, 2, 25, "customerprofileid"), ("XCL103", 1, 2, 25, "customerprofileid")],
    ),
    "JSON nested without end": (
        "coupons",
        b'value,attributes\nABCD,"{""a"": ' + b"[" * 600 + b"]" * 600 + b'}"\n',
        [("TYP104", 1, 2, 22, "attributes")],
    ),
    "start after end": (
        "coupons",
        b"value,startdate,expirydate\nABCD,2031-01-01T00:00:00Z,2030-01-01T00:00:00Z\n",
        [("XCL101", 1, 2, 53, "expirydate")],
    ),
    "both ways to end": (
        "loyalty-points",
        b"customerprofileid,amount,expirydate,validityDuration\nA,5,2030-01-01T00:00:00Z,30D\n",
        [("XCL102", 1, 2, 78, "validityDuration")],
    ),
    "a blank required number": ("loyalty-points", b"customerprofileid,amount\nA, \n", [("VAL101", 1, 2, 27, "amount")]),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_hidden_defect_is_found_where_it_is(name: str) -> None:
    contract, data, expected = FOUND[name]
    assert places(check(contract, data, grouped=False)) == expected


DAMAGED_IDS = {
    "A\u200bB;C": "COD102", "1.23E+15": "XLS101", "cafÃ©;b": "COD105", "a\u00a0b": "COD103", '="0012"': "XLS107",
    "NULL": "XLS113", "=1+1": "XLS114", "12345678901234500000": "XLS102", "S\u0410LE": "COD104", "a\nb": "COD107",
    "#N/A;x": "XLS105", " a;b": "COD101", "a;a": "VAL111",
}  # fmt: skip


@pytest.mark.parametrize(("ids", "code"), DAMAGED_IDS.items(), ids=map(ascii, DAMAGED_IDS))
def test_damage_to_an_id_in_a_list_is_found(ids: str, code: str) -> None:
    cell = ids.replace('"', '""')
    data = f'identifier,state,customerprofileids\nCARD1,active,a;b\nCARD2,active,"{cell}"\n'.encode()
    assert places(check("loyalty-cards", data)) == [(code, 2, 3, 66, "customerprofileids")]


def test_characters_that_look_like_others_are_named() -> None:
    (finding,) = check("coupons", "value\nS\u0410LE\n".encode()).findings
    assert finding.message.endswith(": U+0410 cyrillic capital letter a")


def test_json_over_several_lines_is_not_reported_as_swallowed_records() -> None:
    assert check("giveaways", b'attributes,code\n"{""a"":\n 1,\n ""b"": 2}",CODE1\n').counts == {}


@pytest.mark.parametrize("size", [200, 3000, 1 << 20])
def test_lost_zeros_are_counted_whatever_the_size_of_blocks(size: int) -> None:
    short, long = range(1_000_000, 1_000_900), range(10_000_000, 10_009_000)
    data = "value\n" + "".join(f"{n}\n" for n in (*short, *long))
    assert check("coupons", data.encode(), block_bytes=size, max_findings=3).counts == {"XLS103": 900}


def test_a_number_among_names_is_not_reported_for_lost_zeros() -> None:
    data = "profileintegrationid\n" + "".join(f"USER{n:04d}\n" for n in range(20)) + "12345\n"
    assert check("audiences", data.encode()).counts == {}


@pytest.mark.parametrize(
    ("dates", "code"),
    [
        (("31/12/2030", "12/31/2030", "01/02/2030"), "others the month"),
        (("01/02/2030", "03/04/2030"), "no date in the column"),
        (("31/12/2030", "01/02/2030"), None),
        (("01.02.2030",), None),
    ],
)
def test_the_order_of_day_and_month_is_inferred_from_the_column(dates: tuple[str, ...], code: str | None) -> None:
    data = "value,startdate\n" + "".join(f"CODE{n},{date}\n" for n, date in enumerate(dates))
    said = [f.message for f in check("coupons", data.encode()).findings if f.code == "DAT110"]
    assert [code in message for message in said if code] == ([True] if code else [])


SECRETS = {
    "one code in place of the header": ("coupons", "SECRETCODE\nABCDE\n"),
    "a header of codes that stand twice": ("coupons", "value,SECRETCODE,SECRETCODE\nABCDE,,\n"),
    "an attribute's name": ("coupons", 'value,attributes\nABCDE,"{""1SECRETCODE"": 1}"\n'),
    "an attribute twice": ("coupons", 'value,attributes\nABCDE,"{""SECRETCODE"": 1, ""SECRETCODE"": 2}"\n'),
    "an attribute twice inside": (
        "coupons",
        'value,attributes\nABCDE,"{""a"": [{""SECRETCODE"": 1, ""SECRETCODE"": 2}]}"\n',
    ),
    "an attribute in two cases": (
        "coupons",
        'value,attributes\nABCDE,"{""SECRETCODE"": 1, ""sECRETCODE"": 2}"\n',
    ),
    "JSON that is none": ("coupons", 'value,attributes\nABCDE,"{""a"": SECRETCODE}"\n'),
    "coupons no header": ("coupons", "SECRETCODE1,2030-01-01T00:00:00Z\n"),
    "mixed ids": ("loyalty-points", "customerprofileid,identifier,amount\nA1,,5\nA2,,6\n,SECRETCARD1,5\n"),
    "lost zeros": ("coupons", "value\n" + "".join(f"0{n:07d}\n" for n in range(30)) + "7654321\n"),
    "day or month": ("coupons", "value,startdate\nABCD,03/04/2031\n"),
    "repeated": ("coupons", "value\nSECRETCODE1\nSECRETCODE1\n"),
    "bytes": ("coupons", "value\nSECRETCODE1\x07\n"),
    "fields": ("coupons", "value,limitval\nSECRETCODE1\n"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_masked_findings_give_no_value_away(name: str) -> None:
    contract, text = SECRETS[name]
    report = check(contract, text.encode(), mask=True)
    assert report.counts
    said = json.dumps(report.to_json())
    assert not any(secret in said for secret in ("SECRETCODE", "SECRETCARD1", "7654321", "03/04/2031"))


@pytest.mark.parametrize("name", ["code", "expiry_date", "Value", " limitval"])
def test_a_name_similar_to_a_column_is_printed_though_values_are_masked(name: str) -> None:
    report = check("coupons", f"{name}\nABCD\n".encode(), mask=True, grouped=False)
    assert {f.column for f in report.findings if f.code in {"HDR102", "HDR105", "HDR106"}} == {name}


def test_attributes_are_named_unless_values_are_hidden() -> None:
    data = b'value,attributes\nABCDE,"{""1st"": 1}"\n'
    assert "'1st' has an invalid name" in check("coupons", data).findings[0].message
    assert "an attribute in it has an invalid name" in check("coupons", data, mask=True).findings[0].message


def test_a_baseline_of_one_record_accepts_no_other_record(tmp_path: Path) -> None:
    old, new = b"value,limitval\nABCD,1,2\n", b"value,limitval\nABCD,1,2\nABCE,3,4\n"
    baseline.save(tmp_path / "known.json", check("coupons", old).findings)
    known = baseline.load(tmp_path / "known.json")
    assert check("coupons", new, baseline=known).counts == {"STR102": 1}


IDS_OF_BOTH_KINDS = b"customerprofileid,identifier,amount\n" + b"cust,,5\n" * 30 + b",CARDX,5\n" * 10
LOST_ZEROS = b"code\n" + b"".join(b"%08d\n" % (31415926 + n) for n in range(90)) + b"123456\n" * 10


@pytest.mark.parametrize("most", [0, 1, 9, 10, 1000])
@pytest.mark.parametrize(
    ("contract", "data", "code"),
    [("loyalty-points", IDS_OF_BOTH_KINDS, "XCL104"), ("giveaways", LOST_ZEROS, "XLS103")],
)
def test_a_baseline_accepts_all_findings_whatever_the_maximum_shown(
    contract: str, data: bytes, code: str, most: int, tmp_path: Path
) -> None:
    before = check(contract, data, select=(code,))
    assert before.counts == {code: 10}
    baseline.save(tmp_path / "known.json", before.findings)
    known = baseline.load(tmp_path / "known.json")
    report = check(contract, data, select=(code,), baseline=known, max_findings=most, block_bytes=64)
    assert (report.counts, report.suppressed) == ({}, 10)


def test_a_selected_date_rule_is_checked_without_the_others() -> None:
    data = b"value,expirydate\nCODE1,03/04/2031\n"
    assert check("coupons", data, select=("DAT110",)).counts == {"DAT110": 1}
    assert "DAT110" in check("coupons", data, ignore=("DAT103",)).counts


@pytest.mark.parametrize("others", ["CODE1,1\n", " CODE1,1\n", "\u00e91CODE,1\n", ""])
@pytest.mark.parametrize("blank", ["\u00a0,\u00a0\n", " ,\n", ",\u2003\n"])
def test_a_record_of_only_blanks_is_blank_beside_any_other_records(blank: str, others: str) -> None:
    counts = check("coupons", f"value,limitval\nCODE0,1\n{blank}{others}CODE2,2\n".encode()).counts
    assert (counts.get("STR103"), counts.get("VAL101"), counts.get("COD103")) == (1, None, None)


def test_a_code_without_length_limit_is_checked_like_other_codes() -> None:
    data = 'code\n"GIFT\n1234"\nGIFT\u201310\n12/05\n'.encode()
    assert check("giveaways", data).counts == {"COD107": 1, "COD109": 1, "STR115": 1, "XLS104": 1}


def test_entries_of_rules_that_were_not_judged_are_not_called_unused(tmp_path: Path) -> None:
    baseline.save(tmp_path / "known.json", check("coupons", b"value,limitval\nABCD,x\n").findings)
    known = baseline.load(tmp_path / "known.json")
    clean = Source("clean.csv", lambda: io.BytesIO(b"value\nABCD\n"))
    for select, unused in ((("UNQ",), 0), ((), 1)):
        settings = ValidationSettings(select=select, baseline=known)
        assert len(validate_files(CONTRACTS["coupons"], [clean], settings=settings).unused_baseline) == unused


def test_a_report_records_that_reading_stopped_early() -> None:
    report = check("coupons", b"value,limitval\n" + b"ABCD,x\n" * 100, max_errors=1, block_bytes=64)
    assert report.stopped
    assert report.to_json()["stopped"] is True
    assert report.records < 100


def test_a_file_deleted_during_validation_still_has_its_report(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for path in (first, second):
        path.write_text("value\nABCD\nAB\n")
    opened = Source(str(second), lambda: first.unlink() or second.open("rb") if first.exists() else second.open("rb"))  # type: ignore[func-returns-value] # goes away when the other is read
    report = validate_files(CONTRACTS["coupons"], [first, opened])
    assert [file.counts["COD203"] for file in report.files] == [1, 1]
    assert "does not exist" in (report.files[0].unreadable or "")


def test_a_file_that_shrinks_during_validation_still_has_its_report(tmp_path: Path) -> None:
    path = tmp_path / "shrinks.csv"
    path.write_text("value\nABCD\nABCD\nAB\n")
    reads: list[int] = []

    def opener() -> io.BufferedReader:
        reads.append(1)
        if len(reads) > 1:
            path.write_text("value\nABCD\n")
        return path.open("rb")

    report = validate_files(CONTRACTS["coupons"], [Source(str(path), opener)]).files[0]
    assert report.counts == {"COD203": 1, "UNQ101": 1}
    assert "has changed" in (report.unreadable or "")


@pytest.mark.parametrize(("field", "value"), [("flag_bits", 1), ("compress_type", 9)])
def test_an_archive_member_that_cannot_be_opened_spoils_only_itself(tmp_path: Path, field: str, value: int) -> None:
    archive, plain = tmp_path / "a.zip", tmp_path / "b.csv"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.csv", "value\nABCD\n")
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature) + offset + (2 if field == "compress_type" else 0)
        data[at : at + 2] = value.to_bytes(2, "little")
    archive.write_bytes(bytes(data))
    plain.write_text("value\nAB\n")
    from bulkops.reading.sources import expand

    report = validate_files(CONTRACTS["coupons"], expand([str(archive), str(plain)]))
    assert "cannot be read" in (report.files[0].unreadable or "")
    assert report.files[1].counts == {"COD203": 1}


@pytest.mark.parametrize("record", [",", ",\n", ",,\r\n", ",\nABCE\n"])
@pytest.mark.parametrize("before", ["", "ABCD\n"])
def test_separators_alone_in_a_file_of_one_column_are_fields_too_many(before: str, record: str) -> None:
    report = check("coupons", f"value\n{before}{record}".encode())
    assert report.counts["STR102"] == 1
    assert report.records == before.count("\n") + 1 + record.count("ABCE")
