"""What contracts say about the API: limits and optional cells as its texts state them, no more and no less."""

import io

import polars as pl
import pytest

from bulkops.readback.compare.canonical import live_rows
from bulkops.readback.compare.values import instants
from bulkops.reading.sources import stream_source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops_validators import CONTRACTS, LoyaltyPoints, LoyaltyTiers
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.describe import limit_lines, markdown

RECOMMENDS_500_MB = {
    "audiences", "coupons", "giveaways", "loyalty-join-dates", "loyalty-points", "loyalty-tiers", "referrals",
}  # fmt: skip
ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.name)


def judged(contract: str, text: str) -> FileReport:
    source = stream_source("f.csv", io.BytesIO(text.encode()))
    return validate_files(CONTRACTS[contract], [source]).files[0]


@ALL
def test_500_mb_are_a_recommendation_where_the_import_recommends_them(contract: Contract) -> None:
    lines = [line for line in limit_lines(contract) if "MB" in line]
    if contract.name in RECOMMENDS_500_MB:
        assert lines == [f"At most 500 MB per request are recommended ({contract.source})."]
    else:
        assert lines == []


@ALL
def test_limit_of_records_names_the_text_that_states_it(contract: Contract) -> None:
    lines = [line for line in limit_lines(contract) if "records per request" in line]
    assert len(lines) == (contract.limits.max_records is not None)
    assert all(contract.limits.source in line for line in lines)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (
            "subledgerid,customerprofileid,tiername,expirydate\n,c1,Gold,\n,c2,Gold,2099-01-01T00:00:00Z\n",
            {"VAL131": 1},
        ),
        (
            "customerprofileid,tiername,expirydate\nc1,Gold,2099-01-01T00:00:00Z\nc2,Gold,  \n",
            {"VAL131": 1, "COD101": 0},
        ),
        ("customerprofileid,tiername\nc1,Gold\nc2,Gold\n", {"HDR131": 1}),
        ("customerprofileid,tiername,expirydate\nc1,Gold,2099-01-01T00:00:00Z\n", {}),
    ],
)
def test_tier_without_an_end_is_a_warning(text: str, counts: dict[str, int]) -> None:
    found = judged("loyalty-tiers", text)
    for code, number in counts.items():
        assert found.counts.get(code, 0) == number
    assert set(found.counts) >= {code for code, number in counts.items() if number}
    if not counts:
        assert found.counts == {}


def test_tier_without_an_end_is_valid_for_the_model() -> None:
    frame = pl.DataFrame({"customerprofileid": ["c1", "c2"], "tiername": ["Gold"] * 2, "expirydate": [None, ""]})
    frame = frame.with_columns(pl.col("expirydate").cast(pl.String))
    assert LoyaltyTiers.validate(frame, lazy=True).height == 2


@pytest.mark.parametrize(("length", "counts"), [(255, {}), (256, {"VAL130": 1}), (1000, {"VAL130": 1}), (1001, None)])
def test_profile_id_of_points_may_have_1000_characters(length: int, counts: dict[str, int] | None) -> None:
    found = judged("loyalty-points", f"customerprofileid,amount\n{'ä' * length},1\n")
    if counts is None:
        assert found.counts == {"VAL106": 1}
        return
    assert (found.counts, found.errors) == (counts, 0)
    assert all(len(finding.message) < 80 for finding in found.findings)
    LoyaltyPoints.validate(pl.DataFrame({"customerprofileid": ["ä" * length], "amount": ["1"]}), lazy=True)


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ("loyalty-tiers", ("matches the balance", "add or deduct points")),
        ("coupons", ("Letters and digits are recommended", "deleted for 7 days")),
        ("loyalty-points", ("last 50 transactions",)),
        ("loyalty-join-dates", ("release 26.19",)),
    ],
)
def test_the_page_of_a_contract_contains_the_advice_of_the_api(contract: str, said: tuple[str, ...]) -> None:
    text = markdown(CONTRACTS[contract])
    assert all(part in text for part in said)


@pytest.mark.parametrize("mark", ["", " ", "false", "False", "0", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00"])
def test_a_coupon_with_an_empty_deletion_mark_counts_as_live(mark: str) -> None:
    frame = pl.DataFrame({"value": ["A", "B"], "deleted": [mark, "2026-11-22T10:00:00Z"]})
    assert live_rows(frame)["value"].to_list() == ["A"]
    assert live_rows(pl.DataFrame({"value": ["A"], "deleted": ["true"]})).height == 0


def test_tier_dates_of_the_documented_sample_are_read_as_utc() -> None:
    found = instants(pl.Series(["2026-03-21T03:45:12Z05:00", "2023-08-02T15:04:05Z07:00"]))
    assert found.to_list() == ["2026-03-21T03:45:12Z", "2023-08-02T15:04:05Z"]
