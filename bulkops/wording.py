"""Words that many messages share: counts with their noun, and what was probably meant."""

import difflib
from collections.abc import Collection

NEAREST = 4
"""How many words a question offers."""
SHORTEST = 3
"""Letters that a word must have to be looked for inside others."""


def counted(number: int, what: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 file`, `2 files`; `many` is a plural that is not formed with an s."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def guess(word: str, known: Collection[str]) -> str:
    """Return the question after the nearest of the known words, or the sentence that lists them."""
    near = nearest(word, known)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Known: {', '.join(known) or 'none'}."


def nearest(word: str, known: Collection[str]) -> list[str]:
    """Return the known words that were probably meant, at most `NEAREST`: those that contain the word come first.

    An `s` at the end, case, and the difference between `-` and `_` do not matter.
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
