"""What a contract is: columns, limits, routes and how the rows are read back. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from string import Formatter

from bulkops_validators.model.cells import Cell


class Mode(StrEnum):
    """What an import does to what is there already."""

    CREATE = "create"
    APPEND = "append"
    UPSERT = "upsert"
    REPLACE = "replace"

    @property
    def splittable(self) -> bool:
        """Whether a file may go in several requests: never where the last one would replace the others."""
        return self is not Mode.REPLACE

    @property
    def resend_is_safe(self) -> bool:
        """Whether sending the same records again leaves the same end state."""
        return self in {Mode.UPSERT, Mode.REPLACE}


class Reference(StrEnum):
    """What of the account a filled cell names."""

    TIER = "tier"
    SUBLEDGER = "subledger"
    STORE = "store"
    PROFILE = "profile"  # a customer profile that must exist before the import


class ProgramKind(StrEnum):
    """What a loyalty program keeps its points on."""

    PROFILES = "profile-based"
    CARDS = "card-based"


class Comparison(StrEnum):
    """How a sent value and a value read back are made comparable."""

    EXACT = "exact"
    CODE = "code"  # folded as the application folds codes
    INSTANT = "instant"  # instants in UTC, to the second; literal words as they are
    DECIMAL = "decimal"
    JSON = "json"
    ID_SET = "id set"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an import file.

    `default` is what the server takes a blank cell for. `sources` names, per constraint
    (`required`, `type`, `min_length`, …), the official text it comes from. `codes` gives a
    constraint a rule of its own instead of the general one. `names` is what of the account a filled cell
    names; a cell may be filled only in a program of the kind `program`, if one is given.
    constraint a rule of its own instead of the general one. `earlier_names` are names that earlier
    releases of the API had for the column: a file may have the column under any one of its names.
    `recommended`: not documented as optional, although an import without it is not known to fail.
    """

    name: str
    cell: Cell
    about: str
    required: bool = False
    recommended: bool = False
    earlier_names: tuple[str, ...] = ()
    default: str | None = None
    example: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    names: Reference | None = None
    program: ProgramKind | None = None


@dataclass(frozen=True, kw_only=True)
class Requires:
    """What the target of an import must be, and the official text that says so.

    `feature` is a feature of the campaign, `program` the kind of the loyalty program.
    """

    feature: str | None = None
    program: ProgramKind | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Unique:
    """Columns whose combined value may stand only once in a file.

    `certain` says that the server would refuse or misread a repetition, which makes it an error.
    """

    columns: tuple[str, ...]
    certain: bool
    source: str
    code: str = "UNQ101"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """A start column that must lie before an end column, where both are instants."""

    start: str
    end: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Exclusive:
    """Columns of which a record may fill at most one; exactly one, the same throughout, if `whole_file`."""

    columns: tuple[str, ...]
    source: str
    whole_file: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large one request may be. Records do not count the header.

    `max_bytes` is the most that bulkops sends; `recommended_bytes` is what the API's documentation recommends,
    None where it says nothing. `source` names the text that states the limits.
    """

    max_bytes: int = 500_000_000
    recommended_bytes: int | None = None
    max_records: int | None = None
    chunk_records: int | None = None  # a prudent chunk where the server's time limit binds before max_records
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class QueryOption:
    """Something about the import that the caller may set; `name` is its long option without dashes.

    It sets the query parameter `parameter`, or the name under which the column `column` is sent.
    """

    name: str
    parameter: str | None = None
    column: str | None = None
    about: str
    choices: tuple[str, ...] | None = None  # None: a switch
    default: str | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadColumn:
    """Where an import column is found again.

    `earlier` are the earlier names of the import column, as `Column.earlier_names`. `found` are the names it may have
    in the read-back, first match wins. `blank_equals` are the read-back values that a blank cell may turn into; with
    `blank_unknown` the documentation does not say what a blank turns into, and it is not compared. Nor is the column
    compared where `unless_filled` is filled or, if `optional`, where the read-back does not have it.
    """

    column: str
    found: tuple[str, ...]
    earlier: tuple[str, ...] = ()
    compare: Comparison = Comparison.EXACT
    blank_equals: tuple[str, ...] = ("",)
    blank_unknown: bool = False
    unless_filled: str | None = None
    optional: bool = False


class Form(StrEnum):
    """How read-back rows arrive."""

    CSV = "csv"
    PAGES = "pages"  # JSON pages with `data` and `hasMore`, fetched by `pageSize` and `skip`


@dataclass(frozen=True, kw_only=True)
class Readback:
    """One endpoint that shows the imported rows again.

    Values of `query` are templates over the target's ids, or `{option}` of the import's query options.
    `key` are the import columns that name a row; with `multiset`, equal rows are legal and counted.
    `import_id` is the read-back column that holds the id of the import; `after`/`before` are the query
    parameters that bound when a row was created.
    `own_columns` are documented columns that an import file never has: without one of them a file is no export.
    `shown_ids` names, for an id of the target, the column that shows it in every row.
    """

    operation: str
    path: str
    columns: tuple[ReadColumn, ...]
    key: tuple[str, ...]
    form: Form = Form.CSV
    query: Mapping[str, str] = field(default_factory=dict)
    multiset: bool = False
    import_id: str | None = None
    created: str | None = None
    after: str | None = None
    before: str | None = None
    page_size: int = 1000
    case_setting: tuple[str, str] | None = None  # path and field that say how codes are folded
    case_operation: str = ""  # the operation of that path
    own_columns: tuple[str, ...] = ()
    shown_ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def found_names(self) -> frozenset[str]:
        """The names that its columns may have, in lower case."""
        return frozenset(name.lower() for column in self.columns for name in column.found)

    @property
    def fixed_ids(self) -> tuple[str, ...]:
        """The ids of the target in its path: all rows are of these. Those of the query only select rows."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where an import goes: one endpoint. Path fields are ids of the target."""

    operation: str
    path: str
    success: int = 200
    readback: Readback | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids the path needs, in order."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The whole truth about one import."""

    name: str
    model_name: str
    title: str
    mode: Mode
    effect: str
    columns: tuple[Column, ...]
    routes: tuple[Route, ...]
    limits: Limits
    source: str
    unique: tuple[Unique, ...] = ()
    ordered: tuple[Ordered, ...] = ()
    exclusive: tuple[Exclusive, ...] = ()
    options: tuple[QueryOption, ...] = ()
    timeout_seconds: float | None = None  # the server's own documented limit
    evidence: str = ""  # in words: what settles a doubt, and what cannot be known
    duplicate_option: str | None = None  # the option that makes the server skip what it already has
    notes: tuple[str, ...] = ()
    requires: Requires = Requires()

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in documented order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def header_names(self) -> Mapping[str, str]:
        """The column that each documented name in a header means, earlier names included."""
        return {name: column.name for column in self.columns for name in (column.name, *column.earlier_names)}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The query parameter that each option sets, by the option's name; options of columns set none."""
        return {option.name: option.parameter for option in self.options if option.parameter is not None}

    def sent_names(self, options: Mapping[str, str]) -> dict[str, str]:
        """Return the names of a header that are sent as another name, by the options that were chosen."""
        return {
            written: options[option.name]
            for option in self.options
            if option.column is not None and option.name in options
            for written, column in self.header_names.items()
            if column == option.column and written != options[option.name]
        }

    @property
    def required_names(self) -> tuple[str, ...]:
        """The names of the columns every file must have."""
        return tuple(column.name for column in self.columns if column.required)

    def route(self, ids: Mapping[str, int]) -> Route:
        """Return the route that uses the most of the given ids; LookupError names what is missing."""
        fitting = [route for route in self.routes if all(name in ids for name in route.ids)]
        if fitting:
            return max(fitting, key=lambda route: len(route.ids))
        missing = min(([n for n in route.ids if n not in ids] for route in self.routes), key=len)
        raise LookupError(*missing)
