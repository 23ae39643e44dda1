"""Evidence from the whole file: a repair is made only if no record supports another reading."""

import io
from zoneinfo import ZoneInfo

import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

SAFE, UNSAFE = FixOptions(zone=ZoneInfo("UTC"), end_of_day=True), FixOptions(unsafe=True, zone=ZoneInfo("UTC"))
COUPONS = CONTRACTS["coupons"]
SEVERAL = [contract for contract in CONTRACTS.values() if len(contract.columns) > 1]


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def fixed(data: bytes, options: FixOptions = SAFE, contract: Contract = COUPONS) -> tuple[bytes, list[Change]]:
    out, changes = io.BytesIO(), list[Change]()
    fix_file(contract, source_of(data), out, options=options, log=changes.append)
    return out.getvalue(), changes


def checked(data: bytes, contract: Contract = COUPONS) -> FileReport:
    return validate_files(contract, [source_of(data)]).files[0]


def records_of(contract: Contract, count: int) -> list[str]:
    """Return valid records with ids that differ in their last digits."""
    examples = [column.example for column in contract.columns]
    return [",".join([f"{examples[0]}{n:04d}" if examples[0] else "", *examples[1:]]) for n in range(count)]


TOTALS = ["Grand Total,350", "total:,5000,,,,,,,,,", "# rows,2,,,,,,,,,"]
NOTES = ["(2 rows affected)", "<br />", "3 rows selected.", "Grand Total"]


def notes_for(contract: Contract) -> list[str]:
    """Return notes of programs that end a file, with other numbers of fields than its records."""
    return [*NOTES, f"Summary{',' * (len(contract.columns) + 1)}", f"(2 rows){',' * len(contract.columns)}"]


@pytest.mark.parametrize("contract", SEVERAL, ids=lambda contract: contract.name)
def test_a_footer_of_a_program_is_never_repaired_into_a_record(contract: Contract) -> None:
    header, records, notes = ",".join(contract.column_names), records_of(contract, 5), notes_for(contract)
    data = "\n".join([header, *records, *notes, "-----", "MD-0002;1", ""]).encode()
    before, after = checked(data, contract), checked(fixed(data, SAFE, contract)[0], contract)
    assert (before.counts["STR101"], before.counts["STR117"], before.counts["STR118"]) == (1, 1, len(notes))
    assert (after.counts.get("STR101"), after.counts["STR118"], "STR102" in after.counts) == (1, len(notes), False)
    removed, changes = fixed(data, UNSAFE, contract)
    assert removed == fixed("\n".join([header, *records, "MD-0002;1", ""]).encode(), UNSAFE, contract)[0]
    assert [c.before for c in changes if c.code in {"STR117", "STR118"}] == [*notes, "-----"]


def test_a_total_stays_unless_unsafe_removes_it() -> None:
    header = "value,expirydate,limitval\nLQ-0001,,1\nLQ-0002,,1\n"
    for total in TOTALS:
        data = f"{header}{total}\n".encode()
        assert fixed(data) == (data, []) or total.startswith("#")
        assert fixed(data, UNSAFE)[0] == header.encode()


@pytest.mark.parametrize("options", [SAFE, UNSAFE], ids=["safe", "unsafe"])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_a_note_stays_wrong_where_a_blank_column_or_its_fields_would_go(
    contract: Contract, options: FixOptions
) -> None:
    header = f"{contract.columns[0].name},"
    data = "\n".join([header, "AB-0001,", "AB-0002,", "see 2 notes", ""]).encode()
    assert fixed(data, options, contract)[0] == data
    data = "\n".join([contract.columns[0].name, "AB-0001", "AB-0002", "as above,,,", ""]).encode()
    assert fixed(data, options, contract)[0] == data


def test_a_record_cut_short_is_filled_up_where_it_looks_like_the_others() -> None:
    data = b"value,expirydate,limitval\nLQ-0001,,1\nLQ-0002\nTotals?\nLQ-00003\nLQ 0004\nlq-0005\n"
    after, changes = fixed(data, UNSAFE)
    assert after == data.replace(b"LQ-0002", b"LQ-0002,,")
    assert [(c.code, c.record, c.after) for c in changes] == [("STR101", 2, "LQ-0002,,")]


def test_surplus_separators_of_all_records_go_and_those_of_one_stay() -> None:
    assert fixed(b"value\nA123,\nB234,,\n")[0] == b"value\nA123\nB234\n"
    for data in (b"value\nA123,\nB234\n", b"value,limitval\nA123,1\nSummary,,,\n"):
        assert fixed(data) == (data, [])
    assert fixed(b"value,limitval\nA123,1,,\nB234,2\n")[0] == b"value,limitval\nA123,1\nB234,2\n"


WRAPPED = b'value,expirydate,limitval\n"LQ-0001,2030-01-01T00:00:00Z,1"\n"LQ-0002,""2030-01-01T00:00:00Z"",1.0"\n'


def test_records_that_are_all_quoted_as_a_whole_are_records() -> None:
    assert checked(WRAPPED).counts == {"STR116": 2}
    after, changes = fixed(WRAPPED)
    assert after == b'value,expirydate,limitval\nLQ-0001,2030-01-01T00:00:00Z,1\nLQ-0002,"2030-01-01T00:00:00Z",1\n'
    assert [(c.code, c.record) for c in changes] == [("STR116", 1), ("STR116", 2), ("XLS110", 2)]
    assert checked(after).counts == {}


def test_a_header_quoted_as_a_whole_is_read_with_its_own_separator() -> None:
    data = b'"value;limitval"\n"LQ-0001;1"\n\n'
    assert checked(data).counts == {"STR108": 1, "STR116": 2, "HDR108": 1}
    assert fixed(data)[0] == b"value,limitval\nLQ-0001,1\n"


def test_one_record_quoted_as_a_whole_is_never_one_code() -> None:
    data = WRAPPED + b"LQ-0003,,1\n"
    assert fixed(data)[0] == data
    assert fixed(data, UNSAFE)[0].splitlines()[1] == b"LQ-0001,2030-01-01T00:00:00Z,1"
    lone = b'value,expirydate,limitval\n"LQ-0001,1"\nLQ-0003,,1\n'
    assert fixed(lone, UNSAFE)[0] == lone


@pytest.mark.parametrize("inner", ['"A\n1,2"', '"A\r1,2"', '"{""a"": 1, ""b"": 2}"', '"A""x,1"'])
def test_a_field_without_a_complete_record_is_not_reported_as_swallowed_records(inner: str) -> None:
    assert "STR116" not in checked(f"value,limitval\n{inner}\nABCD,1\n".encode()).counts


def test_wrapped_dates_are_repaired_only_when_all_of_them_can_be_read() -> None:
    data = b'value,startdate\n"A001,13/04/2030"\n"A002,04/13/2030"\n"A003,03/04/2030"\n'
    assert fixed(data)[0] == b"value,startdate\nA001,13/04/2030\nA002,04/13/2030\nA003,03/04/2030\n"


@pytest.mark.parametrize(
    ("dates", "after"),
    [
        (["13/04/2030", "03/04/2030"], ["2030-04-13", "2030-04-03"]),
        (["04/13/2030", "03/04/2030"], ["2030-04-13", "2030-03-04"]),
        (["04/13/2030", "13/04/2030", "03/04/2030"], None),
        (["03.04.2030", "03/04/2030"], ["2030-04-03", "2030-04-03"]),
        (["03.04.2030", "04/13/2030"], None),
        (["03.13.2030", "03.04.2030"], None),
        (["03/04/2030", "05/06/2030"], None),
    ],
)
def test_dates_are_repaired_where_the_whole_column_shows_one_order(dates: list[str], after: list[str] | None) -> None:
    def data(cells: list[str], end: str = "") -> bytes:
        return "".join(["value,startdate\n", *(f"CODE{n},{c}{end}\n" for n, c in enumerate(cells))]).encode()

    assert fixed(data(dates))[0] == (data(dates) if after is None else data(after, "T00:00:00Z"))
    decided = FixOptions(zone=ZoneInfo("UTC"), day_first=True)
    ordered = fixed(data(["03/04/2030", "05/06/2030"]), decided)[0]
    assert ordered == data(["2030-04-03", "2030-06-05"], "T00:00:00Z")


def test_a_date_without_an_order_is_reported_with_the_option_that_decides() -> None:
    report = checked(b"value,startdate\nCODE1,03/04/2030\n")
    (finding,) = (finding for finding in report.findings if finding.code == "DAT110")
    assert "`bulkops fix --date-order day-first`" in finding.message


@pytest.mark.parametrize(
    ("amounts", "after"),
    [
        (["12,50", "3,75"], ["12.50", "3.75"]),
        (["12,50", "1.500"], None),
        (["12,50", '"1,234.56"'], None),
        (["12,50", "3.75"], ["12.50", "3.75"]),
        (["12,50", '"1.234,56"'], ["12.50", "1234.56"]),
    ],
)
def test_a_decimal_comma_is_repaired_where_no_number_of_the_column_may_have_thousands(
    amounts: list[str], after: list[str] | None
) -> None:
    header = "value,discountlimit\n"
    cells = [f'"{amount}"' if "," in amount and '"' not in amount else amount for amount in amounts]
    data = header + "".join(f"CODE{n},{cell}\n" for n, cell in enumerate(cells))
    wanted = data if after is None else header + "".join(f"CODE{n},{cell}\n" for n, cell in enumerate(after))
    assert fixed(data.encode())[0].decode() == wanted


@pytest.mark.parametrize(
    ("contract", "data"),
    [
        ("coupons", "value,limitval\nABCD,1\nABCD ,2\n"),
        ("coupons", 'value,limitval\n ABCD,1\n"=""ABCD""",2\n'),
        ("giveaways", "code\nGIFT1\nGIFT1 \n"),
        ("collections", "item\nshoes\nshoes \n"),
        ("loyalty-tiers", "subledgerid,customerprofileid,tiername\n,anna,Gold\n,anna ,Silver\n"),
    ],
)
def test_keys_that_a_repair_would_make_equal_stay(contract: str, data: str) -> None:
    assert fixed(data.encode(), contract=CONTRACTS[contract]) == (data.encode(), [])


def test_other_cells_of_a_record_with_an_unrepaired_key_are_repaired() -> None:
    data = b"value,limitval\nABCD,1\nABCD ,2.0\nABCE ,3\n"
    assert fixed(data)[0] == b"value,limitval\nABCD,1\nABCD ,2\nABCE,3\n"


def test_a_carriage_return_in_a_file_of_one_column_may_belong_to_the_cell() -> None:
    data = b"value\nABCD\rABCE\nABCF\n"
    assert fixed(data) == (data, [])
    assert fixed(data, UNSAFE)[0] == b"value\nABCD\nABCE\nABCF\n"
    assert fixed(b"value\rABCD\rABCE\r")[0] == b"value\nABCD\nABCE\n"


def test_the_only_filled_id_of_a_record_is_not_blanked() -> None:
    data = b"customerprofileid,identifier,amount\nNULL,,5\nNULL,CARD-1,5\n"
    assert fixed(data, UNSAFE, CONTRACTS["loyalty-points"])[0] == data.replace(b"NULL,CARD", b",CARD")
