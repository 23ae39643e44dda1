"""Describe the body of an unexpected response for messages: a login page, an error page, another kind of document."""

import html
import json
import re
from collections.abc import Callable

QUOTE = 120
"""Maximum number of characters of a title or text in a message."""
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta)\b", re.IGNORECASE | re.DOTALL)
_TITLES = (
    re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL),
    re.compile(rb"<h[1-3][^>]*>(.*?)</h[1-3]", re.IGNORECASE | re.DOTALL),
)
_TAG = re.compile(r"<[^>]*>")
_XML = re.compile(rb"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<([A-Za-z_][\w:.-]{0,60})", re.DOTALL)
_MAGIC = {
    b"PK\x03\x04": "a ZIP file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a gzip file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
}
INSPECTED_BYTES = 65_536
"""Maximum number of bytes of a body that are inspected."""


def is_page(content: bytes) -> bool:
    """Return whether a body starts like an HTML or XML document; CSV and JSON documents never do."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    return _HTML.match(content) is not None or _XML.match(content) is not None


def describe_body(content: bytes, *, hide: Callable[[str], str] = str) -> str:
    """Return the kind of a body, for a message: an HTML page with its title, JSON, text with its first line.

    `hide` removes keys from a text before it is shortened.
    """
    content = content[:INSPECTED_BYTES].removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        return "an empty body"
    if _HTML.match(content):
        title = _title(content, hide)
        return f"an HTML page: {title!r}" if title else "an HTML page without a title"
    if found := _XML.match(content):
        return f"an XML document: <{found[1].decode('ascii', 'replace')}>"
    if kind := next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None):
        return kind
    if b"\x00" in content:
        return "binary data"
    return _describe_text(content, hide)


def _title(content: bytes, hide: Callable[[str], str]) -> str:
    for pattern in _TITLES:
        if found := pattern.search(content):
            text = html.unescape(_TAG.sub(" ", found[1].decode("utf-8", "replace")))
            if words := " ".join(text.split()):
                return _short(hide(words))
    return ""


def _describe_text(content: bytes, hide: Callable[[str], str]) -> str:
    text = content.decode("utf-8", "replace").strip()
    if text[0] in "{[":
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return "JSON that is cut short or damaged"
        message = document.get("message") if isinstance(document, dict) else None
        return "a JSON document" + (f": {_short(hide(message))!r}" if isinstance(message, str) and message else "")
    line = text.partition("\n")[0].rstrip()  # later lines may be records
    return f"text that begins with {_short(hide(line))!r}"


def _short(text: str) -> str:
    return text if len(text) <= QUOTE else text[:QUOTE].rstrip() + " …"
