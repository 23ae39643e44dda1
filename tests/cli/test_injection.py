"""Names, cells and messages of others are text: they neither command a terminal nor a build server."""

import csv
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.cli.running import KEY, Shell
from tests.foreign.files import write
from tests.foreign.server import ForeignServer

PAYLOAD = "a\n::error::EVIL\n  ::set-output name=x::EVIL\r##[error]EVIL\x1b]0;EVIL\x07\x9b31m\u202e"
SPELT = PAYLOAD.replace("\x07", "")  # a name for which zip archives and file systems have room


def harmless(text: str, *, commands: int = 0) -> bool:
    """Tell whether a text has no control and no more commands at the start of a line than a command wrote itself."""
    controls = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    started = [line for line in text.splitlines() if re.match(r"\s*::[a-z]", line)]
    ours = [line for line in started if re.match(r"::(error|warning) file=", line)]
    bad = [line for line in started if line not in ours or "::set-output" in line]
    return controls is None and not bad and "##[" not in text and (bool(ours) == bool(commands))


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Return a file with the payload in its name, header and cells."""
    path = tmp_path / f"{SPELT.replace('/', '')}.csv"
    quoted = '"' + PAYLOAD.replace('"', '""') + '"'
    path.write_text(f"value,{quoted},startdate\n{quoted},x,{quoted}\n", newline="")
    return path


def test_text_of_validate_plan_and_fix_is_harmless(odd: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    text = shell.run("validate", "coupons", str(odd))
    assert (text.code, "EVIL" in text.out, harmless(text.out + text.err)) == (1, True, True)
    github = shell.run("validate", "coupons", str(odd), "--format", "github")
    assert harmless(github.out, commands=1)
    sarif = shell.run("validate", "coupons", str(odd), "--format", "sarif")
    assert harmless(sarif.out)
    assert PAYLOAD.split("\n", maxsplit=1)[0] in json.dumps(json.loads(sarif.out))
    fixed = shell.run("fix", "coupons", str(odd), "-o", str(odd.with_name(f"{SPELT}-fixed.csv")), "--diff", "--unsafe")
    assert harmless(fixed.out + fixed.err)
    plan = shell.run("plan", "coupons", str(odd))
    assert harmless(plan.out + plan.err)


def test_names_in_archives_jobs_recipes_and_commands_are_harmless(odd: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr(f"{SPELT}.csv", "value\nab\n")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(json.dumps({"name": SPELT, "about": SPELT, "steps": [{"contract": SPELT, "file": SPELT}]}))
    for words in (
        ("validate", "coupons", str(archive)),
        ("validate", "coupons", str(tmp_path / f"missing{SPELT}.csv")),
        ("jobs", "show", SPELT),
        ("run", SPELT),
        ("run", str(recipe)),
        ("recipes", str(recipe)),
        ("export", "coupons", "--application", "1", "-o", str(tmp_path / SPELT / "x"), "--base-url", SPELT),
        ("import", "coupons", str(odd), "--application", SPELT),
    ):
        ended = shell.run(*words)
        assert ended.out + ended.err
        assert harmless(ended.out + ended.err), words


@pytest.fixture
def server() -> Iterator[ForeignServer]:
    with ForeignServer() as running:
        running.world.key = KEY
        yield running


def test_messages_of_the_server_are_harmless_in_output_history_and_reports(
    server: ForeignServer, tmp_path: Path
) -> None:
    shell = Shell(tmp_path / "state", server.base_url)
    server.world.habits.refuses = (
        f"{PAYLOAD} `code` [link](https://evil.example) <img src=x> ![p](https://evil.example)"
    )
    file = write(tmp_path / f"{SPELT}.csv", "giveaways", records=1)
    ended = shell.run("import", "giveaways", str(file), "--pool", "5", "--yes", "--settle", "0.2")
    assert (ended.code, "EVIL" in ended.err, harmless(ended.out + ended.err)) == (1, True, True)
    for words in (("jobs", "show", "--history"), ("jobs", "list"), ("jobs", "show", "--history", "--json")):
        shown = shell.run(*words)
        assert ("EVIL" in shown.out, harmless(shown.out + shown.err)) == (True, True), words
    for form in ("html", "md", "json"):
        page = shell.run("report", "-o", "-", "--format", form).out
        assert "EVIL" in page
        assert harmless(page)
        shown_page = MarkdownIt("gfm-like").render(page) if form == "md" else page
        assert "<img" not in shown_page or form == "json"
        assert "<a href" not in shown_page or form != "md"


def test_differences_for_spreadsheets_contain_no_formula(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "state")
    sent, export = tmp_path / "sent.csv", tmp_path / "export.csv"
    sent.write_text("customerprofileid,amount\n=EVIL(1),5\n+EVIL,5\n-EVIL,5\n@EVIL,5\nplain,-5\n")
    export.write_text("customerprofileid,amount,created,importid\n=OTHER(2),7,2026-11-01T00:00:00Z,1\n")
    words = ("reconcile", "loyalty-points", str(sent), "--export", str(export), "--into", str(tmp_path / "out"))
    plain = shell.run(*words)
    assert (plain.code, "--spreadsheet-safe" in plain.err) == (1, True)
    raw = (tmp_path / "out" / "missing.csv").read_text()
    assert "=EVIL(1)" in raw
    assert "'=EVIL(1)" not in raw
    safe = shell.run(*words, "--spreadsheet-safe")
    assert (safe.code, "--spreadsheet-safe" in safe.err) == (1, False)
    for path in (tmp_path / "out").glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert [cell for cell in cells if cell.startswith(("'=", "'+", "'-", "'@"))]
