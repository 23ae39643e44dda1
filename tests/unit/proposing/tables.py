"""Tables in memory for tests of proposals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bulkops.proposing.model import ProfiledTable, ProposedColumn, ProposedStep
from bulkops.proposing.tables import described
from bulkops.recipe_source import SourceSpec
from bulkops.sources.heading import distinct_names
from bulkops.sources.table import LegacyTable, SourcePart, text_frame


def table_of(columns: Mapping[str, Sequence[str]], name: str = "legacy.csv") -> ProfiledTable:
    """Return a table with columns of equal length."""
    return table_with(list(columns), list(zip(*columns.values(), strict=True)), name)


def table_with(headers: Sequence[str], rows: Sequence[Sequence[str]], name: str = "legacy.csv") -> ProfiledTable:
    """Return a table with headers, which may repeat, and rows."""
    names = distinct_names(headers)
    frame = text_frame(names, rows, range(2, len(rows) + 2), 0)
    opened = LegacyTable(columns=names, parts=(SourcePart(name=name),), frames=lambda: iter([frame]))
    return described(opened, SourceSpec(file=Path(name)), name)


def sources(step: ProposedStep) -> dict[str, str | None]:
    """Return the source column of each certain import column."""
    return {each.column: each.source for each in step.fields if each.sql is not None}


def field(step: ProposedStep, column: str) -> ProposedColumn:
    """Return the proposed mapping of an import column."""
    return next(each for each in step.fields if each.column == column)
