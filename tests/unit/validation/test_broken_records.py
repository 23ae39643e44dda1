"""Other defects of a record with wrong quotes are reported if its cells are unambiguous."""

import pytest

from tests.unit.validation.test_places import check

NAMES = b"value,attributes,recipientintegrationid,limitval,expirydate\n"
UNDOUBLED = (
    b'value,attributes,expirydate\nABCD,"{"a": 1}",2023-02-29T00:00:00Z\nABCD,"{"a": 1, "a": 2}",2020-01-01T00:00:00Z\n'
)
BLOCKS = (1 << 24, 1, 40)


@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_other_cells_and_the_key_of_a_record_with_undoubled_json_are_checked(block_bytes: int) -> None:
    report = check("coupons", UNDOUBLED, block_bytes=block_bytes)[0]
    assert [(f.code, f.record, f.line, f.byte, f.column) for f in report.findings] == [
        ("STR107", 1, 2, 33, "attributes"),
        ("DAT101", 1, 2, 44, "expirydate"),
        ("UNQ101", 2, 3, 65, "value"),
        ("STR107", 2, 3, 70, "attributes"),
        ("ATR101", 2, 3, 70, "attributes"),
        ("DAT105", 2, 3, 89, "expirydate"),
    ]


@pytest.mark.parametrize("block_bytes", BLOCKS)
@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ('a"b', "STR104"),
        ('"a"b"', "STR106"),
        ('"ann" x "bob"', "STR106"),
        ('a ""b', None),
        ('"a"b', None),
        ('"a,"b"', None),
    ],
)
def test_literal_quotes_in_a_text_hide_no_finding_of_other_cells(cell: str, rule: str | None, block_bytes: int) -> None:
    content = NAMES + f"ABCD,,{cell},1.0,\nABCD,,c,1,\n".encode()
    report = check("coupons", content, block_bytes=block_bytes)[0]
    told = [(f.code, f.record, f.line, f.byte, f.field) for f in report.findings if f.code[:3] in {"XLS", "UNQ"}]
    behind = len(NAMES) + len(f"ABCD,,{cell},")
    expected = [("XLS110", 1, 2, behind, 4), ("UNQ101", 2, 3, behind + len("1.0,\n"), 1)]
    assert told == (expected if rule else [])
    assert not rule or rule in report.counts


def test_a_quote_in_a_cell_that_is_not_text_leaves_the_record_unchecked() -> None:
    report = check("coupons", NAMES + b'ABCD,,,1"0,2023-02-29T00:00:00Z\n')[0]
    assert dict(report.counts) == {"STR104": 1}


def test_a_formula_that_protects_zeros_is_named_beside_its_quote() -> None:
    report = check("coupons", b'value,limitval\n="0012",1.0\n')[0]
    assert set(report.counts) == {"STR104", "XLS107", "XLS110"}


def test_records_with_a_blank_field_too_many_are_judged_beside_broken_ones() -> None:
    content = b'value,recipientintegrationid,limitval\nAAAA,a"b,x,\nBBBB,,y,\nCCCC,c"d,z\nBBBB,,1,,'
    report = check("coupons", content)[0]
    assert [(f.code, f.record, f.column) for f in report.findings if f.code in {"TYP101", "UNQ101"}] == [
        ("TYP101", 2, "limitval"),
        ("TYP101", 3, "limitval"),
        ("UNQ101", 4, "value"),
    ]


@pytest.mark.parametrize("block_bytes", BLOCKS)
def test_literal_quotes_in_several_cells_hide_no_finding_of_other_cells(block_bytes: int) -> None:
    content = NAMES + b'A"BCD,"{"a": 1, "a": 2}",x"y,1.0,\nA"BCD,"{""b"": 1}","x"y",1,\n'
    report = check("coupons", content, block_bytes=block_bytes)[0]
    start, second = len(NAMES), len(NAMES) + 34
    assert [(f.code, f.record, f.byte, f.column) for f in report.findings] == [
        ("STR104", 1, start + 1, "value"),
        ("ATR101", 1, start + 6, "attributes"),
        ("XLS110", 1, start + 29, "limitval"),
        ("UNQ101", 2, second, "value"),
        ("STR104", 2, second + 1, "value"),
    ]


@pytest.mark.parametrize("block_bytes", BLOCKS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_cell_over_several_lines_behind_text_that_follows_a_quote_is_of_its_record(
    line_end: str, block_bytes: int
) -> None:
    content = 'value,recipientintegrationid,attributes\n"a"bcd",x,"{""a"":\n1,""b"":\n 2}"\nABCD,,x\n'
    report = check("coupons", content.replace("\n", line_end).encode(), block_bytes=block_bytes)[0]
    assert [(f.code, f.record, f.line, f.column) for f in report.findings] == [
        ("STR106", 1, 2, "value"),
        ("TYP104", 2, 5, "attributes"),
    ]


def test_a_formula_in_a_file_with_semicolons_is_named_as_one_with_commas() -> None:
    report = check("coupons", b'value;limitval\n="0012";1.0\n')[0]
    assert set(report.counts) == {"HDR108", "STR104", "XLS107", "XLS110"}


@pytest.mark.parametrize(("bad", "rule"), [(b"\xfc", "FIL104"), (b"\x01", "FIL107"), (b"\x00", "FIL106")])
def test_invalid_bytes_in_undoubled_json_are_reported_with_its_column(bad: bytes, rule: str) -> None:
    content = b'attributes,value\n"{"a": "x, M' + bad + b'ller"}",ABCD\n'
    (finding,) = [f for f in check("coupons", content)[0].findings if f.code == rule]
    assert (finding.byte, finding.column, finding.field) == (29, "attributes", 1)


def test_the_cell_with_the_wrong_quotes_is_shown_and_not_what_follows() -> None:
    (finding,) = check("coupons", NAMES + b'ABCD,"{"a": 1}",x,1,\n')[0].findings
    assert finding.value == '"{"a": 1}"'
