"""Exports in import form, and copies between deployments: each contract is proved in an empty deployment."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bulkops.sandbox.default_world import DEFAULT
from bulkops.sandbox.serve import SandboxServer
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from tests.cli.running import KEY, Ended, Inside, Shell

IDS = {
    "audiences": "--audience 1", "collections": "--collection 1", "coupons": "--application 1 --campaign 1",
    "giveaways": "--pool 1", "loyalty-cards": "--program 2", "loyalty-join-dates": "--program 1",
    "loyalty-points": "--program 1", "loyalty-tiers": "--program 1", "referrals": "--application 1 --campaign 1",
    "store-budgets": "--application 1 --campaign 1 --action setDiscount --period weekly",
    "stores": "--application 1 --campaign 1",
}  # fmt: skip
ODD = ("plain", "with, comma", 'with "quotes"', "naïve ☃", "two  spaces", "x;y".replace(";", ":"), "007", "1.50")
DATES = ("", "2031-01-31T23:59:59Z", "2031-06-01T00:00:00+05:30", "2030-02-28T12:00:00.5-01:00")
ROWS = 40
WORLD = DEFAULT.model_copy(update={"cards": ()})
Cells = Callable[[random.Random, int], dict[str, str]]


def attributes(chance: random.Random) -> str:
    names = {"category": chance.choice(ODD), "priority": chance.choice([1, 2.5, -3]), "vip": chance.random() < 0.5,
             "tags": ["a", chance.choice(ODD)]}  # fmt: skip
    chosen = {name: value for name, value in names.items() if chance.random() < 0.5}
    return json.dumps(chosen, ensure_ascii=False) if chosen else ""


def profile(number: int) -> str:
    return f"customer-{number % 300 + 1:04}"


CELLS: dict[str, Cells] = {
    "audiences": lambda c, n: {"profileintegrationid": f"{c.choice(ODD)} {n}"},
    "collections": lambda c, n: {"item": f"{c.choice(ODD)} {n}"},
    "coupons": lambda c, n: {
        "value": f"CODE-{n:04}", "expirydate": c.choice(DATES), "limitval": c.choice(["", "0", "7"]),
        "recipientintegrationid": c.choice(["", profile(n)]), "discountlimit": c.choice(["", "10.5", "1000000"]),
        "attributes": attributes(c),
    },
    "giveaways": lambda c, n: {"code": f"GIFT {n % 7}", "enddate": c.choice(DATES), "attributes": attributes(c)},
    "loyalty-cards": lambda c, n: {
        "identifier": f"C@RD+{n:04}%", "state": c.choice(["active", "inactive"]), "attributes": attributes(c),
        "customerprofileids": ";".join(profile(n + k) for k in range(c.randrange(4))),
    },
    "loyalty-join-dates": lambda c, n: {"customerprofileid": profile(n), "joindate": c.choice(DATES[1:])},
    "loyalty-points": lambda c, n: {
        "customerprofileid": profile(n % 9), "amount": f"{c.randrange(1, 10**6) / 100:.2f}",
        "startdate": c.choice(["", "immediate", "2030-01-01T00:00:00Z"]), "expirydate": c.choice(DATES),
        "reason": c.choice(ODD),
    },
    "loyalty-tiers": lambda c, n: {
        "customerprofileid": profile(n), "tiername": c.choice(["Bronze", "Silver", "Gold"]), "expirydate": DATES[1],
    },
    "referrals": lambda c, n: {
        "code": f"REF-{n:04}", "advocateprofileintegrationid": profile(n), "limitval": c.choice(["", "0", "5"]),
        "startdate": c.choice(["", "2026-01-01T00:00:00Z"]), "attributes": attributes(c),
    },
    "store-budgets": lambda c, n: {"store_integration_id": f"STORE-{n % 50 + 1:03}", "limit": str(c.randrange(9999))},
    "stores": lambda _, n: {"store_integration_id": f"STORE-{n % 50 + 1:03}"},
}  # fmt: skip


def write(folder: Path, contract: str, seed: int = 0) -> str:
    """Write a valid file of random records."""
    chance = random.Random(f"{contract}{seed}")
    rows = [CELLS[contract](chance, n) for n in range(ROWS)]
    quote = str.maketrans({'"': '""'})
    lines = [",".join(rows[0]), *(",".join(f'"{cell.translate(quote)}"' for cell in row.values()) for row in rows)]
    path = folder / f"{contract}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Inside]:
    with SandboxServer(key=KEY, rate_limit=0, world=WORLD) as server:
        yield Inside(tmp_path / "state", server.base_url)


@pytest.fixture
def empty() -> Iterator[SandboxServer]:
    with SandboxServer(key=KEY, rate_limit=0, world=WORLD) as server:
        yield server


def fill(shell: Inside, folder: Path, contract: str, seed: int = 0) -> None:
    ended = shell.run("import", contract, write(folder, contract, seed), *IDS[contract].split(), "--yes")
    assert ended.code == 0, ended.err


def test_every_contract_that_can_be_read_back_has_a_case() -> None:
    assert set(IDS) == set(CELLS) == {c.name for c in CONTRACTS.values() if any(r.readback for r in c.routes)}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 8))])
@pytest.mark.parametrize("contract", sorted(CELLS))
def test_export_for_import_is_accepted_and_proved_in_an_empty_deployment(
    contract: str, seed: int, source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    fill(source, tmp_path, contract, seed)
    exported = tmp_path / "exported.csv"
    ended = source.run("export", contract, *IDS[contract].split(), "--for-import", "-o", str(exported), "--json")
    assert (ended.code, ended.json["errors"]) == (0, 0), ended.err
    books = ended.json["books"]
    assert books["rows"] == books["records"] + books["merged"] + sum(books["left_out"].values())
    assert validate_files(CONTRACTS[contract], [exported]).files[0].records == books["records"] > 0
    other = Inside(tmp_path / "other", empty.base_url)
    words = (*IDS[contract].split(), "--yes", "--reconcile", "--settle", "0", "--json")
    ended = other.run("import", contract, str(exported), *words)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    again = tmp_path / "again.csv"  # the copy exports the same records as its source
    ended = other.run("export", contract, *IDS[contract].split(), "--for-import", "-o", str(again))
    assert ended.code == 0
    assert lines(again) == lines(exported)


def lines(path: Path) -> Counter[str]:
    return Counter(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("attribute-values", "--attribute", "1"), "The API cannot return"),
        (("effects", "--application", "1"), "No import takes the rows"),
        (("customer-balances", "--program", "1"), "export loyalty-points --for-import"),
        (("coupons", "--application", "1"), "needs --campaign"),
        (("loyalty-points", "--program", "1", "--created-after", "2026-01-01"), "--created-after"),
        (("coupons", "--application", "1", "--campaign", "1", "--values-only"), "--values-only"),
    ],
)
def test_export_that_cannot_become_an_import_file_is_refused_with_the_reason(
    words: tuple[str, ...], said: str, source: Inside, tmp_path: Path
) -> None:
    ended = source.run("export", *words, "--for-import", "-o", str(tmp_path / "x.csv"))
    assert ended.code == 2
    assert said in ended.err
    assert not (tmp_path / "x.csv").exists()


def test_saved_export_is_converted_without_a_request(source: Inside, tmp_path: Path) -> None:
    fill(source, tmp_path, "coupons")
    saved, direct, converted = (tmp_path / name for name in ("saved.csv", "direct.csv", "converted.csv"))
    ids = IDS["coupons"].split()
    assert source.run("export", "coupons", *ids, "-o", str(saved)).code == 0
    assert source.run("export", "coupons", *ids, "--for-import", "-o", str(direct)).code == 0
    offline = Inside(tmp_path / "offline", "")
    words = ("export", "coupons", "--for-import", "--saved")
    assert offline.run(*words, str(saved), "-o", str(converted)).code == 0
    assert converted.read_bytes() == direct.read_bytes()
    refused = offline.run(*words, str(direct), "-o", str(tmp_path / "x.csv"))
    assert (refused.code, "is not an export of coupons" in refused.err) == (1, True)
    text = saved.read_text(encoding="utf-8")
    saved.write_text(text[: len(text) - 9], encoding="utf-8")
    refused = offline.run(*words, str(saved), "-o", str(tmp_path / "x.csv"))
    assert (refused.code, "is not a complete export" in refused.err) == (1, True)


def deployments(folder: Path, source: str, target: str) -> str:
    ids = "application = 1\ncampaign = 1\npool = 1\nprogram = 1\ncollection = 1\naudience = 1\n"
    key = 'key = {env = "BULKOPS_MANAGEMENT_KEY"}\n'
    tables = [f'[targets.{name}]\nbase_url = "{url}"\n{key}{ids}' for name, url in (("old", source), ("new", target))]
    path = folder / "bulkops.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return str(path)


def copy(shell: Shell, config: str, *words: str) -> Ended:
    fixed = ("--from", "old", "--to", "new", "--settle", "0", "--yes", "--json")
    return shell.run("--config", config, "copy", *words, *fixed)


PROFILE_BASED = [name for name in sorted(CELLS) if name != "loyalty-cards"]


def test_all_contracts_are_copied_in_order_and_proved_against_the_source(
    source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    for contract in PROFILE_BASED:
        fill(source, tmp_path, contract)
    config = deployments(tmp_path, source.base_url, empty.base_url)
    (tmp_path / "table.toml").write_text("[[ids]]\nfrom = {collection = 1}\nto = {collection = 1}\n")
    words = (*PROFILE_BASED, "--table", str(tmp_path / "table.toml"))
    shown = source.run("--config", str(config), "copy", "stores", "--from", "old", "--to", "new", "--dry-run")
    assert ("minimum time" in shown.out, "least" in shown.out) == (True, False), shown
    tested = copy(source, config, "coupons", "stores", "--dry-run")
    assert tested.code == 0, tested.err
    assert (tested.code, tested.json["dry_run"], empty.state.rows("coupon")) == (0, True, [])
    ended = copy(source, config, *words)
    assert (ended.code, ended.json["state"]) == (0, "done"), ended.err
    steps = ended.json["steps"]
    assert {step["source_comparison"]["verdict"] for step in steps} == {"proved"}
    order = [step["contract"] for step in steps]
    assert order.index("loyalty-points") < order.index("loyalty-tiers") < order.index("loyalty-join-dates")
    assert order.index("stores") < order.index("store-budgets")
    assert [s["options"] for s in steps if s["contract"] == "store-budgets"] == [
        {"action": "setDiscount", "period": "weekly"}
    ]  # the other periods have no rows
    assert next(s for s in steps if s["contract"] == "loyalty-points")["options"]["notifications"] == "false"
    again = copy(source, config, "coupons", "giveaways")
    assert (again.code, len(empty.state.rows("giveaway"))) == (0, ROWS)
    assert all(step["result"]["already_done_by"] for step in again.json["steps"])


def test_cards_and_their_points_are_copied_in_order(source: Inside, empty: SandboxServer, tmp_path: Path) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text("identifier,state\nCARD-A001,active\nCARD-A002,active\n")
    points = tmp_path / "points.csv"
    points.write_text("identifier,amount,expirydate\nCARD-A001,5,\nCARD-A001,2.5,2031-01-01T00:00:00Z\nCARD-A002,1,\n")
    for contract, file in (("loyalty-cards", cards), ("loyalty-points", points)):
        assert source.run("import", contract, str(file), "--program", "2", "--yes").code == 0
    config = deployments(tmp_path, source.base_url, empty.base_url)
    table = tmp_path / "table.toml"
    table.write_text("[[ids]]\nfrom = {program = 2}\nto = {program = 2}\n")
    ended = copy(source, config, "loyalty-points", "loyalty-cards", "--table", str(table))
    assert ended.code == 0, ended.err
    assert [step["contract"] for step in ended.json["steps"]] == ["loyalty-cards", "loyalty-points"]
    held = Counter((row["card"], row["amount"]) for row in empty.state.rows("point"))
    assert held == Counter({("CARD-A001", "5"): 1, ("CARD-A001", "2.5"): 1, ("CARD-A002", "1"): 1})


def test_table_translates_ids_attributes_and_names(source: Inside, empty: SandboxServer, tmp_path: Path) -> None:
    coupons = tmp_path / "coupons.csv"
    coupons.write_text('value,attributes\nA-0001,"{""category"": ""x"", ""vip"": true}"\nA-0002,\n')
    tiers = tmp_path / "tiers.csv"
    tiers.write_text("subledgerid,customerprofileid,tiername,expirydate\n,customer-0001,Gold,2031-01-01T00:00:00Z\n")
    assert source.run("import", "coupons", str(coupons), *IDS["coupons"].split(), "--yes").code == 0
    assert source.run("import", "loyalty-tiers", str(tiers), "--program", "1", "--yes").code == 0
    config = deployments(tmp_path, source.base_url, empty.base_url)
    table = tmp_path / "table.toml"
    table.write_text('[tiers]\nGold = "Silver"\n[attributes.Coupon]\ncategory = "source_system"\nvip = ""\n')
    ended = copy(source, config, "coupons", "loyalty-tiers", "--table", str(table))
    assert ended.code == 0, ended.err
    assert [json.loads(r["attributes"] or "{}") for r in empty.state.rows("coupon")] == [{"source_system": "x"}, {}]
    assert [row["tiername"] for row in empty.state.rows("tier")] == ["Silver"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[tiers]\nGold = 1\n", 2, "tiers.Gold must be text"),
        ("[[ids]]\nfrom = {program = 1}\nto = {program = 2}\n\n[[ids]]\nfrom = {program = 0}\nto = {program = 1}\n", 6,
         "ids.2.from.program must be at least 1"),
        ("[[ids]]\nfrom = {program = 1}\nto = {pool = 2}\n", 1, "from and to must name the same ids"),
        ("[[ids]]\nfrom = {programs = 1}\nto = {programs = 2}\n", 1, "unknown id 'programs'"),
        ("[tier]\nGold = 'x'\n", 1, "unknown key 'tier'"),
        ("[options.coupon]\nx = true\n", 1, "unknown contract 'coupon'"),
        ("[attributes.Coupons]\na = 'b'\n", 1, "unknown entity 'Coupons'"),
        ("[tiers\n", None, "is not valid TOML"),
    ],
)  # fmt: skip
def test_mistake_in_the_table_is_named_with_file_line_and_key(
    text: str, line: int | None, said: str, source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    table = tmp_path / "table.toml"
    table.write_text(text)
    ended = copy(source, deployments(tmp_path, source.base_url, empty.base_url), "coupons", "--table", str(table))
    assert ended.code == 2
    assert said in ended.err
    assert (f"table.toml, line {line}: " if line else "table.toml ") in ended.err


def test_copy_onto_itself_and_of_unreadable_rows_is_refused(source: Inside, tmp_path: Path) -> None:
    config = deployments(tmp_path, source.base_url, source.base_url)
    ended = copy(source, config, "coupons")
    assert (ended.code, "copied onto itself" in ended.err) == (2, True)
    ended = copy(source, config, "attribute-values")
    assert (ended.code, "The API cannot return" in ended.err) == (2, True)
    table = tmp_path / "table.toml"
    table.write_text("".join(f"[[ids]]\nfrom = {{collection = {n}}}\nto = {{collection = 9}}\n" for n in (1, 2)))
    ended = copy(source, config, "collections", "--table", str(table))
    assert (ended.code, "would replace the rows of the first" in ended.err) == (2, True)


def test_changed_balances_are_not_copied_a_second_time(source: Inside, empty: SandboxServer, tmp_path: Path) -> None:
    fill(source, tmp_path, "loyalty-points")
    config = deployments(tmp_path, source.base_url, empty.base_url)
    assert copy(source, config, "loyalty-points").code == 0
    held = len(empty.state.rows("point"))
    more = tmp_path / "more.csv"
    more.write_text("customerprofileid,amount\ncustomer-0001,1\n")
    assert source.run("import", "loyalty-points", str(more), "--program", "1", "--yes").code == 0
    ended = copy(source, config, "loyalty-points")
    assert (ended.code, len(empty.state.rows("point"))) == (5, held)
    assert "a second time" in ended.err


def test_only_new_applies_to_the_contracts_that_can_leave_out_records(
    source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    fill(source, tmp_path, "coupons")
    fill(source, tmp_path, "loyalty-tiers")
    config = deployments(tmp_path, source.base_url, empty.base_url)
    assert copy(source, config, "coupons", "loyalty-tiers").code == 0
    more = tmp_path / "more.csv"
    more.write_text("value\nNEW-0001\n")
    assert source.run("import", "coupons", str(more), *IDS["coupons"].split(), "--yes").code == 0
    fill(source, tmp_path, "loyalty-tiers", seed=1)
    ended = copy(source, config, "coupons", "loyalty-tiers", "--only-new")
    assert ended.code == 0, ended.err
    assert [each["result"]["import"]["records"]["accepted"] for each in ended.json["steps"]] == [1, ROWS]
    assert len(empty.state.rows("coupon")) == ROWS + 1


def test_source_that_lost_a_row_on_the_way_is_not_proved(source: Inside, empty: SandboxServer, tmp_path: Path) -> None:
    """The proof is against the source: a row that only the import file lost is found."""
    from bulkops.exporting.import_form import ImportForm

    fill(source, tmp_path, "coupons")
    config = deployments(tmp_path, source.base_url, empty.base_url)
    records = ImportForm.records
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImportForm, "records", lambda self, rows: records(self, rows.head(rows.height - 1)))
        ended = copy(source, config, "coupons")
    assert (ended.code, ended.json["state"]) == (1, "stopped")
    assert ended.json["steps"][0]["source_comparison"]["missing"] == 1


def test_step_that_does_not_fit_the_account_is_reported_at_its_place_with_the_option(
    source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    fill(source, tmp_path, "coupons")
    fill(source, tmp_path, "loyalty-tiers")
    config = deployments(tmp_path, source.base_url, empty.base_url)
    table = tmp_path / "table.toml"
    table.write_text('[tiers]\nGold = "Premium"\n')
    ended = copy(source, config, "coupons", "loyalty-tiers", "--table", str(table))
    assert ended.code == 1
    coupons, tiers = ended.json["steps"]
    assert "result" not in coupons
    assert tiers["result"]["contract"] == "loyalty-tiers"
    assert "give --accept ACC111" in ended.json["error"]["hint"]


def test_copy_with_rejected_records_names_the_places_that_are_left(
    source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    fill(source, tmp_path, "coupons")
    fill(source, tmp_path, "giveaways")
    config = deployments(tmp_path, source.base_url, empty.base_url)
    empty.set_faults("imports=400")
    words = ("--from", "old", "--to", "new", "--settle", "0", "--yes")
    ended = source.run("--config", config, "copy", "coupons", "giveaways", *words)
    assert ended.code == 2
    assert "Then copy the other rows: giveaways to pool 1." in ended.err
    assert "--from 2" not in ended.err  # --from is the source here
    assert "40 rows = 40 to import" in ended.out  # none of them was copied


@pytest.mark.parametrize(
    "contract", ["giveaways", *(pytest.param(name, marks=pytest.mark.soak) for name in ("coupons", "loyalty-points"))]
)
def test_killed_copy_continues_and_sends_nothing_twice(
    contract: str, source: Inside, empty: SandboxServer, tmp_path: Path
) -> None:
    fill(source, tmp_path, contract)
    config = deployments(tmp_path, source.base_url, empty.base_url)
    shell = Shell(tmp_path / "copying", "")
    table = {"coupon": "coupons", "giveaway": "giveaways", "point": "loyalty-points"}
    kept = next(name for name, each in table.items() if each == contract)
    empty.set_faults("imports@1=cut:committed,exports@1-3=slow:0.3,getLoyaltyProgramTransactions@1-3=slow:0.3")
    words = ("--config", config, "copy", contract, "--from", "old", "--to", "new", "--settle", "0.3", "--yes")
    process = shell.start(*words)
    end = time.monotonic() + 60
    while not empty.state.rows(kept):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = len(empty.state.rows(kept))
    empty.set_faults(None)
    ended = shell.run(*words, "--json")
    assert (ended.code, ended.json["state"], ended.json["continued"]) == (0, "done", True), ended.err
    assert len(empty.state.rows(kept)) == before
    assert ended.json["steps"][0]["source_comparison"]["verdict"] == "proved"


TIERS = "subledgerid,customerprofileid,tiername,expirydate\n"


def test_upsert_saves_the_rows_that_it_changes_as_a_file_for_import(source: Inside, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    end = "2031-01-01T00:00:00Z"
    first.write_text(TIERS + "".join(f",customer-{n:04},Gold,{end}\n" for n in (1, 2, 3)))
    second.write_text(TIERS + "".join(f",customer-{n:04},Bronze,{end}\n" for n in (2, 3, 4)))
    assert source.run("import", "loyalty-tiers", str(first), "--program", "1", "--yes").code == 0
    ended = source.run("import", "loyalty-tiers", str(second), "--program", "1", "--yes", "--json")
    assert "2 of the 3 records have a row at the target" in ended.err
    shown = source.run("jobs", "show", ended.json["job"], "--json").json["before_file"]
    saved = next((source.state / "ledger" / "jobs" / ended.json["job"]).glob("before.csv"))
    assert str(saved) == shown
    assert shown in ended.err
    assert lines(saved) == Counter([TIERS.strip(), f",customer-0002,Gold,{end}", f",customer-0003,Gold,{end}"])
    back = source.run("import", "loyalty-tiers", str(saved), "--program", "1", "--yes", "--reconcile", "--settle", "0")
    assert (back.code, "proved" in back.out) == (0, True)


def test_refused_upsert_keeps_no_state(source: Inside, tmp_path: Path) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text("identifier,state\nCARD-A001,active\n")
    words = ("import", "loyalty-cards", str(cards), "--program", "2", "--yes")
    assert source.run(*words).code == 0
    jobs = source.state / "ledger" / "jobs"
    before = set(jobs.glob("*/before.csv"))
    assert source.run(*words).code == 5
    assert source.run(*words, "--again", "--dry-run").code == 0
    assert set(jobs.glob("*/before.csv")) == before


def test_undo_of_an_upsert_restores_the_rows_that_it_changed(source: Inside, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.csv" for name in ("first", "second", "third"))
    end = "2031-01-01T00:00:00Z"
    first.write_text(TIERS + "".join(f",customer-{n:04},Gold,{end}\n" for n in (1, 2, 3)))
    second.write_text(TIERS + "".join(f",customer-{n:04},Bronze,{end}\n" for n in (2, 3, 4)))
    third.write_text(TIERS + f",customer-0003,Silver,{end}\n")
    words = ("--program", "1", "--yes", "--json")
    assert source.run("import", "loyalty-tiers", str(first), *words).code == 0
    job = source.run("import", "loyalty-tiers", str(second), *words).json["job"]
    assert source.run("jobs", "undo", job).code == 2  # no terminal, no --yes
    assert source.run("import", "loyalty-tiers", str(third), *words).code == 0
    refused = source.run("jobs", "undo", job, "--yes")
    assert (refused.code, "1 row changed" in refused.err) == (5, True)
    undone = source.run("jobs", "undo", job, "--yes", "--json", "--max-removals", "1")
    assert (undone.code, undone.json["records"]["accepted"]) == (0, 2), undone.err
    exported = tmp_path / "after.csv"
    assert source.run("export", "loyalty-tiers", "--program", "1", "--for-import", "-o", str(exported)).code == 0
    tiers = [f",customer-{n:04},{name},{end}" for n, name in ((1, "Gold"), (2, "Gold"), (3, "Gold"), (4, "Bronze"))]
    assert lines(exported) == Counter([TIERS.strip(), *tiers])
    new = source.run("import", "loyalty-join-dates", write_join_dates(tmp_path, 2020), *words).json["job"]
    nothing = source.run("jobs", "undo", new, "--yes")
    assert (nothing.code, "had a row before it" in nothing.err) == (2, True)


def write_join_dates(folder: Path, *years: int) -> str:
    path = folder / f"joined-{'-'.join(map(str, years))}.csv"
    rows = [f"customer-{n:04},{year}-01-01T00:00:00Z\n" for n, year in enumerate(years, start=1)]
    path.write_text("customerprofileid,joindate\n" + "".join(rows))
    return str(path)


def test_undo_compares_rows_if_the_export_names_their_columns_otherwise(source: Inside, tmp_path: Path) -> None:
    words = ("--program", "1", "--yes", "--json")

    def sent(*years: int) -> str:
        return str(source.run("import", "loyalty-join-dates", write_join_dates(tmp_path, *years), *words).json["job"])

    sent(2020, 2020)
    job = sent(2021)
    sent(2022)
    refused = source.run("jobs", "undo", job, "--yes")
    assert (refused.code, "1 row changed" in refused.err) == (5, True)
    sent(2021)
    undone = source.run("jobs", "undo", job, "--yes", "--json")
    assert (undone.code, undone.json["records"]["accepted"]) == (0, 1), undone.err
    exported = tmp_path / "after.csv"
    assert source.run("export", "loyalty-join-dates", "--program", "1", "--for-import", "-o", str(exported)).code == 0
    dates = [f"customer-{n:04},2020-01-01T00:00:00Z" for n in (1, 2)]
    assert lines(exported) == Counter(["customerprofileid,joindate", *dates])


def test_undo_of_giveaways_says_that_they_stay(source: Inside, tmp_path: Path) -> None:
    fill(source, tmp_path, "giveaways")
    job = source.run("jobs", "list", "--json").json["jobs"][0]["job"]
    ended = source.run("jobs", "undo", job, "--yes")
    assert ended.code == 2
    assert "40 accepted records stay" in ended.err
    assert "giveaways.csv" in ended.err
