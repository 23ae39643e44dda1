"""Where a cell begins: found without reading cells one by one where no quote is in the way, and the same with them."""

from itertools import islice

from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.reading.records.quoting import cells
from bulkops.validation.block import cell_start

SEPARATOR = ord(",")


@given(
    before=st.binary(max_size=5),
    record=st.text(alphabet='ab,"\r\n;', max_size=24).map(str.encode),
    position=st.integers(0, 6),
)
@example(before=b"", record=b"a,b", position=2)
@example(before=b"x\n", record=b'a,"b,c",d\n', position=2)
@example(before=b"x\n", record=b"a\nb,c\n", position=1)
def test_a_cell_begins_where_reading_its_record_finds_it(before: bytes, record: bytes, position: int) -> None:
    data, start = before + record, len(before)
    one_by_one = [first for first, _ in islice(cells(data, start, SEPARATOR), position, position + 1)]
    assert cell_start(data, start, SEPARATOR, position) == (one_by_one[0] if one_by_one else start)
