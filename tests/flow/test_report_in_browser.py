"""Reports of jobs in every state in a real browser: on a phone, on a desk and on A4, nothing is cut off."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from bulkops.clock import SystemClock
from bulkops.ledger.store import Ledger
from bulkops.reporting.write import ReportOptions, report_text
from bulkops.sandbox.serve import SandboxServer

SAMPLES = Path(__file__).parents[2] / "sample_data"
CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--allow-file-access-from-files",
)  # fmt: skip
STATES = ("proved", "rejected", "doubtful", "unfinished", "cancelled", "unprovable", "several", "recipe")
WIDTHS = (360, 500, 641, 900, 901, 1280)
MARGIN = 14 / 25.4 * 72
"""Points of the margin that the page asks for on paper."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class Operations:
    """A ledger with jobs in every state, and their reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "BULKOPS_MANAGEMENT_KEY": "s3cret-key", "BULKOPS_STATE": str(folder / "state"),
            "BULKOPS_RESPONSE_TIMEOUT": "1",
        }  # fmt: skip
        self.jobs: dict[str, list[str]] = {}
        with SandboxServer(rate_limit=0) as server:
            proved = self.sent(server, "coupons", self.codes("OLD", 30), "--max-rows", "2", "--reconcile")
            self.jobs["proved"] = proved  # in 15 requests, so that their table is folded on a screen
            mixed = self.folder / "a very long name of a partner's file <b>1|2`3`\u202ecsv.csv"
            mixed.write_text(self.codes("NEW", 60).read_text() + "OLD001\nOLD002\nOLD003\n" + "x" * 1000 + "\n")
            self.jobs["rejected"] = self.sent(server, "coupons", mixed, "--max-rows", "20", "--again", "--reconcile")
            values = SAMPLES / "attribute-values.csv"
            self.jobs["unprovable"] = self.sent(server, "attribute-values", values, "--reconcile")
        with SandboxServer(rate_limit=0, faults="importLoyaltyPoints@2=refuse:partial:5") as server:
            self.jobs["doubtful"] = self.sent(server, "loyalty-points", self.points("a"), "--max-rows", "20")
        with SandboxServer(rate_limit=0, faults="importLoyaltyPoints@2-9=401") as server:
            self.jobs["unfinished"] = self.sent(server, "loyalty-points", self.points("b"), "--max-rows", "20")
        with SandboxServer(rate_limit=0, faults="importLoyaltyPoints@2-9=401") as server:
            self.jobs["cancelled"] = self.sent(server, "loyalty-points", self.points("c"), "--max-rows", "20")
            self.run("jobs", "cancel", *self.jobs["cancelled"], "--yes")
        self.jobs["several"] = [name for state in STATES[:5] for name in self.jobs[state]]
        steps = self.run("run", "demo", "--json")["steps"]
        self.jobs["recipe"] = [step["import"]["job"] for step in steps if step["import"]["job"]]

    def codes(self, prefix: str, number: int) -> Path:
        path = self.folder / f"{prefix}.csv"
        path.write_text("value\n" + "".join(f"{prefix}{n:03}\n" for n in range(number)))
        return path

    def points(self, name: str) -> Path:
        path = self.folder / f"{name}.csv"
        path.write_text(
            "customerprofileid,amount,reason\n" + "".join(f"{name}{n},{n + 1},for {n}\n" for n in range(60))
        )
        return path

    def sent(self, server: SandboxServer, contract: str, file: Path, *more: str) -> list[str]:
        ids = {
            "coupons": ("--application", "1", "--campaign", "1"), "loyalty-points": ("--program", "1"),
            "attribute-values": ("--attribute", "1"),
        }[contract]  # fmt: skip
        common = ("--base-url", server.base_url, "--yes", "--settle", "0.3", "--json")
        return [self.run("import", contract, str(file), *ids, *common, *more)["job"]]

    def run(self, *words: str) -> Any:
        command = [sys.executable, "-m", "bulkops", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def page(self, state: str) -> Path:
        path = self.folder / f"{state}.html"
        if not path.exists():
            ledger = Ledger.open(f"sqlite:///{self.folder / 'state' / 'ledger.db'}", clock=SystemClock())
            wish = ReportOptions(jobs=self.jobs[state])
            path.write_text(report_text(ledger, wish, made=SystemClock().now())[1], encoding="utf-8")
            ledger.close()
        return path

    def browse(self, *words: str) -> str:
        command = [str(CHROMIUM), *QUIET, f"--user-data-dir={self.folder / 'profile'}", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Operations:
    return Operations(tmp_path_factory.mktemp("operations"))


MEASURE = """
<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, width = frame.contentWindow.innerWidth;
    page.querySelectorAll("details").forEach(part => part.open = true);
    const wide = [...page.querySelectorAll("main *")].filter(part => {
      const box = part.getBoundingClientRect();
      return box.right > width + 0.5 || box.left < -0.5 || part.scrollWidth > part.clientWidth + 1 && part.clientWidth;
    });
    return {width, scroll: page.documentElement.scrollWidth, wide: wide.map(part => part.outerHTML.slice(0, 200))};
  });
  document.title = JSON.stringify(found);
});
</script>
"""


@pytest.fixture(scope="module")
def measured(operations: Operations) -> dict[str, list[Any]]:
    """Return the elements that are too wide in each page at each width; frames can be narrower than a window."""
    frames = ""
    for state in STATES:
        text = operations.page(state).read_text(encoding="utf-8")
        page = operations.folder / f"{state}-probe.html"
        # The page forbids to be looked into, so a copy without its policy is measured.
        page.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text), encoding="utf-8")
        frames += "".join(f'<iframe src="{page.name}" width="{width}" height="800"></iframe>' for width in WIDTHS)
    probe = operations.folder / "frames.html"
    probe.write_text(f"<!doctype html><style>iframe {{ border: 0 }}</style>{frames}{MEASURE}", encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", operations.browse("--dump-dom", probe.as_uri()), re.DOTALL)
    assert title is not None
    found = json.loads(unescape(title[1]))
    return {state: found[n * len(WIDTHS) : (n + 1) * len(WIDTHS)] for n, state in enumerate(STATES)}


@pytest.mark.parametrize("state", STATES)
def test_page_scrolls_sideways_at_no_width(state: str, measured: dict[str, list[Any]]) -> None:
    assert [found["width"] for found in measured[state]] == list(WIDTHS)
    for found in measured[state]:
        assert found["scroll"] <= found["width"]
        assert found["wide"] == [], found["width"]


def glyphs(page: pypdfium2.PdfPage) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Yield each visible character of a page with its box: left, bottom, right, top."""
    text = page.get_textpage()
    for place in range(text.count_chars()):
        character = text.get_text_range(place, 1)
        if character.strip():
            yield character, text.get_charbox(place, loose=False)


@pytest.mark.parametrize("state", STATES)
def test_a_printed_report_has_every_word_within_its_margins(state: str, operations: Operations, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"
    page = operations.page(state)
    operations.browse("--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    document = pypdfium2.PdfDocument(printed)
    words = ""
    for number in range(len(document)):
        sheet = document[number]
        width, height = sheet.get_size()
        assert (width, height) == pytest.approx((595, 842), abs=2)  # A4
        outside = [
            (number, character, box)
            for character, box in glyphs(sheet)
            if box[0] < MARGIN - 2 or box[2] > width - MARGIN + 2 or box[1] < MARGIN - 2 or box[3] > height - MARGIN + 2
        ]
        assert outside == []
        words += sheet.get_textpage().get_text_range()
    document.close()
    assert re.findall(r"^[\d,]+ rows\s*$", words, re.MULTILINE) == []  # nothing is folded
    shown = re.sub(r"\s", "", words)
    assert re.sub(r"\s", "", "Date and signature") in shown
    jobs = [operations.run("jobs", "show", name, "--json") for name in operations.jobs[state]]
    for job in jobs:
        assert job["file"]["sha256"] in shown
        assert [c["number"] for c in job["chunks"] if c["sha256"][:12] not in shown] == []


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("proved", "Sign with 1 reservation: all 30 records of the file are in the target as sent, but the target is"),
        ("rejected", "Do not sign yet: the server rejected 3 of 64 records"),
        ("doubtful", "Do not sign yet: it is unknown whether 20 records reached the target; a person must decide"),
        ("unfinished", "Do not sign yet: 40 of 60 records were not sent"),
        ("cancelled", "Do not sign yet: the job was cancelled after the server accepted 20 of 60 records"),
        ("unprovable", "Sign with 2 reservations: all 240 records were accepted by the server, but the API has no way"),
        ("several", "Do not sign yet: 4 of 5 jobs have open points"),
        ("recipe", "Sign with 2 reservations: all 15 jobs are complete, with 23,920 records, but the target is a"),
    ],
)  # fmt: skip
def test_first_sentence_is_the_verdict(state: str, verdict: str, operations: Operations) -> None:
    text = operations.page(state).read_text(encoding="utf-8")
    (first, *_) = re.findall(r"<p[^>]*>(.*?)</p>", text, re.DOTALL)
    assert verdict in first
