"""Show the first records of a mapped step beside their source rows, without mapping the whole source."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

from collections.abc import Mapping
from dataclasses import dataclass

from bulkops.mapping.engine import Engine, bound, located
from bulkops.mapping.mapped import Workspace, expose, specs_of
from bulkops.mapping.query import SOURCE, mapping_of, refuse_unused
from bulkops.mapping.staging import ROW
from bulkops.origins import SourceOrigin
from bulkops.recipe import Step
from bulkops.sources.table import LINE, PART
from bulkops.sql import quoted

READ = 1_000
"""Minimum number of source rows that are read for the first records."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A record and the cells of its source row that the step uses."""

    origin: SourceOrigin
    source: Mapping[str, str | None]
    mapped: Mapping[str, str | None]


def first_pairs(step: Step, count: int, space: Workspace) -> list[Pair]:
    """Return the first records of a step, each with its first source row. Errors as for `map_step`."""
    staged = {
        name: space.staged(spec, most=max(READ, 50 * count) if name == SOURCE else None)
        for name, spec in specs_of(step).items()
    }
    tables = {name.removeprefix("joins."): table.columns for name, table in staged.items() if "lookups." not in name}
    mapping = mapping_of(step, tables)
    source = staged[SOURCE]
    names = step.mapped_columns
    used = [name for name in source.columns if name.lower() in _used(mapping.expressions)]
    with Engine(space.folder, threads=1) as engine:
        expose(engine, step, staged)
        texts = bound(engine, mapping)
        refuse_unused(mapping)
        cells = ", ".join(f"{text} AS {quoted(name)}" for name, text in zip(names, texts, strict=True))
        rows = (
            f"SELECT {cells}, {mapping.origin_columns()} {mapping.rows_clause()}{mapping.order_clause()} LIMIT {count}"
        )
        with located(engine, mapping, source):
            found = engine.run(f"SELECT {', '.join(map(quoted, names))}, {PART}, {LINE}, {ROW} FROM ({rows})")
        pairs = []
        for *values, part, line, row in found:
            shown = engine.run(f"SELECT {', '.join(map(quoted, used)) or '1'} FROM {SOURCE} WHERE {ROW} = {row}")[0]
            place = source.parts[part]
            origin = SourceOrigin(file=place.name, sheet=place.sheet, unit=place.unit, line=line)
            mapped = dict(zip(names, values, strict=True))
            pairs.append(Pair(origin=origin, source=dict(zip(used, shown, strict=bool(used))), mapped=mapped))
    return pairs


def _used(expressions: object) -> set[str]:
    """Return the last part of every column name in expressions, in lower case."""
    return {part for each in expressions for name in each.names for part in name}  # type: ignore[attr-defined]
