"""The sample files are what their scripts make, sound where they are called good, broken where they say so."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from sample_data.make_coupons import COLUMNS, main
from sample_data.make_samples import sample_files, with_tables

SAMPLES = Path(__file__).parents[2] / "sample_data"
FILES = sample_files()
RECORDS = {
    "coupons": 320,
    "coupons-20000": 20_000,
    "referrals": 280,
    "giveaways": 260,
    "loyalty-points": 360,
    "loyalty-points-cards": 250,
    "loyalty-tiers": 280,
    "loyalty-cards": 300,
    "loyalty-join-dates": 300,
    "collections": 320,
    "collections-campaign": 240,
    "stores": 240,
    "store-budgets": 240,
    "audiences": 290,
    "attribute-values": 240,
}
KEYS = {
    "loyalty-points": None,  # points are added each time: no key
    "loyalty-points-cards": None,
    "loyalty-tiers": ("subledgerid", "customerprofileid"),
}
ATTRIBUTE_TYPES: dict[str, type | tuple[type, ...]] = {
    "category": str,
    "source_system": str,
    "priority": (int, float),
    "vip": bool,
    "purchased_at": str,
    "tags": list,
    "scores": list,
    "visited_at": list,
}
WORDS = {"", "immediate", "on_action", "unlimited"}
ODD_RECORDS = {"too few fields", "too many fields", "undoubled quote", "bare quote", "unclosed quote", "blank line"}

Expected = dict[str, list[dict[str, object]]]
Place = tuple[int | None, int]  # record, or None for the header and blank lines, and physical line
TWINS = [
    pytest.param(folder, contract, id=f"{folder}/{contract}")
    for folder in ("broken", "broken/header")
    for contract in json.loads(FILES[f"{folder}/expected.json"])
]


def read(name: str) -> list[dict[str, str]]:
    with (SAMPLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def pieces(text: str) -> dict[Place, str]:
    """Split by counting quotes, whatever else is wrong; the header comes first."""
    found: dict[Place, str] = {}
    begun, record, pending = 1, 0, ""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        begun = begun if pending else number
        pending += line
        if pending.count('"') % 2 == 0 or number == len(lines):
            numbered = bool(found) and pending != "\n"
            record += numbered
            found[record if numbered else None, begun] = pending
            pending = ""
    return found


def at(place: dict[str, object]) -> object:
    return place["record"], place["line"]


def expected(folder: str, contract: str) -> list[dict[str, object]]:
    listed: Expected = json.loads((SAMPLES / folder / "expected.json").read_text(encoding="utf-8"))
    return listed[contract]


def instant(cell: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", cell), cell
    return datetime.fromisoformat(cell)


@pytest.mark.parametrize("path", FILES)
def test_the_committed_file_is_what_its_script_makes(path: str) -> None:
    assert (SAMPLES / path).read_bytes() == FILES[path].encode()


def test_every_csv_sample_is_written_by_its_script() -> None:
    assert {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.csv")} == {
        n for n in FILES if n.endswith("csv")
    }


def test_the_readme_lists_the_defects_of_every_twin() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert with_tables(readme) == readme
    listed = re.findall(r"^\| (\d*) \| (\d+) \| (\S*) \| ([^|]+) \| [^|]+ \|$", readme, re.MULTILINE)
    places = [
        (str(place["record"] or ""), str(place["line"]), place["column"] or "", place["kind"])
        for folder in ("broken", "broken/header")
        for places in json.loads(FILES[f"{folder}/expected.json"]).values()
        for place in places
    ]
    assert listed == places


@pytest.mark.parametrize(("name", "records"), RECORDS.items())
def test_a_good_sample_is_strict_csv_with_the_record_count_of_the_readme(name: str, records: int) -> None:
    assert len(read(name)) == records
    assert f"| `{name}.csv` |" in (readme := (SAMPLES / "README.md").read_text(encoding="utf-8"))
    assert re.search(rf"\| `{name}\.csv` \| `[a-z-]+` \| {records:,} \|", readme)


@pytest.mark.parametrize("name", RECORDS)
def test_a_good_sample_is_utf_8_without_mark_carriage_return_or_missing_last_line_end(name: str) -> None:
    content = (SAMPLES / f"{name}.csv").read_bytes()
    assert content.decode("utf-8")
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"\n")
    assert not content.endswith(b"\n\n")


@pytest.mark.parametrize("name", RECORDS)
def test_a_good_sample_repeats_no_key(name: str) -> None:
    rows = read(name)
    columns = KEYS.get(name, tuple(rows[0])[:1])
    keys = Counter(tuple(row[column] for column in columns or row) for row in rows)
    assert max(keys.values()) == 1


@pytest.mark.parametrize("name", RECORDS)
def test_dates_of_a_good_sample_have_offsets_and_starts_lie_before_ends(name: str) -> None:
    for row in read(name):
        dates = {column: cell for column, cell in row.items() if column.endswith("date") and cell not in WORDS}
        instants = {column: instant(cell) for column, cell in dates.items()}
        end = instants.get("expirydate") or instants.get("enddate")
        if end:
            assert end.year >= 2029
            assert "startdate" not in instants or instants["startdate"] < end
        assert not (row.get("validityDuration") and row.get("expirydate"))


@pytest.mark.parametrize("name", ["coupons", "coupons-20000", "referrals", "giveaways", "loyalty-cards"])
def test_attributes_of_a_good_sample_are_those_of_the_default_world(name: str) -> None:
    cells = {row["attributes"] for row in read(name)} - {""}
    assert any("\n" in cell for cell in cells)
    for cell in cells:
        for attribute, value in json.loads(cell).items():
            assert isinstance(value, ATTRIBUTE_TYPES[attribute])


def test_good_samples_name_only_profiles_cards_and_stores_that_are_there() -> None:
    world = json.loads((SAMPLES / "world.json").read_text(encoding="utf-8"))
    stores = {world["stores"]["pattern"].format(n) for n in range(1, world["stores"]["count"] + 1)}
    assert {row["store_integration_id"] for name in ("stores", "store-budgets") for row in read(name)} == stores
    profiles = {f"customer-{n:04d}" for n in range(1, 301)}
    columns = {
        "referrals": "advocateprofileintegrationid",
        "loyalty-tiers": "customerprofileid",
        "loyalty-join-dates": "customerprofileid",
        "audiences": "profileintegrationid",
    }
    for name, column in columns.items():
        assert {row[column] for row in read(name)} <= profiles
    cards = read("loyalty-cards")
    owners = {owner for row in cards for owner in row["customerprofileids"].split(";")} - {""}
    assert owners <= profiles
    active = {row["identifier"] for row in cards if row["state"] == "active"}
    assert {row["identifier"] for row in read("loyalty-points-cards")} <= active


def test_good_samples_together_contain_the_forms_of_real_files() -> None:
    points = read("loyalty-points")
    assert {row["startdate"] for row in points} >= {"", "immediate", "on_action"}
    assert {row["expirydate"] for row in points} >= {"", "unlimited"}
    assert {row["subledgerid"] for row in points} >= {"", "travel", "cashback"}
    assert {row["validityDuration"][-2:] for row in points} >= {"", "_U", "_D", "1Y"}
    assert any("\n" in row["reason"] for row in points)
    assert "kundin-Zoë-001" in {row["customerprofileid"] for row in points}
    assert {row["limitval"] for row in read("coupons")} >= {"", "0", "999999"}
    items = "".join(row["item"] + "|" for row in read("collections"))
    assert all(character in items for character in ',"\nö帽')
    assert set("._%+@-") <= set("".join(row["identifier"] for row in read("loyalty-cards")))


@pytest.mark.parametrize(("folder", "contract"), TWINS)
def test_a_listed_defect_begins_on_the_listed_line(folder: str, contract: str) -> None:
    found = pieces(FILES[f"{folder}/{contract}.csv"])
    assert 20 <= len(found) - 1 <= 45
    assert {at(place) for place in expected(folder, contract)} <= set(found)


@pytest.mark.parametrize(("folder", "contract"), TWINS)
def test_a_broken_twin_is_valid_except_for_its_listed_defects(folder: str, contract: str) -> None:
    listed = {at(place) for place in expected(folder, contract)}
    good = {tuple(row.values()) for row in read(contract)}
    if (folder, contract) == ("broken", "loyalty-points"):
        good = {(owner, "", *rest) for owner, *rest in good}
    found = pieces(FILES[f"{folder}/{contract}.csv"])
    intact = {tuple(next(csv.reader([text]))) for place, text in found.items() if place[0] and place not in listed}
    assert intact <= good
    assert len(intact) > 5


def number(cell: str) -> Decimal | None:
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def is_date(cell: str) -> bool:
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def reject_constant(name: str) -> object:
    raise ValueError(name)


def json_value(cell: str) -> object:
    try:
        return json.loads(cell, parse_constant=reject_constant)
    except ValueError:
        return None


CELL_SHOWS: dict[str, Callable[[str], bool]] = {
    "blank required value": lambda cell: not cell,
    "value too short": lambda cell: 0 < len(cell) < 4,
    "value too long": lambda cell: len(cell) in {65, 109, 256, 1001, len("customer-0001;") + 1001},
    "longer than recommended": lambda cell: len(cell) == 31,
    "bad characters": lambda cell: not re.fullmatch(r"[A-Za-z0-9._%+@-]+", cell),
    "not a listed word": lambda cell: cell not in {"active", "inactive"},
    "not a number": lambda cell: bool(cell) and number(cell) is None,
    "not an integer": lambda cell: not re.fullmatch(r"-?\d+", cell),
    "out of range": lambda cell: (value := number(cell)) is not None and not 0 < value < 10**6,
    "too many decimals": lambda cell: bool(re.fullmatch(r"\d+\.\d{3,}", cell)),
    "date without offset": lambda cell: is_date(cell) and bool(re.search(r"T[\d:]+$", cell)),
    "date with a space": lambda cell: is_date(cell) and " " in cell,
    "date without time": lambda cell: is_date(cell) and len(cell) == 10,
    "date in the past": lambda cell: instant(cell).year < 2026,
    "impossible date": lambda cell: not is_date(cell) and bool(re.match(r"\d{4}-\d\d-\d\dT\d\d:", cell)),
    "not a date": lambda cell: not re.match(r"\d{4}-", cell) and cell not in WORDS,
    "bad duration": lambda cell: not re.fullmatch(r"\d+(s|m|h|D(_[DU])?|[WMY](_U)?)", cell),
    "invalid json": lambda cell: bool(cell) and json_value(cell) is None,
    "json not an object": lambda cell: isinstance(json_value(cell), list),
    "bad attribute name": lambda cell: '"10_off":' in cell and isinstance(json_value(cell), dict),
}
ROW_SHOWS: dict[str, Callable[[dict[str, str]], bool]] = {
    "no owner": lambda row: not row["customerprofileid"] and not row["identifier"],
    "two owners": lambda row: bool(row["customerprofileid"] and row["identifier"]),
    "two expiries": lambda row: bool(row["expirydate"] and row["validityDuration"]),
    "start after expiry": lambda row: (
        instant(row["startdate"]) > instant(row["enddate"] if "enddate" in row else row["expirydate"])
    ),
    "blank record": lambda row: not any(row.values()),
}


def shows_in_structure(kind: str, text: str, width: int) -> bool:
    if kind == "blank line":
        return text == "\n"
    try:
        fields = len(next(csv.reader(io.StringIO(text), strict=True)))
    except csv.Error:
        return kind in {"undoubled quote", "unclosed quote"}
    return {
        "too few fields": fields < width,
        "too many fields": fields > width,
        "bare quote": '"' in text and not text.startswith('"'),
    }.get(kind, False)


def shows(place: dict[str, object], row: dict[str, str], first: dict[str, str]) -> bool:
    kind, column = str(place["kind"]), place["column"]
    if kind == "duplicate key":
        names = [column] if column else ["subledgerid", "customerprofileid"]
        return all(row[str(name)] == first[str(name)] for name in names)
    return CELL_SHOWS[kind](row[str(column)]) if column else ROW_SHOWS[kind](row)


@pytest.mark.parametrize("contract", json.loads(FILES["broken/expected.json"]))
def test_a_listed_defect_is_at_its_listed_place(contract: str) -> None:
    found = pieces(FILES[f"broken/{contract}.csv"])
    header, first_text, *_ = found.values()
    names = header.strip().split(",")
    first = dict(zip(names, next(csv.reader(io.StringIO(first_text))), strict=True))
    for place in expected("broken", contract):
        text = {where: text for where, text in found.items() if where == at(place)}.popitem()[1]
        if place["kind"] in ODD_RECORDS:
            assert shows_in_structure(str(place["kind"]), text, len(names)), place
        else:
            row = dict(zip(names, next(csv.reader(io.StringIO(text), strict=True)), strict=True))
            assert shows(place, row, first), place


def test_the_coupons_script_gives_the_same_bytes_for_the_same_arguments(tmp_path: Path) -> None:
    for name, arguments in {"a": [], "b": [], "other": ["--seed", "7"]}.items():
        main(["500", str(tmp_path / name), *arguments])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "other").read_bytes()
    assert (SAMPLES / "coupons-20000.csv").read_bytes().startswith((tmp_path / "a").read_bytes())


def test_wide_coupons_fill_every_column_in_about_128_bytes_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["20000", str(tmp_path / "wide.csv"), "--wide"])
    summary = json.loads(capsys.readouterr().out)
    assert summary["records"] == 20_000
    assert summary["bytes"] == (tmp_path / "wide.csv").stat().st_size
    assert 127 < summary["bytes"] / 20_000 < 130
    with (tmp_path / "wide.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, strict=True)
    assert len({row[0] for row in rows}) == len(rows)
    assert all(all(row) and len(row) == len(COLUMNS) for row in rows)


def test_the_coupons_script_breaks_the_records_it_lists_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["5000", str(tmp_path / "good.csv")])
    capsys.readouterr()
    main(["5000", str(tmp_path / "bad.csv"), "--defects", "0.05", "--expected", str(tmp_path / "bad.json")])
    summary = json.loads(capsys.readouterr().out)
    listed = json.loads((tmp_path / "bad.json").read_text())["coupons"]
    assert summary["defects"] == Counter(place["kind"] for place in listed)
    assert len(listed) == pytest.approx(250, rel=0.3)
    good = pieces((tmp_path / "good.csv").read_text(encoding="utf-8"))
    bad = pieces((tmp_path / "bad.csv").read_text(encoding="utf-8"))
    changed = {place for place, one, other in zip(bad, good.values(), bad.values(), strict=True) if one != other}
    assert changed == {at(place) for place in listed}


def test_codes_repeat_only_where_a_duplicate_is_listed(tmp_path: Path) -> None:
    main(["5000", str(tmp_path / "bad.csv"), "--defects", "0.5", "--expected", str(tmp_path / "bad.json")])
    listed = json.loads((tmp_path / "bad.json").read_text())["coupons"]
    kinds = {place["record"]: place["kind"] for place in listed}
    seen: set[str] = set()
    for (record, _), text in pieces((tmp_path / "bad.csv").read_text(encoding="utf-8")).items():
        code = text.split(",")[0]
        if kinds.get(record) not in {"blank required value", "value too short"}:
            assert (code in seen) == (kinds.get(record) == "duplicate key")
        seen.add(code)
    assert "duplicate key" in kinds.values()


def test_the_two_coupon_samples_share_no_code() -> None:
    assert not {row["value"] for row in read("coupons")} & {row["value"] for row in read("coupons-20000")}
