"""Reasons for which the server refused records, extracted and counted."""

import pytest

from bulkops.ledger.refusal_reasons import count_reasons, kind_of, reason_of

POST = "POST /v1/loyalty_programs/3/import_points was answered with 400: "


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (f"{POST}Import failed: line 7: bad value", "Import failed: bad value"),
        (f"{POST}a: no such: line 2: Invalid value: a: no such", "a: no such"),
        (f"{POST}line 2: bad value; line 3: bad value", "bad value"),
        ("POST /v1/x returned 413.", "status 413, without a message"),
        ("POST /v1/x returned 400: Invalid value", "Invalid value"),
        ("POST /v1/x was answered with 413.", "status 413, without a message"),
        ("POST /v1/x was answered with 403: an HTML page: 'Blocked'", "an HTML page: 'Blocked'"),
        ("", "no reason given"),
    ],
)
def test_a_reason_has_neither_address_nor_line_nor_repetition(message: str, reason: str) -> None:
    assert reason_of(message) == reason


def test_reasons_that_differ_only_in_ids_are_counted_together() -> None:
    messages = [(f"{POST}the profile 'p-{n}' does not exist", 1) for n in range(3)]
    found = count_reasons([*messages, (f"{POST}the tier 'Golx' does not exist", 5)])
    assert found == [
        {"reason": "the tier 'Golx' does not exist", "records": 5},
        {"reason": "the profile '…' does not exist", "records": 3},
    ]


def test_names_without_digits_keep_reasons_apart() -> None:
    assert kind_of("the tier 'Gold' does not exist") != kind_of("the tier 'Silver' does not exist")
