"""The preflight searches a few codes or cards: those that an import would create must be new, others must exist."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops.account.preflight import MAX_KEYS, Preflight, check_import
from bulkops.account.reading import AccountReader
from bulkops.clock import SystemClock
from bulkops.sandbox.serve import SandboxServer
from bulkops.transport.client import ApiClient
from bulkops.transport.limiter import NoLimiter
from bulkops_validators import CONTRACTS
from tests.crash.desk import Desk

CAMPAIGN = {"application": 1, "campaign": 1}
CREATING = {
    "coupons": (CAMPAIGN, "value", "value\n{rows}", "CODE-{n:03}"),
    "referrals": (CAMPAIGN, "code", "code,advocateprofileintegrationid\n{rows}", "FRIEND-{n:03},customer-0001"),
    "loyalty-cards": ({"program": 2}, "identifier", "identifier,state\n{rows}", "NEWCARD-{n:03},active"),
}
SEARCHED = {
    "coupons": "codes among the coupons of the campaign",
    "referrals": "codes among the referral codes of the campaign",
    "loyalty-cards": "identifiers among the cards of the program",
}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(rate_limit=0) as server:
        yield server


def checked(sandbox: SandboxServer, contract: str, file: Path, ids: dict[str, int], said: list[str]) -> Preflight:
    target = Desk(folder=file.parent / "other", base_url=sandbox.base_url).target(ids)
    with ApiClient(target, clock=SystemClock(), limiter=NoLimiter()) as client:
        return check_import(CONTRACTS[contract], file, ids, AccountReader(client), say=said.append)


def written(path: Path, contract: str, numbers: range) -> Path:
    _, _, text, row = CREATING[contract]
    path.write_text(text.format(rows="".join(f"{row.format(n=n)}\n" for n in numbers)))
    return path


@pytest.mark.parametrize(("contract", "words"), SEARCHED.items())
def test_codes_and_cards_that_exist_are_found_with_three_announced_requests(
    contract: str, words: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    ids, column, _, _ = CREATING[contract]
    first = written(tmp_path / "first.csv", contract, range(20))
    assert checked(sandbox, contract, first, ids, []).report.counts == {}
    assert Desk(folder=tmp_path, base_url=sandbox.base_url).run(contract, first, ids)["state"] == "done"
    said: list[str] = []
    before = len(sandbox.requests)
    preflight = checked(sandbox, contract, first, ids, said)
    search = CONTRACTS[contract].route(ids).search
    assert search is not None
    assert f"Preflight: searching 3 of the file's {words}, with 3 requests." in said
    assert sum(each.template.endswith(search.path.rpartition("}")[2]) for each in sandbox.requests[before:]) == MAX_KEYS
    assert preflight.report.counts == {"ACC132": 3}
    assert [(f.line, f.column) for f in preflight.report.findings] == [(2, column), (12, column), (21, column)]
    assert preflight.error() is None
    assert (
        checked(sandbox, contract, written(tmp_path / "new.csv", contract, range(50, 60)), ids, []).report.counts == {}
    )


def test_points_for_a_card_that_the_program_lacks_are_a_warning(sandbox: SandboxServer, tmp_path: Path) -> None:
    cards = written(tmp_path / "cards.csv", "loyalty-cards", range(2))
    assert (
        Desk(folder=tmp_path, base_url=sandbox.base_url).run("loyalty-cards", cards, {"program": 2})["state"] == "done"
    )
    points = tmp_path / "points.csv"
    points.write_text("identifier,amount\nNEWCARD-000,5\nNEWCARD-00,5\nNEWCARD-001,5\n")
    preflight = checked(sandbox, "loyalty-points", points, {"program": 2}, [])
    assert preflight.report.counts == {"ACC133": 1}
    assert [finding.line for finding in preflight.report.findings] == [3]  # a filter that also finds longer names


def test_a_failed_search_is_reported_and_does_not_stop_the_preflight(sandbox: SandboxServer, tmp_path: Path) -> None:
    file = written(tmp_path / "f.csv", "coupons", range(3))
    sandbox.set_faults("getCouponsWithoutTotalCount=403")
    preflight = checked(sandbox, "coupons", file, CAMPAIGN, [])
    assert preflight.report.counts == {}
    (reason,) = preflight.not_checked
    assert reason.startswith("codes among the coupons of the campaign: the search failed")
    assert reason.endswith("does not grant getCouponsWithoutTotalCount")
