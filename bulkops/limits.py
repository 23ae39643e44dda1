"""The limits that keep time and memory bounded for every input: the fixed ones, and those that options change.

`docs/reference/limits.md` lists them; a test compares that page with this module.
"""

from dataclasses import dataclass

MAX_RECORD_BYTES = 32_000_000
"""Default for bytes of one CSV record, its line end included."""
MAX_EXPANSION = 1_000
"""Default for bytes that one byte of a compressed file may expand to, beyond the first `FREE_EXPANSION` bytes."""
FREE_EXPANSION = 256_000_000
"""Bytes that any compressed file may expand to."""
MAX_SPOOL_BYTES = 16_000_000_000
"""Bytes of a pipe or of standard input, which are copied to a temporary file."""

MAX_HEADER_BYTES = 1 << 20
"""Bytes in which a header must end, with what precedes it."""
MAX_COLUMNS = 2_000
"""Columns of a header."""
MAX_LEADING_LINES = 1_000
"""Blank lines and `sep=` lines in front of a header."""
MAX_HEADER_DEFECTS = 1_000
"""Bytes of a header that are not text."""
MAX_BLOCK_LINES = 1 << 19
"""Records that are processed at a time: more of them take more memory than the bytes they are in."""
MAX_BLOCK_CELLS = 1 << 21
"""Cells that are processed at a time."""
MAX_MENDED_BYTES = 1 << 20
"""Bytes of a record with wrong quotes whose cells are still checked; the wrong quotes are reported in any record."""
MAX_FILES = 100_000
"""Files that one pattern, folder or archive may name."""

MAX_DOCUMENT_BYTES = 4_000_000
"""Bytes of a configuration file, a recipe or a sandbox world."""
MAX_DOCUMENT_VALUES = 200_000
"""Values of a YAML document, with each alias counted as what it stands for."""
MAX_DOCUMENT_DEPTH = 100
"""Levels of nesting of a YAML document."""
MAX_NUMBER = 2**63 - 1
"""Largest whole number of an option, an id or a setting."""
MAX_SECONDS = 366 * 86_400.0
"""Longest duration of an option, in seconds."""

MAX_JSON_BYTES = 16_000_000
"""Bytes of one JSON response, decompressed."""
MAX_ERROR_BYTES = 1_000_000
"""Bytes of a response to an upload, and of an error response, that are read."""
MAX_CODINGS = 2
"""Times that a response may be compressed."""
MAX_KEY_BYTES = 65_536
"""Bytes that a key command may print."""
KEY_SECONDS = 60.0
"""Seconds that a key command may take."""

MAX_WORLD_NAMES = 5_000_000
"""Names of all series of a sandbox world together."""
MAX_NAME_LENGTH = 1_000
"""Characters of one name of a series of a sandbox world."""


class TooLarge(Exception):
    """A limit is exceeded; whoever knows the name of the file turns this into `LimitExceeded`."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Adjustable:
    """The limits that options change, for the whole process: a file that is large on purpose must be readable."""

    record_bytes: int = MAX_RECORD_BYTES
    expansion: int = MAX_EXPANSION


_DEFAULTS = Adjustable()
_chosen = _DEFAULTS


def adjustable() -> Adjustable:
    """Return the limits in force."""
    return _chosen


def adjust(*, record_bytes: int | None = None, expansion: int | None = None) -> None:
    """Change the limits of this process; None stands for the default."""
    global _chosen  # noqa: PLW0603 - one setting for the process, as csv.field_size_limit
    _chosen = Adjustable(
        record_bytes=_DEFAULTS.record_bytes if record_bytes is None else record_bytes,
        expansion=_DEFAULTS.expansion if expansion is None else expansion,
    )
