"""Instants and durations."""

from zoneinfo import ZoneInfo

import pytest

from bulkops.sandbox.times import end_of_duration, filter_instant, instant, iso

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2030-06-01T00:00:00+02:00", "2030-05-31T22:00:00Z"),
        ("2030-06-01T00:00:00.999999Z", "2030-06-01T00:00:00Z"),
        ("2030-06-01T23:59:59-23:59", "2030-06-02T23:58:59Z"),
    ],
)
def test_an_instant_is_kept_in_utc(text: str, utc: str) -> None:
    assert iso(instant(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030-06-01",
        "2030-06-01T00:00:00",
        "2030-06-01 00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-06-01T24:00:01Z",
        "2030-06-01T00:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "\uff12030-06-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="date and time"):
        instant(text)


def test_a_filter_may_leave_out_time_and_zone() -> None:
    assert iso(filter_instant("2030-06-01")) == "2030-06-01T00:00:00Z"
    assert iso(filter_instant("2030-06-01T10:00:00.000000+0200")) == "2030-06-01T08:00:00Z"
    assert iso(filter_instant("2030-06-01T10:00:00")) == "2030-06-01T10:00:00Z"


@pytest.mark.parametrize(
    ("duration", "end"),
    [
        ("30s", "2030-01-31T11:00:30Z"),
        ("40m", "2030-01-31T11:40:00Z"),
        ("1h", "2030-01-31T12:00:00Z"),
        ("5D", "2030-02-05T11:00:00Z"),
        ("7W", "2030-03-21T11:00:00Z"),
        ("1M", "2030-02-28T11:00:00Z"),
        ("15Y", "2045-01-31T11:00:00Z"),
        ("5D_D", "2030-02-04T23:00:00Z"),
        ("5D_U", "2030-02-05T23:00:00Z"),
        ("2W_U", "2030-02-17T23:00:00Z"),
        ("1M_U", "2030-02-28T23:00:00Z"),
        ("1Y_U", "2031-12-31T23:00:00Z"),
        ("180D", "2030-07-30T10:00:00Z"),
    ],
)
def test_a_duration_ends_by_the_calendar_of_the_program(duration: str, end: str) -> None:
    assert iso(end_of_duration(instant("2030-01-31T12:00:00+01:00"), duration, BERLIN)) == end


@pytest.mark.parametrize(
    "text", ["5", "D", "5d", "5H", "2W_D", "30s_U", "5D_X", "-5D", "1.5D", "99999Y", "9" * 30 + "D"]
)
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|calendar"):
        end_of_duration(instant("2030-01-31T12:00:00Z"), text, BERLIN)
