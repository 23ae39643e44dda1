"""Invariants of generated files: few files in `make test`, many in `make soak`; `make fuzz` checks a million."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops_validators import CONTRACTS
from tests.fuzz import invariants
from tests.fuzz.inputs import FuzzedFile, any_file, structure_of_anything
from tests.fuzz.invariants import Broken, Check, broken
from tests.fuzz.run import Tally, checked

lean = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
randoms = st.randoms(use_true_random=False)
SOAKED = 20_000


@lean
@given(randoms, randoms)
def test_records_are_the_same_in_blocks_of_any_size_and_from_any_record_start(files: Random, cuts: Random) -> None:
    assert broken(invariants.structure, structure_of_anything(files), cuts) == []


@lean
@given(randoms, randoms)
def test_report_is_located_exactly_and_the_same_for_any_block_size_and_threads(files: Random, sizes: Random) -> None:
    assert broken(invariants.validation, any_file(files), sizes) == []


@lean
@given(randoms, randoms)
def test_repair_is_complete_and_listed_and_adds_no_error(files: Random, options: Random) -> None:
    assert broken(invariants.repair, any_file(files), options) == []


@lean
@given(randoms, randoms)
def test_chunks_are_the_bytes_of_the_file_and_have_its_findings(files: Random, limits: Random) -> None:
    assert broken(invariants.chunks, any_file(files), limits) == []


@settings(lean, max_examples=10)
@given(randoms, randoms)
def test_commands_end_with_a_documented_exit_code_and_no_traceback(files: Random, choices: Random) -> None:
    assert broken(invariants.commands, any_file(files), choices) == []


@pytest.mark.parametrize(
    ("check", "contract", "data"),
    [
        (invariants.validation, "loyalty-tiers", b',,expirydate\n,,"\xaf\n"a\n'),
        (invariants.validation, "loyalty-tiers", b"subledgerid\n@x\nA\n@x"),
        (invariants.validation, "audiences", b'"\n"\r'),
        (invariants.validation, "store-budgets", b"store_integration_id\n###\t###\nA 1\n"),
        (invariants.repair, "attribute-values", b"\xef\xbb\xbfitem\r\n00123456,\r\n(2 rows affected)\n"),
        (invariants.repair, "store-budgets", b"a|limit\rTotal,"),
        (invariants.validation, "store-budgets", b"store_integration_id,limit\nA,5\nB,6,"),
        (
            invariants.repair,
            "loyalty-points",
            b'd,r,m,\xef\xbb\xbf,e,n,s,r\n\xef\xbb\xbf,,,,,,}",\n\xd0\x9eE,,,,,,,\nD,,,,,,l,,',
        ),
        (invariants.repair, "store-budgets", b'store_integration_id,limit\r---,---\r", 5"'),
        (invariants.repair, "coupons", b"o\nx\rl,value,startdate"),
        (invariants.repair, "coupons", b"\nx\rl,value,startdate"),
        (invariants.repair, "attribute-values", b'item\n"""""a\r\r\nb\n'),
        (invariants.repair, "store-budgets", b"\xef\xbb\xbf;limit\r\n\xef\xbb\xbf;limit\r\n"),
        (invariants.repair, "loyalty-points", b'identifier,amount,,\r\n<<<<<<< HEAD,"12,50"\n'),
        (invariants.repair, "giveaways", b'"||"\n\xcf||'),
        (invariants.repair, "store-budgets", b'Report\n\n"""store_integration_id"";""limit "\r"\n \n'),
        (invariants.repair, "referrals", b'\nattributes\texpirydate\t"'),
        (invariants.repair, "referrals", b"A|\xe0\n|\r\x1c|\rA"),
        (invariants.validation, "stores", b'store_integration_id\na\n"\xef\xbf\xbeA"\ry"z\n\rb,c\r\x1a'),
        (invariants.repair, "loyalty-tiers", b'?"customerprofileid ,a,b,subledgerid"\r\n"a\rb",2030'),
    ],
)
def test_files_that_broke_an_invariant_before(check: Check, contract: str, data: bytes) -> None:
    file = FuzzedFile(CONTRACTS[contract], data, "found")
    found: list[Broken] = [one for seed in range(12) for one in broken(check, file, Random(seed))]
    assert found == []


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_many_files_break_no_invariant(part: int) -> None:
    tally = Tally()
    for number in range(part * SOAKED, (part + 1) * SOAKED):
        checked(number, tally)
    assert tally.smallest == {}
