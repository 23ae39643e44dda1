"""Escape data for Markdown, so that it never becomes a link, an image, a mention, a tag or a table cell."""

import re

from bulkops.escaping import one_line

_MARKS = re.compile(r"[\\`*_{}\[\]<>#!|~&$]")
_LIVE = re.compile(r"@|://|www\.|#\d|\bmailto:", re.IGNORECASE)
"""Plain text that issue trackers turn into links or mentions, even if it is escaped."""
_LIST = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")
_NO_WORD = re.compile(r"[^\w ]")
_RUN = re.compile(r"`+")


def plain(text: str) -> str:
    """Return an escaped text for a paragraph, heading or table cell; a word that would become a link becomes code."""
    words = " ".join(text.split()).split(" ")
    escaped = " ".join(code(word) if _LIVE.search(word) else _MARKS.sub(r"\\\g<0>", one_line(word)) for word in words)
    return _LIST.sub(r"\1\\\2", escaped)


def code(text: str) -> str:
    """Return a text as code, with a fence that is longer than each run of backticks in it; blank for a blank text.

    A pipe ends a table cell even in code, and parsers differ in how to escape it there. So a text with a pipe becomes
    an HTML element, with its punctuation as entities.
    """
    flat = one_line(text).replace("\t", " ")
    if not flat.strip():
        return ""
    if "|" in flat:
        return f"<code>{_NO_WORD.sub(lambda found: f'&#{ord(found[0])};', flat)}</code>"
    fence = "`" * (max((len(run) for run in _RUN.findall(flat)), default=0) + 1)
    pad = " " if flat[0] in "` " or flat[-1] in "` " else ""
    return f"{fence}{pad}{flat}{pad}{fence}"
