"""The documentation agrees with the code."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bulkops import __version__, errors
from bulkops.upload.start import RANDOM_BYTES
from tests.docs.generate import DOCS, PAGES

ROOT = DOCS.parent
SOURCE_PATH = re.compile(r"`((?:bulkops|validators|tests|tools|benchmarks|recipes|sample_data)/[^\s`]*)`")
# Decisions and the changelog describe the code of their time.
CURRENT_PAGES = sorted(path for path in [ROOT / "README.md", *DOCS.rglob("*.md")] if path.parent.name != "decisions")
JOB_ID = re.compile(r"\b[a-z][a-z-]*-20\d{6}-\d{6}-([0-9a-f]+)\b")
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_current(page: str) -> None:
    command = [sys.executable, "-m", "tests.docs.generate", page]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    assert (DOCS / page).read_text(encoding="utf-8") == made, "run `make docs`"


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.md", *DOCS.rglob("*.md")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_job_ids_in_examples_are_as_long_as_real_ones() -> None:
    found = {match for page in CURRENT_PAGES for match in JOB_ID.findall(page.read_text(encoding="utf-8"))}
    assert {len(each) for each in found} == {2 * RANDOM_BYTES}, found


def test_the_drawn_error_tree_is_the_real_one() -> None:
    drawn = re.findall(r"^([│├└─\s]*)(\w+)", errors.__doc__ or "", flags=re.MULTILINE)
    tree = {name: len(indent) // 4 for indent, name in drawn if name[0].isupper() and hasattr(errors, name)}
    classes = {n: c for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.BulkopsError)}
    assert tree == {name: len(c.__mro__) - 4 for name, c in classes.items()}


def test_the_changelog_has_a_section_for_the_version_or_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in text or "## [Unreleased]" in text


def test_the_package_and_its_metadata_agree_on_the_version() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["version"] == __version__


@pytest.mark.parametrize("page", CURRENT_PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_source_path_of_a_page_exists(page: Path) -> None:
    named = SOURCE_PATH.findall(page.read_text(encoding="utf-8"))
    # A name in capitals is a placeholder, such as NAME.py.
    patterns = {path: re.sub(r"\b[A-Z]{2,}\b", "*", path) for path in named}
    assert [path for path, pattern in patterns.items() if not any(ROOT.glob(pattern))] == []
