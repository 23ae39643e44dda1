"""`bulkops init`: from files as other tools write them to a recipe that loads, or to a bulkops.toml."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import xlsxwriter
from click.testing import CliRunner, Result

from bulkops.cli.main import cli
from bulkops.proposing.matching import steps_of
from bulkops.proposing.model import Proposal
from bulkops.proposing.yaml_text import recipe_text
from bulkops.recipe import Recipe, load_recipe
from bulkops.recipe_source import SourceSpec
from tests.cli.documents import check_document
from tests.unit.proposing.tables import table_of

SAMPLES = Path(__file__).parents[2] / "sample_data"
HEADER = ["Gutscheincode", "Gültig ab", "Gültig bis", "Max. Einlösungen", "E-Mail", "Bemerkung"]
ROWS = [
    ["ABC-1", "01.12.2026", "31.12.2027", "1", "müller@x.de", "für A"],
    ["ABC-2", "02.12.2026", "30.06.2028", "0", "b@x.de", ""],
]
MAPPED = {
    "value": 'clean("Gutscheincode")',
    "startdate": "instant(\"Gültig ab\", '%d.%m.%Y', 'UTC')",
    "expirydate": "end_of_day(\"Gültig bis\", '%d.%m.%Y', 'UTC')",
    "limitval": 'clean("Max. Einlösungen")',
    "recipientintegrationid": 'clean("E-Mail")',
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))


def init(*words: str) -> Result:
    result = CliRunner().invoke(cli, ["init", *words], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    check_document(["init", *words], result.stdout)
    return result


def proposed(*words: str) -> Recipe:
    """Return the recipe that is proposed on stdout, loaded from the working folder."""
    path = Path("proposed.yaml")
    path.write_text(init(*words).stdout, encoding="utf-8")
    return load_recipe(path, {})


def text(separator: str, rows: Sequence[Sequence[str]] = ROWS, header: Sequence[str] = HEADER) -> str:
    return "".join(separator.join(row) + "\n" for row in (header, *rows))


def workbook(name: str, sheets: dict[str, list[list[str]]]) -> str:
    with xlsxwriter.Workbook(name) as book:
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return name


def write(form: str) -> str:
    """Write the codes in a format, and return the source."""
    frame = pl.DataFrame(ROWS, schema=HEADER, orient="row")
    match form:
        case "jsonl":
            frame.write_ndjson("codes.jsonl")
        case "parquet":
            frame.write_parquet("codes.parquet")
        case "xlsx":
            rows = [["Export of 30 November 2026"], [], HEADER, *ROWS]
            workbook("codes.xlsx", {"Notes": [], "Codes": rows})
        case "sqlite":
            with sqlite3.connect("codes.db") as database:
                columns = ", ".join(f'"{name}" TEXT' for name in HEADER)
                database.execute(f"CREATE TABLE codes ({columns})")
                database.executemany("INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?)", ROWS)
            database.close()
            return "sqlite:///codes.db"
        case "duckdb":
            with duckdb.connect("codes.duckdb") as connection:
                columns = ", ".join(f'"{name}" VARCHAR' for name in HEADER)
                connection.execute(f"CREATE TABLE codes ({columns})")
                connection.executemany("INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?)", ROWS)
            return "duckdb:///codes.duckdb"
        case _:
            separator, _, encoding = form.partition(" ")
            Path("codes.csv").write_bytes(text(separator).encode(encoding))
            return "codes.csv"
    return f"codes.{form}"


@pytest.mark.parametrize(
    "form",
    ["; utf-8", ", utf-8-sig", "\t utf-16", "| cp1252", "; cp1252", "jsonl", "parquet", "xlsx", "sqlite", "duckdb"],
)
def test_the_same_codes_in_any_form_give_the_same_mapping(form: str) -> None:
    recipe = proposed(write(form))
    (step,) = recipe.steps
    assert (step.contract, step.columns, step.unused) == ("coupons", MAPPED, ("Bemerkung",))
    assert (step.source is not None and step.source.encoding) == ("cp1252" if "cp1252" in form else None)


def test_every_sheet_with_rows_becomes_a_step_of_its_own() -> None:
    points = [["Kundennummer", "Punktestand"], ["K1", "10"], ["K2", "20"]]
    workbook("shop.xlsx", {"Codes": [HEADER, *ROWS], "Punkte": points, "Farben": [["rot", "blau"], ["x y", "y x"]]})
    result = init("shop.xlsx")
    assert "coupons: 5 columns certain, 0 to decide. 1 source column not used." in " ".join(result.stderr.split())
    assert "shop.xlsx, sheet Farben fits no contract. Its columns: rot, blau" in result.stdout
    recipe = proposed("shop.xlsx")
    sheets = [(step.contract, step.source.sheet) for step in recipe.steps if step.source is not None]
    assert sheets == [("coupons", "Codes"), ("loyalty-points", "Punkte")]
    assert recipe.steps[1].options == {"notifications": False}


def test_an_uncertain_date_is_a_comment_with_counts_and_blocks_the_step_until_it_is_decided() -> None:
    rows = [[f"C-{number}", "01/02/2026", "31/12/2026"] for number in range(5)]
    Path("a.csv").write_text(text(",", rows, ["Coupon code", "Starts at", "Ends at"]))
    result = init("a.csv")
    assert "# DECIDE startdate: all 5 values fit both day/month and month/day" in result.stdout
    assert "# startdate: 'instant(\"Starts at\", ''%m/%d/%Y'', ''${zone}'')'  # 5 values" in result.stdout
    assert "Decide: a.csv: coupons.startdate: all 5 values fit both day/month and month/day." in result.stderr
    (step,) = proposed("a.csv").steps
    assert set(step.columns) == {"value", "expirydate"}
    assert "Starts at" not in step.unused


def test_a_required_column_without_a_source_is_an_error_that_loads() -> None:
    Path("a.csv").write_text("Alpha,Beta\nA-1,x y\nA-2,x y\n")
    (step,) = proposed("a.csv", "--contract", "coupons").steps
    assert step.columns == {"value": "error('decide what fills value')"}
    with pytest.raises(Exception, match=r"No contract was recognised in a\.csv") as caught:
        init("a.csv")
    assert "--contract" in str(getattr(caught.value, "hint", ""))


def test_an_encoding_with_several_natural_texts_is_a_decision() -> None:
    # The same byte is ć in cp1250 and æ in cp1252.
    Path("a.csv").write_bytes(text(";", [["A-1", "Nikolić"]], ["Coupon code", "Name"]).encode("cp1250"))
    document = json.loads(init("a.csv", "--json").stdout)
    assert "DECIDE the encoding: " in document["text"]
    assert document["decisions"] >= 1


def test_a_malformed_record_is_reported_with_the_proposal() -> None:
    Path("a.csv").write_text("Coupon code,Valid until\nA-1,2026-12-31\nA-2\n")
    result = init("a.csv", "-o", "r.yaml")
    assert result.return_value == 1
    assert "a.csv: line 3: the record has 1 field, but the header has 2" in result.stderr
    assert "Correct the file first: a.csv: line 3" in Path("r.yaml").read_text()


def test_headers_with_quotes_signs_and_line_ends_stay_columns_of_the_source() -> None:
    odd = ["Coupon code", 'a "b" c', "it's: # x", "- y", "", "Größe\u200b", "yes", "a [x]", "${zone}", "b?*"]
    rows = ",".join('"' + name.replace('"', '""') + '"' for name in odd) + "\n" + "A-1,1,2,3,4,5,6,7,8,9\n"
    Path("a b's.csv").write_text(rows, encoding="utf-8")
    (step,) = proposed("a b's.csv").steps
    names = ('a "b" c', "it's: # x", "- y", "column_5", "Größe\u200b", "yes", "a [x]", "*{zone}", "b?*")
    assert step.unused == names
    assert CliRunner().invoke(cli, ["map", "proposed.yaml", "--head", "1"], standalone_mode=False).exception is None
    assert step.source is not None
    assert step.source.file == Path.cwd() / "a b's.csv"


def test_a_table_without_rows_is_proposed_by_its_headers_alone() -> None:
    Path("a.csv").write_text("Coupon code,Valid until\n")
    (step,) = proposed("a.csv").steps
    assert step.columns == {"value": 'clean("Coupon code")', "expirydate": 'clean("Valid until")'}


def test_the_password_of_a_database_is_in_no_recipe() -> None:
    spec = SourceSpec(database="postgresql://me:hidden-word@db.example/shop", table="codes")
    table = table_of({"Coupon code": ["A-1", "A-2"]})
    proposal = Proposal(steps=steps_of(replace(table, spec=spec), None), unknown=[])
    text = recipe_text(proposal, folder=Path(), name="shop", following="")
    assert "hidden-word" not in text
    assert "database_env: LEGACY_DATABASE" in text


def test_the_json_document_has_the_decisions_and_the_file_is_written_relative_to_its_folder(tmp_path: Path) -> None:
    write("; utf-8")
    (tmp_path / "recipes").mkdir()
    result = init("codes.csv", "-o", "recipes/shop.yaml", "--json")
    document: Any = json.loads(result.stdout)
    written = (tmp_path / "recipes" / "shop.yaml").read_text(encoding="utf-8")
    assert document["text"] == written
    assert (document["kind"], document["decisions"]) == ("recipe", 0)
    assert document["next"] == "bulkops map recipes/shop.yaml --head 20"
    assert document["steps"][0]["fields"][0]["assumed"] is None
    recipe = load_recipe(tmp_path / "recipes" / "shop.yaml", {})
    assert recipe.name == "shop"
    assert recipe.steps[0].source is not None
    assert recipe.steps[0].source.file == tmp_path / "recipes" / ".." / "codes.csv"


def test_a_foreign_file_and_the_source_are_never_overwritten() -> None:
    write("; utf-8")
    Path("mine.yaml").write_text("name: mine\n")
    for name in ("mine.yaml", "codes.csv"):
        before = Path(name).read_bytes()
        with pytest.raises(Exception, match=r"did not write it|same file"):
            init("codes.csv", "-o", name)
        assert Path(name).read_bytes() == before
    assert init("codes.csv", "-o", "own.yaml").return_value == 0
    assert init("codes.csv", "-o", "own.yaml").return_value == 0


def test_a_folder_of_import_files_gives_a_check_table_that_check_accepts() -> None:
    for name in ("coupons.csv", "giveaways.csv", "loyalty-points.csv", "loyalty-points-cards.csv", "collections.csv"):
        target = Path("data") / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((SAMPLES / name).read_bytes())
    Path("data/other.csv").write_text("Alpha,Beta\n1,x y\n")
    result = init("data", "-o", "bulkops.toml")
    assert "this is a configuration for `bulkops check`, not a recipe" in result.stderr
    assert '# Not in the import format: "data/other.csv"' in Path("bulkops.toml").read_text()
    assert 'loyalty-points = ["data/loyalty-points*.csv"]' in Path("bulkops.toml").read_text()
    checked = CliRunner().invoke(cli, ["check", "--json"], standalone_mode=False)
    found = {Path(each["path"]).name: each["contract"] for each in json.loads(checked.stdout)["files"]}
    assert found == {path.name: path.stem.removesuffix("-cards") for path in Path("data").glob("[!o]*.csv")}


def test_the_suffix_of_the_output_decides_between_recipe_and_configuration() -> None:
    for name in ("coupons.csv", "giveaways.csv"):
        Path(name).write_bytes((SAMPLES / name).read_bytes())
    assert init("coupons.csv", "giveaways.csv").stdout.splitlines()[1] == "[check]"
    init("coupons.csv", "giveaways.csv", "-o", "r.yaml")
    steps = load_recipe(Path("r.yaml"), {}).steps
    assert [(step.contract, step.file.name) for step in steps] == [
        ("coupons", "coupons.csv"),
        ("giveaways", "giveaways.csv"),
    ]
    write("; utf-8")
    with pytest.raises(Exception, match="a configuration lists files in the import format"):
        init("codes.csv", "-o", "x.toml")
