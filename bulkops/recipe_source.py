"""The source and the mapping of a recipe step: legacy data, and SQL expressions that turn it into import columns."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from bulkops.errors import UsageError
from bulkops.remote.addresses import is_remote
from bulkops.remote.paths import RemotePath, path_of

NAME = re.compile(r"[a-z_][a-z0-9_]*")
RESERVED = frozenset({"source", "joined", "mapped"})
FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".tab": "csv", ".psv": "csv",
    ".xlsx": "workbook", ".xlsm": "workbook", ".xlsb": "workbook", ".xls": "workbook", ".ods": "workbook",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""The format of a source file by its suffix, in front of a suffix of compression."""
Format = Literal["csv", "workbook", "jsonl", "parquet", "export"]


class Strict(BaseModel):
    """A table of a recipe: unknown keys are invalid."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _sql(value: object) -> object:
    """Return a number or a switch as SQL; other values are returned unchanged for the field's own check."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _text(value: object) -> object:
    """Return a number or a switch as the text of a cell; other values are returned unchanged."""
    return _sql(value)


def _list(value: object) -> object:
    """Return a single text as a list of one."""
    return [value] if isinstance(value, str) else value


Sql = Annotated[str, BeforeValidator(_sql, json_schema_input_type=str | int | float | bool), Field(min_length=1)]
Cell = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_list, json_schema_input_type=str | list[str])]


def _as_source(value: object) -> object:
    """Return a path as a source with a file."""
    return {"file": value} if isinstance(value, str | Path) else value


def path_or_address(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Return the path of a remote file for an address; ValueError for an invalid one. `handler` validates others."""
    if isinstance(value, RemotePath):
        return value
    if not isinstance(value, str) or not is_remote(value):
        return handler(value)
    try:
        return path_of(value)
    except UsageError as error:
        msg = f"{error.message} {error.hint or ''}".rstrip()
        raise ValueError(msg) from None


class SourceSpec(Strict):
    """The source of the rows: files, or a query of a database."""

    file: Path | None = Field(default=None, description="A file, an address, or a pattern for several of one form.")
    format: Format | None = Field(default=None, description="The format; default: by the suffix of the file.")
    sheet: str | None = Field(default=None, description="Sheet of a workbook; default: the first one with rows.")
    header: int | None = Field(
        default=None, ge=0, le=1_000, description="Line of the header, from 1; 0: the file has none; default: found."
    )
    names: Texts = Field(default=(), description="Names of the columns, for a file without a header.")
    encoding: str | None = Field(default=None, description="Encoding of a CSV file; default: UTF-8, UTF-16 or UTF-32.")
    separator: str | None = Field(default=None, description="Separator of a CSV file; default: found.")
    quote: str | None = Field(default=None, min_length=1, max_length=1, description='Quote of a CSV file; default: ".')
    escape: str | None = Field(
        default=None, min_length=1, max_length=1, description="Character that escapes a quote; default: a second quote."
    )
    database: str | None = Field(default=None, description="Address of a database, such as postgresql://HOST/NAME.")
    database_env: str | None = Field(default=None, description="Environment variable with the address of a database.")
    query: str | None = Field(default=None, description="SELECT of the database; it needs an ORDER BY.")
    table: str | None = Field(default=None, description="Table of the database, instead of a query.")

    @field_validator("file", mode="wrap")
    @classmethod
    def _path_or_address(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return path_or_address(value, handler)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [name for name in ("file", "database", "database_env") if getattr(self, name) is not None]
        if len(places) != 1:
            msg = "a source needs one of file, database and database_env"
            raise ValueError(msg)
        if places == ["file"]:
            if self.query or self.table:
                msg = "query and table need a database"
                raise ValueError(msg)
            self.kind  # noqa: B018 - raises ValueError for an unknown suffix
        elif (self.query is None) == (self.table is None):
            msg = "a database needs one of query and table"
            raise ValueError(msg)
        elif self.query is not None and not re.search(r"(?i)\border\s+by\b", self.query):
            msg = "query needs an ORDER BY: the rows must have the same order in every run"
            raise ValueError(msg)
        if self.header == 0 and not self.names:
            msg = "a source without a header (header: 0) needs names"
            raise ValueError(msg)
        return self

    @property
    def kind(self) -> str:
        """The format: one of `Format`, or `sql`. ValueError if the suffix of the file is unknown."""
        if self.file is None:
            return "sql"
        if self.format is not None:
            return self.format
        suffixes = [suffix.lower() for suffix in self.file.suffixes]
        if suffixes and suffixes[-1] in {".gz", ".zst", ".zip"}:
            suffixes.pop()
        found = FORMATS.get(suffixes[-1] if suffixes else "")
        if found is None:
            msg = f"{self.file.name}: the format is unknown; add format: csv, workbook, jsonl, parquet or export"
            raise ValueError(msg)
        return found


Source = Annotated[SourceSpec, BeforeValidator(_as_source, json_schema_input_type=str | SourceSpec)]


class Lookup(Strict):
    """A table of two columns; `NAME(x)` in an expression returns the value for the key x."""

    source: Source | None = Field(default=None, description="File with the keys and values.")
    key: str | None = Field(default=None, description="Column of the file with the keys.")
    value: str | None = Field(default=None, description="Column of the file with the values.")
    values: dict[str, Cell] = Field(default_factory=dict, description="Keys and values, instead of a file.")
    missing: Literal["error", "blank", "keep"] = Field(
        default="error", description="Result for an unknown key: stop with its row, a blank, or the key itself."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.source is None) == (not self.values):
            msg = "a look-up needs one of source and values"
            raise ValueError(msg)
        if self.source is not None and not (self.key and self.value):
            msg = "a look-up with a source needs key and value"
            raise ValueError(msg)
        return self


class Join(Strict):
    """A second source; its columns are added to the rows."""

    source: Source = Field(description="The second source.")
    match: Sql = Field(description="SQL condition over `source` and the name of the join.")
    kind: Literal["left", "inner"] = Field(default="left", description="`inner`: rows without a partner are skipped.")
    many: bool = Field(default=False, description="A row may have several partners, and becomes several rows.")
    unused: Texts = Field(default=(), description="Columns of the second source that the step does not use.")


class Controls(Strict):
    """Control totals of a mapped step: counts of rows, and SQL aggregates over the mapped columns.

    The key `AGGREGATE by COLUMN` has a total for each value of the column.
    """

    rows: int | None = Field(default=None, ge=0)
    source_rows: int | None = Field(default=None, ge=0)
    totals: dict[str, Decimal | dict[str, Decimal]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Move every key that is not a count to `totals`."""
        if not isinstance(value, dict) or "totals" in value:
            return value
        counts = {key: value[key] for key in ("rows", "source_rows") if key in value}
        totals = {str(key): _decimals(found) for key, found in value.items() if key not in counts}
        return {**counts, "totals": totals}


def _decimals(value: Any) -> Any:
    """Return numbers as text, so that 0.1 stays 0.1; other values are returned unchanged."""
    if isinstance(value, dict):
        return {str(key): _decimals(found) for key, found in value.items()}
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class MappingKeys(Strict):
    """The keys of a step that has a source."""

    source: Source | None = Field(default=None, description="Legacy data, instead of a file in the import format.")
    columns: dict[str, Sql] = Field(default_factory=dict, description="SQL expression of each import column.")
    constants: dict[str, Cell] = Field(default_factory=dict, description="Import columns with one value for all rows.")
    where: Sql | None = Field(default=None, description="SQL condition; other rows are skipped and counted.")
    unused: Texts = Field(default=(), description="Source columns that the step does not use; `*` matches any text.")
    lookups: dict[str, Lookup] = Field(default_factory=dict, description="Tables that translate values.")
    joins: dict[str, Join] = Field(default_factory=dict, description="Further sources, by name.")
    unnest: dict[str, Sql] = Field(
        default_factory=dict, max_length=1, description="New column, and a SQL list: each element becomes a row."
    )
    group: Texts = Field(default=(), description="Expressions: rows with equal values become one record.")

    @field_validator("lookups", "joins", "unnest")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not NAME.fullmatch(name) or name in RESERVED:
                msg = f"the name {name!r} is invalid; use lower-case letters, digits and _, but not source"
                raise ValueError(msg)
        return value


MAPPING_KEYS = frozenset(MappingKeys.model_fields) - {"source"}
