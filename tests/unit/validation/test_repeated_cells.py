"""Cells that appear in many records are checked once, but counted and shown for each record."""

import pytest

from bulkops.validation.checks import columns
from bulkops.validation.findings import FileReport
from tests.unit.validation.test_places import check

LIMITS = ("1", "20", "1.0", "", "many", "-3", "1,000", "7", "1.0", "20")
RECORDS = 9000
CONTENT = "value,limitval,startdate\n" + "".join(
    f'CODE{n},"{LIMITS[n % len(LIMITS)]}",{"2030-02-30" if n % 500 == 7 else "2030-02-01"}T00:00:00Z\n'
    for n in range(RECORDS)
)


def told(report: FileReport) -> list[tuple[str, int | None, int | None, str | None, str | None]]:
    return [(f.code, f.record, f.line, f.column, f.value) for f in report.findings]


@pytest.mark.parametrize("most", [0, 3, 100_000])
@pytest.mark.parametrize(("few", "many"), [(1024, 4096), (0, 4096), (1024, 2)])
def test_repeated_cells_are_counted_and_shown_as_single_ones(
    few: int, many: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In blocks of a few records: in none of them anything repeats often enough to be judged in another way.
    alone = check("coupons", CONTENT.encode(), block_bytes=4096, max_findings=most)[0]
    monkeypatch.setattr(columns, "_FEW", few)
    monkeypatch.setattr(columns, "_MANY", many)
    together = check("coupons", CONTENT.encode(), block_bytes=150_000, max_findings=most)[0]
    assert together.counts == alone.counts
    assert told(together) == told(alone)
    assert alone.counts == {"TYP101": 900, "VAL103": 900, "DAT101": 18, "XLS110": 1800, "XLS111": 900}


@pytest.mark.parametrize("usual", ["9999-01-01", "9998-12-30", "0999-05-05", "\uff12\uff10\uff12\uff17-01-01", "soon"])
def test_an_end_before_its_start_is_found_whatever_most_starts_are(usual: str) -> None:
    rows = "".join(f"CODE{n},{usual}T00:00:00Z,\n" for n in range(20))
    content = f"value,startdate,expirydate\n{rows}CODEX,2030-01-01T00:00:00Z,2029-01-01T00:00:00Z\n"
    (finding,) = [f for f in check("coupons", content.encode())[0].findings if f.code == "XCL101"]
    assert (finding.record, finding.line, finding.column) == (21, 22, "expirydate")


def test_a_record_of_no_break_spaces_is_blank_beside_one_of_ordinary_ones() -> None:
    counts = check("coupons", "value,limitval\nABCD,1\n ,\n\u00a0,\nABCE,2\n".encode())[0].counts
    assert counts == {"STR103": 2}
