"""Fit file names that are made of other names into the limit of file systems."""

import os

MOST_BYTES = 255
"""Maximum bytes of a file name on the usual file systems."""
COMPRESSED = (".gz", ".zst")
"""Endings of compressed files, behind the ending of their format."""


def with_ending(stem: str, ending: str, *, room: int = 0) -> str:
    """Return a stem with an ending, such as `.csv`; a long stem is cut so that `room` more bytes fit behind it."""
    most = MOST_BYTES - len(os.fsencode(ending)) - room
    encoded = os.fsencode(stem)
    kept = stem if len(encoded) <= most else encoded[:most].decode(errors="ignore")
    return f"{kept}{ending}"


def numbered(name: str, number: int) -> str:
    """Return the name with a number, for a file with a taken name: `points~2.csv.gz`; number 1 is the name itself."""
    if number == 1:
        return name
    stem, ending = _divided(name)
    if ending.lower() in COMPRESSED:
        stem, format_ending = _divided(stem)
        ending = f"{format_ending}{ending}"
    return with_ending(stem, f"~{number}{ending}")


def _divided(name: str) -> tuple[str, str]:
    """Return a name without its last ending, and that ending; blank without one."""
    stem, dot, ending = name.rpartition(".")
    return (stem, f"{dot}{ending}") if stem else (name, "")
