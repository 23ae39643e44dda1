"""Words that many messages share: counts with their noun, and what was probably meant."""

import difflib
from collections.abc import Collection


def counted(number: int, what: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 file`, `2 files`; `many` is a plural that is not formed with an s."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def guess(word: str, known: Collection[str]) -> str:
    """Return the question after the nearest of the known words, or the sentence that lists them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known) or 'none'}."
