"""Giveaway codes of a pool: their import and export. No operation lists them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.responses import Response

from bulkops.sandbox.cells import text
from bulkops.sandbox.endpoint import Build, Call, importing
from bulkops.sandbox.filters import Where
from bulkops.sandbox.import_engine import Importer, Run
from bulkops.sandbox.parameters import window
from bulkops.sandbox.resource import Operation, Resource
from bulkops.sandbox.responses import cell, csv_response, quoted
from bulkops.sandbox.times import iso_micro

GIVEAWAY_SQL = """INSERT INTO giveaway (code, startdate, enddate, attributes, pool, importid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
GIVEAWAY_HEADER = "id,poolid,code,startdate,enddate,attributes,used,importid,created,profileintegrationid,profileid\n"


class Giveaways(Importer):
    """Giveaway codes of one pool; each copy of a code is one of its own."""

    entity = "Giveaway"
    required = ("code",)
    optional = ("startdate", "enddate", "attributes")

    def __init__(self, run: Run, *, pool: int) -> None:
        super().__init__(run)
        self.dates = run.instants()
        self.attributes = run.attributes("Giveaway")
        self.tail = (pool, run.import_id, run.created, run.since)

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        value, start, end, attributes = cells
        code = text("code", value)
        starts, ends = self.dates.read("startdate", start), self.dates.read("enddate", end)
        self.dates.in_order(starts, ends, "enddate")
        return code, starts, ends, self.attributes.read(attributes)

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(GIVEAWAY_SQL, [(*row, *self.tail) for row in rows])


def export_giveaways(call: Call) -> Response:
    """Respond to `exportPoolGiveaways`; its dates have no `dateFormat`."""
    pool = call.path["poolId"]
    call.state.pool(pool)
    where = Where(call).visible().also("pool = :pool", pool=pool)
    where.between("created", "created", stored=iso_micro)
    return csv_response(_giveaway_lines(call, where), name="giveaways")


def _second(stored: str) -> str:
    return f"{stored[:19]}Z" if stored else ""


def _giveaway_lines(call: Call, where: Where) -> Iterator[str]:
    yield GIVEAWAY_HEADER
    for row in call.state.database.stream(f"SELECT * FROM giveaway WHERE {where} ORDER BY id", where.values):  # noqa: S608
        yield (
            f"{row['id']},{row['pool']},{cell(row['code'])},{_second(row['startdate'])},"
            f"{_second(row['enddate'])},{quoted(row['attributes'])},false,{row['importid']},"
            f"{_second(row['created'])},,\n"
        )


def importer(call: Call) -> Build:
    """Return the builder of the importer of a giveaway pool."""
    return partial(Giveaways, pool=call.state.pool(call.path["poolId"]).id)


RESOURCE = Resource(
    imports=(Operation("importPoolGiveaways", "/v1/giveaways/pools/{poolId}/import", importing(importer)),),
    exports=(
        Operation(
            "exportPoolGiveaways",
            "/v1/giveaways/pools/{poolId}/export",
            export_giveaways,
            parameters=window("created"),
        ),
    ),
    tables="""
CREATE TABLE IF NOT EXISTS giveaway (id INTEGER PRIMARY KEY AUTOINCREMENT, pool INTEGER, code TEXT, startdate TEXT,
  enddate TEXT, attributes TEXT, importid INTEGER, created TEXT, since REAL);
""",
)
