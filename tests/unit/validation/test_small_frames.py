"""A block of a few plain lines is read without polars, and becomes the same frame as with it."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from bulkops.validation import parse

CELLS = st.text(
    st.sampled_from(["a", "0", " ", "\t", "é", "\x00", "\x1a", "\ufeff", "\u2028", "'", "#", "|"]), max_size=3
)


@given(
    width=st.integers(1, 4),
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["", "\n", "\n\n", "\r\n"]),
)
def test_a_small_block_becomes_the_frame_that_polars_reads(
    width: int, rows: list[list[str]], separator: str, ending: str
) -> None:
    data = ("\n".join(separator.join(row) for row in rows) + ending).encode()
    small = parse.read_frame(data, width, ord(separator))
    with patch.object(parse, "SMALL_BYTES", 0):
        whole = parse.read_frame(data, width, ord(separator))
    if small is None or whole is None:
        assert small is whole
    else:
        assert small.equals(whole)
