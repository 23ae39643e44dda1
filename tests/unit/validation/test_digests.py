"""Digests of records that have no known column."""

import io

import pytest

from bulkops.reading.sources import Source
from bulkops.validation.engine import validate_files
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS


@pytest.mark.parametrize("blank", [b"", b"\n"])
def test_a_file_without_known_columns_has_a_digest_of_0_for_each_record(blank: bytes) -> None:
    source = Source("memory.csv", lambda: io.BytesIO(b"foo,bar\na,b\n" + blank + b"c,d\n"))
    file = validate_files(CONTRACTS["stores"], [source], settings=ValidationSettings(digests=True)).files[0]
    assert file.digests is not None
    assert file.digests.tolist() == [[0, 0], [0, 0]]
