"""Screens at 60, 80 and 140 columns: whole ids, numbers to the right, and columns hidden by importance."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.cli.output.console import duration
from bulkops.cli.output.tables import GAP, fit, least_width, widths
from tests.cli.running import Shell
from tests.cli.terminal import Terminal
from tests.cli.test_job_list import ledger_of
from tests.unit.ledger.test_store import CHUNK, JOB

ROOT = Path(__file__).parents[2]
SCREENS = Path(__file__).parent / "screens"
WIDTHS = (60, 80, 140)
IDS = ("coupons-20260101-101500-3f2a", "coupons-20260102-101500-77c0")
COMMANDS = {
    "jobs-list": ("jobs", "list"),
    "jobs-show": ("jobs", "show", IDS[0]),
    "plan": ("plan", "coupons", "sample_data/coupons.csv", "--max-rows", "100"),
    "contracts": ("contracts",),
    "validate": ("validate", "coupons", "sample_data/coupons.csv", "--statistics"),
}


def two_jobs(shell: Shell) -> None:
    """Put two jobs into the ledger, a day apart."""
    with ledger_of(shell) as ledger:
        for day, name in enumerate(IDS):
            job = replace(JOB, id=name, created=JOB.created + timedelta(days=day))
            ledger.create(job, [replace(CHUNK, number=1), replace(CHUNK, number=2)])


def screen(shell: Shell, width: int, *words: str) -> list[str]:
    """Return the lines that a command shows on a terminal, without colours, trailing blanks and durations."""
    terminal = Terminal.running(shell, *words, columns=width)
    assert terminal.end() in (0, 1), terminal.seen
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.seen)
    text = re.sub(r"(Done|Ended) in [0-9.]+ s", r"\1 in N s", text)
    return [line.rstrip() for line in text.rstrip().split("\n")]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_screen_matches_the_stored_one(name: str, width: int, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if name.startswith("jobs"):
        two_jobs(shell)
    lines = screen(shell, width, *COMMANDS[name])
    stored = SCREENS / f"{name}-{width}.txt"
    if os.environ.get("STORE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        stored.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == stored.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("Done in N s.") for line in lines[-2:])  # a long command has a line of its own


@pytest.mark.parametrize("width", WIDTHS)
def test_job_ids_and_states_stay_whole_at_every_width(width: int, shell: Shell) -> None:
    two_jobs(shell)
    lines = screen(shell, width, "jobs", "list")
    assert all(any(name in line for line in lines) for name in IDS)
    rows = [line for line in lines if line.startswith(IDS)]
    assert all(len(row) <= width and "unfinished" in row for row in rows)
    hidden = " ".join(line.strip() for line in lines).partition("Columns hidden at this width: ")[2]
    assert len(hidden.partition(".")[0].split(", ")) == {60: 8, 80: 6, 140: 1}[width]


def test_notes_appear_above_the_progress_bar(shell: Shell) -> None:
    code = (
        "from bulkops.cli.output.console import Console; console = Console()\n"
        "with console.bar(total=3, unit=' records') as bar:\n"
        "    bar.update(); console.note('A first note.'); bar.update(); console.complain('An error.', 'A hint.')\n"
    )
    terminal = Terminal.running(shell, code=code)
    assert terminal.end() == 0, terminal.seen
    shown = [line.rpartition("\r")[2].rstrip() for line in terminal.seen.split("\n")]
    assert [line for line in shown if "|" not in line and line] == ["A first note.", "bulkops: An error.", "  A hint."]


def test_results_and_notes_never_share_a_line_with_a_bar(shell: Shell) -> None:
    code = (
        "from bulkops.cli.output.console import Console; console = Console()\n"
        "with console.bar(total=3, unit=' step', ncols=60, nrows=9):\n"
        "    console.result('A result.'); console.lines('Some lines.'); console.document('A document.')\n"
        "    console.table(['name'], [['A cell.']])\n"
        "    with console.bar(total=2, unit=' records', position=1, ncols=60, nrows=9):\n"
        "        console.note('A note.'); console.emit_json(1)\n"
    )
    terminal = Terminal.running(shell, code=code)
    assert terminal.end() == 0, terminal.seen
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.seen)
    for text in ("A result.", "Some lines.", "A document.", "name", "A note.", "1"):
        assert re.search(rf"[\r\n]{re.escape(text)} *\n", re.sub(r"\x1b\[A", "", shown)), (text, shown)


words = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=12)
cells = st.lists(words, min_size=1, max_size=6).map(" ".join)


@given(
    st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1)),
    st.integers(20, 160),
)
def test_layout_fits_the_width_and_hides_only_named_columns(rows: list[list[str]], width: int) -> None:
    columns = [f"c{i}" for i in range(len(rows[0]))]
    drop = columns[1:]
    layout = fit(columns, rows, width, drop)
    if layout is None:
        assert least_width(["c0", *(row[0] for row in rows)]) > width
        return
    assert set(layout.hidden) <= set(drop)
    assert sorted([*(columns[i] for i in layout.kept), *layout.hidden]) == columns
    shown = [[row[i] for i in layout.kept] for row in rows]
    spans = widths([columns[i] for i in layout.kept], shown, width)
    assert sum(spans) + GAP * (len(spans) - 1) <= width
    for i, span in enumerate(spans):
        assert span >= max(len(word) for row in shown for word in row[i].split())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.14, "3.1 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_a_duration_is_printed_with_readable_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
