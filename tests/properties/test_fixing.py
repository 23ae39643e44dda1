"""Repairs of files with wrong bytes, structure and cells lose nothing and leave nothing to repair."""

import io
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.errors import DataError
from bulkops.fixing.catalogue import REPAIRS, RepairKind
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity

lean = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))

contracts = st.sampled_from(list(CONTRACTS.values()))
zones = st.sampled_from([None, ZoneInfo("Europe/Berlin")])
pieces = st.sampled_from(
    [
        '"',
        '""',
        '"x"',
        "A1",
        " ",
        "{",
        "}",
        '{"a": 1, "b": 2}',
        '"{"a": "x", "b": 2}"',
        '{""a"": 1}',
        '"{""a"": 1, ""b"": [1, 2]}"',
        "1.0",
        " 1.0",
        "0,125",
        "12,5",
        '"12,5"',
        "1,500",
        "03/04/2030",
        " 13/04/2030",
        "03.04.2030",
        "03.13.2030",
        "31/04/2030",
        "1\ufe0fA\ufe0f",
        "Ã\u00a0",
        "Å\u201a",
        "2030-01-01",
        "46023",
        "immediate",
        "12345678",
        "7",
        "'7",
        '19" x',
        ' "q" ',
        '="0012"',
        "\u200b",
        "\xa0",
        "NULL",
        "“",
        "é",
        "\t",
        "Active",
        "30d",
        "a; b;;b",
        "x\ny",
        "\u2028",
        "\ufeff",
        '\\"',
        "3.750",
        "04/13/2030",
        "203012312359",
        "(2 rows affected)",
        "Summary",
        '"CODE1,1"',
    ]
).map(str.encode)
bytes_of_others = st.sampled_from(
    [b"\xe9", b"\xc3", b"\xe2\x82", b"\x92", b"\xff", b"\x1b", b"\0", b"\x0c", b"\r", b"\n", b"\r\n", b"\n\n"]
)
decided = st.sampled_from([None, True, False])
options = st.builds(FixOptions, unsafe=st.booleans(), zone=zones, day_first=decided, end_of_day=decided)
safe = st.builds(FixOptions, zone=zones, end_of_day=decided)


def example_of(contract: Contract, name: str) -> bytes:
    known = {column.name.lower(): column.example for column in contract.columns}
    return known.get(name.strip().lower(), "").encode()


@st.composite
def files(draw: st.DrawFn, contract: Contract) -> bytes:
    """Return a header of the contract's columns, some of them misspelt or blank, and records of anything."""
    separator = draw(st.sampled_from([b",", b",", b";", b"\t"]))
    names = draw(st.permutations(contract.column_names))[: draw(st.integers(1, len(contract.columns)))]
    spelt = [draw(st.sampled_from([name, name, name, name.upper(), f" {name}"])) for name in names]
    spelt = draw(
        st.permutations(
            [*spelt, *draw(st.lists(st.sampled_from(["", "", "other", "code", "a,b", names[0]]), max_size=2))]
        )
    )
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]))
    cell = st.lists(pieces | bytes_of_others, max_size=2).map(b"".join)
    record = st.lists(cell, min_size=len(spelt), max_size=len(spelt)).map(separator.join)
    wrapped = record.map(lambda text: b'"' + text.replace(b'"', b'""') + b'"')
    valid = st.just(separator.join(example_of(contract, name) for name in spelt))
    records = draw(st.lists(record | valid | wrapped | st.lists(cell, max_size=5).map(separator.join), max_size=12))
    lines = [separator.join(name.encode() for name in spelt), *records, *([records[0]] if records else [])]
    start, last = (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"sep=;\n", b"\r", b"\n"])),
        draw(st.sampled_from([b"", end])),
    )
    return start + end.join(lines) + (last if len(spelt) > 1 else end)


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def fixed(contract: Contract, data: bytes, chosen: FixOptions) -> tuple[bytes, list[Change]]:
    """Return the repaired copy and the changes; of a file that is refused, the file itself."""
    out = io.BytesIO()
    changes: list[Change] = []
    try:
        fix_file(contract, source_of(data), out, options=chosen, log=changes.append)
    except DataError as refused:
        if "invalid quotes would divide the records differently" not in refused.message:
            raise
        return data, []
    return out.getvalue(), changes


def judged(contract: Contract, data: bytes) -> FileReport:
    return validate_files(contract, [source_of(data)]).files[0]


def has_header(contract: Contract, data: bytes) -> bool:
    return not {"HDR107", "FIL101"} & set(judged(contract, data).counts)


STRUCTURE = ("FIL", "STR", "HDR")


def structural(report: FileReport) -> dict[str, int]:
    found = {code: count for code, count in report.counts.items() if code.startswith(STRUCTURE) and code != "STR110"}
    return {code: count for code, count in found.items() if report.severities[code] is Severity.ERROR}


@lean
@given(contracts, st.data(), options)
def test_fixing_twice_changes_nothing_more(contract: Contract, data: st.DataObject, chosen: FixOptions) -> None:
    original = data.draw(files(contract))
    if has_header(contract, original):
        once, changes = fixed(contract, original, chosen)
        assert changes or once == original
        assert fixed(contract, once, chosen) == (once, [])


@lean
@given(contracts, st.data(), options)
def test_a_fixed_file_has_no_more_structural_errors_than_before(
    contract: Contract, data: st.DataObject, chosen: FixOptions
) -> None:
    """A record has as many cells, quotes as right and bytes as valid as before: no such rule is broken more often."""
    original = data.draw(files(contract))
    if has_header(contract, original):
        before, after = judged(contract, original), judged(contract, fixed(contract, original, chosen)[0])
        structure = [
            sum(n for code, n in report.counts.items() if code.startswith(STRUCTURE) and code != "STR110")
            for report in (before, after)
        ]
        assert structure[1] <= structure[0]
        # An unreadable record may break another rule once the separators or the columns of the file change.
        if not {"HDR104", "HDR108"} & set(before.counts):
            assert set(structural(after)) <= set(structural(before))


@lean
@given(contracts, st.data(), options)
def test_a_fixed_file_without_errors_has_no_errors(contract: Contract, data: st.DataObject, chosen: FixOptions) -> None:
    original = data.draw(files(contract))
    if not judged(contract, original).errors:
        once = fixed(contract, original, chosen)[0]
        assert not judged(contract, once).errors, once


@lean
@given(contracts, st.data(), safe)
def test_safe_repairs_of_readable_records_leave_no_more_errors(
    contract: Contract, data: st.DataObject, chosen: FixOptions
) -> None:
    original = data.draw(files(contract))
    before = judged(contract, original)
    if not structural(before):
        assert judged(contract, fixed(contract, original, chosen)[0]).errors <= before.errors


@lean
@given(contracts, st.data(), options)
def test_every_change_has_a_record_and_changes_its_text(
    contract: Contract, data: st.DataObject, chosen: FixOptions
) -> None:
    original = data.draw(files(contract))
    if has_header(contract, original):
        lines = original.count(b"\n") + original.count(b"\r") + 1
        records = judged(contract, original).records
        for change in fixed(contract, original, chosen)[1]:
            assert 1 <= change.line <= lines
            assert change.record is None or 1 <= change.record <= records
            assert change.before != change.after
            kinds = REPAIRS[change.code]
            assert chosen.unsafe or RepairKind.SAFE in kinds or (RepairKind.OPTION in kinds and chosen.zone is not None)


@lean
@given(contracts, st.data(), options)
def test_every_removed_record_of_a_fixed_file_is_listed(
    contract: Contract, data: st.DataObject, chosen: FixOptions
) -> None:
    original = data.draw(files(contract))
    if has_header(contract, original):
        once, changes = fixed(contract, original, chosen)
        if not {change.code for change in changes} & {"FIL108", "STR104", "STR105", "STR106", "STR107", "STR116"}:
            removed = [c for c in changes if c.record is not None and c.column is None and not c.after]
            assert judged(contract, once).records == judged(contract, original).records - len(removed)


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
@pytest.mark.parametrize(
    ("contract", "data"),
    [
        ("coupons", b"\r\t\t;'\n;"),
        ("coupons", b"\r\r\nvalue\nABCD\n"),
        ("coupons", b"\r\" ';,',\x0c; \n\r"),
        ("giveaways", b"code,startdate,enddate\nNULL,Mar-26,2030-01-01T00:00:00Z\n"),
        ("coupons", b'Value;"a,b"\nABCD;1\n\n'),
        ("loyalty-cards", b'\n"a,b",state,a,b," identifier"\r\r'),
        ("stores", b'store_integration_id\n"CODE23\\"""\nS1\n'),
        ("collections", "item\n\u2028\ncustomer-2\n".encode()),
        ("store-budgets", b"a|limit\rTotal,"),
        ("store-budgets", b'store_integration_id,limit\n \xef\xbb\xbf"{"{ }"b",5\n'),
        ("referrals", b'"'),
        ("audiences", b",\ra"),
        ("coupons", b"| value | limitval |\n|---|---|\n| A0001 | 1 |\n"),
        ("loyalty-cards", b';;;\nidentifier;state;;\n;;"";""""\n;;"";'),
        ("collections", b"item\nitem\nABCD,\n"),
        ("collections", b"item\nABCD,x\nABCD,x\n"),
        ("stores", b'store_integration_id,\r\nx\ny,\\"\r\nSTORE-001,\r\nSTORE-001,\r\n04/13/2030\t,'),
    ],
)
def test_files_that_broke_a_rule_of_repairs_before(contract: str, data: bytes, *, unsafe: bool) -> None:
    known, chosen = CONTRACTS[contract], FixOptions(unsafe=unsafe)
    if not has_header(known, data):
        return
    once, changes = fixed(known, data, chosen)
    before, after = judged(known, data), judged(known, once)
    assert fixed(known, once, chosen) == (once, [])
    assert all(change.before != change.after for change in changes)
    assert after.errors <= before.errors
    assert set(structural(after)) <= set(structural(before))
    removed = [c for c in changes if c.record is not None and c.column is None and not c.after]
    assert after.records == before.records - len(removed)
