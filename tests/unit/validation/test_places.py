"""Single defects: the rule, and the exact record, line, byte and column."""

import gzip
import io
from datetime import UTC, datetime

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def check(contract: str, *contents: bytes, **chosen: object) -> list[FileReport]:
    settings = ValidationSettings(**{"now": NOW, **chosen})  # type: ignore[arg-type] # by name
    sources = [Source(f"{n}.csv", lambda data=data: io.BytesIO(data)) for n, data in enumerate(contents, start=1)]  # type: ignore[misc] # the default binds the loop's name
    return list(validate_files(CONTRACTS[contract], sources, settings=settings).files)


def found(contract: str, content: bytes, **chosen: object) -> list[tuple[str, int | None, int | None, int | None]]:
    report = check(contract, content, **chosen)[0]
    return [(f.code, f.record, f.line, f.byte) for f in report.findings]


STRUCTURE = {
    "empty": (b"", [("FIL101", None, 1, 0)]),
    "BOM": (b"\xef\xbb\xbfvalue\nCODE1\n", [("FIL105", None, 1, 0)]),
    "text after a quote on the second line of a header": (
        b'"a\nb",x;amount;limitval\n;CODE1;1\n',
        [
            ("HDR108", None, 1, 0),
            ("HDR101", None, 1, 0),
            ("HDR102", None, 1, 0),
            ("HDR102", None, 1, 8),
            ("STR106", None, 2, 5),
        ],
    ),
    "invalid UTF-8": (b"value\nCODE1\nA\xff\xfeB1\n", [("FIL102", 2, 3, 13)]),
    "Windows-1252 between thousands": (
        b"value,limitval\nABCD,1\xa0000\n",
        [("XLS111", 1, 2, 20), ("FIL102", 1, 2, 21)],
    ),
    "a character cut off in a code": (b"value\nEFAB\xe2\x82GH\n", [("FIL102", 1, 2, 10)]),
    "surrogates in bytes": (
        b"value\nAB\xed\xa0\x80CD\nAB\xf4\x90\x80\x80X\n",
        [("FIL102", 1, 2, 8), ("FIL102", 2, 3, 16)],
    ),
    "Windows-1252": (b"value\nCAF\xc91\n", [("FIL104", 1, 2, 9)]),
    "NUL": (b"value\nCODE1\nCO\x00DE\n", [("FIL106", 2, 3, 14)]),
    "control character": (
        b"value\nCO\x1bDE\n",
        [
            ("FIL107", 1, 2, 8),
        ],
    ),
    "CR only below a name over two lines": (
        b'value,"a\n"\rCODE1,1\r',
        [("HDR102", None, 1, 6), ("FIL108", None, 2, 10)],
    ),
    "NUL in a name over two lines": (b'value,"a\n\x00"\nCODE1,1\n', [("HDR102", None, 1, 6), ("FIL106", None, 2, 9)]),
    "CR only": (b"value\rCODE1\rCODE2\r", [("FIL108", None, 1, 5)]),
    "one lone CR": (b"value\nCODE1\rCODE2\nCODE3\n", [("FIL108", 1, 2, 11)]),
    "mixed line ends": (b"value\nCODE1\r\nCODE2\n", [("FIL109", 1, 2, 11)]),
    "LF at the end of CRLF": (b"value\r\nCODE1\r\nCODE2\n", [("FIL109", 2, 3, 19)]),
    "no line end at the end of CRLF": (b"value\r\nCODE1\r\nCODE2", []),
    "semicolons": (b"value;limitval\nCODE1;1\n", [("HDR108", None, 1, 0)]),
    "sep line": (b"sep=,\nvalue\nCODE1\n", [("HDR109", None, 1, 0)]),
    "header case": (b"limitval,Value\n1,CODE1\n", [("HDR106", None, 1, 9)]),
    "header blanks": (b"limitval, value\n1,CODE1\n", [("HDR105", None, 1, 9)]),
    "nameless column": (b"value,\nCODE1,\n", [("HDR104", None, 1, 6)]),
    "no header": (b"CODE1\nCODE2\n", [("HDR107", None, 1, 0)]),
    "header only": (b"value\n", [("STR110", None, 2, None)]),
    "blank line": (b"value\nCODE1\n\nCODE2\n", [("STR103", None, 3, 12)]),
    "blank records at the end": (
        b"value,limitval\nCODE1,1\n,\n\n,\n",
        [("STR108", 2, 3, 23), ("STR108", None, 4, 25), ("STR108", 3, 5, 26)],
    ),
    "blank records among others": (
        b"value,limitval\n,\nCODE1,1\n,\n\nCODE2,1\n",
        [("STR103", 1, 2, 15), ("STR103", 3, 4, 25), ("STR103", None, 5, 27)],
    ),
    "records of blanks": (
        b'value,limitval\nCODE1,1\n , \nCODE2,1\n\t," "\n',
        [("STR103", 2, 3, 23), ("STR108", 4, 5, 35)],
    ),
    "blank records alone": (b"value,limitval\n,\n", [("STR108", 1, 2, 15), ("STR110", None, 3, None)]),
    "blank lines at the end": (b"value\nCODE1\n\n\n", [("STR108", None, 3, 12), ("STR108", None, 4, 13)]),
    "stray quote": (b'value\nCO"DE\nCODE2\n', [("STR104", 1, 2, 8)]),
    "text after quote": (b'value\n"CO"DE\nCODE2\n', [("STR106", 1, 2, 10)]),
    "unclosed quote before a quoted cell": (
        b'value,limitval,attributes\n"CODE1,1,"{""a"": 1}"\nCODE2,x,\n',
        [("STR105", 1, 2, 26), ("TYP101", 2, 3, 54)],
    ),
    "CR between quoted records": (b'value,limitval\n"CODE1","1"\r"CODE2","2"\n', [("FIL108", 1, 2, 26)]),
    "CR before a quoted record": (b'value,limitval\nCODE1,1\r"CODE2","2"\n', [("FIL108", 1, 2, 22)]),
    "unclosed quote": (b'value,limitval\n"CODE1,1\nCODE2,x\n', [("STR105", 1, 2, 15), ("TYP101", 2, 3, 30)]),
    "unclosed quote pairing with another": (
        b'value,limitval\n"CODE1,1\nCODE2,2\nCODE3,"3"\n',
        [("STR105", 1, 2, 15)],
    ),
    "unclosed quote that swallows whole lines": (
        b'value,limitval,discountlimit\n"CODE1,1,1\nCODE2,2,2\nCODE3,3",3\nCODE4,x,4\n',
        [("STR105", 1, 2, 29), ("STR104", 3, 4, 57), ("TYP101", 4, 5, 67)],
    ),
    "after embedded newlines": (
        b'value,recipientintegrationid,limitval\nCODE1,"a\nb\r\nc",1\nCODE2,"d\ne",x\n',
        [("TYP101", 2, 5, 67)],
    ),
    "after CRLF and a blank line": (
        b"value,limitval\r\n\r\nCODE1,1\r\nCODE2,x\r\n",
        [("STR103", None, 2, 16), ("TYP101", 2, 4, 33)],
    ),
    "after a BOM": (b"\xef\xbb\xbfvalue,limitval\nCODE1,x\n", [("FIL105", None, 1, 0), ("TYP101", 1, 2, 24)]),
    "too few and too many": (
        b"value,limitval\nCODE1\nCODE2,1,\nCODE3,1\n",
        [("STR101", 1, 2, 15), ("STR102", 2, 3, 21)],
    ),
    "surplus blank field without a final newline": (
        b"value,limitval\nCODE1,1\nCODE2,1,",
        [("STR102", 2, 3, 23)],
    ),
    "blank last cell without a final newline": (b"value,limitval\nCODE1,x\nCODE2,", [("TYP101", 1, 2, 21)]),
    "no final newline": (b"value,limitval\nCODE1,1\nCODE2,x", [("TYP101", 2, 3, 29)]),
}


@pytest.mark.parametrize(("content", "expected"), STRUCTURE.values(), ids=STRUCTURE)
def test_a_defect_is_found_where_it_is(
    content: bytes, expected: list[tuple[str, int | None, int | None, int | None]]
) -> None:
    assert found("coupons", content) == expected


def test_utf_16_is_named_and_its_content_judged() -> None:
    report = check("coupons", "value,limitval\nCODE1,x\n".encode("utf-16"))[0]
    assert [(f.code, f.record, f.line, f.byte) for f in report.findings] == [
        ("FIL103", None, 1, None),
        ("TYP101", 1, 2, None),
    ]


def test_places_in_a_compressed_file_are_those_of_its_content() -> None:
    packed = gzip.compress(b"value,limitval\nCODE1,1\nCODE2,x\n")
    source = Source("a.csv.gz", lambda: gzip.GzipFile(fileobj=io.BytesIO(packed)))  # type: ignore[arg-type,return-value] # reads alike
    report = validate_files(CONTRACTS["coupons"], [source]).files[0]
    assert [(f.code, f.record, f.line, f.byte) for f in report.findings] == [("TYP101", 2, 3, 29)]


def test_undoubled_json_quotes_have_a_rule_of_their_own() -> None:
    content = b'value,attributes,limitval\nCODE1,"{"category": "10_off"}",1\nCODE2,,1\n'
    (finding,) = check("coupons", content)[0].findings
    assert (finding.code, finding.record, finding.line, finding.byte) == ("STR107", 1, 2, 32)
    assert (finding.column, finding.field) == ("attributes", 2)


PRETTY = ('"{\n  "a": "x",\n  "b": 2\n}"', '"{"a": "x",\n "b": [1,\n 2]}"', '" {"a": {\n"b": 1}\n}\n "')


@pytest.mark.parametrize("block_bytes", [1 << 24, *range(1, 90, 8)])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("cell", PRETTY)
def test_json_over_several_lines_without_doubled_quotes_is_one_record(
    cell: str, line_end: str, block_bytes: int
) -> None:
    content = f'value,attributes,limitval\nCODE1,{cell},1\n"CO\nDE2",{cell},1\nCODE3,,x\nCODE4,,{cell}'
    report = check("coupons", content.replace("\n", line_end).encode(), block_bytes=block_bytes)[0]
    after = 2 + (cell.count("\n") + 1) * 2 + 1
    assert [(f.code, f.record, f.line, f.column) for f in report.findings] == [
        ("STR107", 1, 2, "attributes"),
        ("COD107", 2, 3 + cell.count("\n"), "value"),
        ("STR107", 2, 3 + cell.count("\n"), "attributes"),
        ("TYP101", 3, after, "limitval"),
        ("STR107", 4, after + 1, "limitval"),
        ("TYP101", 4, after + 1, "limitval"),
    ]


@pytest.mark.parametrize("block_bytes", [1 << 24, *range(1, 90, 8)])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("behind", ['"x\ny"', '"x ""y\n"" z"', '"\n"', '"\n,"'])
def test_a_cell_over_several_lines_after_undoubled_json_belongs_to_its_record(
    behind: str, line_end: str, block_bytes: int
) -> None:
    names = "value,attributes,recipientintegrationid"
    content = f'{names}\nCODE1,"{{"a": 1}}",{behind}\nCODE2,"{{"a": 1, "b": 2}}",{behind}\nCODE3,,x\nCODE3,,'
    report = check("coupons", content.replace("\n", line_end).encode(), block_bytes=block_bytes)[0]
    of_records = [f for f in report.findings if f.column != "recipientintegrationid"]
    assert [(f.code, f.record, f.line, f.column) for f in of_records] == [
        ("STR107", 1, 2, "attributes"),
        ("STR107", 2, 4, "attributes"),
        ("UNQ101", 4, 7, "value"),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [('CODE1,"{', "STR105"), ('CODE1,"{"a": ', "STR107"), ('CODE1,"{"a": ' + "[" * 50_000, "STR107")],
)
def test_json_cut_off_in_its_first_line_costs_that_line(line: str, code: str) -> None:
    content = f'value,attributes,limitval\n{line}\nCODE2,"{{"a": 1}}",1\nCODE3,,x\n'.encode()
    assert [place[:3] for place in found("coupons", content)] == [(code, 1, 2), ("STR107", 2, 3), ("TYP101", 3, 4)]


@pytest.mark.parametrize(
    ("contract", "content", "places"),
    [
        ("coupons", "value\nCODE1\nvalue\nCODE2\n", [(2, 3, 12)]),
        (
            "giveaways",
            'startdate,code\n,"GIFT\n1"\n\nstartdate,code\n,GIFT2\n\ufeffstartdate,code',
            [(2, 5, 26), (4, 7, 48)],
        ),
        ("audiences", '"profileintegrationid"\na\n"profileintegrationid"\n', [(2, 3, 25)]),
        ("giveaways", "code,attributes\ncode,\nattributes,code\n", []),
    ],
)
def test_a_header_among_the_records_is_reported(
    contract: str, content: str, places: list[tuple[int, int, int]]
) -> None:
    told = found(contract, content.encode(), select=("HDR110",))
    assert told == [("HDR110", *place) for place in places]


def test_a_limit_without_decimals_is_named_without() -> None:
    (finding,) = check("coupons", b"value,discountlimit\nCODE1,2000000000000000\n")[0].findings
    assert finding.message == "discountlimit 2000000000000000 is above 1,000,000,000,000,000"


def test_a_misspelt_column_comes_with_a_suggestion() -> None:
    messages = [f.message for f in check("giveaways", b"code,expirydate\nGIFT1,\n")[0].findings]
    assert messages == ["giveaways has no column 'expirydate'; did you mean 'enddate'?"]


def test_a_repeated_key_names_the_first_occurrence_across_files() -> None:
    first, second = check("coupons", b"value\nCODE1\nCODE2\nCODE1\n", b"value\nCODE9\nCODE2\n")
    assert [(f.record, f.message) for f in first.findings] == [
        (3, "value 'CODE1' already appears in record 1 (line 2)")
    ]
    assert [(f.record, f.message) for f in second.findings] == [
        (2, "value 'CODE2' already appears in record 2 (line 3) of 1.csv")
    ]


def test_files_of_a_replacing_import_are_judged_apart() -> None:
    reports = check("collections", b"item\nA1\nA1\n", b"item\nA1\n")
    assert [report.counts for report in reports] == [{"UNQ101": 1}, {}]


@pytest.mark.parametrize(("insensitive", "severity"), [(False, "warning"), (True, "error")])
def test_keys_that_differ_by_case_only_are_seen(insensitive: bool, severity: str) -> None:
    (finding,) = check("coupons", b"value\nCode1\nCODE1\n", insensitive=insensitive)[0].findings
    assert (finding.code, finding.record, finding.severity) == ("UNQ103", 2, severity)


def test_repeated_keys_are_found_in_files_larger_than_the_memory_limit() -> None:
    rows = "".join(f"CODE{n % 500}\n" for n in range(600))
    report = check("coupons", f"value\n{rows}".encode(), keys_in_memory=50, block_bytes=256)[0]
    assert report.counts == {"UNQ101": 100}
    assert report.findings[0].message == "value 'CODE0' already appears in record 1 (line 2)"


def test_blanks_instead_of_json_are_blanks_around_nothing() -> None:
    assert found("coupons", b"value,attributes\nCODE1,  \nCODE2,\n") == [("TYP107", 1, 2, 23)]


@pytest.mark.parametrize("block_bytes", [8, 100, 1 << 20])
def test_findings_of_one_record_have_one_order_wherever_blocks_end(block_bytes: int) -> None:
    data = "value,limitval\r\nCODE1,1\r\n,\nCODE2,1\r\n".encode("utf-16")
    wanted = [("FIL103", None, 1, None), ("FIL109", 2, 3, None), ("STR103", 2, 3, None)]
    assert found("coupons", data, block_bytes=block_bytes) == wanted


def test_counts_are_exact_when_examples_are_capped() -> None:
    rows = "".join(f"CODE{n},x\n" for n in range(2000))
    report = check("coupons", f"value,limitval\n{rows}".encode(), max_findings=3, block_bytes=2000)[0]
    assert report.counts == {"TYP101": 2000}
    assert [f.record for f in report.findings] == [1, 2, 3]


def test_values_are_hidden_when_asked() -> None:
    content = b'value,limitval,attributes\nSECRET-CODE-77,SECRETS,"[""SECRETS""]"\nSECRET-CODE-77,1,\n"SECRET"S,1,\n'
    report = check("coupons", content, mask=True)[0]
    assert len(report.findings) == 4
    assert "SECRET" not in str(report.to_json())


def test_a_points_file_uses_profiles_or_cards_throughout() -> None:
    rows = b"a1,,5\nb2,,5\n,CARD-1,5\nc3,CARD-2,5\n,,5\n"
    codes = found("loyalty-points", b"customerprofileid,identifier,amount\n" + rows)
    assert [(code, record) for code, record, *_ in codes] == [("XCL104", 3), ("XCL102", 4), ("XCL103", 5)]


def test_zeros_lost_in_front_are_seen_from_the_column() -> None:
    codes = [f"{n * 7919 % 10**8:08d}" for n in range(1, 200)]
    codes[50] = codes[50].lstrip("0") if codes[50].startswith("0") else "123456"
    findings = check("giveaways", ("code\n" + "\n".join(codes) + "\n").encode())[0].findings
    assert [(f.code, f.record) for f in findings] == [("XLS103", 51)]


def test_day_and_month_are_judged_by_the_whole_column() -> None:
    doubtful = check("coupons", b"value,expirydate\nCODE1,03/04/2030\nCODE2,05/06/2030\n")[0]
    settled = check("coupons", b"value,expirydate\nCODE1,03/04/2030\nCODE2,25/06/2030\n")[0]
    assert doubtful.counts == {"DAT103": 2, "DAT110": 1}
    assert settled.counts == {"DAT103": 2}


def test_a_replacing_file_over_its_limit_is_refused() -> None:
    content = b"item\n" + b"".join(b"i%d\n" % n for n in range(500_001))
    assert check("collections", content)[0].counts == {"IMP102": 1}


@pytest.mark.parametrize("size", [1 << 20, 100])
def test_large_and_unusual_valid_cells_have_no_finding(size: int) -> None:
    cell = '"' + 'line, ""quoted"" 😀\n' * (size // 20) + '"'
    content = 'attributes,value,recipientintegrationid\n,CODE1,""\n"{""k"": ""v""}","CODE2",\n'
    assert found("collections", f"item\n{cell}\nplain\n".encode(), block_bytes=4096) == [] or size
    assert found("coupons", content.encode()) == []


DAMAGE = {
    "1.23E+15": "XLS101", "12345678901234500000": "XLS102", "3-May": "XLS104", "Mar-26": "XLS104", "#N/A": "XLS105",
    "########": "XLS106", '="0012"': "XLS107", "'0012": "XLS108", "TRUE": "XLS112", "NULL": "XLS113", "=1+1": "XLS114",
    " CODE": "COD101", "CO\u200bDE": "COD102", "CO\x7fDE": "COD102", "CO\u00a0DE": "COD103", "CO\tDE": "COD103",
    "C\u041eDE": "COD104", "\u0421\u041e\u0420\u0422-5": "COD104", "cafÃ©": "COD105", "caf\ufffd": "COD106",
    "CO\nDE": "COD107", "\uff23ODE": "COD108", "SAVE\u201310": "COD109", "\u041b\u0391\u041b5": "COD104",
    "\u00c9T\u0410TS": "COD104",
}  # fmt: skip


@pytest.mark.parametrize(("value", "code"), DAMAGE.items(), ids=map(ascii, DAMAGE))
def test_damage_to_a_code_is_a_warning(value: str, code: str) -> None:
    quoted = value.replace('"', '""')
    (finding,) = check("coupons", f'value\nCODE1\n"{quoted}"\n'.encode())[0].findings
    assert (finding.code, finding.severity, finding.record, finding.column) == (code, "warning", 2, "value")


CELLS = {
    ("limitval", "1.0"): "XLS110", ("limitval", "1,000"): "XLS111", ("limitval", "x"): "TYP101",
    ("limitval", " 5"): "TYP107", ("limitval", "-1"): "VAL103", ("limitval", "1000000"): "VAL104",
    ("discountlimit", "12,50"): "XLS109", ("discountlimit", "1e3"): "TYP102",
    ("expirydate", "2031-02-29T00:00:00Z"): "DAT101", ("expirydate", "2031-01-01T00:00:00"): "DAT102",
    ("expirydate", "13/04/2030"): "DAT103", ("expirydate", "1900000000"): "DAT104",
    ("expirydate", "2020-01-01T00:00:00Z"): "DAT105", ("expirydate", "2031-01-01"): "DAT106",
    ("expirydate", "46023"): "DAT107", ("expirydate", "never"): "DAT108",
    ("limitval", "1.000"): "XLS111", ("expirydate", "2206-01-01T00:00:00Z"): "DAT109",
    ("expirydate", "soon"): "TYP103", ("expirydate", "#REF!"): "TYP108", ("expirydate", "#####"): "TYP108",
    ("limitval", "#N/A"): "TYP108",
    ("attributes", "#N/A"): "TYP108", ("limitval", "  "): "TYP107", ("expirydate", "2031-02-30"): "DAT101",
    ("expirydate", "2031-13-01T00:00:00"): "DAT101", ("discountlimit", "0,125"): "XLS109",
    ("attributes", "{a: 1}"): "TYP104", ("attributes", "[1]"): "TYP105", ("attributes", '{"a": 1, "a": 2}'): "ATR101",
    ("attributes", '{"1": 1}'): "ATR102", ("attributes", "{\u201ca\u201d: 1}"): "ATR103",
    ("attributes", '{"a": 1, "A": 2}'): "ATR104", ("recipientintegrationid", "c" * 1001): "VAL106",
}  # fmt: skip


@pytest.mark.parametrize(("cell", "code"), CELLS.items(), ids=lambda value: ascii(value)[:40])
def test_a_cell_is_reported_with_the_most_specific_rule(cell: tuple[str, str], code: str) -> None:
    column, value = cell
    quoted = value.replace('"', '""')
    (finding,) = check("coupons", f'value,{column}\nCODE1,\nCODE2,"{quoted}"\n'.encode())[0].findings
    assert (finding.code, finding.record, finding.column) == (code, 2, column)


@pytest.mark.parametrize("size", [8, 1 << 20])
def test_blank_records_at_the_end_have_another_rule_than_those_among_others(size: int) -> None:
    tail, among = b",\n\n" * 9, b",\n\n" * 9 + b"CODE2,1\n"
    for end, counts in ((tail, {"STR108": 18}), (among, {"STR103": 18})):
        report = check("coupons", b"value,limitval\nCODE1,1\n" + end, block_bytes=size)[0]
        assert report.counts == counts


@pytest.mark.parametrize("block_bytes", range(1, 40))
def test_another_line_end_is_found_wherever_blocks_end(block_bytes: int) -> None:
    content = b"value\r\nCODE1\r\nCODE2\nCODE3\r\nCODE4\n"
    assert found("coupons", content, block_bytes=block_bytes) == [("FIL109", 2, 3, 19), ("FIL109", 4, 5, 32)]


@pytest.mark.parametrize("size", [12, 1 << 20])
def test_value_of_an_unclosed_cell_ends_with_its_line_whatever_follows(size: int) -> None:
    content = b'value,limitval\nAB,"\xaf\n"a\n'
    (report,) = check("coupons", content, block_bytes=size, select=("FIL104",))
    assert [(f.line, f.byte, f.value) for f in report.findings] == [(2, 19, "\u00af")]
