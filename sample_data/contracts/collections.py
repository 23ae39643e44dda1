"""Samples of collections: good records, and defects for the broken twin."""

from sample_data.contract import ContractSamples
from sample_data.twins import BARE, Defect, duplicate, raw, swap, unclosed
from sample_data.values import Record, Sample, sample, token


def collections() -> Sample:
    """Return the records of collections.csv."""
    articles = (
        "SKU-{:05d}",
        "Sneaker „Föhn“, Größe {}",
        "Jeans {}/32, slim",
        '{}" monitor',
        "007{:03d}",
        "帽子 {}",
        "Gift set {}\nsoap, towel, candle",
    )
    return sample("item", lambda n: (articles[n % 7].format(n + 1),), 320)


def collections_campaign() -> Sample:
    """Return the records of collections-campaign.csv."""
    return sample("item", lambda n: (f"CS-{('VG', 'DV', 'DG')[n % 3]}-{token(n, 5)}-{n:03d}",), 240)


def defects(first: Record) -> list[Defect]:
    """Return the defects of the broken twin; `first` is its first record."""
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


SAMPLES = ContractSamples(
    contract="collections",
    good={"collections": collections, "collections-campaign": collections_campaign},
    defects=defects,
)
