"""The query parameters that each operation declares; every one is checked, whether or not it changes the response."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bulkops.sandbox.responses import bad_field, bad_parameter
from bulkops.sandbox.times import filter_instant

INTEGER = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
LARGEST = 2**63 - 1

ParameterKind = Callable[[str], Any]
Parameters = Mapping[str, ParameterKind]


def integer(text: str) -> int:
    """Return a whole number of 64 bits; raise `ValueError` for any other text."""
    if INTEGER.fullmatch(text) is None or not -LARGEST - 1 <= (found := int(text)) <= LARGEST:
        raise ValueError(f"{shortened(text)} is not a whole number of at most 64 bits")
    return found


def decimal(text: str) -> float:
    """Return a number; raise `ValueError` for any other text, and for a number that is too large."""
    if NUMBER.fullmatch(text) is None or not math.isfinite(found := float(text)):
        raise ValueError(f"{shortened(text)} is not a number")
    return found


def between(least: int, most: int = LARGEST) -> ParameterKind:
    """Return the kind of a whole number within limits."""

    def kind(text: str) -> int:
        if not least <= (found := integer(text)) <= most:
            raise ValueError(f"{text} is not between {least} and {most}")
        return found

    return kind


def choice(*values: str) -> ParameterKind:
    """Return the kind of a parameter that takes one of some values."""

    def kind(text: str) -> str:
        if text not in values:
            raise ValueError(f"{shortened(text)} is not one of {', '.join(values)}")
        return text

    return kind


def free(text: str) -> str:
    """Return any text."""
    return text


def at_least(length: int) -> ParameterKind:
    """Return the kind of a text with a minimum length."""

    def kind(text: str) -> str:
        if len(text) < length:
            raise ValueError(f"{text!r} has {len(text)} characters; the minimum is {length}")
        return text

    return kind


def shortened(text: str) -> str:
    """Return a text as an error message shows it, cut after 100 characters."""
    return repr(text if len(text) <= 100 else f"{text[:100]}…")


def checked(declared: Parameters, given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the declared parameters among those given; refuse the first with a wrong value with 400."""
    kept = [(name, text) for name, text in given if name in declared]
    for name, text in kept:
        try:
            declared[name](text)
        except ValueError as problem:
            raise bad_parameter(name, str(problem)) from problem
    return kept


def check_fields(declared: Parameters, given: Mapping[str, Any], at: str) -> dict[str, str]:
    """Return the fields of a JSON object as the texts of parameters; refuse the first wrong type or value with 400.

    `at` is the JSON pointer of the object. Fields that are not declared are ignored.
    """
    texts: dict[str, str] = {}
    for name in declared.keys() & given.keys():
        try:
            texts[name] = _text_of(declared[name], given[name])
        except ValueError as problem:
            raise bad_field(f"{at}/{name}", str(problem)) from problem
    return texts


def _text_of(kind: ParameterKind, value: Any) -> str:
    """Return a JSON value as the text of a parameter; raise `ValueError` for a wrong type or value."""
    wanted: type = {boolean: bool, integer: int}.get(kind, str)
    if type(value) is not wanted:
        raise ValueError(f"{shortened(repr(value))} is not of the type {wanted.__name__}")
    text = str(value).lower() if wanted is bool else str(value)
    kind(text)
    return text


boolean = choice("true", "false")
instant = filter_instant


def named(kind: ParameterKind, *names: str) -> dict[str, ParameterKind]:
    """Return parameters of one kind."""
    return dict.fromkeys(names, kind)


def window(*stems: str) -> dict[str, ParameterKind]:
    """Return the parameters `{stem}Before` and `{stem}After`, which are instants."""
    return {f"{stem}{end}": instant for stem in stems for end in ("Before", "After")}


ACTIONS = ("setDiscount",)
PERIODS = ("overall", "daily", "weekly", "monthly", "yearly")
CAMPAIGN_STATES = ("enabled", "disabled", "archived", "scheduled", "running", "expired", "staged")
SESSION_STATES = ("open", "closed", "partially_returned", "cancelled")
EXPORTED = (
    "Coupon",
    "Referral",
    "Effect",
    "CustomerSession",
    "LoyaltyLedger",
    "LoyaltyLedgerLog",
    "Collection",
    "AudienceMembership",
)

SLICE: Parameters = {"pageSize": between(1, 1000), "skip": between(0)}
PAGE: Parameters = {**SLICE, "sort": free}
LIST: Parameters = {**PAGE, "withTotalResultSize": boolean}
DATES: Parameters = {"dateFormat": choice("excel", "ISO8601")}
CODES: Parameters = {
    **window("created"),
    "valid": choice("expired", "validNow", "validFuture"),
    "usable": boolean,
}
COUPONS: Parameters = {
    **CODES,
    **named(free, "sort", "value", "recipientIntegrationId", "batchId"),
    **named(boolean, "exactMatch", "valuesOnly"),
    "referralId": integer,
}
BUDGETS: Parameters = {"action": choice(*ACTIONS), "period": choice(*PERIODS)}
LEDGER: Parameters = {**DATES, **named(instant, "rangeStart", "rangeEnd")}
BALANCES: Parameters = {"endDate": instant, "balances": free}
TRANSACTIONS: Parameters = {
    **SLICE,
    **named(instant, "startDate", "endDate"),
    **named(free, "subledgerId", "customerSessionIDs", "transactionUUIDs"),
}
TYPED_TRANSACTIONS: Parameters = {
    **TRANSACTIONS,
    "loyaltyTransactionType": choice("manual", "session", "import"),
    "awaitsActivation": boolean,
}

# The fields of the deletion job's `filters`, which are the parameters of the coupon list.
DELETION: Parameters = {
    **CODES,
    **window("expires", "starts"),
    **named(free, "value", "recipientIntegrationId", "batchId"),
    **named(boolean, "redeemed", "exactMatch"),
    "referralId": integer,
}
