"""The parts of an account that imports need: applications, campaigns, programs, attributes and lists.

The same model is the format of the snapshot file. It contains no key, no customer data and no codes.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bulkops_validators.model.contract import ProgramKind


class AccountPart(BaseModel):
    """One item of the account. Unknown keys are rejected, so that a misspelt key is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Application(AccountPart):
    """An application; `mandatory_coupon_attributes` are the attributes that each of its coupons must have."""

    id: int
    name: str = ""
    case_sensitivity: str | None = None
    mandatory_coupon_attributes: tuple[str, ...] = ()
    sandbox: bool | None = None


class Campaign(AccountPart):
    """A campaign of an application. `features` is None if the API does not show them."""

    id: int
    application: int
    name: str = ""
    state: str | None = None
    features: tuple[str, ...] | None = None


class Program(AccountPart):
    """A loyalty program. A field is None if the API does not show it; `tiers` are the names in the API's order."""

    id: int
    name: str = ""
    card_based: bool | None = None
    allow_subledger: bool | None = None
    users_per_card: int | None = None
    tiers: tuple[str, ...] | None = None
    tiers_expire: bool | None = None
    sandbox: bool | None = None

    @property
    def kind(self) -> ProgramKind | None:
        """Whether the program is based on cards or profiles; None if unknown."""
        if self.card_based is None:
            return None
        return ProgramKind.CARDS if self.card_based else ProgramKind.PROFILES


class Attribute(AccountPart):
    """A custom attribute. `suggestions` are the only allowed values if it is `restricted` and has no allowed list.

    The API never shows an allowed list. `applications` is None if the API does not show them.
    """

    id: int
    entity: str
    name: str
    type: str
    allowed_list: bool = False
    restricted: bool = False
    suggestions: tuple[str, ...] = ()
    applications: tuple[int, ...] | None = None


class Stores(AccountPart):
    """The integration ids of an application's stores."""

    application: int
    integration_ids: tuple[str, ...] = ()


class Collection(AccountPart):
    """A collection, of the account or of a campaign."""

    id: int
    name: str = ""
    campaign: int | None = None


class Audience(AccountPart):
    """An audience."""

    id: int
    name: str = ""


class Unread(AccountPart):
    """An item that could not be read, and the reason; checks that depend on it are skipped."""

    what: str
    why: str


class Account(AccountPart):
    """The known items of an account, and the time when it was read.

    `complete` names the lists that were read completely: only in these lists, a missing item does not exist.
    """

    format: Literal[1] = Field(default=1, description="The version of this file.")
    base_url: str
    read_at: AwareDatetime
    bulkops: str = ""
    applications: tuple[Application, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    programs: tuple[Program, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    stores: tuple[Stores, ...] = ()
    collections: tuple[Collection, ...] = ()
    audiences: tuple[Audience, ...] = ()
    complete: frozenset[str] = Field(
        default=frozenset(),
        description="Lists that were read to their end, such as `campaigns/1` or `attributes/Coupon`.",
    )
    unread: tuple[Unread, ...] = ()

    def knows(self, name: str, *parts: object) -> bool:
        """Return whether a list, or a larger list that includes it, is complete."""
        return any("/".join(map(str, (name, *parts[:length]))) in self.complete for length in range(len(parts) + 1))

    def age(self, now: datetime) -> float:
        """Return the seconds since the account was read; at least 0."""
        return max(0.0, (now - self.read_at).total_seconds())


P = TypeVar("P", Application, Campaign, Program, Attribute, Collection, Audience)


def by_id(parts: Iterable[P], number: int | None) -> P | None:
    """Return the part with this id; None if there is none."""
    return next((part for part in parts if part.id == number), None)
