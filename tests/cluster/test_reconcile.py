"""A comparison with a saved export has the same bytes on one machine and on a cluster, whatever the files contain."""

import csv
import gzip
import io
import json
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from distributed import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bulkops
from bulkops.errors import BulkopsError, InputUnreadable
from bulkops.readback.compare.canonical import Fold
from bulkops.readback.fetch import rows as file_rows
from bulkops.readback.fetch import saved
from bulkops.readback.parse import tables
from bulkops.reconciling import on_cluster
from bulkops.reconciling.run import reconcile
from bulkops.reconciling.sides import EvidenceSource, ImportFacts
from bulkops.validation import on_cluster as ranges
from bulkops.writing import Permit
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Comparison, Readback
from tests.cli.running import Inside, Shell
from tests.cluster.clusters import ProcessCluster, process_cluster, threaded_cluster, wait_until
from tests.cluster.test_documents import HEADER, on_both
from tests.cluster.test_ranges import InOrder

connect: Any = Client
KEYED = ("audiences", "coupons", "loyalty-cards", "loyalty-join-dates", "loyalty-tiers", "referrals", "stores")
COUNTED = ("giveaways", "loyalty-points")
WIDTH = {"audiences": 50, "stores": 50} | dict.fromkeys(("loyalty-join-dates", "loyalty-tiers"), 150)
"""Bytes of a block that contains a record, by contract; other contracts need more."""
VALUES = {
    Comparison.EXACT: ("", "a", "b", "007", "7", "é", "two\nlines", "say \"no\"", "x,y", "=1"),
    Comparison.CODE: ("A", "a", "B", "b", "0012", "12"),
    Comparison.INSTANT: ("", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2027-01-01T00:00:00Z"),
    Comparison.DECIMAL: ("1", "1.0", "2", "1.500", "12.750", "1.25"),
    Comparison.JSON: ("", "{}", '{"a": 1, "b": 2}', '{"b":2,"a":1.0}', '{"a": "x\ny"}'),
    Comparison.ID_SET: ("", "a;b", "['b', 'a']", "c"),
}  # fmt: skip


class Counting(InOrder):
    """Counts the comparisons of parts."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.parts = 0

    def submit(self, _name: str, function: Any, *arguments: Any, **options: bool) -> Any:
        self.parts += _name == "compare-rows"
        return super().submit(_name, function, *arguments, **options)

    def cancel(self) -> None: ...


def row_of(readback: Readback, random: Random) -> dict[str, str]:
    """Return one record, with a number in its first cell so that most keys differ."""
    cells = {c.column: random.choice(VALUES[c.compare]) for c in readback.columns}
    if random.random() < 0.8:
        cells[readback.key[-1 if readback.key[0] == "subledgerid" else 0]] = f"K-{random.randint(0, 150)}"
    return cells


def changed(readback: Readback, row: dict[str, str], random: Random) -> Iterator[dict[str, str]]:
    """Yield what an export shows of a record: the same, nothing, copies, or other cells."""
    for _ in range(random.choice((1, 1, 1, 1, 1, 1, 1, 1, 0, 2))):
        shown = dict(row)
        if random.random() < 0.1:
            column = random.choice(readback.columns)
            shown[column.column] = random.choice((*VALUES[column.compare], shown[column.column].swapcase()))
        yield shown


def text_of(header: list[str], rows: list[list[str]], random: Random) -> bytes:
    """Return a CSV file; some have quotes everywhere, blank lines, records of another width, or no valid UTF-8."""
    out = io.StringIO()
    ends = random.choice(("\n", "\n", "\n", "\r\n"))
    writer = csv.writer(out, lineterminator=ends, quoting=random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer.writerows([header, *rows])
    data = out.getvalue().encode()
    odd = random.random()
    if odd < 0.3:
        lines = data.split(b"\n")
        added = random.choice((b"", b"\r", b"K-1", b'K-2,"open', b"\xff\xfe", b'K-3,"{"a": 1}"', b"K-4,['x', 'y']"))
        lines.insert(random.randint(1, len(lines) - 1), added)
        data = b"\n".join(lines)
    return (b"\xef\xbb\xbf" if 0.3 < odd < 0.4 else b"") + (data.rstrip(b"\r\n") if 0.4 < odd < 0.45 else data)


def write_sides(folder: Path, name: str, random: Random) -> tuple[Path, Path]:
    """Write a file and an export of a contract, and return their paths."""
    readback = CONTRACTS[name].routes[0].readback
    assert readback is not None
    records = [row_of(readback, random) for _ in range(random.choice((0, 40, 120)))]
    columns = [c for c in readback.columns if random.random() < 0.9 or c.column in readback.key]
    named = {c.found[0]: c.column for c in columns if c.column in readback.key or random.random() < 0.9}
    own = [n for n in readback.own_columns if n not in named and n.lower() not in {"name", "status"}]
    found = [shown for record in records for shown in changed(readback, record, random)]
    found += [row_of(readback, random) for _ in range(random.choice((0, 0, 5)))]
    if random.random() < 0.5:
        random.shuffle(found)
    numbers = random.choice((["7"], ["7", "8"], ["7", ""]))
    shown = [
        [*("2026-01-01T00:00:00Z" if n.lower() == "created" else random.choice(numbers) for n in own),
         *(row[column] for column in named.values())]
        for row in found
    ]  # fmt: skip
    suffix = ".gz" if random.random() < 0.1 else ""
    file, export = folder / "file.csv", folder / f"export.csv{suffix}"
    sent = [c.column for c in columns]
    file.write_bytes(text_of(sent, [[row[c] for c in sent] for row in records], random))
    data = text_of([*own, *named], shown, random)
    export.write_bytes(gzip.compress(data) if suffix else data)
    return file, export


def outcome(name: str, file: Path, export: Path, *, cluster: str | None, **options: Any) -> tuple[Any, ...]:
    """Return the document and the files of a comparison, or the error instead."""
    output, evidence = file.parent / "differences", EvidenceSource(export=export, fold=options.pop("fold"))
    try:
        found = reconcile(
            CONTRACTS[name],
            file,
            evidence,
            output=output,
            repair=file.with_name("repair.csv"),
            cluster=cluster,
            permit=Permit(overwrite=True),
            **options,
        )
    except BulkopsError as error:
        return type(error), error.message, error.hint
    files = {kind: Path(path).read_bytes() for kind, path in found.files.items()}
    return json.dumps(found.to_json()), files, found


def facts_of_imports(random: Random) -> ImportFacts:
    """Return what a job or a user may know about the imports of a file."""
    return ImportFacts(
        import_ids=random.choice((None, None, [7], [7, 8], [9])),
        others=random.choice(((), (8,))),
        after=random.choice((None, datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))),
        held_before=random.choice((0, 9)),
    )


@contextmanager
def small_ranges(block: int, part: int) -> Iterator[pytest.MonkeyPatch]:
    """Read files in batches of two small blocks, on one machine as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "BATCH_BYTES", 2 * block)
        for module in (file_rows, saved):
            patch.setattr(module, "BLOCK", block)
        patch.setattr(ranges, "_LEAST_BYTES", 2 * block)
        patch.setattr(on_cluster, "PART_BYTES", part)
        yield patch


@pytest.mark.parametrize("names", [KEYED, COUNTED], ids=["keyed", "counted"])
def test_comparison_of_any_files_is_the_same_in_any_number_of_parts(names: tuple[str, ...]) -> None:
    divided: Counter[str] = Counter()

    @settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 1 << 32))
    def check(seed: int) -> None:
        random = Random(seed)
        cluster: Any = Counting(random.choice((1, 2, 5)))
        name, lifted, fold = random.choice(names), random.random() < 0.5, random.choice((None, *Fold))
        known = facts_of_imports(random)
        with (
            tempfile.TemporaryDirectory() as folder,
            small_ranges(WIDTH.get(name, 400) * random.choice((1, 3)), random.choice((1000, 9000))) as patch,
        ):
            patch.setattr(on_cluster, "opened_cluster", lambda _: nullcontext(cluster))
            file, export = write_sides(Path(folder), name, random)
            here, there = (
                outcome(name, file, export, cluster=chosen, known=known, fold=fold, without_import_ids=lifted)
                for chosen in (None, "any")
            )
            assert there == here
            divided[name] += bool(cluster.parts)

    check()
    assert divided.total() > 1


def test_value_that_an_equal_record_has_explains_no_missing_record(tmp_path: Path) -> None:
    file, export, cluster = tmp_path / "tiers.csv", tmp_path / "export.csv", Counting(2)
    equal = [f"s3,{'7' if n == 30 else f'P-{n}'},Gold," for n in range(200)]
    file.write_text("subledgerid,customerprofileid,tiername,expirydate\n" + "\n".join(["s1,007,Gold,", *equal, ""]))
    header = "programid,startdate,subledgerid,customerprofileid,tiername,expirydate\n"
    export.write_text(header + "".join(f"1,,{row}\n" for row in ["s2,7,Gold,", *equal]))
    with small_ranges(400, 1000) as patch:
        patch.setattr(on_cluster, "opened_cluster", lambda _: nullcontext(cluster))
        here, there = (outcome("loyalty-tiers", file, export, cluster=chosen, fold=None) for chosen in (None, "any"))
    assert there == here
    assert (here[2].missing, here[2].doubt) == (1, "")
    assert cluster.parts > 1


FOUND = "id,created,campaignid,value,expirydate,startdate,recipientintegrationid,limitval,attributes,importid\n"


def coupons(folder: Path, count: int, encoding: str = "utf-8") -> tuple[Path, Path]:
    """Write coupons with line ends in quotes, and an export in which every kind of difference occurs."""
    file, export = folder / "coupons.csv", folder / "export.csv"
    note = [f'"é\n{"x" * (n % 90)}\nCODE-{n},,,,,,"' if n % 3 else "plain" for n in range(count)]
    file.write_text(
        HEADER + "".join(f'CODE-{n % (count - 9)},,,{note[n]},{n % 7},"{{""a"": {n}}}",\n' for n in range(count)),
        encoding=encoding,
    )
    rows = (
        f"{n},2026-01-01T00:00:00Z,1,{'code' if n == 30 else 'CODE'}-{n},,,{note[n]},{n % 7 + (n % 50 == 4)},"
        f'"{{""a"": {n}}}",{5 + n % 2}\n'
        for n in [*range(count - 9), *range(8, 400, 90)]
        if n % 90 != 7
    )
    export.write_text(FOUND + "".join(rows), encoding="utf-8")
    return file, export


def test_command_and_python_print_the_comparison_of_one_machine(tmp_path: Path) -> None:
    inside = Inside(tmp_path / "state")
    with threaded_cluster(2) as address, small_ranges(2048, 20_000):
        for encoding, more in (("utf-8", ("--json",)), ("latin-1", ("--import-id", "5")), ("utf-16", ("--json",))):
            file, export = coupons(tmp_path, 600, encoding)
            words = ("reconcile", "coupons", str(file), "--export", str(export), "--into", str(tmp_path / "into"))
            ended = on_both(inside, address, *words, *more)
            written = {path.name: path.read_bytes() for path in (tmp_path / "into").glob("*")}
            assert inside.run(*words, *more) == ended
            assert written == {path.name: path.read_bytes() for path in (tmp_path / "into").glob("*")}
        assert not inside.run("reconcile", "coupons", str(file), "--export", str(export), "--cluster", "x").out
        file, export = coupons(tmp_path, 600)
        with connect(address, set_as_default=False) as client:
            there = bulkops.reconcile("coupons", file, saved=export, cluster=client)
            wait_until(lambda: not client.futures)
        assert there.to_json() == bulkops.reconcile("coupons", file, saved=export).to_json()
        assert min(there.missing, there.different, there.matched) > 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessCluster]:
    with process_cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        found.wait_for_workers(2)
        yield found


def test_work_of_a_killed_worker_is_done_again_with_the_same_result(
    cluster: ProcessCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, export = coupons(tmp_path, 6000)
    here = bulkops.reconcile("coupons", file, saved=export).to_json()
    cluster.start_worker()
    cluster.wait_for_workers(3)
    finished, results = on_cluster._SidesOnCluster._result, 0

    def killing(self: Any, *arguments: Any) -> Any:
        nonlocal results
        found, results = finished(self, *arguments), results + 1
        if results == 4:
            os.kill(cluster.processes[1].pid, signal.SIGKILL)
        return found

    monkeypatch.setattr(on_cluster._SidesOnCluster, "_result", killing)
    with small_ranges(20_000, 200_000):
        there = bulkops.reconcile("coupons", file, saved=export, cluster=cluster.address).to_json()
    assert results > 8
    assert there == here


def test_file_that_only_this_process_sees_is_reported_with_the_worker(cluster: ProcessCluster, tmp_path: Path) -> None:
    file, export = coupons(tmp_path, 600)
    with file.open("rb") as opened, small_ranges(2048, 20_000):
        seen = f"/proc/self/fd/{opened.fileno()}"
        with pytest.raises(InputUnreadable) as found:
            bulkops.reconcile("coupons", seen, saved=export, cluster=cluster.address)
    assert "The worker tcp://127.0.0.1:" in str(found.value)
    assert "that all workers can read under the same path" in str(found.value)


def test_interrupted_comparison_leaves_no_work_on_the_cluster(cluster: ProcessCluster, tmp_path: Path) -> None:
    file, export = coupons(tmp_path, 400_000)
    shell = Shell(tmp_path / "state")
    with connect(cluster.address) as client:
        words = ("reconcile", "coupons", str(file), "--export", str(export), "--cluster", cluster.address)
        process = shell.start(*words)
        wait_until(lambda: any(client.processing().values()))
        process.send_signal(signal.SIGINT)
        assert shell.ended(process).code == 130
        wait_until(lambda: not any(client.processing().values()))
