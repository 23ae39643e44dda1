"""Words of messages: counts with their noun, and suggestions for a misspelled name."""

import difflib
from collections.abc import Collection

NEAREST = 4
"""Maximum names in a suggestion."""
SHORTEST = 3
"""Minimum letters of a word that is searched inside other names."""


def counted(number: int, what: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 file`, `2 files`; `many` is an irregular plural."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def some_of(items: Collection[object], *, most: int) -> str:
    """Return the first items, and how many others there are: `1, 2 and 3 more`."""
    shown = ", ".join(map(str, list(items)[:most]))
    return f"{shown} and {len(items) - most:,} more" if len(items) > most else shown


def guess(word: str, known: Collection[str]) -> str:
    """Return a suggestion with the closest known names, or a sentence that lists all known names."""
    near = nearest(word, known)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Known: {', '.join(known) or 'none'}."


def nearest(word: str, known: Collection[str]) -> list[str]:
    """Return the known names that are similar to a word, at most `NEAREST`; names that contain it come first.

    A final `s`, case, and the difference between `-` and `_` do not matter.
    """
    plain = {name: name.lower().replace("_", "-") for name in known}
    asked = word.lower().replace("_", "-")
    stem = asked.removesuffix("s")
    if len(stem) >= SHORTEST:
        whole = [name for name, text in plain.items() if text.removesuffix("s") == stem]
        parts = [name for name, text in plain.items() if stem in [part.removesuffix("s") for part in text.split("-")]]
        inside = [name for name, text in plain.items() if stem in text]
        for found in (whole, parts, inside):
            if 0 < len(found) <= NEAREST:
                return found
    near = difflib.get_close_matches(asked, plain.values(), n=1)
    return [name for name, text in plain.items() if text in near][:1]
