"""Before anything is sent, the target and the file are compared with the account: import, run and jobs resume."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bulkops.account.reading import MAX_REQUESTS
from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.serve import SandboxServer
from bulkops.sandbox.world import Application, Attribute, Campaign, Program
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Column
from tests.cli.running import KEY, Ended, Shell
from tests.cli.terminal import asked
from tests.foreign.server import ForeignServer

CAMPAIGN = ("--application", "1", "--campaign", "1")
CARDS = "identifier,state\nCARD-0901,active\n"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Run a sandbox with what imports can get wrong: a campaign without codes, a program without subledgers."""
    world = DEFAULT.model_copy(
        update={
            "applications": (Application(id=1, name="Web shop", mandatory_coupon_attributes=("category",)),),
            "campaigns": (
                Campaign(id=1, name="Autumn"),
                Campaign(id=2, name="Gifts", features=("giveaways",)),
                Campaign(id=3, name="Last year", state="archived"),
            ),
            "programs": (*DEFAULT.programs, Program(id=3, name="plain", allow_subledger=False)),
            "attributes": (
                *DEFAULT.attributes,
                Attribute(id=90, entity="CustomerProfile", name="level", type="string"),
                Attribute(id=91, entity="Coupon", name="size", type="string", restricted=True, suggestions=("S", "M")),
            ),
        }
    )
    with SandboxServer(key=KEY, world=world) as server:
        yield server


def written(tmp_path: Path, text: str, name: str = "f.csv") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def attributes(*objects: Mapping[str, object]) -> str:
    """Return a coupon file with a record for each object."""
    cells = (json.dumps(each).replace('"', '""') for each in objects)
    return "value,attributes\n" + "".join(f'CODE-{number},"{cell}"\n' for number, cell in enumerate(cells, start=1))


def nothing_was_sent(sandbox: SandboxServer) -> bool:
    posts = {request.template for request in sandbox.requests if request.method != "GET"}
    return posts <= {"/v1/customer_search/no_total"}


def refused(shell: Shell, sandbox: SandboxServer, *words: str, code: int) -> dict[str, list[tuple[int | None, str]]]:
    """Run an import that is refused; return the records and messages of its findings by rule."""
    ended = shell.run("import", *words, "--json")
    assert (ended.code, ended.json["job"], ended.json["state"]) == (code, None, "refused"), ended
    assert nothing_was_sent(sandbox)
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}
    found: dict[str, list[tuple[int | None, str]]] = {}
    for finding in ended.json["preflight"]["findings"]:
        found.setdefault(finding["code"], []).append((finding["record"], finding["message"]))
    return found


@pytest.mark.parametrize(
    ("contract", "ids", "said"),
    [
        ("coupons", ("--application", "1", "--campaign", "17"), "there is no campaign 17 in application 1. Known: 1 "),
        ("coupons", ("--application", "9", "--campaign", "1"), "there is no application 9 in the account. Known: 1 "),
        ("loyalty-points", ("--program", "7"), "there is no program 7 in the account. Known: 1 'Points club'"),
        ("audiences", ("--audience", "5"), "there is no audience 5 in the account. Known: 1 'Newsletter readers'"),
        ("collections", ("--collection", "2"), "there is no collection 2 in the account. Known: 1 "),
        ("collections", (*CAMPAIGN, "--collection", "1"), "there is no collection 1 in campaign 1. Known: 2 "),
        ("attribute-values", ("--attribute", "777"), "there is no attribute 777 in the account."),
    ],
)
def test_an_unknown_id_is_exit_2_before_a_job_begins(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, contract: str, ids: tuple[str, ...], said: str
) -> None:
    columns = CONTRACTS[contract].columns
    texts = [",".join(column.name for column in columns), ",".join(f'"{_example(column)}"' for column in columns)]
    found = refused(shell, sandbox, contract, written(tmp_path, "\n".join(texts) + "\n"), *ids, code=2)
    ((record, message),) = found["ACC101"]
    assert (str(record), message.startswith(said)) == ("None", True), message


def _example(column: Column) -> str:
    """Return the example of a column; blank where another column of the record excludes it."""
    return "" if column.name in ("identifier", "validityDuration") else column.example.replace('"', '""')


@pytest.mark.parametrize(
    ("contract", "text", "ids", "rule"),
    [
        ("loyalty-cards", CARDS, ("--program", "1"), "ACC102"),
        ("loyalty-tiers", "customerprofileid,tiername\ncustomer-0001,Gold\n", ("--program", "2"), "ACC102"),
        ("coupons", "value,attributes\nCODE-1,\n", ("--application", "1", "--campaign", "2"), "ACC103"),
    ],
)
def test_a_target_that_does_not_fit_the_contract_is_exit_2(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, contract: str, text: str, ids: tuple[str, ...], rule: str
) -> None:
    assert list(refused(shell, sandbox, contract, written(tmp_path, text), *ids, code=2)) == [rule]


@pytest.mark.parametrize(
    ("contract", "text", "ids", "expected"),
    [
        (
            "loyalty-points",
            "customerprofileid,amount\nc-1,5\nc-2,6\n",
            ("--program", "2"),
            {"ACC114": [1]},
        ),
        (
            "loyalty-points",
            "customerprofileid,amount,subledgerid\nc-1,5,\nc-2,6,travel\n",
            ("--program", "3"),
            {"ACC113": [2]},
        ),
        (
            "loyalty-tiers",
            "customerprofileid,tiername\ncustomer-0001,Gold\ncustomer-0002,Glod\ncustomer-0003,Gold\n",
            ("--program", "1"),
            {"ACC111": [2]},
        ),
        ("stores", "store_integration_id\nSTORE-001\nSTORE-999\n", CAMPAIGN, {"ACC112": [2]}),
        ("store-budgets", "store_integration_id,limit\nSTORE-001,5\nSTORE001,5\n", CAMPAIGN, {"ACC112": [2]}),
        (
            "coupons",
            attributes(
                {"category": "x", "priority": 1},
                {"category": "x", "prioritty": 1},
                {"category": "x", "level": "high"},
                {"category": "x", "priority": "1"},
                {"category": "x", "size": "XL"},
                {"priority": 2},
            ),
            CAMPAIGN,
            {"ACC121": [2], "ACC122": [3], "ACC123": [4], "ACC124": [6], "ACC125": [5]},
        ),
        ("giveaways", 'code,attributes\nG-1,"{""nope"": 1}"\n', ("--pool", "1"), {"ACC121": [1]}),
    ],
)
def test_a_cell_that_does_not_fit_the_account_is_exit_1_and_located(
    shell: Shell,
    sandbox: SandboxServer,
    tmp_path: Path,
    contract: str,
    text: str,
    ids: tuple[str, ...],
    expected: dict[str, list[int]],
) -> None:
    found = refused(shell, sandbox, contract, written(tmp_path, text), *ids, code=1)
    assert {code: [record for record, _ in each] for code, each in found.items()} == expected


def test_findings_are_printed_with_their_line_and_the_nearest_name(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = written(tmp_path, attributes({"category": "x"}, {"category": "x", "prioritty": 1}))
    ended = shell.run("import", "coupons", file, *CAMPAIGN)
    assert (
        f"{file}:3: ACC121 unknown-attribute: 'prioritty' is not an attribute of Coupon. Did you mean 'pr" in ended.out
    )
    assert "1 cell does not fit the account. Nothing was sent." in ended.err
    assert "--accept ACC121" in ended.err


def test_an_accepted_rule_lets_the_file_go_to_the_server(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = written(tmp_path, attributes({"category": "x", "size": "XL"}))
    ended = shell.run("import", "coupons", file, *CAMPAIGN, "--accept", "ACC125", "--json")
    assert (ended.code, sandbox.state.count("coupon")) == (0, 1), ended.err
    assert ended.json["preflight"]["counts"] == {}


def test_a_key_that_may_not_read_is_reported_and_the_import_goes_on(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("getCampaign=403,getAttributes=403")
    file = written(tmp_path, attributes({"category": "x"}))
    ended = shell.run("import", "coupons", file, *CAMPAIGN, "--json")
    assert (ended.code, sandbox.state.count("coupon")) == (0, 1), ended.err
    assert ended.json["preflight"]["not_checked"] == [
        "campaign 1: the key does not grant getCampaign (403)",
        "the attributes: the key does not grant getAttributes (403)",
    ]
    assert "Not checked: campaign 1: the key does not grant getCampaign (403); the attributes" in ended.err


def test_a_server_that_fails_at_reading_is_asked_no_further_and_the_import_goes_on(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("getApplication@1-3=503")
    ended = shell.run("import", "coupons", written(tmp_path, "value\nCODE-1\n"), *CAMPAIGN, "--json")
    assert (ended.code, sandbox.state.count("coupon")) == (0, 1), ended.err
    assert ended.json["preflight"]["requests"] == 1
    assert len(ended.json["preflight"]["not_checked"]) == 2


def test_an_import_into_a_server_without_reading_operations_is_sent(tmp_path: Path) -> None:
    with ForeignServer() as server:
        server.world.key = KEY
        shell = Shell(tmp_path / "state", server.base_url)
        file = written(tmp_path, "customerprofileid,tiername\nc-1,Anything\n")
        ended = shell.run("import", "loyalty-tiers", file, "--program", "4", "--json")
        assert (ended.code, len(server.world.rows["loyalty-tiers"])) == (0, 1), ended.err
        assert ended.json["preflight"]["findings"] == []
        assert any("getLoyaltyPrograms (404)" in text for text in ended.json["preflight"]["not_checked"])


def test_profiles_that_must_exist_are_searched_announced_and_only_warned_of(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    names = [f"customer-{number:04d}" for number in range(1, 301)] + [f"nobody-{number}" for number in range(900)]
    file = written(tmp_path, "customerprofileid,tiername\n" + "".join(f"{name},Gold\n" for name in names))
    ended = shell.run("import", "loyalty-tiers", file, "--program", "1", "--dry-run", "--json")
    assert (ended.code, ended.json["preflight"]["counts"]) == (0, {"ACC131": 900}), ended.err
    assert ended.json["preflight"]["findings"][0]["record"] == 301
    assert "Preflight: searching 1,200 customer profiles, with 2 requests." in ended.err
    assert sum(request.method == "POST" for request in sandbox.requests) == 2


def test_a_file_of_100000_rows_takes_at_most_ten_requests_and_no_search_beyond_the_limit(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    rows = "".join(f"customer-{number},Gold\n" for number in range(100_000))
    file = written(tmp_path, "customerprofileid,tiername\n" + rows)
    ended = shell.run("import", "loyalty-tiers", file, "--program", "1", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert len(sandbox.requests) == ended.json["preflight"]["requests"] <= MAX_REQUESTS
    assert ended.json["preflight"]["not_checked"] == ["customer profiles: the file names more than 5,000"]


def test_the_question_shows_the_names_behind_the_ids_the_mode_and_the_amount(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = written(tmp_path, attributes({"category": "x"}, {"category": "y"}))
    code, seen = asked(
        shell, "import", "coupons", file, "--application", "1", "--campaign", "3", question="Send it?", answer="n"
    )
    facts = " ".join(seen.partition("Send it?")[0].split())
    assert (code, sandbox.state.count("coupon")) == (130, 0)
    assert "2 records in 1 request" in facts
    assert "creates coupon codes in a campaign" in facts
    assert f"Target: {sandbox.base_url}, application 1 'Web shop' (sandbox), campaign 3 'Last year' (archived)" in facts
    assert "ACC104 archived-campaign" in facts


def test_the_question_of_a_replacement_shows_names_and_changes(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = written(tmp_path, "profileintegrationid\ncustomer-0001\ncustomer-0002\n")
    words = ("import", "audiences", file, "--audience", "1")
    code, seen = asked(shell, *words, question="Send it?", answer="y")
    facts = " ".join(seen.partition("Send it?")[0].split())
    assert (code, sandbox.state.count("audience_member")) == (0, 2)
    assert "audience 1 'Newsletter readers'" in facts
    assert "2 added, 0 changed, 0 removed, 0 kept" in facts


def recipe(tmp_path: Path, *steps: dict[str, object]) -> str:
    return written(tmp_path, yaml.safe_dump({"name": "night", "steps": list(steps)}), "night.yaml")


def swapped(tmp_path: Path) -> str:
    """Return a recipe with a correct first step and two steps that have each other's program."""
    points = "customerprofileid,amount\ncustomer-0001,5\n"
    return recipe(
        tmp_path,
        {"contract": "giveaways", "file": written(tmp_path, "code\nG-1\n", "g.csv"), "ids": {"pool": 1}},
        {"contract": "loyalty-cards", "file": written(tmp_path, CARDS, "c.csv"), "ids": {"program": 1}},
        {"contract": "loyalty-points", "file": written(tmp_path, points, "p.csv"), "ids": {"program": 2}},
    )


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_recipe_with_swapped_programs_sends_nothing_and_names_every_step_that_does_not_fit(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, more: tuple[str, ...]
) -> None:
    ended = shell.run("run", swapped(tmp_path), *more, "--json")
    assert (ended.code, ended.json["state"]) == (2, "stopped"), ended.err
    assert [step["contract"] for step in ended.json["steps"]] == ["loyalty-cards", "loyalty-points"]
    assert [step["findings"] for step in ended.json["steps"]] == [{"ACC102": 1}, {"ACC114": 1}]
    assert "Known card-based programs: 2 'Card club'" in ended.json["error"]["message"]
    assert "`accept: ACC102` in the step" in ended.json["error"]["hint"]
    assert "loyalty-points: " in ended.err
    assert nothing_was_sent(sandbox)
    assert shell.run("jobs", "list", "--json").json == {"jobs": []}


def test_a_recipe_reads_the_account_once_for_all_its_steps(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    steps: list[dict[str, object]] = [
        {
            "contract": "coupons",
            "file": written(tmp_path, f"value,attributes\nCODE-{n},\n", f"{n}.csv"),
            "ids": {"application": 1, "campaign": 1},
        }
        for n in range(3)
    ]
    ended = shell.run("run", recipe(tmp_path, *steps), "--json")
    assert (ended.code, sandbox.state.count("coupon")) == (0, 3), ended.err
    reads = [request.template for request in sandbox.requests if request.template.endswith("{campaignId}")]
    assert len(reads) == 1


def test_a_resumed_job_is_checked_again_before_its_pending_records_go(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = written(tmp_path, attributes(*[{"category": "x", "size": "S"}] * 4))
    sandbox.set_faults("imports@2=401")
    words = ("import", "coupons", file, *CAMPAIGN, "--max-rows", "2", "--json")
    stopped = shell.run(*words)
    assert (stopped.json["state"], sandbox.state.count("coupon")) == ("unfinished", 2), stopped.err
    sandbox.set_faults(None)
    world = sandbox.state.world
    sizes = world.attributes[-1].model_copy(update={"suggestions": ("M",)})
    resumed = changed_world(shell, sandbox, attributes=(*world.attributes[:-1], sizes))
    assert (resumed.code, resumed.json["state"], resumed.json["records"]["pending"]) == (1, "unfinished", 2)
    assert resumed.json["preflight"]["counts"] == {"ACC125": 4}
    assert sandbox.state.count("coupon") == 2
    again = changed_world(shell, sandbox, attributes=world.attributes)
    assert (again.code, again.json["state"], sandbox.state.count("coupon")) == (0, "done", 4), again.err


def changed_world(shell: Shell, sandbox: SandboxServer, **changes: object) -> Ended:
    """Resume the last job after the account has changed."""
    world = sandbox.state.world.model_copy(update=changes)
    sandbox.state = sandbox._service.state = replace(sandbox.state, world=world)
    return shell.run("jobs", "resume", "--json")


def loyalty_steps(tmp_path: Path, cards: str, points: str, **more: object) -> str:
    """Return a recipe that imports cards and then their points into the card-based program of the sandbox."""
    steps: list[dict[str, object]] = [
        {"contract": "loyalty-cards", "file": written(tmp_path, cards, "cards.csv"), "ids": {"program": 2}},
        {"contract": "loyalty-points", "file": written(tmp_path, points, "points.csv"), "ids": {"program": 2}, **more},
    ]
    return recipe(tmp_path, *steps)


def test_points_for_cards_of_no_earlier_step_stop_a_recipe_with_their_records(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    cards = "identifier,state\n" + "".join(f"NEW-{n:04},active\n" for n in range(50))
    points = "identifier,amount\n" + "".join(f"NEW-{n:04},5\n" for n in range(45, 55))
    ended = shell.run("run", loyalty_steps(tmp_path, cards, points), "--json")
    assert (ended.code, nothing_was_sent(sandbox)) == (1, True), ended.err
    (step,) = ended.json["steps"]
    found = step["preflight"]
    assert (step["number"], found["counts"]) == (2, {"ACC134": 5})
    assert [each["record"] for each in found["findings"]] == [6, 7, 8, 9, 10]
    assert "is not in step 1 of the recipe" in found["findings"][0]["message"]
    accepted = loyalty_steps(tmp_path, cards, points, accept="ACC134")
    assert shell.run("run", accepted, "--dry-run").code == 0


def test_a_few_cards_of_no_earlier_step_are_searched_in_the_account(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    imported = written(tmp_path, CARDS, "before.csv")
    assert shell.run("import", "loyalty-cards", imported, "--program", "2", "--yes").code == 0
    steps = loyalty_steps(tmp_path, "identifier,state\nNEW-0001,active\n", "identifier,amount\nCARD-0901,5\n")
    ended = shell.run("run", steps, "--json")
    assert ended.code == 0, ended.err
    assert "Preflight: searching 1 of the file's" in ended.err
    assert {step["as_expected"] for step in ended.json["steps"]} == {True}


def test_the_order_of_steps_and_the_program_decide_which_cards_an_earlier_step_creates(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    card_file = written(tmp_path, CARDS, "cards.csv")
    one = written(tmp_path, "identifier,amount\nCARD-0901,5\n", "one.csv")
    cards: dict[str, object] = {"contract": "loyalty-cards", "file": card_file, "ids": {"program": 2}}
    points: dict[str, object] = {"contract": "loyalty-points", "file": one, "ids": {"program": 2}}
    elsewhere: dict[str, object] = {
        "contract": "loyalty-points",
        "file": written(tmp_path, "customerprofileid,amount\nc-1,5\n", "two.csv"),
        "ids": {"program": 1},
    }
    assert shell.run("run", recipe(tmp_path, cards, elsewhere, points), "--dry-run").code == 0
    ended = shell.run("run", recipe(tmp_path, points, cards), "--dry-run")
    assert (ended.code, "'CARD-0901' is not in an earlier step of the recipe" in ended.err) == (1, True), ended.err
    other = points | {"ids": {"program": 3}}
    assert "ACC134" not in shell.run("run", recipe(tmp_path, cards, other), "--dry-run").err


def test_members_of_no_earlier_points_step_are_searched_and_only_warned_of(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    points = written(tmp_path, "customerprofileid,amount\nnew-1,5\nnew-2,5\n", "points.csv")
    tiers = written(tmp_path, "customerprofileid,tiername\nnew-1,Gold\ncustomer-0001,Gold\nnobody,Gold\n", "tiers.csv")
    steps = recipe(
        tmp_path,
        {"contract": "loyalty-points", "file": points, "ids": {"program": 1}},
        {"contract": "loyalty-tiers", "file": tiers, "ids": {"program": 1}},
    )
    ended = shell.run("run", steps, "--dry-run")
    assert ended.code == 0, ended.err
    assert "Preflight: searching 2 customer profiles, with 1 request." in ended.err
    assert "tiers.csv:4: ACC131 unknown-profile: 'nobody' is not" in ended.err
