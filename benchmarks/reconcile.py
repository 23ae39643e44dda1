"""Reconcile a coupons file with its export, against a hand-written DuckDB join and against csv-diff.

    python benchmarks/reconcile.py 4000000 [--work DIR] [--with-csv-diff RECORDS]

Each contender runs in a process of its own; wall time and peak memory are those of the process. csv-diff holds
everything in memory and is slow, so it is given fewer records, next to bulkops on the same; it is installed into an
environment of its own below DIR.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
from ours import ROOT, environment, python_with  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

CSV_DIFF = """
import json, resource, sys, time
start = time.monotonic()
from csv_diff import compare, load_csv
with open(sys.argv[1], encoding="utf-8", newline="") as one, open(sys.argv[2], encoding="utf-8", newline="") as other:
    found = compare(load_csv(one, key="value"), load_csv(other, key="value"))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"name": "csv-diff", "seconds": round(time.monotonic() - start, 1), "peak_mb": round(peak),
                  "said": f"changed as text: {len(found['changed'])}"}))
"""


def make(records: int, folder: Path) -> tuple[Path, Path]:
    """Write a coupons file and the export a deployment would give of it, in another order, UTC, JSON as stored."""
    folder.mkdir(parents=True, exist_ok=True)
    source, export = folder / f"coupons-{records}.csv", folder / f"export-{records}.csv"
    if not source.exists():
        maker = ROOT / "sample_data" / "make_coupons.py"
        subprocess.run([sys.executable, maker, str(records), source, "--wide"], check=True)
    if not export.exists():
        connection = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "spill")})
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.execute(
            f"""COPY (SELECT row_number() OVER () AS id, '2026-11-22T10:00:00.123456Z' AS created, value,
            {zulu("expirydate")} AS expirydate, {zulu("startdate")} AS startdate,
            coalesce(nullif(attributes, ''), '{{}}') AS attributes, 1 AS applicationid, '' AS deleted, 7 AS importid,
            recipientintegrationid, coalesce(nullif(limitval, ''), '1') AS limitval, 0 AS counter,
            discountlimit AS discount_limitval
            FROM read_csv('{source}', all_varchar=true, quote='"', escape='"', parallel=false)
            ORDER BY hash(value)) TO '{export}' (HEADER)"""
        )
    return source, export


def zulu(column: str) -> str:
    moment = f"try_cast({column} AS TIMESTAMPTZ)"
    return f"coalesce(strftime({moment}, '%Y-%m-%dT%H:%M:%SZ'), '')"


def by_hand(source: Path, export: Path, folder: Path) -> str:
    """Compare all columns by one full join, instants, decimals and JSON normalised as DuckDB can."""
    connection = duckdb.connect(config={"memory_limit": "400MB", "temp_directory": str(folder / "spill"), "threads": 2})
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET preserve_insertion_order = false")

    def side(path: Path, limit: str) -> str:
        return f"""(SELECT value, {zulu("expirydate")} AS e, {zulu("startdate")} AS s, recipientintegrationid AS r,
            coalesce(try_cast(limitval AS INTEGER), 1) AS l, coalesce(try_cast({limit} AS DECIMAL(38, 6)), 0) AS d,
            coalesce(nullif(replace(replace(attributes, ' ', ''), chr(10), ''), ''), '{{}}') AS a
            FROM read_csv('{path}', all_varchar=true, quote='"', escape='"'))"""

    different = " OR ".join(f"x.{c} IS DISTINCT FROM y.{c}" for c in "esrlda")
    row = connection.execute(
        f"""SELECT count(*) FILTER (WHERE y.value IS NULL), count(*) FILTER (WHERE x.value IS NULL),
        count(*) FILTER (WHERE x.value IS NOT NULL AND y.value IS NOT NULL AND ({different}))
        FROM {side(source, "discountlimit")} x FULL JOIN {side(export, "discount_limitval")} y ON x.value = y.value"""
    ).fetchone()
    return f"missing, extra, different: {row}"


def by_bulkops(source: Path, export: Path, folder: Path) -> str:
    from bulkops.reconciling.run import EvidenceSource, reconcile
    from bulkops_validators import CONTRACTS

    result = reconcile(CONTRACTS["coupons"], source, EvidenceSource(export=export), output=folder / "differences")
    return f"{result.verdict}: {result.reason}"


def csv_diff(source: Path, export: Path, folder: Path) -> dict[str, object]:
    """Run csv-diff in an environment of its own: it brings a package called `tests`, which would hide ours."""
    python = python_with("csv-diff", folder)
    if python is None:
        return {"name": "csv-diff", "failed": "it cannot be installed"}
    return run_child("csv-diff", [python, "-c", CSV_DIFF, str(source), str(export)])


def measure(name: str, source: Path, export: Path, folder: Path) -> dict[str, object]:
    """Run one contender in a child process."""
    return run_child(name, [sys.executable, __file__, "--child", name, str(source), str(export), "--work", str(folder)])


def run_child(name: str, command: list[str]) -> dict[str, object]:
    """Return the JSON document of a child process, or the reason of its failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        return {"name": name, "failed": done.stderr.strip().splitlines()[-1]}
    return dict(json.loads(done.stdout))


def pair(records: int, folder: Path) -> tuple[Path, Path]:
    """Return a file and its export. A child has its parent's peak memory, so they are made in another process."""
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(make, records, folder).result()


def child(name: str, source: Path, export: Path, folder: Path) -> None:
    start = time.monotonic()
    found = {"bulkops": by_bulkops, "duckdb": by_hand}[name](source, export, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        json.dumps({"name": name, "seconds": round(time.monotonic() - start, 1), "peak_mb": round(peak), "said": found})
    )


def show(one: dict[str, object], other: dict[str, object]) -> None:
    """Print what two contenders took, and the ratio."""
    for found in (one, other):
        print(json.dumps(found), flush=True)
    if "seconds" in one and "seconds" in other:
        print(f"  bulkops takes {float(str(one['seconds'])) / float(str(other['seconds'])):.3f} x the time", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rest", nargs="*", default=["1000000"])
    parser.add_argument("--child")
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "data")
    parser.add_argument("--with-csv-diff", type=int, metavar="RECORDS")
    arguments = parser.parse_args()
    work = arguments.work
    if arguments.child:
        child(arguments.child, Path(arguments.rest[0]), Path(arguments.rest[1]), work)
        return
    files = pair(int(arguments.rest[0]), work)
    show(measure("bulkops", *files, work), measure("duckdb", *files, work))
    if arguments.with_csv_diff:
        files = pair(arguments.with_csv_diff, work)
        show(measure("bulkops", *files, work), csv_diff(*files, work))


if __name__ == "__main__":
    main()
