"""The output that README and the tutorial show is that of a real run."""

from pathlib import Path

import pytest

from tests.docs.transcripts import BLOCK, PAGES, ROOT, comparable, rerun


@pytest.mark.parametrize("page", PAGES)
def test_a_transcript_shows_the_output_of_its_commands(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert BLOCK.findall(text)
    now = rerun(text, tmp_path)
    assert "Traceback" not in now
    assert comparable(now) == comparable(text), "run `make docs`"


def test_a_transcript_with_other_output_is_rewritten(tmp_path: Path) -> None:
    page = (
        "<!-- transcript -->\n\n```console\n$ echo one; exit_code() { return 3; }; exit_code\ntwo\n$ echo $?\n0\n```\n"
    )
    now = rerun(page, tmp_path)
    assert now == page.replace("\ntwo\n", "\none\n").replace("\n0\n", "\n3\n")
