"""A mapping gives the same files on one machine and in ranges, whatever the source is and wherever it is divided."""

import csv
import gzip
import json
import tempfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkops.errors import BulkopsError
from bulkops.mapping.mapped import MappedFile, map_step, workspace
from bulkops.mapping.on_cluster import map_step_on_cluster
from bulkops.mapping.range_mapping import map_range
from bulkops.origins import origins_path
from bulkops.recipe import Step
from bulkops.sources import delimited, parquet
from bulkops.sources.ranges import CsvReader
from bulkops.validation import on_cluster
from tests.cluster.test_ranges import InOrder

seeds = st.integers(0, 2**32)
MALFORMED = 19
"""Seed of a source with a malformed record."""
COLUMNS = {"value": "a", "attributes": "json_object('b', kinds(b))", "limitval": "nullif(length(c), 0)"}
LOOKUP = {"values": {"x": "big", "é": "small"}, "missing": "keep"}


class Counting(InOrder):
    """A cluster in this process that counts the mapped ranges."""

    mapped = 0

    def submit(self, _name: str, function: Any, *arguments: Any, **more: bool) -> Any:
        self.mapped += function is map_range
        return super().submit(_name, function, *arguments, **more)

    def cancel(self) -> None: ...


Outcome = MappedFile | tuple[type[BulkopsError], str, str | None]


def outcome(folder: Path, map_it: Callable[[], MappedFile]) -> tuple[Outcome, Mapping[str, bytes]]:
    """Return the result or the error of a mapping, and all files of the folder, which are removed."""
    found: Outcome
    try:
        found = map_it()
    except BulkopsError as error:
        found = type(error), error.message, error.hint
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    return found, files


def on_both(folder: Path, **keys: Any) -> tuple[Outcome, int]:
    """Return the outcome of a mapping on one machine, which must be that of ranges, and the number of ranges."""
    step = Step.model_validate({"contract": "coupons", "unused": ["*"], **keys})
    counting = Counting()
    cluster: Any = counting
    into = folder / "into"
    into.mkdir(exist_ok=True)
    with workspace(folder / "state" / "work") as space:
        here = outcome(into, lambda: map_step(step, into / "out.csv", space))
    with workspace(folder / "state" / "work") as space:
        there = outcome(into, lambda: map_step_on_cluster(step, into / "out.csv", space, cluster))
    assert there == here
    assert not here[1] or here[1].keys() == {"out.csv", origins_path(Path("out.csv")).name}
    return here[0], counting.mapped


def rows_of(random: Random) -> list[tuple[str, str, str]]:
    cells = [
        "",
        "x",
        "é",
        "1.50",
        "a,b",
        "two\nlines",
        '"',
        " ",
        "\ufeff",
        "long" * random.choice((1, 30)),
        "{",
        "\r\n",
    ]
    count = random.choice((1, 9, 30, 90))
    return [(random.choice(cells[1:]), random.choice(cells), random.choice(cells)) for _ in range(count)]


def csv_of(random: Random, rows: list[tuple[str, str, str]]) -> bytes:
    """Return rows as CSV; some files have a title, blank lines, or a malformed record."""
    separator, end = random.choice(",;\t"), random.choice(("\n", "\r\n"))
    quote_all = random.random() < 0.3

    def cell(text: str) -> str:
        quoted = quote_all or any(each in text for each in f'{separator}"\r\n')
        return '"{}"'.format(text.replace('"', '""')) if quoted else text

    lines = [separator.join("abc"), *(separator.join(map(cell, row)) for row in rows)]
    if random.random() < 0.2:
        lines.insert(random.randint(1, len(lines)), random.choice(("", "", " ", '"open', "x" + separator)))
    title = random.choice(("", "", "A title" + end + end))
    mark = random.choice(("", "", "\ufeff"))
    return (mark + title + end.join(lines) + random.choice(("", end, end, end * 3))).encode()


def json_of(random: Random, rows: list[tuple[str, str, str]]) -> bytes:
    lines = []
    for row in rows:
        record: dict[str, Any] = dict(zip("abc", row, strict=True))
        if random.random() < 0.1:
            record["more"] = {"deep": [1.50, None]}
        lines.append(json.dumps(record, ensure_ascii=random.random() < 0.5))
    if random.random() < 0.2:
        lines.insert(random.randint(0, len(lines)), random.choice(("", " ", "\r", "{", "[]", '{"a": "\\ud800"}')))
    mark = random.choice(("", "\ufeff"))
    return (mark + "\n".join(lines) + random.choice(("", "\n", "\n\n"))).encode()


def source_of(random: Random, folder: Path) -> dict[str, Any]:
    """Write one file or several, and return the source."""
    kind = random.choice(("csv", "csv", "jsonl", "parquet", "gz"))
    several = random.choice((1, 1, 3))
    for number in range(several):
        rows = rows_of(random)
        path = folder / f"part-{number}.{kind if kind != 'gz' else 'csv.gz'}"
        if kind == "parquet":
            frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
            frame.write_parquet(path, row_group_size=random.choice((7, 1000)))
        elif kind == "jsonl":
            path.write_bytes(json_of(random, rows))
        else:
            data = csv_of(random, rows)
            path.write_bytes(gzip.compress(data) if kind == "gz" else data)
    return {"file": folder / f"part-*.{kind if kind != 'gz' else 'csv.gz'}"}


def check_any(files: Random, sizes: Random) -> tuple[bool, bool]:
    """Map any source in ranges of any size; return whether it was divided, and whether it was mapped at all."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        source = source_of(files, folder)
        lookups = {"kinds": {**LOOKUP, "missing": sizes.choice(("keep", "keep", "blank", "error"))}}
        columns = COLUMNS if sizes.random() < 0.7 else {**COLUMNS, "attributes": "b"}
        where = sizes.choice(({}, {"where": "c IS NOT NULL OR a = 'x'"}))
        size = sum(path.stat().st_size for path in folder.iterdir())
        patch.setattr(on_cluster, "_LEAST_BYTES", size // sizes.choice((2, 3, 6)) + 1)
        patch.setattr(delimited, "BLOCK_BYTES", sizes.choice((30, 300, 1 << 24)))
        patch.setattr(parquet, "BATCH", sizes.choice((5, 1000)))
        found, mapped = on_both(folder, source=source, columns=columns, lookups=lookups, **where)
        return mapped > 1, isinstance(found, MappedFile)


def test_ranges_of_any_source_give_the_files_and_messages_of_one_machine() -> None:
    divided: list[bool] = []

    @settings(deadline=None, max_examples=14, suppress_health_check=list(HealthCheck))
    @given(seeds, seeds)
    def check(files: int, sizes: int) -> None:
        several, good = check_any(Random(files), Random(sizes))
        divided.extend([good] * several)

    check()
    assert divided.count(True) > 2
    assert check_any(Random(MALFORMED), Random(0)) == (True, False)


OWNERS = "id,mail\nx,a@b.c\n"


@pytest.mark.parametrize(
    "keys",
    [
        {"columns": {"value": "a"}, "unnest": {"one": "split_list(b)"}},
        {"columns": {"value": "string_agg(a, '+' ORDER BY a)"}, "group": "b"},
        {"columns": {"value": "a || row_number() OVER ()"}},
        {"columns": {"value": "a || lag(b) OVER ()"}},
        {"columns": {"value": "a || source._row"}},
        {"columns": {"value": "_line"}},
        {"columns": {"value": "json_extract_string(to_json(source), '$._row')"}},
        {"columns": {"value": "a", "limitval": "date_part('year', age(iso_instant('2020-01-01')::TIMESTAMP))"}},
        {"columns": {"value": "a", "attributes": "getvariable('x')"}},
        {"columns": {"value": "a || txid_current()"}},
        {"columns": {"value": "a", "recipientintegrationid": "owners.mail"}, "joins": "owners"},
    ],
    ids=lambda keys: str(keys)[:60],
)
def test_step_with_records_that_depend_on_other_rows_is_not_divided(
    keys: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 100)
    (tmp_path / "owners.csv").write_text(OWNERS)
    if "joins" in keys:
        keys = {**keys, "joins": {"owners": {"source": tmp_path / "owners.csv", "match": "owners.id = source.b"}}}
    (tmp_path / "s.csv").write_text("a,b\n" + "".join(f"C-{number},x\n" for number in range(90)))
    found, mapped = on_both(tmp_path, source=tmp_path / "s.csv", **keys)
    assert isinstance(found, MappedFile), found
    assert mapped == 0


def test_long_cells_are_read_in_a_process_that_read_no_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 100_000)
    lines = (f'{number},"{"long " * 40_000}"\n' for number in range(6))
    (tmp_path / "s.csv").write_text("a,b, c\n" + "".join(lines).replace("\n", ",\n"))
    reader = CsvReader.frames

    def elsewhere(*arguments: Any) -> Any:
        csv.field_size_limit(131_072)
        return reader(*arguments)

    monkeypatch.setattr(CsvReader, "frames", elsewhere)
    monkeypatch.setattr(delimited, "_fast", lambda *_: None)
    found, mapped = on_both(tmp_path, source=tmp_path / "s.csv", columns={"value": "a", "attributes": "b"})
    assert isinstance(found, MappedFile), found
    assert (found.records, mapped > 1) == (6, True)


@pytest.mark.parametrize(
    "keys",
    [
        {"columns": {"value": "'x'::INT"}},
        {"columns": {"value": "error('no: ' || a)"}, "where": "a = '89'"},
        {"columns": {"value": "missing"}},
        {"columns": {"value": "t(a)"}, "lookups": {"t": {"values": {"1": "x"}}}},
        {"columns": {"value": "a"}, "unused": ["none"]},
    ],
    ids=lambda keys: str(keys)[:60],
)
def test_error_of_a_mapping_is_reported_as_on_one_machine(
    keys: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 200)
    (tmp_path / "s.csv").write_text('a,"b, c"\n' + "".join(f"{number},x\n" for number in range(90)))
    found, _ = on_both(tmp_path, source=tmp_path / "s.csv", **keys)
    assert not isinstance(found, MappedFile)


def test_column_names_with_commas_and_quotes_are_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 200)
    (tmp_path / "s.csv").write_text('"a, b","c ""d"""\n' + "".join(f"{number},x\n" for number in range(90)))
    found, mapped = on_both(tmp_path, source=tmp_path / "s.csv", columns={"value": '"a, b" || "c ""d"""'})
    assert isinstance(found, MappedFile), found
    assert mapped > 1


def test_mapped_columns_and_totals_of_points_are_identical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_cluster, "_LEAST_BYTES", 900)
    lines = (f"p-{number % 7},{number}.{number % 100:02},{'EUR' if number % 3 else ''}\n" for number in range(300))
    (tmp_path / "s.csv").write_text("who,points,sub\n" + "".join(lines))
    total = sum(Decimal(f"{number}.{number % 100:02}") for number in range(300))
    keys: dict[str, Any] = {
        "contract": "loyalty-points",
        "columns": {"customerprofileid": "who", "amount": "points", "subledgerid": "sub"},
        "source": tmp_path / "s.csv",
        "expect": {"rows": 300, "sum(amount)": str(total)},
    }
    found, mapped = on_both(tmp_path, **keys)
    assert isinstance(found, MappedFile), found
    assert (len(found.sums), len(found.controls), mapped > 1) == (2, 2, True)
    assert all(control.agrees for control in found.controls)
