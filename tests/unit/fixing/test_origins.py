"""The origins of the records of a copy: runs that stand for them give the same as a list of all of them."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.errors import DataError
from bulkops.fixing import origins as module
from bulkops.fixing.options import FixOptions
from bulkops.fixing.origins import OriginArrays, Origins
from tests.unit.fixing.test_files import fixed

Known = list[tuple[int, int, int, bool]]


def added(random: Random, records: int, odd: float) -> tuple[Origins, Known]:
    """Return origins added in blocks, and the first line in the copy, record, line and flag of each record.

    `odd` is the share of records that have several lines, or are removed, divided or joined.
    """
    origins, known = Origins(), Known()
    line, record, source_line = 2, 0, 1
    while len(known) < records:
        feeds, rows = [], Known()
        for _ in range(random.randint(0, 9)):
            unusual = random.random() < odd
            record += random.choice((0, 1, 2, 3)) if unusual else 1
            source_line += random.choice((0, 1, 3)) if unusual else 1
            feeds.append(random.choice((1, 2, 4)) if unusual else 1)
            rows.append((line + sum(feeds[:-1]), record, source_line, random.random() < 0.3))
            source_line += feeds[-1] - 1
        columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)] or [np.zeros(0, np.int64)] * 4
        arrays = OriginArrays(columns[1], columns[2], columns[3].astype(np.bool_))
        origins.extend(line, np.array(feeds, np.int64), arrays)
        line, known = line + sum(feeds), known + rows
    return origins, known


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from((0.0, 0.05, 0.9)))
def test_origins_in_runs_equal_a_list_of_all(seed: int, odd: float) -> None:
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PER_CHUNK", 8)
        patch.setattr(module, "_IN_MEMORY", random.choice((0, 2, 100)))
        origins, known = added(random, random.randint(1, 150), odd)
        chosen = sorted(random.choices(range(len(known)), k=random.randint(1, 40)))
        found = origins.of(np.array([known[index][0] for index in chosen], np.int64))
        pairs = zip(found.records.tolist(), found.lines.tolist(), found.changed.tolist(), strict=True)
        assert [*pairs] == [known[index][1:] for index in chosen]
        assert origins.records(np.array(chosen, np.int64)).tolist() == [known[index][1] for index in chosen]


def test_origins_of_lines_one_by_one_are_a_single_run() -> None:
    origins = Origins()
    for block in range(100):
        numbers = np.arange(1000) + 1000 * block
        origins.extend(
            2 + 1000 * block, np.ones(1000, np.int64), OriginArrays(numbers + 1, numbers + 2, np.zeros(1000, np.bool_))
        )
    assert origins.stored == 1


def test_changes_of_a_second_pass_name_the_record_and_the_line_of_the_file() -> None:
    # The first pass removes a blank line and joins nothing; the second removes a repetition behind both.
    data = b'value,attributes\n\nABCD,"{""a"":\n 1}"\n\n ABCE,\n# note,\nABCD,\n'
    out, changes, _ = fixed(data, FixOptions(unsafe=True))
    assert out == b'value,attributes\nABCD,"{""a"":\n 1}"\nABCE,\n'
    assert [(change.code, change.record, change.line) for change in changes] == [
        ("STR103", None, 2),
        ("STR103", None, 5),
        ("COD101", 2, 6),
        ("STR117", 3, 7),
        ("UNQ101", 4, 8),
    ]


def test_copy_is_refused_if_carriage_returns_end_its_lines() -> None:
    data = b'a\t|"A;\xdbZ\nL |[;\rx,Y\rA\r \n,\nA\n{\r{}"\xe9; '
    with pytest.raises(DataError, match="invalid quotes would enclose all line feeds"):
        fixed(data, FixOptions(unsafe=True), contract="loyalty-join-dates")
