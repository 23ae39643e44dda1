"""Every scripted fault does what docs/reference/sandbox.md says, to the connection and to the data."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import Client, talking

FILE = ["code", *(f"GIFT-{number:06d}" for number in range(50_000))]


def send(client: Client) -> httpx.Response:
    """Send 50,000 giveaway codes, as a client that does not give up early would."""
    return client.upload(at.GIVEAWAYS, *FILE)


def stored(client: Client) -> int:
    """Return how many codes are in the pool, in truth."""
    return client.sandbox.state.count("giveaway")


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait up to 20 seconds for something that happens in the background."""
    for _ in range(400):
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("fault", "kept"), [("cut:before", 0), ("cut:during", 0), ("cut:after", 0), ("cut:committed", 50_000)]
)
def test_a_cut_connection_returns_no_response(fault: str, kept: int) -> None:
    with talking(faults=f"importPoolGiveaways@1={fault}") as client:
        with pytest.raises(httpx.TransportError):
            send(client)
        assert stored(client) == kept
        assert send(client).status_code == 200
        assert stored(client) == kept + 50_000
        assert [each.status for each in client.sandbox.requests] == [0, 200]


@pytest.mark.parametrize(("fault", "kept"), [("500", 0), ("502:before", 0), ("503:after", 50_000)])
def test_a_server_error_is_returned_before_or_after_the_import(fault: str, kept: int) -> None:
    with talking(faults=f"imports@1={fault}") as client:
        answer = send(client)
        assert answer.status_code == int(fault[:3])
        assert answer.json()["StatusCode"] == int(fault[:3])
        assert stored(client) == kept


def test_a_scripted_429_has_the_retry_after_asked_for() -> None:
    with talking(faults="imports@1=429,imports@2=429:2.5,imports@3=429:date") as client:
        answers = [send(client) for _ in range(4)]
        assert [each.status_code for each in answers] == [429, 429, 429, 200]
        assert "retry-after" not in answers[0].headers
        assert answers[1].headers["retry-after"] == "2.5"
        assert parsedate_to_datetime(answers[2].headers["retry-after"]).tzinfo is not None
        assert stored(client) == 50_000


def test_a_late_commit_happens_after_the_connection_is_closed() -> None:
    with talking(faults="imports@1=late:1") as client:
        with pytest.raises(httpx.TransportError):
            send(client)
        assert stored(client) == 0
        assert eventually(lambda: stored(client) == 50_000)


def test_a_late_commit_after_an_error_response_follows_the_response() -> None:
    with talking(faults="imports@1=503:late:2,imports@2=404:late:0") as client:
        began = time.monotonic()
        response = send(client)
        assert (response.status_code, response.json()["StatusCode"]) == (503, 503)
        assert client.get("/v1/audiences").status_code == 200
        assert stored(client) == 0
        assert eventually(lambda: stored(client) == 50_000)
        assert time.monotonic() - began > 2
        assert send(client).status_code == 404
        assert eventually(lambda: stored(client) == 100_000)
        assert [each.status for each in client.sandbox.requests] == [503, 200, 404]


def test_a_late_commit_of_a_rejected_file_imports_nothing() -> None:
    with talking(faults="imports@1=500:late:0") as client:
        assert client.upload(at.GIVEAWAYS, "code,code", "A,B").status_code == 500
        assert send(client).status_code == 200
        assert stored(client) == 50_000


def test_a_late_commit_is_dropped_if_the_sandbox_stops_first() -> None:
    with talking(faults="imports=500:late:600") as client:
        assert send(client).status_code == 500
        began = time.monotonic()
    assert time.monotonic() - began < 20


def test_a_dropped_request_reaches_no_import_whether_it_was_read_or_not() -> None:
    with talking(faults="imports@1=cut:before,imports@2=cut:after") as client:
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                client.upload(at.GIVEAWAYS, "code", "A")
        assert client.upload(at.GIVEAWAYS, "code", "B").json()["id"] == 1
        assert [row["code"] for row in client.sandbox.state.rows("giveaway")] == ["B"]


def test_a_short_import_commits_and_reports_only_the_first_records() -> None:
    with talking(faults="imports@1=short:20000,imports@2=short:60000,imports@3=short:0") as client:
        amounts = [send(client).json()["amount"] for _ in range(3)]
        assert amounts == [20_000, 50_000, 0]
        assert stored(client) == 70_000
        codes = [row["code"] for row in client.sandbox.state.rows("giveaway", importid=1)]
        assert codes == FILE[1:20_001]


def test_a_short_import_of_a_replaced_list_or_of_updates_commits_only_the_first_records() -> None:
    with talking(faults="imports=short:1") as client:
        for path in (at.COLLECTION, at.COLLECTION):
            assert client.upload(path, "item", "a", "b").json()["amount"] == 1
        rows = ("customer-0001,Gold", "customer-0002,Gold")
        assert client.upload(at.TIERS, "customerprofileid,tiername", *rows).json()["amount"] == 1
        assert [row["item"] for row in client.sandbox.state.rows("collection_item")] == ["a"]
        assert [row["profile"] for row in client.sandbox.state.rows("tier")] == ["customer-0001"]


def test_a_truncated_response_is_unreadable_but_the_import_is_done() -> None:
    with talking(faults="imports@1=truncate,exports@1=truncate") as client:
        with pytest.raises(httpx.TransportError):
            send(client)
        assert stored(client) == 50_000
        with pytest.raises(httpx.TransportError):
            client.get(f"{at.POOL}/export")
        assert len(client.table(f"{at.POOL}/export")) == 50_000


def test_a_slow_response_arrives_after_the_import_is_done() -> None:
    with talking(faults="imports@1=slow:30") as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(at.GIVEAWAYS, files={"upFile": b"code\nA\n"}, timeout=2)
        assert stored(client) == 1


def test_a_scripted_refusal_keeps_nothing_or_the_records_before() -> None:
    with talking(faults="imports@1=refuse:atomic:3,imports@2=refuse:partial:3,imports@3=refuse:partial") as client:
        for kept in (0, 2, 2):
            answer = send(client)
            assert answer.status_code == 400
            assert stored(client) == kept
        assert answer.json()["errors"][0]["source"] == {"line": "2"}


def test_a_lagging_export_shows_the_previous_rows() -> None:
    with talking() as client:
        client.upload(at.COLLECTION, "item", "old")
        client.upload(at.TIERS, "customerprofileid,tiername", "customer-0001,Gold")
        client.sandbox.set_faults("imports=lag:2")
        client.upload(at.COLLECTION, "item", "new")
        client.upload(at.TIERS, "customerprofileid,tiername", "customer-0001,Silver")
        client.upload(at.COUPONS, "value", "CODE1")
        coupons, items = f"{at.APPLICATION}/export_coupons", "/v1/collections/1/export"
        tiers = f"{at.PROGRAM}/export_customers_tiers"
        assert client.table(coupons) == []
        assert client.table(items) == [{"item": "old"}]
        assert [row["tiername"] for row in client.table(tiers)] == ["Gold"]
        assert client.sandbox.state.rows("collection_item")[0]["item"] == "new"
        assert eventually(lambda: len(client.table(coupons)) == 1)
        assert client.table(items) == [{"item": "new"}]
        assert [row["tiername"] for row in client.table(tiers)] == ["Silver"]


def test_requests_of_a_fault_are_counted_for_each_endpoint() -> None:
    with talking(faults="getApplications@2-3=503,reads@every5=500") as client:
        statuses = [client.get("/v1/applications").status_code for _ in range(6)]
        assert statuses == [200, 503, 503, 200, 500, 200]
        assert [client.get("/v1/audiences").status_code for _ in range(5)] == [200, 200, 200, 200, 500]


def test_random_faults_are_repeated_with_the_same_seed() -> None:
    def statuses(seed: int) -> list[int]:
        with talking(
            faults=f'{{"seed": {seed}, "rules": [{{"endpoint": "reads", "when": "p0.5", "fault": "503"}}]}}'
        ) as client:
            return [client.get("/v1/audiences").status_code for _ in range(40)]

    first = statuses(1)
    assert 5 < first.count(503) < 35
    assert statuses(1) == first
    assert statuses(2) != first
