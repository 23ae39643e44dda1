"""Say what is broken in each twin of sample_data/broken: the defects of every contract, as data."""

from collections.abc import Callable

from sample_data.good_samples import SAMPLES, Record
from sample_data.twins import (
    Defect,
    Twin,
    all_blank,
    attribute_defects,
    blank_line,
    date_defects,
    duplicate,
    raw,
    reversed_dates,
    swap,
    swap_all,
    too_few,
    too_many,
    twin,
    unclosed,
)

BARE = '19" and 24" monitors'


def coupons(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "value", "", "the code is required"),
        swap("value too short", "value", "AB", "3 characters are the least"),
        swap("longer than recommended", "value", "SPRING26" + "X" * 23, "31 characters; 30 are recommended at most"),
        duplicate("value", first),
        *date_defects("expirydate"),
        swap("impossible date", "startdate", "2027-13-01T00:00:00Z", "there are 12 months"),
        reversed_dates("startdate", "expirydate"),
        swap("value too long", "recipientintegrationid", "c" * 1001, "1000 characters are the most"),
        swap("not an integer", "limitval", "1.5", "uses are counted in whole numbers"),
        swap("out of range", "limitval", "1000000", "999999 is the most"),
        swap("not a number", "discountlimit", "2,50", "the decimal sign is a point"),
        swap("out of range", "discountlimit", "-1", "0 is the least"),
        swap("invalid json", "attributes", '{"priority": NaN}', "NaN is not JSON"),
        *attribute_defects(),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


def referrals(first: Record) -> list[Defect]:
    advocate = "advocateprofileintegrationid"
    return [
        swap("blank required value", "code", "", "the code is required"),
        swap("value too short", "code", "REF", "4 characters are the least"),
        duplicate("code", first),
        swap("blank required value", advocate, "", "the advocate is required"),
        swap("value too long", advocate, "c" * 1001, "1000 characters are the most"),
        *date_defects("startdate", also={"expirydate": ""}),
        reversed_dates("startdate", "expirydate"),
        swap("not an integer", "limitval", "many", "not a number at all"),
        swap("out of range", "limitval", "-1", "0 is the least"),
        *attribute_defects(),
        too_few(),
        too_many(),
        blank_line(),
    ]


def giveaways(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "code", "", "the code is required"),
        duplicate("code", first),
        *date_defects("enddate"),
        swap("date without offset", "startdate", "2026-05-01T00:00:00", "no Z and no offset"),
        reversed_dates("startdate", "enddate"),
        *attribute_defects(),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


def loyalty_points(_first: Record) -> list[Defect]:
    one_expiry = {"validityDuration": ""}
    return [
        swap("blank required value", "amount", "", "how many points is required"),
        swap("not a number", "amount", "12,50", "the decimal sign is a point"),
        swap("not a number", "amount", "NaN", "not a number by its own account"),
        swap("out of range", "amount", "0", "an amount is greater than 0"),
        swap("out of range", "amount", "-25", "an amount is greater than 0"),
        swap("out of range", "amount", "1000000000000", "999999999999.99 is the most"),
        swap("too many decimals", "amount", "10.125", "balances have two decimals"),
        swap_all("no owner", {"customerprofileid": "", "identifier": ""}, "neither a profile nor a card"),
        swap_all("two owners", {"identifier": "CARD-2026-0001"}, "a profile and a card"),
        swap("value too long", "customerprofileid", "c" * 256, "255 characters are the most"),
        swap("not a date", "startdate", "Immediate", "the word is `immediate`"),
        swap("date without offset", "startdate", "2027-05-01T00:00:00", "no Z and no offset"),
        *date_defects("expirydate", also=one_expiry),
        reversed_dates("startdate", "expirydate", also=one_expiry),
        swap_all(
            "two expiries",
            {"startdate": "immediate", "expirydate": "2031-01-01T00:00:00Z", "validityDuration": "30D"},
            "expirydate and validityDuration exclude each other",
        ),
        swap("bad duration", "validityDuration", "30d", "days are `D`", also={"expirydate": ""}),
        swap("bad duration", "validityDuration", "12M_D", "only days can be rounded down", also={"expirydate": ""}),
        swap("value too long", "subledgerid", "s" * 65, "64 characters are the most"),
        swap("value too long", "reason", "é" * 256, "255 characters are the most"),
        too_few(),
        too_many(),
        blank_line(),
    ]


def loyalty_tiers(first: Record) -> list[Defect]:
    key = {name: first[name] for name in ("subledgerid", "customerprofileid")}
    return [
        swap("blank required value", "customerprofileid", "", "the customer is required"),
        swap("value too long", "customerprofileid", "c" * 1001, "1000 characters are the most"),
        swap("blank required value", "tiername", "", "the tier is required"),
        swap("value too long", "subledgerid", "s" * 65, "64 characters are the most"),
        swap("date in the past", "expirydate", "2020-01-01T00:00:00Z", "a tier should end in the future"),
        *date_defects("expirydate"),
        swap_all("duplicate key", key, "subledger and customer of record 1 again"),
        too_few(),
        too_many(),
        all_blank(),
        blank_line(),
    ]


def loyalty_cards(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "identifier", "", "the identifier is required"),
        swap("value too short", "identifier", "C-1", "4 characters are the least"),
        swap("value too long", "identifier", "C" * 109, "108 characters are the most"),
        swap("bad characters", "identifier", "CARD 2026 0900", "spaces are not allowed"),
        swap("bad characters", "identifier", "KARTE-ÄÖÜ", "letters are A to Z"),
        duplicate("identifier", first),
        swap("blank required value", "state", "", "the state is required"),
        swap("not a listed word", "state", "Active", "the word is `active`"),
        swap("not a listed word", "state", "blocked", "`active` or `inactive`"),
        swap("value too long", "customerprofileids", f"customer-0001;{'c' * 1001}", "1000 characters are the most"),
        *attribute_defects(),
        too_few(),
        too_many(),
        blank_line(),
    ]


def loyalty_join_dates(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "customerprofileid", "", "the customer is required"),
        duplicate("customerprofileid", first),
        swap("value too long", "customerprofileid", "c" * 1001, "1000 characters are the most"),
        swap("blank required value", "joindate", "", "the date is required"),
        *date_defects("joindate"),
        swap("impossible date", "joindate", "2024-05-01T24:30:00Z", "the day has 24 hours"),
        too_few(),
        too_many(),
        blank_line(),
    ]


def collections(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "item", "", "an item cannot be blank"),
        duplicate("item", first),
        raw("too many fields", "item", "Jeans 31/32, slim", "the comma is not quoted"),
        raw(
            "undoubled quote", "item", '"19" monitor and 24" monitor"', "quotes inside a quoted cell are doubled in CSV"
        ),
        raw("bare quote", "item", BARE, "a cell with quotes is quoted itself"),
        raw("too many fields", "item", "SKU-00099,", "a comma at the end makes a second field"),
        unclosed("Sommerkleid, rot"),
    ]


def stores(first: Record) -> list[Defect]:
    column = "store_integration_id"
    return [
        swap("blank required value", column, "", "the store is required"),
        swap("value too long", column, "S" * 1001, "1000 characters are the most"),
        duplicate(column, first),
        too_many(),
        blank_line(),
    ]


def store_budgets(first: Record) -> list[Defect]:
    column = "store_integration_id"
    return [
        swap("blank required value", column, "", "the store is required"),
        swap("value too long", column, "S" * 1001, "1000 characters are the most"),
        duplicate(column, first),
        swap("blank required value", "limit", "", "the limit is required"),
        swap("not a number", "limit", "1,500", "no thousands separator"),
        swap("not a number", "limit", "€200", "no currency sign"),
        swap("out of range", "limit", "-1", "0 is the least"),
        too_few(),
        too_many(),
        blank_line(),
    ]


def audiences(first: Record) -> list[Defect]:
    column = "profileintegrationid"
    return [
        swap("blank required value", column, "", "the profile is required"),
        swap("value too long", column, "c" * 1001, "1000 characters are the most"),
        duplicate(column, first),
        too_many(),
        blank_line(),
    ]


def attribute_values(first: Record) -> list[Defect]:
    return [
        swap("blank required value", "item", "", "an item cannot be blank"),
        duplicate("item", first),
        raw("bare quote", "item", BARE, "a cell with quotes is quoted itself"),
        too_many(),
        blank_line(),
    ]


BROKEN: dict[str, Callable[[Record], list[Defect]]] = {
    "coupons": coupons,
    "referrals": referrals,
    "giveaways": giveaways,
    "loyalty-points": loyalty_points,
    "loyalty-tiers": loyalty_tiers,
    "loyalty-cards": loyalty_cards,
    "loyalty-join-dates": loyalty_join_dates,
    "collections": collections,
    "stores": stores,
    "store-budgets": store_budgets,
    "audiences": audiences,
    "attribute-values": attribute_values,
}


def content_twins() -> dict[str, Twin]:
    """Return the twins whose header is right, by contract."""
    twins = {}
    for contract, defects in BROKEN.items():
        good = list(SAMPLES[contract]().records)
        if contract == "loyalty-points":  # both owner columns, to show both and neither filled
            good = [{"customerprofileid": row["customerprofileid"], "identifier": ""} | row for row in good]
        twins[contract] = twin(good, defects(good[0]))
    return twins
