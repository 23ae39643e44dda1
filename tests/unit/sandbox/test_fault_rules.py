"""The grammar of faults."""

import pytest

from bulkops.errors import UsageError
from bulkops.sandbox.app import NAMES
from bulkops.sandbox.faults import Mishap, parse_faults
from bulkops.sandbox.import_engine import ImportFault


@pytest.mark.parametrize(
    ("fault", "mishap"),
    [
        ("429", Mishap(status=429)),
        ("429:1.5", Mishap(status=429, retry_after="1.5")),
        ("503:after", Mishap(status=503, committed=True)),
        ("418", Mishap(status=418)),
        ("503:late:6", Mishap(status=503, late=6.0)),
        ("cut:during", Mishap(cut="during")),
        ("late:2", Mishap(late=2.0)),
        ("slow:0.5", Mishap(slow=0.5)),
        ("truncate", Mishap(truncate=True)),
        ("refuse:partial:7", Mishap(trouble=ImportFault(refuse_at=7, atomicity="until_error"))),
        ("lag:3", Mishap(trouble=ImportFault(lag=3.0))),
        ("short:200", Mishap(trouble=ImportFault(only=200))),
    ],
)
def test_a_fault_has_the_effect_that_the_page_describes(fault: str, mishap: Mishap) -> None:
    assert parse_faults(f"importCoupons={fault}", NAMES).next("importCoupons", "imports") == mishap


@pytest.mark.parametrize(
    "spec",
    [
        "importCoupons",
        "importCoupons=",
        "importCoupon=500",
        "importCoupons@x=500",
        "importCoupons@p1.5=500",
        "importCoupons=200",
        "importCoupons=429:soon",
        "importCoupons=500:never",
        "importCoupons=500:late",
        "importCoupons=500:late:soon",
        "importCoupons=500:after:3",
        "importCoupons=429:late:3",
        "importCoupons@every0=500",
        f"importCoupons@{'9' * 5000}=500",
        "importCoupons=cut",
        "importCoupons=cut:sometimes",
        "importCoupons=late",
        "importCoupons=late:inf",
        "importCoupons=lag:nan",
        "importCoupons=short",
        "importCoupons=short:half",
        f"importCoupons=short:{'9' * 5000}",
        "importCoupons=short:9223372036854775808",
        "importCoupons=slow:x",
        "importCoupons=refuse:some",
        "importCoupons=refuse:partial:0",
        "importCoupons=truncate:1",
        "importCoupons=explode",
        "seed=x",
        "{",
        '{"rules": 1}',
        '{"rules": [], "seed": 1e400}',
        '{"rules": ' + "[" * 100_000,
        '{"rules": [{"endpoint": "imports"}]}',
    ],
)
def test_a_specification_that_means_nothing_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError):
        parse_faults(spec, NAMES)


def test_the_first_rule_that_fits_is_applied() -> None:
    faults = parse_faults(" imports@2=500 , importCoupons@1-3=502, all=503 ", NAMES)
    found = [faults.next("importCoupons", "imports").status for _ in range(4)]
    assert found == [502, 500, 502, 503]
    assert faults.next("getCampaign", "reads").status == 503
    assert parse_faults(None, NAMES).next("importCoupons", "imports") == Mishap()


NINES = "9" * 5000


@pytest.mark.parametrize(
    "spec",
    [
        "importCoupons=late:nan",
        "importCoupons=slow:inf",
        "importCoupons=lag:1e999",
        "importCoupons=slow:99999999999",
        f"importCoupons=late:{NINES}",
        f"importCoupons=429:{NINES}",
        f"importCoupons=refuse:partial:{NINES}",
        f"importCoupons@{NINES}=500",
        f"importCoupons@every{NINES}=500",
        "importCoupons@every0=500",
        f"seed={NINES}",
        '{"rules": [], "seed": ' + NINES + "}",
        "[" * 5000,
        '{"rules": ' + "[" * 5000,
    ],
)
def test_a_fault_with_a_number_without_end_or_meaning_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_faults(spec, NAMES)
    assert len(str(caught.value)) < 1000
