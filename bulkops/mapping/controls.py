"""Compare a mapped file with the control totals of its step, computed from the written file alone."""
# ruff: noqa: S608 - checked expressions and quoted names enter the SQL

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from bulkops.errors import DataError
from bulkops.mapping.engine import Engine
from bulkops.mapping.expressions import MappingError, parsed
from bulkops.recipe import Step
from bulkops.sql import literal, quoted
from bulkops_validators import CONTRACTS
from bulkops_validators.model.cells import Integer, Number

_BY = re.compile(r"(?i)^(?P<sql>.*\S)\s+by\s+(?P<column>\S+)$")
MAPPED = "mapped"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control total: its name, the expected value and the found one; `group` is a value of a column."""

    name: str
    expected: Decimal
    found: Decimal | None
    group: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether both values are equal."""
        return self.found is not None and self.expected == self.found

    def __str__(self) -> str:
        """Return the total in words."""
        what = self.name if self.group is None else f"{self.name} {self.group!r}"
        found = "nothing" if self.found is None else f"{self.found.normalize():f}"
        return f"{what}: expected {self.expected.normalize():f}, found {found}"


def check_controls(step: Step, engine: Engine, mapped: Path, *, source_rows: int, records: int) -> tuple[Control, ...]:
    """Return the control totals of a mapped file; MappingError if one is not an aggregate of its columns."""
    controls = step.controls
    if controls is None:
        return ()
    found = []
    for name, expected, value in (("source_rows", controls.source_rows, source_rows), ("rows", controls.rows, records)):
        if expected is not None:
            found.append(Control(name=name, expected=Decimal(expected), found=Decimal(value)))
    if controls.totals:
        _expose(step, engine, mapped)
    for name, total in controls.totals.items():
        found.extend(_totals(step, engine, name, total))
    return tuple(found)


def sums_of(step: Step, engine: Engine, mapped: Path) -> dict[str, Decimal]:
    """Return the amounts of a mapped file by subledger, the main ledger as a blank name; nothing without amounts."""
    contract = CONTRACTS[step.contract]
    amount, subledger = contract.amount_column, contract.subledger_column
    names = {contract.header_names[name]: name for name in step.mapped_columns}
    if amount is None or amount not in names:
        return {}
    _expose(step, engine, mapped)
    ledger = f"coalesce({quoted(names[subledger])}, '')" if subledger in names else "''"
    rows = engine.run(f"SELECT {ledger}, sum({quoted(names[amount])})::VARCHAR FROM {MAPPED} GROUP BY 1 ORDER BY 1")
    return {name: Decimal(total or 0) for name, total in rows}


def refuse_other_totals(place: str, controls: tuple[Control, ...]) -> None:
    """Raise DataError if a control total differs."""
    wrong = [str(control) for control in controls if not control.agrees]
    if wrong:
        raise DataError(
            f"{place}: the control totals differ: {'; '.join(wrong)}. Nothing was sent.",
            hint="Check the source and the mapping; correct `expect:` only if the expected value itself is wrong.",
        )


def _expose(step: Step, engine: Engine, mapped: Path) -> None:
    """Create the view of the mapped file, with numbers as decimals and other columns as text."""
    contract = CONTRACTS[step.contract]
    texts = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in step.mapped_columns)
    columns = ", ".join(
        f"TRY_CAST({quoted(name)} AS DECIMAL(38, 9)) AS {quoted(name)}"
        if isinstance(contract.column(contract.header_names[name]).cell, Integer | Number)
        else f"nullif({quoted(name)}, '') AS {quoted(name)}"
        for name in step.mapped_columns
    )
    form = "header = true, delim = ',', quote = '\"', escape = '\"'"
    read = f"read_csv({literal(str(mapped))}, {form}, columns = {{{texts}}})"
    engine.run(f"CREATE OR REPLACE TEMP VIEW {MAPPED} AS SELECT {columns} FROM {read}")


def _totals(step: Step, engine: Engine, name: str, total: Decimal | dict[str, Decimal]) -> Iterator[Control]:
    """Yield a total, or one for each value of a column."""
    by = _BY.match(name)
    sql = by["sql"] if by else name
    key = f"expect.{name}"
    expression = parsed(key, sql, step.mapped_columns)
    if not expression.aggregates or isinstance(total, dict) != bool(by):
        raise MappingError(
            key, f"{sql!r} needs an aggregate such as sum(amount), and a table of values only with `by`."
        )
    group = quoted(by["column"]) if by else "NULL"
    try:
        rows = engine.run(f"SELECT {group}::VARCHAR, ({sql}\n)::VARCHAR FROM {MAPPED} GROUP BY ALL")
    except duckdb.Error as error:
        raise MappingError(key, str(error).strip().splitlines()[0]) from None
    found = {str(value or ""): Decimal(number) for value, number in rows if number is not None}
    wanted = total if isinstance(total, dict) else {"": total}
    for value in [*wanted, *(value for value in found if value not in wanted)]:
        expected = wanted.get(value, Decimal(0))
        yield Control(name=name, expected=expected, found=found.get(value), group=value if by else None)
