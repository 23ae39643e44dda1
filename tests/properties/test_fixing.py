"""Repairs of files whose bytes, structure and cells are wrong in every way: nothing lost, nothing left to repair."""

import io
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract

lean = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))

contracts = st.sampled_from(list(CONTRACTS.values()))
options = st.builds(FixOptions, unsafe=st.booleans(), zone=st.sampled_from([None, ZoneInfo("Europe/Berlin")]))
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
    ]
).map(str.encode)
bytes_of_others = st.sampled_from(
    [b"\xe9", b"\xc3", b"\xe2\x82", b"\x92", b"\xff", b"\x1b", b"\r", b"\n", b"\r\n", b"\n\n"]
)


@st.composite
def files(draw: st.DrawFn, contract: Contract) -> bytes:
    """Return a header of the contract's columns, some of them misspelt or blank, and records of anything."""
    separator = draw(st.sampled_from([b",", b",", b";", b"\t"]))
    names = draw(st.permutations(contract.column_names))[: draw(st.integers(1, len(contract.columns)))]
    spelt = [draw(st.sampled_from([name, name, name, name.upper(), f" {name}"])) for name in names]
    spelt = draw(st.permutations([*spelt, *draw(st.lists(st.sampled_from(["", "", "other", names[0]]), max_size=2))]))
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    cell = st.lists(pieces | bytes_of_others, max_size=2).map(b"".join)
    record = st.lists(cell, min_size=len(spelt), max_size=len(spelt)).map(separator.join)
    records = draw(st.lists(record | st.lists(cell, max_size=5).map(separator.join), max_size=12))
    lines = [separator.join(name.encode() for name in spelt), *records, *([records[0]] if records else [])]
    start, last = draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"sep=;\n"])), draw(st.sampled_from([b"", end]))
    return start + end.join(lines) + (last if len(spelt) > 1 else end)


def source_of(data: bytes) -> Source:
    return Source("memory.csv", lambda: io.BytesIO(data))


def fixed(contract: Contract, data: bytes, chosen: FixOptions) -> tuple[bytes, list[Change]]:
    out = io.BytesIO()
    changes: list[Change] = []
    fix_file(contract, source_of(data), out, options=chosen, log=changes.append)
    return out.getvalue(), changes


def has_header(contract: Contract, data: bytes) -> bool:
    counts = validate_files(contract, [source_of(data)]).files[0].counts
    return not {"HDR107", "FIL101"} & set(counts)


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
def test_fixing_makes_nothing_worse(contract: Contract, data: st.DataObject, chosen: FixOptions) -> None:
    """A record has as many cells, quotes as right and bytes as valid as before: no such rule is broken more often."""
    original = data.draw(files(contract))
    if has_header(contract, original):
        before = validate_files(contract, [source_of(original)]).files[0]
        after = validate_files(contract, [source_of(fixed(contract, original, chosen)[0])]).files[0]
        structure = [
            sum(n for code, n in report.counts.items() if code.startswith(("FIL", "HDR", "STR")) and code != "STR110")
            for report in (before, after)
        ]
        assert structure[1] <= structure[0]


@lean
@given(contracts, st.data())
def test_every_change_says_which_record_it_was(contract: Contract, data: st.DataObject) -> None:
    original = data.draw(files(contract))
    if has_header(contract, original):
        lines = original.count(b"\n") + original.count(b"\r") + 1
        records = validate_files(contract, [source_of(original)]).files[0].records
        for change in fixed(contract, original, FixOptions(unsafe=True))[1]:
            assert 1 <= change.line <= lines
            assert change.record is None or 1 <= change.record <= records
            assert (change.before, change.after) != ("", "") or change.code == "STR103"
