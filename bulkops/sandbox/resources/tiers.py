"""Tiers of customers in a loyalty program: their import and export."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import bad, short, text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where, listed
from bulkops.sandbox.import_engine import Importer, Run, retire
from bulkops.sandbox.parameters import free, named
from bulkops.sandbox.resource import PROGRAM, Operation, Resource
from bulkops.sandbox.resources.programs import program_of_kind
from bulkops.sandbox.responses import ApiError, cell, csv_response
from bulkops.sandbox.times import FOREVER, iso


class Tiers(Importer):
    """Puts existing customers into tiers of a program with advanced tiers."""

    entity = "LoyaltyTier"
    required = ("customerprofileid", "tiername")
    optional = ("subledgerid", "expirydate")

    def __init__(self, run: Run, *, program: int) -> None:
        super().__init__(run)
        self.program = run.state.program(program)
        self.dates = run.instants()
        if self.program.card_based or not self.program.tiers:
            raise ApiError(400, f"Import Error: the program {program} has no advanced tiers")

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        profile, tier, subledger, expiry = cells
        text("customerprofileid", profile, most=1000)
        if not self.run.knows_profile(profile):
            raise bad("customerprofileid", f"the profile {profile!r} does not exist")
        if tier not in self.program.tiers:
            raise bad("tiername", f"the tier {tier!r} does not exist")
        if subledger and not self.program.allow_subledger:
            raise bad("subledgerid", "the program has no subledgers")
        short("subledgerid", subledger, most=64)
        return subledger, profile, tier, self.dates.expiry("expirydate", expiry)

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        connection, now = self.run.connection, iso(self.run.now)
        where = "program = :program AND subledger = :subledger AND profile = :profile"
        for subledger, profile, tier, expiry in rows:
            key = {"program": self.program.id, "subledger": subledger, "profile": profile}
            held = connection.execute(
                f"SELECT tiername, startdate FROM tier WHERE {where} AND until = :forever",  # noqa: S608
                {**key, "forever": FOREVER},
            ).fetchone()
            start = held["startdate"] if held and held["tiername"] == tier else now
            retire(self.run, "tier", where, key)
            connection.execute(
                "INSERT INTO tier (program, subledger, profile, tiername, startdate, expirydate, since, until)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key.values(), tier, start, expiry, self.run.since, FOREVER),
            )


def stored_tiers(call: Call, program: int) -> Iterator[Any]:
    """Yield the tiers of a program that reads show now."""
    where = Where(call).visible(versions=True).also("program = :program", program=program)
    return call.state.database.stream(f"SELECT * FROM tier WHERE {where} ORDER BY id", where.values)  # noqa: S608


def export_tiers(call: Call) -> Response:
    """Respond to `exportCustomersTiers`."""
    program = program_of_kind(call, card_based=False)
    subledgers, names = listed(call, "subledgerIds"), listed(call, "tierNames")
    sample = call.state.assumptions.tier_dates == "sample"

    def shown(stored: str) -> str:
        return stored + "00:00" if sample and stored else stored

    def lines() -> Iterator[str]:
        yield "programid,subledgerid,customerprofileid,tiername,startdate,expirydate\n"
        for row in stored_tiers(call, program.id):
            if (subledgers and row["subledger"] not in subledgers) or (names and row["tiername"] not in names):
                continue
            yield (
                f"{program.id},{cell(row['subledger'])},{cell(row['profile'])},{cell(row['tiername'])},"
                f"{shown(row['startdate'])},{shown(row['expirydate'])}\n"
            )

    return csv_response(lines(), name="customers_tiers")


def importer(call: Call) -> Build:
    """Return the builder of the importer of a program's tiers."""
    return partial(Tiers, program=call.state.program(call.path["loyaltyProgramId"]).id)


RESOURCE = Resource(
    imports=(Operation("importLoyaltyCustomersTiers", PROGRAM + "/import_customers_tiers", importing(importer)),),
    exports=(
        Operation(
            "exportCustomersTiers",
            PROGRAM + "/export_customers_tiers",
            export_tiers,
            parameters=named(free, "subledgerIds", "tierNames"),
        ),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS tier (id INTEGER PRIMARY KEY AUTOINCREMENT, program INTEGER, subledger TEXT, profile TEXT,
  tiername TEXT, startdate TEXT, expirydate TEXT, since REAL, until REAL);
CREATE INDEX IF NOT EXISTS tier_by_profile ON tier (program, subledger, profile);
""",
)
