"""The check of wording counts phrases in each kind of text and refuses a rate above its ceiling."""

from pathlib import Path

import pytest

from tools import wording
from tools.texts import Kind, Text, texts

CODE = '''"""Return what is left."""

LIMIT = 3  # whose limit it is
MESSAGE = f"The file {LIMIT} is no CSV file at all."
NAME = "is no"
'''
PAGE = """# Title

```text
what is code
```

Rows whose
key is told.
"""
SCRIPT = "clean:  ## Remove what was built.\n"
GROUPS = wording.groups()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in {"bulkops/upload/job.py": CODE, "docs/how-to/page.md": PAGE, "Makefile": SCRIPT}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def matches(found: list[Text]) -> list[tuple[str, Kind, int, str]]:
    return [
        (text.part, text.kind, line, phrase)
        for text in found
        for group in GROUPS
        for line, phrase, _ in group.matches(text)
    ]


def test_wording_of_each_kind_of_text_is_found_with_its_line(tree: Path) -> None:
    assert matches(list(texts(tree))) == [
        ("bulkops/upload", Kind.DOCSTRING, 1, "what is"),
        ("bulkops/upload", Kind.MESSAGE, 4, "is no"),
        ("bulkops/upload", Kind.COMMENT, 3, "whose"),
        ("docs/how-to", Kind.PAGE, 7, "whose"),
        ("docs/how-to", Kind.PAGE, 8, "told"),
        ("Makefile", Kind.SCRIPT, 1, "what was"),
    ]


def test_wording_names_of_tests_count_as_text(tmp_path: Path) -> None:
    path = tmp_path / "tests" / "test_names.py"
    path.parent.mkdir()
    path.write_text("def test_a_row_that_is_no_row() -> None: ...\n", encoding="utf-8")
    assert matches(list(texts(tmp_path))) == [("tests", Kind.NAME, 1, "is no")]


def test_wording_with_more_matches_and_a_higher_rate_is_a_problem() -> None:
    ceilings = {"docs": {name: wording.Ceiling(matches=3, rate=3.0) for name in ("headless", "replaced")}}

    def problems(matches: int, words: int) -> int:
        now = {"docs": {"headless": wording.Count(matches, words), "replaced": wording.Count(0, words)}}
        return len(wording.problems(now, ceilings, GROUPS))

    assert problems(4, 1000) == 1
    assert problems(3, 900) == 0, "a clean sentence was removed"
    assert problems(4, 1400) == 0, "the part grew"


def test_wording_of_a_part_without_a_ceiling_must_reach_the_goal(tree: Path) -> None:
    now = wording.counts(texts(tree), GROUPS)
    assert len(wording.problems(now, {}, GROUPS)) == 5
    assert wording.problems(now, wording.written(now), GROUPS) == []


def test_tighten_lowers_a_ceiling_and_never_raises_it() -> None:
    now = {"docs": {"headless": wording.Count(9, 1000), "replaced": wording.Count(1, 1000)}}
    ceilings = {part: {n: wording.Ceiling(matches=3, rate=3.0) for n in now["docs"]} for part in ("docs", "gone")}
    assert wording.lowered(now, ceilings, GROUPS) == {
        "docs": {"headless": {"matches": 3, "rate": 3.0}, "replaced": {"matches": 1, "rate": 1.0}}
    }
