"""Open amounts of bookings: expiry, pending and waiting amounts, subtractions, debts, and the server's balances."""

from pathlib import Path

import polars as pl
import pytest

from bulkops.errors import DataError
from bulkops.exporting.import_form import ImportForm, Translation
from bulkops.exporting.open_amounts import OpenBook
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import ProgramKind

NOW = "2026-06-01T00:00:00Z"
COLUMNS = ("id", "created", "type", "amount", "startDate", "expiryDate", "customerProfileId", "subledgerId", "name",
           "validityDuration")  # fmt: skip


def booking(number: int, day: str, kind: str, amount: str, start: str = "immediate", end: str = "unlimited", *,
            who: str = "anna", ledger: str = "", why: str = "", duration: str = "") -> tuple[str, ...]:  # fmt: skip
    return str(number), f"2026-{day}T12:00:00Z", kind, amount, start, end, who, ledger, why, duration


def book(folder: Path, rows: list[tuple[str, ...]], translation: Translation | None = None) -> OpenBook:
    definition = CONTRACTS["loyalty-points"]
    readback = definition.routes[0].readback
    assert readback is not None
    found = OpenBook(form=ImportForm(definition, readback, translation), folder=folder, now=NOW)
    found.add(pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row"))
    found.settle()
    return found


def records(found: OpenBook) -> list[tuple[str, ...]]:
    names = ["customerprofileid", "amount", "startdate", "expirydate", "validityDuration", "subledgerid"]
    return [row for frame in found.records() for row in frame.select(names).rows()]


def balances(found: OpenBook, rows: list[tuple[str, str, str, str]], subledger: str | None = None) -> None:
    export = found.export_of_balances()
    assert export is not None
    names = ("profileIntegrationID", "loyaltySubledger", "currentBalance", "pendingBalance")
    found.refuse_other_balances([pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")], export,
                                subledger)  # fmt: skip


def test_subtraction_takes_the_amount_that_ends_first(tmp_path: Path) -> None:
    rows = [
        booking(1, "01-01", "addition", "10"),
        booking(2, "01-02", "addition", "10", end="2026-12-31T00:00:00Z"),
        booking(3, "01-03", "addition", "10", end="2026-07-31T00:00:00Z"),
        booking(4, "02-01", "subtraction", "15.5"),
    ]
    found = book(tmp_path, rows)
    balances(found, [("anna", "", "14.50", "0.00")])
    assert records(found) == [("anna", "10", "", "", "", ""), ("anna", "4.5", "", "2026-12-31T00:00:00Z", "", "")]


def test_amounts_that_ended_before_a_subtraction_are_not_used_for_it(tmp_path: Path) -> None:
    rows = [
        booking(1, "01-01", "addition", "10", end="2026-02-01T00:00:00Z"),
        booking(2, "01-01", "addition", "10"),
        booking(3, "03-01", "subtraction", "4"),
    ]
    found = book(tmp_path, rows)
    assert records(found) == [("anna", "6", "", "", "", "")]
    assert found.form.books.rows == found.form.books.records + found.form.books.merged + 2


def test_pending_and_waiting_amounts_keep_their_start(tmp_path: Path) -> None:
    rows = [
        booking(1, "01-01", "addition", "3", start="2026-09-01T00:00:00Z", end="2027-01-01T00:00:00Z"),
        booking(2, "01-01", "addition", "4", start="on_action", duration="1Y"),
        booking(3, "01-01", "addition", "5", start="2026-05-01T00:00:00Z"),
        booking(4, "02-01", "subtraction", "1"),
    ]
    found = book(tmp_path, rows)
    assert records(found) == [
        ("anna", "5", "", "", "", ""),
        ("anna", "4", "on_action", "", "1Y", ""),
        ("anna", "3", "2026-09-01T00:00:00Z", "2027-01-01T00:00:00Z", "", ""),
    ]  # nothing was active when 1 was taken, so it is a debt that the amount of May does not show


def test_debt_is_paid_by_the_next_addition(tmp_path: Path) -> None:
    rows = [
        booking(1, "01-01", "addition", "5"),
        booking(2, "01-02", "subtraction", "8"),
        booking(3, "01-03", "addition", "10"),
        booking(4, "01-04", "subtraction", "30", who="bert"),
    ]
    found = book(tmp_path, rows)
    balances(found, [("anna", "", "7.00", "0.00"), ("bert", "", "0.00", "0.00")])
    assert records(found) == [("anna", "7", "", "", "", "")]
    assert any("negative balance" in note for note in found.form.books.notes)


def test_equal_amounts_of_an_owner_become_one_record_in_each_subledger(tmp_path: Path) -> None:
    rows = [
        booking(1, "01-01", "addition", "1.25", ledger="travel"),
        booking(2, "01-02", "addition", "2.25", ledger="travel"),
        booking(3, "01-02", "addition", "9"),
    ]
    found = book(tmp_path, rows, Translation(values={"subledgerid": {"travel": "trips"}}))
    balances(found, [("anna", "travel", "3.50", "0.00"), ("anna", "", "9.00", "0.00")])
    assert records(found) == [("anna", "9", "", "", "", ""), ("anna", "3.5", "", "", "", "trips")]
    assert found.form.books.merged == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([("anna", "", "9.99", "0.00")], "'anna' has 9.99, not 10.00"),
        ([("anna", "", "10.00", "1.00")], "1.00 pending, not 0.00"),
        ([], "'anna' has 0.00, not 10.00"),
        ([("anna", "", "10.00", "0.00"), ("bert", "", "1.00", "0.00")], "'bert' has 1.00, not 0.00"),
    ],
)
def test_other_balances_of_the_server_stop_the_export(
    tmp_path: Path, said: list[tuple[str, str, str, str]], shown: str
) -> None:
    found = book(tmp_path, [booking(1, "01-01", "addition", "10")])
    with pytest.raises(DataError, match="differ") as raised:
        balances(found, said)
    assert shown in raised.value.message


def test_balances_without_any_booking_stop_the_export(tmp_path: Path) -> None:
    found = book(tmp_path, [])
    export = found.form.readback.open_amounts
    assert export is not None
    names = ("profileIntegrationID", "loyaltySubledger", "currentBalance", "pendingBalance")
    rows = pl.DataFrame([("anna", "", "1.00", "0")], schema=dict.fromkeys(names, pl.String), orient="row")
    with pytest.raises(DataError, match=r"'anna' has 1\.00, not 0\.00"):
        found.refuse_other_balances([rows], export.balances[ProgramKind.PROFILES], None)


def test_only_the_chosen_subledger_is_compared(tmp_path: Path) -> None:
    found = book(tmp_path, [booking(1, "01-01", "addition", "10", ledger="travel")])
    balances(found, [("anna", "travel", "10.00", "0"), ("anna", "", "99.00", "0")], "travel")
    with pytest.raises(DataError):
        balances(found, [("anna", "travel", "10.00", "0"), ("anna", "", "99.00", "0")])


def test_unknown_kind_of_booking_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'expiration'"):
        book(tmp_path, [booking(1, "01-01", "expiration", "10")])
