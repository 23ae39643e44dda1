"""What statuses, bodies and headers mean."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bulkops.errors import AccessRefused, NotDelivered, OutcomeUnknown, ServerRefused
from bulkops.transport.responses import MAX_TEXT, parse_json, parse_retry_after, refusal

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("Sun, 22 Nov 2026 12:00:05 GMT", 5.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ServerRefused),
        (401, AccessRefused),
        (403, AccessRefused),
        (404, AccessRefused),
        (408, OutcomeUnknown),
        (409, ServerRefused),
        (413, ServerRefused),
        (422, ServerRefused),
        (429, NotDelivered),
        (302, OutcomeUnknown),
        (303, OutcomeUnknown),
        (307, AccessRefused),
        (308, AccessRefused),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
    ],
)
def test_every_status_is_mapped_to_its_error(status: int, kind: type[Exception]) -> None:
    assert type(refusal(status, b"", where="POST /x", headers={}, now=NOW)) is kind


def test_lines_and_details_of_an_error_body_are_kept() -> None:
    body = {
        "message": "invalid",
        "errors": [
            {"title": "Bad", "details": "no such", "source": {"line": "7"}},
            {"title": "Odd", "source": {"line": "N/A"}},
            "not an object",
        ],
    }
    error = refusal(400, json.dumps(body).encode(), where="POST /x", headers={}, now=NOW)
    assert isinstance(error, ServerRefused)
    assert error.lines == (7,)
    assert error.details == ("line 7: Bad: no such", "line N/A: Odd")
    assert "line 7" in error.message


def test_a_body_that_is_not_json_is_quoted_in_part() -> None:
    error = refusal(502, b"<html>" + b"x" * 5000, where="POST /x", headers={}, now=NOW)
    assert len(error.message) < 400


def test_a_key_that_a_server_echoes_is_hidden_however_it_is_escaped() -> None:
    body = rb'{"message": "no: abc\/d\u0026f", "errors": [{"title": "abc/d\u0026f", "source": {"line": "3"}}]}'
    error = refusal(400, body, where="POST /x", headers={}, now=NOW, hide=lambda text: text.replace("abc/d&f", "***"))
    assert isinstance(error, ServerRefused)
    assert "abc" not in error.message + "".join(error.details)


@pytest.mark.parametrize("shown", range(1, 12))
@pytest.mark.parametrize(
    "body",
    [
        lambda text: json.dumps({"message": text}).encode(),
        lambda text: json.dumps({"errors": [{"title": text, "details": text}]}).encode(),
        lambda text: text.encode(),
    ],
    ids=["message", "details", "no json"],
)
def test_no_part_of_an_echoed_key_is_left_where_a_text_is_cut(body: Callable[[str], bytes], shown: int) -> None:
    key = "secret-key-1"
    text = "x" * (MAX_TEXT - shown) + key
    for before in ("", "x" * 6, "12345: "):
        content = body(text.removeprefix(before))
        error = refusal(400, content, where="POST /x", headers={}, now=NOW, hide=lambda t: t.replace(key, "***"))
        assert isinstance(error, ServerRefused)
        assert "s" not in "".join([error.message.partition("400")[2], *error.details]).replace("***", "")


def test_line_number_beyond_any_file_is_ignored() -> None:
    body = {"message": "bad", "errors": [{"title": "t", "source": {"line": "1" * 5000}}]}
    error = refusal(400, json.dumps(body).encode(), where="POST /x", headers={}, now=NOW)
    assert isinstance(error, ServerRefused)
    assert error.lines == ()
    assert len(error.message) < 2 * MAX_TEXT


def test_a_redirect_names_where_it_leads() -> None:
    error = refusal(308, b"", where="POST /x", headers={"location": "https://other.example/y"}, now=NOW)
    assert "other.example" in str(error)


def test_date_at_the_end_of_the_calendar_is_invalid() -> None:
    assert parse_retry_after("Fri, 31 Dec 9999 23:59:59 -0100", now=NOW) is None


def test_integer_beyond_64_bits_is_not_an_id() -> None:
    numbers = parse_json(b'{"id": 1180591620717411303424, "amount": 9223372036854775807, "low": -99999999999999999999}')
    assert numbers["amount"] == 2**63 - 1
    assert not isinstance(numbers["id"], int)
    assert not isinstance(numbers["low"], int)
