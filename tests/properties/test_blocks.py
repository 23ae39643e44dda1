"""Blocks: all of a stream, in whole records, wherever it is read from and however much at a time."""

import hashlib
import io
import tempfile
from typing import BinaryIO

from hypothesis import given
from hypothesis import strategies as st

from bulkops.reading.blocks import FIRST_BYTES, ContentReader, blocks

contents = st.lists(
    st.sampled_from([b"a", b"b,c", b"\n", b"\r\n", b'"', b'"x\ny"', b",", b'""', b"long" * 20]), max_size=60
).map(b"".join)


def cut_up(stream: BinaryIO, size: int) -> tuple[list[bytes], ContentReader]:
    reader = ContentReader(stream)
    return [block.data for block in blocks(reader, separator=44, width=2, size=size)], reader


@given(contents, st.integers(1, 200))
def test_the_blocks_of_a_file_are_all_of_it_in_whole_lines(content: bytes, size: int) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        file.seek(0)
        found, reader = cut_up(file, size)
    assert b"".join(found) == content
    assert all(data.endswith(b"\n") for data in found[:-1])
    assert (reader.size, reader.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@given(contents, st.integers(1, 200))
def test_the_blocks_of_any_other_stream_are_the_same_content(content: bytes, size: int) -> None:
    found, reader = cut_up(io.BytesIO(content), size)
    assert b"".join(found) == content
    assert reader.sha256 == hashlib.sha256(content).hexdigest()


def test_the_first_blocks_of_a_file_are_small() -> None:
    sizes = [len(data) for data in cut_up(io.BytesIO(b"some,text\n" * 1_500_000), 1 << 22)[0]]
    assert [round(size / FIRST_BYTES) for size in sizes[:4]] == [1, 2, 4, 4]
