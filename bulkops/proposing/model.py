"""A proposal as data: the recognised facts of each table, their certainty, and the decisions for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bulkops.proposing.profile import TableProfile
from bulkops.proposing.words import Tool
from bulkops.recipe_source import SourceSpec


class MappingState(StrEnum):
    """How certain the mapping of an import column is."""

    CERTAIN = "certain"
    UNDECIDED = "undecided"  # there are several possibilities, or the values contradict the header
    MISSING = "missing"  # no source column seems to fill a required column


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A possible expression of an import column, and the reason for it."""

    source: str
    sql: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ProposedColumn:
    """The proposed mapping of an import column; `sql` is None unless it is certain.

    `assumed` is a part of the expression that the file cannot prove, such as the time zone.
    """

    column: str
    required: bool
    state: MappingState
    source: str | None = None
    sql: str | None = None
    why: str = ""
    assumed: str | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that the mapping uses or could use."""
        return tuple(
            dict.fromkeys([*([self.source] if self.source else []), *(each.source for each in self.candidates)])
        )


@dataclass(frozen=True, kw_only=True)
class ProfiledTable:
    """A table of a source: its specification, its contents, and the tool that probably wrote it."""

    spec: SourceSpec
    name: str
    columns: tuple[str, ...]
    profile: TableProfile
    meanings: Mapping[str, str]
    tool: Tool | None = None
    notes: tuple[str, ...] = ()
    uncertain_encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProposedStep:
    """The import of a table by one contract.

    `whole_file`: the file has the header of the import format; `ready`: its dates and numbers have the form, too.
    `others` are further contracts that the table may belong to; `certain`: none of them is as likely. `unused` maps
    source columns to their probable meanings.
    """

    table: ProfiledTable
    contract: str
    certain: bool
    others: tuple[str, ...]
    fields: tuple[ProposedColumn, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    hints: tuple[str, ...] = ()
    whole_file: bool = False
    ready: bool = False
    totals: Mapping[str, str] = field(default_factory=dict)

    @property
    def undecided_columns(self) -> tuple[ProposedColumn, ...]:
        """The import columns that a person has to decide about; none if the file is imported unchanged."""
        return () if self.ready else tuple(each for each in self.fields if each.state is not MappingState.CERTAIN)

    @property
    def open_sources(self) -> tuple[str, ...]:
        """The source columns that are used only by undecided import columns."""
        used = {each.source for each in self.fields if each.state is MappingState.CERTAIN}
        return tuple(
            dict.fromkeys(name for each in self.undecided_columns for name in each.sources if name not in used)
        )


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The steps for all tables in the order in which they must run, and the tables that fit no contract."""

    steps: Sequence[ProposedStep]
    unknown: Sequence[ProfiledTable]

    @property
    def decisions(self) -> int:
        """The number of things that a person has to decide."""
        return sum(
            len(step.undecided_columns) + (not step.certain) + (step.table.uncertain_encoding is not None)
            for step in self.steps
        )
