"""The whole program against a server that is not the sandbox: every row arrives once, and is proved."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.documents import check_document
from tests.cli.running import RESPONSE_TIMEOUT
from tests.foreign.server import ForeignServer

SAMPLES = Path(__file__).parents[2] / "sample_data"
IDS = {
    "application": "42", "campaign": "18", "program": "3", "pool": "5", "collection": "7", "audience": "8",
    "attribute": "9",
}  # fmt: skip
CAMPAIGN = ("application", "campaign")
CASES = [
    ("coupons", "coupons", CAMPAIGN),
    ("referrals", "referrals", CAMPAIGN),
    ("giveaways", "giveaways", ("pool",)),
    ("loyalty-points", "loyalty-points", ("program",)),
    ("loyalty-points", "loyalty-points-cards", ("program",)),
    ("loyalty-tiers", "loyalty-tiers", ("program",)),
    ("loyalty-cards", "loyalty-cards", ("program",)),
    ("loyalty-join-dates", "loyalty-join-dates", ("program",)),
    ("collections", "collections", ("collection",)),
    ("collections", "collections-campaign", (*CAMPAIGN, "collection")),
    ("stores", "stores", CAMPAIGN),
    ("store-budgets", "store-budgets", CAMPAIGN),
    ("audiences", "audiences", ("audience",)),
    ("attribute-values", "attribute-values", ("attribute",)),
]


def bulkops(server: ForeignServer, state: Path, *arguments: str, target: bool = True) -> tuple[int, dict[str, Any]]:
    environment = os.environ | {
        "BULKOPS_MANAGEMENT_KEY": "foreign",
        "BULKOPS_STATE": str(state),
        "BULKOPS_RESPONSE_TIMEOUT": RESPONSE_TIMEOUT,
    }
    where = ["--base-url", server.base_url] if target else []
    command = [sys.executable, "-m", "bulkops", *arguments, *where, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "foreign" not in done.stdout + done.stderr
    assert done.stdout, done.stderr
    check_document(command, done.stdout)
    return done.returncode, json.loads(done.stdout)


def ids(names: tuple[str, ...]) -> list[str]:
    return [word for name in names for word in (f"--{name}", IDS[name])]


def sent_rows(path: Path, *, upper: bool) -> Counter[tuple[tuple[str, str], ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            {name: value.upper() if upper and name == "value" else value for name, value in row.items()}
            for row in csv.DictReader(file, strict=True)
        ]
    return Counter(tuple(sorted(row.items())) for row in rows)


def held_rows(server: ForeignServer, kind: str) -> Counter[tuple[tuple[str, str], ...]]:
    rows = server.world.rows[kind]
    return Counter(tuple(sorted((k, v) for k, v in row.items() if k not in "#@!")) for row in rows)


@pytest.mark.parametrize(("contract", "sample", "names"), CASES, ids=[case[1] for case in CASES])
def test_every_row_arrives_once_and_is_proved(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    code, report = bulkops(
        server, tmp_path, "import", contract, str(path), *ids(names), "--max-rows", "100", "--reconcile", "--yes"
    )
    assert code == 0, report
    records = report["records"]
    assert records["input"] == records["accepted"] == sum(sent_rows(path, upper=False).values())
    assert records["skipped"] == records["rejected"] == records["in_doubt"] == records["pending"] == 0
    verdict = "unprovable" if contract == "attribute-values" else "proved"
    assert report["state"] == "done"
    assert report["reconciliation"]["verdict"] == verdict
    kind = "collections-campaign" if sample == "collections-campaign" else contract
    assert held_rows(server, kind) == sent_rows(path, upper=contract == "coupons")
    if report["mode"] == "replace":
        assert len(server.world.uploads) == 1
    else:
        assert len(server.world.uploads) == -(-records["input"] // 100)
    assert server.world.violations() == 0


@pytest.mark.parametrize("fault", ["lost after", "502 after", "500 before", "429"])
@pytest.mark.parametrize(("contract", "sample", "names"), [CASES[0], CASES[2], CASES[3], CASES[5]], ids=str)
def test_no_fault_of_a_request_doubles_or_loses_a_row(
    contract: str, sample: str, names: tuple[str, ...], fault: str, server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    server.world.faults = ["", fault]
    code, report = bulkops(
        server, tmp_path, "import", contract, str(path), *ids(names),
        "--max-rows", "100", "--settle", "0.3", "--reconcile", "--yes",
    )  # fmt: skip
    for _ in range(3):
        if code != 3:
            break
        code, report = bulkops(server, tmp_path, "jobs", "resume", "--settle", "0.3")
    assert code == 0, report
    assert held_rows(server, contract) == sent_rows(path, upper=contract == "coupons")
    assert server.world.violations() == 0


@pytest.mark.parametrize("column", ["code", "importid", "created"])
@pytest.mark.parametrize("fault", ["lost after", "500 before"])
def test_an_export_without_import_ids_settles_no_chunk(
    column: str, fault: str, server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = [fault]
    server.world.headers = {column: "renamed"}
    path = str(SAMPLES / "giveaways.csv")
    code, report = bulkops(server, tmp_path, "import", "giveaways", path, "--pool", "5", "--settle", "0.3", "--yes")
    assert (code, report["state"], report["error"]["exit"]) == (4, "in_doubt", 4), report
    assert len(server.world.uploads) == (fault == "lost after")
    server.world.headers = {}
    code, report = bulkops(server, tmp_path, "jobs", "resume", "--settle", "0.3")
    assert code == 0, report
    assert held_rows(server, "giveaways") == sent_rows(SAMPLES / "giveaways.csv", upper=False)


@pytest.mark.parametrize(("contract", "sample", "names"), [CASES[0], CASES[2], CASES[3], CASES[6]], ids=str)
def test_a_different_amount_is_accepted_after_the_rows_are_found(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    path = SAMPLES / f"{sample}.csv"
    server.world.faults = ["odd amount"]
    arguments = (*ids(names), "--settle", "0.3", "--yes")
    code, report = bulkops(server, tmp_path, "import", contract, str(path), *arguments)
    assert code == 0, report
    assert len(server.world.uploads) == 1
    assert report["chunks"][0]["import_id"] == 901
    assert any("export" in path or path.endswith("/transactions") for path, _ in server.world.queries)


@pytest.mark.parametrize(("contract", "sample", "names"), [CASES[0], CASES[2], CASES[3], CASES[6]], ids=str)
def test_a_response_with_an_empty_import_needs_a_manual_decision(
    contract: str, sample: str, names: tuple[str, ...], server: ForeignServer, tmp_path: Path
) -> None:
    server.world.faults = ["take none"]
    arguments = (*ids(names), "--settle", "0.3", "--yes")
    code, report = bulkops(server, tmp_path, "import", contract, str(SAMPLES / f"{sample}.csv"), *arguments)
    assert code == 4, report
    assert report["state"] == "in_doubt"
    assert "import 901" in report["chunks"][0]["message"]
    assert [count for _, _, count in server.world.uploads] == [0]


@pytest.mark.parametrize("fault", ["lost after", "500 before"])
def test_codes_found_only_in_another_case_need_a_manual_decision(
    fault: str, server: ForeignServer, tmp_path: Path
) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("value\nSpring-1\nSpring-2\n")
    server.world.hides_case = True
    server.world.faults = [fault]
    arguments = (*ids(CAMPAIGN), "--settle", "0.3", "--yes")
    code, report = bulkops(server, tmp_path, "import", "coupons", str(file), *arguments)
    assert len(server.world.uploads) == 1
    if fault == "500 before":
        assert code == 0, report
        return
    assert code == 4, report
    assert "case is ignored" in report["chunks"][0]["message"]
    server.world.hides_case = False
    job = report["job"]
    assert bulkops(server, tmp_path, "jobs", "resume", job, "--settle", "0.3")[0] == 0
