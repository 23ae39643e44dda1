"""Limits on time and memory for every input: fixed ones, and those that options change.

`docs/reference/limits.md` lists them; a test compares that page with this module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

MAX_RECORD_BYTES = 32_000_000
"""Default maximum bytes of one CSV record with its line end."""
MAX_EXPANSION = 1_000
"""Default maximum expansion of one compressed byte, in bytes, beyond the first `FREE_EXPANSION` bytes."""
FREE_EXPANSION = 256_000_000
"""Bytes that every compressed file may expand to."""
MAX_SPOOL_BYTES = 16_000_000_000
"""Maximum bytes of a pipe or of standard input, which are copied to a temporary file."""

MAX_HEADER_BYTES = 1 << 20
"""Maximum bytes from the start of a file to the end of its header."""
MAX_COLUMNS = 2_000
"""Maximum columns of a header."""
MAX_LEADING_LINES = 1_000
"""Maximum blank lines and `sep=` lines before a header."""
MAX_HEADER_DEFECTS = 1_000
"""Maximum bytes of a header that are not text."""
MAX_BLOCK_LINES = 1 << 19
"""Maximum records processed at a time: many short records take more memory than their bytes."""
MAX_BLOCK_CELLS = 1 << 21
"""Maximum cells processed at a time."""
MAX_MENDED_BYTES = 1 << 20
"""Maximum bytes of a record with wrong quotes to check its cells; wrong quotes are reported in every record."""
MAX_FILES = 100_000
"""Maximum files of one pattern, folder or archive."""

MAX_DOCUMENT_BYTES = 4_000_000
"""Maximum bytes of a configuration file, a recipe or a sandbox world."""
MAX_DOCUMENT_VALUES = 200_000
"""Maximum values of a YAML document, with aliases counted in full."""
MAX_DOCUMENT_DEPTH = 100
"""Maximum nesting levels of a YAML document."""
MAX_NUMBER = 2**63 - 1
"""Maximum whole number of an option, an id or a setting."""
MAX_SECONDS = 366 * 86_400.0
"""Maximum duration of an option, in seconds."""

MAX_JSON_BYTES = 16_000_000
"""Maximum bytes of one JSON response after decompression."""
MAX_ERROR_BYTES = 1_000_000
"""Maximum bytes that are read of a response to an upload and of an error response."""
MAX_CODINGS = 2
"""Maximum compressions of one response."""
MAX_KEY_BYTES = 65_536
"""Maximum bytes that a key command may print."""
KEY_SECONDS = 60.0
"""Maximum seconds that a key command may run."""

MAX_WORLD_NAMES = 5_000_000
"""Maximum names in all series of a sandbox world."""
MAX_NAME_LENGTH = 1_000
"""Maximum characters of one name in a series of a sandbox world."""


class TooLarge(Exception):
    """A limit is exceeded; code that knows the file name turns this into `LimitExceeded`."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Return how a copy in another process is made."""
        return partial(TooLarge, hint=self.hint), self.args


@dataclass(frozen=True, kw_only=True)
class Adjustable:
    """The process-wide limits that options change, so that an intentionally large file is readable."""

    record_bytes: int = MAX_RECORD_BYTES
    expansion: int = MAX_EXPANSION


_DEFAULTS = Adjustable()
_chosen = _DEFAULTS
_of_task: ContextVar[Adjustable | None] = ContextVar("limits", default=None)


def adjustable() -> Adjustable:
    """Return the current limits."""
    return _of_task.get() or _chosen


@contextmanager
def limited_by(limits: Adjustable) -> Iterator[None]:
    """Use other limits in this thread until the context ends, for work that another process requested."""
    before = _of_task.set(limits)
    try:
        yield
    finally:
        _of_task.reset(before)


def adjust(*, record_bytes: int | None = None, expansion: int | None = None) -> None:
    """Set the limits of this process; None means the default."""
    global _chosen  # noqa: PLW0603 - one setting for the process, as csv.field_size_limit
    _chosen = Adjustable(
        record_bytes=_DEFAULTS.record_bytes if record_bytes is None else record_bytes,
        expansion=_DEFAULTS.expansion if expansion is None else expansion,
    )
