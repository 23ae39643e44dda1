"""How fast `bulkops validate` is, beside reading alone, DuckDB SQL with the same checks, and frictionless.

    python benchmarks/validate.py                     # 4,000,000 coupons, 514 MB
    python benchmarks/validate.py --records 200000    # a quick look
    python benchmarks/validate.py --large             # 40,000,000 records too
    python benchmarks/validate.py --only contracts    # one part: coupons, contracts, fix or wide

Every measurement is a process of its own: seconds from start to exit, its processor seconds and its peak memory.
Ratios are of processes that ran in turns; the best of several rounds counts. Where other programs use the same
processors, compare the processor seconds: they change much less than the seconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from contract_files import KEYS, write  # type: ignore[import-not-found,unused-ignore] # it lies beside this script
from ours import ROOT, environment, python_with  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

MAKER = ROOT / "sample_data" / "make_coupons.py"

READ = """
import sys, polars as pl
for frame in pl.scan_csv(sys.argv[1], infer_schema=False).collect_batches():
    pass
"""

DUCKDB = r"""
import sys, duckdb
stamp = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"
with duckdb.connect() as db:
    db.execute("create view f as select * from read_csv(?, header=true, all_varchar=true, strict_mode=true, "
               "auto_detect=false, delim=',', quote='\"', escape='\"', columns={"
               "'value':'varchar','expirydate':'varchar','startdate':'varchar','recipientintegrationid':'varchar','limitval':'varchar','attributes':'varchar',"
               "'discountlimit':'varchar'})".replace('?', repr(sys.argv[1])))
    print(db.execute(f'''
        select count(*), count_if(value is null or length(value) < 3), count_if(length(value) > 30),
               count_if(not regexp_matches(expirydate, '{stamp}') or try_cast(expirydate as timestamptz) is null),
               count_if(not regexp_matches(startdate, '{stamp}') or try_cast(startdate as timestamptz) is null),
               count_if(length(recipientintegrationid) > 1000),
               count_if(not regexp_matches(limitval, '^\d+$') or try_cast(limitval as int) not between 0 and 999999),
               count_if(not regexp_matches(discountlimit, '^\d+(\.\d+)?$') or try_cast(discountlimit as double) < 0),
               count_if(not json_valid(attributes) or json_type(attributes) <> 'OBJECT'),
               count_if(try_cast(startdate as timestamptz) >= try_cast(expirydate as timestamptz))
        from f''').fetchall())
    print(db.execute("select count(*) from (select value from f group by value having count(*) > 1)").fetchall())
"""

FRICTIONLESS = """
import sys
from frictionless import Resource, Schema, fields
schema = Schema(fields=[
    fields.StringField(name="value", constraints={"required": True, "minLength": 3, "unique": True}),
    fields.DatetimeField(name="expirydate", format="any"), fields.DatetimeField(name="startdate", format="any"),
    fields.StringField(name="recipientintegrationid", constraints={"maxLength": 1000}),
    fields.IntegerField(name="limitval", constraints={"minimum": 0, "maximum": 999999}),
    fields.ObjectField(name="attributes"), fields.NumberField(name="discountlimit", constraints={"minimum": 0}),
])
report = Resource(path=sys.argv[1], schema=schema).validate()
print(report.stats)
"""


@dataclass(frozen=True)
class Figure:
    """What one process took."""

    seconds: float
    processor: float
    megabytes: float


def measure(command: list[str], *, cwd: Path = ROOT) -> Figure:
    """Run a command and return its figures."""
    ours = environment()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ours, cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in {0, 1}:
        raise SystemExit(f"{command} failed")
    return Figure(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(commands: list[list[str]], *, rounds: int) -> list[Figure]:
    """Run commands in turns, so that other programs disturb all alike; return the best figures of each.

    The memory is the largest of all runs.
    """
    runs = [[measure(command) for command in commands] for _ in range(rounds)]
    return [_best(figures) for figures in zip(*runs, strict=True)]


def _best(figures: tuple[Figure, ...]) -> Figure:
    return Figure(
        min(figure.seconds for figure in figures),
        min(figure.processor for figure in figures),
        max(figure.megabytes for figure in figures),
    )


def show(name: str, figure: Figure, records: int, base: Figure | None = None) -> None:
    """Print one line."""
    ratio = f"{figure.seconds / base.seconds:6.2f} x, {figure.processor / base.processor:6.2f} x cpu" if base else ""
    print(
        f"{name:44} {figure.seconds:7.2f} s {figure.processor:7.2f} s cpu {figure.megabytes:7.0f} MB"
        f" {records / figure.seconds / 1e6:7.3f} M records/s  {ratio}",
        flush=True,
    )


def make(folder: Path, name: str, records: int, *options: str) -> Path:
    """Make a coupons file, once."""
    path = folder / name
    if not path.exists():
        subprocess.run(
            [sys.executable, MAKER, str(records), path, "--wide", *options], check=True, stdout=subprocess.DEVNULL
        )
    return path


def read(path: Path) -> list[str]:
    """Return the command that reads a file with polars, all columns as text."""
    return [sys.executable, "-c", READ, str(path)]


def validate(path: Path, contract: str = "coupons") -> list[str]:
    """Return the command that validates a file."""
    return [sys.executable, "-m", "bulkops", "validate", contract, str(path), "--json"]


def fix(path: Path) -> list[str]:
    """Return the command that repairs a file."""
    out = path.with_name(f"fixed-{path.name}")
    return [sys.executable, "-m", "bulkops", "fix", "coupons", str(path), "-o", str(out), "--overwrite", "--json"]


def first_finding(path: Path) -> float:
    """Return the seconds until the first finding of a file is on the screen."""
    unbuffered = environment(PYTHONUNBUFFERED="1")
    start = time.perf_counter()
    with subprocess.Popen(validate(path)[:-1], stdout=subprocess.PIPE, env=unbuffered, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - start
        process.kill()
    return seconds


def frictionless(folder: Path, path: Path) -> Figure | None:
    """Return what frictionless takes, in an environment of its own; None if it cannot be installed."""
    python = python_with("frictionless", folder)
    if python is None:
        return None
    return measure([python, "-c", FRICTIONLESS, path.name], cwd=path.parent)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--contract-records", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(PARTS), help="one part")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="40,000,000 records too")
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary one")
    parser.add_argument("--no-frictionless", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, compare in PARTS.items():
            if given.only in {None, name}:
                compare(folder, given)


def compare_contracts(folder: Path, given: argparse.Namespace) -> None:
    """Measure a file of each contract beside reading it."""
    for contract in KEYS:
        path = folder / f"{contract}-{given.contract_records}.csv"
        write(contract, given.contract_records, path)
        plain, ours = in_turns([read(path), validate(path, contract)], rounds=given.runs)
        show(f"polars: read {contract}", plain, given.contract_records)
        show(f"bulkops validate {contract}", ours, given.contract_records, plain)


def compare_fix(folder: Path, given: argparse.Namespace) -> None:
    """Measure the repair of a file with a repairable defect in every tenth record, beside its validation."""
    records = given.contract_records
    path = folder / f"repairs-{records}.csv"
    _with_repairs(make(folder, f"clean-{records}.csv", records), path)
    ours, fixed = in_turns([validate(path), fix(path)], rounds=given.runs)
    show("bulkops validate, a repair in every tenth record", ours, records)
    show("bulkops fix", fixed, records, ours)


def _with_repairs(clean: Path, path: Path) -> None:
    """Write a copy of a coupons file in which every tenth record has a blank or a separator too many."""
    spoilt = (
        lambda line: f" {line}",
        lambda line: line.replace(",", " ,", 1),
        lambda line: f"{line[:-1]},\n",
        lambda line: line.replace(",", ", ", 1),
    )
    with clean.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            out.write(spoilt[number // 10 % 4](line) if number % 10 == 3 else line)


def compare_wide(folder: Path, given: argparse.Namespace) -> None:
    """Measure 500 records of as many columns as are accepted."""
    path, columns = folder / "wide.csv", 2_000
    names = ",".join(["value", *(f"other{n}" for n in range(columns - 1))])
    cells = ",".join(f"cell {n % 7}" for n in range(columns - 1))
    path.write_text(names + "\n" + "".join(f"CODE-{n:06d},{cells}\n" for n in range(500)), encoding="utf-8")
    (ours,) = in_turns([validate(path)], rounds=given.runs)
    show(f"bulkops validate, {columns:,} columns", ours, 500)


def compare_coupons(folder: Path, given: argparse.Namespace) -> None:
    """Measure coupons beside reading, DuckDB and frictionless."""
    records = given.records
    clean = make(folder, f"clean-{records}.csv", records)
    broken = make(folder, f"broken-{records}.csv", records, "--defects", "1")
    small = make(folder, "small.csv", 10_000)
    commands = [
        read(clean),
        validate(clean),
        [sys.executable, "-c", DUCKDB, str(clean)],
        validate(broken),
        validate(small),
    ]
    plain, ours, duck, bad, little = in_turns(commands, rounds=given.runs)
    show("polars: read all columns as text", plain, records)
    show("bulkops validate, all rules", ours, records, plain)
    show("DuckDB SQL, the checks it can do", duck, records, plain)
    print(f"  bulkops is {duck.seconds / ours.seconds:.2f} x as fast as DuckDB")
    show("bulkops validate, a defect in every record", bad, records, ours)
    show("bulkops validate, 10,000 records", little, 10_000)
    print(f"first finding of the broken file after {first_finding(broken):.2f} s")
    if not given.no_frictionless:
        hundred = make(folder, "hundred.csv", 100_000)
        slow = frictionless(folder, hundred)
        if slow is not None:
            show("frictionless, 100,000 records", slow, 100_000)
            print(f"  bulkops is {slow.seconds / 100_000 / (ours.seconds / records):.0f} x as fast per record")
    if given.large:
        big = make(folder, "large.csv", 40_000_000)
        figure = measure(validate(big))
        show("bulkops validate, 40,000,000 records", figure, 40_000_000)
        print(f"  {figure.seconds / 40_000_000 / (ours.seconds / records):.2f} x the time per record")


PARTS = {
    "coupons": compare_coupons,
    "contracts": compare_contracts,
    "fix": compare_fix,
    "wide": compare_wide,
}


if __name__ == "__main__":
    main()
