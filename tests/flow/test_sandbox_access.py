"""Keys, tokens, the rate limit and the forms of refusals."""

from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.unit.sandbox import client as at
from tests.unit.sandbox.client import talking


@pytest.mark.parametrize(
    "header", [None, "secret", "ManagementKey-v1", "ApiKey-v1 secret", "Bearer nothing", "Basic x"]
)
def test_a_wrong_or_missing_key_is_401(header: str | None) -> None:
    with talking(key="secret") as client:
        headers = {} if header is None else {"Authorization": header}
        answer = httpx.post(client.sandbox.base_url + at.COUPONS, headers=headers, files={"upFile": b"value\nCODE1\n"})
        assert (answer.status_code, answer.json()["StatusCode"]) == (401, 401)
        assert client.upload(at.COUPONS, "value", "CODE1").status_code == 200


def test_a_session_token_is_valid_until_it_is_destroyed() -> None:
    with talking(key="secret") as client:
        address = client.sandbox.base_url
        wrong = httpx.post(f"{address}/v1/sessions", json={"email": "a@example.org", "password": "x"})
        assert wrong.status_code == 401
        opened = httpx.post(f"{address}/v1/sessions", json={"email": "a@example.org", "password": "secret"})
        assert opened.status_code == 201
        headers = {"Authorization": f"Bearer {opened.json()['token']}"}
        assert httpx.get(f"{address}/v1/applications", headers=headers).status_code == 200
        assert httpx.delete(f"{address}/v1/sessions", headers=headers).status_code == 204
        assert httpx.get(f"{address}/v1/applications", headers=headers).status_code == 401


def test_a_sandbox_without_a_key_accepts_any_well_formed_header() -> None:
    with talking() as client:
        address = f"{client.sandbox.base_url}/v1/applications"
        assert httpx.get(address, headers={"Authorization": "Bearer anything"}).status_code == 200
        assert httpx.get(address).status_code == 401


class Ticks:
    """A clock that moves only on request."""

    def __init__(self) -> None:
        self.now = 1000.25

    def __call__(self) -> float:
        return self.now


def test_the_fourth_request_to_an_endpoint_within_a_second_is_429() -> None:
    ticks = Ticks()
    with talking(rate_limit=3, monotonic=ticks) as client:
        taken = [client.get("/v1/applications").status_code for _ in range(4)]
        assert taken == [200, 200, 200, 429]
        assert client.get("/v1/applications/1").status_code == 200
        ticks.now += 0.99
        refused = client.get("/v1/applications")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        ticks.now += 0.02
        assert client.get("/v1/applications").status_code == 200


def test_a_request_with_429_imports_nothing() -> None:
    with talking(rate_limit=1, monotonic=Ticks()) as client:
        assert client.upload(at.GIVEAWAYS, "code", "A").status_code == 200
        big = [f"CODE-{number}" for number in range(200_000)]
        assert client.upload(at.GIVEAWAYS, "code", *big).status_code == 429
        assert client.sandbox.state.count("giveaway") == 1


def test_requests_with_different_ids_share_the_limit_of_their_endpoint() -> None:
    with talking(rate_limit=3, monotonic=Ticks()) as client:
        for number in range(3):
            client.get(f"/v1/applications/{number}")
        assert client.get("/v1/applications/1").status_code == 429


def test_the_limit_can_be_counted_by_key_with_a_fixed_second_and_a_date() -> None:
    ticks = Ticks()
    settings = ["rate_unit=key", "rate_window=fixed", "retry_after=date"]
    with talking(rate_limit=2, monotonic=ticks, assumptions=settings) as client:
        assert client.get("/v1/applications").status_code == 200
        assert client.get("/v1/applications/1").status_code == 200
        refused = client.get("/v1/audiences")
        assert refused.status_code == 429
        assert parsedate_to_datetime(refused.headers["retry-after"]).tzinfo is not None
        assert client.get("/v1/audiences", headers={"Authorization": "Bearer other"}).status_code == 200
        ticks.now = 1001.0
        assert client.get("/v1/audiences").status_code == 200
    with talking(rate_limit=1, monotonic=Ticks(), assumptions=["retry_after=none"]) as client:
        client.get("/v1/audiences")
        assert "retry-after" not in client.get("/v1/audiences").headers


def test_an_error_of_an_export_is_json_in_the_declared_csv_type() -> None:
    with talking() as client:
        answer = client.get("/v1/applications/9/export_coupons")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/csv")
        assert "StatusCode" in answer.json()
        assert "StatusCode" not in client.get("/v1/applications/9/campaigns/1/stores/budgets/export").json()
        client.sandbox.set_assumptions("error_media=json")
        assert client.get("/v1/applications/9/export_coupons").headers["content-type"] == "application/json"


def test_every_answer_has_a_date_and_is_logged_by_its_path_template() -> None:
    with talking() as client:
        assert "date" in client.get("/v1/applications/1").headers
        client.get("/v1/applications/2")
        assert client.get("/v1/nothing").status_code == 404
        logged = [(each.method, each.template, each.status) for each in client.sandbox.requests]
        template = "/v1/applications/{applicationId}"
        assert logged == [("GET", template, 200), ("GET", template, 404)]
