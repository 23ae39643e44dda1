"""Compressed bodies are decoded in small blocks, and a body that is cut is an error."""

import gzip
import zlib
from collections.abc import Callable, Iterable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkops.transport.decoding import MOST, BrokenCompression, decoded


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda content: gzip.compress(content[: len(content) // 2]) + gzip.compress(content[len(content) // 2 :]),
    "deflate": zlib.compress,
    "Deflate ": raw_deflate,
    "identity, gzip": gzip.compress,
    "gzip, gzip": lambda content: gzip.compress(gzip.compress(content)),
    "gzip,deflate": lambda content: zlib.compress(gzip.compress(content)),
}


def answer(coding: str, blocks: Iterable[bytes]) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Encoding": coding}, content=iter(blocks))


@pytest.mark.parametrize("coding", WAYS)
@settings(deadline=None)
@given(content=st.binary(max_size=300), size=st.integers(1, 40))
def test_decoded_body_is_equal_for_any_block_boundaries(coding: str, content: bytes, size: int) -> None:
    body = WAYS[coding](content)
    blocks = [body[n : n + size] for n in range(0, len(body), size)]
    assert b"".join(decoded(answer(coding, blocks))) == content


@pytest.mark.parametrize("coding", WAYS)
@settings(deadline=None)
@given(content=st.binary(min_size=20, max_size=300), left=st.floats(0.05, 0.95), size=st.integers(1, 40))
def test_decoded_body_that_is_cut_is_an_error(coding: str, content: bytes, left: float, size: int) -> None:
    whole = gzip.compress(content) if coding == "x-gzip" else WAYS[coding](content)
    body = whole[: max(1, int(len(whole) * left))]
    with pytest.raises(BrokenCompression):
        list(decoded(answer(coding, [body[n : n + size] for n in range(0, len(body), size)])))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip"])
def test_decoded_body_with_a_high_ratio_yields_small_blocks(coding: str) -> None:
    sizes = [len(block) for block in decoded(answer(coding, [WAYS[coding](bytes(20 * MOST + 5))]))]
    assert sum(sizes) == 20 * MOST + 5
    assert max(sizes) <= MOST
