"""Turn the mapping of a step into SQL, and check it against the columns of its sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bulkops.mapping.expressions import Expression, MappingError, known_functions, parsed
from bulkops.mapping.staging import ROW
from bulkops.recipe import Step
from bulkops.sources.table import LINE, PART
from bulkops.sql import quoted
from bulkops.wording import guess

SOURCE, LISTED, ELEMENT = "source", "listed", "_element"


@dataclass(frozen=True, kw_only=True)
class StepMapping:
    """The checked expressions of a step over the columns of its sources.

    `tables` has the columns of `source` and of each join.
    """

    step: Step
    tables: Mapping[str, Sequence[str]]
    columns: tuple[Expression, ...]
    where: Expression | None
    joins: Mapping[str, Expression]
    unnest: Expression | None
    group: tuple[Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All expressions of the step."""
        single = (each for each in (self.where, self.unnest) if each is not None)
        return (*self.columns, *single, *self.joins.values(), *self.group)

    @property
    def in_order(self) -> bool:
        """Whether each row gives at most one record in the order of the source, without a sort."""
        changed = self.joins or self.unnest or self.group or self.step.lookups
        return not changed and not any(each.windows for each in self.expressions)

    @property
    def alone(self) -> bool:
        """Whether one thread must run the query, because the result could depend on the order of the rows."""
        return bool(self.group) or any(each.windows for each in self.expressions)

    def from_clause(self) -> str:
        """Return the FROM clause over the views of the sources."""
        clause = f"FROM {SOURCE}"
        for name, match in self.joins.items():
            kind = "LEFT JOIN" if self.step.joins[name].kind == "left" else "JOIN"
            clause += f" {kind} {quoted(name)} ON ({match.sql}\n)"
        return clause

    def unnest_clause(self) -> str:
        """Return the part of the FROM clause that turns the elements of a list into rows."""
        if self.unnest is None:
            return ""
        (name,) = self.step.unnest
        sql = f"({self.unnest.sql}\n)"
        return (
            f", LATERAL (SELECT unnest({sql}) AS {quoted(name)}, generate_subscripts({sql}, 1) AS {ELEMENT}) {LISTED}"
        )

    def where_clause(self) -> str:
        """Return the WHERE clause, or nothing."""
        return "" if self.where is None else f" WHERE ({self.where.sql}\n)"

    def group_clause(self) -> str:
        """Return the GROUP BY clause, or nothing."""
        return f" GROUP BY {', '.join(f'({each.sql}' + chr(10) + ')' for each in self.group)}" if self.group else ""

    def rows_clause(self) -> str:
        """Return everything that follows the SELECT list, without an order."""
        return f"{self.from_clause()}{self.unnest_clause()}{self.where_clause()}{self.group_clause()}"

    def order_clause(self) -> str:
        """Return the ORDER BY clause that follows the source."""
        if self.group:
            return f" ORDER BY min({SOURCE}.{ROW})"
        keys = [f"{SOURCE}.{ROW}", *(f"{quoted(name)}.{ROW}" for name in self.joins)]
        return f" ORDER BY {', '.join(keys + [f'{LISTED}.{ELEMENT}'] * (self.unnest is not None))}"

    def origin_columns(self) -> str:
        """Return the SELECT list of the origin; a group has a list of all its rows."""
        if not self.group:
            return f"{SOURCE}.{PART}, {SOURCE}.{LINE}, {SOURCE}.{ROW}"
        rows = f"list(struct_pack(p := {SOURCE}.{PART}, l := {SOURCE}.{LINE}) ORDER BY {SOURCE}.{ROW})"
        first = ", ".join(f"arg_min({SOURCE}.{name}, {SOURCE}.{ROW}) AS {name}" for name in (PART, LINE))
        return f"{first}, min({SOURCE}.{ROW}) AS {ROW}, {rows} AS _rows"


def mapping_of(step: Step, tables: Mapping[str, Sequence[str]]) -> StepMapping:
    """Return the mapping of a step with parsed expressions; MappingError names the key that is wrong."""
    names = [name for columns in tables.values() for name in columns] + list(step.unnest)

    def read(key: str, sql: str) -> Expression:
        return parsed(key, sql, names)

    if taken := sorted(set(step.lookups) & known_functions()):
        raise MappingError(f"lookups.{taken[0]}", "a function of SQL has this name.", hint="Choose another name.")
    mapping = StepMapping(
        step=step,
        tables=tables,
        columns=tuple(read(f"columns.{name}", sql) for name, sql in step.columns.items()),
        where=read("where", step.where) if step.where is not None else None,
        joins={name: read(f"joins.{name}.match", join.match) for name, join in step.joins.items()},
        unnest=next((read(f"unnest.{name}", sql) for name, sql in step.unnest.items()), None),
        group=tuple(read("group", sql) for sql in step.group),
    )
    _check_aggregates(mapping)
    return mapping


def _check_aggregates(mapping: StepMapping) -> None:
    allowed = mapping.columns if mapping.group else ()
    for each in mapping.expressions:
        if each.aggregates and not each.windows and each not in allowed:
            raise MappingError(
                each.key, f"{min(each.aggregates)} needs rows that are grouped.", hint="Add group: to the step."
            )


def refuse_unused(mapping: StepMapping) -> None:
    """Raise MappingError for a source column that is neither used nor listed as unused, or listed and unknown."""
    used = set(_used(mapping))
    for table, columns in mapping.tables.items():
        unused = mapping.step.unused if table == SOURCE else mapping.step.joins[table].unused
        key = "unused" if table == SOURCE else f"joins.{table}.unused"
        for pattern in unused:
            if "*" not in pattern and pattern not in columns:
                raise MappingError(key, f"the source has no column {pattern!r}.", hint=guess(pattern, columns))
        left = [name for name in columns if (table, name.lower()) not in used and not _is_listed(name, unused)]
        if left:
            raise MappingError(
                key,
                f"the step does not use {len(left)} of the columns of {table}: {', '.join(left)}.",
                hint=f"Use them in an expression, or list them under `{key}:`.",
            )


def _is_listed(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern is the name of a column, or contains a * and matches the name."""
    return any(name == pattern or ("*" in pattern and fnmatchcase(name, pattern)) for pattern in patterns)


def _used(mapping: StepMapping) -> Iterator[tuple[str, str]]:
    """Yield the table and the name, in lower case, of each column that an expression refers to."""
    known = {table: {name.lower() for name in columns} for table, columns in mapping.tables.items()}
    for name in {name for each in mapping.expressions for name in each.names}:
        if len(name) > 1 and name[0] in known and name[1] in known[name[0]]:
            yield name[0], name[1]
        else:
            yield from ((table, name[0]) for table, columns in known.items() if name[0] in columns)
