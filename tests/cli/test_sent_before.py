"""Records that were sent before are recognised in a file that has grown, was corrected, re-saved or reordered."""

import json
import signal
import time
from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell
from tests.crash.truth import CASES, counted, rows_of

PLACES = {
    "giveaways": ("--pool", "1"),
    "loyalty-points": ("--program", "1"),
    "coupons": ("--application", "1", "--campaign", "1"),
    "referrals": ("--application", "1", "--campaign", "1"),
}
LINES = {
    "giveaways": ("code", "GIFT-{:05}"),
    "loyalty-points": ("customerprofileid,amount,reason", "customer-{0:05},5,order {0:05}"),
    "coupons": ("value,limitval", "CODE-{:05},3"),
    "referrals": ("code,advocateprofileintegrationid", "REF-{0:05},customer-{0:04}"),
}
TABLES = {"giveaways": "giveaway", "loyalty-points": "point", "coupons": "coupon", "referrals": "referral"}


def lines_of(name: str, *numbers: int) -> list[str]:
    return [LINES[name][1].format(n) for n in numbers]


def write(path: Path, name: str, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in [LINES[name][0], *lines]))
    return path


def first(path: Path, name: str, records: int = 30) -> Path:
    return write(path, name, lines_of(name, *range(1, records + 1)))


def send(shell: Shell, name: str, file: Path, *more: str) -> Ended:
    words = (*PLACES[name], "--max-rows", "10", "--settle", "0.3", "--yes", "--json")
    return shell.run("import", name, str(file), *words, *more)


def held(sandbox: SandboxServer, name: str) -> int:
    return sandbox.state.count(TABLES[name])


@pytest.mark.parametrize("name", PLACES)
def test_a_file_that_has_grown_is_refused_with_the_counts_and_only_new_sends_the_rest(
    name: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = send(shell, name, first(tmp_path / "monday.csv", name)).json["job"]
    file = write(tmp_path / "tuesday.csv", name, lines_of(name, *range(1, 35)))
    before = file.read_bytes()
    refused = send(shell, name, file)
    assert refused.code == 5
    assert f"30 of 34 records were already sent to the same target by job {job} on " in refused.json["error"]["message"]
    assert "4 are new" in refused.json["error"]["message"]
    assert "--only-new" in refused.json["error"]["hint"]
    assert "--again" in refused.json["error"]["hint"]
    assert held(sandbox, name) == 30
    dry = send(shell, name, file, "--only-new", "--dry-run")
    assert (dry.code, dry.json["dry_run"], dry.json["job"]) == (0, True, None)
    assert dry.json["source"] | {"records": 34, "sent_before": 30} == dry.json["source"]
    assert not Path(dry.json["file"]["path"]).exists()
    ended = send(shell, name, file, "--only-new", "--reconcile")
    assert ended.code == 0, ended.err
    assert held(sandbox, name) == 34
    assert ended.json["reconciliation"]["verdict"] == "proved"
    assert ended.json["records"] == {
        "input": 34, "accepted": 4, "skipped": 30, "rejected": 0, "in_doubt": 0, "pending": 0,
    }  # fmt: skip
    assert ended.json["source"]["path"] == str(file)
    assert ended.json["source"]["sent_by"] == {job: 30}
    new = Path(ended.json["file"]["path"])
    assert new.read_text() == write(tmp_path / "x.csv", name, lines_of(name, 31, 32, 33, 34)).read_text()
    assert ended.json["file"]["records"] == 4
    assert str(new) in ended.err
    assert file.read_bytes() == before
    nothing = send(shell, name, file, "--only-new")
    assert (nothing.code, nothing.json["job"], nothing.json["records"]["skipped"]) == (0, None, 34)
    assert held(sandbox, name) == 34


@pytest.mark.parametrize("name", ["giveaways", "loyalty-points"])
def test_a_file_with_one_corrected_record_is_refused(
    name: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = first(tmp_path / "daily.csv", name)
    assert send(shell, name, file).code == 0
    write(file, name, [*lines_of(name, *range(1, 15)), *lines_of(name, 99), *lines_of(name, *range(16, 31))])
    refused = send(shell, name, file)
    assert (refused.code, held(sandbox, name)) == (5, 30)
    assert "29 of 30 records were already sent" in refused.json["error"]["message"]
    assert "1 is new" in refused.json["error"]["message"]
    assert send(shell, name, file, "--only-new").code == 0
    assert held(sandbox, name) == 31


def test_again_sends_all_records(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"))
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    ended = send(shell, "giveaways", file, "--again")
    assert (ended.code, held(sandbox, "giveaways")) == (0, 64)
    assert "30 of 34 records were already sent" in ended.err


@pytest.mark.parametrize("how", ["quoted", "columns reordered", "blank column added", "CRLF", "records reordered"])
def test_a_file_that_was_saved_in_another_form_is_recognised(
    how: str, shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    name = "loyalty-points"
    rows = [line.split(",") for line in [LINES[name][0], *lines_of(name, *range(1, 31))]]
    assert send(shell, name, first(tmp_path / "a.csv", name)).code == 0
    if how == "columns reordered":
        rows = [row[::-1] for row in rows]
    elif how == "blank column added":
        rows = [[*row, "" if number else "subledgerid"] for number, row in enumerate(rows)]
    elif how == "records reordered":
        rows = [rows[0], *rows[:0:-1]]
    with (tmp_path / "b.csv").open("w", newline="") as out:
        ending = "\r\n" if how == "CRLF" else "\n"
        for row in rows:
            cells = [f'"{cell}"' for cell in row] if how == "quoted" else row
            out.write(",".join(cells) + ending)
    refused = send(shell, name, tmp_path / "b.csv")
    assert (refused.code, held(sandbox, name)) == (5, 30)
    assert "30 of 30 records were already sent" in refused.json["error"]["message"]


def test_records_that_are_rightly_equal_are_noted_and_sent(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    name, header = "loyalty-points", "customerprofileid,amount"
    for day in range(2):
        same = [f"customer-{n:05},5" for n in range(12)]
        others = [f"customer-{n:05},{7 + day}" for n in range(20)]
        (tmp_path / f"{day}.csv").write_text("\n".join([header, *same, *others]) + "\n")
    assert send(shell, name, tmp_path / "0.csv").code == 0
    ended = send(shell, name, tmp_path / "1.csv")
    assert (ended.code, held(sandbox, name)) == (0, 64)
    assert "12 of 32 records were already sent to the same target" in ended.err


def test_equal_records_of_one_file_are_sent_and_counted(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    name, line = "loyalty-points", "customer-1,5,again"
    ended = send(shell, name, write(tmp_path / "a.csv", name, [line, line]))
    assert (ended.code, "already sent" in ended.err) == (0, False)
    ended = send(shell, name, write(tmp_path / "b.csv", name, [line] * 5), "--only-new")
    assert (ended.code, ended.json["records"]["accepted"], ended.json["records"]["skipped"]) == (0, 3, 2)
    assert held(sandbox, name) == 5


def test_points_file_that_contains_all_its_records_twice_is_refused_unless_again(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    name = "loyalty-points"
    lines = lines_of(name, *range(1, 21))
    file = write(tmp_path / "joined.csv", name, [*lines, *lines])
    for words in ((), ("--only-new",), ("--dry-run",)):
        refused = send(shell, name, file, *words)
        assert (refused.code, held(sandbox, name)) == (5, 0)
        assert "each record occurs at least 2 times; 20 of 40 records differ" in refused.json["error"]["message"]
    assert send(shell, name, file, "--again").code == 0
    assert held(sandbox, name) == 40


def test_points_file_with_a_record_that_occurs_once_is_sent(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    lines = lines_of("loyalty-points", *range(1, 21))
    file = write(tmp_path / "a.csv", "loyalty-points", [*lines, *lines[:19]])
    assert send(shell, "loyalty-points", file).code == 0
    assert held(sandbox, "loyalty-points") == 39


def test_only_the_sent_records_of_a_cancelled_job_count_as_sent_before(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=403")
    job = send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways")).json["job"]
    sandbox.set_faults(None)
    assert shell.run("jobs", "cancel", job).code == 0
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    ended = send(shell, "giveaways", file, "--only-new", "--reconcile")
    assert (ended.code, ended.json["records"]["skipped"], held(sandbox, "giveaways")) == (0, 10, 34), ended.err


def test_rejected_records_do_not_count(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("imports@2=400")
    ended = send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"), "--no-isolate")
    sandbox.set_faults(None)
    assert (ended.code, ended.json["records"]["rejected"]) == (1, 10), ended.err
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    ended = send(shell, "giveaways", file, "--only-new", "--reconcile")
    assert (ended.code, ended.json["records"]["skipped"], held(sandbox, "giveaways")) == (0, 20, 34), ended.err
    assert counted(rows_of(file)) == CASES["giveaways"].held(sandbox)


def test_records_that_were_isolated_and_rejected_do_not_count(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    lines = lines_of("coupons", *range(1, 31))
    other = write(tmp_path / "other.csv", "coupons", [lines[4], lines[17]])
    assert send(shell, "coupons", other, "--no-digests").code == 0
    ended = send(shell, "coupons", write(tmp_path / "a.csv", "coupons", lines), "--max-rows", "30")
    assert ended.json["records"] | {"accepted": 28, "rejected": 2} == ended.json["records"], ended.err
    file = write(tmp_path / "b.csv", "coupons", [*lines, *lines_of("coupons", 31)])
    dry = send(shell, "coupons", file, "--only-new", "--dry-run")
    assert (dry.code, dry.json["source"]["sent_before"]) == (0, 28)


def test_a_job_of_new_records_is_resumed_from_its_folder(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"))
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 61)))
    sandbox.set_faults("imports@2=403")
    stopped = send(shell, "giveaways", file, "--only-new")
    sandbox.set_faults(None)
    assert stopped.json["records"] | {"accepted": 10, "skipped": 30, "pending": 20} == stopped.json["records"]
    again = send(shell, "giveaways", file, "--only-new")
    assert (again.code, stopped.json["job"] in again.json["error"]["message"]) == (5, True)
    file.unlink()
    ended = shell.run("jobs", "resume", stopped.json["job"], "--reconcile", "--json")
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    assert held(sandbox, "giveaways") == 60


def test_records_sent_by_a_killed_import_are_refused_later(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports@2=slow:60")
    words = (*PLACES["giveaways"], "--max-rows", "10", "--settle", "0.3", "--yes")
    process = shell.start("import", "giveaways", str(first(tmp_path / "a.csv", "giveaways")), *words)
    end = time.monotonic() + 60
    while held(sandbox, "giveaways") < 20:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sandbox.set_faults(None)
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    refused = send(shell, "giveaways", file)
    assert (refused.code, held(sandbox, "giveaways")) == (5, 20)
    assert "20 of 34 records were already sent" in refused.json["error"]["message"]


def test_without_digests_nothing_is_compared_and_nothing_is_remembered(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    assert send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"), "--no-digests").code == 0
    ended = send(shell, "giveaways", file, "--only-new", "--dry-run")
    assert "The ledger has no digests of 1 earlier job to this target" in ended.err
    assert send(shell, "giveaways", file).code == 0
    both = send(shell, "giveaways", file, "--only-new", "--no-digests")
    assert (both.code, "--no-digests" in both.json["error"]["message"]) == (2, True)


def test_only_new_of_bytes_that_went_without_digests_is_refused(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = first(tmp_path / "a.csv", "giveaways")
    assert send(shell, "giveaways", file, "--no-digests").code == 0
    assert send(shell, "giveaways", file, "--only-new").code == 5
    assert held(sandbox, "giveaways") == 30


def test_records_of_another_place_do_not_count(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    send(shell, "loyalty-points", first(tmp_path / "a.csv", "loyalty-points"))
    file = write(tmp_path / "b.csv", "loyalty-points", lines_of("loyalty-points", *range(1, 35)))
    ended = shell.run("import", "loyalty-points", str(file), "--program", "2", "--dry-run", "--json")
    assert "already sent to the same target" not in ended.err


@pytest.mark.parametrize("words", [("--only-new", "--again")])
def test_only_new_and_again_contradict(words: tuple[str, ...], shell: Shell, tmp_path: Path) -> None:
    ended = send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"), *words)
    assert (ended.code, "--only-new" in ended.json["error"]["message"]) == (2, True)


def test_only_new_of_an_import_that_overwrites_is_refused(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("profileintegrationid\ncustomer-1\n")
    ended = shell.run("import", "audiences", str(file), "--audience", "1", "--only-new", "--yes")
    assert (ended.code, "overwrites" in ended.err) == (2, True)


def test_a_refused_import_of_new_records_leaves_no_file_behind(shell: Shell, tmp_path: Path) -> None:
    send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"))
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    before = sorted(shell.state.rglob("*new-*"))
    environment = shell.environment | {"BULKOPS_BASE_URL": "http://127.0.0.1:1"}
    words = (*PLACES["giveaways"], "--only-new", "--max-removals", "odd", "--yes")
    assert shell.ended(shell.start("import", "giveaways", str(file), *words, environment=environment)).code == 2
    assert sorted(shell.state.rglob("*new-*")) == before


def test_an_export_over_the_file_of_an_only_new_import_is_refused(shell: Shell, tmp_path: Path) -> None:
    send(shell, "giveaways", first(tmp_path / "a.csv", "giveaways"))
    file = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    assert send(shell, "giveaways", file, "--only-new").code == 0
    before = file.read_bytes()
    ended = shell.run("export", "giveaways", "--pool", "1", "-o", str(file), "--overwrite")
    assert (ended.code, "is the file of job" in ended.err) == (2, True)
    assert file.read_bytes() == before


def recipe(folder: Path, **more: object) -> str:
    step = {"contract": "giveaways", "file": "daily.csv", "ids": {"pool": 1}, "max_rows": 10, **more}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps({"name": "nightly", "steps": [step]}))
    return str(path)


def run(shell: Shell, path: str, *more: str) -> Ended:
    return shell.run("run", path, "--settle", "0.3", "--json", *more)


def test_a_recipe_refuses_a_file_that_has_grown_and_only_new_sends_the_rest(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    file = first(tmp_path / "daily.csv", "giveaways")
    assert run(shell, recipe(tmp_path)).code == 0
    write(file, "giveaways", lines_of("giveaways", *range(1, 51)))
    refused = run(shell, recipe(tmp_path))
    assert (refused.code, held(sandbox, "giveaways")) == (5, 30)
    assert "30 of 50 records were already sent" in refused.json["error"]["message"]
    assert "`only_new: true` in the step" in refused.json["error"]["hint"]
    path = recipe(tmp_path, only_new=True)
    assert run(shell, path, "--dry-run").code == 0
    sandbox.set_faults("imports@2=403")
    stopped = run(shell, path)
    sandbox.set_faults(None)
    assert (stopped.code, held(sandbox, "giveaways")) == (2, 40)
    resumed = run(shell, path)
    (step,) = resumed.json["steps"]
    assert (resumed.code, step["resumed"], step["import"]["records"]["skipped"]) == (0, True, 30), resumed.err
    (step,) = run(shell, path).json["steps"]
    assert step["already_done_by"] == step["import"]["job"]
    assert held(sandbox, "giveaways") == 50
    write(file, "giveaways", lines_of("giveaways", *range(50, 0, -1)))
    ended = run(shell, path)
    assert (ended.code, ended.json["steps"][0]["import"]["records"]["skipped"]) == (0, 50), ended.err


def test_two_imports_of_overlapping_files_at_once_do_not_double(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    sandbox.set_faults("imports=slow:1")
    one = first(tmp_path / "a.csv", "giveaways")
    two = write(tmp_path / "b.csv", "giveaways", lines_of("giveaways", *range(1, 35)))
    words = (*PLACES["giveaways"], "--max-rows", "10", "--settle", "0.3", "--yes")
    both = [shell.start("import", "giveaways", str(file), *words) for file in (one, two)]
    codes = sorted(shell.ended(process).code for process in both)
    assert codes == [0, 5]
    assert max(CASES["giveaways"].held(sandbox).values()) == 1
