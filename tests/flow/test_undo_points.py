"""`jobs undo` of points: it deducts the remaining points of the import once, also after lost requests."""

import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import KEY, Ended, Inside
from tests.network.relays import listening

HEADER = "customerprofileid,amount,startdate,expirydate,subledgerid\n"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(key=KEY, rate_limit=0) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxServer) -> SandboxServer:
    """Return the sandbox without any points."""
    server.set_faults("")
    with server.state.database.writing() as connection:
        connection.execute("DELETE FROM point")
    return server


@pytest.fixture
def shell(sandbox: SandboxServer, tmp_path: Path) -> Inside:
    return Inside(tmp_path / "state", sandbox.base_url)


def imported(shell: Inside, path: Path, *lines: str, program: int = 1, header: str = HEADER) -> str:
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    words = ("import", "loyalty-points", str(path), "--program", str(program), "--no-notifications", "--settle", "0")
    ended = shell.run(*words, "--yes", "--json", "--again")
    assert ended.code == 0, (ended.err, ended.out)
    return str(ended.json["job"])


def undone(shell: Inside, job: str, *, patience: float = 0.5) -> Ended:
    return shell.run("jobs", "undo", job, "--settle", "0", "--response-timeout", str(patience), "--yes", "--json")


def balances(sandbox: SandboxServer, program: int = 1) -> dict[tuple[str, str], Decimal]:
    """Return the current balance of each owner and subledger, as the server exports it."""
    kind = "card" if program == 2 else "customer"
    owner = "cardIdentifier" if program == 2 else "profileIntegrationID"
    path = f"/v1/loyalty_programs/{program}/export_{kind}_balances"
    found = httpx.get(sandbox.base_url + path, headers={"Authorization": f"ManagementKey-v1 {KEY}"})
    names, *rows = [line.split(",") for line in found.text.splitlines()]
    at = [names.index(name) for name in (owner, "loyaltySubledger", "currentBalance")]
    return {(row[at[0]], row[at[1]]): Decimal(row[at[2]]) for row in rows}


def deduct(sandbox: SandboxServer, owner: str, points: float, subledger: str = "") -> None:
    """Deduct points as a person does."""
    path = f"/v1/loyalty_programs/1/profile/{owner}/deduct_points"
    body = {"points": points, "name": "spent", "subledgerId": subledger}
    answer = httpx.put(sandbox.base_url + path, headers={"Authorization": f"ManagementKey-v1 {KEY}"}, json=body)
    assert answer.status_code == 204, answer.text


def subtractions(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return [row for row in sandbox.state.rows("point", kind="subtraction") if row["reason"] != "spent"]


def test_undo_deducts_the_remaining_points_of_the_import_and_no_other_points(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    imported(shell, tmp_path / "own.csv", "customer-0001,50,,,", "customer-0002,7,,,", "customer-0003,5,,,")
    job = imported(
        shell, tmp_path / "p.csv",
        "customer-0001,100,,,", "customer-0001,20.5,,,", "customer-0001,9,,,side",
        "customer-0002,10,,2090-01-01T00:00:00Z,", "customer-0004,30,,,", "customer-0005,8,2090-01-01T00:00:00Z,,",
        "customer-0006,4,on_action,,",
    )  # fmt: skip
    deduct(sandbox, "customer-0002", 12)  # all of the import, which ends first, and 2 of the customer's own points
    deduct(sandbox, "customer-0004", 25)
    ended = undone(shell, job)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    facts = ended.json["undo"]
    assert (facts["records"], facts["amount"], facts["pending_amount"]) == (3, "134.50", "12")
    assert Decimal(facts["spent_amount"]) == 35
    assert "not active yet" in ended.err
    left = {owner: amount for owner, amount in balances(sandbox).items() if amount}
    assert left == {
        ("customer-0001", ""): Decimal(50), ("customer-0002", ""): Decimal(5), ("customer-0003", ""): Decimal(5),
    }  # fmt: skip


def test_second_undo_of_an_import_deducts_nothing_more(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    imported(shell, tmp_path / "own.csv", "customer-0001,50,,2089-01-01T00:00:00Z,")
    job = imported(shell, tmp_path / "p.csv", "customer-0001,100,,,")
    assert undone(shell, job).code == 0  # the server takes the points that end first: 50 of the customer's own
    assert balances(sandbox) == {("customer-0001", ""): Decimal(50)}
    again = undone(shell, job)
    assert (again.code, "nothing left to undo" in again.err) == (2, True)
    assert balances(sandbox) == {("customer-0001", ""): Decimal(50)}


def test_undo_of_points_on_cards_deducts_from_the_cards(shell: Inside, sandbox: SandboxServer, tmp_path: Path) -> None:
    imported(shell, tmp_path / "own.csv", "CARD-0001,3", program=2, header="identifier,amount\n")
    job = imported(shell, tmp_path / "p.csv", "CARD-0001,10", "CARD-0002,5.25", program=2, header="identifier,amount\n")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["amount"]) == (0, "15.25"), ended.err
    assert balances(sandbox, 2) == {("CARD-0001", ""): Decimal(3), ("CARD-0002", ""): Decimal(0)}


@pytest.mark.parametrize("fault", ["cut:committed", "cut:after", "cut:before", "500:after", "500", "429:0", "late:1"])
def test_lost_response_deducts_each_owner_exactly_once(
    fault: str, shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,", "customer-0002,20,,,")
    imported(shell, tmp_path / "own.csv", "customer-0001,100,,,", "customer-0002,200,,,")  # enough for a second one
    sandbox.set_faults(f"removeLoyaltyPoints@1={fault}")
    ended = undone(shell, job, patience=3 if "late" in fault else 0.5)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (0, "proved"), ended.err
    time.sleep(1.2 if "late" in fault else 0)  # longer than the server's work
    assert balances(sandbox) == {("customer-0001", ""): Decimal(100), ("customer-0002", ""): Decimal(200)}
    assert len(subtractions(sandbox)) == 2


def test_owner_who_spends_points_during_the_undo_is_left_and_named(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.undoing.runner import UndoRunner

    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,", "customer-0002,20,,,")
    run = UndoRunner.run

    def spent_first(self: UndoRunner) -> Any:
        deduct(sandbox, "customer-0001", 4)
        return run(self)

    monkeypatch.setattr(UndoRunner, "run", spent_first)
    ended = undone(shell, job)
    assert (ended.code, ended.json["records"]["skipped"]) == (1, 1), ended.err
    assert ended.json["reconciliation"]["examples"][0]["key"] == "customer-0001"
    assert balances(sandbox) == {("customer-0001", ""): Decimal(6), ("customer-0002", ""): Decimal(0)}
    monkeypatch.undo()
    assert undone(shell, job).code == 0
    assert balances(sandbox) == {("customer-0001", ""): Decimal(0), ("customer-0002", ""): Decimal(0)}


def test_refused_deduction_is_rejected_and_the_others_go_on(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,", "customer-0002,20,,,")
    sandbox.set_faults("removeLoyaltyPoints@1=400")
    ended = undone(shell, job)
    assert (ended.code, ended.json["state"], ended.json["records"]["rejected"]) == (1, "refused", 1), ended.err
    assert balances(sandbox) == {("customer-0001", ""): Decimal(10), ("customer-0002", ""): Decimal(0)}


def test_doubled_deduction_is_reported_with_its_owner(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.transport.client import ApiClient

    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
    imported(shell, tmp_path / "own.csv", "customer-0001,10,,,")
    change = ApiClient.change

    def twice(self: ApiClient, *words: Any, **choices: Any) -> int:
        change(self, *words, **choices)
        return change(self, *words, **choices)

    monkeypatch.setattr(ApiClient, "change", twice)
    ended = undone(shell, job)
    assert (ended.code, ended.json["reconciliation"]["verdict"]) == (1, "mismatch")
    assert "more than once" in ended.json["reconciliation"]["reason"]


def test_undo_in_a_program_without_transactions_has_nothing_to_deduct(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
    with sandbox.state.database.writing() as connection:
        connection.execute("DELETE FROM point")
    ended = undone(shell, job)
    assert (ended.code, "nothing left to undo" in ended.err) == (2, True), ended.err


def test_undo_after_a_cancelled_one_waits_for_its_lost_request(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.errors import Interrupted
    from bulkops.undoing.runner import UndoRunner

    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
    imported(shell, tmp_path / "own.csv", "customer-0001,100,,,")

    def ended(*_: Any) -> Any:
        raise Interrupted("Interrupted.")

    monkeypatch.setattr(UndoRunner, "_settle", ended)
    sandbox.set_faults("removeLoyaltyPoints@1=late:1")
    cut = undone(shell, job, patience=2)
    assert (cut.code, cut.json["records"]["in_doubt"]) == (130, 1), cut.err
    monkeypatch.undo()
    assert shell.run("jobs", "cancel", cut.json["job"], "--yes").code == 0
    again = undone(shell, job, patience=0.5)
    assert (again.code, "nothing left to undo" in again.err) == (2, True), again.err
    assert balances(sandbox) == {("customer-0001", ""): Decimal(100)}


@pytest.mark.parametrize("amount", ["90.00", None])
def test_undo_file_that_changes_during_the_run_deducts_nothing(
    amount: str | None, shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.undoing.runner import UndoRunner

    imported(shell, tmp_path / "own.csv", "customer-0001,100,,,")
    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
    run = UndoRunner.run

    def changed_first(self: UndoRunner) -> Any:
        (file,) = (tmp_path / "state").rglob("undo.csv")
        file.write_text(file.read_text().replace(",10.00,", f",{amount},") if amount else "")
        return run(self)

    monkeypatch.setattr(UndoRunner, "run", changed_first)
    ended = undone(shell, job)
    assert (ended.code, ended.json["records"]["pending"]) == (5, 1), ended.err
    assert "undo.csv" in ended.json["error"]["message"]
    assert f"jobs cancel {ended.json['job']}" in ended.json["error"]["hint"]
    assert balances(sandbox) == {("customer-0001", ""): Decimal(110)}


def test_login_page_instead_of_a_response_is_not_a_deduction(sandbox: SandboxServer, tmp_path: Path) -> None:
    page = b"<!DOCTYPE html><title>Sign in</title>"
    behind, pages = int(sandbox.base_url.rsplit(":", 1)[1]), [page]

    def passed_on(connection: socket.socket) -> None:
        """Pass on one request; the first that changes something gets a page of a login instead of its response."""
        data = connection.recv(65_536)
        if data.startswith(b"PUT") and pages:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(page) + pages.pop())
            return
        with socket.create_connection(("127.0.0.1", behind)) as server:
            server.sendall(data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            server.settimeout(5)
            length = int((re.findall(rb"(?i)content-length: (\d+)", data) or [b"0"])[0])
            while len(data.partition(b"\r\n\r\n")[2]) < length:
                data += (block := connection.recv(65_536))
                server.sendall(block)
            while block := server.recv(65_536):
                connection.sendall(block)

    with listening(passed_on) as port:
        shell = Inside(tmp_path / "state", f"http://127.0.0.1:{port}")
        job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
        ended = undone(shell, job)
    assert (ended.code, pages, ended.json["reconciliation"]["verdict"]) == (0, [], "proved"), ended.err
    assert balances(sandbox) == {("customer-0001", ""): Decimal(0)}


def test_points_with_the_zero_time_as_their_end_are_deducted(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path
) -> None:
    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,,")
    with sandbox.state.database.writing() as connection:
        connection.execute("UPDATE point SET expirydate = '0001-01-01T00:00:00Z'")
    ended = undone(shell, job)
    assert (ended.code, ended.json["undo"]["amount"]) == (0, "10.00"), ended.err


def test_points_that_expire_during_the_undo_are_not_taken_from_others(
    shell: Inside, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bulkops.undoing.runner import UndoRunner

    job = imported(shell, tmp_path / "p.csv", "customer-0001,10,,2090-01-01T00:00:00Z,")
    imported(shell, tmp_path / "own.csv", "customer-0001,100,,,")
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    with sandbox.state.database.writing() as connection:
        values = (f"{end:%Y-%m-%dT%H:%M:%SZ}", end.timestamp())
        connection.execute("UPDATE point SET expirydate = ?, ends = ? WHERE amount = '10'", values)
    run = UndoRunner.run

    def expired_first(self: UndoRunner) -> Any:
        time.sleep(max(0, end.timestamp() - time.time()))
        return run(self)

    monkeypatch.setattr(UndoRunner, "run", expired_first)
    ended = undone(shell, job)
    assert (ended.json["undo"]["records"], balances(sandbox)) == (1, {("customer-0001", ""): Decimal(100)}), ended.err
    assert (ended.code, ended.json["records"]["skipped"]) == (1, 1)
    assert "expired" in ended.json["chunks"][0]["message"]
