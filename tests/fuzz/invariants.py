"""Invariants of every file, whatever its bytes: each function returns the invariants that a file breaks."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from click import ClickException
from click.testing import CliRunner

from bulkops.chunking.limits import ChunkLimits
from bulkops.chunking.plan import plan_file
from bulkops.cli.main import cli
from bulkops.errors import BulkopsError
from bulkops.fixing.catalogue import REPAIRS, RepairKind
from bulkops.fixing.options import FixOptions
from bulkops.fixing.run import fix_file
from bulkops.fixing.writer import Change
from bulkops.limits import TooLarge
from bulkops.reading.blocks import ContentReader, blocks
from bulkops.reading.records.layout import Block, lay_out
from bulkops.reading.sources import Source
from bulkops.validation.checks.encoding import is_utf8
from bulkops.validation.engine import validate_files
from bulkops.validation.findings import FileReport, Finding
from bulkops.validation.settings import ValidationSettings
from bulkops_validators.model.contract import Contract
from bulkops_validators.model.rules import Severity
from tests.fuzz.inputs import FuzzedFile

_OF_STRUCTURE = ("FIL", "STR", "HDR")
_NEW_QUOTES = frozenset({"FIL108", "STR104", "STR105", "STR106", "STR107", "STR116"})
"""Repairs that may divide a record or join several."""
_OF_BYTES = frozenset({"FIL102", "FIL104", "FIL106", "FIL107"})
_OF_WHOLE_FILES = frozenset({"XLS103", "XLS115", "STR110", "STR118", "VAL115", "DAT110"})
"""Rules about the whole file, or about a value compared with the other records or with its place at the end."""
_FEED, _RETURN_OR_FEED = re.compile(rb"\n"), re.compile(rb"\n|\r(?!\n)")


@dataclass(frozen=True)
class Broken:
    """An invariant that a file breaks, and the facts that show it."""

    invariant: str
    facts: str


# One record of a layout: its start, end, number and cells, and the rule and the place of its defect.
Row = tuple[int, int, int, int, str, int]


def source_of(data: bytes, name: str = "memory.csv") -> Source:
    """Return a source that reads from memory."""
    return Source(name, lambda: io.BytesIO(data))


def rows_of(data: bytes, *, separator: int, width: int, size: int, until: int | None = None) -> list[Row]:
    """Return the layout of all records of data that begins with a record, read in blocks of about `size` bytes.

    With `until`, the records of a range of the data.
    """
    rows: list[Row] = []
    offset = number = 0
    for block in blocks(ContentReader(io.BytesIO(data)), separator=separator, width=width, size=size, until=until):
        rows += _rows(block, width, offset, number)
        number = max((row[2] + 1 for row in rows if row[2] >= 0), default=0)
        offset += len(block.data)
    return rows


def _rows(block: Block, width: int, offset: int, number: int) -> Iterator[Row]:
    block, laid = lay_out(block, width)
    defects = {piece.start: (piece.code, piece.at + offset) for piece in block.malformed}
    columns = (laid.starts, laid.ends, laid.numbers, laid.fields)
    for start, end, own, fields in zip(*(column.tolist() for column in columns), strict=True):
        code, at = defects.get(start, ("", -1))
        yield start + offset, end + offset, own if own < 0 else own + number, fields, code, at


def structure(file: FuzzedFile, random: Random) -> Iterator[Broken]:
    """Check that the records are those of the file however it is cut, and that each can be read from its own start."""
    body, width = file.data[file.data.find(b"\n") + 1 :], len(file.contract.columns)
    form = {"separator": ord(","), "width": random.choice((1, 2, width))}
    whole = rows_of(body, size=1 << 24, **form)
    spans = [row[:2] for row in whole]
    if [start for start, _ in spans] != [0, *(end for _, end in spans)][: len(spans)] or (
        body and spans[-1][1] != len(body)
    ):
        yield Broken("the records are all bytes of the file, in order", repr(spans))
    if any(body[end - 1 : end] != b"\n" for _, end in spans[:-1]):
        yield Broken("each record but the last ends with a line feed", repr(spans))
    # A block of the whole body shows nothing new.
    size = random.randint(1, max(1, min(random.choice((16, 60, 200)), len(body) - 1)))
    if (rows := rows_of(body, size=size, **form)) != whole:
        yield Broken("the size of blocks changes no record", f"size {size}: {rows} != {whole}")
    if whole:
        index = random.randrange(min(1, len(whole) - 1), len(whole))
        start, number = whole[index][0], max((row[2] + 1 for row in whole[:index]), default=0)
        rest = [
            (a + start, b + start, n if n < 0 else n + number, f, code, at if at < 0 else at + start)
            for a, b, n, f, code, at in rows_of(body[start:], size=1 << 24, **form)
        ]
        if rest != whole[index:]:
            yield Broken("a record depends on no byte before it", f"from {start}: {rest} != {whole[index:]}")


def judged(contract: Contract, data: bytes, **chosen: object) -> FileReport:
    """Return the report of one file, with every finding listed unless `chosen` says otherwise."""
    settings = ValidationSettings(**{"max_findings": 10_000, "threads": 1, **chosen})  # type: ignore[arg-type] # by name
    return validate_files(contract, [source_of(data)], settings=settings).files[0]


def validation(file: FuzzedFile, random: Random) -> Iterator[Broken]:
    """Check a report: its sums, its locations, and that block size, threads and parts of the file change nothing."""
    report = judged(file.contract, file.data)
    if report.errors + report.warnings != sum(report.counts.values()):
        yield Broken("errors and warnings are the sum of the counts", f"{report.counts}")
    size, threads = random.choice((8, 16, 40, 100, 1000)), random.choice((1, 3))
    other = judged(file.contract, file.data, block_bytes=size, threads=threads)
    if _facts(report) != _facts(other):
        yield Broken("block size and threads change nothing", f"{size}, {threads}: {_difference(report, other)}")
    masked = judged(file.contract, file.data, mask=True)
    if masked.counts != report.counts:
        yield Broken("--mask changes no count", f"{masked.counts} != {report.counts}")
    for finding in report.findings:
        yield from _location(file, report, finding)


def _facts(report: FileReport) -> tuple[object, ...]:
    return report.records, report.counts, report.unreadable, [finding.to_json() for finding in report.findings]


def _difference(one: FileReport, other: FileReport) -> str:
    left, right = ({repr(finding) for finding in report.findings} for report in (one, other))
    return f"{one.records}/{other.records} {one.counts}/{other.counts} {left - right} / {right - left}"


def _location(file: FuzzedFile, report: FileReport, finding: Finding) -> Iterator[Broken]:
    """Check the line and the bytes of a finding against the file itself."""
    if finding.record is not None and not 1 <= finding.record <= report.records:
        yield Broken("the record of a finding exists", repr(finding))
    if finding.byte is None or finding.line is None:
        return
    if not 0 <= finding.byte <= len(file.data):
        yield Broken("the byte of a finding exists", repr(finding))
    returns = any(other.message == "carriage returns alone end the lines" for other in report.findings)
    line = len((_RETURN_OR_FEED if returns else _FEED).findall(file.data, 0, finding.byte)) + 1
    if finding.line > line:
        yield Broken("the line of a finding is not behind its byte", f"{line}: {finding!r}")
    if finding.record is None and finding.column is None and finding.line != line:
        yield Broken("the line of a finding is that of its byte", f"{line}: {finding!r}")
    if finding.column is None or not finding.value or finding.record is None or len(finding.value) > 400:
        return
    # Rules of structure point at the defect itself, rules across columns name several cells in their value.
    if returns or not is_utf8(file.data) or finding.code.startswith((*_OF_STRUCTURE, "XCL", "UNQ")):
        return
    here, value = file.data[finding.byte :], finding.value.encode()
    if not here.startswith((value, b'"' + value, b'"' + value.replace(b'"', b'""') + b'"')):
        yield Broken("the bytes at a finding are its value", f"{here[:40]!r}: {finding!r}")


def fixed(contract: Contract, data: bytes, options: FixOptions) -> tuple[bytes, list[Change]]:
    """Return the repaired copy of a file and the changes."""
    out, changes = io.BytesIO(), list[Change]()
    fix_file(contract, source_of(data), out, options=options, log=changes.append)
    return out.getvalue(), changes


def some_options(random: Random) -> FixOptions:
    """Return options of a repair."""
    zone = random.choice((None, ZoneInfo("Europe/Berlin")))
    decided = (None, None, True, False)
    return FixOptions(
        unsafe=random.random() < 0.4, zone=zone, day_first=random.choice(decided), end_of_day=random.choice(decided)
    )


def repair(file: FuzzedFile, random: Random) -> Iterator[Broken]:
    """Check a repair: it is complete after one run, adds no error, and lists exactly its changes."""
    contract, options = file.contract, some_options(random)
    before = judged(contract, file.data)
    if {"HDR107", "FIL101", "FIL111"} & set(before.counts) or before.unreadable:
        return
    try:
        once, changes = fixed(contract, file.data, options)
    except BulkopsError:
        return
    shown = f"{options} {once!r}"
    if not changes and once != file.data:
        yield Broken("a repair lists what it changes", shown)
    if any(change.before == change.after for change in changes):
        yield Broken("each listed change changes something", f"{shown} {changes}")
    allowed = [REPAIRS[change.code] for change in changes]
    if not options.unsafe and any(kinds == {RepairKind.UNSAFE} for kinds in allowed):
        yield Broken("without --unsafe no unsafe repair is made", f"{shown} {changes}")
    twice, more = fixed(contract, once, options)
    if (twice, more) != (once, []):
        yield Broken("repairing twice changes nothing more", f"{shown} {twice!r} {more}")
    after = judged(contract, once)
    yield from _no_worse(before, after, changes, options, shown)


def _no_worse(
    before: FileReport, after: FileReport, changes: list[Change], options: FixOptions, shown: str
) -> Iterator[Broken]:
    removed = [change for change in changes if change.record is not None and change.column is None and not change.after]
    if not {change.code for change in changes} & _NEW_QUOTES and after.records != before.records - len(removed):
        yield Broken("no record comes or goes unlisted", f"{before.records} -> {after.records} {removed} {shown}")
    # With commas, or fewer columns, a record with wrong quotes may have other cells, so more cells have wrong bytes. So
    # may the records into which lone carriage returns divide one.
    divided = {"HDR104", "HDR108"} & set(before.counts) or "FIL108" in {change.code for change in changes}
    # Carriage returns that a record with wrong quotes hid may be errors of their own.
    counts = [
        sum(count for code, count in _structural(report).items() if not (divided and code in left_out))
        for report, left_out in ((before, _OF_BYTES), (after, _OF_BYTES | {"FIL108"}))
    ]
    if counts[1] > counts[0]:
        yield Broken("a repair adds no error of structure", f"{before.counts} {after.counts} {shown}")
    if not before.errors and after.errors:
        yield Broken("a file without errors gets none", f"{after.counts} {shown}")
    if not _structural(before) and not options.unsafe and after.errors > before.errors:
        yield Broken("safe repairs of readable records leave no more errors", f"{before.counts} {after.counts} {shown}")


def _structural(report: FileReport) -> dict[str, int]:
    found = {
        code: count for code, count in report.counts.items() if code.startswith(_OF_STRUCTURE) and code != "STR110"
    }
    return {code: count for code, count in found.items() if report.severities[code] is Severity.ERROR}


def chunks(file: FuzzedFile, random: Random) -> Iterator[Broken]:
    """Check that the chunks of a plan are the bytes of the file, and have its records and findings."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(file.data)
        try:
            plan = plan_file(path, ChunkLimits(max_records=random.randint(1, 5), max_bytes=1 << 20, whole=False))
        except BulkopsError:
            return
    header, spans = file.data[: plan.header_end], [(chunk.start, chunk.end) for chunk in plan.chunks]
    if header + b"".join(file.data[start:end] for start, end in spans) != file.data and spans:
        yield Broken("the chunks of a file are its bytes", repr(spans))
    if plan.records != sum(chunk.records for chunk in plan.chunks):
        yield Broken("the records of the chunks are those of the file", repr(plan.chunks))
    whole = judged(file.contract, file.data)
    if whole.errors or whole.unreadable or not spans:
        return
    # Only a file without errors is sent.
    parts = [judged(file.contract, header + file.data[start:end]) for start, end in spans]
    if whole.records != plan.records or [part.records for part in parts] != [chunk.records for chunk in plan.chunks]:
        yield Broken("plan and report count the same records", f"{whole.records} {plan.records} {spans}")
    found = [code for part in parts for code in part.counts if part.severities[code] is Severity.ERROR]
    if not _OF_WHOLE_FILES.issuperset(found):
        yield Broken("the chunks of a file without errors have none", f"{[part.counts for part in parts]}")


def commands(file: FuzzedFile, random: Random) -> Iterator[Broken]:
    """Check that commands end with a documented exit code, and say where a problem is."""
    name, unsafe = file.contract.name, random.choice(([], ["--unsafe"]))
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "f.csv", Path(folder) / "out.csv"
        path.write_bytes(file.data)
        for words in (
            ["validate", name, str(path), *random.choice(([], ["--json"], ["--format", "sarif"], ["--statistics"]))],
            ["fix", name, str(path), "-o", str(out), *unsafe],
            ["plan", name, str(path)],
            ["reconcile", name, str(path), "--export", str(out if random.random() < 0.5 else path)],
        ):
            result = CliRunner().invoke(cli, words, standalone_mode=False)
            code = result.return_value
            if isinstance(result.exception, BulkopsError):
                code = result.exception.exit_code
            elif isinstance(result.exception, ClickException):
                code = 2
            elif result.exception is not None:
                yield Broken("no input ends in a traceback", f"{words[0]}: {result.exception!r}")
                continue
            if code not in (None, 0, 1, 2) or "Traceback" in result.output:
                yield Broken("commands end with exit code 0, 1 or 2", f"{words}: {code}")


Check = Callable[[FuzzedFile, Random], Iterator[Broken]]


def broken(check: Check, file: FuzzedFile, random: Random) -> list[Broken]:
    """Return the invariants that a file breaks; any exception that no message covers is one of them."""
    try:
        return [*check(file, random)]
    except TooLarge:
        return []
    except Exception as error:  # noqa: BLE001 - the invariant is that there is none
        return [Broken("no input ends in a traceback", f"{type(error).__name__}: {error}")]
