"""Numbers with ambiguous separators: a safe fix keeps them, and the numbers that show how to read the others."""

import io

import pytest

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS

POINTS = CONTRACTS["loyalty-points"]


def fixed(cells: list[str], *, unsafe: bool) -> tuple[list[str], set[str]]:
    """Return the amounts of a fixed file, and the rules that it still breaks."""
    data = ("customerprofileid,amount\n" + "".join(f'C{n},"{cell}"\n' for n, cell in enumerate(cells))).encode()
    out = io.BytesIO()
    fix_file(POINTS, Source("m", lambda: io.BytesIO(data)), out, options=FixOptions(unsafe=unsafe), log=lambda _: None)
    report = validate_files(POINTS, [Source("m", lambda: io.BytesIO(out.getvalue()))]).files[0]
    amounts = [line.partition(",")[2].strip('"') for line in out.getvalue().decode().splitlines()[1:]]
    return amounts, set(report.counts)


@pytest.mark.parametrize(
    ("cells", "left"),
    [
        (["1.500", "12,50"], {"VAL115", "XLS109"}),
        (["1.500", "1.234,56", "0,5"], {"VAL115", "XLS109"}),
        (["1,500", "12,75"], {"XLS109", "XLS111"}),
        (["1,500", "2.5"], {"XLS111"}),
        (["1.500", "2.000"], {"VAL115"}),
    ],
)
def test_a_safe_fix_changes_no_number_of_a_column_with_two_readings(cells: list[str], left: set[str]) -> None:
    assert fixed(cells, unsafe=False) == (cells, left)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1.500", "12,50"], ["1500", "12.50"]),
        (["1,500", "12,75"], ["1.500", "12.75"]),
        (["1.500", "1.234,56", "0,5"], ["1500", "1234.56", "0.5"]),
        (["1,500", "1,234.50", "7"], ["1500", "1234.50", "7"]),
        (["1,500", "2.5"], ["1500", "2.5"]),
    ],
)
def test_an_unsafe_fix_reads_numbers_as_the_column_shows(cells: list[str], read: list[str]) -> None:
    amounts, left = fixed(cells, unsafe=True)
    assert (amounts, left) == (read, set())
    assert fixed(amounts, unsafe=True)[0] == read


def test_an_unsafe_fix_does_not_take_decimals_for_thousands_on_its_own() -> None:
    assert fixed(["1.500", "2.000"], unsafe=True) == (["1.500", "2.000"], {"VAL115"})


def test_a_column_with_one_reading_is_repaired_as_before() -> None:
    assert fixed(["12,50", "0,5", "1.234,5", "3"], unsafe=False) == (["12.50", "0.5", "1234.5", "3"], set())


def test_numbers_in_blocks_without_other_defects_are_read_alike() -> None:
    cells = ["1.500"] * 20_000 + ["12,50"]
    amounts, left = fixed(cells, unsafe=True)
    assert (set(amounts), left) == ({"1500", "12.50"}, set())
