"""A step with a source becomes an import file in the order of the source, and each record keeps its row."""

import csv
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bulkops.checksums import sha256_of
from bulkops.errors import BulkopsError, DataError, UsageError
from bulkops.mapping.controls import refuse_other_totals
from bulkops.mapping.mapped import MappedFile, map_step, workspace
from bulkops.mapping.preview import first_pairs
from bulkops.mapping.result import FILES
from bulkops.origins import SourceOrigins, origins_path
from bulkops.recipe import Step
from bulkops.recipe_source import SourceSpec
from bulkops.sources import delimited
from bulkops.sources.opening import open_table

CODES = """Codes;Amount;Until;Owner;Kind
A-1, A-2;5,50;31.12.2030;u1;x
B-1;1.000,00;01.01.2031;u2;y
C-1;;;u3;y
"""
OWNERS = '{"id": "u1", "mail": "a@b.c"}\n{"id": "u2", "mail": "d@e.f"}\n'

Map = Callable[..., MappedFile]


@pytest.fixture
def mapped(tmp_path: Path) -> Map:
    (tmp_path / "codes.csv").write_text(CODES, encoding="utf-8")
    (tmp_path / "owners.jsonl").write_text(OWNERS, encoding="utf-8")

    def run(name: str = "out.csv", **keys: Any) -> MappedFile:
        with workspace(tmp_path / "state" / "work") as space:
            return map_step(step(tmp_path, **keys), tmp_path / name, space)

    return run


def step(folder: Path, **keys: Any) -> Step:
    source = {"file": folder / "codes.csv"}
    return Step.model_validate({"contract": "coupons", "source": source, "unused": ["*"], **keys})


def rows(found: MappedFile) -> list[dict[str, str]]:
    with found.path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(found: MappedFile) -> list[int]:
    origins = SourceOrigins.of_content(found.path)
    assert origins is not None
    known = [origins.of_record(record) for record in range(1, found.records + 1)]
    return [each.line for each in known if each is not None]


def test_columns_constants_and_a_condition_keep_the_order_and_the_lines(mapped: Map) -> None:
    columns = {"value": "Codes", "discountlimit": "decimal_comma(Amount)"}
    found = mapped(columns=columns, constants={"limitval": 1}, where="Until IS NOT NULL")
    assert rows(found) == [
        {"value": "A-1, A-2", "discountlimit": "5.50", "limitval": "1"},
        {"value": "B-1", "discountlimit": "1000.00", "limitval": "1"},
    ]
    assert (found.source_rows, found.rows_used, found.left_out, found.records) == (3, 2, 1, 2)
    assert lines(found) == [2, 3]


def test_a_list_becomes_rows_with_a_join_and_a_lookup(mapped: Map, tmp_path: Path) -> None:
    found = mapped(
        columns={
            "value": "code",
            "recipientintegrationid": "owners.mail",
            "attributes": "json_object('k', kinds(Kind))",
        },
        unnest={"code": "split_list(Codes)"},
        joins={"owners": {"source": tmp_path / "owners.jsonl", "match": "owners.id = source.Owner"}},
        lookups={"kinds": {"values": {"x": "big", "y": "small"}}},
    )
    cells = [(row["value"], row["recipientintegrationid"], json.loads(row["attributes"])["k"]) for row in rows(found)]
    assert cells == [
        ("A-1", "a@b.c", "big"), ("A-2", "a@b.c", "big"), ("B-1", "d@e.f", "small"), ("C-1", "", "small"),
    ]  # fmt: skip
    assert (lines(found), found.rows_used, found.left_out) == ([2, 2, 3, 4], 3, 0)


def test_an_inner_join_counts_the_rows_without_a_partner(mapped: Map, tmp_path: Path) -> None:
    join = {"source": tmp_path / "owners.jsonl", "match": "owners.id = source.Owner", "kind": "inner", "unused": "*"}
    found = mapped(columns={"value": "Codes"}, joins={"owners": join})
    assert (found.source_rows, found.rows_used, found.left_out) == (3, 2, 1)


def test_a_join_with_several_partners_is_refused_unless_it_is_intended(mapped: Map, tmp_path: Path) -> None:
    (tmp_path / "owners.jsonl").write_text(OWNERS + '{"id": "u2", "mail": "x@y.z"}\n', encoding="utf-8")
    join = {"source": tmp_path / "owners.jsonl", "match": "owners.id = source.Owner"}
    columns = {"value": "Codes", "recipientintegrationid": "mail"}
    with pytest.raises(DataError, match=r"codes\.csv, line 3: a join finds several partners"):
        mapped(columns=columns, joins={"owners": join})
    found = mapped(columns=columns, joins={"owners": {**join, "many": True}})
    assert [row["recipientintegrationid"] for row in rows(found)] == ["a@b.c", "d@e.f", "x@y.z", ""]


def test_a_group_has_the_origin_of_all_its_rows(mapped: Map) -> None:
    found = mapped(
        contract="audiences", columns={"profileintegrationid": "string_agg(Owner, '+' ORDER BY Owner)"}, group="Kind"
    )
    assert [row["profileintegrationid"] for row in rows(found)] == ["u1", "u2+u3"]
    origins = SourceOrigins.of_content(found.path)
    assert origins is not None
    second = origins.of_record(2)
    assert second is not None
    assert (second.line, second.rows, found.rows_used) == (3, 2, 3)


def test_bytes_of_origins_depend_on_the_rows_alone(
    mapped: Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "codes.csv").write_text("Codes\n" + "".join(f"{number}\n" for number in range(200_000)))
    found = set()
    for size in (1 << 24, 300_000):
        monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
        path = mapped(f"{size}.csv", columns={"value": "Codes"}, where="Codes NOT LIKE '%7'").path
        found.add(origins_path(path).read_bytes())
    assert len(found) == 1


def test_a_blank_cell_of_a_single_column_stays_a_record(mapped: Map) -> None:
    found = mapped(contract="audiences", columns={"profileintegrationid": "CASE WHEN Owner <> 'u2' THEN Owner END"})
    assert found.path.read_text(encoding="utf-8") == 'profileintegrationid\nu1\n""\nu3\n'


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"columns": {"value": "Code"}}, r"columns\.value: .*Code.* not found"),
        ({"columns": {"value": "Codes"}, "unused": ["Note"]}, r"unused: the source has no column 'Note'"),
        (
            {"columns": {"value": "Codes"}, "unused": ["Owner"]},
            r"does not use 3 of the columns of source: Amount, Until",
        ),
        ({"columns": {"value": "sum(Codes)"}}, r"columns\.value: sum needs rows that are grouped"),
        ({"columns": {"value": "unnest(split_list(Codes))"}}, r"columns\.value: unnest gives several values for a row"),
        ({"columns": {"value": "Codes"}, "where": "generate_subscripts([1], 1) = 1"}, "gives several values for a row"),
        ({"columns": {"value": "Codes"}, "where": "Owner"}, r"where: the expression is VARCHAR, not a condition"),
        ({"columns": {"value": "c"}, "unnest": {"c": "Codes"}}, r"unnest\.c: the expression is VARCHAR, not a list"),
        (
            {"columns": {"value": "Codes", "expirydate": "strptime(Until, '%d.%m.%Y')"}},
            r"columns\.expirydate: .* TIMESTAMP, which has no time zone",
        ),
        (
            {"columns": {"value": "Codes"}, "lookups": {"upper": {"values": {"a": "b"}}}},
            "a function of SQL has this name",
        ),
    ],
)
def test_a_wrong_mapping_names_its_key(mapped: Map, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mapped(**keys)


def test_unused_column_with_brackets_matches_its_own_name_only(tmp_path: Path, mapped: Map) -> None:
    (tmp_path / "codes.csv").write_text("Codes,Name [x],Really?,Name x\nA-1,1,2,3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"does not use 1 of the columns of source: Name x\."):
        mapped(columns={"value": "Codes"}, unused=["Name [x]", "Really?"])
    assert rows(mapped(columns={"value": "Codes"}, unused=["Name*", "Really?"])) == [{"value": "A-1"}]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"columns": {"value": "Codes", "limitval": "replace(Amount, ',', '.')::INT"}},
            r"codes\.csv, line 3: columns\.limitval: .*1\.000\.00",
        ),
        ({"columns": {"value": "kinds(Kind)"}, "lookups": {"kinds": {"values": {"x": "X"}}}}, r"line 3: .* no key y"),
        ({"columns": {"value": "Codes"}, "where": "Until::DATE > '2030-01-01'"}, r"codes\.csv, line 2: where: "),
    ],
)
def test_a_value_that_cannot_be_mapped_names_its_row(mapped: Map, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mapped(**keys)


def test_the_failing_row_is_found_among_many(tmp_path: Path, mapped: Map) -> None:
    numbers = ["1"] * 250_000
    numbers[170_001] = "one"
    (tmp_path / "codes.csv").write_text("Codes\n" + "\n".join(numbers) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 170003: columns\.limitval"):
        mapped(columns={"value": "Codes", "limitval": "Codes::INT"})


def test_many_rows_keep_their_order_and_their_lines(tmp_path: Path, mapped: Map) -> None:
    count = 400_000
    text = "Codes;Note\n" + "".join(f"CODE-{i:07};{'x' * 60}\n" for i in range(count))
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    found = mapped(columns={"value": "Codes"}, where="right(Codes, 1) IN ('1', '7')")
    wanted = [f"CODE-{i:07}" for i in range(count) if i % 10 in (1, 7)]
    assert [row["value"] for row in rows(found)] == wanted
    origins = SourceOrigins.of_content(found.path)
    assert origins is not None
    for record in (1, 2, 40_000, 40_001, 79_999, 80_000):
        origin = origins.of_record(record)
        assert origin is not None
        assert origin.line == int(wanted[record - 1][5:]) + 2
    assert origins.of_record(80_001) is None


def test_rows_of_several_staged_files_become_one_file_with_its_digest(
    tmp_path: Path, mapped: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 16 << 10)
    notes = [f"order {n}" for n in range(8_000)]
    notes[4_000] = 'order #4,000 "late"'
    with (tmp_path / "codes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows([("Codes", "Note"), *((f"CODE-{n}", note) for n, note in enumerate(notes))])
    assert len([*open_table(SourceSpec(file=tmp_path / "codes.csv")).frames()]) > 2 * FILES
    columns = {"value": "Codes", "attributes": "Note"}
    found = mapped(columns=columns)
    assert [row["attributes"] for row in rows(found)] == notes
    assert found.sha256 == sha256_of(found.path)
    columns["attributes"] = "CASE Note WHEN 'order 7500' THEN error('late') ELSE Note END"
    with pytest.raises(DataError, match=r"codes\.csv, line 7502: columns\.attributes: late"):
        mapped("other.csv", columns=columns)


def test_the_same_source_gives_the_same_bytes_and_a_complete_file_is_used_again(mapped: Map, tmp_path: Path) -> None:
    columns = {"value": "Codes || row_number() OVER (PARTITION BY Kind)"}
    first, second = mapped(columns=columns), mapped("other.csv", columns=columns)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.key, first.reused) == (second.key, False)
    assert mapped(columns=columns).reused
    with pytest.raises(UsageError, match="Another process"), workspace(tmp_path / "state" / "work"):
        mapped(columns=columns)


def test_origins_of_another_content_are_never_shown(mapped: Map) -> None:
    found = mapped(columns={"value": "Codes"})
    found.path.write_text("value\nX\n", encoding="utf-8")
    assert SourceOrigins.of_content(found.path) is None
    assert origins_path(found.path).exists()
    with pytest.raises(BulkopsError, match="bulkops did not write it, or it has changed"):
        mapped(columns={"value": "Codes"})


def test_control_totals_are_computed_from_the_written_file(mapped: Map) -> None:
    columns = {"value": "Codes", "discountlimit": "decimal_comma(Amount)"}
    good = {
        "source_rows": 3,
        "rows": 3,
        "sum(discountlimit)": 1005.5,
        "count(*) by value": {"A-1, A-2": 1, "B-1": 1, "C-1": 1},
    }
    found = mapped(columns=columns, expect=good)
    assert all(control.agrees for control in found.controls)
    assert len(found.controls) == 6
    again = mapped(columns=columns, expect={**good, "sum(discountlimit)": 1005.51, "count(*) by value": {"B-1": 1}})
    with pytest.raises(DataError) as caught:
        refuse_other_totals("step 1", again.controls)
    assert "sum(discountlimit): expected 1005.51, found 1005.5" in caught.value.message
    assert "count(*) by value 'C-1': expected 0, found 1" in caught.value.message


def test_the_first_records_are_shown_with_the_cells_that_they_use(tmp_path: Path, mapped: Map) -> None:
    assert mapped(columns={"value": "Codes"}).records == 3
    with workspace(tmp_path / "state" / "work") as space:
        (pair, _) = first_pairs(step(tmp_path, columns={"value": "upper(Codes)"}), 2, space)
    assert (pair.origin.line, pair.source, pair.mapped) == (2, {"Codes": "A-1, A-2"}, {"value": "A-1, A-2"})


def test_a_source_that_changes_between_its_digest_and_its_rows_is_refused(tmp_path: Path, mapped: Map) -> None:
    wanted = step(tmp_path, columns={"value": "Codes"})
    with workspace(tmp_path / "state" / "work") as space:
        assert wanted.source is not None
        space.opened(wanted.source)
        with (tmp_path / "codes.csv").open("a", encoding="utf-8") as file:
            file.write("D-1;;;u4;y\n")
        with pytest.raises(DataError, match="changed while it was read"):
            map_step(wanted, tmp_path / "out.csv", space)
    assert not (tmp_path / "out.csv").exists()


def test_a_source_that_changes_while_it_is_read_is_refused(tmp_path: Path, mapped: Map) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("Codes\n" + "x\n" * 3_000_000, encoding="utf-8")
    with workspace(tmp_path / "state" / "work") as space:
        opened = space.opened(step(tmp_path, columns={"value": "Codes"}).source)  # type: ignore[arg-type]
        changed = threading.Event()

        def change(_: int) -> None:
            if not changed.is_set():
                changed.set()
                with path.open("a", encoding="utf-8") as file:
                    file.write("y\n")

        space.progress = change
        with pytest.raises(DataError, match="changed while it was read"):
            space.staged(opened.spec)
