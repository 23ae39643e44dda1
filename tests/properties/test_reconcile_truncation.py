"""An export that was cut at any byte proves nothing, and no repair file is written from it."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from bulkops.errors import BulkopsError
from bulkops.reconciling.result import Reconciliation, Verdict
from bulkops.reconciling.run import EvidenceSource, reconcile
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Mode

SIDES = {
    "coupons": ("value,attributes\nC-1,\nC-22,\"{\"\"a\"\": \"\"x\ny\"\"}\"\n",
                "value,attributes,importid\nC-1,{},7\nC-22,\"{\"\"a\"\": \"\"x\ny\"\"}\",7\n"),
    "referrals": ("code,advocateprofileintegrationid\nR-11,p1\nR-22,p2\n",
                  "id,advocateprofileintegrationid,code,importid\n1,p1,R-11,7\n2,p2,R-22,77\n"),
    "giveaways": ("code,attributes\nG1,\nG1,\"{\"\"n\"\": 1}\"\n",
                  "id,code,startdate,enddate,attributes,importid\n1,G1,,,,7\n2,G1,,,\"{\"\"n\"\": 1}\",7\n"),
    "loyalty-points": ("customerprofileid,amount\nc1,5\nc2,50.5\n",
                       ("id,importId,name,customerProfileId,subledgerId,startDate,expiryDate,amount\n"
                       "1,7,,c1,,immediate,unlimited,5\n2,7,,c2,,immediate,unlimited,50.5\n")),
    "loyalty-cards": ("identifier,state,customerprofileids\nCARD-1,active,a;b\nCARD-2,inactive,\n",
                      ("identifier,created,status,customerprofileids,attributes\n"
                      "CARD-1,,active,\"['a', 'b']\",{}\nCARD-2,,inactive,[],\"{}\"\n")),
    "loyalty-tiers": ("customerprofileid,tiername\nc1,Gold\nc2,Silver\n",
                      "programid,subledgerid,customerprofileid,tiername\n1,,c1,Gold\n1,,c2,Silver\n"),
    "loyalty-join-dates": ("customerprofileid,newjoindate\nc1,2024-01-01T00:00:00Z\nc2,2024-01-02T00:00:00Z\n",
                           ("loyaltyProgramID,profileIntegrationID,joinDate\n"
                           "1,c1,2024-01-01T00:00:00Z\n1,c2,2024-01-02T00:00:00Z\n")),
    "collections": ("item\n\"a, b\"\n\"c\n\"\"d\"\"\"\n", "item\n\"c\n\"\"d\"\"\"\n\"a, b\"\n"),
    "stores": ("store_integration_id\nS-1\nS-22\n", "store_integration_id\nS-22\nS-1\n"),
    "store-budgets": ("store_integration_id,limit\nS-1,5\nS-2,50\n", "store_integration_id,limit\nS-2,50\nS-1,5\n"),
    "audiences": ("profileintegrationid\nc1\nc22\n", "profileintegrationid\nc22\nc1\n"),
}  # fmt: skip


def cuts(data: bytes) -> Iterator[tuple[int, bool]]:
    """Yield each place to cut, and whether it lies between two records, or behind the header."""
    for place in range(len(data)):
        before = data[:place]
        yield place, before.endswith(b"\n") and before.count(b'"') % 2 == 0


def compared(contract: str, folder: Path, export: Path, repair: Path) -> Reconciliation | None:
    """Return the result; None if the export was refused."""
    file = folder / "file.csv"
    file.write_text(SIDES[contract][0])
    try:
        return reconcile(CONTRACTS[contract], file, EvidenceSource(export=export), repair=repair)
    except BulkopsError:
        return None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("contract", SIDES)
def test_an_export_cut_at_any_byte_is_refused_or_noted_as_possibly_cut(contract: str, end: str, tmp_path: Path) -> None:
    data = SIDES[contract][1].replace("\n", end).encode()
    export, repair = tmp_path / "export.csv", tmp_path / "repair.csv"
    export.write_bytes(data)
    file_ends = contract not in ("coupons", "collections")  # their last cells can contain a line end
    whole = compared(contract, tmp_path, export, repair)
    assert whole is not None
    assert whole.verdict is Verdict.PROVED or (end == "\r\n" and not file_ends)
    for place, between in cuts(data):
        export.write_bytes(data[:place])
        found = compared(contract, tmp_path, export, repair)
        if not between:
            assert found is None, data[:place]
        else:
            assert found is not None
            assert found.verdict is Verdict.MISMATCH
            said = any("cut off at the end of a line would look the same" in note for note in found.notes)
            assert said or not found.found or CONTRACTS[contract].mode is Mode.REPLACE
        assert between or not repair.exists()
        assert CONTRACTS[contract].mode is not Mode.REPLACE or not repair.exists()
        repair.unlink(missing_ok=True)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gz", "zst"])
def test_compressed_export_cut_at_any_byte_is_refused(pack: object, tmp_path: Path) -> None:
    suffix = "gz" if pack is gzip.compress else "zst"
    data = pack(SIDES["giveaways"][1].encode())  # type: ignore[operator] # one of the two functions
    export, repair = tmp_path / f"export.csv.{suffix}", tmp_path / "repair.csv"
    export.write_bytes(data)
    whole = compared("giveaways", tmp_path, export, repair)
    assert whole is not None
    assert whole.verdict is Verdict.PROVED
    for place in range(len(data)):
        export.write_bytes(data[:place])
        assert compared("giveaways", tmp_path, export, repair) is None
        assert not repair.exists()
