"""Convert JSON documents of the API to parts of an account; a missing or invalid field is unknown, not an error."""

from collections.abc import Mapping
from typing import Any

from bulkops.account.model import Application, Attribute, Audience, Campaign, Collection, Program


def items_of(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the items of a page; None if the document has no list of items."""
    items = document.get("data")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else None


def has_more(document: Mapping[str, Any], *, skip: int, size: int, page: int | None) -> bool:
    """Return whether more items follow.

    `skip` is the number of items read so far, `size` the number on the latest page, and `page` the maximum page size;
    None for a list without pages.
    """
    if not size or page is None:
        return False
    more, total = document.get("hasMore"), document.get("totalResultSize")
    if isinstance(more, bool):
        return more
    if isinstance(total, int):
        return skip < total
    return size >= page


def text(item: Mapping[str, Any], key: str) -> str:
    """Return a text field of a document; empty if it is missing."""
    value = item.get(key)
    return value if isinstance(value, str) else ""


def application(item: Mapping[str, Any], _ids: Mapping[str, int], *, number: int | None = None) -> Application | None:
    """Return an application; `number` is the requested id."""
    if (found := _id(item, number)) is None:
        return None
    settings = item.get("attributesSettings")
    mandatory = settings.get("mandatory") if isinstance(settings, dict) else None
    return Application(
        id=found,
        name=text(item, "name"),
        case_sensitivity=text(item, "caseSensitivity") or None,
        mandatory_coupon_attributes=_texts(mandatory, "coupons") if isinstance(mandatory, dict) else (),
        sandbox=_flag(item, "sandbox"),
    )


def campaign(item: Mapping[str, Any], ids: Mapping[str, int], *, number: int | None = None) -> Campaign | None:
    """Return a campaign."""
    if (found := _id(item, number)) is None:
        return None
    features = _texts(item, "features") if isinstance(item.get("features"), list) else None
    return Campaign(
        id=found,
        application=ids["application"],
        name=text(item, "name"),
        state=text(item, "state") or None,
        features=features,
    )


def program(item: Mapping[str, Any], _ids: Mapping[str, int], *, number: int | None = None) -> Program | None:
    """Return a loyalty program."""
    if (found := _id(item, number)) is None:
        return None
    tiers = item.get("tiers")
    names = tuple(text(tier, "name") for tier in tiers if isinstance(tier, dict)) if isinstance(tiers, list) else None
    users = item.get("usersPerCardLimit")
    return Program(
        id=found,
        name=text(item, "title") or text(item, "name"),
        card_based=_flag(item, "cardBased"),
        allow_subledger=_flag(item, "allowSubledger"),
        users_per_card=users if isinstance(users, int) else None,
        tiers=names,
        tiers_expire=None if names is None else bool(text(item, "tiersExpirationPolicy")),
        sandbox=_flag(item, "sandbox"),
    )


def attribute(item: Mapping[str, Any], _ids: Mapping[str, int], *, number: int | None = None) -> Attribute | None:
    """Return a custom attribute."""
    if (found := _id(item, number)) is None:
        return None
    applications = item.get("subscribedApplicationsIds")
    return Attribute(
        id=found,
        entity=text(item, "entity"),
        name=text(item, "name"),
        type=text(item, "type"),
        allowed_list=_flag(item, "hasAllowedList") or False,
        restricted=_flag(item, "restrictedBySuggestions") or False,
        suggestions=_texts(item, "suggestions"),
        applications=tuple(n for n in applications if isinstance(n, int)) if isinstance(applications, list) else None,
    )


def collection(item: Mapping[str, Any], ids: Mapping[str, int], *, number: int | None = None) -> Collection | None:
    """Return a collection; one that was requested in a campaign belongs to that campaign."""
    if (found := _id(item, number)) is None:
        return None
    owner = item.get("campaignId", ids.get("campaign"))
    return Collection(id=found, name=text(item, "name"), campaign=owner if isinstance(owner, int) else None)


def audience(item: Mapping[str, Any], _ids: Mapping[str, int], *, number: int | None = None) -> Audience | None:
    """Return an audience."""
    found = _id(item, number)
    return None if found is None else Audience(id=found, name=text(item, "name"))


def _id(item: Mapping[str, Any], number: int | None) -> int | None:
    found = number if number is not None else item.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _flag(item: Mapping[str, Any], key: str) -> bool | None:
    value = item.get(key)
    return value if isinstance(value, bool) else None


def _texts(item: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = item.get(key)
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
