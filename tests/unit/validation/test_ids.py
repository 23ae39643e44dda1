"""Ids, codes and durations that are legal and hardly meant: lists, addresses, phone numbers, accents, minutes."""

import io

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops_validators import CONTRACTS


def check(contract: str, data: str) -> FileReport:
    return validate_files(CONTRACTS[contract], [Source("memory.csv", lambda: io.BytesIO(data.encode()))]).files[0]


DURATIONS = {
    "6m": "VAL116", "12m": "VAL116", "36m": "VAL116", "0D": "VAL103", "00m": "VAL103", "0M_U": "VAL103",
    "15m": None, "30m": None, "90m": None, "3M": None, "30D": None, "1Y_U": None, "10s": None, "NULL": "TYP109",
}  # fmt: skip


@pytest.mark.parametrize("duration", DURATIONS)
def test_durations_of_months_written_as_minutes_and_of_no_time_are_reported(duration: str) -> None:
    report = check("loyalty-points", f"identifier,amount,validityDuration\nCARD1,5,{duration}\n")
    code = DURATIONS[duration]
    assert report.counts == ({} if code is None else {code: 1})


LISTS = {
    "a;b": None, "customer-1": None, "auth0|5f7c8ec7": None, "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}": None,
    "a,b": "VAL112", "a|b": "VAL112", "a b": "VAL112", "customer-0001 customer-0002": "VAL112", "a, b": "VAL112",
    "['customer-0005']": "VAL113", '["a","b"]': "VAL113", "{a,b}": "VAL113", "[]": "VAL113",
}  # fmt: skip


@pytest.mark.parametrize("ids", LISTS)
def test_other_separators_between_ids_are_reported(ids: str) -> None:
    quoted = '"' + ids.replace('"', '""') + '"'
    report = check("loyalty-cards", f"identifier,state,customerprofileids\nCARD1,active,{quoted}\n")
    code = LISTS[ids]
    assert report.counts == ({} if code is None else {code: 1})


ADDRESSES = {
    "emil@x.example": None, "emil@x.example; emil.zwei@x.example": "COD110", "a@x.example,b@x.example": "COD110",
    "mailto:emil@x.example": "COD110", "MAILTO:emil@x.example": "COD110", "@emil": "XLS114",
    "+4915112345678": None, "+43 (660) 1234567": None, "+1+1": "XLS114", "=1": "XLS114",
}  # fmt: skip
IDS = [("audiences", "profileintegrationid"), ("stores", "store_integration_id"), ("collections", "item")]


@pytest.mark.parametrize(("contract", "column"), IDS)
@pytest.mark.parametrize("text", ADDRESSES)
def test_several_addresses_in_one_id_are_reported_and_phone_numbers_are_not(
    contract: str, column: str, text: str
) -> None:
    found = check(contract, f'{column}\n"{text}"\n').counts
    code = ADDRESSES[text]
    if code is not None:
        assert code in found
    else:
        assert not {"COD110", "XLS114"} & set(found)


@pytest.mark.parametrize(("contract", "column"), [("coupons", "value"), ("giveaways", "code"), ("stores", None)])
def test_the_same_letters_in_other_characters_are_reported(contract: str, column: str | None) -> None:
    column = column or "store_integration_id"
    report = check(contract, f"{column}\nCAFÉ10\nCAFE\u030110\nTHÉ11\n")
    if contract == "stores":  # ids are compared as they are
        assert "UNQ103" not in report.counts
    else:
        assert report.counts["UNQ103"] == 1
        assert "that look the same" in next(f.message for f in report.findings if f.code == "UNQ103")


@pytest.mark.parametrize("block", ["", "customer-1\n"])
def test_addresses_that_differ_by_case_are_reported_and_other_ids_are_not(block: str) -> None:
    report = check("audiences", f"profileintegrationid\n{block}Anna@x.example\nanna@x.example\nBen-1\nben-1\n")
    assert report.counts == {"UNQ103": 1}
    assert report.findings[0].line == 3 + bool(block)


def test_a_lost_day_is_reported_only_for_end_dates() -> None:
    report = check("coupons", "value,startdate,expirydate\nCODE1,2030-01-01,2030-12-31\n")
    said = {finding.column: finding.message for finding in report.findings}
    assert "that day is lost" in said["expirydate"]
    assert "lost" not in said["startdate"]
