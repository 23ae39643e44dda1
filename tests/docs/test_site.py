"""The documentation site is complete, has no broken link, and needs no network."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
# Only a link that a person follows may lead outside.
ASSETS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
STYLE_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Page(HTMLParser):
    """The assets, links and anchors of a page."""

    assets: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ASSETS and given.get(ASSETS[tag]):
            self.assets.append(given[ASSETS[tag]])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if "id" in given:
            self.anchors.add(given["id"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-d", f"{folder}/state"]
    done = subprocess.run(
        [*command, "docs", f"{folder}/html"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = {}
    for path in site.rglob("*.html"):
        found[path.resolve()] = page = Page()
        page.feed(path.read_text(encoding="utf-8"))
    return found


def test_site_contains_every_page_of_the_documentation(site: Path) -> None:
    expected = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert expected <= {path.relative_to(site) for path in site.rglob("*.html")}
    assert (site / "searchindex.js").stat().st_size > 10_000


def test_site_loads_nothing_from_the_network(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        outside = [asset for asset in page.assets if urlsplit(asset).netloc or not _target(path, asset).exists()]
        assert outside == [], path
    for path in site.rglob("*.css"):
        urls = [one or other for one, other in STYLE_URL.findall(path.read_text(encoding="utf-8"))]
        assert [url for url in urls if urlsplit(url).netloc] == [], path
    assert not re.findall(r"https?://[^\"' ]+\.js\b", "".join(_scripts(site)))


def test_site_has_no_broken_link(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = _target(path, parts.path) if parts.path else path
            assert target.exists(), f"{path}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path}: {link}"


def test_site_search_works_without_a_server(site: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--dump-dom",
        f"{(site / 'search.html').as_uri()}?q=settle",
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120).stdout
    assert "explanation/jobs.html" in shown.partition('id="search-results"')[2]


def _target(page: Path, link: str) -> Path:
    path = urlsplit(link).path
    return (page.parent / unquote(path)).resolve() if path else page


def _scripts(site: Path) -> Iterator[str]:
    for path in site.rglob("*.js"):
        # Licence comments name the home of a library.
        yield re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
