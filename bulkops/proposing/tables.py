"""Open the sources of a proposal as tables: every sheet, every table of a database, in the right encoding."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from bulkops.errors import InputUnreadable, UsageError
from bulkops.proposing.matching import exported_columns, meanings_of
from bulkops.proposing.model import ProfiledTable
from bulkops.proposing.profile import profile_of
from bulkops.proposing.words import words
from bulkops.reading.sources import Source, expand
from bulkops.recipe_source import FORMATS, SourceSpec
from bulkops.remote.addresses import SCHEMES, is_remote
from bulkops.remote.paths import fetch, path_of
from bulkops.sources.opening import open_table
from bulkops.sources.table import LegacyTable
from bulkops.sources.workbook import filled_sheets
from bulkops.validation.checks.likely_encodings import likely_readings, reads_best_in
from bulkops.validation.preamble import wide_encoding

_BLOCK = 1 << 22
_LINES = 40
"""Maximum lines that are used to find an encoding."""
_SIGNATURES = {b"PK\x03\x04": "workbook", b"\xd0\xcf\x11\xe0": "workbook", b"PAR1": "parquet", b"{": "jsonl"}


def tables_of(sources: Sequence[str]) -> list[ProfiledTable]:
    """Return all tables of the sources; UsageError or InputUnreadable if one cannot be opened."""
    return [table for source in sources for table in _tables(source)]


def _tables(source: str) -> Iterator[ProfiledTable]:
    if source.partition("://")[0].lower() in SCHEMES and is_remote(source):
        path = path_of(source)
        fetch(path)
        yield from _of_file(path)
        return
    if "://" in source:
        yield from _of_database(source)
        return
    path = Path(source)
    if path.is_dir():
        for file in csv_files(path):
            yield from _of_file(file)
        return
    if not path.exists():
        raise InputUnreadable(f"{source} does not exist.")
    yield from _of_file(path)


def csv_files(folder: Path) -> list[Path]:
    """Return the CSV files in a folder and the folders in it, without hidden ones; UsageError if there are none."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if FORMATS.get(path.suffix.lower()) == "csv"
        and path.suffix.lower() != ".txt"
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise UsageError(f"{folder} contains no CSV file.", hint="Name the files.")
    return found


def _of_file(path: Path) -> Iterator[ProfiledTable]:
    spec = _spec(path)
    if spec.kind == "workbook":
        names = filled_sheets(path)
        for name in names:
            yield _table(spec.model_copy(update={"sheet": name}) if len(names) > 1 else spec, _titled(path, name))
        return
    if spec.kind != "csv":
        yield _table(spec, path.name)
        return
    encoding, doubt = _encoding(expand([str(path)])[0])
    found = spec if encoding is None else spec.model_copy(update={"encoding": encoding})
    table = open_table(found)
    if exported_columns(table.columns):
        found = found.model_copy(update={"format": "export"})
        table = open_table(found)
    yield replace(described(table, found, path.name), uncertain_encoding=doubt)


def _titled(path: Path, sheet: str) -> str:
    return f"{path.name}, sheet {sheet}"


def _spec(path: Path) -> SourceSpec:
    """Return the source of a file, with its format if the suffix does not tell it."""
    try:
        return SourceSpec(file=path)
    except ValidationError:
        with path.open("rb") as file:
            first = file.read(4)
        form = next((kind for start, kind in _SIGNATURES.items() if first.startswith(start)), "csv")
        return SourceSpec.model_validate({"file": path, "format": form})


def _table(spec: SourceSpec, name: str) -> ProfiledTable:
    return described(open_table(spec), spec, name)


def described(opened: LegacyTable, spec: SourceSpec, name: str) -> ProfiledTable:
    """Return an opened table with everything that is recognised in it; reads its rows."""
    tool = words().tool(opened.columns)
    return ProfiledTable(
        spec=spec,
        name=name,
        columns=opened.columns,
        profile=profile_of(opened),
        meanings=meanings_of(opened.columns, tool),
        tool=tool,
        notes=opened.notes,
    )


def _encoding(source: Source) -> tuple[str | None, str | None]:
    """Return the encoding of a CSV file that is not Unicode, and the other likely ones in words; None for Unicode."""
    lines: list[bytes] = []
    with source.open() as stream:
        first = stream.read(_BLOCK)
        if wide_encoding(first):
            return None, None
        for block in (first, *iter(partial(stream.read, _BLOCK), b"")):
            if not block.isascii() and not _is_utf8(block):
                lines += [line for line in block.split(b"\n") if not line.isascii()]
            if len(lines) >= _LINES:
                break
    if not lines:
        return None, None
    sample = b"\n".join(lines[:_LINES])
    readings = likely_readings(sample)
    if not readings:
        return None, None
    best, *others = readings
    alike = [each for each in others if reads_best_in(sample, each.encoding)]
    if not alike:
        return best.encoding, None
    shown = [f"{each.encoding}: {_first_other(each.text, best.text)!r}" for each in (best, *alike)]
    return best.encoding, "; ".join(shown)


def _first_other(text: str, other: str) -> str:
    """Return the part of a text in which it differs from another one, or its first letters beyond ASCII."""
    place = next((at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), None)
    if place is None:
        place = next((at for at, char in enumerate(text) if not char.isascii()), 0)
    return text[max(0, place - 8) : place + 8].replace("\n", " ").strip()


def _is_utf8(block: bytes) -> bool:
    """Return whether a block is UTF-8; a character may be cut off at its ends."""
    start = next((at for at in range(4) if block[at : at + 1] and block[at] & 0xC0 != 0x80), 0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block[start:])
    except UnicodeDecodeError:
        return False
    return True


def _of_database(address: str) -> Iterator[ProfiledTable]:
    from bulkops.sources.database import table_names

    names = table_names(address)
    if not names:
        raise UsageError("The database has no tables.")
    for name in names:
        yield _table(SourceSpec(database=address, table=name), name)
