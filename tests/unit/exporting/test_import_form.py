"""Rows of exports become records of an import file: selection, cells, books, translation."""

import io

import pytest

from bulkops.errors import DataError
from bulkops.exporting.for_import import write_records
from bulkops.exporting.import_form import DELETED, GIVEN_OUT, USED_UP, ImportForm, Translation, attributes_cell
from bulkops.readback.compare.canonical import Fold, sent_frame
from bulkops.readback.parse.tables import read_frames
from bulkops_validators import CONTRACTS


def convert(contract: str, text: str, translation: Translation | None = None) -> tuple[list[str], ImportForm]:
    definition = CONTRACTS[contract]
    readback = definition.routes[0].readback
    assert readback is not None
    form = ImportForm(definition, readback, translation)
    out = io.BytesIO()
    write_records(form, read_frames([text.encode()], name="x"), out)
    return out.getvalue().decode().splitlines(), form


def test_coupon_with_a_partly_used_limit_keeps_only_the_rest() -> None:
    head = "value,limitval,counter,discount_limitval,discount_counter\n"
    rows = "FREE,0,17,,3\nPART,5,2,10.5,0.25\nWHOLE,3,0,,0\nGONE,1,1,,0\nSPENT,0,4,20,20.00\n"
    lines, form = convert("coupons", head + rows)
    assert lines == ["value,limitval,discountlimit", "FREE,0,", "PART,3,10.25", "WHOLE,3,"]
    assert (form.books.rows, form.books.records, dict(form.books.left_out)) == (5, 3, {USED_UP: 2})
    assert form.books.changed == 2  # both limits of PART


def test_coupon_with_a_partly_used_limit_is_kept_whole_on_request() -> None:
    lines, form = convert("coupons", "value,limitval,counter\nPART,5,2\nGONE,1,1\n", Translation(used="keep"))
    assert lines == ["value,limitval", "PART,5", "GONE,1"]
    assert form.books.changed == 0


def test_deleted_and_given_out_rows_are_left_out_and_counted() -> None:
    lines, form = convert("coupons", "value,deleted\nA1234,true\nB1234,\nC1234,0001-01-01T00:00:00Z\n")
    assert lines == ["value", "B1234", "C1234"]
    assert dict(form.books.left_out) == {DELETED: 1}
    lines, form = convert("giveaways", "code,used\nA,true\nB,false\nB,FALSE\nC,unknown\n")
    assert lines == ["code", "B", "B"]
    assert dict(form.books.left_out) == {GIVEN_OUT: 2}


def test_giveaways_without_the_column_that_shows_used_codes_are_refused() -> None:
    with pytest.raises(DataError, match="no column 'used'"):
        convert("giveaways", "code\nA\n")


def test_list_of_profiles_becomes_the_form_of_the_import() -> None:
    lines, _ = convert(
        "loyalty-cards", "identifier,status,customerprofileids\nC-01,active,\"['b', 'a']\"\nC-02,inactive,[]\n"
    )
    assert lines == ["identifier,state,customerprofileids", "C-01,active,a;b", "C-02,inactive,"]


def test_list_item_with_the_separator_is_refused_with_its_record() -> None:
    with pytest.raises(DataError, match="Record 2 of the export"):
        convert("loyalty-cards", "identifier,status,customerprofileids\nC-01,active,\nC-02,active,\"['a;b']\"\n")


def test_translation_renames_attributes_tiers_and_leaves_out_blank_ones() -> None:
    changes = Translation(attributes={"old": "new", "drop": ""}, values={"tiername": {"Gold": "Premium"}})
    text = 'value,attributes\nA1234,"{""old"": 1, ""drop"": 2, ""same"": ""x""}"\nB1234,"{""drop"": 1}"\n'
    lines, _ = convert("coupons", text, changes)
    assert lines == ["value,attributes", 'A1234,"{""new"":1,""same"":""x""}"', "B1234,"]
    lines, _ = convert(
        "loyalty-tiers", "subledgerid,customerprofileid,tiername,expirydate\n,c,Gold,\n,d,Silver,\n", changes
    )
    assert lines[1:] == [",c,Premium,", ",d,Silver,"]


def test_two_attributes_with_one_new_name_are_refused() -> None:
    with pytest.raises(DataError, match="become 'b'"):
        attributes_cell('{"a": 1, "b": 2}', {"a": "b"})


@pytest.mark.parametrize(
    ("text", "cell"),
    [("", ""), ("{}", ""), ("null", ""), ('{"a": null}', ""), ('{"a": 1.50}', '{"a": 1.50}'), ("not json", "not json"),
     ('"{\\"a\\": 1}"', '{"a": 1}'), ("[1]", "[1]")],
)  # fmt: skip
def test_attributes_cell_is_kept_unless_it_is_empty(text: str, cell: str) -> None:
    assert attributes_cell(text, {}) == cell


def test_canonical_rows_agree_with_the_written_file() -> None:
    """The comparison with the source does not use the writer of the file."""
    definition = CONTRACTS["coupons"]
    readback = definition.routes[0].readback
    assert readback is not None
    text = (
        'value,expirydate,limitval,attributes\nA1234,2030-01-01T00:00:00.5+02:00,5,"{""b"": 1.0, ""a"": null}"\nB,,1,\n'
    )
    changes = Translation(attributes={"b": "c"})
    form = ImportForm(definition, readback, changes)
    (frame,) = read_frames([text.encode()], name="x")
    direct = form.canonical(form.selected(frame), Fold.SENSITIVE)
    out = io.BytesIO()
    write_records(ImportForm(definition, readback, changes), [frame], out)
    (written,) = read_frames([out.getvalue()], name="y")
    names = ["value", "expirydate", "limitval", "attributes"]
    assert direct.select(names).rows() == sent_frame(readback, written).select(names).rows()
    assert direct.select(names).rows()[0] == ("A1234", "2029-12-31T22:00:00Z", "5", '{"c":1}')
