"""Mutated archives, compressed files, documents and addresses: a known error or a result, never another exception."""

import gzip
import io
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.documents import parse_json, parse_toml, parse_yaml
from bulkops.errors import UsageError
from bulkops.reading.sources import expand
from bulkops.settings import checked_base_url
from bulkops.validation.engine import validate_files
from bulkops_validators import CONTRACTS

CONTENT = b"profileintegrationid\n" + b"".join(b"customer-%d\n" % number for number in range(200))


def zipped(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.csv", CONTENT)
        archive.writestr("b.csv", CONTENT)
    return file.getvalue()


FILES = {
    "stored.zip": zipped(zipfile.ZIP_STORED),
    "deflated.zip": zipped(zipfile.ZIP_DEFLATED),
    "bzip2.zip": zipped(zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(zipfile.ZIP_LZMA),
    "a.csv.gz": gzip.compress(CONTENT),
    "a.csv.zst": zstandard.compress(CONTENT),
}
TOML = b'[targets.live]\nbase_url = "https://a.b"\nkey = {env = "A"}\nday = 2024-01-01T00:00:00Z\nn = [1, {a.b = 2}]\n'
YAML = b"name: &a x\nsteps:\n  - {contract: coupons, file: *a, n: 12, day: 2024-01-01, <<: {b: 1e3}}\n  - !!int 3\n"
ADDRESS = b"https://user@acme.europe-west1.talon.one:443/a/../b?x=[1]#y"


def mutated(content: bytes, seed: int) -> bytes:
    """Return content with a few bytes changed, taken out, repeated or cut off."""
    chance, data = random.Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) or 1)
        way = chance.randrange(5)
        if way == 0:
            data[at : at + 1] = chance.randbytes(1)
        elif way == 1:
            data[at : at + chance.randint(1, 8)] = b""
        elif way == 2:
            data[at:at] = data[at : at + chance.randint(1, 64)] * chance.randint(1, 300)
        elif way == 3:
            data[at:at] = chance.choice([b"9" * 5000, b"[" * 3000, b"\0", b"\xff" * 4, b"-13-45", b"*a", b".."])
        else:
            del data[max(1, at) :]
    return bytes(data)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_mutated_archive_is_read_or_reported(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    path.write_bytes(mutated(FILES[name], seed))
    for file in validate_files(CONTRACTS["audiences"], expand([str(path)])).files:
        assert file.unreadable or file.errors or file.records or not file.findings


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_document_is_parsed_or_a_value_error(seed: int) -> None:
    for parse, content in ((parse_toml, TOML), (parse_yaml, YAML), (parse_json, b'{"a": [1, {"b": 2.5e3}], "c": "d"}')):
        with suppress(ValueError):
            parse(mutated(content, seed).decode("utf-8", "replace"))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_address_is_accepted_or_a_usage_error(seed: int) -> None:
    import httpx

    address = mutated(ADDRESS.partition(b"?")[0].replace(b"user@", b""), seed).decode("utf-8", "surrogateescape")
    with suppress(UsageError):
        httpx.Client(base_url=checked_base_url(address)).build_request("GET", "/v1/x")


@pytest.mark.parametrize(
    "address",
    [
        "https://a..b", "https://999.999.999.999", f"https://{'a' * 64}.b", "https://[@evil/",
        f"https://{'abc.' * 70}b", "https://-a.b", "https://a-.b", "https://a b.c", "https://a.b:99999", "https://ü..b",
    ],
)  # fmt: skip
def test_an_address_that_no_server_can_have_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        checked_base_url(address)


@pytest.mark.parametrize(
    "document",
    [
        "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1 or '')] * 9)}]\n" for n in range(1, 12)),
        "a: &a [*a]", "[" * 5000, "\n".join(" " * n + "a:" for n in range(300)), "day: 2024-13-45", "n: " + "9" * 5000,
    ],
)  # fmt: skip
def test_a_yaml_document_that_grows_or_means_nothing_is_refused(document: str) -> None:
    with pytest.raises(ValueError):
        parse_yaml(document)


def test_a_toml_key_of_very_many_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="too deeply"):
        parse_toml("a." * 20_000 + "b = 1")
