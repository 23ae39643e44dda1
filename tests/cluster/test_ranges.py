"""The report of any file is the same if its ranges are checked one by one, each from a pickled task."""

import csv
import io
import json
import pickle
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.cluster import opened_cluster
from bulkops.errors import UsageError
from bulkops.limits import TooLarge
from bulkops.validation import on_cluster
from bulkops.validation.checks.columns import checks_of
from bulkops.validation.context import Context
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import ValidationReport
from bulkops.validation.settings import ValidationSettings
from bulkops_validators import CONTRACTS
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules_registry import RULES
from tests.fuzz.inputs import any_file
from tests.fuzz.planted import planted
from tests.fuzz.unusual import unusual

ELSEWHERE = ("ACC", "FIL", "IMP", "STR")
"""Rules about an account, encodings, the size of a file and its structure; other tests break them."""
NOW = datetime(2026, 11, 30, tzinfo=UTC)
lean = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
randoms = st.randoms(use_true_random=False)


class InOrder:
    """Runs work at once in this process, as a cluster of one worker would, because many files are checked.

    Arguments and results are pickled, as on their way to a worker and back.
    """

    threads = 2

    def submit(self, _name: str, function: Any, *arguments: Any, **_: bool) -> Any:
        found = pickle.loads(pickle.dumps((function, arguments)))
        return pickle.loads(pickle.dumps(found[0](*found[1])))

    def result(self, future: Any, _what: str) -> Any:
        return future

    def release(self, *futures: Any) -> None: ...


def check(contract: Contract, paths: list[Path], chosen: ValidationSettings) -> ValidationReport:
    """Return the report of one machine, which must be that of ranges."""
    cluster: Any = InOrder()
    here = validate_files(contract, paths, settings=chosen)
    there = validate_files(contract, paths, settings=chosen, executor=on_cluster.ClusterExecutor(cluster))
    assert json.dumps(there.to_json()) == json.dumps(here.to_json())
    for one, other in zip(here.files, there.files, strict=True):
        assert (one.digests is None) == (other.digests is None)
        assert one.digests is None or (one.digests == other.digests).all()
    return here


def bad_cells(contract: Contract) -> str:
    """Return a file in which each column has the bad example of every rule, and in which each is a line of its own."""
    out = io.StringIO(newline="")
    writer, names = csv.writer(out, lineterminator="\n"), contract.column_names
    writer.writerow(names)
    lines = [rule.bad.encode("ascii", "backslashreplace").decode("unicode-escape") for rule in RULES.values()]
    for cell in dict.fromkeys(cell for line in lines for cell in (line, line.split("\n")[-1], *line.split(","))):
        writer.writerow([cell] * len(names))
        writer.writerows([cell if name == filled else "" for name in names] for filled in names)
    writer.writerow(["x" * 300] * len(names))
    return out.getvalue() + "\n".join(lines)


HEADERS = (
    "limitval", "value,value", "value,limitval,", "value, limitval", "Value,LimitVal", "sep=;\nvalue;limitval",
    "id,created,value,counter", "identifier,state", "value (at most 30),limit (EUR)", "Code,Value", "CODE1,1",
    '"value,limitval"', "value,discountlimit", "customerprofileid,tiername", "points", "storeintegrationid,limit",
)  # fmt: skip
BODIES = (
    "".join(f"100{number}.0,{number}.500\n" for number in range(40)),
    "".join(f"{number:08d},\n{number},\n" if number % 9 == 0 else f"{number:08d},\n" for number in range(80)),
    "".join(f"C-{number};{number}\n" for number in range(40)) + "value\n",
    "value,limitval\n-----,-----\n" * 20 + "".join(f'"C-{number},1"\n' for number in range(40)),
    "value,limitval\r\n# a remark\n" + "\x1b1,\n" * 40,
)


def test_report_with_every_rule_broken_is_the_same_in_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_FEW_KEYS", 50)
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 8000)
    seen: set[str] = set()
    for contract in CONTRACTS.values():
        path = tmp_path / f"{contract.name}.csv"
        path.write_text(bad_cells(contract), encoding="utf-8", errors="surrogateescape")
        seen |= check(contract, [path], ValidationSettings(now=NOW, max_findings=7)).files[0].counts.keys()
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 100)
    path = tmp_path / "header.csv"
    for header, body in product(HEADERS, BODIES):
        path.write_text(f"{header}\n{body}", encoding="utf-8")
        for name in ("coupons", "loyalty-tiers"):
            seen |= check(CONTRACTS[name], [path], ValidationSettings(now=NOW)).files[0].counts.keys()
    assert {code for code in RULES.keys() - seen if not code.startswith(ELSEWHERE)} == set()


@lean
@given(randoms, randoms)
def test_report_of_any_files_is_the_same_in_ranges_of_any_size(files: Random, sizes: Random) -> None:
    make = files.choice((any_file, unusual, lambda random: planted(random, defects=5)))
    file = make(files)
    chosen = ValidationSettings(
        now=NOW,
        max_findings=sizes.choice((1, 3, 1000)),
        block_bytes=sizes.choice((40, 300, 1 << 24)),
        digests=sizes.random() < 0.2,
    )
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        paths = [Path(folder) / f"{number}.csv" for number in range(sizes.choice((1, 2)))]
        for path in paths:
            path.write_bytes(file.data)
        patch.setattr(on_cluster, "_LEAST_BYTES", sizes.choice((20, 60, 200, 1000)))
        patch.setattr(on_cluster, "_FEW_KEYS", sizes.choice((1, 5, 1000)))
        check(file.contract, paths, chosen)


def test_checks_of_a_contract_that_was_sent_to_a_worker_are_built_once() -> None:
    for name, contract in CONTRACTS.items():
        sent: Contract = pickle.loads(pickle.dumps(contract))
        for column in contract.columns:
            found = [
                checks_of(
                    Context(
                        contract=one,
                        columns=one.column_names,
                        separator=44,
                        codes=frozenset(RULES),
                        now=NOW,
                        crlf=False,
                    ),
                    column.name,
                )
                for one in (contract, sent)
            ]
            assert found[0] is found[1], (name, column.name)


@pytest.mark.parametrize(
    ("size", "threads", "ranges"),
    [(100, 2, 1), (514_000_000, 2, 31), (5 << 30, 1, 20), (5 << 30, 4, 54), (1 << 40, 8, 4096)],
)
def test_ranges_have_as_many_bytes_as_whole_blocks(size: int, threads: int, ranges: int) -> None:
    length = on_cluster.range_bytes(size, threads)
    assert length % ValidationSettings().block_bytes == 0
    assert -(-size // length) == ranges


def test_exceeded_limit_keeps_its_hint_in_another_process() -> None:
    copy = pickle.loads(pickle.dumps(TooLarge("too long", hint="raise the limit")))
    assert (str(copy), copy.hint) == ("too long", "raise the limit")


def test_dask_is_loaded_only_if_a_cluster_is_used() -> None:
    script = "import sys, bulkops.cli.main, bulkops.api; sys.exit(bool({'dask', 'distributed'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'bulkops\[dask\]'"), opened_cluster("tcp://127.0.0.1:9"):
        pass
