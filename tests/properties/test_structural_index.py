"""Marks, 64 bytes at a time, against the same questions asked byte by byte."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.reading.records.structural_index import (
    Words,
    count,
    count_below,
    counts_before,
    index_structure,
    last,
    nearest_before,
    positions,
    toggle_at,
    well_quoted,
)

lean = settings(deadline=None, max_examples=150)
data = st.lists(
    st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"b" * 61, b',"', b'",']), max_size=60
).map(b"".join)


def offsets_of(words: Words) -> list[int]:
    return [place for place in range(len(words) * 64) if int(words[place >> 6]) >> (place & 63) & 1]


@lean
@given(data, st.integers(min_value=0, max_value=400))
def test_marks_agree_with_reading_byte_by_byte(content: bytes, size: int) -> None:
    marks = index_structure(np.frombuffer(content, np.uint8), 44)
    inside, quoted = [], False
    for place, byte in enumerate(content):
        quoted ^= byte == 34
        if quoted:
            inside.append(place)
    assert offsets_of(marks.inside) == inside
    assert offsets_of(marks.ends) == [i for i, b in enumerate(content) if b == 10 and i not in inside]
    assert offsets_of(marks.limits) == [i for i, b in enumerate(content) if b == 44 and i not in inside]
    assert marks.open_at_end is quoted
    size = min(size, len(content))
    assert offsets_of(marks.up_to(size).quotes) == [i for i, b in enumerate(content[:size]) if b == 34]


@lean
@given(data)
def test_quotes_are_well_placed_only_at_the_edges_of_cells(content: bytes) -> None:
    array = np.frombuffer(content, np.uint8)
    quoted, fine = False, True
    for place, byte in enumerate(content):
        if byte != 34:
            continue
        before, after = content[place - 1 : place], content[place + 1 : place + 2]
        quoted = not quoted
        fine &= (
            (place == 0 or before in {b'"', b",", b"\n"})
            if quoted
            else (after in {b"", b'"', b",", b"\n"} or content[place + 1 : place + 3] == b"\r\n")
        )
    assert well_quoted(index_structure(array, 44), array) is fine


@lean
@given(st.sets(st.integers(min_value=0, max_value=500)), st.lists(st.integers(min_value=0, max_value=512)))
def test_bits_are_counted_and_found(chosen: set[int], asked: list[int]) -> None:
    words = np.zeros(8, np.uint64)
    for place in chosen:
        words[place >> 6] |= np.uint64(1 << (place & 63))
    assert positions(words).tolist() == sorted(chosen)
    assert count(words) == len(chosen)
    assert last(words) == max(chosen, default=-1)
    assert counts_before(words, np.array(asked, np.int64)).tolist() == [sum(c < a for c in chosen) for a in asked]
    inner = [a for a in asked if a < 512]
    nearest = [max((c for c in chosen if c < a), default=-1) for a in inner]
    assert nearest_before(words, np.array(inner, np.int64)).tolist() == nearest


@lean
@given(st.lists(st.integers(min_value=0, max_value=200), unique=True).map(sorted))
def test_bits_change_at_each_offset(edges: list[int]) -> None:
    expected = [place for place in range(256) if sum(edge <= place for edge in edges) % 2]
    assert offsets_of(toggle_at(np.array(edges, np.int64), 4)) == expected


@lean
@given(st.binary(max_size=300), st.integers(min_value=0, max_value=255))
def test_small_bytes_are_counted(content: bytes, value: int) -> None:
    assert count_below(np.frombuffer(content, np.uint8), value) == sum(byte < value for byte in content)


@lean
@given(data, st.lists(st.integers(min_value=0, max_value=300), max_size=6, unique=True))
def test_quotes_in_spans_left_out_do_not_count(content: bytes, edges: list[int]) -> None:
    edges = sorted(min(edge, len(content)) for edge in edges)
    spans = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if a < b]
    blanked = bytearray(content)
    for start, end in spans:
        blanked[start:end] = blanked[start:end].replace(b'"', b"x")
    found = index_structure(np.frombuffer(content, np.uint8), 44).without(spans)
    assert offsets_of(found.inside) == offsets_of(index_structure(np.frombuffer(bytes(blanked), np.uint8), 44).inside)
