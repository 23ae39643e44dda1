"""Planted defects are found at their record and line, nothing else is found, and safe repairs are as planned."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.errors import DataError
from bulkops.fixing.options import FixOptions
from tests.fuzz.invariants import fixed, judged
from tests.fuzz.planted import PlantedFile, planted
from tests.fuzz.unusual import unusual
from tests.fuzz.whole_files import DAMAGE, DamagedFile, Outcome, damaged, rows

lean = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
randoms = st.randoms(use_true_random=False)
SOAKED = 2_500


def check(file: PlantedFile) -> None:
    """Compare the report and the safe repair of a file with its plan."""
    report = judged(file.contract, file.data)
    places = {(one.record, one.line): one for one in file.plan}
    assert report.records == file.records
    for place, one in places.items():
        assert one.codes & {f.code for f in report.findings if (f.record, f.line) == place}, (one, file.data)
    others = [finding for finding in report.findings if (finding.record, finding.line) not in places]
    assert others == [], file.data
    out, changes = fixed(file.contract, file.data, FixOptions())
    assert out == file.repaired, (file.data, changes)
    assert {(change.record, change.line) for change in changes} <= set(places)


@lean
@given(randoms, st.integers(0, 5))
def test_planted_defects_are_found_where_they_are_and_repaired_as_planned(random: Random, defects: int) -> None:
    check(planted(random, defects=defects))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_10000_files_with_planted_defects_are_judged_and_repaired_as_planned(part: int) -> None:
    for number in range(part * SOAKED, (part + 1) * SOAKED):
        random = Random(number)
        check(planted(random, defects=random.randint(0, 6)))


@lean
@given(randoms)
def test_valid_files_of_unusual_form_are_accepted_and_not_changed(random: Random) -> None:
    file = unusual(random)
    report = judged(file.contract, file.data)
    assert (report.errors, report.unreadable) == (0, None), (file.data, report.counts)
    # A tab or an apostrophe in front is a warning, and only an unsafe repair changes it.
    for unsafe in (False,) if report.warnings else (False, True):
        assert fixed(file.contract, file.data, FixOptions(unsafe=unsafe)) == (file.data, []), unsafe


def check_damage(file: DamagedFile) -> None:
    """Compare the report and the safe repair of a damaged file with its plan."""
    found = set(judged(file.contract, file.data).counts)
    assert found or (file.damage.repeated and not file.contract.unique), file.data
    assert found <= file.damage.codes, file.data
    if file.outcome is Outcome.REFUSED:
        with pytest.raises(DataError):
            fixed(file.contract, file.data, FixOptions())
        return
    out, changes = fixed(file.contract, file.data, FixOptions())
    if file.outcome is Outcome.SAME:
        assert (out, changes) == (file.data, [])
    else:
        assert rows(out) == rows(file.repaired), file.data


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_of_a_whole_file_is_found_and_repaired_as_planned(kind: str) -> None:
    for number in range(4):
        check_damage(damaged(Random(number), kind))


@pytest.mark.soak
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_of_many_whole_files_is_found_and_repaired_as_planned(kind: str) -> None:
    for number in range(300):
        check_damage(damaged(Random(number), kind))
