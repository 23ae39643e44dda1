"""Remote outputs appear when they are complete, replace only what bulkops wrote, and can be read back."""

import gzip
import json
from pathlib import Path

import pytest

from bulkops.remote import uploads
from bulkops.remote.addresses import parsed
from bulkops.remote.objects import ObjectStore
from bulkops.remote.uploads import upload
from tests.remote.conftest import Bucket, run
from tests.remote.servers import HttpsPlace, SftpPlace

SAMPLES = Path(__file__).parents[2] / "sample_data"
COUPONS = SAMPLES / "coupons.csv"
TARGET = ("--target", "sandbox", "--application", "1", "--campaign", "1")


def test_fix_writes_the_copy_and_its_changes_and_replaces_only_its_own(bucket: Bucket) -> None:
    source, out = bucket.put("in.csv", COUPONS.read_bytes().replace(b"\n", b"\r")), bucket.address("out/fixed.csv")
    assert run("fix", "coupons", source, "-o", out).code == 0
    assert bucket.listed() == ["in.csv", "out/fixed.csv", "out/fixed.csv.changes.jsonl"]
    assert run("fix", "coupons", source, "-o", out, "--overwrite").code == 0
    bucket.put("out/fixed.csv", b"of somebody else")
    refused = run("export", "coupons", *TARGET, "-o", out)
    assert (refused.code, "bulkops did not write it, or it has changed since" in refused.err) == (2, True)
    assert bucket.get("out/fixed.csv") == b"of somebody else"
    assert run("fix", "coupons", source, "-o", source, "--overwrite").code == 2


def test_fix_to_sftp_leaves_no_temporary_file(sftp: SftpPlace) -> None:
    (sftp.root / "out").mkdir()
    assert run("fix", "coupons", COUPONS, "-o", sftp.address("out/fixed.csv.gz")).code == 0
    assert sorted(path.name for path in (sftp.root / "out").iterdir()) == ["fixed.csv.gz", "fixed.csv.gz.changes.jsonl"]
    assert gzip.decompress((sftp.root / "out" / "fixed.csv.gz").read_bytes()) == COUPONS.read_bytes()


def test_export_report_and_reconcile_write_and_read_addresses(bucket: Bucket, alone: Path) -> None:
    given = bucket.put("coupons.csv", COUPONS.read_bytes())
    assert run("import", "coupons", given, *TARGET, "--yes").code == 0
    exported, report = bucket.address("e.csv"), bucket.address("r.html")
    assert run("export", "coupons", *TARGET, "-o", exported).code == 0
    assert run("export", "coupons", *TARGET, "-o", exported).code == 0
    ids = TARGET[2:]
    assert "proved" in run("reconcile", "coupons", given, *ids, "--export", exported).out
    assert run("report", "-o", report).code == 0
    assert given in bucket.get("r.html").decode()
    other = run("export", "coupons", *TARGET, "-o", given, "--overwrite")
    assert (other.code, "is the file of job" in other.err) == (2, True)
    assert not list((alone / "remote").rglob("*.csv"))


def test_reconcile_writes_differences_and_removes_those_of_an_earlier_run(bucket: Bucket) -> None:
    rows = COUPONS.read_text().splitlines(keepends=True)
    few = bucket.put("few.csv", "".join(rows[:3]).encode())
    assert run("import", "coupons", few, *TARGET, "--yes").code == 0
    assert run("export", "coupons", *TARGET, "-o", bucket.address("e.csv")).code == 0
    outputs = ("--into", bucket.address("diff"), "--repair", bucket.address("repair.csv"))
    words = (*TARGET[2:], "--export", bucket.address("e.csv"), *outputs)
    more = bucket.put("more.csv", "".join(rows[:4]).encode())
    assert run("reconcile", "coupons", more, *words).code == 1
    assert bucket.get("repair.csv").decode() == rows[0] + rows[3]
    assert "diff/missing.csv" in bucket.listed()
    assert run("reconcile", "coupons", few, *words).code == 0
    assert bucket.listed() == ["e.csv", "few.csv", "more.csv"]


def test_split_writes_chunks_and_never_over_a_file(bucket: Bucket, sftp: SftpPlace) -> None:
    (sftp.root / "parts").mkdir()
    for folder in (bucket.address("parts"), sftp.address("parts")):
        ended = run("split", "coupons", COUPONS, "--into", folder, "--max-rows", "200", "--json")
        paths = [chunk["path"] for chunk in json.loads(ended.out)["chunks"]]
        assert paths == [f"{folder}/coupons-0001.csv", f"{folder}/coupons-0002.csv"]
        assert run("split", "coupons", COUPONS, "--into", folder).code == 5
    assert (sftp.root / "parts" / "coupons-0002.csv").read_bytes() == bucket.get("parts/coupons-0002.csv")


def test_snapshot_at_an_address_serves_later_validations(bucket: Bucket) -> None:
    account = bucket.address("account.json")
    assert run("snapshot", "--target", "sandbox", "--application", "1", "-o", account).code == 0
    assert run("validate", "coupons", COUPONS, "--account", account, *TARGET[2:]).code == 0


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("s3://no-such-bucket-here/e.csv", "the bucket no-such-bucket-here does not exist"),
        ("https://127.0.0.1/e.csv", "https:// addresses can only be read"),
    ],
)
def test_output_that_cannot_be_written_is_refused_before_the_export(
    bucket: Bucket, output: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulkops.cli.process.targets.TargetChoice.open", None)
    ended = run("export", "coupons", *TARGET, "-o", output)
    assert (ended.code, said in ended.err) == (2, True)


def test_missing_sftp_folder_is_refused_and_not_created(sftp: SftpPlace) -> None:
    ended = run("fix", "coupons", COUPONS, "-o", sftp.address("none/fixed.csv"))
    assert (ended.code, "the folder sftp://" in ended.err) == (2, True)
    assert list(sftp.root.iterdir()) == []


def test_upload_to_a_name_that_was_taken_meanwhile_is_refused(bucket: Bucket, sftp: SftpPlace) -> None:
    bucket.put("taken.csv", b"other")
    (sftp.root / "taken.csv").write_bytes(b"other")
    for address in (bucket.address("taken.csv"), sftp.address("taken.csv")):
        with pytest.raises(uploads.AddressTaken):
            upload(COUPONS, parsed(address), replace=False)
    assert bucket.get("taken.csv") == (sftp.root / "taken.csv").read_bytes() == b"other"


def test_an_upload_with_a_lost_response_is_recognised_as_complete(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ObjectStore.put

    def lost(self: ObjectStore, *words: object, **options: object) -> None:
        put(self, *words, **options)  # type: ignore[arg-type] # passed on
        monkeypatch.setattr(ObjectStore, "put", put)
        raise TimeoutError

    monkeypatch.setattr(ObjectStore, "put", lost)
    version = upload(COUPONS, parsed(bucket.address("out.csv")), replace=False)
    assert (version.size, bucket.get("out.csv")) == (39_160, COUPONS.read_bytes())


def test_failed_upload_leaves_the_earlier_object(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    out = bucket.address("fixed.csv")
    assert run("fix", "coupons", COUPONS, "-o", out).code == 0

    def failing(self: ObjectStore, *_: object, **__: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(ObjectStore, "put", failing)
    ended = run("fix", "coupons", SAMPLES / "broken" / "coupons.csv", "-o", out, "--overwrite", "--unsafe")
    assert (ended.code, ended.err.count("Trying again")) == (3, 3)
    assert bucket.get("fixed.csv") == COUPONS.read_bytes()


def test_an_output_recorded_without_version_is_recognised_by_its_content(bucket: Bucket, alone: Path) -> None:
    out = bucket.address("e.csv")
    assert run("export", "coupons", *TARGET, "-o", out).code == 0
    for record in (alone / "written").iterdir():
        document = json.loads(record.read_text())
        for each in document["files"]:
            del each["version"]
        record.write_text(json.dumps(document))
    assert run("export", "coupons", *TARGET, "-o", out).code == 0


def test_https_addresses_are_never_written(https: HttpsPlace) -> None:
    for words in (("fix", "coupons", COUPONS, "-o"), ("split", "coupons", COUPONS, "--into")):
        ended = run(*words, https.address("out"))
        assert (ended.code, "can only be read" in ended.err) == (2, True)
