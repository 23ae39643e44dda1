"""The clock that dates rows, learnt from one answer and held against the next request, at any moment of a second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bulkops.ledger.models import ChunkEntry
from bulkops.ledger.states import ChunkState
from bulkops.upload.evidence.row_clock import RowClock, rows_ahead

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
SHORT = st.floats(0, 0.9, allow_nan=False)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def chunk(number: int, sent: datetime, offset: timedelta) -> ChunkEntry:
    return ChunkEntry(
        number=number, first_record=1, records=1, pieces=(), bytes=0, sha256="", state=ChunkState.IN_DOUBT,
        first_sent=sent, clock_offset=offset.total_seconds(),
    )  # fmt: skip


@settings(max_examples=1000)
@given(
    ahead=st.sampled_from([0.0, -3.0, 3.0]) | st.floats(3, 90_000) | st.floats(-5, -3) | st.floats(-90_000, -3),
    begin=SHORT, way=SHORT, work=SHORT, pause=st.floats(0, 100), second=SHORT, cuts=st.booleans(),
)  # fmt: skip
def test_row_clock_never_dates_a_row_before_its_request(
    ahead: float, begin: float, way: float, work: float, pause: float, second: float, cuts: bool
) -> None:
    left = begin + way
    answered = left + work + way
    assume(work + 2 * way < 1.5)
    first = chunk(1, at(left), cut(at(begin)) - at(left))
    created = at(left + work + ahead)
    told = rows_ahead(
        cut(created) if cuts else created, left=at(left) + (cut(at(begin)) - at(left)), answered=cut(at(answered))
    )
    clock = RowClock.of([replace(first, state=ChunkState.ACCEPTED, rows_ahead=told)])
    again = answered + way + pause
    doubtful = chunk(2, at(again), cut(at(answered)) - at(answered + way))
    row = cut(at(again + second + ahead))
    since = clock.since(doubtful)
    assert since is not None
    assert cut(since) <= row
    assert clock.window(doubtful, now=at(again)) <= row


@pytest.mark.parametrize("ahead", [-7200.0, -30.0, 30.0, 7200.0])
def test_row_clock_with_a_large_offset_is_measured_to_the_second(ahead: float) -> None:
    told = rows_ahead(at(0.4 + ahead), left=at(0.1), answered=cut(at(0.5)))
    assert told == pytest.approx(ahead, abs=1.5)


def test_row_dated_within_its_request_means_no_clock_offset() -> None:
    assert rows_ahead(at(10.0), left=at(0.0), answered=at(20.0)) == 0.0


def test_response_without_times_measures_no_clock() -> None:
    assert rows_ahead(None, left=at(0), answered=at(1)) is None
    assert rows_ahead(at(0), left=None, answered=at(1)) is None
    assert rows_ahead(at(0), left=at(0), answered=None) is None
    assert RowClock.of([chunk(1, at(0), timedelta())]).known is False
