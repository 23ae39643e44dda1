"""What a description says of one operation of the API, in whatever form it was written. Data only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{[^{}/]*\}")
Key = tuple[str, str]
"""A method and the shape of a path: its placeholders without names, since these differ."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter; `choices` are empty where the description lists none."""

    name: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """Limits that the text of an operation states; None where it states none."""

    recommended_bytes: int | None = None
    max_records: int | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class CellLimits:
    """Limits that a schema sets for a field."""

    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Described:
    """One operation. `columns` are the CSV columns that its text lists, each with whether it is called optional.

    `sample` is the header of its sample file, empty where there is none. `named` are all names that its texts mention.
    `parameters` are by folded name. `fields` are the limits that the schema of the response sets, by field.
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
        """What identifies the operation."""
        return self.method, path_shape(self.path)


@dataclass(frozen=True, kw_only=True)
class Description:
    """All operations of a description. `whole`: those that it lacks do not exist, since it is not a part of one.

    `states_deprecation` and `states_fields` say what its form can express.
    """

    source: str
    operations: Mapping[Key, Described]
    whole: bool
    version: str = ""
    states_details: bool = True


def path_shape(path: str) -> str:
    """Return a path with unnamed placeholders."""
    return _PLACEHOLDER.sub("{}", path)


def folded(name: str) -> str:
    """Return a name without case and underscores: SDKs write createdAfter as created_after."""
    return name.lower().replace("_", "").replace("-", "")
