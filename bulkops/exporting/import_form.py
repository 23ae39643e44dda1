"""Turn rows of an export into records of an import file, and count every row that is left out or changed."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import Fold, by_lower, by_value, canonical, found_frame, live_rows
from bulkops.readback.compare.values import decimal
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.wording import counted
from bulkops_validators.model.cells import IdList
from bulkops_validators.model.contract import Comparison, Contract, Readback, ReadColumn, UsageLimit

if TYPE_CHECKING:
    from bulkops.json_documents.files import RowBooksDocument

DELETED = "deleted"
GIVEN_OUT = "given out already"
USED_UP = "used up"
NOTHING = frozenset({"", "0", "false", "[]", "{}", "null"})
"""Cells of a column that no import sets, if they contain nothing worth a note."""
Used = Literal["remaining", "keep"]
"""What happens to limits that are partly used: reduced to the rest, or kept as they are."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """Changes to the records: `attributes` by their names, `values` by import column and value.

    An attribute or a value that is not listed stays as it is; an attribute with the new name "" is left out.
    """

    attributes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    used: Used = "remaining"


@dataclass(kw_only=True)
class RowBooks:
    """The books of a conversion: rows read = records written + rows left out by reason.

    `changed` counts records with a reduced limit, `lost` the filled cells of columns that no import can set, and
    `merged` the rows that became part of the record of another row.
    """

    rows: int = 0
    records: int = 0
    merged: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return one sentence for each fact that a user should know."""
        lines = [f"{counted(count, 'row is', 'rows are')} left out: {why}."
                 for why, count in self.left_out.items()]  # fmt: skip
        if self.changed:
            lines.append(
                f"{counted(self.changed, 'record has', 'records have')} only the rest of a "
                "limit, because an import cannot set the used part."
            )
        lines += [f"{count:,} x {column}: no import can set it." for column, count in self.lost.items()]
        return lines + self.notes

    def to_json(self) -> "RowBooksDocument":
        """Return the books as documents contain them."""
        return {
            "rows": self.rows,
            "records": self.records,
            "merged": self.merged,
            "left_out": dict(self.left_out),
            "changed": self.changed,
            "lost": dict(self.lost),
        }


class ImportForm:
    """Converts the frames of one read-back; `books` counts the rows of all frames so far."""

    def __init__(self, contract: Contract, readback: Readback, translation: Translation | None = None) -> None:
        self.contract = contract
        self.readback = readback
        self.translation = translation or Translation()
        self.books = RowBooks()
        order = {name: number for number, name in enumerate(contract.column_names)}
        self._columns = sorted(readback.columns, key=lambda column: order[column.column])

    def selected(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that can be imported, with the names of the read-back and limits that are still left."""
        self.books.rows += frame.height
        kept = self._without(live_rows(frame), frame, DELETED)
        if self.readback.spent is not None:
            names = by_lower(kept.columns)
            if (name := names.get(self.readback.spent.lower())) is None:
                raise DataError(
                    f"The export has no column {self.readback.spent!r}, which shows the rows that are given out."
                )
            kept = self._without(kept.filter(pl.col(name).str.to_lowercase() == "false"), kept, GIVEN_OUT)
        if self.translation.used == "remaining":
            for limit in self.readback.usage:
                kept = self._left(kept, limit)
        for column in self.readback.lost_columns:
            self._note_lost(kept, column)
        return kept

    def records(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return selected rows as records: the columns of the import file, in its order."""
        names = by_lower(rows.columns)
        columns = [self._cells(column, rows, names) for column in self._columns]
        self.books.records += rows.height
        return pl.DataFrame([column for column in columns if column is not None])

    def converted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the records of a frame of the export."""
        return self.records(self.selected(frame))

    def canonical(self, rows: pl.DataFrame, fold: Fold) -> pl.DataFrame:
        """Return selected rows as canonical text with translated values, without the way through the import file."""
        found = found_frame(self.readback, rows.drop(RECORD, LINE, strict=False), fold)
        return found.select(self._canonical_cells(column, found.get_column(column.column)) for column in self._columns)

    def _canonical_cells(self, column: ReadColumn, cells: pl.Series) -> pl.Series:
        if column.compare is Comparison.JSON and self.translation.attributes:
            names = self.translation.attributes
            renamed = by_value(cells.fill_null(""), lambda text: attributes_cell(text, names))
            cells = canonical(column, renamed, Fold.SENSITIVE)
        cells = self.translated(column.column, cells)
        return cells.replace("", None) if column.blank_unknown else cells

    def _without(self, kept: pl.DataFrame, before: pl.DataFrame, why: str) -> pl.DataFrame:
        if kept.height < before.height:
            self.books.left_out[why] += before.height - kept.height
        return kept

    def _left(self, rows: pl.DataFrame, limit: UsageLimit) -> pl.DataFrame:
        """Return rows with the unused part of a limit; rows without a rest are left out."""
        names = by_lower(rows.columns)
        read = next(column for column in self.readback.columns if column.column == limit.column)
        column = next((names[name.lower()] for name in read.found if name.lower() in names), None)
        used = names.get(limit.used.lower())
        if column is None or used is None:
            return rows
        touched = ~rows.get_column(used).fill_null("").str.strip_chars().str.contains(r"^0*(\.0*)?$")
        if not touched.any():
            return rows
        pairs = rows.filter(touched).select(column, used)
        rests = [_rest(limit, read, *pair) for pair in pairs.iter_rows()]
        gone = sum(rest is None for rest in rests)
        self.books.changed += sum(
            rest is not None and rest != decimal(before or "")
            for rest, before in zip(rests, pairs[column], strict=True)
        )
        values = iter(rests)
        cells = [next(values) if here else cell for here, cell in zip(touched, rows.get_column(column), strict=True)]
        result = rows.with_columns(pl.Series(column, cells, dtype=pl.String))
        if gone:
            self.books.left_out[USED_UP] += gone
            result = result.filter(pl.col(column).is_not_null())
        return result

    def _note_lost(self, rows: pl.DataFrame, column: str) -> None:
        name = by_lower(rows.columns).get(column.lower())
        if name is None:
            return
        cells = rows.get_column(name).fill_null("").str.strip_chars().str.to_lowercase()
        if filled := int((~cells.is_in(list(NOTHING))).sum()):
            self.books.lost[column] += filled

    def _cells(self, column: ReadColumn, rows: pl.DataFrame, names: Mapping[str, str]) -> pl.Series | None:
        """Return the cells of one import column; None for an optional column that the export lacks."""
        name = next((names[each.lower()] for each in column.found if each.lower() in names), None)
        if name is None:
            keyed = not self.readback.multiset and column.column in self.readback.key
            if self.contract.column(column.column).required or keyed:
                raise DataError(f"The export has no column {' or '.join(map(repr, column.found))}.")
            return None
        raw = rows.get_column(name).fill_null("")
        match column.compare:
            case Comparison.JSON:
                cells = by_value(raw, lambda text: attributes_cell(text, self.translation.attributes))
            case Comparison.ID_SET:
                cells = self._lists(canonical(column, raw, Fold.SENSITIVE), rows)
            case _:
                cells = canonical(column, raw, Fold.SENSITIVE)
        return self.translated(column.column, cells.alias(column.column))

    def _lists(self, arrays: pl.Series, rows: pl.DataFrame) -> pl.Series:
        """Return JSON arrays as the lists of an import file; DataError for an item that contains the separator."""
        column = next(each.cell for each in self.contract.columns if isinstance(each.cell, IdList))
        separator = column.separator

        def joined(text: str) -> str:
            items: list[str] = json.loads(text or "[]")
            if any(separator in item for item in items):
                first = int(arrays.to_frame("a").with_columns(rows[RECORD]).filter(pl.col("a") == text)[RECORD][0])
                raise DataError(
                    f"Record {first:,} of the export has the list {text}, with an item that contains {separator!r}: "
                    "an import file cannot contain it.",
                    hint="Link this item by the API, and filter the record out of the export.",
                )
            return separator.join(items)

        return by_value(arrays, joined)

    def translated(self, name: str, cells: pl.Series) -> pl.Series:
        """Return the cells of an import column with translated values."""
        table = self.translation.values.get(name)
        return cells.replace(list(table), list(table.values())) if table else cells


def _rest(limit: UsageLimit, column: ReadColumn, value: str | None, used: str | None) -> str | None:
    """Return the unused part of a limit, the limit itself if it is none, or None if nothing is left."""
    text = (value or "").strip()
    if decimal(text) in limit.unlimited:
        return text
    try:
        whole = Decimal(text or column.blank_equals[0] or "0")
        rest = whole - Decimal((used or "0").strip())
    except InvalidOperation:
        raise DataError(
            f"The export has the limit {value!r} with {used!r} used in {limit.column}: they are not numbers."
        ) from None
    return decimal(str(rest)) if rest > 0 else None


def attributes_cell(text: str, names: Mapping[str, str]) -> str:
    """Return a JSON object for an import: without null members, with translated names; blank if nothing is left.

    A text that is not a JSON object is returned unchanged, so that validation reports it. DataError if two names
    become the same name.
    """
    text = text.strip()
    try:
        found = json.loads(text)
        if isinstance(found, str) and found.lstrip()[:1] == "{":  # the object is quoted twice
            text, found = found.strip(), json.loads(found)
    except (ValueError, RecursionError):
        return text
    if found is None:
        return ""
    if not isinstance(found, dict):
        return text
    renamed: dict[str, Any] = {}
    for name, value in found.items():
        new = names.get(name, name)
        if value is None or not new:
            continue
        if new in renamed:
            raise DataError(f"Two attributes of {text[:80]} become {new!r}.", hint="Give them different names.")
        renamed[new] = value
    if not renamed:
        return ""
    return text if renamed == found else json.dumps(renamed, ensure_ascii=False, separators=(",", ":"))


def write_csv(frame: pl.DataFrame, out: BinaryIO, *, header: bool) -> None:
    """Write records; a blank cell has no quotes unless it is the whole record."""
    if frame.width > 1:
        frame = frame.select(pl.when(pl.col(name) != "").then(pl.col(name)) for name in frame.columns)
    frame.write_csv(out, include_header=header)
