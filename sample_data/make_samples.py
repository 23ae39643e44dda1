"""Write every sample file: `python -m sample_data.make_samples` from the repository root.

Good samples, the large coupons file, broken twins with expected.json, and the README's tables of defects.
The output is the same on every run; the committed files are this output.
"""

import io
from pathlib import Path

from sample_data.contracts import ALL_SAMPLES
from sample_data.legacy import legacy_files
from sample_data.make_coupons import expected_json, mixed_tables, rows, write
from sample_data.twins import Twin, line
from sample_data.values import Sample

HERE = Path(__file__).parent
LARGE_RECORDS = 20_000
LARGE_SEED = 2026
TABLES_BEGIN, TABLES_END = "<!-- defects: begin -->\n", "<!-- defects: end -->\n"


def good_text(sample: Sample) -> str:
    return line(list(sample.columns)) + "".join(line(list(record.values())) for record in sample.records)


def large_coupons() -> str:
    out = io.StringIO()
    write(out, rows(LARGE_RECORDS, seed=LARGE_SEED, tables=mixed_tables()))
    return out.getvalue()


def sample_files() -> dict[str, str]:
    """Return the text of every file the script owns whole, by its path under sample_data."""
    files = {f"{name}.csv": good_text(build()) for each in ALL_SAMPLES for name, build in each.good.items()}
    files["coupons-20000.csv"] = large_coupons()
    for folder, twins in (("broken", content_twins()), ("broken/header", header_twins())):
        files |= {f"{folder}/{contract}.csv": twin.text for contract, twin in twins.items()}
        files[f"{folder}/expected.json"] = expected_json({name: twin.places for name, twin in twins.items()})
    return files | legacy_files()


def content_twins() -> dict[str, Twin]:
    """Return the twins with defects in their records, by contract."""
    return {each.contract: each.content_twin() for each in ALL_SAMPLES}


def header_twins() -> dict[str, Twin]:
    """Return the twins with a wrong header over good records, by contract."""
    return {each.contract: made for each in ALL_SAMPLES if (made := each.header_twin()) is not None}


def _table(path: str, twin: Twin) -> str:
    head = f"### {path}\n\n| record | line | column | kind | reason |\n|---|---|---|---|---|\n"
    cells = (
        (flaw.place.record or "", flaw.place.line, flaw.place.column or "", flaw.place.kind, flaw.reason)
        for flaw in twin.flaws
    )
    return head + "".join("| {} | {} | {} | {} | {} |\n".format(*row) for row in cells)


def defect_tables() -> str:
    """Return the README's tables of defects, one a twin."""
    tables = [_table(f"broken/{contract}.csv", twin) for contract, twin in content_twins().items()]
    tables += [_table(f"broken/header/{contract}.csv", twin) for contract, twin in header_twins().items()]
    return "\n".join(tables)


def with_tables(readme: str) -> str:
    """Return the README with the tables between its two marks made anew."""
    before, rest = readme.split(TABLES_BEGIN)
    _, after = rest.split(TABLES_END)
    return f"{before}{TABLES_BEGIN}\n{defect_tables()}\n{TABLES_END}{after}"


def main() -> None:
    """Write the files next to this script."""
    for name, text in sample_files().items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    readme = HERE / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
