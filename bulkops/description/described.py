"""The content of a description for one operation of the API, independent of its file format. Data only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{[^{}/]*\}")
Key = tuple[str, str]
"""A method, and a path with unnamed placeholders, since the names of placeholders differ."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter; `choices` are empty if the description lists none."""

    name: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """Limits that the text of an operation states; None if it states none."""

    recommended_bytes: int | None = None
    max_records: int | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class CellLimits:
    """Limits that a schema sets for a field."""

    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class DescribedOperation:
    """One operation of the API.

    `columns` are the CSV columns that its text lists, each with `required`, `optional` or blank. `sample` is the
    header of its sample file; empty without one. `named` are all names that its texts mention. `parameters` are
    indexed by folded name. `fields` are the limits of the response schema, by field.
    """

    name: str
    method: str
    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    sample: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    limits: TextLimits = TextLimits()
    fields: Mapping[str, CellLimits] = field(default_factory=dict)
    deprecated: bool = False

    @property
    def key(self) -> Key:
        """The method and path that identify the operation."""
        return self.method, path_shape(self.path)


@dataclass(frozen=True, kw_only=True)
class Description:
    """All operations of a description.

    `whole`: it is a complete description, so an operation that it lacks does not exist. `states_details`: its format
    can express choices, field lengths and deprecations.
    """

    source: str
    operations: Mapping[Key, DescribedOperation]
    whole: bool
    version: str = ""
    states_details: bool = True


def path_shape(path: str) -> str:
    """Return a path with unnamed placeholders."""
    return _PLACEHOLDER.sub("{}", path)


def folded(name: str) -> str:
    """Return a name in lower case without underscores and hyphens: SDKs write createdAfter as created_after."""
    return name.lower().replace("_", "").replace("-", "")
