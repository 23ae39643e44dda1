"""The state of one sandbox: its world, its assumptions, its clock and the imported rows."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from bulkops.sandbox.assumptions import Assumptions
from bulkops.sandbox.database import Database
from bulkops.sandbox.responses import ApiError
from bulkops.sandbox.times import FOREVER, iso_micro, seconds
from bulkops.sandbox.world import (
    Achievement,
    Application,
    Attribute,
    Audience,
    Campaign,
    Collection,
    Pool,
    Program,
    ValueMap,
    World,
)

ACCOUNT = 1
USER = 1


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Found = TypeVar("Found", bound=_Numbered)


def system_now() -> datetime:
    """Return the time of the system in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class SandboxState:
    """Everything that a response depends on."""

    world: World
    assumptions: Assumptions
    database: Database
    now: Callable[[], datetime] = system_now

    def seed(self) -> None:
        """Store the profiles and cards of the world that are not stored yet."""
        created = iso_micro(self.now())
        with self.database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO profile (integration_id, created, imported) VALUES (?, ?, 0)",
                ((name, created) for series in self.world.profiles for name in series.all()),
            )
            for cards in self.world.cards:
                self._seed_cards(connection, cards.program, cards.all(), created)

    @staticmethod
    def _seed_cards(connection: sqlite3.Connection, program: int, identifiers: list[str], created: str) -> None:
        held = connection.execute("SELECT identifier FROM card WHERE program = ?", (program,))
        known = {row[0] for row in held}
        connection.executemany(
            "INSERT INTO card (program, identifier, status, profiles, attributes, batchid, created, modified,"
            " since, until) VALUES (?, ?, 'active', '[]', '{}', '', ?, ?, 0, ?)",
            ((program, identifier, created, created, FOREVER) for identifier in identifiers if identifier not in known),
        )

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        """Return the rows of a table that are true now, whatever exports show; for tests to look at."""
        return self._select(table, "*", equal)

    def count(self, table: str, **equal: Any) -> int:
        """Return how many rows `rows` would return."""
        return int(self._select(table, "count(*) AS found", equal)[0]["found"])

    def _select(self, table: str, wanted: str, equal: dict[str, Any]) -> list[dict[str, Any]]:
        with self.database.reading() as connection:
            columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]
            if "until" in columns:
                equal = {"until": FOREVER, **equal}
            where = " AND ".join(f"{name} IS :{name}" for name in equal) or "1"
            query = f"SELECT {wanted} FROM {table} WHERE {where} ORDER BY rowid"  # noqa: S608
            return [dict(row) for row in connection.execute(query, equal)]

    def moment(self) -> float:
        """Return now in seconds since 1970."""
        return seconds(self.now())

    @cached_property
    def stores(self) -> dict[int, dict[str, int]]:
        """Store ids by integration id, for each Application; ids count up over all of them."""
        found: dict[int, dict[str, int]] = {}
        number = 0
        for series in self.world.stores:
            for name in series.all():
                number += 1
                found.setdefault(series.application, {})[name] = number
        return found

    def application(self, number: int) -> Application:
        """Return an Application or refuse with 404."""
        return _one(self.world.applications, number, "Application")

    def campaign(self, application: int, number: int) -> Campaign:
        """Return a campaign of an Application or refuse with 404."""
        self.application(application)
        return _one([each for each in self.world.campaigns if each.application == application], number, "campaign")

    def program(self, number: int) -> Program:
        """Return a loyalty program or refuse with 404."""
        return _one(self.world.programs, number, "loyalty program")

    def card(self, program: int, identifier: str) -> dict[str, Any]:
        """Return a card of a program or refuse with 404."""
        found = self.rows("card", program=program, identifier=identifier)
        if not found:
            raise ApiError(404, f"The card {identifier!r} does not exist.")
        return found[0]

    def collection(self, number: int) -> Collection:
        """Return a collection of either level or refuse with 404."""
        return _one(self.world.collections, number, "collection")

    def account_collection(self, number: int) -> Collection:
        """Return a collection of the account or refuse with 404."""
        return _one([each for each in self.world.collections if each.campaign is None], number, "collection")

    def campaign_collection(self, application: int, campaign: int, number: int) -> Collection:
        """Return a collection of a campaign or refuse with 404."""
        self.campaign(application, campaign)
        own = [each for each in self.world.collections if each.campaign == campaign]
        return _one(own, number, "collection")

    def pool(self, number: int) -> Pool:
        """Return a giveaway pool or refuse with 404."""
        return _one(self.world.pools, number, "giveaway pool")

    def audience(self, number: int) -> Audience:
        """Return an audience or refuse with 404."""
        return _one(self.world.audiences, number, "audience")

    def value_map(self, application: int, campaign: int, number: int) -> ValueMap:
        """Return a value map of a campaign or refuse with 404."""
        self.campaign(application, campaign)
        return _one([each for each in self.world.value_maps if each.campaign == campaign], number, "value map")

    def achievement(self, number: int) -> Achievement:
        """Return an achievement or refuse with 404."""
        return _one(self.world.achievements, number, "achievement")

    def campaign_achievement(self, application: int, campaign: int, number: int) -> Achievement:
        """Return an achievement of a campaign or refuse with 404."""
        self.campaign(application, campaign)
        own = [each for each in self.world.achievements if each.campaign == campaign]
        return _one(own, number, "achievement")

    def attribute(self, number: int) -> Attribute:
        """Return an attribute or refuse with 404."""
        return _one(self.world.attributes, number, "attribute")

    def attributes_of(self, entity: str, program: int | None = None) -> dict[str, str]:
        """Return the types of an entity's custom attributes by name."""
        return {
            each.name: each.type
            for each in self.world.attributes
            if each.entity == entity and (not each.programs or program in each.programs)
        }

    def zone(self, program: Program) -> tzinfo:
        """Return the time zone of a program; UTC needs no zone database."""
        return UTC if program.timezone == "UTC" else ZoneInfo(program.timezone)


def _one(known: Iterable[Found], number: int, what: str) -> Found:
    for each in known:
        if each.id == number:
            return each
    raise ApiError(404, f"The {what} {number} does not exist.")
