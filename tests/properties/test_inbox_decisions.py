"""The decisions about the files of an inbox hold for any names, times and histories."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.configuration_tables import ExpectTable, InboxTable
from bulkops.inbox.decisions import (
    EXITS,
    at_rest,
    companion_name,
    correction_of,
    dues,
    exit_of,
    in_order,
    overdue,
    parse_manifest,
    rejected_name,
    seconds_of,
    sort_listing,
    stem_of,
    unexpected,
)
from bulkops.remote.versions import StoredFile

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=30)
MARK = "0123456789ab"


def table(**keys: object) -> InboxTable:
    files = [{"match": ["points-*.csv*"], "contract": "loyalty-points"}]
    return InboxTable.model_validate({"folder": "in", "target": "t", "files": files, **keys})


def stored(name: str, *, modified: float = 0.0) -> StoredFile:
    return StoredFile(name=name, size=1, modified=modified, version=f"{name}-{modified}")


@given(age=st.floats(-100, 1000), seen=st.floats(0, 1000), quiet=st.integers(0, 20).map(lambda minutes: f"{minutes}m"))
def test_a_file_is_complete_only_if_it_was_unchanged_for_the_quiet_time(age: float, seen: float, quiet: str) -> None:
    now = 10_000.0
    file = stored("points-1.csv", modified=now - age)
    found = at_rest(table(quiet=quiet), file, now=now, seen_since=now - seen, companion=None)
    unchanged = max(now - file.modified, now - (now - seen))
    assert (found is None) == (unchanged >= seconds_of(quiet))


@given(st.booleans(), st.floats(0, 1000))
def test_with_a_marker_only_the_marker_decides(present: bool, age: float) -> None:
    file = stored("points-1.csv", modified=1000 - age)
    marker = stored("points-1.csv.done") if present else None
    found = at_rest(table(marker="{name}.done"), file, now=1000, seen_since=1000, companion=marker)
    assert (found is None) == present


@given(st.lists(NAMES, unique=True, max_size=8))
def test_every_file_is_sorted_into_one_place_and_hidden_or_temporary_ones_into_none(names: list[str]) -> None:
    files = [
        stored(name) for name in [*names, "points-1.csv", "points-1.csv.done", "points-2.csv.part", ".points-3.csv"]
    ]
    listing = sort_listing(table(marker="{name}.done"), files)
    placed = [each.name for each in (*listing.data, *listing.unknown, *listing.companions.values())]
    assert len(placed) == len(set(placed))
    assert set(placed) <= {each.name for each in files}
    assert not {"points-2.csv.part", ".points-3.csv"} & set(placed)
    assert "points-1.csv" in [each.name for each in listing.data]
    assert listing.companions["points-1.csv"].name == "points-1.csv.done"


@given(st.permutations([("b", 1.0), ("a", 1.0), ("c", 0.5), ("d", 9.0)]))
def test_the_order_does_not_depend_on_the_listing(files: Sequence[tuple[str, float]]) -> None:
    found = [stored(name, modified=modified) for name, modified in files]
    assert [each.name for each in in_order(table(), found)] == ["c", "a", "b", "d"]
    assert [each.name for each in in_order(table(order="name"), found)] == ["a", "b", "c", "d"]


@given(NAMES)
def test_the_name_of_rejected_records_leads_back_to_its_mark(name: str) -> None:
    found = rejected_name(name, MARK)
    assert correction_of(found) == MARK
    assert correction_of(rejected_name(found, MARK[::-1])) == MARK[::-1]
    assert not found.lower().endswith((".gz", ".zst"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.csv", "a"), ("a.b.csv.gz", "a.b"), ("a", "a"), (".csv", ".csv"), ("ä.CSV.GZ", "ä"), ("a.csv.zst", "a")],
)
def test_the_stem_of_a_name_has_no_suffix_of_format_or_compression(name: str, stem: str) -> None:
    assert stem_of(name) == stem
    assert companion_name("{stem}.manifest.json", name) == f"{stem}.manifest.json"


@given(st.lists(st.integers(0, 1000), max_size=15), st.integers(0, 2000))
def test_a_number_of_records_is_unusual_only_against_at_least_three_files(history: list[int], records: int) -> None:
    found = unexpected(ExpectTable(change="50%"), records, history)
    if len(history) < 3:
        assert found is None
        return
    latest = sorted(history[-10:])
    middle = (latest[(len(latest) - 1) // 2] + latest[len(latest) // 2]) / 2
    assert (found is not None) == (abs(records - middle) > middle * 0.5)


@given(st.lists(st.integers(0, 7 * 24 * 60), max_size=12), st.integers(0, 23))
def test_each_due_time_needs_a_file_of_its_own(minutes: list[int], hour: int) -> None:
    expect = ExpectTable(due=f"{hour:02}:00")
    since = NOW - timedelta(days=6, hours=11)
    arrivals = [NOW - timedelta(minutes=each) for each in minutes]
    found = dues(expect, arrivals, now=NOW, since=since, zone=UTC)
    assert all(since < each.at <= NOW and each.at.hour == hour for each in found)
    assert sum(each.met for each in found) <= len(arrivals)
    for before, after in pairwise(found):
        on_time = [each for each in arrivals if before.at < each <= after.at]
        if len(on_time) > 1 or (on_time and before.met and not before.late):
            assert after.met
        if not on_time and not [each for each in arrivals if each > after.at]:
            assert not after.met


def test_a_late_file_does_not_count_for_the_next_day_too() -> None:
    expect = ExpectTable(due="03:00")
    late = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
    found = dues(expect, [late], now=NOW, since=datetime(2026, 11, 28, 12, tzinfo=UTC), zone=UTC)
    assert [(each.met, each.late) for each in found] == [(True, True), (False, False)]
    assert overdue(found) == found[-1]


def test_days_without_a_due_time_are_not_missed() -> None:
    expect = ExpectTable(due="03:00", days=["sun"])  # NOW is a Monday
    found = dues(expect, [], now=NOW, since=NOW - timedelta(days=3), zone=UTC)
    assert [f"{each.at:%A}" for each in found] == ["Sunday"]


@given(st.lists(st.sampled_from(EXITS)))
def test_the_exit_code_is_that_of_the_file_that_needs_most_attention(codes: list[int]) -> None:
    found = exit_of(codes)
    assert found in (codes or [0])
    assert all(EXITS.index(found) >= EXITS.index(code) for code in codes)


KEYS = st.sampled_from(["files", "name", "records", "bytes", "sha256", "other"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("a.csv"),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(DOCUMENTS)
def test_a_manifest_is_understood_or_refused_with_a_reason(document: object) -> None:
    reason = ""
    try:
        found = parse_manifest(json.dumps(document), "a.csv")
    except ValueError as error:
        reason = str(error)
        found = None
    assert (found is None) == bool(reason)
    assert found is None or (found.records, found.bytes, found.sha256) != (None, None, None)
