"""Repairs of one cause: lines above the header, exports, notes in names, comments, lists and words of programs."""

import io
from zoneinfo import ZoneInfo

import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

SAFE, UNSAFE = FixOptions(), FixOptions(unsafe=True)
UTC = FixOptions(zone=ZoneInfo("UTC"), end_of_day=False)


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def fixed(contract: str, data: bytes, options: FixOptions = SAFE) -> tuple[bytes, list[Change]]:
    """Return the repaired copy and the changes; a second repair must change nothing more."""
    out, changes = io.BytesIO(), list[Change]()
    fix_file(CONTRACTS[contract], source_of(data), out, options=options, log=changes.append)
    again, more = io.BytesIO(), list[Change]()
    once_more = FixOptions(unsafe=options.unsafe, zone=options.zone, end_of_day=options.end_of_day)
    fix_file(CONTRACTS[contract], source_of(out.getvalue()), again, options=once_more, log=more.append)
    assert (again.getvalue(), more) == (out.getvalue(), [])
    assert all(change.before != change.after for change in changes)
    return out.getvalue(), changes


def counts(contract: str, data: bytes) -> dict[str, int]:
    return dict(validate_files(CONTRACTS[contract], [source_of(data)]).files[0].counts)


TITLES = {
    "a title": b"Report\n\n",
    "comments": b"# made by hand\n# twice\n",
    "a rule": b"----\n",
    "a title with carriage returns": b"Report\r\n\r\n",
}


@pytest.mark.parametrize("above", TITLES.values(), ids=list(TITLES))
def test_lines_above_the_header_that_are_not_records_are_removed(above: bytes) -> None:
    data = above + b"value,limitval\nCODE1,1\n"
    after, changes = fixed("coupons", data)
    assert after == b"value,limitval\nCODE1,1\n"
    assert [(c.code, c.record, c.line) for c in changes] == [("HDR111", None, 1)]


@pytest.mark.parametrize(
    ("contract", "data"),
    [
        ("audiences", b"customer-1\ncustomer-2\nprofileintegrationid\ncustomer-3\n"),
        ("collections", b"Report\nitem\nA\n"),
        ("coupons", b"CODE1,1\nvalue,limitval\nCODE2,1\n"),
    ],
)
def test_lines_above_the_header_that_may_be_records_stay_unless_unsafe(contract: str, data: bytes) -> None:
    assert counts(contract, data)["HDR111"] == 1
    assert fixed(contract, data) == (data, [])
    after, changes = fixed(contract, data, UNSAFE)
    assert data.endswith(after)
    assert [change.code for change in changes] == ["HDR111"]
    assert counts(contract, after) == {}


def test_records_are_repaired_below_lines_that_stay() -> None:
    after, changes = fixed("audiences", b"customer-1\nprofileintegrationid\ncustomer-2 \n\ncustomer-3\n")
    assert after == b"customer-1\nprofileintegrationid\ncustomer-2\ncustomer-3\n"
    assert [(c.code, c.line) for c in changes] == [("COD101", 3), ("STR103", 4)]


EXPORTED = [
    (contract, readback)
    for contract in CONTRACTS.values()
    for readback in (route.readback for route in contract.routes)
    if readback is not None and readback.own_columns
]


@pytest.mark.parametrize(("contract", "readback"), EXPORTED, ids=[c.name for c, _ in EXPORTED])
def test_an_export_becomes_an_import_file_with_unsafe_only(contract: Contract, readback: object) -> None:
    found = {column.found[0]: contract.column(column.column) for column in readback.columns}  # type: ignore[attr-defined]
    own = [name for name in readback.own_columns if name not in found]  # type: ignore[attr-defined]
    exclusive = {name for one in contract.exclusive for name in one.columns[1:]}
    cells = ["" if c.name in exclusive else c.example for c in found.values()]
    header, record = ",".join([*own, *found]), ",".join([*("7" for _ in own), *(f'"{c}"' for c in cells)])
    data = f"{header}\n{record}\n".replace('"{', '"{').encode()
    assert counts(contract.name, data)["HDR112"] == 1
    assert "HDR112" not in {change.code for change in fixed(contract.name, data)[1]}
    after, changes = fixed(contract.name, data, UNSAFE)
    assert set(after.decode().splitlines()[0].split(",")) == {column.name for column in found.values()}
    assert "HDR112" in {change.code for change in changes}
    assert not {code for code in counts(contract.name, after) if code.startswith(("HDR", "STR"))}


def test_a_column_of_an_export_that_may_mean_another_one_stays() -> None:
    after, _ = fixed("coupons", b"id,created,campaignid,value,Usage Limit\n1,2030,5,CODE1,7\n", UNSAFE)
    assert after == b"value,Usage Limit\nCODE1,7\n"
    assert set(counts("coupons", after)) == {"HDR102"}


def test_a_note_behind_a_column_name_stays_unless_it_is_decided() -> None:
    data = b"store_integration_id;limit (EUR)\nS-1;500\n"
    assert counts("store-budgets", data) == {"HDR108": 1, "HDR115": 1}
    assert fixed("store-budgets", data)[0] == b"store_integration_id,limit (EUR)\nS-1,500\n"
    named = FixOptions(renames={"limit (EUR)": "limit"})
    for options in (named, UNSAFE):
        after, changes = fixed("store-budgets", data, options)
        assert after == b"store_integration_id,limit\nS-1,500\n"
        assert [(c.before, c.after) for c in changes if c.code == "HDR115"] == [("limit (EUR)", "limit")]


def test_lines_of_signs_and_comments_go_and_values_stay() -> None:
    after, changes = fixed("coupons", b"value,limitval\n-----,-----\n# note\nCODE1,1\n# a,1\n")
    assert after == b"value,limitval\nCODE1,1\n# a,1\n"
    assert [(c.code, c.record) for c in changes] == [("STR117", 1), ("STR117", 2)]
    data = b"item\nA\n-----\n# b\n(2 rows)\n"
    assert fixed("collections", data) == (data, [])
    assert fixed("collections", data, UNSAFE)[0] == b"item\nA\n"


def test_conflict_markers_are_never_removed() -> None:
    data = b"item\n<<<<<<< HEAD\nA\n=======\nB\n>>>>>>> main\n"
    assert counts("collections", data) == {"STR119": 3}
    assert fixed("collections", data, UNSAFE)[0] == data


LISTS = {
    "['customer-0005']": "customer-0005",
    "['a', 'b']": "a;b",
    '["a","b"]': "a;b",
    "{a,b}": "a;b",
    "[]": "",
    "a,b": None,
    "a|b": None,
    "a b": None,
    "['a;b']": None,
}


@pytest.mark.parametrize("cell", LISTS)
def test_lists_of_programs_are_rewritten_and_other_separators_are_not(cell: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    data = f"identifier,state,customerprofileids\nCARD1,active,{quoted}\n".encode()
    expected = LISTS[cell]
    assert set(counts("loyalty-cards", data)) & {"VAL112", "VAL113"}
    after, changes = fixed("loyalty-cards", data)
    if expected is None:
        assert (after, changes) == (data, [])
    else:
        assert after.decode().splitlines()[1] == f"CARD1,active,{expected}"
        assert [(c.code, c.before) for c in changes] == [("VAL113", cell)]


@pytest.mark.parametrize("word", ["NULL", "null", "\\N", "NaT", "NaN", "<NA>", "infinity", "-Infinity"])
def test_a_word_for_no_value_is_one_finding_in_each_kind_of_cell(word: str) -> None:
    columns = ("expirydate", "limitval", "discountlimit")
    data = f"value,{','.join(columns)}\nCODE1{f',{word}' * len(columns)}\n".encode()
    assert counts("coupons", data) == {"TYP109": 3}
    assert fixed("coupons", data) == (data, [])
    cleared = b"value,expirydate,limitval,discountlimit\nCODE1,,,\n"
    assert fixed("coupons", data, UNSAFE)[0] == (data if "nf" in word else cleared)


def test_a_required_cell_with_a_word_for_no_value_is_not_cleared() -> None:
    data = b"identifier,state\nCARD1,NULL\n"
    assert counts("loyalty-cards", data) == {"TYP109": 1}
    assert fixed("loyalty-cards", data, UNSAFE)[0] == data


def test_quotes_escaped_with_backslashes_are_doubled() -> None:
    data = b'value,attributes\nCODE1,"{\\"a\\": \\"b\\"}"\nCODE2,"{""a"": ""b""}"\n'
    assert counts("coupons", data) == {"STR106": 1}
    assert fixed("coupons", data)[0] == b'value,attributes\nCODE1,"{""a"": ""b""}"\nCODE2,"{""a"": ""b""}"\n'
    odd = b'value,attributes\nCODE1,"{\\"a\\": \\"\\\\b\\"}"\n'
    assert fixed("coupons", odd) == (odd, [])


def test_a_byte_order_mark_in_front_of_a_record_goes_and_makes_no_key_equal() -> None:
    mark = b"\xef\xbb\xbf"
    after, changes = fixed("coupons", b"value,limitval\nCODE1,1\n" + mark * 2 + b"CODE2,1\n" + mark + b"AB,1\n")
    assert after == b"value,limitval\nCODE1,1\nCODE2,1\n" + mark + b"AB,1\n"
    assert [(c.code, c.record) for c in changes] == [("COD102", 2)]
    same = b"value,limitval\nCODE1,1\n" + mark + b"CODE1,1\n"
    assert fixed("coupons", same) == (same, [])


DATES = {
    "2030-12-31 10:00:00 UTC": "2030-12-31T10:00:00Z",
    "2030-12-31T10:00:00 GMT": "2030-12-31T10:00:00Z",
    "2030-12-31T10:00:00Z[UTC]": "2030-12-31T10:00:00Z",
    "2030-12-31T10:00:00+01:00[Europe/Berlin]": "2030-12-31T10:00:00+01:00",
    "Tue, 31 Dec 2030 10:00:00 GMT": "2030-12-31T10:00:00Z",
    "31 Dec 2030 10:00:00 +0200": "2030-12-31T10:00:00+02:00",
    "Mon, 31 Dec 2030 10:00:00 GMT": None,
    "Tue, 31 Dez 2030 10:00:00 GMT": None,
    "2030-12-31T10:00:00[Europe/Berlin]": None,
    "2030-12-31 10:00:00 EST": None,
}


@pytest.mark.parametrize("text", DATES)
def test_dates_with_one_reading_are_repaired_without_an_option(text: str) -> None:
    data = f'value,expirydate\nCODE1,"{text}"\n'.encode()
    after, _ = fixed("coupons", data)
    assert after == (data if DATES[text] is None else f"value,expirydate\nCODE1,{DATES[text]}\n".encode())


def test_the_order_of_dates_in_one_column_counts_for_the_others() -> None:
    data = b"value,expirydate,startdate\nCODE1,03/04/2030,12/31/2026\n"
    assert "DAT110" not in counts("coupons", data)
    assert fixed("coupons", data, UTC)[0].endswith(b"CODE1,2030-03-04T00:00:00Z,2026-12-31T00:00:00Z\n")
    both = b"value,expirydate,startdate\nCODE1,31/12/2030,12/31/2026\nCODE2,,03/04/2027\n"
    assert fixed("coupons", both, UTC)[0].endswith(b"CODE2,,2027-03-04T00:00:00Z\n")
    mixed = b"value,expirydate,startdate\nCODE1,03/04/2030,12/31/2026\nCODE2,,31/12/2026\n"
    assert counts("coupons", mixed)["DAT110"] == 2
