"""The world a sandbox starts with: applications, campaigns, programs and whatever an import refers to."""

import re
from string import Formatter
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bulkops.limits import MAX_NAME_LENGTH, MAX_WORLD_NAMES

AttributeType = Literal[
    "string",
    "number",
    "boolean",
    "time",
    "location",
    "(list string)",
    "(list number)",
    "(list time)",
    "(list location)",
]


Feature = Literal["coupons", "referrals", "loyalty", "giveaways", "strikethrough", "achievements", "advancedEvents"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Series(_Part):
    """Names by pattern and count, or listed."""

    pattern: str = "{}"
    count: int = Field(default=0, ge=0, le=2_000_000)
    names: tuple[str, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _pattern_takes_a_number(cls, pattern: str) -> str:
        # A width is memory: {:0999999999d} would be one name of a gigabyte. Only short ones reach `format`.
        fields = [(spec or "", name) for _, name, spec, _ in _fields_of(pattern) if name is not None]
        if any(re.search(r"[1-9]\d{3}|[{}]", spec) for spec, _ in fields) or len(pattern) > MAX_NAME_LENGTH:
            raise ValueError(f"the names of a pattern have at most {MAX_NAME_LENGTH:,} characters")
        try:
            length = len(pattern.format(2_000_000))
        except (LookupError, AttributeError, ValueError) as problem:
            raise ValueError(f"the pattern {pattern!r} must take one number, as STORE-{{:03d}} does") from problem
        if length > MAX_NAME_LENGTH:
            raise ValueError(f"the names of a pattern have at most {MAX_NAME_LENGTH:,} characters")
        return pattern

    def all(self) -> list[str]:
        """Return every name: those of the pattern, numbered from 1, then the listed ones."""
        return [self.pattern.format(number) for number in range(1, self.count + 1)] + list(self.names)


class StoreSeries(Series):
    """StoreSeries of one Application."""

    application: int = 1


class CardSeries(Series):
    """Active loyalty cards of one program."""

    program: int = 2


def _fields_of(pattern: str) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return the parts of a format string; none where it is not one, which formatting reports."""
    try:
        return list(Formatter().parse(pattern))
    except ValueError:
        return []


def _known_zone(name: str) -> str:
    if name != "UTC":
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError) as problem:
            raise ValueError(f"unknown time zone {name!r}") from problem
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Application(_Part):
    """An Application; `case_sensitivity` decides how codes are stored."""

    id: int
    name: str
    timezone: Zone = "UTC"
    currency: str = "EUR"
    case_sensitivity: Literal["sensitive", "insensitive-uppercase", "insensitive-lowercase"] = "sensitive"
    mandatory_coupon_attributes: tuple[str, ...] = ()
    sandbox: bool = True


class Campaign(_Part):
    """A campaign of an Application."""

    id: int
    application: int = 1
    name: str
    state: Literal["enabled", "disabled", "archived"] = "enabled"
    features: tuple[Feature, ...] = ("coupons", "referrals", "loyalty", "giveaways")


class Program(_Part):
    """A loyalty program; tiers by rising points, none without advanced tiers."""

    id: int
    name: str
    title: str = ""
    card_based: bool = False
    allow_subledger: bool = True
    subledgers: tuple[str, ...] = ()
    users_per_card: int = 0
    timezone: Zone = "UTC"
    tiers: tuple[str, ...] = ()
    applications: tuple[int, ...] = (1,)


class Pool(_Part):
    """A giveaway pool."""

    id: int
    name: str


class Collection(_Part):
    """A collection of the account, or of a campaign when `campaign` is given."""

    id: int
    name: str
    application: int | None = None
    campaign: int | None = None


class Audience(_Part):
    """An audience."""

    id: int
    name: str


class Attribute(_Part):
    """A custom attribute; `programs` limits a LoyaltyCard attribute to some programs.

    `applications` are those it is available in, all if there are none; `suggestions` are at most 50 texts.
    """

    id: int
    entity: str
    name: str
    type: AttributeType
    allowed_list: bool = False
    restricted: bool = False
    programs: tuple[int, ...] = ()
    applications: tuple[int, ...] = ()
    suggestions: tuple[str, ...] = Field(default=(), max_length=50)


class ValueMap(_Part):
    """A value map of a campaign."""

    id: int
    campaign: int = 1
    values: dict[str, float]


class Achievement(_Part):
    """An achievement of a campaign."""

    id: int
    campaign: int = 1
    title: str
    target: int


class World(_Part):
    """Everything that exists before the first import."""

    applications: tuple[Application, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    programs: tuple[Program, ...] = ()
    pools: tuple[Pool, ...] = ()
    collections: tuple[Collection, ...] = ()
    audiences: tuple[Audience, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    stores: tuple[StoreSeries, ...] = ()
    profiles: tuple[Series, ...] = ()
    cards: tuple[CardSeries, ...] = ()
    value_maps: tuple[ValueMap, ...] = ()
    achievements: tuple[Achievement, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        """Let `stores`, `profiles` and `cards` be one series instead of a list of them."""
        if not isinstance(given, dict):
            return given
        single = {key: [given[key]] for key in ("stores", "profiles", "cards") if isinstance(given.get(key), dict)}
        return {**given, **single}

    @model_validator(mode="after")
    def _parents_exist(self) -> Self:
        names = sum(each.count for each in (*self.stores, *self.profiles, *self.cards))
        if names > MAX_WORLD_NAMES:
            raise ValueError(f"its series have {names:,} names; at most {MAX_WORLD_NAMES:,} are kept")
        applications = {each.id for each in self.applications}
        campaigns = {each.id for each in self.campaigns}
        programs = {each.id for each in self.programs}
        wanted = [(each.application, applications, f"campaign {each.id}") for each in self.campaigns]
        wanted += [(each.application, applications, "a store series") for each in self.stores]
        wanted += [(each.program, programs, "a card series") for each in self.cards]
        wanted += [(each.campaign, campaigns, f"collection {each.id}") for each in self.collections if each.campaign]
        for parent, known, child in wanted:
            if parent not in known:
                raise ValueError(f"{child} belongs to id {parent}, which the world does not have")
        return self
