"""A report of real jobs: its numbers are the ledger's, and its page needs nothing."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bulkops.sandbox.serve import SandboxServer
from tests.cli.documents import check_document

SAMPLES = Path(__file__).parents[2] / "sample_data"


class Migration:
    """Two jobs in one ledger: coupons of which some are refused and one chunk was in doubt, and points."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"BULKOPS_MANAGEMENT_KEY": "s3cret-key", "BULKOPS_STATE": str(folder / "state")}
        there = folder / "there.csv"
        lines = (SAMPLES / "coupons.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        there.write_text("".join(lines[:3]), encoding="utf-8")
        with SandboxServer(rate_limit=0, faults="importCoupons@3=cut:committed") as server:
            common = ("--base-url", server.base_url, "--yes", "--settle", "0.5", "--json")
            campaign = ("--application", "1", "--campaign", "1")
            self.run("import", "coupons", str(there), *campaign, *common)
            self.coupons = self.run(
                "import", "coupons", str(SAMPLES / "coupons.csv"), *campaign, "--max-rows", "80", "--reconcile",
                "--again", *common,
            )  # fmt: skip
            self.points = self.run(
                "import", "loyalty-points", str(SAMPLES / "loyalty-points.csv"), "--program", "1", "--max-rows", "90",
                "--reconcile", *common,
            )  # fmt: skip

    def run(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.text(*arguments)))

    def text(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "bulkops", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        check_document(command, done.stdout)
        assert "Traceback" not in done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        assert done.stdout or not done.returncode, done.stderr
        return done.stdout

    def report(self, name: str, *more: str) -> str:
        out = self.folder / name
        self.text("report", self.coupons["job"], self.points["job"], "-o", str(out), *more)
        return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def migration(tmp_path_factory: pytest.TempPathFactory) -> Migration:
    return Migration(tmp_path_factory.mktemp("migration"))


class Tags(HTMLParser):
    """Every tag with its attributes, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [f"{name}={value}" for name, value in attrs if name in {"src", "href", "action", "data"}]
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(migration: Migration) -> None:
    text = migration.report("report.html")
    tags = Tags(text)
    assert tags.open == []
    assert tags.links == []
    assert not tags.names & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import", text)


def test_the_document_says_what_the_ledger_says_and_the_books_balance(migration: Migration) -> None:
    document = migration.run("report", migration.coupons["job"], migration.points["job"], "--json")
    for told, job in zip(document["jobs"], (migration.coupons, migration.points), strict=True):
        assert told["records"] == job["records"]
        assert told["balanced"] is True
        assert told["reconciliation"]["verdict"] == job["reconciliation"]["verdict"]
        assert told["progress"][-1][1] == job["records"]["accepted"]
    coupons, points = document["jobs"]
    assert coupons["records"]["rejected"] == len(coupons["rejected"]) == 2
    assert any(step["what"] == "Read back" for step in coupons["doubts"])
    assert points["doubts"] == []
    assert set(points["sums"]) == {"", "cashback", "travel"}
    assert coupons["findings"] == {}


def test_the_report_contains_refusals_doubts_and_proof(migration: Migration) -> None:
    text = migration.report("report.html", "--title", "Cut-over <weekend>")
    assert "<title>Cut-over &lt;weekend&gt;</title>" in text
    assert migration.coupons["file"]["sha256"] in text
    assert "Rejected by the server" in text
    assert "Read back" in text
    # A plot is there where it shows more than a number: two states of records, requests in doubt, three subledgers.
    coupons, points = text.split('<section class="sheet job"')[1:]
    shown = re.findall(r'aria-label="(.*?)"', coupons)
    assert shown == ["Records by state", "Chunks from request to response"]
    assert re.findall(r'aria-label="(.*?)"', points) == ["Amounts by subledger"]
    assert "The books balance." in text


def test_masked_reports_show_no_value_of_a_record(migration: Migration) -> None:
    codes = [line.split(",")[0] for line in (SAMPLES / "coupons.csv").read_text(encoding="utf-8").splitlines()[1:3]]
    assert all(code in migration.report("plain.html") for code in codes)
    for name in ("masked.html", "masked.md", "masked.json"):
        text = migration.report(name, "--mask")
        assert not any(code in text for code in codes)
        assert "all of its records were found, so it counts as accepted" in text


def test_markdown_has_a_table_of_all_jobs(migration: Migration) -> None:
    text = migration.report("report.md")
    assert "| Job | Contract | State | Verdict |" in text
    assert f"| {migration.points['job']} | loyalty-points | done | proved | 360 |" in text


def test_a_changed_file_is_reported_and_not_checked(migration: Migration, tmp_path: Path) -> None:
    from bulkops.clock import SystemClock
    from bulkops.ledger.store import Ledger
    from bulkops.reporting.gather import gather

    ledger = Ledger.open(f"sqlite:///{migration.folder / 'state' / 'ledger.db'}", clock=SystemClock())
    first = ledger.jobs()[0]
    first.file_path.write_text("value\nother\n")
    facts = gather(ledger, first.id)
    ledger.close()
    assert facts.findings is None
    assert "has changed since it was sent" in facts.notes[0]
