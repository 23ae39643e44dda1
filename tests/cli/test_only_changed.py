"""`--only-changed`: the target is read first, and only records that the import would change are sent."""

from pathlib import Path

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Ended, Shell

CAMPAIGN = ("--application", "1", "--campaign", "1")


def imported(shell: Shell, folder: Path, words: tuple[str, ...], text: str, *more: str) -> Ended:
    """Import a file with this text, and return how the command ended."""
    file = folder / "rows.csv"
    file.write_text(text)
    contract, *ids = words
    return shell.run("import", contract, str(file), *ids, *more, "--json")


def uploads(sandbox: SandboxServer) -> int:
    return sum(request.method == "POST" and "/import" in request.template for request in sandbox.requests)


def test_only_changed_sends_new_codes_and_reports_codes_that_differ(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    coupons = ("coupons", *CAMPAIGN)
    first = "value,limitval\n" + "".join(f"CODE-{n:04},1\n" for n in range(100))
    assert imported(shell, tmp_path, coupons, first).code == 0
    later = first.replace("CODE-0007,1", "CODE-0007,5") + "CODE-0100,1\nCODE-0101,1\n"
    ended = imported(shell, tmp_path, coupons, later, "--only-changed", "--reconcile")
    assert ended.code == 0, ended.err
    assert sandbox.state.count("coupon") == 102
    assert ended.json["records"] == {
        "input": 102, "accepted": 2, "skipped": 100, "rejected": 0, "in_doubt": 0, "pending": 0
    }  # fmt: skip
    assert (ended.json["source"]["at_target"], ended.json["source"]["different_at_target"]) == (99, 1)
    assert ended.json["reconciliation"]["verdict"] == "proved"
    assert "99 of 102 records are at the target with equal values, 1 with other values" in " ".join(ended.err.split())


def test_only_changed_finds_records_that_another_ledger_sent(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    text = "identifier,state\nNEW-CARD-1,active\nNEW-CARD-2,inactive\n"
    cards = ("loyalty-cards", "--program", "2")
    assert imported(shell, tmp_path, cards, text).code == 0
    other = Shell(tmp_path / "other", sandbox.base_url)
    ended = imported(other, tmp_path, cards, text, "--only-changed")
    assert (ended.code, ended.json["job"], uploads(sandbox)) == (0, None, 1), ended.err
    ended = imported(other, tmp_path, cards, f"{text}NEW-CARD-3,active\n", "--only-changed")
    assert (ended.code, ended.json["file"]["records"], uploads(sandbox)) == (0, 1, 2), ended.err


def test_only_changed_sends_the_tiers_that_differ(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    tiers = ("loyalty-tiers", "--program", "1")
    rows = [f"customer-{n:04},Silver,2031-12-31T00:00:00Z" for n in range(1, 21)]
    head = "customerprofileid,tiername,expirydate"
    assert imported(shell, tmp_path, tiers, "\n".join([head, *rows, ""])).code == 0
    rows[4] = rows[4].replace("Silver", "Gold")
    read = sum("export_customers_tiers" in request.template for request in sandbox.requests)
    once = imported(shell, tmp_path, tiers, "\n".join([head, rows[4].replace("Gold", "Bronze"), ""]), "--only-changed")
    assert once.code == 0, once.err
    # One download shows the changed rows, and is the state to go back to.
    assert sum("export_customers_tiers" in request.template for request in sandbox.requests) - read == 1
    saved = shell.run("jobs", "show", once.json["job"], "--json").json["before_file"]
    assert "customer-0005,Silver" in Path(saved).read_text()
    ended = imported(shell, tmp_path, tiers, "\n".join([head, *rows, ""]), "--only-changed", "--reconcile")
    assert (ended.code, ended.json["file"]["records"]) == (0, 1), ended.err
    assert ended.json["source"]["at_target"] == 19
    assert ended.json["reconciliation"]["verdict"] == "proved"


@pytest.mark.parametrize(
    ("contract", "ids", "text", "reason"),
    [
        ("audiences", ("--audience", "1"), "profileintegrationid\ncustomer-0001\n", "replaces all rows"),
        ("giveaways", ("--pool", "1"), "code\nGIFT-1\n", "may belong to another import"),
    ],
)
def test_only_changed_is_refused_for_rows_without_a_key(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path, contract: str, ids: tuple[str, ...], text: str, reason: str
) -> None:
    ended = imported(shell, tmp_path, (contract, *ids), text, "--only-changed")
    assert (ended.code, sandbox.requests, reason in " ".join(ended.err.split())) == (2, [], True), ended


def test_a_dry_run_with_only_changed_counts_and_sends_nothing(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    coupons = ("coupons", *CAMPAIGN)
    assert imported(shell, tmp_path, coupons, "value\nCODE-1\n").code == 0
    ended = imported(shell, tmp_path, coupons, "value\nCODE-1\nCODE-2\n", "--only-changed", "--dry-run")
    assert (ended.code, ended.json["file"]["records"], uploads(sandbox)) == (0, 1, 1), ended.err


def test_a_target_that_cannot_be_read_stops_only_changed(shell: Shell, sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.set_faults("exportCoupons@1-9=403")
    ended = imported(shell, tmp_path, ("coupons", *CAMPAIGN), "value\nCODE-1\n", "--only-changed")
    assert (ended.code, "export_coupons returned 403" in ended.json["error"]["message"], uploads(sandbox)) == (
        2,
        True,
        0,
    ), ended


def test_only_changed_leaves_the_records_of_an_unfinished_job_to_it(
    shell: Shell, sandbox: SandboxServer, tmp_path: Path
) -> None:
    coupons = ("coupons", *CAMPAIGN)
    text = "value\n" + "".join(f"CODE-{n}\n" for n in range(6))
    sandbox.set_faults("imports@2=401")
    assert imported(shell, tmp_path, coupons, text, "--max-rows", "3").json["state"] == "unfinished"
    sandbox.set_faults(None)
    ended = imported(shell, tmp_path, coupons, text, "--only-changed")
    assert (ended.code, sandbox.state.count("coupon"), "jobs resume" in ended.err) == (5, 3, True), ended
    assert shell.run("jobs", "resume", "--json").code == 0
    assert sandbox.state.count("coupon") == 6
