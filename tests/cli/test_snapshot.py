"""`bulkops snapshot`, and the checks of `validate` and `check` that use its file without a network."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bulkops.account.preflight import MAX_KEYS
from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Ended, Inside, Shell

COUPONS = 'value,attributes\nCODE-1,"{""category"": ""x""}"\nCODE-2,"{""categroy"": ""x""}"\n'


@pytest.fixture
def snapshot(shell: Shell, tmp_path: Path) -> Path:
    path = tmp_path / "account.json"
    assert shell.run("snapshot", "-o", str(path)).code == 0
    return path


@pytest.fixture
def coupons(tmp_path: Path) -> str:
    path = tmp_path / "coupons.csv"
    path.write_text(COUPONS)
    return str(path)


def offline(shell: Shell, *words: str) -> Ended:
    """Run a command without a target and a key."""
    kept = {name: value for name, value in shell.environment.items() if name != "BULKOPS_MANAGEMENT_KEY"}
    return shell.ended(Shell(shell.state).start(*words, environment=kept))


def test_a_snapshot_contains_the_account_and_no_key(shell: Shell, sandbox: SandboxServer, snapshot: Path) -> None:
    text = snapshot.read_text()
    document = json.loads(text)
    assert KEY not in text
    assert document["base_url"] == sandbox.base_url
    assert document["campaigns"][0]["features"] == ["coupons", "referrals", "loyalty", "giveaways"]
    assert [program["card_based"] for program in document["programs"]] == [False, True]
    assert document["programs"][0]["tiers"] == ["Bronze", "Silver", "Gold"]
    assert len(document["stores"][0]["integration_ids"]) == 50
    assert {request.method for request in sandbox.requests} == {"GET"}


def test_a_snapshot_lists_the_parts_that_the_key_may_not_read(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("getAudiences=403")
    ended = shell.run("snapshot", "-o", str(tmp_path / "a.json"), "--json")
    assert ended.code == 0, ended.err
    assert ended.json["not_read"] == ["the audiences: the key does not grant getAudiences (403)"]
    assert "Not read: the audiences" in ended.err


def test_a_server_that_fails_half_way_is_exit_3_and_leaves_no_snapshot(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    sandbox.set_faults("getAudiences=503")
    ended = shell.run("snapshot", "-o", str(path))
    assert (ended.code, path.exists()) == (3, False), ended.err
    assert "bulkops: The account was not read completely: GET /v1/audiences returned 503" in ended.err
    assert "Run the command again." in ended.err


def test_a_failed_snapshot_names_the_failure_and_not_an_earlier_missing_permission(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("getAttributes=403,getAudiences=503")
    ended = shell.run("snapshot", "-o", str(tmp_path / "a.json"))
    assert ended.code == 3, ended.err
    assert "The account was not read completely: GET /v1/audiences returned 503" in ended.err


def test_a_snapshot_is_narrowed_by_ids_and_never_written_over_another_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("mine")
    assert shell.run("snapshot", "-o", str(path)).code == 2
    assert path.read_text() == "mine"
    assert shell.run("snapshot", "-o", str(path), "--overwrite", "--program", "2").code == 0
    document = json.loads(path.read_text())
    assert ([program["id"] for program in document["programs"]], "programs" in document["complete"]) == ([2], False)


def test_validate_compares_a_file_with_the_snapshot_offline_and_reports_its_age(
    shell: Shell, sandbox: SandboxServer, snapshot: Path, coupons: str
) -> None:
    before = len(sandbox.requests)
    ended = offline(shell, "validate", "coupons", coupons, "--account", str(snapshot), "--json")
    assert ended.code == 1
    (found,) = ended.json["files"][0]["findings"]
    assert (found["code"], found["record"], found["line"], found["column"]) == ("ACC121", 2, 3, "attributes")
    assert ended.json["account"]["age_seconds"] < 600
    text = offline(shell, "validate", "coupons", coupons, "--account", str(snapshot))
    assert f"Account: {snapshot}, read " in text.err
    assert len(sandbox.requests) == before
    assert offline(shell, "validate", "coupons", coupons).code == 0


def test_validate_compares_ids_with_the_snapshot(shell: Shell, snapshot: Path, coupons: str) -> None:
    words = ("validate", "coupons", coupons, "--account", str(snapshot), "--application", "1", "--json")
    ended = offline(shell, *words, "--campaign", "5")
    assert (ended.code, ended.json["files"][0]["counts"]) == (1, {"ACC101": 1})
    assert offline(shell, *words, "--campaign", "1").json["files"][0]["counts"] == {"ACC121": 1}


def test_a_snapshot_that_is_too_old_is_exit_2_with_its_age(shell: Shell, snapshot: Path, coupons: str) -> None:
    document = json.loads(snapshot.read_text())
    document["read_at"] = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    snapshot.write_text(json.dumps(document))
    words = ("validate", "coupons", coupons, "--account", str(snapshot))
    ended = offline(shell, *words, "--max-age", "7d", "--json")
    assert (ended.code, "9 days old" in ended.json["error"]["message"]) == (2, True)
    assert "bulkops snapshot -o" in ended.json["error"]["hint"]
    assert offline(shell, *words, "--max-age", "2w").code == 1
    assert offline(shell, *words, "--max-age", "soon").code == 2
    assert offline(shell, "validate", "coupons", coupons, "--max-age", "7d").code == 2


def test_check_uses_the_snapshot_of_its_table(shell: Shell, snapshot: Path, coupons: str, tmp_path: Path) -> None:
    config = tmp_path / "bulkops.toml"
    table = '[check]\ncoupons = "coupons.csv"\naccount = "account.json"\nmax-age = "7d"\n'
    config.write_text(table)
    ended = offline(shell, "--config", str(config), "check", "--json")
    assert (ended.code, ended.json["files"][0]["counts"]) == (1, {"ACC121": 1}), ended.err
    assert ended.json["account"]["path"] == str(snapshot)
    config.write_text(table.replace('"7d"', "7"))
    assert offline(shell, "--config", str(config), "check").code == 2


def recipe(folder: Path, tier: str, program: int = 1) -> str:
    """Write a recipe with two steps; the second has a tier, a row for each of the first, and a column to map."""
    (folder / "members.csv").write_text(f"Member;Tier;Points\nc-1;Gold;10,5\nc-2;{tier};5\n", encoding="utf-8")
    source = {"source": "members.csv", "ids": {"program": program}}
    ends = {"expirydate": "2031-01-01T00:00:00Z"}
    points = {"customerprofileid": "Member", "amount": "decimal_comma(Points)"}
    tiers = {"customerprofileid": "Member", "tiername": "Tier"}
    steps = [
        {"contract": "loyalty-points", "columns": points, "constants": ends, "unused": ["Tier"], **source},
        {"contract": "loyalty-tiers", "columns": tiers, "constants": ends, "unused": ["Points"], **source},
    ]
    path = folder / "members.yaml"
    path.write_text(json.dumps({"name": "members", "steps": steps}), encoding="utf-8")
    return str(path)


def test_a_run_checks_every_step_against_the_snapshot_before_the_first_request(
    shell: Shell, sandbox: SandboxServer, snapshot: Path, tmp_path: Path
) -> None:
    sent = len(sandbox.requests)
    ended = shell.run("run", recipe(tmp_path, "Platinum"), "--account", str(snapshot), "--json")
    assert (ended.code, len(sandbox.requests)) == (1, sent), ended.err
    (step,) = ended.json["steps"]
    assert (step["number"], step["preflight"]["counts"]["ACC111"], step["preflight"]["requests"]) == (2, 1, 0)
    assert f"{tmp_path / 'members.csv'}, line 3: ACC111 unknown-tier: 'Platinum'" in ended.err
    ended = shell.run("run", recipe(tmp_path, "Gold", 7), "--account", str(snapshot), "--json")
    assert (ended.code, len(sandbox.requests)) == (2, sent)
    assert "There is no program 7 in the account" in ended.json["error"]["message"]
    words = ("run", recipe(tmp_path, "Silver"), "--account", str(snapshot), "--settle", "0.1", "--json")
    assert [step["import"]["state"] for step in shell.run(*words).json["steps"]] == ["done", "done"]


def test_a_plan_with_a_snapshot_needs_no_target_and_no_key(shell: Shell, snapshot: Path, tmp_path: Path) -> None:
    words = ("--plan", "--account", str(snapshot), "--json")
    ended = offline(shell, "run", recipe(tmp_path, "Platinum"), *words)
    assert ended.code == 1, ended.err
    assert [step["preflight"]["errors"] for step in ended.json["steps"]] == [0, 1]
    assert "line 3: ACC111" in ended.err
    assert offline(shell, "run", recipe(tmp_path, "Silver"), *words).code == 0
    assert offline(shell, "run", recipe(tmp_path, "Silver"), "--plan", "--max-age", "1d").code == 2


CARDS = ("identifier", "NEW-0001", "NEW-0002", "NEW-0003")


def two_steps(folder: Path, *, used: tuple[str, ...], accept: str = "") -> str:
    """Write a recipe: three cards from a source with other headers, then points for some cards."""
    (folder / "cards.csv").write_text("\n".join(["Card", *CARDS[1:]]) + "\n")
    (folder / "points.csv").write_text("identifier,amount\n" + "".join(f"{card},5\n" for card in used))
    cards = {
        "contract": "loyalty-cards",
        "source": "cards.csv",
        "columns": {"identifier": "Card"},
        "constants": {"state": "active"},
        "ids": {"program": 2},
    }
    points = {"contract": "loyalty-points", "file": "points.csv", "ids": {"program": 2}}
    if accept:
        points["accept"] = accept
    path = folder / "cards.yaml"
    path.write_text(json.dumps({"name": "cards", "steps": [cards, points]}), encoding="utf-8")
    return str(path)


@pytest.fixture
def inside(shell: Shell, sandbox: SandboxServer) -> Inside:
    return Inside(shell.state, sandbox.base_url)


OTHERS = tuple(f"OLD-{number:04}" for number in range(MAX_KEYS + 1))


def test_cards_of_no_earlier_step_that_are_too_many_to_search_stop_a_plan_and_a_run(
    inside: Inside, sandbox: SandboxServer, snapshot: Path, tmp_path: Path
) -> None:
    words = ("--account", str(snapshot), "--json")
    path, sent = two_steps(tmp_path, used=(*CARDS[2:], *OTHERS)), len(sandbox.requests)
    planned = inside.run("run", path, "--plan", *words)
    ended = inside.run("run", path, *words)
    assert (planned.code, ended.code, len(sandbox.requests)) == (1, 1, sent), planned.err + ended.err
    found = planned.json["steps"][1]["preflight"]
    assert found["counts"]["ACC134"] == len(OTHERS)
    assert f"'{OTHERS[0]}' is not in step 1 of the recipe" in found["findings"][0]["message"]
    assert "add `accept: ACC134` to the step" in ended.err
    (step,) = ended.json["steps"]
    assert (step["number"], step["preflight"]["counts"]) == (2, found["counts"])
    path = two_steps(tmp_path, used=(*CARDS[2:], *OTHERS), accept="ACC134")
    assert inside.run("run", path, "--plan", *words).code == 0


def test_references_that_only_the_account_can_decide_are_listed(inside: Inside, snapshot: Path, tmp_path: Path) -> None:
    words = ("--plan", "--account", str(snapshot))
    cards = "identifiers among the cards of the program"
    left = f"{cards}: 1 value of identifier is not in step 1 of the recipe, and a snapshot contains none"
    path = two_steps(tmp_path, used=(*CARDS[1:], OTHERS[0]))
    found = [step["preflight"]["not_checked"] for step in inside.run("run", path, *words, "--json").json["steps"]]
    assert found == [[f"{cards}: a snapshot contains none"], [left]]
    assert f"step 2 (loyalty-points): not checked: {left}." in inside.run("run", path, *words).err
    path = two_steps(tmp_path, used=CARDS[1:])
    assert inside.run("run", path, *words, "--json").json["steps"][1]["preflight"]["not_checked"] == []
    members = inside.run("run", recipe(tmp_path, "Gold"), *words, "--json")
    assert [step["preflight"]["not_checked"] for step in members.json["steps"]] == [[], []]
    (tmp_path / "tiers.csv").write_text("customerprofileid,tiername\nc-1,Gold\nnew,Gold\nother,Gold\n")
    steps = json.loads((tmp_path / "members.yaml").read_text())["steps"]
    steps[1] = {"contract": "loyalty-tiers", "file": "tiers.csv", "ids": {"program": 1}}
    (tmp_path / "members.yaml").write_text(json.dumps({"name": "members", "steps": steps}))
    members = inside.run("run", str(tmp_path / "members.yaml"), *words, "--json")
    absent = "2 values of customerprofileid are not in step 1 of the recipe"
    profiles = [f"customer profiles: {absent}, and a snapshot contains none"]
    assert (members.code, members.json["steps"][1]["preflight"]["not_checked"]) == (0, profiles), members.err


def test_budgets_of_stores_that_no_earlier_step_links_do_not_fit(
    inside: Inside, snapshot: Path, tmp_path: Path
) -> None:
    (tmp_path / "stores.csv").write_text("store_integration_id\nSTORE-001\n")
    (tmp_path / "budgets.csv").write_text("store_integration_id,limit\nSTORE-001,5\nSTORE-002,5\n")
    ids = {"application": 1, "campaign": 1}
    stores = {"contract": "stores", "file": "stores.csv", "ids": ids}
    options = {"action": "setDiscount", "period": "overall"}
    budgets = {"contract": "store-budgets", "file": "budgets.csv", "ids": ids, "options": options}
    path = tmp_path / "stores.yaml"
    path.write_text(json.dumps({"name": "stores", "steps": [stores, budgets]}))
    ended = inside.run("run", str(path), "--plan", "--account", str(snapshot), "--json")
    assert (ended.code, ended.json["steps"][1]["preflight"]["counts"].get("ACC134")) == (1, 1), ended.err
    assert "budgets.csv:3: ACC134 not-in-earlier-step: 'STORE-002' is not in step 1 of the recipe" in ended.err
