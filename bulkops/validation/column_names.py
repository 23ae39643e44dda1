"""Which column a name in a header may mean: other spellings, and the words that other tools use."""

import difflib
from collections.abc import Collection, Sequence

from bulkops_validators.model.contract import Contract

_SYNONYMS = (
    {
        "expirydate", "enddate", "expiry", "expires", "expiration", "expirationdate", "validuntil", "validto", "end",
        "ends", "endsat", "endson", "endat", "expiresat", "expireson", "expiresafter", "validthrough", "validtill",
        "dateexpires", "activeuntil", "todate",
    },
    {
        "startdate", "newjoindate", "joindate", "start", "validfrom", "starts", "startsat", "startson", "startat",
        "activefrom", "fromdate", "validsince", "begins", "beginsat", "joinedat", "joined",
    },
    {
        "value", "code", "item", "identifier", "coupon", "couponcode", "couponcodes", "codes", "cardnumber", "cardid",
        "referralcode", "discountcode", "voucher", "vouchercode", "promocode", "promotioncode", "promotionalcode",
        "giftcard", "giftcardcode", "giftcode", "giveawaycode", "loyaltycard", "card",
    },
    {
        "customerprofileid", "profileintegrationid", "recipientintegrationid", "advocateprofileintegrationid",
        "integrationid", "profileid", "customerid", "profile", "customer", "advocate", "customerprofileids",
        "userid", "memberid", "shopperid", "externalid", "customeremail", "recipient",
    },
    {"amount", "points", "limit", "budget", "balance", "pointsbalance", "loyaltypoints"},
    {
        "limitval", "limit", "usagelimit", "usageslimit", "uses", "usespercoupon", "usagelimitpercoupon",
        "usespercode", "maxuses", "maxusage", "maxredemptions", "redemptionlimit", "numberofuses",
    },
    {"discountlimit", "discountbudget", "maxdiscount", "maximumdiscount", "budgetlimit"},
    {"reason", "name", "description", "note", "comment"},
    {"state", "status"},
    {"tiername", "tier", "level", "tierlevel"},
    {"storeintegrationid", "store", "storeid", "shopid", "branchid", "storenumber"},
    {"validityduration", "validity", "validfor"},
)  # fmt: skip
"""Names that are taken for one another, as `fold` makes them."""


def fold(name: str) -> str:
    """Return a name in small letters, without blanks, hyphens and underscores."""
    return name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")


def suggestion(name: str, contract: Contract, among: Collection[str] | None = None) -> str | None:
    """Return the column that a name probably means."""
    found = synonym(name, contract, among)
    if found is not None:
        return found
    folded = {fold(column): column for column in (contract.column_names if among is None else among)}
    wanted, longest = fold(name), 2 * max(map(len, folded), default=0)  # a text twice as long cannot be near
    near = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.7) if len(wanted) <= longest else []
    return folded[near[0]] if near else None


def synonym(name: str, contract: Contract, among: Collection[str] | None = None) -> str | None:
    """Return the column that a name means in another spelling, or in the words of other tools."""
    folded = {fold(column): column for column in (contract.column_names if among is None else among)}
    if (wanted := fold(name)) in folded:
        return folded[wanted]
    for group in _SYNONYMS:
        if wanted in group and (shared := [column for key, column in folded.items() if key in group]):
            return shared[0]
    return None


def rivals_of(names: Sequence[str], columns: Sequence[str | None], contract: Contract) -> dict[str, list[int]]:
    """Return the columns that several fields of a header may be and none names exactly, with the fields' positions.

    `columns` are the columns that the names mean by their spelling, or None.
    """
    found: dict[str, list[int]] = {}
    exact = {contract.header_names.get(name) for name in names}
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        meant = column or (suggestion(name, contract) if name.strip() else None)
        if meant is not None and meant not in exact:
            found.setdefault(meant, []).append(place)
    return {column: places for column, places in found.items() if len(places) > 1}
