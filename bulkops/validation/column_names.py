"""Find the column that a header name probably means: other spellings, and names that other tools use."""

import difflib
from collections.abc import Collection, Sequence

from bulkops_validators.model.contract import Contract

_SYNONYMS = (
    {
        "expirydate", "enddate", "expiry", "expires", "expiration", "expirationdate", "validuntil", "validto", "end",
        "ends", "endsat", "endson", "endat", "expiresat", "expireson", "expiresafter", "validthrough", "validtill",
        "dateexpires", "activeuntil", "todate",
        "gültigbis", "gueltigbis", "ablaufdatum", "verfallsdatum", "enddatum", "datedexpiration", "expirele",
        "valablejusquau", "datedefin", "fechadecaducidad", "fechadevencimiento", "válidohasta", "datadiscadenza",
        "geldigtot",
    },
    {
        "startdate", "newjoindate", "joindate", "start", "validfrom", "starts", "startsat", "startson", "startat",
        "activefrom", "fromdate", "validsince", "begins", "beginsat", "joinedat", "joined",
        "gültigab", "gueltigab", "startdatum", "datededébut", "valableàpartirdu", "fechadeinicio", "válidodesde",
        "datadiinizio", "geldigvanaf", "beitrittsdatum",
    },
    {
        "value", "code", "item", "identifier", "coupon", "couponcode", "couponcodes", "codes", "cardnumber", "cardid",
        "referralcode", "discountcode", "voucher", "vouchercode", "promocode", "promotioncode", "promotionalcode",
        "giftcard", "giftcardcode", "giftcode", "giveawaycode", "loyaltycard", "card",
        "gutscheincode", "gutschein", "rabattcode", "kartennummer", "codepromo", "codedepromotion", "numérodecarte",
        "código", "códigodecupón", "cupón", "codicesconto", "kortingscode",
    },
    {
        "customerprofileid", "profileintegrationid", "recipientintegrationid", "advocateprofileintegrationid",
        "integrationid", "profileid", "customerid", "profile", "customer", "advocate", "customerprofileids",
        "userid", "memberid", "shopperid", "externalid", "customeremail", "recipient",
        "kunde", "kundennummer", "kundenid", "kundennr", "client", "idclient", "numéroclient", "cliente", "idcliente",
        "klantnummer",
    },
    {
        "amount", "points", "limit", "budget", "balance", "pointsbalance", "loyaltypoints", "punkte", "puntos", "punti",
        "punten",
    },
    {
        "limitval", "limit", "usagelimit", "usageslimit", "uses", "usespercoupon", "usagelimitpercoupon",
        "usespercode", "maxuses", "maxusage", "maxredemptions", "redemptionlimit", "numberofuses", "einlösungen",
        "nutzungslimit", "limitedutilisation", "límitedeusos",
    },
    {"discountlimit", "discountbudget", "maxdiscount", "maximumdiscount", "budgetlimit"},
    {"reason", "name", "description", "note", "comment"},
    {"state", "status"},
    {"tiername", "tier", "level", "tierlevel"},
    {"storeintegrationid", "store", "storeid", "shopid", "branchid", "storenumber"},
    {"validityduration", "validity", "validfor"},
)  # fmt: skip
"""Groups of names that mean the same, in the form that `fold` returns."""


_IGNORED = str.maketrans("", "", "_- '\u2019")


def fold(name: str) -> str:
    """Return a name in lower case, without blanks, hyphens, underscores and apostrophes."""
    return name.strip().lower().translate(_IGNORED)


def suggestion(name: str, contract: Contract, among: Collection[str] | None = None) -> str | None:
    """Return the column that a name probably means; None if no column is similar."""
    found = synonym(name, contract, among)
    if found is not None:
        return found
    folded = {fold(column): column for column in (contract.column_names if among is None else among)}
    # A name more than twice as long as every column cannot be similar to one.
    wanted, longest = fold(name), 2 * max(map(len, folded), default=0)
    near = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.7) if len(wanted) <= longest else []
    return folded[near[0]] if near else None


def synonym(name: str, contract: Contract, among: Collection[str] | None = None) -> str | None:
    """Return the column that a name means in another spelling or as a synonym; None if it means none."""
    folded = {fold(column): column for column in (contract.column_names if among is None else among)}
    if (wanted := fold(name)) in folded:
        return folded[wanted]
    for group in _SYNONYMS:
        if wanted in group and (shared := [column for key, column in folded.items() if key in group]):
            return shared[0]
    return None


def rivals_of(names: Sequence[str], columns: Sequence[str | None], contract: Contract) -> dict[str, list[int]]:
    """Return each column that several fields may mean and none names exactly, with the positions of those fields.

    `columns` has for each name the column that its spelling means, or None.
    """
    found: dict[str, list[int]] = {}
    exact = {contract.header_names.get(name) for name in names}
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        meant = column or (suggestion(name, contract) if name.strip() else None)
        if meant is not None and meant not in exact:
            found.setdefault(meant, []).append(place)
    return {column: places for column, places in found.items() if len(places) > 1}
