"""Samples of loyalty points: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.contracts.loyalty_cards import card, card_state
from sample_data.twins import Defect, blank_line, date_defects, reversed_dates, swap, swap_all, too_few, too_many
from sample_data.values import SUBLEDGERS, Record, Sample, moment, profile, sample


def points_owner(n: int) -> str:
    """Return a profile id; every twelfth is one that the import creates."""
    new = ("kundin-Zoë", "cliente-Íñigo", "顧客")[n // 12 % 3]
    return f"{new}-{n // 36 + 1:03d}" if n % 12 == 5 else profile(n * 13)


def points_cells(n: int) -> tuple[str, ...]:
    """Return amount, the dates in one of the documented combinations, subledger and reason."""
    start, expiry, validity = (
        ("immediate", "unlimited", ""),
        ("", "", ""),
        (moment(n, 2026, 3), moment(n, 2030, 3), ""),
        ("immediate", "", ("30D", "12M_U", "1Y", "2W_U", "90D_D", "36h")[n % 6]),
        ("on_action", "", ("90D", "6M", "1Y_U")[n % 3]),
        ("", moment(n, 2031, 2), ""),
        ("on_action", "unlimited", ""),
    )[n % 7]
    reason = (
        "Migration from the old programme",
        "",
        "Rückerstattung, Bestellung 4711",
        'Called "the double week"',
        "Réclamation traitée\npar le service clients",
        "誕生日ボーナス",
    )[n % 6]
    amount = ("100", "12.5", "0.01", "2500", "999.99", "1", "75.25", "20000")[n % 8]
    return amount, start, expiry, validity, SUBLEDGERS[n % 5 % 3], reason


def loyalty_points() -> Sample:
    """Return the records of loyalty-points.csv."""
    header = "customerprofileid,amount,startdate,expirydate,validityDuration,subledgerid,reason"
    return sample(header, lambda n: (points_owner(n), *points_cells(n)), 360)


def loyalty_points_cards() -> Sample:
    """Return the records of loyalty-points-cards.csv."""
    active = [card(n) for n in range(300) if card_state(n) == "active"]
    header = "identifier,amount,startdate,expirydate,validityDuration,subledgerid,reason"
    return sample(header, lambda n: (active[n], *points_cells(n + 2)), 250)


def defects(_first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `_first` is its first record."""
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
        swap("value too long", "customerprofileid", "c" * 256, "the maximum is 255 characters"),
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
        swap("value too long", "subledgerid", "s" * 65, "the maximum is 64 characters"),
        swap("value too long", "reason", "é" * 256, "the maximum is 255 characters"),
        too_few(),
        too_many(),
        blank_line(),
    ]


def with_both_owners() -> list[Record]:
    """Return the good records with both columns of owners, so that the twin can fill both or neither."""
    records = loyalty_points().records
    return [{"customerprofileid": record["customerprofileid"], "identifier": ""} | record for record in records]


SAMPLES = ContractSamples(
    contract="loyalty-points",
    good={"loyalty-points": loyalty_points, "loyalty-points-cards": loyalty_points_cards},
    defects=defects,
    twin_records=with_both_owners,
)
