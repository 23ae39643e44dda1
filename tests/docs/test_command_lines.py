"""Every command line in README and docs is one that the program accepts."""

from pathlib import Path

import click
import pytest

from tests.docs.command_lines import PAGES, ROOT, CommandLine, command_lines, parse


def problem(line: CommandLine) -> str | None:
    try:
        parse(line)
    except click.ClickException as error:
        return f"{line}: {error.format_message()}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_of_a_page_is_accepted(page: Path) -> None:
    assert [found for line in command_lines(page) if (found := problem(line))] == []


def test_pages_have_many_command_lines() -> None:
    lines = [line for page in PAGES for line in command_lines(page)]
    assert sum(line.whole for line in lines) > 60
    assert sum(not line.whole for line in lines) > 60


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("```console\n$ bulkops validate coupons a.csv --fail-often\n```\n", "No such option"),
        ("```console\n$ bulkops plan coupons a.csv --max-rows many\n```\n", "not a valid"),
        ("```\nbulkops validate coupons \\\n  a.csv --select\n```\n", "requires an argument"),
        ("```console\n$ export A=1 && bulkops plann coupons a.csv | cat\n```\n", "no command"),
        ("```console\n$ bulkops validate cupons a.csv\n```\n", "cupons"),
        ("```console\n$ bulkops split coupons a.csv b.csv --into out\n```\n", "nexpected"),
        ("```console\n$ bulkops plan coupons\n```\n", "Missing argument"),
        ("Use `bulkops jobs show --histories`.\n", "No such option"),
    ],
)
def test_a_wrong_command_line_is_found(text: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.command_lines.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    problems = [found for line in command_lines(page) if (found := problem(line))]
    assert len(problems) == 1
    assert cause in problems[0]
