"""Read JSON lines: one object a line; nested objects become columns with dots, lists stay JSON."""

import json
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from typing import Any

from bulkops.errors import DataError
from bulkops.limits import MAX_COLUMNS
from bulkops.reading.sources import Source


def key_names(source: Source) -> tuple[str, ...]:
    """Return the names of all keys, in the order of their first appearance; reads the whole file."""
    names: dict[str, None] = {}
    for _, record in records(source):
        names.update(dict.fromkeys(record))
        if len(names) > MAX_COLUMNS:
            raise DataError(f"{source.path} has more than {MAX_COLUMNS:,} keys.")
    if not names:
        raise DataError(f"{source.path} has no records.")
    return tuple(names)


def rows(source: Source, names: tuple[str, ...]) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the values of each record in the order of the names, with its line."""
    for line, record in records(source):
        yield line, [record.get(name) for name in names]


def records(source: Source) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield each record as text by key, with its line; DataError names a line that is not a JSON object."""
    with source.open() as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="\n") as text:
        yield from records_in(text, source.path)


def records_in(lines: Iterable[str], path: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield the record of each line that is not blank, with the number of the line; errors as for `records`."""
    try:
        for line, written in enumerate(lines, start=1):
            if written.strip():
                yield line, _record(written, path, line)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: {error}.") from None


def _record(written: str, path: str, line: int) -> dict[str, str | None]:
    try:
        # Numbers stay as they are written: 1.10 and long ids are not rounded.
        found = json.loads(written, parse_float=_WrittenNumber, parse_int=_WrittenNumber)
        pairs = list(_flat(found, "")) if isinstance(found, dict) else None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: line {line} is not JSON: {error}.", hint="Each line must be one JSON object."
        ) from None
    if pairs is None:
        raise DataError(f"{path}: line {line} is not a JSON object.", hint="Each line must be one JSON object.")
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in values if names.count(name) > 1)
        raise DataError(
            f"{path}: line {line}: two keys become the column {twice}.", hint="Rename one of them in a copy."
        )
    if "\\u" in written and not _encodable(pairs):
        raise DataError(
            f"{path}: line {line} has half of a surrogate pair, which is not a character.",
            hint="Correct the escape (\\uD800 to \\uDFFF) in a copy.",
        )
    return values


def _encodable(pairs: list[tuple[str, str | None]]) -> bool:
    """Return whether all keys and values can be written as UTF-8."""
    try:
        "".join(f"{name}{value}" for name, value in pairs).encode()
    except UnicodeEncodeError:
        return False
    return True


class _WrittenNumber(str):
    """A number as it was written."""

    __slots__ = ()


def _flat(record: dict[str, Any], prefix: str) -> Iterator[tuple[str, str | None]]:
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list | dict):
            yield name, _json(value)
        elif isinstance(value, bool):
            yield name, str(value).lower()
        else:
            yield name, value


def _json(value: Any) -> str:
    """Return JSON with numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_json(found)}" for key, found in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _WrittenNumber) else json.dumps(value, ensure_ascii=False)
