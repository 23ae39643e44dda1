"""The header: what each name stands for, and what is said about those that stand for nothing."""

import pytest

from bulkops.validation.header import read_header
from bulkops_validators import CONTRACTS


@pytest.mark.parametrize(
    ("line", "contract", "faults"),
    [
        (b"value,limitval", "coupons", []),
        (b'"limitval","value"', "coupons", []),
        (b"value,expiry_date", "coupons", [("HDR102", "did you mean 'expirydate'?")]),
        (b"code", "coupons", [("HDR102", "did you mean 'value'?"), ("HDR101", "is it 'code'?")]),
        (b"code,expirydate", "giveaways", [("HDR102", "did you mean 'enddate'?")]),
        (b"value,value", "coupons", [("HDR103", "stands twice")]),
        (b"value,Value", "coupons", [("HDR103", "is there already")]),
        (b"value,odd,odd", "coupons", [("HDR102", "known"), ("HDR102", "known"), ("HDR103", "stands twice")]),
        (b"value,", "coupons", [("HDR104", "no name")]),
        (b"value\tlimitval", "coupons", [("HDR108", "a tab")]),
        (b"amount,validityduration", "loyalty-points",
         [("HDR106", "'validityDuration'"), ("HDR101", "'customerprofileid' or 'identifier'")]),
        (b"ABC123,2026-01-01", "coupons", [("HDR107", "looks like data")]),
    ],
)  # fmt: skip
def test_a_header_is_judged(line: bytes, contract: str, faults: list[tuple[str, str]]) -> None:
    found = read_header(line, CONTRACTS[contract]).faults
    assert [fault.code for fault in found] == [code for code, _ in faults]
    for fault, (_, part) in zip(found, faults, strict=True):
        assert part in fault.message


def test_another_spelling_still_assigns_the_column() -> None:
    assert read_header(b" Value ;LIMITVAL;x", CONTRACTS["coupons"]).columns == ("value", "limitval", None)
