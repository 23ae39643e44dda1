"""The types of a contract: columns, limits, routes and read-backs. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from string import Formatter

from bulkops_validators.model.cells import Cell, Number


class Mode(StrEnum):
    """How an import treats existing data."""

    CREATE = "create"
    APPEND = "append"
    UPSERT = "upsert"
    REPLACE = "replace"

    @property
    def splittable(self) -> bool:
        """Whether a file may be sent in several requests; in mode `replace` the last one would replace the others."""
        return self is not Mode.REPLACE

    @property
    def resend_is_safe(self) -> bool:
        """Whether sending the same records again leaves the same end state."""
        return self in {Mode.UPSERT, Mode.REPLACE}


class Reference(StrEnum):
    """The kind of entity of the account that a filled cell refers to."""

    TIER = "tier"
    SUBLEDGER = "subledger"
    STORE = "store"
    PROFILE = "profile"  # a customer profile that must exist before the import


class ProgramKind(StrEnum):
    """Whether a loyalty program keeps its points on customer profiles or on cards."""

    PROFILES = "profile-based"
    CARDS = "card-based"


class Comparison(StrEnum):
    """How to compare a sent value with a value that was read back."""

    EXACT = "exact"
    CODE = "code"  # with the case sensitivity of the application
    INSTANT = "instant"  # instants in UTC with a precision of 1 s; literal words unchanged
    DECIMAL = "decimal"
    JSON = "json"
    ID_SET = "id set"


@dataclass(frozen=True, kw_only=True)
class CreatedBy:
    """The column of another import that creates the entities of a cell.

    Both imports concern the same entities if their targets have the same `ids`.
    """

    contract: str
    column: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an import file.

    `default` describes the value that the server uses for a blank cell. `sources` maps each constraint (`required`,
    `type`, `min_length`, …) to the official text that states it. `codes` maps a constraint to the code of a special
    rule that replaces the general one. `names` is the kind of entity that a filled cell refers to, and `created_by` the
    import that creates such entities. If `program` is set, a cell may be filled only for a program of that kind.
    `earlier_names` are the names of the column in earlier releases of the API; a file may use any one of the names.
    `recommended`: the documentation does not call the column optional, but an import without it is not known to fail.
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
    created_by: CreatedBy | None = None
    program: ProgramKind | None = None


@dataclass(frozen=True, kw_only=True)
class Requires:
    """The requirements for the target of an import, and the official text that states them.

    `feature` is a feature of the campaign, `program` the kind of the loyalty program.
    """

    feature: str | None = None
    program: ProgramKind | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Unique:
    """Columns that together form a key: a file may contain each combination of values once.

    `certain`: the server is known to reject or misread a repetition, so a repetition is an error, not a warning.
    """

    columns: tuple[str, ...]
    certain: bool
    source: str
    code: str = "UNQ101"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """A start column that must be before an end column if both are instants."""

    start: str
    end: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Exclusive:
    """A group of columns: a record may fill one at most. `whole_file`: all records must fill the same one."""

    columns: tuple[str, ...]
    source: str
    whole_file: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The maximum size of one request. The header is not counted as a record.

    `max_bytes` is the maximum that bulkops sends. `recommended_bytes` is the maximum in the API's documentation; None
    if it recommends nothing. `source` names the text that states the limits.
    """

    max_bytes: int = 500_000_000
    recommended_bytes: int | None = None
    max_records: int | None = None
    chunk_records: int | None = None  # a smaller chunk if the server's time limit is reached before max_records
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class QueryOption:
    """An option of the import; `name` is the long option without dashes.

    The option sets the query parameter `parameter`, or the header name with which the column `column` is sent.
    `when_copied` is the value for rows that come from another deployment, where it differs from the default.
    """

    name: str
    parameter: str | None = None
    column: str | None = None
    about: str
    choices: tuple[str, ...] | None = None  # None: a switch
    default: str | None = None
    when_copied: str | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadColumn:
    """How to find an import column in the read-back.

    `earlier` contains the earlier names of the import column, like `Column.earlier_names`. `found` contains its names
    in the read-back; the first match counts. `blank_equals` contains the read-back values that match a blank
    cell. `blank_unknown`: the documentation does not describe the value of a blank cell, so blank cells are not
    compared. The column is also not compared if the column `unless_filled` is filled, or if it is `optional` and the
    read-back does not have it.
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
    """The format of a read-back."""

    CSV = "csv"
    PAGES = "pages"  # JSON pages with `data` and `hasMore`, fetched by `pageSize` and `skip`


@dataclass(frozen=True, kw_only=True)
class UsageLimit:
    """A limit of a row and the column of the read-back that shows how much of it is used, by their names there.

    A limit in `unlimited` is none; a blank limit is the default of the import column.
    """

    column: str
    used: str
    unlimited: tuple[str, ...] = ("", "0")


@dataclass(frozen=True, kw_only=True)
class BalanceExport:
    """The export of the balances of a program: the open amounts of each owner must have these sums.

    `column` is the import column of the owner; the other names are columns of the export.
    """

    operation: str
    path: str
    column: str
    owner: str
    subledger: str = "loyaltySubledger"
    current: str = "currentBalance"
    pending: str = "pendingBalance"


@dataclass(frozen=True, kw_only=True)
class OpenAmounts:
    """How bookings become the amounts that are still open.

    The names are columns of the read-back; `addition` and `subtraction` are the values of the column `kind`, and
    `waiting` the start of an amount that waits for its activation, so that `duration` is still a duration.
    """

    balances: Mapping[ProgramKind, BalanceExport]
    kind: str = "type"
    addition: str = "addition"
    subtraction: str = "subtraction"
    number: str = "id"
    duration: str = "validityDuration"
    waiting: str = "on_action"


@dataclass(frozen=True, kw_only=True)
class Readback:
    """One endpoint that returns the imported rows.

    Values of `query` are templates over the target's ids, or `{option}` of the import's query options.
    `key` contains the import columns that identify a row; with `multiset`, equal rows are valid and counted.
    `import_id` is the read-back column with the id of the import. `after` and `before` are the query parameters
    that limit the creation time of the rows.
    `own_columns` are documented columns that an import file never has: a file that has none of them is not an export.
    `other_columns` are further documented columns; no comparison reads them.
    `shown_ids` names, for an id of the target, the column that shows it in every row.
    The other fields describe how its rows become records of an import file again: rows for which the column `spent`
    is true are left out, `usage` are limits that may be partly used, `lost_columns` are columns with content that an
    import cannot set, and with `open_amounts` the rows are bookings, and the records are the amounts still open.
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
    case_setting: tuple[str, str] | None = None  # path and field of the case sensitivity of codes
    case_operation: str = ""  # the operation of that path
    own_columns: tuple[str, ...] = ()
    other_columns: tuple[str, ...] = ()
    shown_ids: Mapping[str, str] = field(default_factory=dict)
    spent: str | None = None
    usage: tuple[UsageLimit, ...] = ()
    lost_columns: tuple[str, ...] = ()
    open_amounts: OpenAmounts | None = None

    @property
    def found_names(self) -> frozenset[str]:
        """The possible names of its columns, in lower case."""
        return frozenset(name.lower() for column in self.columns for name in column.found)

    @property
    def documented_columns(self) -> tuple[str, ...]:
        """The columns that the documentation names, without repetition; of several names of a column the newest."""
        read = (column.found[0] for column in self.columns)
        return tuple(dict.fromkeys((*read, *self.own_columns, *self.other_columns)))

    @property
    def fixed_ids(self) -> tuple[str, ...]:
        """The ids of the target in its path: all rows belong to them. Ids in the query only select rows."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)


@dataclass(frozen=True, kw_only=True)
class KeySearch:
    """A list of the API that shows whether a code or a card exists.

    `what` describes the keys and the list in messages. `column` is the import column; the filter of the list and the
    field of its items have the same name. A value with fewer than `shortest` characters cannot be searched. With
    `must_exist` the import needs an existing key; without it the import creates the key.
    """

    what: str
    operation: str
    path: str
    column: str
    shortest: int = 1
    must_exist: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """One endpoint of an import. The fields of `path` are ids of the target."""

    operation: str
    path: str
    success: int = 200
    readback: Readback | None = None
    search: KeySearch | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in the path, in order."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)


@dataclass(frozen=True, kw_only=True)
class BatchDeletion:
    """The endpoint that deletes all rows of a batch with one request.

    `column` is the column of the read-back with the batch, `parameter` the filter that selects it, and `unused` the
    filters that keep rows in use.
    """

    operation: str
    path: str
    column: str
    parameter: str
    unused: Mapping[str, bool]


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """How the API deletes the rows that an import created, one by one or by their batch.

    `path` has the field `row` beside the ids of the target: the value of the column `row` of the read-back. A row with
    a count in the column `used`, or with a balance in `balances`, is in use; `used_word` names that state in messages.
    """

    operation: str
    path: str
    row: str
    used_word: str
    used: str | None = None
    balances: BalanceExport | None = None
    batch: BatchDeletion | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnerDeduction:
    """The endpoints that deduct points from one owner and list its transactions; `owner` is a field of both paths."""

    operation: str
    path: str
    history_operation: str
    history: str


@dataclass(frozen=True, kw_only=True)
class Deduction:
    """How the API takes back the points that an import added: only active points, from one owner at a time."""

    owners: Mapping[ProgramKind, OwnerDeduction]
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The description of one import.

    `follows` are the contracts with imports that create the objects its rows refer to, or would change its rows.
    `may_change`: the import may change a row that exists, although its mode is `create`. `undo`
    describes how the API removes what an import created; without it, an undo imports the saved rows again. `no_undo`
    says why bulkops cannot undo an import at all.
    """

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
    evidence: str = ""  # in words: how to settle a chunk in doubt, and the limits of that evidence
    duplicate_option: str | None = None  # the option that makes the server skip records that it already has
    notes: tuple[str, ...] = ()
    requires: Requires = Requires()
    follows: tuple[str, ...] = ()
    may_change: bool = False
    undo: Deletion | Deduction | None = None
    no_undo: str = ""

    def column(self, name: str) -> Column:
        """Return the column called `name`; raise KeyError if it does not exist."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def changes_rows(self) -> bool:
        """Whether an import may change single rows that exist: their state before it is the way back."""
        return self.mode is Mode.UPSERT or self.may_change

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in documented order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def header_names(self) -> Mapping[str, str]:
        """The current name of each documented header name, earlier names included."""
        return {name: column.name for column in self.columns for name in (column.name, *column.earlier_names)}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The query parameter that each option sets, by the option's name; options of columns are left out."""
        return {option.name: option.parameter for option in self.options if option.parameter is not None}

    def sent_names(self, options: Mapping[str, str]) -> dict[str, str]:
        """Return the header names to replace in requests, mapped to the names to send, for the given options."""
        return {
            written: options[option.name]
            for option in self.options
            if option.column is not None and option.name in options
            for written, column in self.header_names.items()
            if column == option.column and written != options[option.name]
        }

    @property
    def amount_column(self) -> str | None:
        """The column of amounts that an import adds to balances; None if the import adds no amounts."""
        if self.mode is not Mode.APPEND:
            return None
        return next((column.name for column in self.columns if isinstance(column.cell, Number)), None)

    @property
    def subledger_column(self) -> str | None:
        """The column of subledgers; None if the import has none."""
        return next((column.name for column in self.columns if column.names is Reference.SUBLEDGER), None)

    @property
    def required_names(self) -> tuple[str, ...]:
        """The names of the columns that every file must have."""
        return tuple(column.name for column in self.columns if column.required)

    def has_plain_header(self, header: bytes) -> bool:
        """Return whether a header has documented names only, each once, and all required ones.

        Such a header has no error. Other headers may have none either, which only validation shows.
        """
        fields = header.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace").split(",")
        names = [field[1:-1] if field[:1] == field[-1:] == '"' else field for field in fields]
        required: list[tuple[str, ...]] = [(name,) for name in self.required_names]
        required += [exclusive.columns for exclusive in self.exclusive if exclusive.whole_file]
        known = len(set(names)) == len(names) and set(names) <= set(self.column_names)
        return known and all(set(names).intersection(columns) for columns in required)

    def route(self, ids: Mapping[str, int]) -> Route:
        """Return the route that uses the most of the given ids; raise LookupError with the missing ids if none fits."""
        fitting = [route for route in self.routes if all(name in ids for name in route.ids)]
        if fitting:
            return max(fitting, key=lambda route: len(route.ids))
        missing = min(([n for n in route.ids if n not in ids] for route in self.routes), key=len)
        raise LookupError(*missing)
