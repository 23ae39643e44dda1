"""Reject files with records that are probably misread: a comparison with them would prove too little."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import by_lower
from bulkops.readback.parse.tables import LINE, RECORD
from bulkops.readback.parse.warnings import Notes
from bulkops.validation.checks.decimals import grouped
from bulkops.validation.checks.record_shape import NEARLY_ALL, contains_records
from bulkops.validation.checks.repeated_header import repeats_header
from bulkops_validators.model.cells import Number
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules_registry import RULES

HEADER, SWALLOWED, DECIMALS = "HDR110", "STR109", "VAL115"


@dataclass(frozen=True, kw_only=True)
class DecimalForms:
    """Columns with decimals that may be grouped thousands, each with the first such record; columns with others."""

    grouped: Mapping[str, int]
    decimal: frozenset[str]


class Misread:
    """Check the frames of one file, in order, for misread records. `accept` are the rules that are not applied."""

    def __init__(self, contract: Contract, name: str, *, accept: Collection[str]) -> None:
        self._contract = contract
        self._name = name
        self._accept = frozenset(accept)
        self._columns: tuple[str, ...] = ()
        self._grouped: dict[str, int] = {}
        self._decimal: set[str] = set()

    def refuse(self, frame: pl.DataFrame) -> None:
        """Raise DataError if a record repeats the header or contains other records; remember the decimal columns."""
        self._columns = tuple(name for name in frame.columns if name not in (RECORD, LINE))
        if HEADER not in self._accept:
            self._refuse_header(frame)
        if SWALLOWED not in self._accept:
            self._refuse_swallowed(frame)
        if DECIMALS not in self._accept:
            self._check_decimals(frame)

    def note(self, notes: Notes) -> None:
        """Note the columns in which all decimal numbers have three decimals."""
        for name, record in self._grouped.items():
            if name not in self._decimal:
                what = f"{name} compared as a decimal number, although every number of the column has three decimals"
                notes.add(what, record)

    def merge(self, later: "DecimalForms", *, after: int) -> None:
        """Add the forms of the decimals in another part; `after` is the number of records before that part."""
        self._decimal |= later.decimal
        for name, record in later.grouped.items():
            self._grouped.setdefault(name, record + after)

    @property
    def forms(self) -> "DecimalForms":
        """The forms of the decimals so far."""
        return DecimalForms(grouped=dict(self._grouped), decimal=frozenset(self._decimal))

    @cached_property
    def _known(self) -> Mapping[str, str]:
        """The file's column names, by documented name."""
        names = by_lower(self._columns)
        documented = self._contract.header_names
        return {column: names[n.lower()] for n, column in documented.items() if n.lower() in names}

    @cached_property
    def _documented(self) -> tuple[str | None, ...]:
        """The documented name of each column of the file; None for an unknown column."""
        own = {written: column for column, written in self._known.items()}
        return tuple(own.get(name) for name in self._columns)

    def _refuse_header(self, frame: pl.DataFrame) -> None:
        first, documented = self._columns[0], self._documented[0] or self._columns[0]
        beginnings = [text for name in {first, documented} for text in (name, f"\ufeff{name}", f'\ufeff"{name}"')]
        for row in frame.filter(pl.col(first).is_in(beginnings)).iter_rows(named=True):
            if repeats_header([row[name] or "" for name in self._columns], self._documented, self._columns):
                self._refuse_record(row, "repeats the header", HEADER)

    def _refuse_swallowed(self, frame: pl.DataFrame) -> None:
        # The end of the last record of a frame is unknown here.
        several = frame.filter((pl.col(LINE).shift(-1) - pl.col(LINE)).fill_null(2) > 1)
        cells = pl.concat_str(pl.col(self._columns).fill_null(""), separator=",").alias("_text")
        texts = several.select(RECORD, LINE, cells).with_columns(
            _feeds=pl.col("_text").str.count_matches("\n", literal=True),
            _signs=pl.col("_text").str.count_matches(",", literal=True),
        )
        fewest = NEARLY_ALL * pl.max_horizontal(pl.col("_feeds").cast(pl.Int64) - 1, 2) * (len(self._columns) - 1)
        for row in texts.filter((pl.col("_feeds") > 0) & (pl.col("_signs") >= fewest)).iter_rows(named=True):
            if contains_records(row["_text"].split("\n"), self._documented, self._contract, ","):
                self._refuse_record(row, "contains lines that are records of their own", SWALLOWED)

    def _refuse_record(self, row: Mapping[str, object], says: str, code: str) -> None:
        raise DataError(
            f"{self._name}:{row[LINE]}: record {row[RECORD]} {says} ({code} {RULES[code].name}). Nothing was compared.",
            hint=f"Run `bulkops validate {self._contract.name} {self._name}` to see it. If the record is correct, "
            f"give --accept {code}.",
        )

    def _check_decimals(self, frame: pl.DataFrame) -> None:
        for column, name in self._known.items():
            if not isinstance(self._contract.column(column).cell, Number) or name in self._decimal:
                continue
            which = grouped(frame.get_column(name))
            if which is None:
                self._decimal.add(name)
            elif name not in self._grouped and which.any():
                self._grouped[name] = int(frame.get_column(RECORD).filter(which)[0])
