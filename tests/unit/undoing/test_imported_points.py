"""The points of an import that an undo may still deduct, for any order of bookings."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bulkops.exporting.open_amounts import NEVER
from bulkops.undoing.imported_points import OwnerPoints, points_of

NOW = "2026-06-01T00:00:00Z"
LATER = "2027-01-01T00:00:00Z"
PAST = "2026-05-01T00:00:00Z"
KINDS = st.sampled_from(["own", "other", "spent"])
BOOKINGS = st.lists(
    st.tuples(KINDS, st.integers(1, 500), st.sampled_from([NEVER, LATER, PAST]), st.sampled_from(["", LATER])),
    min_size=1,
    max_size=12,
)


def booked(found: list[tuple[str, int, str, str]]) -> list[dict[str, Any]]:
    """Return bookings, each later than the one before; a start in the future makes an addition pending."""
    rows = []
    for number, (kind, amount, ends, starts) in enumerate(found):
        created = f"2026-01-{number + 1:02}T00:00:00Z"
        rows.append(
            {
                "owner": "a", "subledger": "", "starts": starts or created, "ends": ends, "amount": str(amount),
                "created": created, "number": number, "taken": kind == "spent", "own": kind == "own", "undone": False,
            }
        )  # fmt: skip
    return rows


def points(found: list[tuple[str, int, str, str]], undone: Decimal | None = None) -> OwnerPoints:
    rows = booked(found)
    if undone:
        last = {**rows[-1], "amount": str(undone), "taken": True, "own": False, "undone": True, "number": len(rows)}
        rows.append({**last, "starts": NOW, "ends": NEVER, "created": "2026-05-31T00:00:00Z"})
    return points_of(rows, "on_action", NOW)


@given(BOOKINGS, st.integers(0, 3000))
def test_deductible_points_are_never_more_than_imported_or_than_the_balance(
    found: list[tuple[str, int, str, str]], balance: int
) -> None:
    result = points(found)
    imported = sum(amount for kind, amount, _, _ in found if kind == "own")
    amount = result.deductible(Decimal(balance))
    assert 0 <= amount <= min(imported, balance)
    assert result.active + result.pending + result.spent == imported
    assert amount <= max(Decimal(0), balance - (result.total - result.active))


@given(BOOKINGS)
def test_points_that_an_undo_took_back_are_not_deducted_again(found: list[tuple[str, int, str, str]]) -> None:
    result = points(found)
    amount = result.deductible(result.total)
    again = points(found, undone=amount)
    assert again.deductible(again.total) == 0


def test_missing_points_of_the_balance_count_as_spent_from_the_import() -> None:
    result = points([("own", 100, NEVER, ""), ("other", 50, NEVER, "")])
    assert result.deductible(Decimal(150)) == 100
    assert result.deductible(Decimal(120)) == 70
    assert result.deductible(Decimal("20.559")) == 0
