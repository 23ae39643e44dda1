"""Define an export: its paths, its filters, its windows. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter

from bulkops_validators.model.contract import Form


class Kind(StrEnum):
    """The type of a filter's value."""

    TEXT = "text"
    INTEGER = "integer"
    SWITCH = "switch"
    INSTANT = "instant"
    CHOICE = "choice"
    LIST = "list"
    REPEATED = "repeated"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A query parameter; `name` is its long option without dashes.

    `known` are the words that a list may contain. With `blank_item` a blank between commas is an item of its own.
    """

    name: str
    parameter: str
    about: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    blank_item: bool = False
    required: bool = False
    default: str | None = None


@dataclass(frozen=True, kw_only=True)
class PathName:
    """A part of the path that is not an id of a target; `name` is its long option without dashes."""

    name: str
    about: str
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Window:
    """A pair of filters that bound a column, so that the export can be fetched piece by piece."""

    after: str
    before: str
    column: str
    by: str = "created"


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export. Of several paths the one that uses most of the given ids is taken.

    `id_filters` are query parameters filled from an id of the target where it is given. `columns` are those that the
    documentation names, between commas; blank where it names none. `all_rows` are filters, by option name, that are
    set where none is chosen: without a filter the API would return the last rows only. `deprecated` are those of the
    paths that the documentation calls so.
    """

    name: str
    title: str
    paths: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    path_names: tuple[PathName, ...] = ()
    id_filters: Mapping[str, str] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    all_rows: Mapping[str, str] = field(default_factory=dict)
    deprecated: tuple[str, ...] = ()
    columns: str = ""
    form: Form = Form.CSV
    notes: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The target's ids any of its paths or filters takes."""
        own = {p.name for p in self.path_names}
        names = [n for path in self.paths for n in placeholders(path) if n not in own]
        return tuple(dict.fromkeys([*names, *self.id_filters.values()]))

    def path(self, given: Mapping[str, object]) -> str:
        """Return the path that uses most of the given ids; LookupError names the missing ids."""
        fitting = [path for path in self.paths if all(n in given for n in placeholders(path))]
        if fitting:
            return max(fitting, key=lambda path: len(placeholders(path)))
        raise LookupError(*min(([n for n in placeholders(p) if n not in given] for p in self.paths), key=len))

    def used_ids(self, given: Mapping[str, object]) -> frozenset[str]:
        """Return the ids of the target that a request with the given ones uses; all it may use if some are missing."""
        try:
            path = self.path({**given, **{p.name: "" for p in self.path_names}})
        except LookupError:
            return frozenset(self.ids)
        return frozenset([*placeholders(path), *self.id_filters.values()])

    def filter(self, name: str) -> Filter:
        """Return the filter called `name`; KeyError if there is none."""
        return {f.name: f for f in self.filters}[name]


@dataclass(frozen=True, kw_only=True)
class ExportDetails:
    """The parts of a contract's export that its read-back does not state.

    A blank `title` means the title of the contract. The other fields are those of `Export`; windows and filters are
    added to the derived ones.
    """

    title: str = ""
    filters: tuple[Filter, ...] = ()
    windows: tuple[Window, ...] = ()
    all_rows: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def placeholders(path: str) -> tuple[str, ...]:
    """Return the names in braces, in order."""
    return tuple(name for _, name, _, _ in Formatter().parse(path) if name)
