"""Recognise refusals of a column name that differs between API releases, and name the option for it."""

import re
from collections.abc import Sequence

from bulkops.ledger.models import JobEntry
from bulkops.reading.records.quoting import cells
from bulkops.upload.body import read_pieces
from bulkops_validators.model.contract import Contract

ADVICE = "The target may expect another column name:"
_OF_HEADER = re.compile(r"\b(column|header|field)s?\b", re.IGNORECASE)
_FIRST_LINES = frozenset({0, 1})


def name_advice(job: JobEntry, contract: Contract, message: str, lines: Sequence[int]) -> str:
    """Return the next step if a refusal is about the name of a column; empty otherwise.

    A refusal is about a name if it repeats the other name, or if it repeats the name that was sent together with the
    line of the header or with a word such as "column". `lines` are the lines that the server points at.
    """
    for option in contract.options:
        names = [name for name, column in contract.header_names.items() if column == option.column]
        if not any(re.search(rf"\b{name}\b", message) for name in names):
            continue
        sent = next(name for name in _sent_header(job) if name in names)
        other = next(name for name in names if name != sent)
        about_header = bool(_OF_HEADER.search(message)) and set(lines) <= _FIRST_LINES
        if re.search(rf"\b{other}\b", message) or about_header:
            return f"{ADVICE} {sent!r} was sent. Import the file again with --{option.name} {other}."
    return ""


def _sent_header(job: JobEntry) -> list[str]:
    header = job.sent_header or b"".join(read_pieces(job.file_path, [(0, job.header_end)]))
    line = header.rstrip(b"\r\n")
    return [line[start:end].decode("utf-8", "replace").strip('"') for start, end in cells(line, 0, ord(","))]
