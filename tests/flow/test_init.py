"""`init` and `run` take a legacy file to `proved` without an edit; an open mapping sends no request."""

import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from bulkops.sandbox.serve import SandboxServer
from tests.cli.running import Inside, Shell

CAMPAIGN = ("--application", "1", "--campaign", "1")


@pytest.fixture
def inside(sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "state", sandbox.base_url)


def proved(shell: Shell, source: str, *ids: str) -> list[dict[str, Any]]:
    """Propose a recipe, run it without a change, and return its steps; each must be proved."""
    assert shell.run("init", source, "-o", "r.yaml").code == 0
    ended = shell.run("run", "r.yaml", *ids, "--settle", "0.2", "--json")
    assert ended.code == 0, (Path("r.yaml").read_text(), ended)
    steps: list[dict[str, Any]] = ended.json["steps"]
    assert all(step["import"]["reconciliation"]["verdict"] == "proved" for step in steps), steps
    return steps


def rows_of(sandbox: SandboxServer, kind: str) -> list[dict[str, Any]]:
    return list(sandbox.state.rows(kind))


def test_german_codes_with_a_footer_in_another_encoding_are_proved(inside: Inside, sandbox: SandboxServer) -> None:
    text = (
        "Gutscheine für alle Läden;;;\n\nGutscheincode;Gültig ab;Gültig bis;Max. Einlösungen\n"
        "SOMMER-1;01.06.2027;30.06.2027;3\nSOMMER-2;01.06.2027;31.07.2027;0\nSumme;;;3\n"
    )
    Path("codes.csv").write_bytes(text.encode("cp1252"))
    proved(inside, "codes.csv", *CAMPAIGN)
    found = {row["value"]: (row["limitval"], row["expirydate"]) for row in rows_of(sandbox, "coupon")}
    assert set(found) == {"SOMMER-1", "SOMMER-2"}
    assert str(found["SOMMER-2"][0]) == "0"


def test_a_workbook_of_members_is_proved_for_points_tiers_and_join_dates(
    inside: Inside, sandbox: SandboxServer
) -> None:
    with xlsxwriter.Workbook("membres.xlsx") as book:
        sheet = book.add_worksheet("Membres")
        rows = [
            ["Programme de fidélité"],
            ["Numéro client", "Solde de points", "Niveau", "Membre depuis", "Ville"],
            ["c-1", 12.5, "Gold", "31/01/2020", "Lyon"],
            ["c-2", 7, "Silver", "02/02/2021", "Paris"],
        ]
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    steps = proved(inside, "membres.xlsx", "--program", "1")
    assert [step["contract"] for step in steps] == ["loyalty-points", "loyalty-tiers", "loyalty-join-dates"]
    assert sorted(float(row["amount"]) for row in rows_of(sandbox, "point")) == [7.0, 12.5]


def test_an_export_of_a_deployment_is_proved_in_another_campaign(inside: Inside, tmp_path: Path) -> None:
    Path("codes.csv").write_text("value,limitval,expirydate\nOLD-1,5,2031-01-01T00:00:00Z\nOLD-2,,\n")
    assert inside.run("import", "coupons", "codes.csv", *CAMPAIGN, "--settle", "0").code == 0
    assert inside.run("export", "coupons", "--application", "1", "-o", "export.csv").code == 0
    with SandboxServer(key=inside.environment["BULKOPS_MANAGEMENT_KEY"]) as other:
        steps = proved(Inside(tmp_path / "state", other.base_url), "export.csv", *CAMPAIGN)
        assert sorted(str(row["value"]) for row in rows_of(other, "coupon")) == ["OLD-1", "OLD-2"]
    assert len(steps) == 1


def test_a_wrong_total_in_the_last_row_stops_the_run(inside: Inside, sandbox: SandboxServer) -> None:
    Path("points.csv").write_text("Customer number,Points,City\nc-1,10.5,Ulm\nc-2,5,Bonn\nTotal,16.5,\n")
    assert inside.run("init", "points.csv", "-o", "r.yaml").code == 0
    ended = inside.run("run", "r.yaml", "--program", "1", "--settle", "0.2")
    assert ended.code != 0
    assert "16.5" in ended.err + ended.out
    assert rows_of(sandbox, "point") == []


def test_open_decisions_stop_the_run_before_any_request(inside: Inside, sandbox: SandboxServer) -> None:
    Path("codes.csv").write_text("Coupon code,Starts at\nA-100,01/02/2026\nA-200,03/04/2026\n")
    assert inside.run("init", "codes.csv", "-o", "r.yaml").code == 0
    ended = inside.run("run", "r.yaml", *CAMPAIGN, "--settle", "0.2")
    assert ended.code == 2
    assert "Starts at" in ended.err
    assert inside.run("init", "codes.csv", "--contract", "loyalty-cards", "-o", "r.yaml").code == 0
    ended = inside.run("run", "r.yaml", "--program", "2", "--settle", "0.2")
    assert ended.code != 0
    assert rows_of(sandbox, "coupon") == []


def test_every_certain_expression_of_the_shipped_legacy_files_can_be_mapped(inside: Inside) -> None:
    """Files as tools write them: what `init` is certain of is mapped without an error."""
    folder = Path(__file__).parents[2] / "sample_data" / "legacy"
    whole = []
    for path in sorted(folder.iterdir()):
        assert inside.run("init", str(path), "-o", "r.yaml").code == 0
        document = json.loads(inside.run("init", str(path), "--json").out)
        if document["decisions"]:
            continue
        ended = inside.run("map", "r.yaml", "--head", "1000")
        assert ended.code == 0, (path, ended.err)
        whole.append(path.name)
    assert {"adobe-commerce-coupons.csv", "shopify-discounts.csv", "stores.csv"} <= set(whole)
