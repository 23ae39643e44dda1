"""The header: the column that each name means, and the messages about names that mean none."""

from itertools import chain, combinations

import pytest

from bulkops.validation.header import read_header
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract


@pytest.mark.parametrize(
    ("line", "contract", "faults"),
    [
        (b"value,limitval", "coupons", []),
        (b'"limitval","value"', "coupons", []),
        (b"value,expiry_date", "coupons", [("HDR102", "did you mean 'expirydate'?")]),
        (b"code", "coupons", [("HDR102", "did you mean 'value'?"), ("HDR101", "is it 'code'?")]),
        (b"code,expirydate", "giveaways", [("HDR102", "did you mean 'enddate'?")]),
        (b"value,value", "coupons", [("HDR103", "appears twice")]),
        (b"value,Value", "coupons", [("HDR103", "which the file already has")]),
        (b"value,odd,odd", "coupons", [("HDR102", "known"), ("HDR102", "known"), ("HDR103", "appears twice")]),
        (b"value,", "coupons", [("HDR104", "no name")]),
        (b"value\tlimitval", "coupons", [("HDR108", "a tab")]),
        (b"amount,validityduration", "loyalty-points",
         [("HDR106", "'validityDuration'"), ("HDR101", "'customerprofileid' or 'identifier'")]),
        (b"ABC123,2026-01-01", "coupons", [("HDR107", "looks like data")]),
        (b"Code,Value", "coupons", [("HDR116", "'Code' and 'Value' could each be the column 'value'")]),
        (b"Value,VALUE", "coupons", [("HDR116", "--rename Value=value")]),
        (b" value,Value,Coupon Code", "coupons", [("HDR116", "' value', 'Value' and 'Coupon Code'")]),
        (b"code,value", "coupons", [("HDR102", "usually means 'value', but the file also has")]),
        (b"customerprofileid,Points,Amount", "loyalty-points", [("HDR116", "'amount'")]),
        (b"Store ID,Limit,Budget", "store-budgets",
         [("HDR102", "'store_integration_id'"), ("HDR116", "'limit'"), ("HDR101", "'store_integration_id'")]),
        (b"customerprofileid,joindate", "loyalty-join-dates", []),
        (b"customerprofileid,newjoindate", "loyalty-join-dates", []),
        (b"customerprofileid,newjoindate,joindate", "loyalty-join-dates",
         [("HDR103", "'joindate' means the same column as 'newjoindate'")]),
        (b"customerprofileid,joindate,newjoindate", "loyalty-join-dates", [("HDR103", "'joindate'")]),
        (b"customerprofileid,newjoindate,newjoindate", "loyalty-join-dates", [("HDR103", "appears twice")]),
        (b"customerprofileid,NewJoinDate", "loyalty-join-dates", [("HDR106", "'newjoindate'")]),
        (b"customerprofileid, newjoindate", "loyalty-join-dates", [("HDR105", "blanks")]),
        (b"customerprofileid,joined", "loyalty-join-dates", [("HDR102", "'joindate'"), ("HDR101", "'joindate'")]),
    ],
)  # fmt: skip
def test_a_header_is_judged(line: bytes, contract: str, faults: list[tuple[str, str]]) -> None:
    found = read_header(line, CONTRACTS[contract]).faults
    assert [fault.code for fault in found] == [code for code, _ in faults]
    for fault, (_, part) in zip(found, faults, strict=True):
        assert part in fault.message


def test_a_column_name_in_another_spelling_is_still_recognised() -> None:
    assert read_header(b" Value ;LIMITVAL;x", CONTRACTS["coupons"]).columns == ("value", "limitval", None)


def test_a_sign_inside_quoted_names_is_not_the_separator() -> None:
    header = read_header(b'"note; text"', CONTRACTS["coupons"], sample=b'"x; y"\n' * 3)
    assert (header.names, header.separator) == (("note; text",), ord(","))


WORDS = {
    "coupons": {
        "Code": "value", "Coupon Code": "value", "coupon_code": "value", "Discount Code": "value",
        "Usage Limit": "limitval", "uses_per_coupon": "limitval", "Ends At": "expirydate", "Expires": "expirydate",
        "Expiration Date": "expirydate", "Starts At": "startdate", "Customer ID": "recipientintegrationid",
    },
    "giveaways": {"Gift Card Code": "code", "Expires": "enddate", "Valid From": "startdate"},
    "referrals": {"Referral Code": "code", "Customer": "advocateprofileintegrationid"},
    "loyalty-points": {"Points": "amount", "Customer ID": "customerprofileid", "Card Number": "identifier"},
    "loyalty-cards": {"Card Number": "identifier", "Status": "state"},
    "stores": {"Store ID": "store_integration_id"},
    "audiences": {"Kundennummer": "profileintegrationid", "ID client": "profileintegrationid"},
    "collections": {"Gutscheincode": "item", "Código de cupón": "item"},
    "loyalty-tiers": {"Gültig bis": "expirydate", "Date d\u2019expiration": "expirydate", "Kunde": "customerprofileid"},
}  # fmt: skip


@pytest.mark.parametrize("contract", WORDS)
def test_a_column_name_of_another_tool_gets_a_suggestion_and_no_column(contract: str) -> None:
    for name, column in WORDS[contract].items():
        header = read_header(name.encode(), CONTRACTS[contract])
        assert header.columns == (None,)
        (fault,) = (fault for fault in header.faults if fault.code == "HDR102")
        assert f"did you mean {column!r}?" in fault.message


def test_a_renamed_column_is_checked_under_its_new_name() -> None:
    header = read_header(b"Code,Value", CONTRACTS["coupons"], renames={"Code": "value"})
    assert header.columns == ("value", None)
    assert header.names == ("Code", "Value")
    assert [fault.code for fault in header.faults] == ["HDR103"]


@pytest.mark.parametrize("line", [b"limitval (%s),value", b"value (%s),Value"])
def test_masked_names_are_in_no_command_that_renames_a_column(line: bytes) -> None:
    faults = read_header(line % b"the note is too long for a name", CONTRACTS["coupons"], mask=True).faults
    assert [fault.rename for fault in faults if fault.code in {"HDR115", "HDR116"}] == [None]
    assert not any("=" in fault.message for fault in faults)


def test_masked_findings_of_contested_columns_contain_no_value() -> None:
    (fault,) = read_header(b"Code,Value", CONTRACTS["coupons"], mask=True).faults
    assert "'Code' and 'Value'" in fault.message


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_plain_header_has_no_error_and_needs_every_required_column(contract: Contract) -> None:
    names, plain = contract.column_names, 0
    for chosen in chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)):
        line = ",".join(chosen).encode()
        errors = {fault.code for fault in read_header(line, contract).faults} - {"HDR131"}
        assert contract.has_plain_header(line) is not bool(errors), (chosen, errors)
        quoted = b"%s\r\n" % b",".join(b'"%s"' % name.encode() for name in chosen)
        assert contract.has_plain_header(quoted) is not bool(errors)
        plain += not errors
    assert plain


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"value,value", b"value,", b" value", b"Value", b"value;limitval", b"value,odd", b"limitval", b'"',
     b'"value', b'value"', b"\xef\xbb\xbfvalue", b'"value,limitval"', b"value\r\r\n", b"value\rlimitval\n"],
)  # fmt: skip
def test_any_other_header_is_not_plain(line: bytes) -> None:
    assert not CONTRACTS["coupons"].has_plain_header(line)
