"""A sent record and the row that a deployment stores for it become equal canonical rows."""

import polars as pl
import pytest

from bulkops.errors import DataError
from bulkops.readback.compare.canonical import Fold, found_frame, missing_columns, sent_frame
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Readback


def readback(contract: str) -> Readback:
    found = CONTRACTS[contract].routes[0].readback
    assert found is not None
    return found


def test_rows_with_defaults_other_case_and_other_column_order_are_equal() -> None:
    way = readback("coupons")
    sent = sent_frame(way, pl.DataFrame({"Value": ["abc"], "limitval": [""], "attributes": [""]}), Fold.UPPERCASE)
    export = {
        "importid": ["9"], "attributes": ["{}"], "LIMITVAL": ["1"], "value": ["ABC"],
        "created": ["2026-01-01 00:00:00"],
        "startdate": [""], "expirydate": ["0001-01-01T00:00:00Z"], "recipientintegrationid": [""],
        "discount_limitval": ["0"], "extra": ["x"],
    }  # fmt: skip
    found = found_frame(way, pl.DataFrame(export), Fold.UPPERCASE)
    assert sent.rows() == found.select(sent.columns).rows()
    assert found.select("_import_id", "_created").rows() == [("9", "2026-01-01T00:00:00Z")]


def test_expiry_is_not_compared_where_a_duration_was_used() -> None:
    way = readback("loyalty-points")
    frame = pl.DataFrame({"customerprofileid": ["a", "b"], "amount": ["1", "1"], "validityDuration": ["3D", ""]})
    assert sent_frame(way, frame)["expirydate"].to_list() == [None, "unlimited"]


def test_end_date_that_the_program_sets_is_not_compared() -> None:
    way = readback("loyalty-tiers")
    frame = pl.DataFrame(
        {"customerprofileid": ["a", "b"], "tiername": ["Gold", "Gold"], "expirydate": ["", "2030-01-01T00:00:00Z"]}
    )
    assert sent_frame(way, frame)["expirydate"].to_list() == [None, "2030-01-01T00:00:00Z"]


def test_a_missing_json_field_is_blank_and_an_optional_one_is_not_compared() -> None:
    way = readback("loyalty-points")
    found = found_frame(way, pl.DataFrame({"customerProfileId": ["a"], "amount": ["1.0"], "importId": ["4"]}))
    assert found["identifier"].to_list() == [""]
    assert found["startdate"].to_list() == ["immediate"]
    assert found["reason"].to_list() == [None]


def test_csv_without_the_key_column_raises_data_error() -> None:
    with pytest.raises(DataError, match="'value'"):
        found_frame(readback("coupons"), pl.DataFrame({"code": ["x"]}))


def test_column_that_a_csv_lacks_is_null() -> None:
    found = found_frame(readback("coupons"), pl.DataFrame({"value": ["x"]}))
    assert found["attributes"].to_list() == [None]


@pytest.mark.parametrize(
    ("name", "columns", "missing"),
    [
        ("giveaways", ["code", "startdate", "enddate", "attributes", "importid", "created"], []),
        (
            "giveaways",
            ["id;code;importid;created"],
            ["code", "startdate", "enddate", "attributes", "importid", "created"],
        ),
        ("coupons", ["value", "importid"], ["created"]),
        ("coupons", ["VALUE", "importId", "created"], []),
        ("loyalty-cards", ["created"], ["identifier"]),
    ],
)
def test_export_without_rows_still_needs_the_identifying_columns(
    name: str, columns: list[str], missing: list[str]
) -> None:
    frame = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    assert missing_columns(readback(name), frame, filled=()) == missing


def test_each_item_of_a_page_needs_the_identifying_fields() -> None:
    way = readback("loyalty-points")
    whole = {"customerProfileId": ["a", "b"], "amount": ["1", "2"], "importId": ["4", ""], "created": ["t", "t"]}
    assert missing_columns(way, pl.DataFrame(whole), filled=("amount",)) == []
    assert missing_columns(way, pl.DataFrame(), filled=("amount",)) == []
    assert missing_columns(way, pl.DataFrame(whole | {"importId": ["4", None]}), filled=("amount",)) == ["importId"]
    assert missing_columns(way, pl.DataFrame(whole).drop("amount"), filled=("amount",)) == ["amount"]
