"""The sources of recipes at addresses: every format, patterns, and the commands that read and write them."""

import io
from pathlib import Path

import polars as pl
import pytest

from tests.remote.conftest import Bucket, run

RECIPE = """\
name: remote
steps:
  - contract: loyalty-points
    ids: {{program: 1}}
    source: {{file: "{file}"}}
    columns: {{customerprofileid: owner, amount: points}}
"""
ROWS = pl.DataFrame({"owner": ["Ann", "Ben"], "points": ["5", "7"]})
MAPPED = b"customerprofileid,amount\nAnn,5\nBen,7\n"


def content(form: str) -> bytes:
    """Return a legacy file with two rows."""
    out = io.BytesIO()
    match form:
        case "xlsx":
            ROWS.write_excel(out)
        case "parquet":
            ROWS.write_parquet(out)
        case "jsonl":
            ROWS.write_ndjson(out)
        case _:
            ROWS.write_csv(out)
    return out.getvalue()


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx", "parquet"])
def test_source_at_an_address_is_mapped_to_an_address(form: str, bucket: Bucket, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    bucket.put(f"old/legacy-1.{form}", content(form))
    for name in (f"legacy-1.{form}", f"legacy-*.{form}"):
        recipe.write_text(RECIPE.format(file=bucket.address(f"old/{name}")))
        ended = run("map", recipe, "--into", bucket.address("mapped"))
        assert ended.code == 0, ended.err
        assert bucket.get("mapped/01-loyalty-points.csv") == MAPPED


def test_source_at_an_address_is_proposed_and_run(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = bucket.put("legacy.xlsx", content("xlsx"))
    proposed = run("init", address, "--contract", "loyalty-points", "-o", "proposed.yaml")
    assert proposed.code == 0, proposed.err
    assert f"{address}" in Path("proposed.yaml").read_text()
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(file=address))
    for said in ("2 accepted", "already done"):
        ended = run("run", recipe, "--target", "sandbox")
        assert ended.code == 0, ended.err
        assert said in ended.out + ended.err


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("ftp://host/legacy.csv", "recipe.yaml, line 5: step 1: source: ftp:// is not a scheme"),
        ("s3://drops/none.xlsx", "s3://drops/none.xlsx cannot be read: the bucket drops does not exist"),
    ],
)
def test_source_at_a_wrong_address_is_named(file: str, said: str, bucket: Bucket, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(file=file))
    ended = run("map", recipe, "--head", "1")
    assert ended.code == 2
    assert said in ended.err


def test_findings_are_written_to_an_address(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("customerprofileid,amount\nAnn,many\n")
    outputs = [f"{form}={bucket.address(f'findings.{form}')}" for form in ("csv", "xlsx")]
    ended = run("validate", "loyalty-points", "points.csv", "--output", outputs[0], "--output", outputs[1])
    assert ended.code == 1, ended.err
    assert b"many" in bucket.get("findings.csv")
    assert bucket.get("findings.xlsx").startswith(b"PK")
    assert not list(tmp_path.glob("s3:*"))
