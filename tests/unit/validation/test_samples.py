"""The validator against the sample files: the good are clean, the broken are broken where they say."""

import json
from pathlib import Path

import pytest

from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

SAMPLES = Path(__file__).parents[3] / "sample_data"
EXPECTED = [
    (path.parent, contract, places)
    for path in (SAMPLES / "broken" / "expected.json", SAMPLES / "broken" / "header" / "expected.json")
    for contract, places in json.loads(path.read_text(encoding="utf-8")).items()
]


def report_on(path: Path, contract: str) -> FileReport:
    # Findings that follow from another one are listed too.
    return validate_files(CONTRACTS[contract], [path], settings=ValidationSettings(grouped=False)).files[0]


def contract_of(path: Path) -> str:
    return next(name for name in sorted(CONTRACTS, key=len, reverse=True) if path.stem.startswith(name))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.csv")), ids=lambda path: path.stem)
def test_a_good_sample_has_no_finding(path: Path) -> None:
    assert report_on(path, contract_of(path)).counts == {}


@pytest.mark.parametrize(("folder", "contract", "places"), EXPECTED, ids=lambda value: getattr(value, "name", None))
def test_every_defect_of_a_broken_sample_is_found_where_it_is(
    folder: Path, contract: str, places: list[dict[str, object]]
) -> None:
    report = report_on(folder / f"{contract}.csv", contract)
    found = {(f.record, f.line, f.column) for f in report.findings} | {
        (f.record, f.line, None) for f in report.findings
    }
    # The validator without a clock does not look at the present.
    wanted = {(p["record"], p["line"], p["column"]) for p in places if p["kind"] != "date in the past"}
    assert wanted - found == set()
    assert {(f.record, f.line) for f in report.findings} <= {(p["record"], p["line"]) for p in places}
