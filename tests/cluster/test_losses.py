"""A cluster with failing parts: lost workers change no result, and each error names its cause and the next step."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import bulkops
from bulkops.errors import InputUnreadable, Unfinished, Unreachable, UsageError
from bulkops.validation import on_cluster
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import Finding
from bulkops.validation.range_check import FileVersion
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from tests.cli.running import Shell
from tests.cluster.clusters import ProcessCluster, process_cluster, wait_until
from tests.cluster.test_documents import HEADER

connect: Any = Client
COUPONS, RECORDS = CONTRACTS["coupons"], 60_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    with process_cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        found.wait_for_workers(2)
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in which every tenth key is repeated and every hundredth record is wrong."""
    path = tmp_path_factory.mktemp("files") / "coupons.csv"
    lines = (f'CODE-{n if n % 10 else n // 2},,,,{"x" if n % 100 == 7 else n},,"a, {n}"\n' for n in range(RECORDS))
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 100_000)
    monkeypatch.setattr(on_cluster, "_FEW_KEYS", 10_000)


def test_client_of_a_program_gets_the_report_of_one_machine(cluster: ProcessCluster, file: Path) -> None:
    settings = ValidationSettings(max_findings=20)
    with connect(cluster.address) as client:
        there = bulkops.validate("coupons", file, settings=settings, cluster=client)
        assert client.status == "running"
        wait_until(lambda: not client.futures)
    assert there.to_json() == bulkops.validate("coupons", file, settings=settings).to_json()


class Killing:
    """Kills a process when the first range was merged."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.killed = False

    def finding(self, path: str, finding: Finding) -> None: ...

    def advanced(self, path: str, size: int) -> None:  # noqa: ARG002 - the protocol names them
        if not self.killed:
            os.kill(self.number, signal.SIGKILL)
            self.killed = True


def test_ranges_of_a_killed_worker_are_checked_again_with_the_same_result(cluster: ProcessCluster, file: Path) -> None:
    settings = ValidationSettings()
    cluster.start_worker()
    cluster.wait_for_workers(3)
    with on_cluster.cluster_executor(cluster.address) as executor:
        killer = Killing(cluster.processes[1].pid)
        there = validate_files(COUPONS, [file], settings=settings, observer=killer, executor=executor)
    assert killer.killed
    assert there.to_json() == validate_files(COUPONS, [file], settings=settings).to_json()


def test_worker_that_ends_during_the_check_of_versions_is_left_out(cluster: ProcessCluster, file: Path) -> None:
    worker, settings = cluster.start_worker(), ValidationSettings()
    with connect(cluster.address) as client:
        wait_until(lambda: len(client.nthreads()) == 3)
    worker.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(bulkops.validate, "coupons", file, settings=settings, cluster=cluster.address)
        time.sleep(1.5)
        assert not there.done()
        worker.send_signal(signal.SIGKILL)
        assert there.result().to_json() == bulkops.validate("coupons", file, settings=settings).to_json()


def test_interrupted_command_leaves_no_work_on_the_cluster(cluster: ProcessCluster, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text(HEADER + "".join(f"CODE-{n},,,,{n},,\n" for n in range(2_000_000)), encoding="utf-8")
    shell = Shell(tmp_path / "state")
    with connect(cluster.address) as client:
        process = shell.start("validate", "coupons", str(path), "--json", "--cluster", cluster.address)
        wait_until(lambda: any(client.processing().values()))
        process.send_signal(signal.SIGINT)
        assert shell.ended(process).code == 130
        wait_until(lambda: not any(client.processing().values()))


def test_command_prints_one_message_and_no_log_when_the_scheduler_ends(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text(HEADER + "".join(f"CODE-{n},,,,{n},,\n" for n in range(2_000_000)), encoding="utf-8")
    shell = Shell(tmp_path / "state")
    with process_cluster(tmp_path, 1) as cluster:
        cluster.wait_for_workers(1)
        process = shell.start("validate", "coupons", str(path), "--json", "--cluster", cluster.address)
        with connect(cluster.address) as client:
            wait_until(lambda: any(client.processing().values()))
        cluster.processes[0].kill()
        ended = shell.ended(process)
    assert ended.code == 3
    assert [line.split(": ")[-1] for line in ended.err.splitlines() if line] == [
        "the connection to the cluster was lost.", "  Check the scheduler, and run the command again.",
    ]  # fmt: skip


def test_file_that_only_this_process_sees_is_reported_with_the_worker(cluster: ProcessCluster, file: Path) -> None:
    with file.open("rb") as opened, pytest.raises(InputUnreadable) as found:
        bulkops.validate("coupons", f"/proc/self/fd/{opened.fileno()}", cluster=cluster.address)
    assert "The worker tcp://127.0.0.1:" in str(found.value)
    assert "that all workers can read under the same path" in str(found.value)


def test_path_that_is_a_device_for_the_worker_is_reported(cluster: ProcessCluster, tmp_path: Path) -> None:
    path, usual = tmp_path / "small.csv", os.dup(0)
    path.write_text(HEADER, encoding="utf-8")
    try:
        with path.open("rb") as opened:
            os.dup2(opened.fileno(), 0)
        with pytest.raises(InputUnreadable, match=r"The worker \S+ reports: /dev/stdin is a pipe or a device"):
            bulkops.validate("coupons", "/dev/stdin", cluster=cluster.address)
    finally:
        os.dup2(usual, 0)
        os.close(usual)


def test_path_that_the_system_rejects_is_unreadable_for_a_worker() -> None:
    with pytest.raises(InputUnreadable, match="cannot be read: File name too long"):
        FileVersion.of("/" + "x" * 300)


def test_file_that_changes_while_it_is_checked_is_reported(cluster: ProcessCluster, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "changing.csv"
    path.write_bytes(file.read_bytes())

    class Appending(Killing):
        def advanced(self, path: str, size: int) -> None:
            Path(path).write_bytes(file.read_bytes()[:size])

    with on_cluster.cluster_executor(cluster.address) as executor:
        (report,) = validate_files(COUPONS, [path], observer=Appending(0), executor=executor).files
    assert report.unreadable is not None
    assert "has changed while it was read" in report.unreadable
    assert "Run the command again" in report.unreadable


def test_worker_with_another_version_is_named(
    cluster: ProcessCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bulkops.cluster.__version__", "9.0")
        with pytest.raises(UsageError, match=r"(worker tcp://\S+|scheduler) of the cluster has bulkops \S+; this is 9"):
            bulkops.validate("coupons", file, cluster=cluster.address)
    monkeypatch.setattr(on_cluster, "this_build", lambda: ("9.0", b""))
    with pytest.raises(UsageError, match=r"and polars \S+; this process has another version"):
        bulkops.validate("coupons", file, cluster=cluster.address)


def test_scheduler_with_another_version_is_named(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "bulkops-0.0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: bulkops\nVersion: 0.0.1\n")
    cluster = ProcessCluster(tmp_path)
    try:
        cluster.start_scheduler(PYTHONPATH=str(tmp_path))
        cluster.start_worker()
        cluster.wait_for_workers(1)
        with pytest.raises(UsageError, match=r"scheduler of the cluster has bulkops 0\.0\.1"):
            bulkops.validate("coupons", file, cluster=cluster.address)
    finally:
        cluster.end()


@pytest.mark.parametrize(
    ("address", "message"),
    [("tcp://127.0.0.1:9", "No dask scheduler responds at tcp://127.0.0.1:9"), ("127.0.0.1:8786", "tcp://HOST:PORT")],
)
def test_address_without_a_scheduler_ends_with_the_next_step(
    address: str, message: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulkops.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(UsageError) as found:
        bulkops.validate("coupons", file, cluster=address)
    assert message in str(found.value)


def test_settings_and_inputs_that_need_one_machine_are_refused(
    cluster: ProcessCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(pipe.write_text, HEADER)
        with pytest.raises(UsageError, match="The workers of a cluster cannot read"):
            bulkops.validate("coupons", pipe, cluster=cluster.address)
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(HEADER.encode())))
    with pytest.raises(UsageError, match=r"^The workers of a cluster cannot read standard input\."):
        bulkops.validate("coupons", "-", cluster=cluster.address)
    with pytest.raises(UsageError, match="Use either a maximum number of errors or a cluster"):
        bulkops.validate("coupons", pipe, settings=ValidationSettings(max_errors=3), cluster=cluster.address)


def test_lost_workers_and_a_lost_scheduler_end_the_command(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bulkops.cluster._NO_WORKER_SECONDS", 0.5)
    with process_cluster(tmp_path, 0) as cluster:
        with pytest.raises(Unreachable, match="The cluster has no worker"):
            bulkops.validate("coupons", file, cluster=cluster.address)
        only = cluster.start_worker()
        cluster.wait_for_workers(1)
        with on_cluster.cluster_executor(cluster.address) as executor, pytest.raises(Unfinished, match="no worker for"):
            validate_files(COUPONS, [file], observer=Killing(only.pid), executor=executor)
        cluster.start_worker()
        cluster.wait_for_workers(1)
        with (
            on_cluster.cluster_executor(cluster.address) as executor,
            pytest.raises(Unfinished, match="connection to the"),
        ):
            validate_files(COUPONS, [file], observer=Killing(cluster.processes[0].pid), executor=executor)
