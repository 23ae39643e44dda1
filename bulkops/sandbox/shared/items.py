"""Code that lists of single items share: an import that replaces the list, its export and its pages."""

from collections.abc import Iterator
from typing import Any, ClassVar

from starlette.responses import Response

from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.filters import (
    Where,
)
from bulkops.sandbox.import_engine import Importer, Run, retire
from bulkops.sandbox.responses import cell, csv_response
from bulkops.sandbox.times import FOREVER

ITEM_LIMIT = 500_000


class Replacing(Importer):
    """Replaces the rows of one owner; the item is the first value of a row."""

    table: ClassVar[str]
    only = True
    replaces = True

    def __init__(self, run: Run, *, owner: int) -> None:
        super().__init__(run)
        self.owner = owner
        self.seen: set[str] = set()

    def begin(self) -> None:
        """Mark the rows that the import replaces as ended now."""
        retire(self.run, self.table, "owner = :owner", {"owner": self.owner})

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        return (cells[0],)

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:
        """Refuse or skip blank items and items that the file repeats."""
        settings = self.run.assumptions
        verdicts: dict[int, RowError | None] = {}
        for position, row in enumerate(rows):
            item = row[0]
            if not item:
                empty = RowError("Invalid value", f"{self.required[0]}: a value is required")
                verdicts[position] = None if settings.empty_items == "skip" else empty
            elif item in self.seen and settings.list_duplicates != "keep":
                twice = RowError("Duplicate value", f"{self.required[0]}: {item!r} is twice in the file")
                verdicts[position] = None if settings.list_duplicates == "drop" else twice
            else:
                verdict = self.refusal(item)
                if verdict is not None:
                    verdicts[position] = verdict if verdict.details else None
            self.seen.add(item)
        return verdicts

    def refusal(self, item: str) -> RowError | None:  # noqa: ARG002 - for those that check items
        """Return why an item is refused; a reason without details skips it."""
        return None

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(
            f"INSERT INTO {self.table} (item, owner, since, until) VALUES (?, ?, ?, ?)",  # noqa: S608
            [(*row, self.owner, self.run.since, FOREVER) for row in rows],
        )


def exported_items(call: Call, table: str, owner: int, header: str) -> Response:
    """Return the items of one owner as a CSV file of one column."""
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner)
    query = f"SELECT item FROM {table} WHERE {where} ORDER BY id"  # noqa: S608

    def lines() -> Iterator[str]:
        yield f"{header}\n"
        for row in call.state.database.stream(query, where.values):
            yield f"{cell(row['item'])}\n"

    return csv_response(lines(), name=table)


def listed_items(call: Call, table: str, owner: int, size: int, skip: int) -> list[str]:
    """Return one page of the items of an owner."""
    where = Where(call).visible(versions=True).also("owner = :owner", owner=owner, size=size, skip=skip)
    if "profileQuery" in call.query:
        where.also("instr(item, :profile) > 0", profile=call.query["profileQuery"])
    query = f"SELECT item FROM {table} WHERE {where} ORDER BY id LIMIT :size OFFSET :skip"  # noqa: S608
    return [row["item"] for row in call.state.database.stream(query, where.values)]
