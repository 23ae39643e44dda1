"""How fast `bulkops map` is, beside the same SELECT in DuckDB from CSV to CSV.

    python benchmarks/map.py                     # 4,000,000 legacy coupons, ten expressions
    python benchmarks/map.py --records 200000    # a quick look

bulkops checks the structure of every record, keeps the origin of every row and computes the SHA-256 of both files.
Every measurement is a separate process, in turns; the best of several rounds counts.
"""

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path

import duckdb
from validate import in_turns, show  # type: ignore[import-not-found,unused-ignore] # it lies beside this script

COLUMNS = {
    "value": 'upper(trim("Discount Code"))',
    "startdate": "strftime(strptime(Starts, '%d.%m.%Y'), '%Y-%m-%dT00:00:00Z')",
    "expirydate": "strftime(strptime(Ends, '%d.%m.%Y'), '%Y-%m-%dT23:59:59Z')",
    "limitval": '"Usage limit"::INTEGER + 1',
    "discountlimit": "replace(Amount, ',', '.')::DECIMAL(12, 2)",
    "recipientintegrationid": "lower(trim(Email))",
    "attributes": (
        "json_object('category', upper(Season), 'vip', Active = 'yes', 'source_system', trim(Note), "
        "'priority', length(Note))"
    ),
}
"""Ten expressions: seven columns, the last with four values."""
SELECT = ", ".join(f"{sql} AS {name}" for name, sql in COLUMNS.items())

ROUND = "round-of-the-measurement"
"""Placeholder for the folder of a round: a mapped file that is complete would be used again."""

PLAIN = f"""
import sys, duckdb
with duckdb.connect(config={{"threads": 2, "memory_limit": "800MB"}}) as db:
    db.execute('''COPY (SELECT {SELECT} FROM read_csv('{{}}', all_varchar = true, header = true, delim = ';'))
                  TO '{{}}' (FORMAT csv, HEADER)'''.format(*sys.argv[1:]))
"""


def make(path: Path, records: int) -> None:
    """Write the legacy file: semicolons, German dates, decimal commas."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "800MB"}) as db:
        db.execute(
            f"""COPY (SELECT 'code-' || lpad(i::VARCHAR, 9, '0') AS "Discount Code",
                strftime(DATE '2026-01-01' + (i % 300)::INT, '%d.%m.%Y') AS Starts,
                strftime(DATE '2028-01-01' + (i % 700)::INT, '%d.%m.%Y') AS Ends,
                (i % 5)::VARCHAR AS "Usage limit",
                replace(((i % 10000) / 100.0)::DECIMAL(10, 2)::VARCHAR, '.', ',') AS Amount,
                ' Customer' || (i % 100000) || '@Example.com ' AS Email,
                ['spring', 'summer', 'autumn', 'winter'][i % 4 + 1] AS Season,
                CASE i % 2 WHEN 0 THEN 'yes' ELSE 'no' END AS Active, 'note, ' || i AS Note
                FROM range({records}) t(i)) TO '{path}' (HEADER, DELIMITER ';')"""
        )


def recipe(folder: Path, source: Path) -> Path:
    """Write the recipe with the same expressions."""
    path = folder / "map.yaml"
    columns = "\n".join(f"      {name}: >-\n        {sql}" for name, sql in COLUMNS.items())
    path.write_text(
        f"name: map\nsteps:\n  - contract: coupons\n    source: {source}\n    columns:\n{columns}\n"
        "    ids: {application: 1, campaign: 1}\n"
    )
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, plain = folder / "legacy.csv", folder / "plain.csv"
        make(source, given.records)
        ours = [sys.executable, "-m", "bulkops", "-q", "map", str(recipe(folder, source)), "--json"]
        commands = [[sys.executable, "-c", PLAIN, str(source), str(plain)], [*ours, "--into", str(folder / ROUND)]]
        rounds = []
        for number in range(given.runs):
            named = [[word.replace(ROUND, f"round-{number}") for word in command] for command in commands]
            rounds.append(in_turns(named, rounds=1))
        select, mapped = (min(each, key=lambda figure: figure.seconds) for each in zip(*rounds, strict=True))
        same = plain.read_bytes() == (folder / "round-0" / "01-coupons.csv").read_bytes()
    show("DuckDB: the same SELECT, CSV to CSV", select, given.records)
    show("bulkops map, with origins", mapped, given.records)
    print(f"  {mapped.seconds / select.seconds:.2f} x the time")
    print(f"  {mapped.processor / select.processor:.2f} x the processor time; the same bytes: {same}")


if __name__ == "__main__":
    main()
