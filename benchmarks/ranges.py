"""How long it takes to divide a large file into ranges.

    python benchmarks/ranges.py                 # 5 GB in 100 ranges
    python benchmarks/ranges.py --bytes 1000000000

The file repeats records with JSON, and with texts over several lines that look like records. The ranges are checked:
each must begin where a record begins.
"""

import argparse
import tempfile
import textwrap
import time
from pathlib import Path

from bulkops.reading.ranges import range_starts

HEADER = b"value,note,attributes\n"
RECORDS = b"".join(
    b'CODE-%06d,"first line\nCODE-1,x,y\n%s","{""a"": ""b""}"\n' % (number, b"text, " * (number % 30))
    for number in range(20_000)
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=textwrap.dedent(__doc__ or ""), formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=5_000_000_000)
    parser.add_argument("--ranges", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the file is written; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "large.csv"
        with path.open("wb") as file:
            file.write(HEADER)
            for _ in range(given.bytes // len(RECORDS)):
                file.write(RECORDS)
        measure(path, given.ranges)


def measure(path: Path, ranges: int) -> None:
    """Divide a file, and print the seconds and whether each range begins with a record."""
    read = 0
    with path.open("rb", buffering=0) as file:

        def read_at(size: int, offset: int) -> bytes:
            nonlocal read
            read += size
            file.seek(offset)
            return file.read(size)

        size, start, used = path.stat().st_size, time.perf_counter(), time.process_time()
        starts = range_starts(read_at, first=len(HEADER), size=size, ranges=ranges, separator=ord(","), width=3)
        seconds, processor = time.perf_counter() - start, time.process_time() - used
    begins = {at for at in range(len(RECORDS)) if RECORDS.startswith(b"CODE-0", at) and RECORDS[at - 1 : at] == b"\n"}
    right = sum((start - len(HEADER)) % len(RECORDS) in {0, *begins} for start in starts)
    print(
        f"{size / 1e9:.1f} GB in {len(starts)} ranges: {seconds:.2f} s, {processor:.2f} s of the processor, "
        f"{read / 1e6:.1f} MB read; {right} begin with a record"
    )


if __name__ == "__main__":
    main()
