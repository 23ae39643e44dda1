"""Imports that create codes: coupons, referrals and giveaways."""

from decimal import Decimal
from typing import Any, ClassVar

from bulkops.sandbox.cells import bad, number, plain, short, text, usage_limit
from bulkops.sandbox.csv_input import RowError
from bulkops.sandbox.imports.engine import Importer, Run

COUPON_SQL = """INSERT INTO coupon (value, expirydate, startdate, recipient, limitval, discountlimit, attributes,
  scope, application, campaign, importid, batchid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
REFERRAL_SQL = """INSERT INTO referral (value, advocate, startdate, expirydate, limitval, attributes,
  scope, application, campaign, importid, batchid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
GIVEAWAY_SQL = """INSERT INTO giveaway (code, startdate, enddate, attributes, pool, importid, created, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class UniqueCodes(Importer):
    """Codes that must be unique in the scope of the assumptions; the code is the first value of a row."""

    table: ClassVar[str]
    sql: ClassVar[str]

    def __init__(self, run: Run, *, application: int, campaign: int, skip_duplicates: bool) -> None:
        super().__init__(run)
        settings = run.assumptions
        scopes = {"campaign": f"c{campaign}", "application": f"a{application}", "account": "all"}
        self.scope = scopes[settings.uniqueness]
        self.case = run.state.application(application).case_sensitivity
        self.skip_duplicates = skip_duplicates
        self.status = int(settings.duplicate_status)
        self.dates = run.instants()
        self.tail = (self.scope, application, campaign, run.import_id, run.batch_id(), run.created, run.since)

    def stored(self, code: str) -> str:
        """Return the code as the Application's case setting stores it."""
        if self.case == "insensitive-uppercase":
            return code.upper()
        return code.lower() if self.case == "insensitive-lowercase" else code

    def judge(self, rows: list[tuple[Any, ...]]) -> dict[int, RowError | None]:
        """Refuse or skip what is there already, or twice in the file."""
        held = self._held([row[0] for row in rows])
        verdicts: dict[int, RowError | None] = {}
        for position, row in enumerate(rows):
            code = row[0]
            if code not in held:
                held[code] = self.run.import_id
                continue
            twice = held[code] == self.run.import_id
            skipped = self.skip_duplicates and not (twice and self.run.assumptions.duplicates_in_file == "error")
            where = "twice in the file" if twice else "already there"
            details = f"{self.required[0]}: the code {code!r} is {where}"
            verdicts[position] = None if skipped else RowError("Duplicate value", details, self.status)
        return verdicts

    def _held(self, codes: list[str]) -> dict[str, int]:
        """Return which of the codes exist, with the import that made them."""
        held: dict[str, int] = {}
        for start in range(0, len(codes), 500):
            part = codes[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT value, importid FROM {self.table} WHERE scope = ? AND value IN ({marks})"  # noqa: S608
            held.update((row[0], row[1]) for row in self.run.connection.execute(query, (self.scope, *part)))
        return held

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store rows."""
        self.run.connection.executemany(self.sql, [(*row, *self.tail) for row in rows])


class Coupons(UniqueCodes):
    """Coupons of one campaign."""

    entity = "Coupon"
    table = "coupon"
    sql = COUPON_SQL
    required = ("value",)
    optional = ("expirydate", "startdate", "recipientintegrationid", "limitval", "discountlimit", "attributes")

    def __init__(self, run: Run, *, application: int, campaign: int, skip_duplicates: bool) -> None:
        super().__init__(run, application=application, campaign=campaign, skip_duplicates=skip_duplicates)
        settings = run.assumptions
        mandatory: tuple[str, ...] = ()
        if settings.mandatory_attributes == "enforced":
            mandatory = run.state.application(application).mandatory_coupon_attributes
        self.attributes = run.attributes("Coupon", mandatory=mandatory)
        self.least = 3 if settings.short_codes == "import_text" else 4
        self.check_recipients = settings.unknown_recipient == "refuse"
        if settings.coupon_batch == "none":
            self.tail = (*self.tail[:4], "", *self.tail[5:])

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        value, expiry, start, recipient, limit, discount, attributes = cells
        code = self.stored(text("value", value, least=self.least))
        ends = self.dates.expiry("expirydate", expiry)
        starts = self.dates.read("startdate", start)
        self.dates.in_order(starts, ends, "expirydate")
        short("recipientintegrationid", recipient, most=1000)
        if recipient and self.check_recipients and not self.run.knows_profile(recipient):
            raise bad("recipientintegrationid", f"the profile {recipient!r} does not exist")
        most = discount and plain(number("discountlimit", discount, least=Decimal(0), most=Decimal("1e15")))
        return code, ends, starts, recipient, usage_limit(limit), most, self.attributes.read(attributes)


class Referrals(UniqueCodes):
    """Referral codes of one campaign."""

    entity = "Referral"
    table = "referral"
    sql = REFERRAL_SQL
    required = ("code", "advocateprofileintegrationid")
    optional = ("startdate", "expirydate", "limitval", "attributes")

    def __init__(self, run: Run, *, application: int, campaign: int) -> None:
        super().__init__(run, application=application, campaign=campaign, skip_duplicates=False)
        self.attributes = run.attributes("Referral")
        self.check_advocates = run.assumptions.unknown_advocate == "refuse"
        if run.assumptions.referral_case == "as_sent":
            self.case = "sensitive"

    def row(self, *cells: str) -> tuple[Any, ...]:
        """Return the values of a record to store, or refuse it."""
        value, advocate, start, expiry, limit, attributes = cells
        code = self.stored(text("code", value, least=4))
        text("advocateprofileintegrationid", advocate, most=1000)
        if self.check_advocates and not self.run.knows_profile(advocate):
            raise bad("advocateprofileintegrationid", f"the profile {advocate!r} does not exist")
        starts = self.dates.read("startdate", start)
        ends = self.dates.expiry("expirydate", expiry)
        self.dates.in_order(starts, ends, "expirydate")
        return code, advocate, starts, ends, usage_limit(limit), self.attributes.read(attributes)


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
