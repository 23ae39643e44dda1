"""Whatever an account and a file contain: every cell that names nothing is counted, and no other."""

import csv
import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.account.checks import KnownNames, fits
from bulkops.account.model import Account, Application, Attribute, Campaign, Program, Stores
from bulkops.account.parsing import attribute, campaign, has_more, items_of, program
from bulkops.account.snapshot import read_snapshot, write_snapshot
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS

NOW = datetime(2026, 11, 30, tzinfo=UTC)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
TYPES = ("string", "number", "boolean", "(list string)", "(list number)", "location", "time")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def judged(contract: str, header: list[str], rows: list[list[str]], account: Account, **settings: Any) -> FileReport:
    """Return the findings of the account rules in a file, read in blocks of a few records."""
    known = KnownNames(account, CONTRACTS[contract], settings.pop("ids"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
        chosen = ValidationSettings(select=("ACC",), named=known, block_bytes=64, **settings)
        (report,) = validate_files(CONTRACTS[contract], [path], settings=chosen).files
    return report


@settings(max_examples=60, deadline=None)
@given(tiers=st.lists(NAMES, max_size=4), cells=st.lists(NAMES, min_size=1, max_size=30), data=st.data())
def test_every_unknown_tier_is_counted_and_located_and_no_known_one_is(
    tiers: list[str], cells: list[str], data: st.DataObject
) -> None:
    cells = [data.draw(st.sampled_from([cell, *tiers])) for cell in cells]
    program = Program(id=1, card_based=False, tiers=tuple(tiers), tiers_expire=True)
    account = Account(base_url="x", read_at=NOW, programs=(program,))
    rows = [[f"c-{number}", cell] for number, cell in enumerate(cells)]
    header = ["customerprofileid", "tiername"]
    report = judged("loyalty-tiers", header, rows, account, ids={"program": 1}, grouped=False)
    wrong = [number for number, cell in enumerate(cells, start=1) if cell not in tiers]
    assert report.counts.get("ACC111", 0) == len(wrong)
    found = [finding for finding in report.findings if finding.code == "ACC111"]
    assert [finding.record for finding in found] == wrong
    assert [finding.value for finding in found] == [cells[number - 1] for number in wrong]
    assert {(finding.column, finding.line) for finding in found} == {("tiername", number + 1) for number in wrong}
    grouped = judged("loyalty-tiers", header, rows, account, ids={"program": 1})
    listed = [finding for finding in grouped.findings if finding.code == "ACC111"]
    others = Counter(cells[number - 1] for number in wrong)
    assert grouped.counts == report.counts
    assert {finding.value: finding.explains + 1 for finding in listed} == others
    assert [finding.record for finding in listed] == sorted(cells.index(cell) + 1 for cell in others)


@settings(max_examples=40, deadline=None)
@given(stores=st.lists(NAMES, max_size=4), cells=st.lists(NAMES, min_size=1, max_size=20), complete=st.booleans())
def test_a_list_that_was_not_read_to_its_end_proves_nothing(
    stores: list[str], cells: list[str], complete: bool
) -> None:
    account = Account(
        base_url="x",
        read_at=NOW,
        stores=(Stores(application=1, integration_ids=tuple(stores)),),
        complete=frozenset({"stores/1"} if complete else ()),
    )
    rows = [[cell] for cell in cells]
    report = judged("stores", ["store_integration_id"], rows, account, ids={"application": 1, "campaign": 1})
    assert report.counts.get("ACC112", 0) == (sum(cell not in stores for cell in cells) if complete else 0)


def test_the_first_unknown_names_of_a_file_get_a_suggestion_whatever_block_is_checked_first() -> None:
    stores = Stores(application=1, integration_ids=tuple(f"STORE-{number}" for number in range(9)))
    account = Account(base_url="x", read_at=NOW, stores=(stores,), complete=frozenset({"stores/1"}))
    rows = [[f"STORE-{number}X"] for number in (*range(40), *range(60))]
    different = [*range(1, 41), *range(81, 91)]
    for grouped, expected in ((False, list(range(1, 91))), (True, different)):  # the first 50 different names
        ids = {"application": 1, "campaign": 1}
        report = judged("stores", ["store_integration_id"], rows, account, ids=ids, grouped=grouped)
        suggested = [finding.record for finding in report.findings if "Did you mean" in finding.message]
        assert suggested == expected


@settings(max_examples=60, deadline=None)
@given(objects=st.lists(st.dictionaries(st.sampled_from("abcxy"), JSON, max_size=4), min_size=1, max_size=8),
       kinds=st.lists(st.sampled_from(TYPES), min_size=3, max_size=3), mask=st.booleans())  # fmt: skip
def test_attributes_are_unknown_or_of_another_type_exactly_where_they_are(
    objects: list[dict[str, Any]], kinds: list[str], mask: bool
) -> None:
    types = dict(zip("abc", kinds, strict=True))
    attributes = tuple(
        Attribute(id=number, entity="Coupon", name=name, type=kind) for number, (name, kind) in enumerate(types.items())
    )
    account = Account(base_url="x", read_at=NOW, attributes=attributes, complete=frozenset({"attributes"}))
    rows = [[f"CODE-{number}", json.dumps(each)] for number, each in enumerate(objects)]
    report = judged("coupons", ["value", "attributes"], rows, account, ids={}, mask=mask)
    unknown = sum(any(name not in types for name in each) for each in objects)
    other = sum(
        any(name in types and value is not None and not fits(types[name], value) for name, value in each.items())
        for each in objects
    )
    assert (report.counts.get("ACC121", 0), report.counts.get("ACC123", 0)) == (unknown, other)
    assert not mask or not any("'x'" in finding.message or "'y'" in finding.message for finding in report.findings)


KEYS = ("id", "name", "title", "features", "tiers", "cardBased", "state", "type", "entity", "suggestions", "data")
MORE_KEYS = ("subscribedApplicationsIds", "hasMore", "totalResultSize", "allowSubledger", "attributesSettings")


@settings(max_examples=100, deadline=None)
@given(document=st.dictionaries(st.sampled_from(KEYS + MORE_KEYS), JSON))
def test_any_document_of_a_server_becomes_a_part_or_nothing(document: dict[str, Any]) -> None:
    for read in (campaign, program, attribute):
        asked = read(document, {"application": 1}, number=7)
        assert asked is not None and asked.id == 7  # noqa: PT018 - one thought
        read(document, {"application": 1})
    items = items_of(document)
    has_more(document, skip=1, size=len(items or []), page=1000)


ACCOUNTS = st.builds(
    Account,
    base_url=st.just("https://x.talon.one"),
    read_at=st.datetimes(timezones=st.just(UTC)),
    format=st.just(1),
    applications=st.lists(st.builds(Application, id=st.integers(1)), max_size=2).map(tuple),
    campaigns=st.lists(st.builds(Campaign, id=st.integers(1), application=st.integers(1)), max_size=2).map(tuple),
    attributes=st.lists(st.builds(Attribute), max_size=2).map(tuple),
    complete=st.frozensets(st.text(max_size=9)),
)


@settings(max_examples=60, deadline=None)
@given(account=ACCOUNTS)
def test_any_account_is_read_as_it_was_written(account: Account) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_snapshot(account, Path(folder) / "a.json")
        assert read_snapshot(Path(folder) / "a.json", now=NOW) == account
