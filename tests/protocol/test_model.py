"""The model of the protocol finds no way to lose or double records unnoticed, and each protection is needed."""

import pytest

from bulkops.ledger.states import TRANSITIONS, ChunkState
from tests.protocol.model import FRESH, Chunk, Request, Rules, World, search, steps, without

EQUAL = {"A": "x", "B": "x"}
DIFFERENT = {"A": "x", "B": "y"}
THREE_EQUAL = {"A": "xx", "B": "x"}
TWO_OF_THREE_EQUAL = {"A": "xy", "B": "x"}


@pytest.mark.parametrize(
    ("contents", "kills"),
    [(EQUAL, 0), (EQUAL, 1), (DIFFERENT, 1), (TWO_OF_THREE_EQUAL, 0)],
    ids=["equal", "equal with a kill", "different", "three chunks"],
)
def test_no_order_of_events_loses_or_doubles_records_with_exit_0(contents: dict[str, str], kills: int) -> None:
    found = search(contents, Rules(requests=3, kills=kills))
    assert found.fault is None, str(found.fault)
    assert found.ends > 20


def test_a_second_request_of_each_of_two_jobs_keeps_every_outcome_correct() -> None:
    found = search(EQUAL, Rules(requests=4))
    assert found.fault is None, str(found.fault)


def test_no_record_is_lost_without_waiting_for_other_jobs() -> None:
    found = search(EQUAL, without(Rules(requests=3), "wait_for_contenders"))
    assert found.fault is None, str(found.fault)


@pytest.mark.parametrize("contents", [{"A": "x"}, EQUAL], ids=["one job", "two jobs"])
def test_a_server_clock_that_is_set_back_doubles_nothing_with_exit_0(contents: dict[str, str]) -> None:
    found = search(contents, Rules(requests=3, clock_sets=1))
    assert found.fault is None, str(found.fault)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        (Rules(one_owner=False), "one import settled two chunks"),
        (Rules(final_look=False), "doubled with exit 0"),
        (Rules(count_all_jobs=False), "doubled with exit 0"),
        (Rules(clock_sets=1, all_clocks=False), "doubled with exit 0"),
        (Rules(wait_for_response_time=False, final_look=False, late_imports=False), "doubled with exit 0"),
    ],
    ids=["one owner", "final look", "count all jobs", "all clocks", "response time"],
)
def test_the_model_finds_a_fault_if_a_protection_is_removed(rules: Rules, what: str) -> None:
    found = search(EQUAL, rules)
    assert found.fault is not None
    assert what in found.fault.what
    assert found.fault.path[0].endswith("chunk 0") or found.fault.path[0].endswith("chunk 1")


def test_the_response_timeout_suffices_if_the_server_never_works_longer() -> None:
    found = search(EQUAL, Rules(final_look=False, late_imports=False))
    assert found.fault is None, str(found.fault)


def test_the_model_moves_chunks_only_as_the_table_of_states_allows() -> None:
    world = World(chunks=(Chunk(job="A", content="x"),), requests=(Request(chunk=0, phase=FRESH),))
    for before in ChunkState:
        for after in set(ChunkState) - TRANSITIONS[before] - {before}:
            with pytest.raises(ValueError, match="cannot go"):
                world._replace(chunks=(world.chunks[0]._replace(state=before),)).with_chunk(0, state=after)


def test_two_jobs_double_nothing_in_either_starting_order() -> None:
    world = World(chunks=(Chunk(job="A", content="x"), Chunk(job="B", content="x")))
    actions = {action for action, after in steps(world, Rules()) if after != world}
    assert actions == {"A sends chunk 0", "B sends chunk 1"}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("contents", "rules"),
    [
        (EQUAL, Rules(requests=4, kills=1)),
        (DIFFERENT, Rules(requests=4, kills=1)),
        (TWO_OF_THREE_EQUAL, Rules(requests=3, kills=1)),
        (THREE_EQUAL, Rules(requests=3)),  # a fourth request, or a kill, has more orders than fit into 8 GB
    ],
    ids=["equal", "different", "two of three chunks equal", "three equal chunks"],
)
def test_no_order_of_more_events_loses_or_doubles_records(contents: dict[str, str], rules: Rules) -> None:
    found = search(contents, rules)
    assert found.fault is None, str(found.fault)
