"""Records with wrong quotes are checked only in the reading that a repair would use."""

import csv
import io
import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkops.fixing.repairs.quotes import readings
from bulkops.reading.records.layout import Block, layout
from bulkops.reading.records.quote_repair import rewrite_quotes, rewritten_cells
from bulkops.reading.records.quoting import whole_records

WIDTH = 4
TEXTS = (True,) * WIDTH
lean = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
bits = st.sampled_from(
    [*'",;|\t{}\n\ra ', "é", "  ", '""', '"x"', '{"a": 1}', '"{"a": "x", "b": 2}"']
)  # fmt: skip
cells = (
    st.lists(bits, max_size=5).map("".join)
    | st.sampled_from(["", "AB", '"x, ""y"""', '"x\ny"', 'AB"C', '"AB"CD"', '="0012"', '"{"a": "b}", "c": "d"}"'])
)  # fmt: skip
records = st.lists(cells, min_size=WIDTH, max_size=WIDTH).map(",".join)
files = st.lists(records, min_size=1, max_size=8)


def cells_as_mended(record: bytes) -> list[str]:
    text = record.decode()
    (row,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    return row


def without_blanks(cell: str) -> str:
    return cell.strip() if cell.strip().startswith("{") else cell


def is_other_json(cell: str) -> bool:
    """Tell whether a cell looks like JSON that repairs leave alone: a list, a fragment, or undecodable text."""
    try:
        return bool(set("{}[") & set(cell)) and not isinstance(json.loads(cell), dict)
    except ValueError:
        return True


@lean
@given(files, st.sampled_from(["\n", "\r\n"]))
@example(['a,"{"a": 1}",b,c', 'a,b"c,d,e', '"AB"CD",x,y,z', "a,b,c,d"], "\n")
def test_quotes_of_a_record_are_corrected_as_fix_would_repair_them(lines: list[str], line_end: str) -> None:
    data = (line_end.join(lines) + line_end).encode()
    piece = whole_records(data, final=True, separator=ord(","), width=WIDTH)
    found = rewrite_quotes(data, piece.malformed, ord(","), TEXTS)
    pieces = list(piece.malformed)
    for index, start, end in zip(found.which.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True):
        broken = pieces[index]
        cells = cells_as_mended(found.data[start:end])
        assert len(cells) == WIDTH
        text = data[broken.start : broken.end].decode().rstrip("\r\n")
        meant = readings(text, ",", WIDTH)
        if meant is None:
            assert any(map(is_other_json, cells)), text
        else:  # but for blanks around JSON, which a repair leaves out
            assert list(map(without_blanks, meant)) == list(map(without_blanks, cells)), text


@lean
@given(files)
def test_corrected_records_differ_from_the_file_only_by_quotes(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    piece = whole_records(data, final=True, separator=ord(","), width=WIDTH)
    found = rewrite_quotes(data, piece.malformed, ord(","), TEXTS)
    pieces = list(piece.malformed)
    for index, start, end in zip(found.which.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True):
        record = data[pieces[index].start : pieces[index].end]
        assert found.data[start:end].replace(b'"', b"").rstrip(b"\n") == record.replace(b'"', b"").rstrip(b"\n")


@lean
@given(files)
def test_cells_of_a_corrected_record_have_their_offsets_in_the_file(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    piece = whole_records(data, final=True, separator=ord(","), width=WIDTH)
    laid = layout(Block(data, ord(","), piece.malformed, piece.structure))
    for index, found in rewritten_cells(data, laid, range(len(laid.starts)), ord(","), TEXTS).items():
        start = int(laid.starts[index])
        assert len(found) == WIDTH
        for first, raw in found:
            assert first == start or data[first - 1 : first] == b","
            assert data[first:].replace(b'"', b"").startswith(raw.replace(b'"', b""))


def test_a_record_with_more_than_eight_wrong_cells_is_not_corrected() -> None:
    for cells, mended in ((1, 1), (8, 1), (9, 0), (3000, 0)):
        data = ",".join(['a"b'] * cells).encode() + b"\n"
        piece = whole_records(data, final=True, separator=ord(","), width=cells)
        assert len(rewrite_quotes(data, piece.malformed, ord(","), (True,) * cells).which) == mended
