"""Verdicts about a chunk from the rows read back."""

import polars as pl
import pytest

from bulkops.upload.evidence.similarity import Similarity
from bulkops.upload.evidence.verdict import ChunkVerdict, created_since, judge_keys, judge_multiset

SENT = pl.DataFrame({"who": ["a", "a", "b"], "amount": ["1", "1", "2"]})
COLUMNS = ("who", "amount")


def found(*rows: tuple[str | None, str | None, str]) -> pl.DataFrame:
    schema = {"who": pl.String, "amount": pl.String, "_import_id": pl.String}
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return frame.with_columns(pl.lit("2026-11-22T12:00:00Z").alias("_created"))


OURS = [("a", "1", "7"), ("b", "2", "7"), ("a", "1", "7")]


@pytest.mark.parametrize(
    ("rows", "verdict", "import_id"),
    [
        (OURS, ChunkVerdict.LANDED, 7),
        ([], ChunkVerdict.ABSENT, None),
        (OURS[:2], ChunkVerdict.PARTLY, None),
        ([*OURS, ("c", "9", "7")], ChunkVerdict.ABSENT, None),  # holds more than we sent: not ours
        ([*OURS, ("a", "1", "7")], ChunkVerdict.ABSENT, None),
        ([("c", "9", "8")], ChunkVerdict.ABSENT, None),  # another size and no record of ours
        ([("c", "9", "8")] * 4, ChunkVerdict.ABSENT, None),
        ([*OURS[:2], ("a", "1 ", "7")], ChunkVerdict.AMBIGUOUS, None),  # one value rewritten
        ([(w, a + " ", "7") for w, a, _ in OURS], ChunkVerdict.AMBIGUOUS, None),  # all of them
        ([("c", "9", "8")] * 3, ChunkVerdict.ABSENT, None),  # as many rows, but about nobody of ours
        ([("c", "9", "8")] * 2 + [("A.", "9", "8")], ChunkVerdict.AMBIGUOUS, None),  # a name spelled otherwise
        ([OURS[0], ("c", "9", "7")], ChunkVerdict.AMBIGUOUS, None),
        ([("a", "1 ", "7"), ("c", "9", "7")], ChunkVerdict.AMBIGUOUS, None),  # known again by what every record fills
        ([*OURS, ("c", "9", "")][1:], ChunkVerdict.PARTLY, None),
        ([*((w, a, "") for w, a, _ in OURS), ("c", "9", "")], ChunkVerdict.AMBIGUOUS, None),
        ([*OURS, ("a", "1", "8")], ChunkVerdict.LANDED, 7),
        ([*OURS, *((w, a, "8") for w, a, _ in OURS)], ChunkVerdict.AMBIGUOUS, None),
        ([(w, a, "") for w, a, _ in OURS], ChunkVerdict.AMBIGUOUS, None),  # rows that do not tell their import
    ],
)
def test_judge_multiset_returns_the_verdict_of_counted_rows(
    rows: list[tuple[str, str, str]], verdict: ChunkVerdict, import_id: int | None
) -> None:
    evidence = judge_multiset(SENT, found(*rows), COLUMNS, similarity=Similarity(core=("who",), identity=("who",)))
    assert (evidence.verdict, evidence.import_id) == (verdict, import_id)


def test_judge_multiset_accepts_one_import_per_equal_chunk_in_doubt() -> None:
    rows = [*OURS, *((w, a, "8") for w, a, _ in OURS)]
    assert judge_multiset(SENT, found(*rows), COLUMNS, similarity=Similarity(twins=2)).verdict is ChunkVerdict.LANDED


def test_judge_multiset_with_reused_ids_keeps_an_import_with_rows_of_others() -> None:
    rows = found(*OURS, ("c", "9", "7"))
    assert judge_multiset(SENT, rows, COLUMNS).verdict is ChunkVerdict.ABSENT
    assert judge_multiset(SENT, rows, COLUMNS, similarity=Similarity(reused=True)).verdict is ChunkVerdict.AMBIGUOUS
    company = pl.DataFrame({"who": ["c"], "amount": ["9"]})
    assert judge_multiset(SENT, rows, COLUMNS, similarity=Similarity(company=company)).verdict is ChunkVerdict.AMBIGUOUS


def test_judge_multiset_recognises_names_that_the_server_changes() -> None:
    sent = pl.DataFrame({"customer": ["", ""], "card": ["k1", "k2"], "amount": ["1", "2"]})
    schema = {"customer": pl.String, "card": pl.String, "amount": pl.String, "_import_id": pl.String}
    rows = pl.DataFrame([("c1", "K1", "1", "7"), ("c2", "K2", "2", "7")], schema=schema, orient="row")
    rows = rows.with_columns(pl.lit("2026-11-22T12:00:00Z").alias("_created"))
    similarity = Similarity(core=("customer", "card", "amount"), identity=("customer", "card"))
    assert judge_multiset(sent, rows, sent.columns, similarity=similarity).verdict is ChunkVerdict.AMBIGUOUS


def test_a_column_that_cannot_be_compared_does_not_hide_a_match() -> None:
    rows = [(w, None, i) for w, _, i in OURS]
    assert judge_multiset(SENT, found(*rows), COLUMNS).verdict is ChunkVerdict.LANDED


@pytest.mark.parametrize("since", ["2026-11-22T12:00:01Z", None])
def test_judge_multiset_with_an_import_of_unproved_age_is_ambiguous(since: str | None) -> None:
    assert judge_multiset(SENT, found(*OURS), COLUMNS, since="2026-11-22T12:00:00Z").verdict is ChunkVerdict.LANDED
    assert judge_multiset(SENT, found(*OURS), COLUMNS, since=since).verdict is ChunkVerdict.AMBIGUOUS


def test_judge_multiset_with_unreadable_times_is_ambiguous() -> None:
    rows = found(*OURS).with_columns(pl.lit("22/11/2026").alias("_created"))
    assert judge_multiset(SENT, rows, COLUMNS).verdict is ChunkVerdict.AMBIGUOUS


def test_judge_multiset_ignores_an_older_import_of_equal_records() -> None:
    older = found(*((w, a, "6") for w, a, _ in OURS)).with_columns(pl.lit("2026-11-22T11:59:00Z").alias("_created"))
    rows = pl.concat([older, found(*OURS)])
    assert judge_multiset(SENT, rows, COLUMNS, since="2026-11-22T12:00:00Z").import_id == 7


NAMED = pl.DataFrame({"who": ["a", "b", "c"], "amount": ["1", "2", "3"]})


@pytest.mark.parametrize(
    ("rows", "verdict", "present"),
    [
        ([("a", "1", "7"), ("b", "2", "7"), ("c", "3", "7")], ChunkVerdict.LANDED, (0, 1, 2)),
        ([("c", "3", "7"), ("a", "1", "7")], ChunkVerdict.PARTLY, (0, 2)),
        ([], ChunkVerdict.ABSENT, ()),
        ([("a", "9", "8"), ("z", "9", "8")], ChunkVerdict.ABSENT, ()),  # an import with keys from elsewhere
        ([("a", "1", "8"), ("z", "9", "8")], ChunkVerdict.AMBIGUOUS, ()),  # two imports may have that id
        ([("a", "5", "7")], ChunkVerdict.AMBIGUOUS, ()),
        ([("a", None, "7"), ("b", "2", "7"), ("c", "3", "7")], ChunkVerdict.LANDED, (0, 1, 2)),
        ([("a", "1", ""), ("b", "2", ""), ("z", "9", "")], ChunkVerdict.PARTLY, (0, 1)),  # rows without import ids
    ],
)
def test_judge_keys_returns_the_verdict_of_rows_with_keys(
    rows: list[tuple[str, str | None, str]], verdict: ChunkVerdict, present: tuple[int, ...]
) -> None:
    evidence = judge_keys(NAMED, found(*rows), ("who",), COLUMNS)
    assert (evidence.verdict, evidence.present) == (verdict, present)


def test_judge_keys_ignores_an_older_import_with_other_keys() -> None:
    rows = found(("a", "1", "8"), ("z", "9", "8"))
    assert judge_keys(NAMED, rows, ("who",), COLUMNS, since="2026-11-22T12:00:01Z").verdict is ChunkVerdict.ABSENT


def test_judge_keys_from_before_the_request_is_ambiguous() -> None:
    rows = found(("a", "1", "7"))
    assert judge_keys(NAMED, rows, ("who",), COLUMNS, since="2026-11-22T12:00:00Z").verdict is ChunkVerdict.PARTLY
    assert judge_keys(NAMED, rows, ("who",), COLUMNS, since="2026-11-22T12:00:01Z").verdict is ChunkVerdict.AMBIGUOUS


def test_created_since_drops_older_rows_and_keeps_unreadable_times() -> None:
    times = ["2026-11-22T11:59:59Z", "2026-11-22T12:00:00Z", "", "22/11/2026"]
    frame = pl.DataFrame({"_created": times})
    assert created_since(frame, "2026-11-22T12:00:00Z")["_created"].to_list() == times[1:]
