"""`jobs undo` of coupons, referrals and cards: it deletes exactly the rows that the job created."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.sandbox.serve import SandboxServer
from bulkops.upload.workflow import lock_job
from tests.cli.running import KEY, Ended, Inside

CAMPAIGN = ("--application", "1", "--campaign", "1")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(key=KEY, rate_limit=0) as server:
        yield server


@pytest.fixture
def shell(sandbox: SandboxServer, tmp_path: Path) -> Inside:
    return Inside(tmp_path / "state", sandbox.base_url)


def imported(shell: Inside, contract: str, file: Path, *words: str) -> str:
    ended = shell.run("import", contract, str(file), *words, "--settle", "0", "--yes", "--json")
    assert ended.code == 0, (ended.err, ended.out)
    return str(ended.json["job"])


def undone(shell: Inside, job: str, *words: str) -> Ended:
    return shell.run("jobs", "undo", job, "--settle", "0", "--yes", "--json", *words)


def coupons(path: Path, *codes: str) -> Path:
    path.write_text("value,limitval\n" + "".join(f"{code},5\n" for code in codes))
    return path


def live(sandbox: SandboxServer, table: str = "coupon", **equal: Any) -> list[str]:
    rows = sandbox.state.rows(table, **equal)
    return [row["value"] for row in rows if not row.get("deleted")]


def change(sandbox: SandboxServer, statement: str, *values: Any) -> None:
    with sandbox.state.database.writing() as connection:
        assert connection.execute(statement, values).rowcount == 1


def test_undo_of_coupons_deletes_the_batch_of_the_job_and_no_other_code(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    imported(shell, "coupons", coupons(tmp_path / "a.csv", "OLD-1", "OLD-2"), *CAMPAIGN)
    job = imported(
        shell, "coupons", coupons(tmp_path / "b.csv", "NEW-1", "OLD-1", "NEW-2"), *CAMPAIGN, "--skip-duplicates"
    )
    ended = undone(shell, job)
    assert (ended.code, ended.json["state"], ended.json["undoes"]) == (0, "done", job), ended.err
    assert re.fullmatch(r"undo-coupons-\d{8}-\d{6}-[0-9a-f]{8}", ended.json["job"])
    assert ended.json["reconciliation"]["verdict"] == "proved"
    assert (ended.json["undo"]["records"], ended.json["undo"]["requests"], ended.json["undo"]["others"]) == (2, 1, 1)
    assert live(sandbox) == ["OLD-1", "OLD-2"]


def test_undone_file_is_imported_again_only_with_again_and_a_recipe_does_not_call_it_done(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    coupons(tmp_path / "a.csv", "CODE-1", "CODE-2")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: codes\nsteps:\n  - {contract: coupons, file: a.csv, ids: {application: 1, campaign: 1}}\n")
    assert shell.run("run", str(recipe)).code == 0
    job = shell.run("jobs", "list", "--json").json["jobs"][0]["job"]
    undo = undone(shell, job).json["job"]
    again = shell.run("run", str(recipe))
    assert (again.code, live(sandbox), f"Job {undo} undid it" in again.err) == (5, [], True), again.err
    imported(shell, "coupons", tmp_path / "a.csv", *CAMPAIGN, "--again")
    assert live(sandbox) == ["CODE-1", "CODE-2"]


def test_redeemed_codes_stay_until_they_are_asked_for(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1", "CODE-2", "CODE-3"), *CAMPAIGN)
    change(sandbox, "UPDATE coupon SET counter = 2 WHERE value = 'CODE-2'")
    asked = shell.run("jobs", "undo", job)
    assert (asked.code, "--yes" in asked.err, live(sandbox)) == (2, True, ["CODE-1", "CODE-2", "CODE-3"])
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["kept_used"], ended.json["undo"]["requests"]) == (0, 1, 1), ended.err
    assert "Rows that stay because they are redeemed: 1." in " ".join(ended.err.split())
    assert live(sandbox) == ["CODE-2"]
    refused = undone(shell, job)
    assert (refused.code, "--also used" in refused.err) == (5, True)
    assert undone(shell, job, "--also", "used").code == 0
    assert live(sandbox) == []
    nothing = undone(shell, job)
    assert (nothing.code, "nothing left to undo" in nothing.err) == (2, True)


def test_code_redeemed_during_the_undo_stays_and_is_a_mismatch(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.undoing.runner import UndoRunner

    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1", "CODE-2"), *CAMPAIGN)
    run = UndoRunner.run

    def redeemed_first(self: UndoRunner) -> Any:
        change(sandbox, "UPDATE coupon SET counter = 1 WHERE value = 'CODE-2'")
        return run(self)

    monkeypatch.setattr(UndoRunner, "run", redeemed_first)
    ended = undone(shell, job)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (1, "mismatch")
    assert "redeemed" in ended.json["reconciliation"]["reason"]
    assert live(sandbox) == ["CODE-2"]
    change(sandbox, "UPDATE coupon SET deleted = 'now' WHERE value = 'CODE-2'")  # as a deletion that takes long
    monkeypatch.undo()
    again = shell.run("jobs", "resume", ended.json["job"], "--reconcile", "--json")
    assert (again.code, again.json["reconciliation"]["verdict"]) == (0, "proved"), again.err


def test_changed_code_is_named_and_stays_and_the_others_go_one_by_one(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1", "CODE-2", "CODE-3"), *CAMPAIGN)
    change(sandbox, "UPDATE coupon SET limitval = 9 WHERE value = 'CODE-2'")
    asked = shell.run("jobs", "undo", job)
    assert asked.code == 2
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["kept_changed"], ended.json["undo"]["requests"]) == (0, 1, 2)
    assert "CODE-2" in ended.err
    assert live(sandbox) == ["CODE-2"]
    again = undone(shell, job, "--also", "changed")
    assert (again.code, again.json["undo"]["changed"], live(sandbox)) == (0, 1, [])


def test_code_without_a_batch_or_in_a_batch_with_foreign_codes_is_deleted_alone(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1", "CODE-2"), *CAMPAIGN)
    batch = sandbox.state.rows("coupon")[0]["batchid"]
    other = imported(shell, "coupons", coupons(tmp_path / "b.csv", "OTHER-1", "OTHER-2"), *CAMPAIGN)
    change(sandbox, "UPDATE coupon SET batchid = ? WHERE value = 'OTHER-1'", batch)
    change(sandbox, "UPDATE coupon SET batchid = '' WHERE value = 'OTHER-2'")
    assert undone(shell, job).json["undo"]["requests"] == 2
    assert live(sandbox) == ["OTHER-1", "OTHER-2"]
    assert undone(shell, other).code == 0
    assert live(sandbox) == []


def test_codes_are_deleted_without_the_file_only_if_asked_for(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = coupons(tmp_path / "a.csv", "CODE-1", "CODE-2")
    job = imported(shell, "coupons", file, *CAMPAIGN)
    file.unlink()
    refused = undone(shell, job)
    assert (refused.code, "--also changed" in refused.err, len(live(sandbox))) == (5, True, 2)
    assert undone(shell, job, "--also", "changed").code == 0
    assert live(sandbox) == []


def test_undo_of_referrals_deletes_each_code(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text(
        "code,advocateprofileintegrationid\nREF-1,customer-0001\nREF-2,customer-0002\nREF-3,customer-0003\n"
    )
    job = imported(shell, "referrals", file, *CAMPAIGN)
    change(sandbox, "UPDATE referral SET counter = 1 WHERE value = 'REF-3'")
    sandbox.set_faults("deleteReferral@1=500:after,deleteReferral@2=429:0")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["requests"], live(sandbox, "referral")) == (0, 2, ["REF-3"]), ended.err
    assert undone(shell, job, "--also", "used").code == 0
    assert live(sandbox, "referral") == []


def test_undo_of_cards_keeps_cards_that_existed_before_and_cards_with_points(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file, points = tmp_path / "c.csv", tmp_path / "p.csv"
    file.write_text("identifier,state\nNEW-CARD-1,active\nNEW-CARD-2,active\nNEW-CARD-3,active\n")
    job = imported(shell, "loyalty-cards", file, "--program", "2")
    points.write_text("identifier,amount\nNEW-CARD-2,5\n")
    imported(shell, "loyalty-points", points, "--program", "2")
    before = sandbox.state.count("card")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["kept_used"], ended.json["undo"]["records"]) == (0, 1, 2), ended.err
    assert sandbox.state.count("card") == before - 2
    assert sandbox.state.count("card", identifier="NEW-CARD-2") == 1
    assert undone(shell, job, "--also", "used").code == 0
    assert sandbox.state.count("card") == before - 3


def test_undo_restores_cards_that_existed_and_deletes_the_others(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """A card with values that another program gave it after the import stays as it is."""
    sandbox.set_assumptions("existing_card=update")
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("identifier,state,customerprofileids\nCARD-A1,active,c-1\nCARD-B1,active,c-2\nCARD-C1,active,\n")
    new.write_text("identifier,state,customerprofileids\nCARD-A1,inactive,c-9\nCARD-B1,inactive,c-2\nCARD-D1,active,\n")
    imported(shell, "loyalty-cards", old, "--program", "2")
    held = cards(sandbox)
    job = imported(shell, "loyalty-cards", new, "--program", "2")
    change(sandbox, "UPDATE card SET profiles = '[\"c-7\"]' WHERE identifier = 'CARD-B1'")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["records"], ended.json["restored_by"]) == (0, 1, shell_jobs(shell)[1]), (
        ended.err
    )
    assert "restores the 1 row that its records changed" in ended.err
    assert cards(sandbox) == held | {"CARD-B1": ("inactive", '["c-7"]')}
    assert undone(shell, job).code == 2, "nothing is left to undo"
    change(sandbox, "UPDATE card SET profiles = '[\"c-2\"]' WHERE identifier = 'CARD-B1'")
    ended = undone(shell, job)
    assert (ended.code, ended.json["reconciliation"]["verdict"], cards(sandbox)) == (0, "proved", held), ended.err


def cards(sandbox: SandboxServer) -> dict[str, tuple[str, str]]:
    """Return state and holders of each card of the test."""
    rows = sandbox.state.rows("card")
    return {row["identifier"]: (row["status"], row["profiles"]) for row in rows if len(row["identifier"]) == 7}


def shell_jobs(shell: Inside) -> list[str]:
    """Return the names of all jobs, the newest first."""
    return [job["job"] for job in shell.run("jobs", "list", "--json").json["jobs"]]


def test_card_that_another_program_created_again_stays(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("identifier,state\nNEW-CARD-1,active\nNEW-CARD-2,active\n")
    job = imported(shell, "loyalty-cards", file, "--program", "2")
    change(sandbox, "UPDATE card SET created = '2099-01-01T00:00:00Z' WHERE identifier = 'NEW-CARD-1'")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["others"]) == (0, 1), ended.err
    assert (
        sandbox.state.count("card", identifier="NEW-CARD-1"),
        sandbox.state.count("card", identifier="NEW-CARD-2"),
    ) == (1, 0)


def test_card_that_was_created_again_before_a_late_decision_stays(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "c.csv"
    file.write_text("identifier,state\nNEW-CARD-1,active\nNEW-CARD-2,active\n")
    job = imported(shell, "loyalty-cards", file, "--program", "2")
    now = datetime.now(UTC)
    late, again = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (2, 1))
    change(sandbox, "UPDATE card SET created = ? WHERE identifier = 'NEW-CARD-1'", again)
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as ledger, ledger:
        statement = "UPDATE events SET at = ?, kind = 'evidence', data = ? WHERE job = ? AND kind = 'accepted'"
        assert ledger.execute(statement, (late, '{"note": "found"}', job)).rowcount == 1
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["records"], ended.json["undo"]["others"]) == (0, 1, 1), ended.err
    assert sandbox.state.count("card", identifier="NEW-CARD-1") == 1


def test_cards_of_a_server_with_a_fast_clock_for_rows_are_deleted(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = tmp_path / "c.csv"
    file.write_text("identifier,state\nNEW-CARD-1,active\n")
    job = imported(shell, "loyalty-cards", file, "--program", "2")
    created = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    change(sandbox, "UPDATE card SET created = ? WHERE identifier = 'NEW-CARD-1'", created)
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as ledger, ledger:
        assert ledger.execute("UPDATE chunks SET rows_ahead = 3600 WHERE job = ?", (job,)).rowcount == 1
    assert undone(shell, job).code == 0
    assert sandbox.state.count("card", identifier="NEW-CARD-1") == 0


def test_giveaways_cannot_be_undone_and_are_listed(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    file, out = tmp_path / "g.csv", tmp_path / "codes.csv"
    file.write_text("code\nGIFT-1\nGIFT-2\n")
    other = tmp_path / "other.csv"
    other.write_text("code\nOTHER-1\n")
    job = imported(shell, "giveaways", file, "--pool", "1")
    imported(shell, "giveaways", other, "--pool", "1")
    ended = shell.run("jobs", "undo", job, "-o", str(out))
    assert (ended.code, "cannot be undone" in ended.err) == (2, True)
    text = out.read_text()
    assert ("GIFT-1" in text, "GIFT-2" in text, "OTHER-1" in text) == (True, True, False)
    assert sandbox.state.count("giveaway") == 3
    coupon_job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1"), *CAMPAIGN)
    assert undone(shell, coupon_job, "-o", str(tmp_path / "x.csv")).code == 2
    assert live(sandbox) == ["CODE-1"]


def test_undo_of_an_unfinished_job_or_of_an_undo_is_refused(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1"), *CAMPAIGN)
    undo = undone(shell, job).json["job"]
    refused = undone(shell, undo)
    assert (refused.code, "cannot be undone" in refused.err) == (2, True)
    assert shell.run("reconcile", "--job", undo).code == 2
    sandbox.set_faults("importCoupons=403")
    cut = shell.run("import", "coupons", str(coupons(tmp_path / "b.csv", "CODE-2")), *CAMPAIGN, "--yes", "--json")
    unfinished = undone(shell, cut.json["job"])
    assert (unfinished.code, "jobs resume" in unfinished.err) == (2, True)
    assert undone(shell, job, "--max-removals", "1").code == 2


def test_interrupted_undo_is_resumed_and_asks_no_other_undo(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1", "CODE-2", "CODE-3"), *CAMPAIGN)
    change(sandbox, "UPDATE coupon SET limitval = 9 WHERE value = 'CODE-2'")
    sandbox.set_faults("deleteCoupon@2=403")
    cut = undone(shell, job)
    assert (cut.code, cut.json["records"]["accepted"], cut.json["records"]["pending"]) == (2, 1, 1), cut.err
    second = undone(shell, job)
    assert (second.code, "already undoes" in second.err) == (2, True)
    change(sandbox, "UPDATE coupon SET counter = 1 WHERE value = 'CODE-3'")
    resumed = shell.run("jobs", "resume", "--settle", "0", "--json")
    assert (resumed.code, resumed.json["records"]["skipped"]) == (1, 1), resumed.err
    assert live(sandbox) == ["CODE-2", "CODE-3"]
    listed = shell.run("jobs", "list", "--json").json["jobs"]
    assert [each["mode"] for each in listed] == ["undo", "create"]


def test_undo_of_a_job_in_use_names_its_process(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    job = imported(shell, "coupons", coupons(tmp_path / "a.csv", "CODE-1"), *CAMPAIGN)
    with closing(Ledger.open(str(tmp_path / "state" / "ledger.db"), clock=SystemClock())) as ledger:
        with lock_job(ledger.job(job), ledger):
            refused = undone(shell, job)
        assert (refused.code, f"Job {job} is in use by process" in refused.err) == (5, True), refused.err
        assert live(sandbox) == ["CODE-1"]
    assert undone(shell, job).code == 0
