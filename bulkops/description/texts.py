"""Read facts from the text of an operation: the columns of its CSV file, the header of its sample, its limits."""

import re

from bulkops.description.described import TextLimits

# Lists inside the text of a column have a deeper indent than the list of columns. Lines are joined with blanks.
_BULLET = re.compile(r"(?<! ) {1,2}- `([A-Za-z]\w*)`:?\s*(?:\((required|optional)\))?")
_BEGIN = re.compile(r"\bcolumns?\b")
_END = re.compile(r"##|```|\bparameters:")
_SAMPLE = re.compile(r"```(?:csv|text)?\s+(\S+)[^`]*```")
_NAMED = re.compile(r"`([A-Za-z]\w*)`")
_SIZE = re.compile(r"limiting your file size to\s+(\d+)\s*MB", re.IGNORECASE)
_ITEMS = re.compile(r"limited to\s+([\d,]+)\s+items", re.IGNORECASE)
_ROWS = re.compile(r"(?:less|fewer) than\s+([\d,]+)\s+rows", re.IGNORECASE)
_TIMEOUT = re.compile(r"time\s+out after\s+(\d+)\s+seconds", re.IGNORECASE)
MILLION = 1_000_000


def columns_of(text: str) -> dict[str, str]:
    """Return the columns that a text lists, each with `required`, `optional` or a blank if it says neither."""
    flat = text.replace("\n", " ")
    begin = _BEGIN.search(flat)
    if begin is None:
        return {}
    rest = flat[begin.start() :]
    end = _END.search(rest)
    return dict(_BULLET.findall(rest[: end.start()] if end else rest))


def sample_of(text: str) -> tuple[str, ...]:
    """Return the columns of the first sample files in a text, in order of appearance; empty if there is none."""
    headers = [header_of(found) for found in _SAMPLE.findall(text.replace("\n", " "))]
    return tuple(dict.fromkeys(name for header in headers for name in header))


def header_of(line: str) -> tuple[str, ...]:
    """Return the names of a header line."""
    names = (name.strip(' \\"') for name in line.strip().split(","))
    return tuple(name for name in names if name)


def named_in(text: str) -> frozenset[str]:
    """Return all names that a text puts in backticks."""
    return frozenset(_NAMED.findall(text))


def limits_of(text: str) -> TextLimits:
    """Return the file limits that a text states in the wording of the API's documentation."""
    flat = " ".join(text.replace(">", " ").split())
    size, items, rows, timeout = (pattern.search(flat) for pattern in (_SIZE, _ITEMS, _ROWS, _TIMEOUT))
    records = _number(items) if items else _number(rows) - 1 if rows else None
    return TextLimits(
        recommended_bytes=_number(size) * MILLION if size else None,
        max_records=records,
        timeout_seconds=float(_number(timeout)) if timeout else None,
    )


def _number(found: re.Match[str]) -> int:
    return int(found[1].replace(",", ""))
