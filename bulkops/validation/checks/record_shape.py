"""Recognise lines that look like records of a file: as many fields as the header, each of the form of its column."""

import re
from collections.abc import Sequence

from bulkops_validators.model import patterns
from bulkops_validators.model.cells import Choice, Duration, IdList, Integer, JsonObject, Number, Timestamp
from bulkops_validators.model.contract import Column, Contract

_NUMBER = re.compile(r"-?[0-9]+(?:[.,'\u2019\u00a0 ][0-9]+)*")
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[Tt ].*)?|[0-9]{5,}(?:\.[0-9]+)?")
_NAME = re.compile(r'[^\s",]+')
_FEW_NAMES, _MANY_LINES = 3, 10
"""Minimum number of lines without a blank that are records of a one-column file, and of lines of any text."""
NEARLY_ALL = 0.8
"""Minimum share of lines that must be records: among many lines, some may be wrong themselves."""


def contains_records(lines: Sequence[str], columns: Sequence[str | None], contract: Contract, separator: str) -> bool:
    """Return whether the lines of one record, without the quotes around its cells, are records of the file.

    `columns` has the documented name of each header field (None: unknown). The first and the last line may belong to
    the record itself, so only the lines between them decide. In a one-column file every line has one field, so at least
    three lines without a blank are required, or ten lines of any text.
    """
    filled = [line for line in (line.strip("\r") for line in lines) if line.strip()]
    if len(columns) == 1:
        return len(filled) >= _MANY_LINES or (len(filled) >= _FEW_NAMES and all(map(_NAME.fullmatch, filled)))
    judged = filled[1:-1] or filled
    fitting = sum(_is_record(line, columns, contract, separator) for line in judged)
    return fitting > 0 and fitting >= NEARLY_ALL * len(judged)


def _is_record(line: str, columns: Sequence[str | None], contract: Contract, separator: str) -> bool:
    if '"' in line:
        return False
    fields = line.split(separator)
    if len(fields) != len(columns):
        return False
    pairs = zip(fields, columns, strict=True)
    return all(name is None or _fits(field, contract.column(name)) for field, name in pairs)


def _fits(field: str, column: Column) -> bool:
    """Return whether a field has the form of the cells of a column, valid or not."""
    if not field:
        return not column.required
    match column.cell:
        case Integer() | Number():
            return _NUMBER.fullmatch(field) is not None
        case Timestamp(literals=literals):
            return field.lower() in literals or _DATE.fullmatch(field) is not None
        case Choice(values=values):
            return field.lower() in {value.lower() for value in values}
        case Duration():
            return re.fullmatch(patterns.DURATION, field) is not None
        case JsonObject():
            return field.startswith("{") and field.endswith("}")
        case IdList():
            return " " not in field
        case _:
            return field == field.strip()
