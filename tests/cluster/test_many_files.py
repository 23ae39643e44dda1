"""`bulkops check` prints the same on one machine and on a cluster, whatever the files are."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, current_thread

import pytest

from bulkops.errors import UsageError
from bulkops.reading.sources import source_in
from bulkops.sandbox.serve import SandboxServer
from bulkops.validation import many_files, on_cluster
from bulkops.validation.findings import ValidationReport
from bulkops.validation.many_files import CheckedFile, FileTask, IndependentFile, check_file, many_on_cluster
from bulkops.validation.range_check import FileVersion
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from tests.cli.running import Inside, Shell
from tests.cluster.clusters import threaded_cluster
from tests.cluster.test_documents import SAMPLES, multiline, odd_files, on_both


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with threaded_cluster(2) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_cluster, "_LEAST_BYTES", 3000)
        patch.setattr(on_cluster, "_FEW_KEYS", 10)
        patch.setattr(many_files, "_SMALL_BYTES", 9000)
        yield found


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    return Inside(tmp_path / "state")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with valid and broken files of each contract, as the working folder."""
    folder = tmp_path / "project"
    table = ["[check]"]
    for name in CONTRACTS:
        (folder / name).mkdir(parents=True)
        for kind, sample in (("good", SAMPLES), ("bad", SAMPLES / "broken")):
            shutil.copy(sample / f"{name}.csv", folder / name / f"{kind}.csv")
        table.append(f'{name} = "{name}/*"')
    (folder / "bulkops.toml").write_text("\n".join(table))
    monkeypatch.chdir(folder)
    return folder


def test_check_of_all_contracts_and_unusual_files_is_identical(project: Path, inside: Inside, address: str) -> None:
    odd_files(project / "coupons")
    (project / "coupons" / "large.csv").write_text(multiline(400), encoding="utf-8")
    config = ("--config", str(project / "bulkops.toml"), "check")
    ended = on_both(inside, address, *config, "--json")
    assert ended.code == 2  # a damaged file
    assert len(ended.json["files"]) > 40
    assert len({code for file in ended.json["files"] for code in file["counts"]}) > 50
    text = on_both(inside, address, *config, str(project / "stores"), str(project / "coupons" / "bad.csv"))
    assert "3 files checked." in text.err


def test_check_with_a_baseline_and_an_account_is_identical(
    project: Path, inside: Inside, address: str, sandbox: SandboxServer
) -> None:
    config = ("--config", str(project / "bulkops.toml"), "check")
    bad, baseline, snapshot = (str(project / name) for name in ("stores/bad.csv", "accepted.json", "account.json"))
    assert inside.run("validate", "stores", bad, "--write-baseline", baseline).code == 0
    ended = on_both(inside, address, *config, "--baseline", baseline, "--json")
    assert any(file.get("suppressed") for file in ended.json["files"])
    assert Shell(inside.state, sandbox.base_url).run("snapshot", "-o", snapshot).code == 0
    on_both(inside, address, *config, "--account", snapshot, "--application", "1", "--program", "1", "--json")


def independent(*paths: Path, max_errors: int | None = None) -> list[IndependentFile]:
    settings = ValidationSettings(max_errors=max_errors)
    return [
        IndependentFile(contract=CONTRACTS["coupons"], source=source_in(str(path), None), settings=settings)
        for path in paths
    ]


def reports(address: str, files: list[IndependentFile]) -> list[ValidationReport]:
    with many_on_cluster(address) as many:
        return list(many.validate_each(files))


FIRST: dict[str, Barrier] = {}
TOGETHER = Barrier(2)


def checked_with_another(task: FileTask) -> CheckedFile:
    """Check a file; the first file of each worker waits until another worker checks one."""
    from distributed import get_worker

    if get_worker().address not in FIRST:
        FIRST[get_worker().address] = TOGETHER
        TOGETHER.wait(timeout=60)
    return check_file(task)


def test_small_files_are_checked_at_the_same_time_and_reported_in_order(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.csv" for number in range(12)]
    for number, path in enumerate(files):
        path.write_text(f"value\n{'x' * number}\n")
    here = [report.to_json() for report in many_files.validate_each(independent(*files))]
    monkeypatch.setattr(many_files, "check_file", checked_with_another)
    assert [report.to_json() for report in reports(address, independent(*files))] == here
    assert len(FIRST) == 2


def test_file_that_a_worker_cannot_read_is_reported_and_the_others_are_checked(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, changing = tmp_path / "good.csv", tmp_path / "changing.csv"
    for path in (good, changing):
        path.write_text("value\nCODE-1\n")
    before = FileVersion(1, 1)
    known = FileVersion.of

    def known_before(_: type[FileVersion], file: str) -> FileVersion | None:
        """Return the version as this process saw it before the file changed; workers see the present one."""
        return before if file == str(changing) and "dask" not in current_thread().name.lower() else known(file)

    monkeypatch.setattr(FileVersion, "of", classmethod(known_before))
    one, other = reports(address, independent(changing, good))
    assert "The worker tcp://" in str(one.files[0].unreadable)
    assert "has changed while it was read" in str(one.files[0].unreadable)
    assert (other.files[0].unreadable, other.errors) == (None, 0)


def test_settings_that_need_one_machine_are_refused_for_many_files(tmp_path: Path, address: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("value\nCODE-1\n")
    with pytest.raises(UsageError, match="Use either a maximum number of errors or a cluster"):
        reports(address, independent(path, max_errors=3))
