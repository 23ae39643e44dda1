"""Records inside a quoted cell are an error; text that only looks like some is a warning, or nothing."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

SAMPLES = Path(__file__).parents[3] / "sample_data"


def check(contract: str, data: bytes, **chosen: object) -> FileReport:
    chosen_settings = ValidationSettings(**chosen)  # type: ignore[arg-type] # by name
    source = Source("memory.csv", lambda: io.BytesIO(data))
    return validate_files(CONTRACTS[contract], [source], settings=chosen_settings).files[0]


SWALLOWED = {
    "one record": ("coupons", b'value,limitval\n"AB1,1\nAB2",2\n'),
    "the last cell of the first": ("coupons", b'value,limitval,recipientintegrationid\nAB1,1,"a\nAB2,1,b\nAB3,1,c"\n'),
    "records that are wrong themselves": (
        "coupons",
        b'value,limitval,expirydate\nAB1,1,"x\nAB2,-1,31/12/2030\nAB3,1.0,2030-12-31\nAB4,1,y"\n',
    ),
    "nearly all lines": ("coupons", b'value,limitval\nAB1,"1\n' + b"AB2,1\n" * 9 + b'what is this\n\nAB3,2"\n'),
    "CRLF": ("coupons", b'value,limitval\r\nAB1,"1\r\nAB2,1\r\nAB3,1"\r\n'),
    "semicolons": ("coupons", b'value;limitval\nAB1;"1\nAB2;1\nAB3;1"\n'),
    "ids": ("audiences", b'profileintegrationid\n"a1\na2\na3"\n'),
    "items": ("collections", b'item\nred\n"blue\ngreen\nblack"\n'),
    "many items with blanks": ("collections", b'item\n"blue\n' + b"dark green\n" * 9 + b'black"\n'),
    "points": ("loyalty-points", b'customerprofileid,amount,reason\nc1,5,"x\nc2,12.5,y\nc3,7,z"\n'),
    "tiers": ("loyalty-tiers", b'subledgerid,customerprofileid,tiername,expirydate\n,c1,"G\n,c2,G,\n,c3,G",\n'),
    "cards": (
        "loyalty-cards",
        b'identifier,state,customerprofileids\nC001,active,"a\nC002,inactive,a;b\nC003,active,"\n',
    ),
}
WARNED = {
    "prose": ("coupons", b'value,limitval,recipientintegrationid\nAB1,1,"we\nare sorry, truly, for this\nbye"\n'),
    "a code over two lines": ("audiences", b'profileintegrationid\n"a1\na2"\n'),
    "three items with blanks": ("collections", b'item\n"red shoe\nblue shoe\ngreen shoe"\n'),
}
HARMLESS = {
    "prose of another shape": ("coupons", b'value,limitval,recipientintegrationid\nAB12,1,"we\nare sorry\nbye"\n'),
    "JSON": ("coupons", b'value,limitval,attributes\nAB12,1,"{\n ""a"": 1,\n ""b"": 2,\n ""c"": 3\n}"\n'),
    "an item over two lines": ("collections", b'item\n"Shoe\nblue"\n'),
    "a reason with an address": (
        "loyalty-points",
        b'customerprofileid,amount,reason\nc1,5,"Main Street 1\n10115 Berlin, Germany\nphone 1"\n',
    ),
}


@pytest.mark.parametrize("case", SWALLOWED.values(), ids=SWALLOWED)
def test_records_in_a_quoted_cell_are_an_error(case: tuple[str, bytes]) -> None:
    report = check(*case)
    assert report.counts["STR109"] == 1
    assert report.errors >= 1


@pytest.mark.parametrize("case", WARNED.values(), ids=WARNED)
def test_lines_that_may_be_records_are_a_warning(case: tuple[str, bytes]) -> None:
    report = check(*case)
    assert report.counts.get("STR115") == 1
    assert report.errors == 0


@pytest.mark.parametrize("case", HARMLESS.values(), ids=HARMLESS)
def test_text_over_several_lines_causes_no_finding(case: tuple[str, bytes]) -> None:
    assert check(*case).counts == {}


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SAMPLES.glob("*.csv"))), st.data())
def test_a_forgotten_quote_that_swallows_records_of_a_sample_is_an_error(path: Path, data: st.DataObject) -> None:
    contract = next(name for name in sorted(CONTRACTS, key=len, reverse=True) if path.stem.startswith(name))
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    plain = [row for row in rows[:400] if not any(set(cell) & set(' ",\n') for cell in row)]
    if len(plain) < 8:
        return
    first = data.draw(st.integers(0, len(plain) - 4))
    last = data.draw(st.integers(first + 2, len(plain) - 1))
    lines = [",".join(row) for row in plain]
    column = data.draw(st.integers(0, len(header) - 1))
    cells = lines[first].split(",")
    lines[first] = ",".join([*cells[:column], '"' + ",".join(cells[column:])])
    beginning = lines[last].split(",")
    at = data.draw(st.integers(0, len(header) - 1))
    lines[last] = ",".join([*beginning[:at], beginning[at] + '"', *beginning[at + 1 :]])
    text = "\n".join([",".join(header), *lines, ""])
    report = check(contract, text.encode(), block_bytes=data.draw(st.sampled_from([64, 1000, 1 << 20])))
    assert report.errors >= 1
    if at == column or len(header) == 1:  # the record has as many cells as the header: only its lines give it away
        assert report.counts.get("STR109") == 1
