"""The comparison agrees with a simple reference comparison for sets of at most six rows."""

from collections import Counter
from itertools import permutations
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.readback.compare.keyed import RowCounts, compare
from bulkops.readback.compare.staging import RowSets
from bulkops_validators.model.contract import Readback, ReadColumn

COLUMNS = tuple(ReadColumn(column=name, found=(name,)) for name in ("k", "a", "b"))
NAMED = Readback(operation="x", path="/x", columns=COLUMNS, key=("k",))
COUNTED = Readback(operation="x", path="/x", columns=COLUMNS, key=("k", "a", "b"), multiset=True)

cells = st.sampled_from(["", "x", "y"])
rows = st.lists(st.tuples(st.sampled_from("pqr"), cells, cells), max_size=6)
open_rows = st.lists(st.tuples(st.sampled_from("pq"), cells, st.sampled_from(["x", "y", None])), max_size=5)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(readback: Readback, sent: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> RowCounts:
    names = dict.fromkeys(["k", "a", "b"], pl.String)
    with RowSets(readback) as sets:
        sets.add_sent(pl.DataFrame(sent, schema=names, orient="row"))
        frame = pl.DataFrame(found, schema=names, orient="row")
        sets.add_found(frame.with_columns(pl.lit("1").alias("_import_id"), pl.lit("").alias("_created")))
        return compare(sets)


@FEW
@given(sent=rows, found=rows)
def test_keyed_rows_have_the_counts_of_the_reference_comparison(sent: list[Any], found: list[Any]) -> None:
    counts = run(NAMED, sent, found)
    keys = {row[0] for row in found}
    assert counts.missing == sum(row[0] not in keys for row in sent)
    assert counts.matched == sum(row in found for row in sent)
    assert counts.different == len(sent) - counts.missing - counts.matched
    assert counts.unexpected == sum(row[0] not in {s[0] for s in sent} for row in found)


@FEW
@given(sent=rows, found=rows)
def test_multisets_have_the_counts_of_the_reference_comparison(sent: list[Any], found: list[Any]) -> None:
    counts = run(COUNTED, sent, found)
    assert counts.matched == (Counter(sent) & Counter(found)).total()
    assert counts.missing + counts.different == (Counter(sent) - Counter(found)).total()
    assert counts.unexpected + counts.different == (Counter(found) - Counter(sent)).total()


@FEW
@given(sent=open_rows, found=st.lists(st.tuples(st.sampled_from("pq"), cells, st.sampled_from("xy")), max_size=5))
def test_cell_that_is_not_compared_is_matched_so_that_most_rows_match(sent: list[Any], found: list[Any]) -> None:
    counts = run(COUNTED, sent, found)
    assert counts.matched == most_matches(sent, found)


def most_matches(sent: list[Any], found: list[Any]) -> int:
    """Try every assignment."""

    def fits(one: Any, other: Any) -> bool:
        return one[:2] == other[:2] and one[2] in {None, other[2]}

    padded = found + [("", "", "")] * max(0, len(sent) - len(found))
    return max(sum(fits(s, f) for s, f in zip(sent, order, strict=False)) for order in permutations(padded))
