"""Join dates of customers in a loyalty program: their import and export."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import bad, text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where
from bulkops.sandbox.import_engine import Importer, Run, retire
from bulkops.sandbox.resource import PROGRAM, Operation, Resource
from bulkops.sandbox.resources.programs import program_of_kind
from bulkops.sandbox.responses import ApiError, cell, csv_response
from bulkops.sandbox.times import FOREVER


class JoinDates(Importer):
    """Sets when existing customers joined a profile-based program; one unknown customer fails the import.

    The column of the date was `newjoindate` until release 26.19 and is `joindate` since.
    """

    entity = "LoyaltyJoinDate"
    required = ("customerprofileid", "joindate")

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        column = run.assumptions.join_date_column
        if column == "either":
            self.earlier_names = {"newjoindate": "joindate"}
        else:
            self.required = ("customerprofileid", column)
        self.program = run.state.program(program)
        self.dates = run.instants()
        if self.program.card_based:
            raise ApiError(400, f"Import Error: the program {program} is not profile-based")

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        profile, joined = cells
        text("customerprofileid", profile, most=1000)
        if not self.run.knows_profile(profile):
            raise bad("customerprofileid", f"the profile {profile!r} does not exist")
        column = self.required[1]
        return profile, self.dates.read(column, text(column, joined))

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        for profile, joined in rows:
            key = {"program": self.program.id, "profile": profile}
            retire(self.run, "join_date", "program = :program AND profile = :profile", key)
            self.run.connection.execute(
                "INSERT INTO join_date (program, profile, joined, since, until) VALUES (?, ?, ?, ?, ?)",
                (*key.values(), joined, self.run.since, FOREVER),
            )


def export_join_dates(call: Call) -> Response:
    """Respond to `exportLoyaltyJoinDates`."""
    program = program_of_kind(call, card_based=False)
    where = Where(call).visible(versions=True).also("program = :program", program=program.id)

    def lines() -> Iterator[str]:
        yield "loyaltyProgramID,profileIntegrationID,joinDate\n"
        query = f"SELECT profile, joined FROM join_date WHERE {where} ORDER BY id"  # noqa: S608
        for row in call.state.database.stream(query, where.values):
            yield f"{program.id},{cell(row['profile'])},{row['joined']}\n"

    return csv_response(lines(), name="join_dates")


def importer(call: Call) -> Build:
    """Return the builder of the importer of a program's join dates."""
    return partial(JoinDates, program=call.state.program(call.path["loyaltyProgramId"]).id)


RESOURCE = Resource(
    imports=(Operation("importLoyaltyJoinDates", PROGRAM + "/import_join_dates", importing(importer)),),
    exports=(Operation("exportLoyaltyJoinDates", PROGRAM + "/export_join_dates", export_join_dates),),
    tables="""
CREATE TABLE IF NOT EXISTS join_date (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, profile TEXT, joined TEXT,
  since REAL, until REAL);
CREATE INDEX IF NOT EXISTS join_date_by_profile ON join_date (program, profile);
""",
)
