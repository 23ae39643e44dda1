"""The plan of any file is the same if its records are counted in ranges and its chunks are hashed elsewhere."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from distributed import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bulkops
from bulkops.chunking import cluster_plan, range_counts
from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import FilePlan, plan_file
from bulkops.errors import BulkopsError, InputUnreadable
from bulkops.validation import on_cluster
from bulkops.validation.range_check import FileVersion
from tests.cli.running import Inside
from tests.cluster.clusters import threaded_cluster
from tests.cluster.test_documents import multiline, on_both
from tests.cluster.test_ranges import InOrder

randoms = st.randoms(use_true_random=False)
connect: Any = Client


def text_of(random: Random) -> bytes:
    """Return records of two cells; some files have quoted line ends, blank lines, or a quote that stays open."""
    end = random.choice(("\n", "\r\n"))
    cells = ["a", "bé", '"x,y"', '"two\nlines"', '"\n\n"', '"say ""no"""', "", "long" * random.choice((1, 30))]
    lines = [f"{random.choice(cells)},{random.choice(cells)}" for _ in range(random.choice((0, 9, 30, 90)))]
    if random.random() < 0.3:
        lines.insert(random.randint(0, len(lines)), random.choice(("", "\r", '"open,1')))
    return (end.join(["one,two", *lines]) + random.choice(("", end, end, end * 3))).encode()


def outcome(plan: Any) -> FilePlan | tuple[str, str | None] | None:
    """Return a plan, or the error instead."""
    try:
        found: FilePlan | None = plan()
    except BulkopsError as error:
        return error.message, error.hint
    return found


def test_plan_of_any_file_is_the_same_in_ranges_of_any_size() -> None:
    in_ranges = 0

    @settings(deadline=None, max_examples=250, suppress_health_check=list(HealthCheck))
    @given(randoms, randoms)
    def check(files: Random, sizes: Random) -> None:
        nonlocal in_ranges
        cluster: Any = InOrder()
        limits = ChunkLimits(
            max_records=sizes.choice((1, 4, 1000)), max_bytes=sizes.choice((30, 300, 9000)), whole=sizes.random() < 0.1
        )
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            path = Path(folder) / "f.csv"
            path.write_bytes(text_of(files))
            patch.setattr(on_cluster, "_LEAST_BYTES", sizes.choice((15, 60, 200)))
            patch.setattr(cluster_plan, "HASHED_BYTES", sizes.choice((1, 100, 1 << 20)))
            patch.setattr(range_counts, "BLOCK", sizes.choice((5, 40, 1 << 18)))
            patch.setattr(range_counts, "_READ", sizes.choice((3, 1 << 20)))
            there = outcome(lambda: cluster_plan.planned_in_ranges(path, limits, cluster, {"one": "1"}))
            if there is not None:
                in_ranges += 1
                assert there == outcome(lambda: plan_file(path, limits, names={"one": "1"}))

    check()
    assert in_ranges > 80


def test_command_and_python_print_the_plan_of_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 3000)
    file, inside = tmp_path / "coupons.csv", Inside(tmp_path / "state")
    file.write_text(multiline(300), encoding="utf-8")
    with threaded_cluster(2) as address:
        for more in (("--max-rows", "40", "--json"), (), ("--max-bytes", "200", "--json")):
            on_both(inside, address, "plan", "coupons", str(file), *more)
        with connect(address, set_as_default=False) as client:
            there = bulkops.plan("coupons", file, max_rows=7, cluster=client)
            assert there == bulkops.plan("coupons", file, max_rows=7)
            assert len(there.chunks) > 40
            on_both(inside, address, "plan", "coupons", str(tmp_path / "missing.csv"), "--json")


def test_file_that_another_machine_sees_differently_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("one\n1\n")
    work = cluster_plan._WorkOnFile(InOrder(), path, FileVersion(6, 1))  # type: ignore[arg-type] # runs work here
    begins: tuple[Callable[[], object], ...] = (work.submit_hash, partial(work.submit_checksums, b"one\n", [(4, 6)]))
    for begin in begins:
        with pytest.raises(InputUnreadable, match="has changed while it was read, or another machine has another file"):
            begin()
