"""The receipt of a saved export: its content and its lifetime."""

import os
from pathlib import Path

import pytest

from bulkops.exporting.catalog import EXPORTS
from bulkops.exporting.receipts import Receipt, keep_receipt, receipt_of
from bulkops.exporting.request import Request

REQUEST = Request(
    export=EXPORTS["coupons"],
    ids={"application": 1, "campaign": 2},
    values={"date-format": "ISO8601", "valid": "validNow"},
)


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "state"))
    path = tmp_path / "export.csv"
    path.write_text("value\nCODE1\n")
    keep_receipt(path, REQUEST, "https://a.example")
    return path


def test_receipt_names_the_target_and_the_filters_that_select_rows(export: Path) -> None:
    assert receipt_of(export) == Receipt(
        what="coupons",
        address="https://a.example",
        ids={"application": 1, "campaign": 2},
        filters={"valid": "validNow"},
    )


def test_a_receipt_is_invalid_after_its_file_was_changed_moved_or_copied(export: Path) -> None:
    kept = export.stat()
    copy = export.with_name("copy.csv")
    copy.write_bytes(export.read_bytes())
    assert receipt_of(copy) is None
    export.write_text("value\nCODE2\n")
    os.utime(export, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
    assert receipt_of(export) is None
    export.unlink()
    assert receipt_of(export) is None


def test_receipt_that_cannot_be_read_is_none(export: Path) -> None:
    place = next((export.parent / "state" / "exports").glob("*.json"))
    for text in ("", "[]", "{}", '{"what": 1'):
        place.write_text(text)
        assert receipt_of(export) is None


def test_a_receipt_in_a_read_only_state_folder_causes_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BULKOPS_STATE", str(tmp_path / "file" / "state"))
    keep_receipt(tmp_path / "file", REQUEST, "https://a.example")
    assert receipt_of(tmp_path / "file") is None
