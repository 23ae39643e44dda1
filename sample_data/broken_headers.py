"""Say what is broken in each twin of sample_data/broken/header: a wrong header line over good records."""

from sample_data.good_samples import SAMPLES, Record
from sample_data.make_coupons import Placed
from sample_data.twins import LEAST_RECORDS, Flaw, Twin, line

HEADERS: dict[str, tuple[str, list[tuple[str, str | None, str]]]] = {
    "giveaways": (
        "code,startdate,expirydate,attributes",
        [("unknown column", "expirydate", "the end of a giveaway's window is called `enddate`")],
    ),
    "loyalty-tiers": (
        "subledgerid,customerprofileid,tier_name,expirydate",
        [
            ("missing column", "tiername", "a required column"),
            ("unknown column", "tier_name", "`tiername` is written in one word"),
        ],
    ),
    "loyalty-join-dates": (
        "customerprofileid,customerprofileid",
        [
            ("missing column", "joindate", "a required column"),
            ("duplicate column", "customerprofileid", "a name can stand only once"),
        ],
    ),
    "stores": (
        "storeintegrationid",
        [
            ("missing column", "store_integration_id", "a required column"),
            ("unknown column", "storeintegrationid", "the name has underscores: `store_integration_id`"),
        ],
    ),
}
"""Contract to its broken header line and what is wrong with that."""


def header_twin(good: list[Record], header: str, defects: list[tuple[str, str | None, str]]) -> Twin:
    """Put another header line over good records; defects are (kind, column, reason) and in no record."""
    flaws = tuple(Flaw(Placed(None, 1, column, kind), reason) for kind, column, reason in defects)
    return Twin(header + "\n" + "".join(line(list(record.values())) for record in good[:LEAST_RECORDS]), flaws)


def header_twins() -> dict[str, Twin]:
    """Return the twins whose header is wrong and whose records are good, by contract."""
    return {
        contract: header_twin(list(SAMPLES[contract]().records), header, defects)
        for contract, (header, defects) in HEADERS.items()
    }
