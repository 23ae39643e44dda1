"""Whole files repaired: what depends on the file and not on one record."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bulkops.errors import DataError, InputUnreadable
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change, FixReport
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

SAFE, UNSAFE = FixOptions(zone=ZoneInfo("UTC"), end_of_day=False), FixOptions(unsafe=True, zone=ZoneInfo("UTC"))


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def fixed(data: bytes, options: FixOptions = SAFE, contract: str = "coupons") -> tuple[bytes, list[Change], FixReport]:
    out = io.BytesIO()
    changes: list[Change] = []
    report = fix_file(CONTRACTS[contract], source_of(data), out, options=options, log=changes.append)
    return out.getvalue(), changes, report


def codes(changes: list[Change]) -> list[str]:
    return [change.code for change in changes]


UNCLOSED = (
    b"startdate,code,enddate,attributes\n"
    b'2031-01-01T00:00:00Z,"K1,2041-01-01T00:00:00Z,"{""a"": ""x"", ""b"": [1, 2]}"\n'
)


def test_a_carriage_return_left_alone_in_a_broken_record_keeps_the_line_end_behind_it() -> None:
    data = b'item\n",\r\r\n'
    assert fixed(data, contract="collections")[:2] == (data, [])


def test_a_quote_never_closed_is_left_to_unsafe_which_tears_nothing() -> None:
    assert fixed(UNCLOSED, SAFE, "giveaways")[:2] == (UNCLOSED, [])
    after, changes, _ = fixed(UNCLOSED, UNSAFE, "giveaways")
    assert after == UNCLOSED.replace(b'"K1', b"K1")
    assert codes(changes) == ["STR105"]


@pytest.mark.parametrize("options", [SAFE, UNSAFE])
@pytest.mark.parametrize(
    "record",
    [b"ABCF,x\ry\r\n", b'"ABCF"\r,x\r\n', b'A"B\rC,"1"\r\n', b'ABCF,1\r"x"\r\n', b'"A"\r\rx\r\n', b"A\r, 1.0\r\n"],
)
def test_a_carriage_return_parts_no_record_into_pieces_of_the_wrong_size(record: bytes, options: FixOptions) -> None:
    data = b"value,limitval\r\nABCD,1\r\n" + record
    assert fixed(data, options)[:2] == (data, [])


@pytest.mark.parametrize(
    ("data", "after", "found"),
    [
        (b"value,limitval\nABCD,1\rABCE,2\n", b"value,limitval\nABCD,1\nABCE,2\n", ["FIL108"]),
        (b"value,limitval\nABCD,1\r", b"value,limitval\nABCD,1\n", ["FIL108"]),
        (b"value,limitval\r\r\nABCD,1\r\r\n", b"value,limitval\r\nABCD,1\r\n", ["HDR105", "FIL108"]),
        (b"value,limitval\rABCD,1\rABCE,2\r", b"value,limitval\nABCD,1\nABCE,2\n", ["FIL108"]),
    ],
)
def test_a_carriage_return_that_ends_whole_records_is_a_line_end(data: bytes, after: bytes, found: list[str]) -> None:
    written, changes, _ = fixed(data)
    assert (written, codes(changes)) == (after, found)


def test_bytes_that_are_not_utf8_stay_unless_guesses_are_allowed() -> None:
    data = b"value,limitval\nCAF\xc3\xa9,1\nTR\xc3 ,1.0\nAB\xe2\x82,1\nIT\x92S,1\n"
    assert fixed(data)[:2] == (data, [])
    after, changes, _ = fixed(data, UNSAFE)
    assert after.decode() == "value,limitval\nCAFé,1\nTRÃ,1\nABâ\u201a,1\nIT\u2019S,1\n"
    assert codes(changes) == ["FIL102", "COD101", "XLS110", "FIL102", "FIL104"]


def test_a_mark_at_the_start_goes_and_bytes_that_are_not_utf8_stay() -> None:
    assert fixed(b"\xef\xbb\xbfvalue\nCAF\xe9\n")[0] == b"value\nCAF\xe9\n"


def test_cells_that_cannot_be_read_get_the_commas_of_the_file_and_keep_their_bytes() -> None:
    data = b"value;limitval;\nABCD;1,0;\nAB\xff;1,0;\nAB;1;2;3\n"
    assert fixed(data)[0] == b'value,limitval\nABCD,1\nAB\xff,"1,0"\nAB,1,2,3\n'


EIGHT = b"value\n" + b"".join(b"1%07d\n" % n for n in range(20))


def test_zeros_are_added_only_to_cells_that_validation_reports() -> None:
    after, changes, report = fixed(EIGHT + b"123456\n7\n", UNSAFE)
    assert after == EIGHT + b"00123456\n7\n"
    assert [(c.code, c.record, c.line, c.column, c.before) for c in changes] == [("XLS103", 21, 22, "value", "123456")]
    assert (report.changed, report.removed) == (1, 0)


def test_lost_zeros_are_restored_after_other_repairs_of_the_cells() -> None:
    data = b"value\n" + b"".join(b"'1%07d\n" % n for n in range(20)) + b"123456\n"
    assert fixed(data, UNSAFE)[0] == EIGHT + b"00123456\n"


def test_codes_equal_but_for_lost_zeros_are_repetitions() -> None:
    after, changes, report = fixed(EIGHT + b"00123456\n ABCD\n123456\nABCD\n", UNSAFE)
    assert after == EIGHT + b"00123456\nABCD\n"
    assert [(c.code, c.record) for c in changes] == [("COD101", 22), ("XLS103", 23), ("UNQ101", 23), ("UNQ101", 24)]
    assert (report.records, report.changed, report.removed) == (24, 1, 2)


def test_an_unquoted_json_object_is_quoted() -> None:
    data = b'value,attributes,limitval\nABCG,{"a": 1, "b": 2},1\nABCH,{"a": 1, "b": 2}\n'
    after, changes, _ = fixed(data)
    assert after == data.replace(b'G,{"a": 1, "b": 2}', b'G,"{""a"": 1, ""b"": 2}"')
    assert codes(changes) == ["STR104"]
    smart = "value,attributes\nABCG,{“a”: 1, “b”: 2}\n".encode()
    after, changes, _ = fixed(smart)
    assert after == b'value,attributes\nABCG,"{""a"": 1, ""b"": 2}"\n'
    assert codes(changes) == ["STR102", "ATR103"]


@pytest.mark.parametrize(
    ("header", "after"),
    [
        (b"Value,value", b"Value,value"),
        (b" value,value", b" value,value"),
        (b"VALUE,value,LimitVal", b"VALUE,value,limitval"),
        (b"Value;a,b", b'value,"a,b"'),
        (b'Value,"a""b"', b'value,"a""b"'),
        (b"Value,caf\xe9", b"value,caf\xe9"),
        (b"Value,caf\xff", b"value,caf\xff"),
        (b'val"ue,"limitval"', b'value,"limitval"'),
        (b"val\x1bue,oth\x1ber", b"value,oth\x1ber"),
        (b'"Value",limitval', b'"value",limitval'),
        (b"value,limitval", b"value,limitval"),
    ],
)
def test_a_header_gets_documented_names_but_none_twice_and_keeps_the_others(header: bytes, after: bytes) -> None:
    for end in (b"\n", b""):
        written, changes, _ = fixed(header + end)
        assert written == after + end
        assert {change.code for change in changes} <= {"HDR105", "HDR106", "HDR108", "FIL104", "FIL107", "STR104"}
        assert bool(changes) == (header != after)


def test_a_blank_column_goes_with_its_cells_and_short_records_stay_short() -> None:
    assert fixed(b"value,,limitval,\nABCD,,1,\n")[0] == b"value,limitval\nABCD,1\n"
    assert fixed(b"value,,limitval\nABCD,,1\nx,y\n")[:2] == (b"value,,limitval\nABCD,,1\nx,y\n", [])
    assert fixed(b"value,limitval,\nABCD,1,\nABCE ,1\n")[0] == b"value,limitval\nABCD,1\nABCE,1\n"


def test_no_filled_cell_goes_with_a_blank_column() -> None:
    data = b'value,attributes,\nABCD,{},\nABCE,"{"a": 1}",kept\n'
    assert fixed(data)[0] == b'value,attributes,\nABCD,{},\nABCE,"{""a"": 1}",kept\n'


def test_lines_of_nothing_but_blanks_go() -> None:
    after, changes, report = fixed(b"value,limitval\nABCD,1\n  \n\n , \nABCE,2\n \t\n")
    assert after == b"value,limitval\nABCD,1\nABCE,2\n"
    assert {"STR103"} <= set(codes(changes)) <= {"STR103", "COD101", "TYP107"}
    assert (report.changed, report.removed) == (0, 4)


def test_a_change_shows_the_record_before_and_after_cells_are_removed_or_added() -> None:
    changes = fixed(b"value,limitval\nABCD,1,,\n")[1]
    assert [(c.before, c.after) for c in changes] == [("ABCD,1,,", "ABCD,1")]
    changes = fixed(b"value,limitval\nABCD\n", UNSAFE)[1]
    assert [(c.before, c.after) for c in changes] == [("ABCD", "ABCD,")]


def test_a_file_that_changes_between_two_readings_is_refused() -> None:
    contents = iter([b"value\nABCD \n", b"value\nABCD \nABCE \n"])
    source = Source("growing.csv", lambda: io.BytesIO(next(contents)))
    with pytest.raises(InputUnreadable, match="changed while it was read"):
        fix_file(CONTRACTS["coupons"], source, io.BytesIO(), options=SAFE, log=lambda _: None)


@pytest.mark.parametrize("options", [SAFE, UNSAFE])
@pytest.mark.parametrize(
    "data",
    [
        b'value\tattributes\n\xe9"0,125\n',
        b'value;limitval\n19" x;12,5;zz\n',
        b'value;limitval\n"A","B"\n',
        b"value,,limitval\nA,,1,\n;\n",
        b"value,,\n,\n",
        b"value,limitval\n\xc2\xa0B2,1\n\xe9,1\n",
    ],
)
def test_cells_made_readable_by_a_file_repair_are_repaired_in_the_same_run(data: bytes, options: FixOptions) -> None:
    once = fixed(data, options)[0]
    assert fixed(once, options)[:2] == (once, [])


@pytest.mark.parametrize(
    ("contract", "header", "after"),
    [
        ("loyalty-tiers", b'?"customerprofileid ,a,b,subledgerid"', b'?"customerprofileid ,a,b,subledgerid'),
        ("coupons", b'val"ue,x"y,code', b'value,x"y,code'),
    ],
)
def test_header_with_one_of_two_misplaced_quotes_removed_lists_this_change(
    contract: str, header: bytes, after: bytes
) -> None:
    written, changes, _ = fixed(header + b"\n", contract=contract)
    assert written == after + b"\n"
    assert [(change.code, change.before, change.after) for change in changes if change.column is None] == [
        ("STR104", header.decode(), after.decode())
    ]


def test_repeated_header_with_a_blank_first_name_is_removed() -> None:
    out, changes, _ = fixed(b",item\n,A\n,item\nx,B\n", contract="collections")
    assert (out, codes(changes)) == (b",item\n,A\nx,B\n", ["HDR110"])


def test_byte_order_mark_behind_a_removed_column_is_removed() -> None:
    assert fixed(b",\xef\xbb\xbfitem\n,A\n", contract="collections")[0] == b"item\nA\n"


@pytest.mark.parametrize("data", [b'"\t;"\n\t,;\xef', b"value,limitval,startdate\n\xe9,1\n"])
def test_repair_ends_if_a_further_pass_changes_nothing(data: bytes) -> None:
    # A record with a wrong number of fields stays in the copy, so another pass might repair it.
    once, changes, _ = fixed(data, UNSAFE)
    assert codes(changes) == ["FIL104"]
    assert fixed(once, UNSAFE)[:2] == (once, [])


def test_fixed_findings_are_absent_from_a_second_validation() -> None:
    data = b'value,limitval,discountlimit\nABCD, 1.0," 12,5"\nABCE\r\n,,\nABCF,1,"0,5",\n"A ",1,2\n'
    after, changes, _ = fixed(data)
    counts = validate_files(CONTRACTS["coupons"], [source_of(after)]).files[0].counts
    assert not {"FIL109", "STR102", "STR103", "TYP107", "XLS109", "XLS110", "COD101"} & set(counts)
    assert {"FIL109", "STR102", "STR103", "TYP107", "XLS109", "XLS110", "COD101"} <= set(codes(changes))


def test_a_record_that_is_blank_after_its_quotes_are_fixed_is_removed() -> None:
    out, changes, _ = fixed(b'limitval,attributes,value,expirydate\n," ,,\n1,,CODE1,\n', UNSAFE)
    assert out == b"limitval,attributes,value,expirydate\n1,,CODE1,\n"
    assert codes(changes) == ["STR105", "STR103"]
    assert fixed("value,attributes\n,\u2003\n,\x1f\nCODE1,\n".encode())[0] == b"value,attributes\n,\x1f\nCODE1,\n"


@pytest.mark.parametrize("at", [1 << 20, 12 << 20, 25 << 20, 34 << 20])
def test_a_lone_defect_anywhere_in_a_large_file_is_repaired(at: int) -> None:
    clean = b"profileintegrationid\n" + b"".join(b"customer-%080d\n" % number for number in range(400_000))
    line = clean.index(b"\n", at) + 1
    data = clean[:line] + b" " + clean[line:]
    after, changes, report = fixed(data, contract="audiences")
    assert (after == clean, codes(changes), report.changed) == (True, ["COD101"], 1)


def test_a_large_file_with_defects_all_over_has_none_after_its_repair() -> None:
    lines = [b"profileintegrationid", *(b"customer-%080d" % number for number in range(400_000))]
    lines[1:] = [b" " + line if number % 9_973 == 0 else line for number, line in enumerate(lines[1:])]
    after, changes, _ = fixed(b"\n".join(lines) + b"\n", contract="audiences")
    assert len(changes) == 41
    (file,) = validate_files(CONTRACTS["audiences"], [source_of(after)]).files
    assert (file.counts, file.records) == ({}, 400_000)


def test_records_by_comma_below_a_header_with_another_separator_keep_their_bytes() -> None:
    data = b'store_integration_id;limit\nS1,5\n"S,2",6.5\n'
    out, changes, _ = fixed(data, contract="store-budgets")
    assert out == b'store_integration_id,limit\nS1,5\n"S,2",6.5\n'
    assert codes(changes) == ["HDR108"]


def test_records_with_a_comma_in_only_some_of_them_are_not_divided() -> None:
    data = b"store_integration_id;limit\nS1,5\nS2;6\n"
    out, _, _ = fixed(data, contract="store-budgets")
    assert out == b'store_integration_id,limit\n"S1,5"\nS2,6\n'


def test_only_column_of_a_file_stays_although_it_has_no_name() -> None:
    assert fixed(b'"', UNSAFE, contract="referrals")[:2] == (b'"', [])


def test_blanks_and_byte_order_marks_before_a_cell_go_in_one_run() -> None:
    out, changes, _ = fixed("value\n \ufeff \ufeffABCD\n".encode())
    assert (out, codes(changes)) == (b"value\nABCD\n", ["COD101", "COD102", "COD101", "COD102"])


def test_record_that_becomes_a_header_or_a_note_by_a_repair_goes_in_the_same_run() -> None:
    assert fixed(b"item\na\n item\n", contract="collections")[0] == b"item\na\n"
    note = "PROFILEINTEGRATIONID\n\x85Summary,,,\n".encode()
    assert fixed(note, UNSAFE, contract="audiences")[0] == b"profileintegrationid\n"


@pytest.mark.parametrize(
    "data",
    [
        # Without its invalid bytes, no quote would protect the comma in the first name.
        b'"AxF,x}"\tY"}#[\x81,\xff\nA\tB\n',
        b'"A\xe2;\x00,~&W|\x0f\xfc\xbbzx\n1;2\n',
    ],
)
def test_header_with_uncertain_columns_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="line 1: the header cannot be repaired"):
        fixed(data, contract="loyalty-tiers")


def test_padded_name_with_an_open_quote_is_corrected_with_unsafe_only() -> None:
    data = b'" value,limitval\nABCD,1 \n'
    after, changes, _ = fixed(data)
    assert (after, codes(changes)) == (b'" value,limitval\nABCD,1\n', ["TYP107"])
    after, changes, _ = fixed(data, UNSAFE)
    assert (after, codes(changes)) == (b'"value",limitval\nABCD,1\n', ["STR105", "HDR105", "TYP107"])
    after, changes, _ = fixed(data, replace(SAFE, renames={" value": "value"}))
    assert after == b'"value",limitval\nABCD,1\n'


@pytest.mark.parametrize(
    "data",
    [
        # Four quotes end the header on its line; without that of the second name, the last one encloses its end.
        b'value,start"date,"1,500","a\n""b",5,6,7\n',
        # Without the first quote, the carriage return ends the header.
        b'# made by a tool\n"value;limitval;;attribute\rs",,,\n',
    ],
)
def test_header_that_would_end_in_another_place_after_its_repair_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="invalid quotes would end the header in another place"):
        fixed(data)


def test_required_cell_of_blanks_stays_as_it_is_beside_a_line_that_is_divided() -> None:
    data = "identifier,state\nCARD-1, active\rCARD-2,\u2028\nCARD-3,\u2028\n".encode()
    after, changes, _ = fixed(data, contract="loyalty-cards")
    assert after == "identifier,state\nCARD-1,active\nCARD-2,\u2028\nCARD-3,\u2028\n".encode()
    assert codes(changes) == ["FIL108", "TYP107"]
    assert fixed(after, contract="loyalty-cards")[:2] == (after, [])


@pytest.mark.parametrize("behind", [b",", b"\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"\xff\xfe\0\0", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"%PDF-"]
)
def test_header_that_would_begin_a_file_of_another_kind_is_refused(behind: bytes, name: bytes) -> None:
    data = b"%b%b,item\n%b1,A\n" % (behind, name, b"," if behind == b"," else b"")
    with pytest.raises(DataError, match="the repaired file would not begin like CSV in UTF-8"):
        fixed(data, contract="collections")


@pytest.mark.parametrize("data", [b'code\tstartdate\n",\t5 \n",\t6\n', b'code;startdate;attributes;\n,"\n"'])
def test_invalid_quotes_that_would_join_records_with_commas_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="invalid quotes would divide the records differently"):
        fixed(data, contract="giveaways")


@pytest.mark.parametrize("line", [b"Total,5", b"Grand Total,5", b"(2 rows affected)"])
def test_total_without_all_fields_is_removed_and_not_completed(line: bytes) -> None:
    data = b"code,startdate,enddate,attributes\n" + line + b"\n"
    out, changes, _ = fixed(data, UNSAFE, contract="giveaways")
    assert (out, codes(changes)) == (b"code,startdate,enddate,attributes\n", ["STR118"])


def test_column_with_an_unclosed_quote_as_its_name_is_removed_with_unsafe_only() -> None:
    data = b'\nvalue;limitval;"\nABCD;1;\n'
    after, changes, _ = fixed(data)
    assert after == b'value,limitval,"\nABCD,1,\n'
    assert codes(changes) == ["STR103", "HDR108"]
    after, changes, _ = fixed(data, UNSAFE)
    assert after == b"value,limitval\nABCD,1\n"
    assert [(change.code, change.line) for change in changes if change.record is None] == [
        ("STR103", 1),
        ("STR105", 2),
        ("HDR108", 2),
        ("HDR104", 2),
    ]


def test_unknown_header_that_the_repaired_records_would_divide_is_refused() -> None:
    with pytest.raises(DataError, match="a vertical bar would separate its names"):
        fixed(b"A|\xe0\n|\r\x1c|\rA", UNSAFE, "referrals")


def test_record_that_the_copy_shows_to_be_quoted_as_a_whole_is_repaired_in_the_same_run() -> None:
    data = b"customerprofileid;joindate\ncustomerprofileid;joindate\nTotal,5\n"
    after, changes, _ = fixed(data, contract="loyalty-join-dates")
    assert after == b"customerprofileid,joindate\nTotal,5\n"
    assert codes(changes) == ["HDR108", "HDR110", "STR116"]
    assert fixed(after, contract="loyalty-join-dates")[:2] == (after, [])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"value,limitval\n ABCD,1\nEFGH, 2\n", set()),
        (b"value,limitval\n ABCD,1\nEFGH,x\n", {"TYP101"}),
        (b"value,limitval,expirydate\n ABCD,1,2020-01-01T00:00:00Z\n", {"DAT105"}),
        (b"value;limitval\nABCD;1;2\n", {"STR102"}),
        (b"value,limitval\nABCD,x\n", {"TYP101"}),
    ],
)
def test_report_of_a_copy_is_that_of_its_validation(data: bytes, found: set[str]) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    after, changes, report = fixed(data, FixOptions(now=now))
    settings = ValidationSettings(now=now, max_findings=20)
    validated = validate_files(CONTRACTS["coupons"], [source_of(after)], settings=settings).files[0]
    assert set(validated.counts) == found
    assert (None if report.left is None else replace(report.left, path="memory.csv")) == (
        validated if changes else None
    )


def test_copy_with_repeated_keys_has_no_report_of_its_scan() -> None:
    data = b"value,limitval\nABCD, 1\nABCD,2\n"
    assert fixed(data, FixOptions(now=datetime(2026, 11, 30, tzinfo=UTC)))[2].left is None
