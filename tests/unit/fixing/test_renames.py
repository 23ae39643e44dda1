"""Names of columns: spelling is repaired where one column may be meant, other words only as the user says."""

import io

import pytest

from bulkops.errors import UsageError
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract


def fixed(contract: Contract, data: bytes, **renames: str) -> tuple[bytes, list[Change]]:
    out, changes = io.BytesIO(), list[Change]()
    options = FixOptions(renames={old.replace("_", " "): new for old, new in renames.items()})
    fix_file(contract, Source("memory.csv", lambda: io.BytesIO(data)), out, options=options, log=changes.append)
    return out.getvalue(), changes


COUPONS = CONTRACTS["coupons"]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_no_column_is_renamed_that_another_one_may_be(contract: Contract) -> None:
    for column in contract.column_names:
        for header in (f"{column.upper()},{column.title()}", f" {column}x,{column.upper()}"):
            data = f"{header}\nA,B\n".encode()
            assert fixed(contract, data) == (data, [])


def test_an_amount_beside_a_code_does_not_become_the_code() -> None:
    data = b"Code,Value\nBLOOM-AA11,-10.0\n"
    assert fixed(COUPONS, data) == (data, [])
    after, changes = fixed(COUPONS, data, Code="value")
    assert after == b"value,Value\nBLOOM-AA11,-10.0\n"
    assert [(c.code, c.record, c.line, c.before, c.after) for c in changes] == [("HDR116", None, 1, "Code", "value")]


def test_renamed_columns_are_repaired_by_their_new_names() -> None:
    data = b"sep=;\nCoupon Code;Usage Limit\nBLOOM-AA11 ;1.0\n"
    after, changes = fixed(COUPONS, data, Coupon_Code="value", Usage_Limit="limitval")
    assert after == b"value,limitval\nBLOOM-AA11,1\n"
    renamed = [(c.line, c.before, c.after) for c in changes if c.code == "HDR102"]
    assert renamed == [(2, "Coupon Code", "value"), (2, "Usage Limit", "limitval")]


def test_two_columns_can_change_places() -> None:
    data = b"limitval,value\nBLOOM-AA11,1\n,\n"
    after, _ = fixed(COUPONS, data, limitval="value", value="limitval")
    assert after == b"value,limitval\nBLOOM-AA11,1\n"


@pytest.mark.parametrize(
    ("renames", "said"),
    [
        ({"Codes": "value"}, "line 1: the header has no column 'Codes'.\n  Did you mean 'Code'?"),
        ({"Code": "valu"}, "coupons has no column 'valu'.\n  Did you mean 'value'?"),
        ({"Code": "limitval"}, "line 1: columns 1 and 2 would both be 'limitval'"),
        ({"odd": "value"}, "line 1: columns 3 and 4 would both be 'value'"),
    ],
)
def test_a_rename_that_cannot_be_done_is_refused_with_its_place(renames: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        fixed(COUPONS, b"Code,limitval,odd,odd\nA,1,,\n", **renames)
    assert said in str(caught.value)


def test_a_file_with_contested_columns_is_not_clean() -> None:
    source = Source("memory.csv", lambda: io.BytesIO(b"Code,Value\nBLOOM-AA11,-10.0\n"))
    report = validate_files(COUPONS, [source]).files[0]
    assert (report.counts, report.errors) == ({"HDR116": 1}, 1)
