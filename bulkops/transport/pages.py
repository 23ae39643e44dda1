"""HTML pages in place of an API response: a firewall, a proxy or a gateway answered, not the API."""

from collections.abc import Callable
from html.parser import HTMLParser

LONGEST_TITLE = 120
READ_BYTES = 65_536
STARTS = (b"<!doctype html", b"<html", b"<head", b"<title", b"<body", b"<!--")


class _Title(HTMLParser):
    """Collects the text of the page's title and of its first heading."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        """Start collecting at the first title and the first heading."""
        if tag in ("title", "h1") and tag not in self.texts:
            self._inside, self.texts[tag] = tag, ""

    def handle_endtag(self, tag: str) -> None:
        """Stop collecting."""
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Collect."""
        if self._inside:
            self.texts[self._inside] += data


def is_page(content: bytes) -> bool:
    """Return whether a body is an HTML page; the API never sends one."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(STARTS)


def page_text(content: bytes, hide: Callable[[str], str]) -> str:
    """Return what a message says about an HTML page: its title, else its first heading.

    `hide` removes keys from the text before it is cut.
    """
    parser = _Title()
    parser.feed(hide(content[:READ_BYTES].decode("utf-8", "replace")))
    found = (" ".join(parser.texts.get(tag, "").split()) for tag in ("title", "h1"))
    title = hide(next(filter(None, found), ""))
    shown = title if len(title) <= LONGEST_TITLE else title[:LONGEST_TITLE].rstrip() + " …"
    return f"an HTML page: {shown!r}" if shown else "an HTML page without a title"
