"""Samples of loyalty cards: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import Defect, attribute_defects, blank_line, duplicate, swap, too_few, too_many
from sample_data.values import Record, Sample, attributes, profile, sample


def card(n: int) -> str:
    """Return a card identifier; between them they use every character the API allows."""
    form = (
        "CARD-2026-{:04d}",
        "CARD-2026-{:04d}",
        "legacy.{:04d}_A",
        "{:04d}%50+B",
        "mitglied.{:04d}@card.example",
    )
    return form[n % 5].format(n + 1)


def card_state(n: int) -> str:
    """Return the state of card `n`: every seventh is inactive."""
    return "inactive" if n % 7 == 6 else "active"


def loyalty_cards() -> Sample:
    """Return the records of loyalty-cards.csv."""

    def build(n: int) -> tuple[str, ...]:
        owners = ("", profile(n), f"{profile(n)};{profile(n + 150)}")[n % 3]
        return card(n), card_state(n), owners, attributes(n + 2)

    return sample("identifier,state,customerprofileids,attributes", build, 300)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
    return [
        swap("blank required value", "identifier", "", "the identifier is required"),
        swap("value too short", "identifier", "C-1", "the minimum is 4 characters"),
        swap("value too long", "identifier", "C" * 109, "the maximum is 108 characters"),
        swap("bad characters", "identifier", "CARD 2026 0900", "spaces are not allowed"),
        swap("bad characters", "identifier", "KARTE-ÄÖÜ", "letters are A to Z"),
        duplicate("identifier", first),
        swap("blank required value", "state", "", "the state is required"),
        swap("not a listed word", "state", "Active", "the word is `active`"),
        swap("not a listed word", "state", "blocked", "`active` or `inactive`"),
        swap("value too long", "customerprofileids", f"customer-0001;{'c' * 1001}", "the maximum is 1000 characters"),
        *attribute_defects(),
        too_few(),
        too_many(),
        blank_line(),
    ]


SAMPLES = ContractSamples(
    contract="loyalty-cards",
    good={"loyalty-cards": loyalty_cards},
    defects=defects,
)
